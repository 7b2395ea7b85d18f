"""What of the user's keymap was left out is said once the case is on the screen."""

from __future__ import annotations

from pathlib import Path

from screens.present.look import UNICODE
from screens.root import Workbench
from tests.screens.conftest import Desk
from tests.screens.fakes import FixedClock, ScriptedCommands
from tests.screens.seed import seed


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
        await desk.sees("keys.x is no command", "\\x1b[2J is no command", "2 more lines of the keymap")
    model.close()
