"""What of the inventory outlives the agent: 100,000 resources need not be listed again because it was restarted.

Everything else of a read model comes from the log, and only from there.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import msgspec

from app.case import inventory_rows
from app.case.untrusted import UNREADABLE, opened
from app.clock import Clock, SystemClock, parse_stamp
from app.model import Account, Resource
from app.model.view import Scan

STOPPED = "it was under way when the agent stopped"
"""Why a scan failed that ran when its agent ended."""
WITHIN_S = 10.0
_LONGEST = 1 << 20  # bytes of a row


def carry(path: Path, into: sqlite3.Connection, clock: Clock | None = None) -> int | None:
    """Copy accounts, scans and resources of an earlier read model, each row as if it came from a cloud just now:
    nothing is copied that does not decode, or is not what its row says it is. Resources keep their rows.

    The number of that file (topic ``file``); None where nothing was copied, since it is all of it or none:
    there is no such file, a row is not as it should be, or it took longer than :data:`WITHIN_S`.
    """
    tick = (clock or SystemClock()).monotonic
    end = tick() + WITHIN_S
    try:
        with closing(opened(path, lambda: tick() > end, longest=_LONGEST)) as old:
            old.execute("BEGIN")
            into.execute("BEGIN")
            for copy in (_accounts, _scans, _resources):
                copy(old, into)
            (file,) = old.execute("SELECT value FROM revision WHERE topic = 'file'").fetchone()
            _is(0 < file < 1 << 62)
            into.execute("COMMIT")
    except UNREADABLE:
        if into.in_transaction:
            into.execute("ROLLBACK")
        return None
    return int(file)


def _accounts(old: sqlite3.Connection, into: sqlite3.Connection) -> None:
    query = "SELECT cloud, id, body FROM account ORDER BY position"
    for position, (cloud, ident, body) in enumerate(old.execute(query)):
        one = msgspec.json.decode(body, type=Account)
        _is((one.cloud, one.id) == (cloud, ident))
        text = msgspec.json.encode(one).decode()
        into.execute("INSERT INTO account VALUES (?, ?, ?, ?)", (cloud, ident, position, text))


def _scans(old: sqlite3.Connection, into: sqlite3.Connection) -> None:
    names = Scan.__struct_fields__
    for row in old.execute(f"SELECT {', '.join(names)} FROM scan"):  # noqa: S608
        one = msgspec.convert(dict(zip(names, row, strict=True)), Scan)
        for at in (one.at, *(() if one.good is None else (one.good,))):
            parse_stamp(at)
        if one.state == "running":
            if one.good is None:
                continue  # nobody scans it now, and nobody did before
            one = msgspec.structs.replace(one, state="failed", error=STOPPED)
        into.execute("INSERT INTO scan VALUES (?, ?, ?, ?, ?, ?, ?, ?)", msgspec.structs.astuple(one))


def _resources(old: sqlite3.Connection, into: sqlite3.Connection) -> None:
    decode: Callable[[str], Resource] = msgspec.json.Decoder(Resource).decode
    for row, cloud, account, region, kind, ident, scan, body in old.execute(
        "SELECT row, cloud, account, region, kind, id, scan, body FROM resource ORDER BY row"
    ):
        one = decode(body)
        _is((one.cloud, one.account, one.region, one.kind, one.id) == (cloud, account, region, kind, ident))
        _is(0 < row <= inventory_rows.HIGHEST_ROW and isinstance(scan, str))
        inventory_rows.put_back(into, row, scan, one)
    for (last,) in old.execute("SELECT seq FROM sqlite_sequence WHERE name = 'resource'"):
        _is(0 <= last <= inventory_rows.HIGHEST_ROW)  # a number that was once a resource's is never another's
        into.execute("UPDATE sqlite_sequence SET seq = max(seq, ?) WHERE name = 'resource'", (last,))


def _is(as_written: bool) -> None:
    if not as_written:
        raise ValueError("not as the agent writes it")
