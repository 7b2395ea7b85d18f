"""The custody lines of the read model: by position, by acquisition, by filter, and what belongs together.

Each function takes a connection to ``case.sqlite``; line numbers are 1-based.
"""

from __future__ import annotations

import json
import re
import sqlite3
from array import array
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import chain
from typing import Any

import msgspec

from app.client.filtering import Filter, Term
from app.model.view import EventRow

FIELDS = ("op", "phase", "actor", "acq", "item", "lease", "since")
"""What a filter of custody lines may name."""

DEEPEST = 128
"""Levels of a body; the log takes no event nested deeper than 100 (:func:`app.custody.line.canonical`)."""

_ROW = "line, seq, ts, op, phase, actor, acq, summary"
_NAMES = _ROW.split(", ")
_OUTCOMES = ("result", "failed", "abandoned")
_IDS = " || ' ' || ".join(f"coalesce({name}, '')" for name in ("acq", "item", "lease"))
_WORDS = f"lowered(summary || ' ' || op || ' ' || actor || ' ' || {_IDS})"
_WHOLE_ID = re.compile(r"[ael]-[0-9]{4,}")
_DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}(t[0-9]{2}(:[0-9]{2}(:[0-9]{2})?)?)?z?")
_TIME = re.compile(r"([01]?[0-9]|2[0-3]):([0-5][0-9])(:[0-5][0-9])?z?")


@dataclass(frozen=True, slots=True)
class WholeEvent:
    """A line with its text (JSON, or a fragment's escaped bytes), and its :func:`partner`."""

    row: EventRow
    text: str
    partner: EventRow | None


def page(db: sqlite3.Connection, first: int, count: int) -> list[EventRow]:
    """Lines ``first`` … ``first + count - 1``, as far as they exist."""
    return _rows(db, f"SELECT {_ROW} FROM event WHERE line >= ? ORDER BY line LIMIT ?", (first, count))  # noqa: S608


def at(db: sqlite3.Connection, lines: Sequence[int]) -> list[EventRow]:
    """The lines of these numbers, ascending, as far as they exist."""
    marks = ", ".join("?" * len(lines))
    return _rows(db, f"SELECT {_ROW} FROM event WHERE line IN ({marks}) ORDER BY line", tuple(lines))  # noqa: S608


def of_acquisition(db: sqlite3.Connection, acquisition: str) -> list[EventRow]:
    """All lines of one acquisition."""
    return _rows(db, f"SELECT {_ROW} FROM event WHERE acq = ? ORDER BY line", (acquisition,))  # noqa: S608


def of_item(db: sqlite3.Connection, item: str) -> list[EventRow]:
    """All lines of one evidence item."""
    return _rows(db, f"SELECT {_ROW} FROM event WHERE item = ? ORDER BY line", (item,))  # noqa: S608


def body(db: sqlite3.Connection, line: int) -> str | None:
    """The body of one line as JSON text (a fragment's escaped bytes), None if there is no such line."""
    row = db.execute("SELECT body FROM event WHERE line = ?", (line,)).fetchone()
    return str(row[0]) if row else None


def whole(db: sqlite3.Connection, line: int) -> WholeEvent | None:
    """All that the read model has of one line, None if there is no such line."""
    rows, text = page(db, line, 1), body(db, line)
    if not rows or rows[0].line != line or text is None:
        return None
    return WholeEvent(rows[0], text, partner(db, line))


def matching(db: sqlite3.Connection, wanted: Filter, after: int, upto: int) -> array[int] | None:
    """The numbers of the lines that a filter lets through, of those above ``after`` and up to ``upto``.

    None if not all of these are there now: the read model is being rebuilt.

    A word is looked for in the summary, the op, the actor and the ids. ``acq=``, ``item=`` and ``lease=`` take a
    whole id or its beginning; ``op=``, ``phase=`` and ``actor=`` any part; ``since=`` what :func:`since` gives.
    """
    db.create_function("lowered", 1, _lowered, deterministic=True)
    clauses: list[str] = []
    values: list[Any] = [after, upto]
    for term in wanted.terms:
        clause, value = _clause(term)
        clauses.append(f"coalesce({clause}, 0)")
        values.append(value)
    condition = " AND ".join(clauses) or "1"
    if wanted.inverted:
        condition = f"NOT ({condition})"
    query = f"SELECT line FROM event WHERE line > ? AND line <= ? AND ({condition}) ORDER BY line"  # noqa: S608
    db.execute("BEGIN")  # one view for both questions
    try:
        last = db.execute("SELECT coalesce(max(line), 0) FROM event").fetchone()[0]
        if last < upto:
            return None
        return array("q", (row[0] for row in db.execute(query, values)))
    finally:
        db.execute("COMMIT")


def partner(db: sqlite3.Connection, line: int) -> EventRow | None:
    """The outcome of an intent, the intent of an outcome (they share ``corr`` and ``op``); None where there is
    none, or not yet."""
    row = db.execute("SELECT op, phase, body FROM event WHERE line = ?", (line,)).fetchone()
    if row is None:
        return None
    op, phase, text = row
    corr = _corr(text)
    if not corr or phase not in ("intent", *_OUTCOMES):
        return None
    if phase == "intent":
        which, order = f"line > ? AND phase IN {_OUTCOMES}", ""
    else:
        which, order = "line < ? AND phase = 'intent'", "DESC"
    query = f"SELECT {_ROW}, body FROM event WHERE {which} AND op = ? AND instr(body, ?) ORDER BY line {order}"  # noqa: S608
    for found in db.execute(query, (line, op, json.dumps(corr, ensure_ascii=False))):
        if _corr(found[-1]) == corr:
            return _row(found[:-1])
    return None


def since(text: str, now: datetime) -> str | None:
    """The time stamp that ``since=`` means, to be compared with ``ts``; None if it is no time.

    ``13:00`` is the last time that it was 13:00 UTC; ``2026-11-23`` and ``2026-11-23T13:00`` are as they stand.
    """
    if _DAY.fullmatch(text):
        return text.upper().removesuffix("Z")
    found = _TIME.fullmatch(text)
    if found is None:
        return None
    seconds = int((found[3] or ":0")[1:])
    moment = now.replace(hour=int(found[1]), minute=int(found[2]), second=seconds, microsecond=0)
    if moment > now:
        moment -= timedelta(days=1)
    return moment.strftime("%Y-%m-%dT%H:%M:%S")


def _clause(term: Term) -> tuple[str, str]:
    value = term.value or ""
    if term.kind != "field":
        return f"instr({_WORDS}, ?)", value
    if term.name == "since":
        return "ts >= ?", value
    if term.name in ("acq", "item", "lease"):
        if _WHOLE_ID.fullmatch(value):
            return f"{term.name} = ?", value.upper()
        return f"instr({term.name}, ?) = 1", value.upper()
    return f"instr(lowered({term.name}), ?)", value


def _lowered(text: object) -> str:
    return str(text).lower()


def decode_body(text: str | bytes) -> dict[str, Any] | None:
    """The JSON object that a custody line, or its body, is; None for a fragment, and for what no line of a log can
    be: what is nested deeper than :data:`DEEPEST` would end whoever walks through its members."""
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        return None
    return found if isinstance(found, dict) and _is_shallow(found) else None


def _is_shallow(found: object) -> bool:
    level = [found]
    for _ in range(DEEPEST):
        inner = (one.values() if isinstance(one, dict) else one for one in level if isinstance(one, dict | list))
        level = list(chain.from_iterable(inner))
        if not level:
            return True
    return False


def _corr(text: str) -> str:
    corr = (decode_body(text) or {}).get("corr")
    return corr if isinstance(corr, str) else ""


def _rows(db: sqlite3.Connection, query: str, values: tuple[object, ...]) -> list[EventRow]:
    return [_row(row) for row in db.execute(query, values)]


def _row(values: tuple[object, ...]) -> EventRow:
    """ValidationError where a value is not of the type that the agent writes."""
    return msgspec.convert(dict(zip(_NAMES, values, strict=True)), EventRow)
