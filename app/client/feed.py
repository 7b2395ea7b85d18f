"""The read model, read: an immutable snapshot that changes only where the case did."""

from __future__ import annotations

import math
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any, TypeVar

import msgspec

from app.case.untrusted import UNREADABLE, Foreign, opened, schema
from app.client import events
from app.clock import Clock, SystemClock
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

WITHIN_S = 5.0
"""How long a poll or a question may take: far longer than any does of a file that the agent wrote."""
CALM_S = 3.0
"""An agent that starts makes the file anew within this time: until then it is no problem."""
_TOLD_S = 30.0  # of a question that took too long
_COSTLY_S, _REST = 0.5, 10
_MOST_LINES = 1 << 31
_SLOW = "it takes too long to read"


class Feed:
    """Reads ``case.sqlite`` without ever touching the agent, and without trusting the file.

    :meth:`poll` costs one look at the file and one PRAGMA while nothing changed. Not thread-safe: one feed per
    thread, except for :meth:`interrupt`. A missing file (no agent has run yet) reads as an empty case. So does one
    that is not the agent's, until it makes it anew. What cannot be read for :data:`CALM_S` is told as
    :attr:`CaseSnapshot.problem`.
    """

    def __init__(self, path: Path, clock: Clock | None = None) -> None:
        self._path = path
        self._now = (clock or SystemClock()).monotonic
        self._db: sqlite3.Connection | None = None
        self._file: tuple[int, int] | None = None
        self._version: int | None = None
        self._revisions: dict[str, int] = {}
        self._snapshot = CaseSnapshot()
        self._interrupted = False
        self._deadline = 0.0
        self._rests_until = 0.0
        self._unread: tuple[float, str] | None = None  # since when polls fail, and why
        self._unanswered: tuple[float, str] | None = None  # until when a question that failed is told of, and why

    @property
    def snapshot(self) -> CaseSnapshot:
        """The last snapshot read."""
        return self._snapshot

    def poll(self) -> CaseSnapshot | None:
        """A new snapshot if anything changed since the last call, else None."""
        before = self._snapshot
        failed = self._try(self._poll)
        if failed is not None:
            since, _ = self._unread or (self._now(), "")
            self._unread = (since, _cause(failed))
            self.close()  # what cannot be read is not original; the next poll looks again
        problem = self._problem()
        if problem != self._snapshot.problem:
            self._snapshot = msgspec.structs.replace(self._snapshot, problem=problem)
        return self._snapshot if self._snapshot is not before else None

    def ask(self, question: Callable[[sqlite3.Connection], T], otherwise: T) -> T:
        """The answer to a question about the case; ``otherwise`` where there is no file, or none that can be read
        now, or where it is a question that no file could answer."""
        answer = otherwise

        def work(db: sqlite3.Connection) -> None:
            nonlocal answer
            answer = question(db)

        failed = self._try(work)
        if failed is None:
            return answer
        if not isinstance(failed, sqlite3.OperationalError):
            if _answerable(question):  # a row is wrong, and stays so while the file does
                self._unanswered = (math.inf, _cause(failed))
        elif self._now() > self._deadline:
            self._unanswered = (self._now() + _TOLD_S, _SLOW)
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

    def interrupt(self) -> None:
        """From any thread: whatever is being read ends now, and nothing is read any more."""
        self._interrupted = True

    def close(self) -> None:
        """Close the file; the next poll opens it again."""
        if self._db is not None:
            self._db.close()
        self._db = None
        self._version = None

    def _try(self, work: Callable[[sqlite3.Connection], None]) -> Exception | None:
        """Do it on the open file, within :data:`WITHIN_S`; what came of it but an answer."""
        began = self._now()
        self._deadline = began + WITHIN_S
        try:
            db = self._connect(began)
            if db is not None:
                work(db)
        except sqlite3.ProgrammingError:
            raise  # a fault of ours, not of the file
        except UNREADABLE as error:
            spent = self._now() - began
            if spent > _COSTLY_S:  # a file that takes so long to fail is not looked at all the time
                self._rests_until = began + spent * _REST
            return error
        return None

    def _connect(self, now: float) -> sqlite3.Connection | None:
        if self._interrupted:
            return None
        try:
            found = self._path.lstat()
        except FileNotFoundError:
            return self._db
        file = (found.st_dev, found.st_ino)
        if file != self._file:  # an agent has put another in its place
            self.close()
            self._rests_until = 0.0
        if now < self._rests_until:
            return None
        if self._db is None:
            self._unanswered = None
            self._file = file
            db = opened(self._path, self._stop)
            found = self._path.lstat()
            if (found.st_dev, found.st_ino) != file:
                db.close()
                raise sqlite3.OperationalError("it was replaced while it was opened")
            self._db = db
        return self._db

    def _stop(self) -> bool:
        return self._interrupted or self._now() > self._deadline

    def _problem(self) -> str:
        now = self._now()
        if self._unread is not None and now - self._unread[0] >= CALM_S:
            return self._unread[1]
        return self._unanswered[1] if self._unanswered is not None and now < self._unanswered[0] else ""

    def _poll(self, db: sqlite3.Connection) -> None:
        version = int(db.execute("PRAGMA data_version").fetchone()[0])
        if version != self._version:
            self._read(db)
            self._version = version
        self._unread = None

    def _read(self, db: sqlite3.Connection) -> None:
        before, snapshot = self._revisions, self._snapshot
        db.execute("BEGIN")  # one consistent view over all topics
        try:
            now = {str(topic): int(value) for topic, value in db.execute("SELECT topic, value FROM revision")}
            if now.get("file") != before.get("file"):  # made anew: nothing of what was read before stands
                before, snapshot = {}, CaseSnapshot()
            changed = {topic for topic, value in now.items() if before.get(topic) != value}
            fields: dict[str, Any] = {}
            if now.get("made") != before.get("made"):
                fields["made"] = now.get("made", 0)
            for topic in changed & _BODIES.keys():
                query, kind = _BODIES[topic]
                fields[topic] = tuple(msgspec.json.decode(row[0], type=kind) for row in db.execute(query))
            if changed & {"resources", "file"}:
                fields["inventory"] = _inventory(db, now)
            if "scans" in changed:
                names = Scan.__struct_fields__
                rows = db.execute(f"SELECT {', '.join(names)} FROM scan")  # noqa: S608
                fields["scans"] = tuple(msgspec.convert(dict(zip(names, row, strict=True)), Scan) for row in rows)
            for key in changed & _FACTS.keys():
                row = db.execute("SELECT value FROM fact WHERE key = ?", (key,)).fetchone()
                if row:
                    fields[key] = msgspec.json.decode(row[0], type=_FACTS[key])
            if "events" in changed:
                lines = int(db.execute("SELECT coalesce(max(line), 0) FROM event").fetchone()[0])
                if not 0 <= lines < _MOST_LINES:
                    raise ValueError("no log has so many lines")
                fields["event_lines"] = lines
        finally:
            db.execute("COMMIT")
        if changed:
            self._snapshot = msgspec.structs.replace(snapshot, **fields)
            self._revisions = now


def _inventory(db: sqlite3.Connection, revisions: dict[str, int]) -> InventoryFacts:
    """Counts alone: see :class:`app.client.inventory.Inventory` for the rows."""
    counts: dict[AccountKey, tuple[int, int]] = {}
    for owner, eligible, total in db.execute("SELECT owner, sum(eligible), count(*) FROM listing GROUP BY owner"):
        cloud, _, account = str(owner).partition(":")
        counts[cloud, account] = (int(eligible), int(total))
    return InventoryFacts(
        file=revisions.get("file", 0),
        revision=revisions.get("resources", 0),
        total=sum(total for _, total in counts.values()),
        eligible=sum(eligible for eligible, _ in counts.values()),
        accounts=counts,
    )


def _answerable(question: Callable[[sqlite3.Connection], object]) -> bool:
    """Whether a case with nothing in it answers. Where not even that does, what was asked is wrong (a number that
    SQLite does not take), not the file."""
    with closing(sqlite3.connect(":memory:", isolation_level=None)) as db:
        db.executescript(schema())
        try:
            question(db)
        except UNREADABLE:
            return False
    return True


def _cause(error: Exception) -> str:
    """Why it cannot be read, in plain words; nothing of the file's own."""
    if isinstance(error, Foreign):
        return "it is not a file that this agent has made"
    if isinstance(error, sqlite3.OperationalError) and "interrupted" in str(error):
        return _SLOW
    if isinstance(error, OSError):
        return f"the system says: {error.strerror}"
    if isinstance(error, sqlite3.Error):
        return "it is damaged, or another program holds it"
    return "something in it is not as the agent writes it"
