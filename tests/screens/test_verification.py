"""The page of the verification: what it says, and what becomes of it while nobody looks."""

from __future__ import annotations

import asyncio
from typing import Any

from app.faults import Denied
from tests.screens.conftest import OpenDesk
from tests.screens.fakes import VERIFIED, ScriptedCommands
from tests.screens.seed import NOW
from tests.screens.test_custody import grow


async def test_verification_keeps_three_claims_apart(desk: OpenDesk) -> None:
    answer = VERIFIED | {"not_proven": ["self-custodied: whoever holds key 9f1c could have rewritten this"]}
    async with desk(commands=ScriptedCommands(verify=answer)) as d:
        await d.press("4", "v")
        await d.sees(
            "everything promised is proven",
            "chain and signatures    ✔ proven to line 214 (214 events)",
            "checkpointed            ✔ to line 200",
            "anchored outside        – nothing outside",
            "Not proven:",
            "Self-custodied: whoever holds key 9f1c",
            "line 214",
            "started 2026-11-23T14:03:21Z, took 0.0 s; v verifies again",
        )
        assert d.app.last_verification == (True, NOW)
        await d.press("v")
        assert len(d.commands.called("verify")) == 2


class Slow(ScriptedCommands):
    """Verifications end when they are let go."""

    def __init__(self, **answers: Any) -> None:
        super().__init__(**answers)
        self.begun, self.go_on = asyncio.Event(), asyncio.Event()

    async def call(self, method: str, params: dict[str, Any]) -> Any:
        if method == "verify":
            self.begun.set()
            await self.go_on.wait()
        return await super().call(method, params)


async def test_seconds_tick_while_it_verifies(desk: OpenDesk) -> None:
    commands = Slow()
    async with desk(commands=commands) as d:
        await d.pilot.press("4", "v")
        await commands.begun.wait()
        d.clock.advance(75)
        await d.sees("running for 1:15")
        await d.pilot.press("v")
        await d.sees("being verified already")
        await d.pilot.press("escape")  # leaving the page does not stop it
        commands.go_on.set()
        await d.settled()
        assert d.app.last_verification is not None and d.app.last_verification[0]
        assert len(d.commands.called("verify")) == 1


async def test_the_page_that_is_opened_again_joins_what_is_under_way(desk: OpenDesk) -> None:
    commands = Slow()
    async with desk(commands=commands) as d:
        await d.pilot.press("4", "v")
        await commands.begun.wait()
        for _ in range(2):
            d.clock.advance(30)
            await d.pilot.press("escape", "v")
        await d.sees("running for 1:00")
        commands.go_on.set()
        await d.sees("everything promised is proven", "started 2026-11-23T14:03:21Z, took 1:00")
        assert len(commands.called("verify")) == 1


async def test_the_last_answer_is_shown_again_while_the_log_stays_as_it_was(desk: OpenDesk) -> None:
    async with desk() as d:
        await d.press("4", "v")
        await d.sees("everything promised is proven")
        d.clock.advance(600)
        await d.press("escape", "v")
        await d.sees("everything promised is proven", "started 2026-11-23T14:03:21Z, took 0.0 s; v verifies again")
        assert len(d.commands.called("verify")) == 1
        grow(d, 215, 216)
        await d.sees("The log has 2 lines more by now: this says nothing of what came since.")
        await d.press("escape", "v")
        await d.sees("started 2026-11-23T14:13:21Z")
        assert len(d.commands.called("verify")) == 2


async def test_what_the_verification_wrote_itself_is_nothing_that_it_missed(desk: OpenDesk) -> None:
    async with desk(commands=ScriptedCommands(verify=VERIFIED | {"recorded": 4})) as d:
        await d.press("4", "v")
        await d.sees("everything promised is proven")
        grow(d, 215, 218)
        await d.until(lambda: d.app.snapshot.custody.lines == 218)
        await d.press("escape", "v")
        await d.sees("everything promised is proven")
        assert len(d.commands.called("verify")) == 1
        grow(d, 219, 219)
        await d.sees("The log has 1 line more by now: this says nothing of what came since.")
        await d.press("escape", "v")
        assert len(d.commands.called("verify")) == 2


async def test_an_answer_that_came_while_nobody_looked_is_kept_for_them(desk: OpenDesk) -> None:
    commands = Slow()
    async with desk(commands=commands) as d:
        await d.pilot.press("4", "v")
        await commands.begun.wait()
        await d.pilot.press("escape")
        commands.go_on.set()
        await d.settled()
        grow(d, 215, 215)
        await d.until(lambda: d.app.snapshot.custody.lines == 215)
        await d.press("v")
        await d.sees("everything promised is proven", "The log has 1 line more by now")
        assert len(commands.called("verify")) == 1
        await d.press("escape", "v")
        assert len(commands.called("verify")) == 2


async def test_what_another_terminal_began_is_dated_by_its_beginning(desk: OpenDesk) -> None:
    """The agent reads once for all: what came after its beginning was perhaps not read."""
    answer = VERIFIED | {"began": "2026-11-23T13:58:11.250000Z"}
    async with desk(commands=ScriptedCommands(verify=answer)) as d:
        await d.press("4", "v")
        await d.sees("started 2026-11-23T13:58:11Z, took 5:")


async def test_what_is_wrong_and_what_could_not_be_checked_differ(desk: OpenDesk) -> None:
    broken = VERIFIED | {
        "ok": False,
        "chain": False,
        "reason": "line 17: prev is not the hash of line 16",
        "first_bad_line": 17,
        "faults": [
            {"line": 17, "file": None, "reason": "prev is not the hash of line 16"},
            {"line": None, "file": "evidence/E-0005", "reason": "data/disk.raw differs"},
        ],
        "not_proven": ["nothing is proven beyond what is wrong: see the faults"],
    }
    async with desk(commands=ScriptedCommands(verify=broken)) as d:
        await d.press("4", "v")
        await d.sees("something is wrong", "broken at line 17: chain", "evidence/E-0005: data/disk.raw differs")
        d.commands.answers["verify"] = VERIFIED | {
            "ok": False,
            "unchecked": ["evidence/E-0005: Input/output error"],
            "reason": "evidence/E-0005: Input/output error",
        }
        await d.press("v")
        await d.sees("not all could", "Input/output error")
        d.commands.answers["verify"] = Denied("the agent may not read the record", next="look at its mode")
        await d.press("v")
        await d.sees("it could not be checked", "look at its mode", "gave up after")
