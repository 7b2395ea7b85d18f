"""What is told without being asked: entries of the keymap that were left out, and the write window."""

from __future__ import annotations

from pathlib import Path

import msgspec

from app.clock import stamp_us
from app.faults import Refused
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


async def test_a_key_takes_away_what_was_said_before_it_and_nothing_is_lost(desk: OpenDesk) -> None:
    async with desk(size=(80, 24)) as d:
        d.app.say("Said long before the key.")
        d.app.say_fault(Refused("This is refused", next="do something else"))
        await d.sees("Said long before the key.", "This is refused")
        d.clock.advance(2)
        d.app.say("Said just now.", "warning")
        await d.sees("Said just now.")
        await d.press("j")
        await d.until(lambda: "This is refused" not in d.text and "Said long" not in d.text)
        assert "Said just now." in d.text  # nobody can have read it
        d.clock.advance(2)
        await d.press("colon")
        await d.until(lambda: "Said just now." not in d.text)
        await d.type("messages")
        await d.press("enter")
        shown = [" ".join(line.strip("│ ").split()) for line in d.lines]
        first = next(place for place, line in enumerate(shown) if line == "14:03:23 ▲ Said just now.")
        assert shown[first + 1 : first + 4] == [
            "14:03:21 ✖ This is refused",
            "→ do something else",
            "14:03:21 · Said long before the key.",
        ]


async def test_where_nothing_was_said_the_page_says_so(desk: OpenDesk) -> None:
    async with desk(size=(80, 24)) as d:
        await d.press("colon")
        await d.type("messages")
        await d.press("enter")
        await d.sees("Nothing was said in passing yet.")
