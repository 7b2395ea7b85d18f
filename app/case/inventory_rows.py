"""Resources as rows of the read model: what they are found, ordered and filtered by.

``resource`` holds the bodies, ``listing`` beside it what lists need: ``place`` is the key of the reading order,
in which each instance is followed by its disks; ``parent`` the row of that instance, NULL unless the inventory has
it.
``owner`` is ``cloud:account``, ``holder`` the id of the instance that a volume is attached to. ``region``, ``id``,
``name``, ``state`` and ``words`` are lower-case and for looking in; ``name`` is what a person knows it by.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable

import msgspec

from app.model import Resource

SEP = "\x1f"
"""Between the parts of ``place``, ``name``, ``tags`` and ``words``; no part of ``place`` has it, or what sorts
before it."""
HIGHEST_ROW = 1 << 24
"""Row numbers go no higher; far above it a reader would need much memory for a few rows."""
_RANKS = {"instance": "0", "volume": "1", "snapshot": "2", "image": "3", "bucket": "4"}
_LONGEST = 200  # characters of a name that an order goes by
_BLANKS = dict.fromkeys(range(32), " ")
_ESCAPES = str.maketrans({"\x1d": "\x1d0", "\x1e": "\x1d1", SEP: "\x1d2"})


def owner_of(cloud: str, account: str) -> str:
    """The column ``owner``."""
    return f"{cloud}:{account}"


def owner_place(cloud: str, account: str) -> tuple[str, str]:
    """The places of an account's resources are from the first to below the second."""
    start = SEP.join(map(_part, (cloud, account)))
    return start + SEP, start + " "


def place_of(one: Resource) -> str:
    """Where it stands by itself: cloud, account, region, then by kind and name. A disk under its instance has the
    instance's place, its device and its id."""
    parts = (one.cloud, one.account, one.region, _RANKS.get(one.kind, "9"), one.name.lower()[:_LONGEST], one.id)
    return SEP.join(map(_part, parts))


def place_under(instance: str, device: str, disk: str) -> str:
    """The place of a disk under the instance that stands at ``instance``."""
    return SEP.join((instance, _part(device), _part(disk)))


def name_of(one: Resource) -> str:
    """The name a person knows it by, then the one it has, lower-case."""
    held = one.attached_to
    known = f"{held.name or held.id} {held.device}" if held and one.kind == "volume" else one.name or one.id
    return (known if one.name in (known, "") else f"{known}{SEP}{one.name}").lower()


def state_of(one: Resource) -> str:
    """Whether it may be acquired, and what the cloud says of it: ``eligible running``. The first word is
    ``untagged`` for what is :attr:`app.model.Resource.untagged`, and for nothing else."""
    may = "eligible" if one.eligible else "untagged locked not tagged" if one.untagged else "locked"
    return f"{may} {one.attributes.get('state', '')}".lower()


def tags_of(one: Resource) -> str:
    """Every tag between separators, key and value apart, so that one is found as :func:`tag_needle` says."""
    return "".join(f"{SEP}{_escape(key)}\x1e{_escape(value)}" for key, value in one.tags.items()) + SEP


def tag_needle(key: str, value: str | None) -> str:
    """What to look for in ``tags``: that key, with that value unless it is None."""
    start = f"{SEP}{_escape(key)}\x1e"
    return start if value is None else f"{start}{_escape(value)}{SEP}"


def words_of(one: Resource) -> str:
    """All that a word is looked for in, except the account's name, which is the account's. A NUL would end it for
    LIKE: it stands as a blank."""
    held = (one.attached_to.name, one.attached_to.device) if one.attached_to else ()
    kind = "volume disk" if one.kind == "volume" else one.kind
    tags = (f"{key}={value}" for key, value in one.tags.items())
    return (
        SEP.join((name_of(one), one.id, kind, one.account, one.region, *held, state_of(one), *tags))
        .lower()
        .replace("\0", " ")
    )


def write(db: sqlite3.Connection, scan: str, resources: Iterable[Resource]) -> bool:
    """Add or replace what a scan saw; whether anything differs from what was there. A resource keeps its row."""
    changed = False
    for one in resources:
        key = (one.cloud, one.account, one.region, one.kind, one.id)
        body = msgspec.json.encode(one).decode()
        found = db.execute(
            "SELECT row, body FROM resource WHERE (cloud, account, region, kind, id) = (?, ?, ?, ?, ?)", key
        ).fetchone()
        if found is None:
            row = _insert(db, None, scan, one, body)
        else:
            row = found[0]
            db.execute("UPDATE resource SET scan = ?, body = ? WHERE row = ?", (scan, body, row))
            if found[1] == body:
                continue
        changed = True
        _list(db, row, one)
    return changed


def put_back(db: sqlite3.Connection, row: int, scan: str, one: Resource) -> None:
    """Add a resource under the row that it had in another file; sqlite3.IntegrityError where one has it."""
    _list(db, _insert(db, row, scan, one, msgspec.json.encode(one).decode()), one)


def forget(db: sqlite3.Connection, cloud: str, account: str, region: str, keep_scan: str) -> bool:
    """Drop what the scan of that name did not see in this account and region; whether there was any."""
    gone = db.execute(
        "SELECT row, kind, id FROM resource WHERE (cloud, account, region) = (?, ?, ?) AND scan != ?",
        (cloud, account, region, keep_scan),
    ).fetchall()
    db.executemany("DELETE FROM listing WHERE row = ?", [(row,) for row, _, _ in gone])
    db.executemany("DELETE FROM resource WHERE row = ?", [(row,) for row, _, _ in gone])
    for _, kind, ident in gone:
        if kind == "instance":
            _move_disks(db, owner_of(cloud, account), region, ident, None, "")
    return bool(gone)


def _insert(db: sqlite3.Connection, row: int | None, scan: str, one: Resource, body: str) -> int:
    made = db.execute(
        "INSERT INTO resource (row, cloud, account, region, kind, id, scan, body) VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
        (row, one.cloud, one.account, one.region, one.kind, one.id, scan, body),
    )
    return int(made.lastrowid or 0)


def _list(db: sqlite3.Connection, row: int, one: Resource) -> None:
    owner, held = owner_of(one.cloud, one.account), one.attached_to if one.kind == "volume" else None
    place, parent = place_of(one), None
    if held is not None:
        found = db.execute(
            "SELECT l.row, l.place FROM resource r JOIN listing l ON l.row = r.row "
            "WHERE (r.cloud, r.account, r.region, r.kind, r.id) = (?, ?, ?, 'instance', ?)",
            (one.cloud, one.account, one.region, held.id),
        ).fetchone()
        if found is not None:
            parent, place = found[0], place_under(found[1], held.device, one.id)
    db.execute(
        "INSERT OR REPLACE INTO listing (row, place, parent, owner, region, kind, id, name, state, size, "
        "eligible, holder, device, tags, words) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (
            row,
            place,
            parent,
            owner,
            one.region.lower(),
            one.kind,
            one.id.lower(),
            name_of(one),
            state_of(one),
            one.size_bytes,
            int(one.eligible),
            held.id if held else None,
            held.device if held else "",
            tags_of(one),
            words_of(one),
        ),
    )
    if one.kind == "instance":
        _move_disks(db, owner, one.region, one.id, row, place)


def _move_disks(
    db: sqlite3.Connection, owner: str, region: str, instance: str, parent: int | None, place: str
) -> None:
    """Put the disks of an instance under it; back among the volumes where it is gone (``parent`` None)."""
    held = db.execute(
        "SELECT l.row, l.parent, l.place, r.body FROM listing l JOIN resource r ON r.row = l.row "
        "WHERE l.owner = ? AND l.region = ? AND l.holder = ?",
        (owner, region.lower(), instance),
    ).fetchall()
    for row, before, was, body in held:
        disk = msgspec.json.decode(body, type=Resource)
        device = disk.attached_to.device if disk.attached_to else ""
        now = place_of(disk) if parent is None else place_under(place, device, disk.id)
        if (before, was) != (parent, now):
            db.execute("UPDATE listing SET parent = ?, place = ? WHERE row = ?", (parent, now, row))


def _part(text: str) -> str:
    return text if text.isprintable() else text.translate(_BLANKS)


def _escape(text: str) -> str:
    return text if text.isprintable() else text.translate(_ESCAPES)
