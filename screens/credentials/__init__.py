"""The leases of a case."""
