"""The read model, read: an immutable snapshot that changes only where the case did."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import msgspec

from app.client import events
from app.model import Account, AccountKey, Acquisition, EvidenceItem, Lease
from app.model.view import (
    AgentFacts,
    CaseFacts,
    CaseSnapshot,
    CustodyFacts,
    EventRow,
    EvidenceCheck,
    GuideRun,
    InventoryFacts,
    Scan,
    StepRow,
)

_BODIES: dict[str, tuple[str, Any]] = {
    # topic of the snapshot: (query, type)
    "accounts": ("SELECT body FROM account ORDER BY position", Account),
    "leases": ("SELECT body FROM lease ORDER BY length(id), id", Lease),
    "acquisitions": ("SELECT body FROM acquisition ORDER BY length(id), id", Acquisition),
    "steps": ("SELECT body FROM step ORDER BY length(acquisition), acquisition, position", StepRow),
    "items": ("SELECT body FROM item ORDER BY length(id), id", EvidenceItem),
    "checks": ("SELECT body FROM evidence_check ORDER BY item", EvidenceCheck),
    "guides": ("SELECT body FROM guide ORDER BY length(id), id", GuideRun),
}
T = TypeVar("T")
_FACTS: dict[str, Any] = {"case": CaseFacts, "agent": AgentFacts, "custody": CustodyFacts}


class Feed:
    """Reads ``case.sqlite`` without ever touching the agent.

    :meth:`poll` costs one PRAGMA while nothing changed. Not thread-safe: one feed per thread.
    A missing file (no agent has run yet) reads as an empty case.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._db: sqlite3.Connection | None = None
        self._version: int | None = None
        self._revisions: dict[str, int] = {}
        self._snapshot = CaseSnapshot()

    @property
    def snapshot(self) -> CaseSnapshot:
        """The last snapshot read."""
        return self._snapshot

    def poll(self) -> CaseSnapshot | None:
        """A new snapshot if anything changed since the last call, else None."""
        try:
            db = self._connect()
            if db is None:
                return None
            version = int(db.execute("PRAGMA data_version").fetchone()[0])
            if version == self._version:
                return None
            fresh = self._read(db)
        except (sqlite3.DatabaseError, msgspec.MsgspecError):
            # The agent is rebuilding the file, or will: what cannot be read is not original. The next poll looks.
            self.close()
            return None
        self._version = version
        return self._snapshot if fresh else None

    def ask(self, question: Callable[[sqlite3.Connection], T], otherwise: T) -> T:
        """The answer to a question about the case; ``otherwise`` where there is no file, or none that can be read
        now (the agent is rebuilding it, or will)."""
        try:
            db = self._connect()
            return question(db) if db is not None else otherwise
        except sqlite3.ProgrammingError:
            raise  # a fault of ours, not of the file
        except sqlite3.DatabaseError:
            return otherwise

    def events(self, first: int, count: int) -> list[EventRow]:
        """Custody lines ``first`` … ``first + count - 1`` (1-based), as far as they exist."""
        return self.ask(lambda db: events.page(db, first, count), [])

    def events_of(self, acquisition: str) -> list[EventRow]:
        """All custody lines of one acquisition."""
        return self.ask(lambda db: events.of_acquisition(db, acquisition), [])

    def event_body(self, line: int) -> str | None:
        """The body of one custody line as JSON text, None if there is no such line."""
        return self.ask(lambda db: events.body(db, line), None)

    def close(self) -> None:
        """Close the file; the next poll opens it again."""
        if self._db is not None:
            self._db.close()
        self._db = None
        self._version = None

    def _connect(self) -> sqlite3.Connection | None:
        if self._db is None:
            if not self._path.exists():
                return None
            self._db = sqlite3.connect(f"file:{self._path}?mode=ro", uri=True, timeout=1.0)
        return self._db

    def _read(self, db: sqlite3.Connection) -> bool:
        before, snapshot = self._revisions, self._snapshot
        db.execute("BEGIN")  # one consistent view over all topics
        try:
            now = {str(topic): int(value) for topic, value in db.execute("SELECT topic, value FROM revision")}
            if now.get("file") != before.get("file"):  # made anew: nothing of what was read before stands
                before, snapshot = {}, CaseSnapshot()
            changed = {topic for topic, value in now.items() if before.get(topic) != value}
            fields: dict[str, Any] = {}
            for topic in changed & _BODIES.keys():
                query, kind = _BODIES[topic]
                fields[topic] = tuple(msgspec.json.decode(row[0], type=kind) for row in db.execute(query))
            if changed & {"resources", "file"}:
                fields["inventory"] = _inventory(db, now)
            if "scans" in changed:
                names = ("cloud", "account", "region", "state", "found", "error", "at")
                rows = db.execute("SELECT cloud, account, region, state, found, error, at FROM scan")
                fields["scans"] = tuple(Scan(**dict(zip(names, row, strict=True))) for row in rows)
            for key in changed & _FACTS.keys():
                row = db.execute("SELECT value FROM fact WHERE key = ?", (key,)).fetchone()
                if row:
                    fields[key] = msgspec.json.decode(row[0], type=_FACTS[key])
            if "events" in changed:
                fields["event_lines"] = int(db.execute("SELECT coalesce(max(line), 0) FROM event").fetchone()[0])
        finally:
            db.execute("COMMIT")
        if not changed:
            return False
        self._snapshot = msgspec.structs.replace(snapshot, **fields)
        self._revisions = now
        return True


def _inventory(db: sqlite3.Connection, revisions: dict[str, int]) -> InventoryFacts:
    """Counts alone: see :class:`app.client.inventory.Inventory` for the rows."""
    counts: dict[AccountKey, tuple[int, int]] = {}
    if db.execute("SELECT 1 FROM sqlite_master WHERE name = 'listing'").fetchone():  # not in an earlier version's
        query = "SELECT owner, sum(eligible), count(*) FROM listing GROUP BY owner"
        for owner, eligible, total in db.execute(query):
            cloud, _, account = str(owner).partition(":")
            counts[cloud, account] = (int(eligible), int(total))
    return InventoryFacts(
        file=revisions.get("file", 0),
        revision=revisions.get("resources", 0),
        total=sum(total for _, total in counts.values()),
        eligible=sum(eligible for eligible, _ in counts.values()),
        accounts=counts,
    )
