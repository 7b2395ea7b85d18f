"""Ids that count: A-0001 for acquisitions, G-0001 for runs of a playbook."""

from __future__ import annotations


def number(ident: str) -> int:
    """The number in an id, 0 if there is none."""
    digits = ident.partition("-")[2]
    return int(digits) if digits.isascii() and digits.isdigit() and len(digits) < 12 else 0
