"""What belongs together in the inventory: the disks of an instance, the instance of a disk."""

from __future__ import annotations

import sqlite3

from app.case.inventory_rows import owner_of


def related(db: sqlite3.Connection, target: str) -> frozenset[str]:
    """The ids that belong to ``cloud:account:id``, itself included; none for anything else."""
    parts = target.split(":", 2)
    if len(parts) != 3:
        return frozenset()
    cloud, account, ident = parts
    owner = owner_of(cloud, account)
    disks = db.execute(
        "SELECT r.id FROM listing l JOIN resource r ON r.row = l.row WHERE l.owner = ? AND l.holder = ?",
        (owner, ident),
    )
    holders = db.execute(
        "SELECT l.holder FROM listing l JOIN resource r ON r.row = l.row "
        "WHERE l.owner = ? AND r.cloud = ? AND r.account = ? AND r.id = ? AND l.holder IS NOT NULL",
        (owner, cloud, account, ident),
    )
    return frozenset({ident, *(str(row[0]) for row in disks), *(str(row[0]) for row in holders)})
