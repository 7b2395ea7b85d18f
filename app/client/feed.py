"""The read model, read: an immutable snapshot that changes only where the case did."""

from __future__ import annotations

import sqlite3
from pathlib import Path
from typing import Any

import msgspec

from app.model import Account, Acquisition, EvidenceItem, Lease, Resource
from app.model.view import (
    AgentFacts,
    CaseFacts,
    CaseSnapshot,
    CustodyFacts,
    EventRow,
    EvidenceCheck,
    GuideRun,
    Scan,
    StepRow,
)

_BODIES: dict[str, tuple[str, Any]] = {
    # topic of the snapshot: (query, type)
    "accounts": ("SELECT body FROM account ORDER BY position", Account),
    "resources": ("SELECT body FROM resource ORDER BY cloud, account, region, kind, name, id", Resource),
    "leases": ("SELECT body FROM lease ORDER BY length(id), id", Lease),
    "acquisitions": ("SELECT body FROM acquisition ORDER BY length(id), id", Acquisition),
    "steps": ("SELECT body FROM step ORDER BY length(acquisition), acquisition, position", StepRow),
    "items": ("SELECT body FROM item ORDER BY length(id), id", EvidenceItem),
    "checks": ("SELECT body FROM evidence_check ORDER BY item", EvidenceCheck),
    "guides": ("SELECT body FROM guide ORDER BY length(id), id", GuideRun),
}
_EVENT = "line, seq, ts, op, phase, actor, acq, summary"
_BY_ACQUISITION = f"SELECT {_EVENT} FROM event WHERE acq = ? ORDER BY line"  # noqa: S608 - constant
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

    def events(self, first: int, count: int) -> list[EventRow]:
        """Custody lines ``first`` … ``first + count - 1`` (1-based), as far as they exist."""
        return self._events(
            f"SELECT {_EVENT} FROM event WHERE line >= ? ORDER BY line LIMIT ?",  # noqa: S608 - constant
            (first, count),
        )

    def events_of(self, acquisition: str) -> list[EventRow]:
        """All custody lines of one acquisition."""
        return self._events(
            _BY_ACQUISITION,
            (acquisition,),
        )

    def event_body(self, line: int) -> str | None:
        """The body of one custody line as JSON text, None if there is no such line."""
        db = self._connect()
        row = db.execute("SELECT body FROM event WHERE line = ?", (line,)).fetchone() if db else None
        return str(row[0]) if row else None

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

    def _events(self, query: str, arguments: tuple[object, ...]) -> list[EventRow]:
        db = self._connect()
        if db is None:
            return []
        return [
            EventRow(**dict(zip(_EVENT.split(", "), row, strict=True))) for row in db.execute(query, arguments)
        ]

    def _read(self, db: sqlite3.Connection) -> bool:
        before = self._revisions
        db.execute("BEGIN")  # one consistent view over all topics
        try:
            now = {str(topic): int(value) for topic, value in db.execute("SELECT topic, value FROM revision")}
            changed = {topic for topic, value in now.items() if before.get(topic) != value}
            fields: dict[str, Any] = {}
            for topic in changed & _BODIES.keys():
                query, kind = _BODIES[topic]
                fields[topic] = tuple(msgspec.json.decode(row[0], type=kind) for row in db.execute(query))
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
        self._snapshot = msgspec.structs.replace(self._snapshot, **fields)
        self._revisions = now
        return True
