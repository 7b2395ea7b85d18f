from __future__ import annotations

import asyncio

from app.acquisition.control import Control


async def reached(control: Control) -> str:
    return await asyncio.wait_for(control.gate(), 1)


async def test_a_gate_is_open_until_somebody_closes_it() -> None:
    assert await reached(Control()) == "run"


async def test_pause_holds_and_resume_lets_go() -> None:
    control = Control()
    control.pause()
    waiting = asyncio.create_task(control.gate())
    await asyncio.sleep(0)
    assert not waiting.done()
    assert control.stopped == "paused"
    control.resume()
    assert await asyncio.wait_for(waiting, 1) == "run"


async def test_cancel_wins_over_pause_but_not_over_a_stopping_agent() -> None:
    control = Control()
    control.pause()
    control.cancel()
    assert await reached(control) == "cancel"
    control.hold()
    waiting = asyncio.create_task(control.gate())
    await asyncio.sleep(0)
    assert not waiting.done()
    waiting.cancel()


async def test_credentials_that_come_back_open_the_gate_and_nothing_else_does() -> None:
    control = Control()
    control.wait_for_credentials()
    waiting = asyncio.create_task(control.gate())
    await asyncio.sleep(0)
    assert not waiting.done()
    control.credentials_may_be_back()
    assert await asyncio.wait_for(waiting, 1) == "run"
    control.pause()
    control.credentials_may_be_back()
    assert control.stopped == "paused"


async def test_what_is_taken_back_passes_a_cancelled_and_a_paused_gate_but_not_a_stopping_agent() -> None:
    control = Control()
    control.pause()
    control.cancel()
    assert await asyncio.wait_for(control.gate(undoing=True), 1) == "run"
    assert control.stops(undoing=False) and not control.stops(undoing=True)
    control.hold()
    waiting = asyncio.create_task(control.gate(undoing=True))
    await asyncio.sleep(0)
    assert not waiting.done() and control.stops(undoing=True)
    waiting.cancel()
