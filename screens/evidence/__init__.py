"""Sealed evidence: the items, their digests and coverage, and checking them again."""
