"""The connection: the screens come first, and a lost agent is told and found again."""

from __future__ import annotations

import asyncio
import sys
from datetime import timedelta
from pathlib import Path

import msgspec
import pytest

from app.client.launch import connect
from app.client.rpc import AgentClient
from app.clock import stamp_us
from app.faults import AgentGone, SigningLocked
from app.locations import Locations
from screens.link import Link
from screens.root import Workbench
from tests.evidence.sealed import folder
from tests.screens.conftest import OpenDesk, desk_on
from tests.screens.fakes import FixedClock, ScriptedCommands
from tests.screens.seed import NOW


async def test_the_first_frame_does_not_wait_for_the_agent(desk: OpenDesk) -> None:
    never = asyncio.Event()

    async def connect() -> ScriptedCommands:
        await never.wait()
        return ScriptedCommands()

    async with desk(connect=connect) as d:
        await d.sees("payments-prod", "A-0007")
        assert d.app.link.state == "connecting"
        await d.press("3", "j", "p")  # an order before the agent is there is refused in words
        await d.sees("the agent is not connected yet")


async def test_a_case_that_nobody_opened_before_asks_for_its_inventory_once(tmp_path: Path) -> None:
    commands = ScriptedCommands()

    async def connect() -> ScriptedCommands:
        return commands

    app = Workbench(tmp_path, tmp_path / "case.sqlite", connect, "ex-07", clock=FixedClock())
    async with app.run_test(size=(132, 40)) as pilot:
        for _ in range(400):
            await pilot.pause(0.01)
            if commands.called("inventory.refresh"):
                break
        assert commands.called("inventory.refresh") == [{"scope": "resources", "accounts": None, "wait": False}]


async def test_a_failed_connection_is_a_strip_and_heals(tmp_path: Path) -> None:
    tries = 0
    let = asyncio.Event()

    async def connect() -> ScriptedCommands:
        nonlocal tries
        tries += 1
        if not let.is_set():
            raise SigningLocked(
                "the signing key of IR-42 is locked", next="run jumpbag IR-42 and give the passphrase"
            )
        return ScriptedCommands()

    async with desk_on(tmp_path, connect=connect) as d:
        await d.sees(
            "Not connected to the agent", "signing key of IR-42 is locked", "give the passphrase", "agent gone"
        )
        await d.until(lambda: tries > 3)
        assert d.clock.slept[:3] == [1.0, 2.0, 4.0]
        let.set()
        await d.until(lambda: d.app.link.state == "attached")
        await d.until(lambda: "Not connected" not in d.text)


async def test_a_silent_agent_is_told_stale_asked_and_found_again(tmp_path: Path) -> None:
    given: list[ScriptedCommands] = []

    async def connect() -> ScriptedCommands:
        given.append(ScriptedCommands())
        return given[-1]

    async with desk_on(tmp_path, connect=connect) as d:
        await d.until(lambda: d.app.link.state == "attached")
        d.clock.advance(14)
        await d.sees("stale 14 s", "No sign of the agent for 14 s")
        await d.until(lambda: given[0].called("status"))  # it is asked; it answers: the connection stays
        assert len(given) == 1 and d.app.link.state == "attached"
        given[0].gone = True
        d.clock.advance(6)
        await d.until(lambda: len(given) == 2, "a new connection")
        assert given[0].closed
        assert given[1].called("session.attach") == [{"examiner": "ex-07", "kind": "ui"}]
        d.model.fact("agent", msgspec.structs.replace(d.app.snapshot.agent, beat=stamp_us(d.clock.now())))
        await d.until(lambda: "stale" not in d.text)


async def test_a_call_into_a_closed_connection_reconnects() -> None:
    first, second = ScriptedCommands(), ScriptedCommands()
    waiting = [second, first]
    states: list[str] = []
    changes: asyncio.Queue[str] = asyncio.Queue()

    async def connect() -> ScriptedCommands:
        return waiting.pop()

    def changed() -> None:
        states.append(link.state)
        changes.put_nowait(link.state)

    link = Link(connect, "ex-07", FixedClock(), changed)
    running = asyncio.create_task(link.run())
    assert await asyncio.wait_for(changes.get(), 10) == "attached"
    first.gone = True
    try:
        await link.call("verify", {})
    except AgentGone as fault:
        assert "closed" in fault.message
    else:
        raise AssertionError("the fault was swallowed")
    await asyncio.wait_for(changes.get(), 10)
    await asyncio.wait_for(changes.get(), 10)
    assert states == ["attached", "gone", "attached"]
    assert (await link.call("verify", {}))["ok"] and second.called("verify")
    await link.leave()
    assert second.called("session.detach") and second.closed
    running.cancel()


async def test_a_clock_that_was_set_is_told(desk: OpenDesk) -> None:
    async with desk(size=(200, 50)) as d:
        d.clock.jump(35)
        await d.sees("clock moved +35 s")


async def test_an_agent_that_went_away_is_said_to_come_back_by_itself(tmp_path: Path) -> None:
    """The command line's advice (run the command again) is no advice inside the screens."""
    gone = AgentGone("the agent went away", next="run the command again: it is started anew and goes on")
    again = asyncio.Event()
    tries = 0

    async def connect() -> ScriptedCommands:
        nonlocal tries
        tries += 1
        if tries > 1:
            if tries == 2:
                raise gone
            await again.wait()
        return ScriptedCommands(acquisition_pause=gone)

    async with desk_on(tmp_path, connect=connect, size=(200, 50)) as d:
        await d.until(lambda: d.app.link.state == "attached")
        seen: list[int | None] = []
        before = d.app.link._changed

        def changed() -> None:
            seen.append(d.app.link.retry_in)
            before()

        d.app.link._changed = changed
        await d.press("3", "j", "p")
        await d.sees("Not connected to the agent: the agent went away", "it is being started again now")
        await d.sees("it is being started again by itself; then see")
        assert "run the command" not in d.text
        await d.until(lambda: tries == 3)
        assert seen == [None, 1]
        again.set()
        await d.until(lambda: d.app.link.state == "attached")


async def test_an_agent_that_cannot_be_started_is_told_and_tried_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "executable", "/nowhere/python")  # upgraded under our feet
    tries = 0

    async def reach() -> AgentClient:
        nonlocal tries
        tries += 1
        return await connect(folder(tmp_path), Locations({"HOME": str(tmp_path)}))

    async with desk_on(tmp_path, connect=reach, size=(200, 50)) as d:
        await d.sees("Not connected to the agent", "/nowhere/python: No such file", "it is being started again")
        await d.until(lambda: tries > 2)


async def test_leaving_without_an_agent_does_not_promise_anything(tmp_path: Path) -> None:
    async def connect() -> ScriptedCommands:
        raise AgentGone("no agent", next="")

    async with desk_on(tmp_path, connect=connect) as d:
        await d.until(lambda: d.app.link.state == "gone")
        await d.press("q")
        assert "could not be reached" in (d.app.return_value or "")


async def test_a_session_only_agent_says_so(tmp_path: Path) -> None:
    async with desk_on(tmp_path, size=(200, 50)) as d:
        agent = msgspec.structs.replace(
            d.app.snapshot.agent, state="session", beat=stamp_us(NOW + timedelta(seconds=1))
        )
        d.model.fact("agent", agent)
        await d.sees("session only")
        await d.press("q")
        assert "until this login ends" in (d.app.return_value or "")
