"""Leases: the policy a plan needs, the credentials that carry it, and the clocks they run under."""
