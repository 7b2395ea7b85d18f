"""The calls of a plan, one module for each kind: how it is sent, and how it is seen that it has happened."""
