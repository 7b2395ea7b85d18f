"""The screens on a read model that somebody spoilt: they stay, they say so, and they can be left."""

from __future__ import annotations

import asyncio
import sqlite3
import threading
from pathlib import Path

import pytest

from app.case.readmodel import ReadModel
from app.client import feed
from screens.reader import Reader
from tests.prepared import BODIES, EVERY, FOREIGN, ROWS, endless, spoil
from tests.screens.conftest import OpenDesk, desk_on
from tests.screens.seed import NOW, add_events, facts, seed

_STRIP = ("copy of the case cannot be read", "record is not touched")
_READ = (
    "UPDATE fact SET value = json_set(value, '$.beat', 'yyy', '$.armed_until', 'zzz') WHERE key = 'agent'",
    "UPDATE fact SET value = replace(value, '\"events\":', '\"events\":99999999999999999999')",
    "UPDATE resource SET body = json_set(body, '$.size_bytes', -5)",
    "UPDATE lease SET body = json_set(body, '$.expires', 'x', '$.issued', 'y')",
    "INSERT INTO event (line, body) VALUES (2147483000, 'x')",
)
_VALUES = {
    "of the right type": "; ".join(_READ),
    "listing": "UPDATE listing SET parent = 'x', size = 'y', eligible = 'z', owner = x'00'",
    "acquisition": "UPDATE acquisition SET body = json_set(body, '$.bytes_done', 1e400, '$.started', 'x')",
}


@pytest.fixture(autouse=True)
def _at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(feed, "CALM_S", 0.0)


@pytest.mark.parametrize("how", [*ROWS, "endless view"])
async def test_a_file_that_is_spoilt_while_it_is_shown(desk: OpenDesk, how: str) -> None:
    async with desk(size=(132, 40)) as d:
        more = "" if how in ROWS else "; UPDATE revision SET value = value + 1"
        spoil(d.app.case_dir / "case.sqlite", EVERY[how] + more)
        await d.sees(*_STRIP, "with S")
        await d.sees("web-01")  # what was read stays
        d.model.close()
        again = ReadModel(d.app.case_dir / "case.sqlite")  # as an agent that was started again
        facts(again, NOW)
        add_events(again, 1, 3, NOW)
        await d.until(lambda: _STRIP[0] not in d.text, "the end of the strip")
        again.close()
        await d.pilot.press("q")
        await d.until(lambda: not d.app.is_running, "the end")


@pytest.mark.parametrize("how", BODIES)
async def test_rows_that_cannot_be_read(tmp_path: Path, how: str) -> None:
    def filled(path: Path) -> ReadModel:
        model = seed(path)
        spoil(path, BODIES[how])
        return model

    async with desk_on(tmp_path, fill=filled, size=(80, 24)) as d:
        await d.sees(*_STRIP)
        await d.press("2", "j", "enter", "escape")
        assert d.app.is_running


@pytest.mark.parametrize("how", _VALUES)
async def test_values_that_no_agent_writes(desk: OpenDesk, how: str) -> None:
    async with desk() as d:
        spoil(d.app.case_dir / "case.sqlite", f"{_VALUES[how]}; UPDATE revision SET value = value + 1")
        await d.pilot.pause(0.3)
        await d.press(
            "2", "j", "enter", "escape", "3", "enter", "escape", "4", "G", "enter", "escape", "l", "escape"
        )
        d.app.workbench.tick()
        await d.pilot.pause(0.3)
        assert d.app.is_running


@pytest.mark.parametrize(
    "body",
    ["[" * 100_000, '{"a":' * 100_000, '{"op":"x","summary":"y","a":' + '{"a":' * 800 + "1" + "}" * 801],
    ids=["list", "object", "deep"],
)
async def test_a_line_that_is_nested_without_end(desk: OpenDesk, body: str) -> None:
    async with desk() as d:
        for line in (215, 216):
            read = {"seq": line, "ts": "2026-11-23T14:03:21Z", "op": "plan.approve", "phase": "intent",
                    "acq": "A-0005", "item": "E-0005", "summary": "Deep"}  # fmt: skip
            d.model.event(line, read, body)
        await d.until(lambda: d.app.snapshot.event_lines == 216)
        await d.press("4", "G", "enter")
        await d.sees("line 216 is no event")
        await d.press("escape")
        d.app.open_acquisition("A-0005")
        await d.sees("Deep")
        await d.press("escape", "E", "enter")
        await d.sees("Custody", "2 lines")
        await d.press("tab", "enter")
        await d.sees("line 216 is no event")
        assert d.app.is_running


@pytest.mark.parametrize("how", FOREIGN)
async def test_a_file_of_somebody_else(desk: OpenDesk, how: str) -> None:
    async with desk() as d:
        path = d.app.case_dir / "case.sqlite"
        d.model.close()
        spoil(path, FOREIGN[how])
        copy = path.with_name("copy")
        copy.write_bytes(path.read_bytes())
        copy.replace(path)  # put there as it is, and no agent runs
        await d.sees(*_STRIP, "not a file that this agent has made")
        await d.pilot.press("q")
        await d.until(lambda: not d.app.is_running, "the end")


async def test_closing_waits_for_no_question(tmp_path: Path) -> None:
    seed(tmp_path / "case.sqlite").close()
    reader, begun = Reader(tmp_path / "case.sqlite"), threading.Event()

    def question(db: sqlite3.Connection) -> int:
        db.create_function("begun", 0, begun.set)
        db.execute("SELECT begun()").fetchone()
        return endless(db)

    asked = asyncio.create_task(reader._run(lambda: reader._feed.ask(question, 7)))
    await asyncio.to_thread(begun.wait, 20)
    reader.close()
    assert await asked == 7
