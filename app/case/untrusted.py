"""The read model, opened without trusting the file: whoever may write in the case's folder may have made it.

What is believed of it is what the agent itself would have written: plain files, and in them exactly the tables of
``schema.sql``, without a trigger or a view. Rows are the reader's to check; what may come of one that is not as
it should be is :data:`UNREADABLE`.
"""

from __future__ import annotations

import sqlite3
import stat
from collections.abc import Callable
from contextlib import closing
from functools import cache
from pathlib import Path
from urllib.parse import quote

import msgspec

UNREADABLE = (
    *(sqlite3.Error, msgspec.MsgspecError, OSError, ValueError, TypeError, LookupError),
    *(ArithmeticError, RecursionError, MemoryError),
)
"""What reading such a file may raise."""

SIDECARS = ("-wal", "-shm", "-journal")
"""What SQLite keeps beside a database, and believes."""
LONGEST = 16 << 20
"""No value that the agent writes is longer, in bytes."""
_LONGEST_WAL = 4 << 30  # it is read before any query, so that no deadline ends it
_BUSY_S = 0.25
_OPS = 20_000  # of SQLite's machine between two looks whether to stop: a tenth of a millisecond


class Foreign(sqlite3.OperationalError):
    """Not a read model of this version."""


@cache
def schema() -> str:
    """The tables, as SQL."""
    return Path(__file__).with_name("schema.sql").read_text("utf-8")


def harden(db: sqlite3.Connection) -> None:
    """Let nothing that the file brings along run on this connection: no trigger, no view, no function in it."""
    db.execute("PRAGMA trusted_schema=OFF")
    db.execute("PRAGMA cell_size_check=ON")
    db.set_authorizer(_authorize)


def opened(path: Path, stop: Callable[[], bool], *, longest: int = LONGEST) -> sqlite3.Connection:
    """The read model, for reading alone. ``stop`` is asked during every query, in the thread that asks it; once it
    says so, the query ends with sqlite3.OperationalError. A value of more than ``longest`` bytes is not read.

    Foreign if it is not what the agent makes, another of :data:`UNREADABLE` if it cannot be read.
    """
    for suffix in ("", *SIDECARS):
        _check_file(path.with_name(path.name + suffix), needed=not suffix)
    db = sqlite3.connect(f"file:{quote(str(path))}?mode=ro", uri=True, timeout=_BUSY_S)
    try:
        db.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, longest)
        db.set_progress_handler(stop, _OPS)
        harden(db)
        if _objects(db) != _expected():
            raise Foreign("it has other tables than those that the agent makes")
    except BaseException:
        db.close()
        raise
    return db


def _check_file(path: Path, *, needed: bool) -> None:
    """A pipe would hold up whoever opens it for ever, a link would lead out of the case."""
    try:
        found = path.lstat()
    except FileNotFoundError:
        if needed:
            raise
        return
    if not stat.S_ISREG(found.st_mode):
        raise Foreign(f"{path.name} is not a plain file")
    if path.name.endswith("-wal") and found.st_size > _LONGEST_WAL:
        raise Foreign(f"{path.name} is longer than the agent lets it be")


def _authorize(action: int, one: str | None, two: str | None, database: str | None, inner: str | None) -> int:
    """``inner`` is the trigger or view that would do it (or a WITH of the query's own, which none of ours has)."""
    return sqlite3.SQLITE_OK if inner is None else sqlite3.SQLITE_DENY


def _objects(db: sqlite3.Connection) -> frozenset[tuple[object, ...]]:
    query = "SELECT type, name, tbl_name, sql FROM sqlite_master LIMIT 100"
    return frozenset(tuple(row) for row in db.execute(query))


@cache
def _expected() -> frozenset[tuple[object, ...]]:
    with closing(sqlite3.connect(":memory:")) as db:
        db.executescript(schema())
        return _objects(db)
