from __future__ import annotations

import asyncio

from app.pacing import Pacer
from tests.core.clocks import HandClock


async def test_a_burst_passes_and_then_the_rate_holds() -> None:
    clock = HandClock()
    pacer = Pacer(clock)
    passed: list[float] = []

    async def one() -> None:
        await pacer("222222222222", "ec2")
        passed.append(clock.monotonic())

    calls = [asyncio.create_task(one()) for _ in range(40)]
    await clock.advance(0)
    assert len(passed) == 20
    await clock.advance(1.0)
    assert 29 <= len(passed) <= 31
    await clock.advance(10.0)
    await asyncio.gather(*calls)


async def test_accounts_do_not_wait_for_each_other() -> None:
    clock = HandClock()
    pacer = Pacer(clock)
    for _ in range(20):
        await pacer("222222222222", "ec2")
    await asyncio.wait_for(pacer("333333333333", "ec2"), 1)
