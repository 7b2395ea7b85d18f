"""The inventory, asked: which rows a filter leaves in which order, and the resources of those rows by pages.

Rows are numbers: the user interface holds eight bytes for each, and the few resources that it shows.
"""

from __future__ import annotations

import json
import sqlite3
from array import array
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import compress
from operator import gt
from typing import TypeVar

import msgspec

from app.case.inventory_rows import HIGHEST_ROW, owner_of, owner_place, tag_needle
from app.client.feed import Feed
from app.client.filtering import Filter, Term
from app.model import Account, AccountKey, Resource

FIELDS = ("kind", "account", "region", "name", "id", "state", "cloud")
FLAGS = ("eligible", "untagged", "locked", "marked")
AMOUNTS = ("size",)
"""What a filter of the inventory may ask for, besides words and tags. ``locked`` is all that is not ``eligible``,
``untagged`` what of it only lacks the tag; each is what ``state=`` finds by the same word."""

READING = "place"
"""The order in which each instance is followed by its disks; the others are columns of the listing."""
_KINDS = {"instance": "instance", "volume": "volume disk", "snapshot": "snapshot", "image": "image",
          "bucket": "bucket"}  # fmt: skip
_CLOUDS = {"aws": "aws", "azure": "azure", "gcp": "gcp google"}
_IDENTITY = frozenset({"name", "id"})
_ACQUIRED = "kind IN ('instance', 'volume') AND eligible"
_AT_ONCE = 400
_KEPT_ORDERS = 3
_FLAGS = {"eligible": "eligible", "untagged": "state LIKE 'untagged %'", "locked": "NOT eligible"}
_IN_OWNERS = "owner IN (SELECT value FROM json_each(?))"
_LITERAL = str.maketrans({"%": r"\%", "_": r"\_", "\\": r"\\", "\0": " "})
_NO_FILTER = Filter()
_HIT, _BROUGHT = 1, 2
T = TypeVar("T")
_Sql = tuple[str, list[object]]


@dataclass(frozen=True, slots=True)
class Query:
    """What is asked for: one account or all, only what is eligible or all, what the filter leaves, in which order.
    ``marks`` are rows that the flag ``marked`` means, and that :attr:`Selection.marks` tells about."""

    scope: AccountKey | None = None
    eligible: bool = False
    filter: Filter = _NO_FILTER
    sort: str = READING
    descending: bool = False
    marks: frozenset[int] = frozenset()

    @property
    def nests(self) -> bool:
        """Disks stand under their instances."""
        return self.sort == READING and not self.descending


EVERYTHING = Query()


@dataclass(frozen=True, slots=True)
class Selection:
    """The rows in order. ``hits`` counts those that match: a disk that matches brings its instance along, and an
    instance its disks, since alone neither says where it stands. ``parents`` has, for each row, that of the
    instance it is shown under, 0 for none. ``marks`` are those asked about that are there and may be acquired;
    ``hidden`` of them are not among the rows. ``known`` is False where the inventory cannot be read now.
    ``reasons`` has, for each row, 1 if it matches and 2 if it was brought along; it is empty where all match."""

    rows: array[int] = field(default_factory=lambda: array("q"))
    parents: array[int] = field(default_factory=lambda: array("q"))
    hits: int = 0
    marks: frozenset[int] = frozenset()
    hidden: int = 0
    known: bool = True
    reasons: bytes = b""

    def __len__(self) -> int:
        return len(self.rows)

    def nested(self, index: int) -> bool:
        """The row at that position is a disk shown under its instance."""
        return bool(self.parents[index])

    def matches(self, index: int) -> bool:
        """The row at that position is there for its own sake, not brought along by another."""
        return not self.reasons or self.reasons[index] == _HIT

    @property
    def first_match(self) -> int:
        """The position of the first row that matches, 0 without any."""
        return max(0, self.reasons.find(_HIT))

    def find(self, row: int) -> int | None:
        """The position of a row, None where it is not shown."""
        try:
            return self.rows.index(row)
        except ValueError:
            return None


@dataclass(frozen=True, slots=True)
class Held:
    """An instance with all disks of it that the inventory has, in the order of their devices."""

    instance: Resource
    disks: Sequence[Resource]


@dataclass(frozen=True, slots=True)
class _Order:
    """Rows in an order, each with its parent or 0; and apart from these the disks that have one, with theirs."""

    rows: array[int]
    parents: array[int]
    disks: array[int]
    holders: array[int]


class Inventory:
    """Reads through a :class:`app.client.feed.Feed`, in the thread that the feed is used in. What cannot be read
    now, because the agent is making the file anew or no agent has run yet, reads as empty."""

    def __init__(self, feed: Feed) -> None:
        self._feed = feed
        self._state: object = None
        self._orders: dict[tuple[AccountKey | None, str, bool], _Order] = {}
        self._names: dict[str, str] = {}
        self._last = 0  # the highest row

    def select(self, query: Query) -> Selection:
        """The rows that a query asks for."""
        nothing = Selection(marks=query.marks, hidden=len(query.marks), known=False)
        return self._ask(lambda db: self._select(db, query), nothing)

    def rows(self, rows: Iterable[int]) -> dict[int, Resource]:
        """The resources of these rows, without those that are gone."""
        return self._ask(lambda db: dict(_bodies(db, list(rows))), {})

    def every(self, query: Query = EVERYTHING) -> Iterator[Resource]:
        """The resources that a query asks for, in its order, read a page at a time."""
        rows = self.select(query).rows
        for start in range(0, len(rows), _AT_ONCE):
            page = rows[start : start + _AT_ONCE]
            found = self.rows(page)
            yield from (found[row] for row in page if row in found)

    def markable(self, query: Query) -> list[int]:
        """The rows that match and may be acquired: eligible disks and instances, without what is brought along."""

        def ask(db: sqlite3.Connection) -> list[int]:
            self._refresh(db)
            where, values = self._where(query, query.filter.terms, query.filter.inverted)
            return _found(db, (f"{where} AND {_ACQUIRED}", values))

        return self._ask(ask, [])

    def families(self, rows: Collection[int]) -> tuple[list[Resource], list[Held]]:
        """The resources of these rows in reading order, and each instance that is one of them or holds one."""

        def ask(db: sqlite3.Connection) -> tuple[list[Resource], list[Held]]:
            wanted = "SELECT value FROM json_each(?)"
            chosen = db.execute(
                f"SELECT row, coalesce(parent, row), kind FROM listing WHERE row IN ({wanted}) ORDER BY place",  # noqa: S608
                (_list(rows),),
            ).fetchall()
            heads = dict.fromkeys(head for row, head, kind in chosen if head != row or kind == "instance")
            disks: dict[int, list[int]] = {head: [] for head in heads}
            for row, parent in db.execute(
                f"SELECT row, parent FROM listing WHERE parent IN ({wanted}) ORDER BY place",  # noqa: S608
                (_list(heads),),
            ):
                disks[parent].append(row)
            bodies = dict(_bodies(db, [*{*rows, *heads, *(row for found in disks.values() for row in found)}]))
            held = [Held(bodies[head], [bodies[row] for row in found]) for head, found in disks.items()]
            return [bodies[row] for row, _, _ in chosen], held

        nothing: tuple[list[Resource], list[Held]] = ([], [])
        return self._ask(ask, nothing)

    def named(self, name: str, kind: str | None = None, account: AccountKey | None = None) -> list[Resource]:
        """What has this id, else what is known by this name, whatever the case of its letters."""

        def ask(db: sqlite3.Connection) -> list[Resource]:
            for column in ("id = ?", "instr(char(31) || name || char(31), char(31) || ? || char(31))"):
                where, wanted = column, [name.lower()]
                if kind is not None:
                    where, wanted = f"{where} AND kind = ?", [*wanted, kind]
                if account is not None:
                    where, wanted = f"{where} AND owner = ?", [*wanted, owner_of(*account)]
                found = db.execute(f"SELECT row FROM listing WHERE {where} ORDER BY place LIMIT 20", wanted)  # noqa: S608
                rows = [row for (row,) in found]
                if rows:
                    bodies = dict(_bodies(db, rows))
                    return [bodies[row] for row in rows]
            return []

        return self._ask(ask, [])

    def devices(self, instances: Iterable[tuple[AccountKey, str]]) -> dict[str, str]:
        """The devices of the disks of these instances (account and id), by the ids of the disks."""

        def ask(db: sqlite3.Connection) -> dict[str, str]:
            out: dict[str, str] = {}
            for account, ident in instances:
                query = "SELECT id, device FROM listing WHERE owner = ? AND holder = ?"
                found = db.execute(query, (owner_of(*account), ident))
                out.update((str(disk), str(device)) for disk, device in found)
            return out

        return self._ask(ask, {})

    # One consistent view for each question

    def _ask(self, question: Callable[[sqlite3.Connection], T], otherwise: T) -> T:
        def inside(db: sqlite3.Connection) -> T:
            db.execute("BEGIN")
            try:
                return question(db)
            finally:
                db.execute("COMMIT")

        return self._feed.ask(inside, otherwise)

    def _refresh(self, db: sqlite3.Connection) -> None:
        """Forget what was kept of an inventory, or of accounts, that have changed."""
        topics = (
            "SELECT topic, value FROM revision WHERE topic IN ('file', 'resources', 'accounts') ORDER BY topic"
        )
        state = db.execute(topics).fetchall()
        if state != self._state:
            ends = "SELECT (SELECT min(row) FROM listing), (SELECT max(row) FROM listing)"
            first, last = (row or 0 for row in db.execute(ends).fetchone())
            if not 0 <= first <= last <= HIGHEST_ROW:
                raise ValueError("no row of the inventory has such a number")
            self._orders.clear()
            known: dict[str, str] = {
                str(owner): "" for (owner,) in db.execute("SELECT DISTINCT owner FROM listing")
            }
            for (body,) in db.execute("SELECT body FROM account"):
                account = msgspec.json.decode(body, type=Account)
                known[owner_of(account.cloud, account.id)] = account.name
            self._names = known
            self._last = last
            self._state = state

    def _select(self, db: sqlite3.Connection, query: Query) -> Selection:
        self._refresh(db)
        order = self._order(db, query)
        rows, parents, hits, reasons = order.rows, order.parents, len(order.rows), b""
        if query.filter or query.eligible:
            rows, parents, hits, reasons = self._filtered(db, query, order)
        marks: frozenset[int] = frozenset()
        if query.marks:
            there = f"SELECT row FROM listing WHERE {_ACQUIRED} AND row IN (SELECT value FROM json_each(?))"  # noqa: S608
            marks = frozenset(row for (row,) in db.execute(there, (_list(query.marks),)))
        hidden = len(marks.difference(rows)) if marks else 0
        return Selection(rows, parents, hits, marks, hidden, reasons=reasons)

    def _order(self, db: sqlite3.Connection, query: Query) -> _Order:
        """All rows of the scope in order; kept until the inventory changes."""
        key = (query.scope, query.sort, query.descending)
        found = self._orders.pop(key, None) or self._read_order(db, query)
        self._orders[key] = found
        if len(self._orders) > _KEPT_ORDERS:
            self._orders.pop(next(iter(self._orders)))
        return found

    def _read_order(self, db: sqlite3.Connection, query: Query) -> _Order:
        where, values = _scoped(query.scope)
        way, source = " DESC" if query.descending else "", "listing"
        by = f"{query.sort}{way}, place"
        if query.sort == READING:
            by = f"place{way}"
        elif query.sort == "kind":
            by = f"CASE kind WHEN 'volume' THEN 'disk' ELSE kind END{way}, place"
        elif query.sort == "size":
            by = f"size IS NULL, {by}"
        elif query.sort == "account":  # by their names, which the listing does not have
            owners = sorted(self._names, key=lambda owner: (self._shown_name(owner), owner))
            source = "(SELECT key AS known, value AS rank FROM json_each(?)) CROSS JOIN listing ON owner = known"
            by, values = f"rank{way}, place", [json.dumps({one: rank for rank, one in enumerate(owners)}), *values]
        parent = "coalesce(parent, 0)" if query.nests else "0"
        rows, parents = array("q"), array("q")
        for row, held in db.execute(f"SELECT row, {parent} FROM {source} WHERE {where} ORDER BY {by}", values):  # noqa: S608
            rows.append(row)
            parents.append(held)
        return _Order(rows, parents, array("q", compress(rows, parents)), array("q", filter(None, parents)))

    def _shown_name(self, owner: str) -> str:
        return (self._names[owner] or owner.partition(":")[2]).lower()

    def _filtered(
        self, db: sqlite3.Connection, query: Query, order: _Order
    ) -> tuple[array[int], array[int], int, bytes]:
        shown = bytearray(self._last + 1)  # by row: whether it is shown, and why
        found = _found(db, self._where(query, query.filter.terms, query.filter.inverted))
        for row in found:
            shown[row] = _HIT
        nests = query.nests and not query.filter.inverted
        if found and nests:
            self._bring_along(db, query, shown, order)
        why = bytes(map(shown.__getitem__, order.rows))
        rows, held = array("q", compress(order.rows, why)), array("q", compress(order.parents, why))
        if not nests:
            held = array("q", (parent if shown[parent] else 0 for parent in held))
        return rows, held, len(found), why.replace(b"\0", b"") if _BROUGHT in why else b""

    def _bring_along(self, db: sqlite3.Connection, query: Query, shown: bytearray, order: _Order) -> None:
        """The instances of the disks that match; and the disks of the instances that do, if it is words, a name or
        an id that these were found by. Every other term has to hold of such a disk itself."""
        matches = bytes(map(shown.__getitem__, order.disks))
        rest = [term for term in query.filter.terms if not _identifies(term)]
        if len(rest) < len(query.filter.terms):
            holders = bytes(map(shown.__getitem__, order.holders))
            below: Iterable[int] = compress(order.disks, map(gt, holders, matches))
            if (rest or query.eligible) and any(map(gt, holders, matches)):
                allowed = set(_found(db, self._where(query, rest, False)))
                below = (row for row in below if row in allowed)
            for row in below:
                shown[row] = _BROUGHT
        for parent in compress(order.holders, matches):
            shown[parent] = shown[parent] or _BROUGHT

    # Terms as SQL

    def _where(self, query: Query, terms: Sequence[Term], inverted: bool) -> _Sql:
        scope, values = _scoped(query.scope)
        scope += " AND eligible" if query.eligible else ""
        if not terms:
            return scope, values
        parts = [self._term(term, query.marks) for term in terms]
        joined = " AND ".join(part for part, _ in parts)
        found: list[object] = [value for _, more in parts for value in more]
        return f"{scope} AND {'NOT ' if inverted else ''}({joined})", [*values, *found]

    def _term(self, term: Term, marks: Collection[int]) -> _Sql:
        value = term.value or ""
        if term.kind == "word":
            owners = [owner for owner, name in self._names.items() if value in name.lower()]
            looked: _Sql = (r"words LIKE ? ESCAPE '\'", [f"%{value.translate(_LITERAL)}%"])  # quicker than instr
            return (f"({looked[0]} OR {_IN_OWNERS})", [*looked[1], _list(owners)]) if owners else looked
        if term.kind == "tag":
            return "instr(tags, ?)", [tag_needle(term.name, term.value)]
        if term.kind == "flag":
            known = _FLAGS.get(term.name)
            return (known, []) if known else ("row IN (SELECT value FROM json_each(?))", [_list(marks)])
        if term.kind == "amount":
            return f"coalesce({term.name} {term.value} ?, 0)", [term.number]
        if term.name in ("account", "cloud"):
            return _IN_OWNERS, [_list([owner for owner in self._names if self._owned(owner, term.name, value)])]
        if term.name == "kind":
            kinds = [kind for kind, words in _KINDS.items() if any(value in word for word in words.split())]
            return "kind IN (SELECT value FROM json_each(?))", [_list(kinds)]
        return f"instr({term.name}, ?)", [value]

    def _owned(self, owner: str, field_name: str, value: str) -> bool:
        cloud, _, account = owner.partition(":")
        if field_name == "cloud":
            return any(value in word for word in _CLOUDS.get(cloud, cloud).split())
        return value in account.lower() or value in self._names[owner].lower()


def _identifies(term: Term) -> bool:
    return term.kind == "word" or (term.kind == "field" and term.name in _IDENTITY)


def _scoped(scope: AccountKey | None) -> _Sql:
    return ("1", []) if scope is None else ("place >= ? AND place < ?", list(owner_place(*scope)))


def _bodies(db: sqlite3.Connection, rows: Sequence[int]) -> Iterator[tuple[int, Resource]]:
    for start in range(0, len(rows), _AT_ONCE):
        page = rows[start : start + _AT_ONCE]
        query = f"SELECT row, body FROM resource WHERE row IN ({', '.join('?' * len(page))})"  # noqa: S608
        for row, body in db.execute(query, page):
            yield row, msgspec.json.decode(body, type=Resource)


def _found(db: sqlite3.Connection, where: _Sql) -> list[int]:
    """The rows for which it holds, in no order. As one text they are read in two thirds of the time."""
    rows: str = db.execute(f"SELECT json_group_array(row) FROM listing WHERE {where[0]}", where[1]).fetchone()[0]  # noqa: S608
    return msgspec.json.decode(rows, type=list[int])


def _list(values: Iterable[object]) -> str:
    return json.dumps(list(values))
