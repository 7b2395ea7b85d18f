"""The custody record: one event, and the verification of all."""
