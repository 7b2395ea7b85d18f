"""What is told without being asked: entries of the keymap that were left out, and the write window."""

from __future__ import annotations

from pathlib import Path

import msgspec

from app.clock import stamp_us
from screens.credentials.arm import ArmScreen
from screens.present.look import UNICODE
from screens.root import Workbench
from tests.screens.conftest import Desk, OpenDesk
from tests.screens.fakes import FixedClock, ScriptedCommands
from tests.screens.seed import NOW, seed


async def test_lines_of_the_keymap_that_were_left_out_are_told(tmp_path: Path) -> None:
    commands, clock = ScriptedCommands(), FixedClock()
    model = seed(tmp_path / "case.sqlite")

    async def connect() -> ScriptedCommands:
        return commands

    app = Workbench(
        tmp_path,
        tmp_path / "case.sqlite",
        connect,
        "ex-07",
        clock=clock,
        look=UNICODE,
        notices=("keys.x is no command", "keys.\x1b[2J is no command", "three", "four", "five"),
    )
    async with app.run_test(size=(132, 40), notifications=True) as pilot:
        desk = Desk(app, pilot, commands, clock, model)
        await desk.sees("5 entries of the keymap are left out", ":keymap")
        await desk.press("colon")
        await desk.type("keymap")
        await desk.press("enter")
        await desk.sees("keys.x is no command", "\\x1b[2J is no command", "three", "five", "mend keymap.toml")
    model.close()


UNTIL = stamp_us(NOW.replace(minute=18))


async def test_every_terminal_is_told_of_the_write_window(desk: OpenDesk) -> None:
    async with desk() as d:
        agent = d.app.snapshot.agent
        await d.press("w")
        assert isinstance(d.app.screen, ArmScreen)
        d.model.fact("agent", msgspec.structs.replace(agent, armed_until=UNTIL, armed_by="ex-11"))
        await d.sees("ARMED by ex-11: plans can be approved")
        assert d.screen_name == "WorkbenchScreen"  # the question has answered itself
        await d.until(lambda: "by ex-11" in d.lines[0])
        d.model.fact("agent", agent)
        await d.sees("READ-ONLY: the write window is closed")


async def test_an_agent_that_came_back_says_that_the_window_is_closed(desk: OpenDesk) -> None:
    async with desk() as d:
        agent = d.app.snapshot.agent
        d.model.fact("agent", msgspec.structs.replace(agent, armed_until=UNTIL, armed_by="ex-07"))
        await d.sees("ARMED: plans can be approved")
        d.model.fact("agent", msgspec.structs.replace(agent, pid=agent.pid + 1))
        await d.sees("the agent has started again")


async def test_no_question_is_asked_where_it_cannot_be_read(desk: OpenDesk) -> None:
    async with desk(size=(59, 14)) as d:
        await d.press("w")
        assert d.screen_name == "WorkbenchScreen" and not d.commands.called("session.arm")
        assert "READ-ONLY" in d.lines[0]
