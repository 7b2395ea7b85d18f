"""What a newcomer meets: the demo's tour, and what the rail says of itself."""

from __future__ import annotations

from pathlib import Path

import pytest

import providers.emulators
from app.faults import Untagged
from app.guided.load import Sources
from screens.command.catalogue import COMMANDS
from screens.command.registry import Registry
from tests.screens.conftest import OpenDesk
from tests.screens.guided import Office
from tests.screens.seed import WEB
from tests.screens.test_guided import follow, seen
from tests.screens.test_orders_under_way import listen, times

TOUR = Path(providers.emulators.__file__).parent / "scenarios" / "web-intrusion" / "playbooks"


@pytest.mark.parametrize("resource", ["i-0bbb92c1d3e4f5a60", "vol-0d93b1a2c3f4e5d60"], ids=["instance", "disk"])
async def test_an_untagged_instance_is_refused_as_well_as_its_disk(desk: OpenDesk, resource: str) -> None:
    office = Office(directory=TOUR, plan=Untagged(f"{resource} is not tagged")).with_run("tour", "by_hand", "done")
    async with desk(fill=office.fill, commands=office.commands, sources=Sources((TOUR,))) as d:
        await follow(d, "3 Be refused")
        await d.press("2")
        d.put_cursor_on(resource)
        await d.press("a")
        await d.sees("is not tagged")
        await d.until(lambda: seen(office) == [("refused", "done")])


async def test_the_page_that_was_opened_says_what_the_run_is_about_and_how_to_choose_another(
    desk: OpenDesk,
) -> None:
    office = Office().with_run("preserve-now")
    async with desk(fill=office.fill, commands=office.commands) as d:
        await follow(d, "1 Choose what to preserve", "t playbooks")
        assert "About: " not in d.text
        heard = listen(d)
        await d.press("2")
        d.put_cursor_on(WEB)
        await d.press("enter")
        said = "G-0001 is about web-01 now, as its page was opened; T on another one changes that."
        await d.until(lambda: times(heard, said) == 1, said)
        await d.press("escape")
        await d.sees("About: web-01 · T chooses another")
        d.put_cursor_on("i-0b7e4410c2d35aa91")
        await d.press("T")
        await d.until(lambda: office.commands.called("playbook.target")[-1]["target"].endswith("35aa91"))


@pytest.mark.parametrize("size", [(100, 24), (132, 40)])
async def test_the_rail_names_the_key_that_lists_playbooks(desk: OpenDesk, size: tuple[int, int]) -> None:
    mine = Registry(COMMANDS, {"guide": "f9"})
    office = Office().with_run("preserve-now", "done")
    async with desk(size=size, fill=office.fill, commands=office.commands, registry=mine) as d:
        await follow(d, "Guided: ", "F9 playbooks")
        await d.press("f9", "enter")
        await d.sees("G-0001 is hidden: F9 and Enter on it")
