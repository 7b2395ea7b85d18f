"""The custody lines of the read model: filters, what belongs together, and files of earlier versions."""

from __future__ import annotations

import json
import sqlite3
from array import array
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from app.case.readmodel import ReadModel
from app.client import events
from app.client.feed import Feed
from app.client.filtering import parse
from app.custody import line

NOW = datetime(2026, 11, 23, 14, 3, 21, tzinfo=UTC)


class Told:
    """A read model with custody lines, and a feed on it."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / "case.sqlite"
        self.model = ReadModel(self.path)
        self.feed = Feed(self.path)
        self.last = 0

    def line(self, op: str = "case.note", phase: str = "fact", summary: str = "x", **members: Any) -> int:
        self.last += 1
        body = {"seq": self.last, "ts": f"2026-11-23T10:00:{self.last:02d}.000000Z", "op": op, "phase": phase,
                "corr": f"c-{self.last}", "actor": {"id": "ex-07"}, "summary": summary, **members}  # fmt: skip
        self.model.event(self.last, body, json.dumps(body, ensure_ascii=False))
        return self.last

    def found(
        self, text: str, *, inverted: bool = False, after: int = 0, upto: int | None = None
    ) -> list[int] | None:
        wanted = parse(text, fields=events.FIELDS, inverted=inverted)
        top = self.last if upto is None else upto
        empty: array[int] | None = None
        lines = self.feed.ask(lambda db: events.matching(db, wanted, after, top), empty)
        return None if lines is None else list(lines)

    def partner(self, line: int) -> int | None:
        row = self.feed.ask(lambda db: events.partner(db, line), None)
        return row.line if row else None


@pytest.fixture
def told(tmp_path: Path) -> Told:
    return Told(tmp_path)


def test_words_ignore_case_beyond_ascii_and_nothing_is_a_wildcard(told: Told) -> None:
    told.line(summary="ÜBERGABE an ex-09")
    told.line(summary="100 % of 50_000 'quoted' \"and\" \\n")
    assert told.found("übergabe") == [1]
    assert told.found("100%") == [] and told.found("%") == [2] and told.found("50_0") == [2]
    assert told.found("'quoted'") == [2] and told.found("\\n") == [2] and told.found("'; drop") == []
    assert told.found("zzz", inverted=True) == [1, 2]


def test_a_line_without_the_member_is_let_through_by_the_inverse(told: Told) -> None:
    told.line(acq="A-0001")
    told.line()
    told.model.event(3, None, "torn")
    told.last = 3
    assert told.found("acq=A-0001") == [1]
    assert told.found("acq=A-0001", inverted=True) == [2, 3]
    assert told.found("actor=ex-07", inverted=True) == [3]


def test_whole_ids_are_whole(told: Told) -> None:
    for number in (1, 12, 12_345):
        told.line(acq=f"A-{number:04d}", item=f"E-{number:04d}", lease=f"L-{number:04d}")
    assert told.found("acq=A-0012") == [2] and told.found("item=e-0001") == [1]
    assert told.found("acq=A-1234") == [] and told.found("acq=A-12") == [3] and told.found("lease=L-12345") == [3]
    assert told.found("acq=0012") == []


def test_only_the_range_is_looked_through(told: Told) -> None:
    for _ in range(9):
        told.line(summary="same")
    assert told.found("same", after=4, upto=7) == [5, 6, 7]
    assert told.found("same", upto=12) is None  # not all of these are there


@pytest.mark.parametrize(
    ("text", "stamp"),
    [
        ("13:00", "2026-11-23T13:00:00"),
        ("9:05", "2026-11-23T09:05:00"),
        ("14:03:21", "2026-11-23T14:03:21"),
        ("14:04", "2026-11-22T14:04:00"),  # the last time it was so
        ("2026-11-23", "2026-11-23"),
        ("2026-11-23t13:00z", "2026-11-23T13:00"),
        ("24:00", None),
        ("noon", None),
        ("2026", None),
    ],
)
def test_since(text: str, stamp: str | None) -> None:
    assert events.since(text, NOW) == stamp


def test_intents_and_outcomes_find_each_other(told: Told) -> None:
    told.line("snapshot.create", "intent", corr="a")
    told.line("snapshot.create", "intent", corr="b")
    told.line("snapshot.create", "failed", corr="b", summary='it names "a"')
    told.line("lease.issue", "result", corr="a")  # another op: not its outcome
    told.line("snapshot.create", "result", corr="a", params={"corr": "b"})
    told.line("case.note", corr="a")
    told.line("disk.create", "intent", corr="ü\"'")
    assert [told.partner(line) for line in range(1, 9)] == [5, 3, 2, None, 1, None, None, None]


def test_a_file_of_an_earlier_version_gets_the_new_columns(tmp_path: Path) -> None:
    path = tmp_path / "case.sqlite"
    with closing(sqlite3.connect(path)) as db:
        db.execute(
            "CREATE TABLE event (line INTEGER PRIMARY KEY, seq INTEGER, ts TEXT, op TEXT, phase TEXT, actor TEXT, "
            "acq TEXT, summary TEXT, body TEXT NOT NULL)"
        )
        db.execute("INSERT INTO event VALUES (1, 1, '', 'x', 'fact', '', NULL, '', '{}')")
        db.commit()
    feed = Feed(path)
    nothing: array[int] | None = None
    wanted = parse("item=E-0001", fields=events.FIELDS)
    assert feed.ask(lambda db: events.matching(db, wanted, 0, 1), nothing) is None  # and no screen breaks
    model = ReadModel(path)
    assert feed.events(1, 5) == []
    model.event(1, {"seq": 1, "item": "E-0001"}, "{}")
    found = feed.ask(lambda db: events.matching(db, wanted, 0, 1), nothing)
    assert found is not None and list(found) == [1]
    model.close()
    assert [row.line for row in Feed(path).events(1, 5)] == [1]
    ReadModel(path).close()
    assert Feed(path).events(1, 5) == []  # the log's own lines are written by whoever has read the log


def test_a_damaged_file_answers_nothing(tmp_path: Path) -> None:
    (tmp_path / "case.sqlite").write_bytes(b"no database" * 1000)
    feed = Feed(tmp_path / "case.sqlite")
    assert feed.events(1, 5) == [] and feed.event_body(1) is None and feed.events_of("A-0001") == []
    assert feed.ask(lambda db: events.whole(db, 1), None) is None


@pytest.mark.parametrize(
    "text",
    [
        "[" * 100_000,
        '{"a":' * 100_000,
        '{"a":[' * 300 + "1" + "]}" * 300,  # it could be decoded, and not be walked through
        "[]",
        "{torn",
        '{"a": ' + "9" * 5000 + "}",
        b"\xff{}",
        "",
    ],
    ids=["list", "object", "deep", "no object", "torn", "number", "bytes", "nothing"],
)
def test_what_is_no_body_reads_as_none(text: str | bytes) -> None:
    assert events.decode_body(text) is None


def test_a_body_as_deep_as_the_log_takes_one_is_read() -> None:
    deepest: Any = [1]
    for _ in range(99):
        deepest = {"a": deepest}
    line.canonical(deepest)
    text = json.dumps(deepest)
    assert events.decode_body(text) == deepest == events.decode_body(text.encode())
    with pytest.raises(line.NotCanonical):
        line.canonical({"a": deepest})


def test_the_lines_of_an_item_are_found_by_its_column(told: Told) -> None:
    for number in (1, 2, 1, 11):
        told.line(acq="A-0001", item=f"E-{number:04d}")
    told.line(acq="A-0001")
    told.line(item="E-0001")
    found = told.feed.ask(lambda db: [row.line for row in events.of_item(db, "E-0001")], list[int]())
    assert found == [1, 3, 6]
    plan = "EXPLAIN QUERY PLAN SELECT line FROM event WHERE item = 'E-0001' ORDER BY line"
    steps = told.feed.ask(lambda db: str(db.execute(plan).fetchall()), "")
    assert "event_item" in steps  # and not by a look at every line
