"""An order whose answer is lost: the page finds out by itself whether it arrived, once the agent answers again."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from textual.widgets import Input

from app.faults import Fault
from screens.plan.screen import PlanScreen
from screens.workbench.screen import WorkbenchScreen
from tests.screens.conftest import Desk, desk_on
from tests.screens.fakes import ScriptedCommands
from tests.screens.seed import NOW, event
from tests.screens.test_orders_under_way import keys, listen, open_window, times
from tests.screens.test_plan import TARGET, approve

DIGEST = "d1" * 32
UNKNOWN = "not known whether it was started"


class Line:
    """A line to an agent that takes the order and is gone; it answers again when it is told to."""

    def __init__(self) -> None:
        self.back = asyncio.Event()
        self.first = ScriptedCommands()
        self.again = ScriptedCommands()
        self._taken = False

    async def connect(self) -> ScriptedCommands:
        if self._taken:
            await self.back.wait()
            return self.again
        self._taken = True
        return self.first


def approval(d: Desk, line: int, acq: str, digest: str = DIGEST, actor: str = "ex-07") -> None:
    """The agent wrote that it was approved."""
    body = event(line, NOW) | {
        "op": "plan.approve",
        "phase": "fact",
        "acq": acq,
        "actor": {"id": actor},
        "params": {"reason": "", "plan": "{}", "plan_sha256": digest},
    }
    d.model.event(line, body, json.dumps(body))


@asynccontextmanager
async def lost(folder: Path, line: Line) -> AsyncIterator[tuple[Desk, list[str]]]:
    """The plan of a disk was approved, and the agent is gone before it answered."""
    async with desk_on(folder, connect=line.connect) as d:
        await open_window(d)
        heard = listen(d)
        d.app.plan("disk", TARGET, "web-01 /dev/xvda")
        await d.settled()
        await d.press("m")
        await d.type("SEC-981")
        await d.press("enter", "r")
        line.first.hold("acquire")
        await keys(d, "right", "enter")
        await d.sees("starting")
        line.first.gone = True
        yield d, heard


async def test_while_the_agent_is_gone_nobody_is_told_to_give_the_order_again(tmp_path: Path) -> None:
    line = Line()
    async with lost(tmp_path, line) as (d, _):
        line.first.release("acquire")
        await d.sees(UNKNOWN, "then see what came of this before", "told here", "Do not approve it again before")
        assert "give the order again" not in d.text and "Nothing was changed" not in d.text
        assert approve(d).disabled


async def test_an_order_that_had_arrived_goes_on_as_if_it_was_answered(tmp_path: Path) -> None:
    line = Line()
    async with lost(tmp_path, line) as (d, heard):
        line.first.release("acquire")
        await d.sees(UNKNOWN)
        approval(d, 215, "A-0007")
        line.back.set()
        await d.until(lambda: isinstance(d.app.screen, WorkbenchScreen), "the acquisitions")
        await d.until(lambda: d.app.workbench.acquisitions.rows.current == "A-0007")
        assert times(heard, "web-01 /dev/xvda: the order had arrived, as A-0007") == 1


@pytest.mark.parametrize(
    ("digest", "actor"), [("d2" * 32, "ex-07"), (DIGEST, "ex-09")], ids=["another plan", "another examiner"]
)
async def test_an_order_that_did_not_arrive_may_be_given_again(tmp_path: Path, digest: str, actor: str) -> None:
    line = Line()
    async with lost(tmp_path, line) as (d, _):
        line.first.release("acquire")
        await d.sees(UNKNOWN)
        approval(d, 215, "A-0007", digest, actor)
        line.back.set()
        await d.sees("not started", "custody has no approval of this plan", "give the order again")
        assert UNKNOWN not in d.text and "Nothing was changed in any cloud" in d.text
        await d.press("R")
        assert d.app.screen.query_one("#reason", Input).value == "SEC-981"
        await keys(d, "right", "enter")
        await d.sees("A-0009 is queued")
        assert len(line.again.called("acquire")) == 1


async def test_nothing_is_concluded_before_the_record_can_be_read(tmp_path: Path) -> None:
    line = Line()
    async with lost(tmp_path, line) as (d, _):
        line.first.release("acquire")
        await d.sees(UNKNOWN)
        body = event(216, NOW)
        d.model.event(216, body, json.dumps(body))  # of line 215 nothing is there yet
        line.back.set()
        await d.until(lambda: d.app.link.state == "attached")
        slept = len(d.clock.slept)
        await d.until(lambda: len(d.clock.slept) > slept + 2, "it looks again")
        await d.sees(UNKNOWN)
        approval(d, 215, "A-0007")
        await d.until(lambda: isinstance(d.app.screen, WorkbenchScreen), "the acquisitions")


@pytest.mark.parametrize("there", [True, False])
async def test_what_came_of_it_is_told_also_where_the_page_was_left(tmp_path: Path, there: bool) -> None:
    line = Line()
    async with lost(tmp_path, line) as (d, heard):
        await keys(d, "escape")
        line.first.release("acquire")
        await d.until(lambda: times(heard, f"web-01 /dev/xvda: {UNKNOWN}"))
        if there:
            approval(d, 215, "A-0007")
        line.back.set()
        said = "the order had arrived, as A-0007" if there else "not started: custody has no approval"
        await d.until(lambda: times(heard, f"web-01 /dev/xvda: {said}"), said)
        assert isinstance(d.app.screen, WorkbenchScreen)


async def test_a_plan_that_is_made_meanwhile_stays_and_the_arrival_is_told(tmp_path: Path) -> None:
    line = Line()
    async with lost(tmp_path, line) as (d, heard):
        line.first.release("acquire")
        await d.sees(UNKNOWN)
        line.again.hold("plan")
        approval(d, 216, "A-0007")  # line 215 is missing: it cannot be told yet
        line.back.set()
        await d.until(lambda: d.app.link.state == "attached")
        await d.pilot.press("R")
        await d.sees("planning: reading what is there")
        body = event(215, NOW)
        d.model.event(215, body, json.dumps(body))
        await d.until(lambda: times(heard, "the order had arrived, as A-0007"))
        line.again.release("plan")
        await d.sees("ends in")
        assert isinstance(d.app.screen, PlanScreen)


@pytest.mark.parametrize("answer", [Fault("it fell over"), {"acquisition": 7}], ids=["broken", "unreadable"])
@pytest.mark.parametrize("there", [True, False])
async def test_after_an_answer_that_says_nothing_the_record_does(
    tmp_path: Path, answer: object, there: bool
) -> None:
    def answered(_: object) -> object:
        if there:
            approval(d, 215, "A-0007")
        if isinstance(answer, Fault):
            raise answer
        return answer

    async with desk_on(tmp_path, commands=ScriptedCommands(acquire=answered)) as d:
        await open_window(d)
        heard = listen(d)
        d.app.plan("disk", TARGET, "web-01 /dev/xvda")
        await d.settled()
        await d.press("r")
        await keys(d, "right", "enter")
        if there:
            await d.until(lambda: times(heard, "the order had arrived, as A-0007"))
        else:
            await d.sees("not started", "custody has no approval of this plan")
