"""Leaving, stopping, and what the bars say of what is paused, armed or told in passing."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from app.case.readmodel import ReadModel
from app.clock import stamp, stamp_us
from app.model import ENDED
from app.model.view import EvidenceCheck
from tests.screens.conftest import OpenDesk
from tests.screens.seed import NOW, acquisitions, seed


async def test_detaching_says_what_goes_on(desk: OpenDesk) -> None:
    async with desk() as d:
        await d.press("q")
        assert d.app.return_value == (
            "Detached. A-0007 (62 %) and A-0008 (41 %) go on. A-0006 (60 %) waits for you. "
            "`jumpbag IR-42` comes back."
        )
    assert [name for name, _ in d.commands.calls][-1] == "session.detach"
    assert d.commands.closed


def quiet(path: Path) -> ReadModel:
    """The case with nothing under way."""
    model = seed(path)
    model.clear("acquisition", "step", "scan", "evidence_check")
    return model


def check(item: str, done: int = 0, total: int = 0) -> EvidenceCheck:
    started = stamp(NOW) if total else ""
    return EvidenceCheck(item=item, state="running", bytes_done=done, bytes_total=total, started=started)


@pytest.mark.parametrize(
    ("checks", "said"),
    [
        ((), "Nothing is running."),
        ((check("E-0005", 38, 100),), "The check of E-0005 goes on (38 %)."),
        (
            (check("E-0004"), check("E-0005", 38, 100), check("E-0006")),
            "The check of E-0005 goes on (38 %); E-0004 and E-0006 wait for their turn.",
        ),
    ],
)
async def test_leaving_tells_of_items_that_are_read_again(
    desk: OpenDesk, checks: tuple[EvidenceCheck, ...], said: str
) -> None:
    async with desk(fill=quiet) as d:
        for one in checks:
            d.model.check(one)
        await d.until(lambda: d.app.snapshot.checks == checks)
        await d.press("q")
        assert d.app.return_value == f"Detached. {said} `jumpbag IR-42` comes back."


async def test_leaving_tells_of_a_verification_under_way_and_of_what_becomes_of_its_answer(desk: OpenDesk) -> None:
    async with desk(fill=quiet) as d:
        d.model.fact("agent", msgspec.structs.replace(d.app.snapshot.agent, state="session"))
        await d.until(lambda: d.app.snapshot.agent.state == "session")
        d.commands.hold("verify")
        await d.pilot.press("4", "v", "q")
        await d.until(lambda: d.app.return_value)
        assert d.app.return_value == (
            "Detached. The verification of the case goes on until this login ends: each item that it reads is "
            "recorded, and who asks before it ends gets its answer. `jumpbag IR-42` comes back."
        )


async def test_stopping_tells_what_reading_it_ends(desk: OpenDesk) -> None:
    async with desk(fill=quiet) as d:
        d.model.check(check("E-0005", 38, 100))
        await d.until(lambda: d.app.snapshot.checks)
        await d.press("S")
        await d.sees("The check of E-0005 is given up")
        await d.type_word("IR-42")
        assert d.app.return_value == (
            "The agent has stopped. The check of E-0005 was given up, and begins anew when it is "
            "asked for again. `jumpbag IR-42` comes back."
        )


async def test_a_scan_is_something_that_runs(desk: OpenDesk) -> None:
    async with desk() as d:
        d.model.clear("acquisition")
        await d.until(lambda: not d.app.snapshot.acquisitions)
        await d.press("q")
        assert d.app.return_value == "Detached. The scan of the clouds goes on. `jumpbag IR-42` comes back."


@pytest.mark.parametrize("width", [80, 132])
async def test_a_paused_one_does_not_count_as_running(desk: OpenDesk, width: int) -> None:
    async with desk(size=(width, 40)) as d:
        for one in acquisitions(NOW)[2:]:
            d.model.acquisition(msgspec.structs.replace(one, state="paused", error=None, next=None))
        await d.press("3")
        await d.until(lambda: all(one.state in ENDED | {"paused"} for one in d.app.snapshot.acquisitions))
        await d.sees("3 Acquisitions · 3 paused")
        assert "running" not in d.text
        if width == 132:
            assert "3 paused" in d.lines[0]
        else:
            assert "3 Acq‖" in d.text
        d.model.acquisition(acquisitions(NOW)[4])
        await d.sees("1 running · 2 paused")


async def test_the_command_that_comes_back_is_the_one_it_was_opened_with(desk: OpenDesk) -> None:
    async with desk() as d:
        d.app.comeback = "make demo"
        await d.press("q")
        assert (d.app.return_value or "").endswith("`make demo` comes back.")


async def test_a_toast_covers_neither_footer_nor_buttons(desk: OpenDesk) -> None:
    async with desk(size=(80, 24)) as d:
        footer = d.lines[-3:]
        d.app.say("word " * 40)
        await d.sees("word word")
        assert d.lines[-3:] == footer


async def test_stopping_the_agent_is_a_separate_confirmed_command(desk: OpenDesk) -> None:
    async with desk() as d:
        await d.press("S", "enter")
        assert d.commands.called("stop") == []
        await d.press("S")
        d.app.screen.query_one("#word").focus()
        await d.pilot.pause()
        await d.sees("Unfinished acquisitions go on by themselves when the agent starts")
        await d.type("IR-42")
        await d.press("enter", "enter")
        assert d.commands.called("stop") == [{}]
        assert d.app.return_value == (
            "The agent has stopped. A-0006 (60 %), A-0007 (62 %) and A-0008 (41 %) go on by themselves when the "
            "agent starts again. `jumpbag IR-42` comes back."
        )


async def test_armed_is_told_with_its_end(desk: OpenDesk) -> None:
    async with desk() as d:
        agent = msgspec.structs.replace(d.app.snapshot.agent, armed_until=stamp_us(NOW.replace(minute=8)))
        d.model.fact("agent", agent)
        await d.sees("ARMED 5:00")
        assert "READ-ONLY" not in d.lines[0]
