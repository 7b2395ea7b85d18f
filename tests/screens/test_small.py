"""Terminals that are just large enough, and such that are not."""

from __future__ import annotations

import pytest

from screens.widgets.footer_line import fitting
from tests.screens.conftest import OpenDesk
from tests.screens.guided import INSTANCE, Office
from tests.screens.seed import XVDA


@pytest.mark.parametrize("keys", [("E",), ("E", "enter"), ("3", "enter"), ("l",), ("4", "enter")])
async def test_the_smallest_screen_still_names_its_keys(desk: OpenDesk, keys: tuple[str, ...]) -> None:
    async with desk(size=(60, 15)) as d:
        await d.press(*keys)
        assert d.screen_name != "WorkbenchScreen"
        await d.until(lambda: d.lines[-1].rstrip().endswith("Esc back  ? help"))


def test_what_leads_out_is_the_last_to_go() -> None:
    hints = [("v", "verify"), ("x", "stop"), ("Esc", "back"), ("?", "help")]
    assert fitting(hints, 80) == hints
    assert fitting(hints, 30) == [hints[0], *hints[2:]]
    assert fitting(hints, 0) == hints[2:]


async def test_a_screen_that_is_too_small_is_one_line(desk: OpenDesk) -> None:
    office = Office().with_run(INSTANCE, "by_hand")
    async with desk(size=(80, 24), fill=office.fill, commands=office.commands) as d:
        await d.press("2")
        d.put_cursor_on(XVDA)
        for keys in ((), ("E",), ("escape", "a")):
            await d.press(*keys)
            await d.sees("2/10")  # the strip of the playbook
            await d.pilot.resize_terminal(59, 14)
            await d.until(lambda: "needs 60x15" in d.lines[0])
            assert not any(line.strip() for line in d.lines[1:]), d.text
            await d.pilot.resize_terminal(80, 24)
            await d.sees("2/10")
        assert d.screen_name == "PlanScreen"
        await d.sees("Reason for custody", "[ Cancel ]")
