"""The verification of the whole case by its agent: one at a time, in nobody's way, and work like any other."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from app.agent.case_agent import CaseAgent
from app.agent.methods import methods
from app.agent.server import Peer
from app.agent.verifying import Verifying
from app.case.create import create
from app.clock import parse_stamp
from app.custody import Signer, Verification, verify
from app.custody.verify_evidence import Inspect
from app.faults import AgentGone
from app.locations import Locations
from tests.core.clocks import HandClock
from tests.evidence.sealed import Sealed


class Held:
    """Verifications as they are, but each waits until it is let go: before its first byte of evidence, or where
    ``at`` says."""

    def __init__(self, at: str = "evidence/") -> None:
        self.begun, self.at = 0, at
        self.reached, self.go = threading.Event(), threading.Event()

    def __call__(self, case: Path, progress: Callable[[str, int, int], None], inspect: Inspect) -> Verification:
        self.begun += 1

        def hold(name: str, done: int, total: int) -> None:
            progress(name, done, total)
            if name.startswith(self.at):
                self.reached.set()
                assert self.go.wait(60)

        return verify(case, progress=hold, inspect=inspect)

    async def holds(self) -> None:
        """It has come so far."""
        with ThreadPoolExecutor(max_workers=1) as beside:
            assert await asyncio.get_running_loop().run_in_executor(beside, self.reached.wait, 30)


@pytest.fixture
def held() -> Iterator[Held]:
    one = Held()
    yield one
    one.go.set()


@pytest.fixture
def sealed(tmp_path: Path) -> Iterator[Sealed]:
    one = Sealed(tmp_path / "IR-7", Signer.generate())
    yield one
    one.close()


async def all_of(waiting: Sequence[asyncio.Future[Any]]) -> list[Any]:
    """How each ended, within half a minute."""
    return await asyncio.wait_for(asyncio.gather(*waiting, return_exceptions=True), 30)


async def test_who_comes_later_gets_the_answer_of_the_one_under_way_and_no_more(
    sealed: Sealed, held: Held
) -> None:
    clock = HandClock()
    began, before = clock.now(), len(list(sealed.ledger.events()))
    verifying = Verifying(sealed.path, clock, held)
    first = asyncio.create_task(verifying.verified("ex-07"))
    await held.holds()
    await clock.advance(600.0)
    sealed.ledger.fact("case.note", actor="ex-07", summary="later")
    others = [asyncio.create_task(verifying.verified("ex-07")) for _ in range(2)]
    await asyncio.sleep(0)
    held.go.set()
    answers = await all_of([first, *others])
    assert held.begun == 1
    assert [one.began for one in answers] == [began] * 3
    for one in answers:
        assert one.found.ok and one.found.live and one.found.lines == before
        assert any(f"after line {before} is not proven" in said for said in one.found.not_proven)
    again = await verifying.verified("ex-07")
    assert held.begun == 2 and again.found.lines == before + 1 and again.began == clock.now()


async def test_one_who_gives_up_does_not_end_it_for_the_others(sealed: Sealed, held: Held) -> None:
    verifying = Verifying(sealed.path, HandClock(), held)
    first, other = (asyncio.create_task(verifying.verified("ex-07")) for _ in range(2))
    await held.holds()
    first.cancel()
    await all_of([first])
    assert first.cancelled() and verifying.busy
    held.go.set()
    (answer,) = await all_of([other])
    assert answer.found.ok and held.begun == 1 and not verifying.busy


async def test_it_takes_no_thread_that_others_need(sealed: Sealed, held: Held) -> None:
    asyncio.get_running_loop().set_default_executor(ThreadPoolExecutor(max_workers=1))
    verifying = Verifying(sealed.path, HandClock(), held)
    reading = asyncio.create_task(verifying.verified("ex-07"))
    await held.holds()
    assert await asyncio.wait_for(asyncio.to_thread(str, 1), 10) == "1"
    held.go.set()
    await all_of([reading])


async def test_the_agent_that_stops_does_not_wait_for_it(sealed: Sealed) -> None:
    sealed.vast()  # nobody reads that to its end
    reached = threading.Event()

    def read(case: Path, progress: Callable[[str, int, int], None], inspect: Inspect) -> Verification:
        def tell(name: str, done: int, total: int) -> None:
            progress(name, done, total)
            if name == "evidence/E-0003/data/disk.raw":
                reached.set()

        return verify(case, progress=tell, inspect=inspect)

    verifying = Verifying(sealed.path, HandClock(), read)
    reading = [asyncio.create_task(verifying.verified("ex-07")) for _ in range(2)]
    assert await asyncio.to_thread(reached.wait, 30)
    verifying.stop()
    answers = await all_of(reading)
    assert all(isinstance(one, AgentGone) and "given up" in one.message for one in answers)
    assert not verifying.busy
    with pytest.raises(AgentGone):
        await verifying.verified("ex-07")


# -- the agent -----------------------------------------------------------------------------------------


@asynccontextmanager
async def agent_of(tmp_path: Path, held: Held, clock: HandClock) -> AsyncIterator[CaseAgent]:
    """The agent of a new case, which exits when it was idle for ten seconds."""
    locations, config = Locations({"HOME": str(tmp_path)}), tmp_path / "config.toml"
    config.write_text(
        '[signing]\nprotection = "file"\n[examiner]\nid = "ex-07"\n[agent]\nidle_exit = 10\n', "utf-8"
    )
    made = create(
        "IR-7",
        title="t",
        ticket="T-1",
        config_file=config,
        evidence_dir=None,
        cases=tmp_path / "cases",
        locations=locations,
    )
    agent = CaseAgent(made.case, locations, clock)
    agent.verifying = Verifying(made.case.path, clock, held)
    await agent.unlock(None)
    try:
        yield agent
    finally:
        await agent.close()


async def test_an_agent_that_verifies_is_not_idle(tmp_path: Path, held: Held) -> None:
    clock, held.at = HandClock(), "custody/"
    async with agent_of(tmp_path, held, clock) as agent:
        handlers, _ = methods(agent)
        asked = clock.now()
        asking = [asyncio.ensure_future(handlers["verify"](Peer(0, 1), {})) for _ in range(3)]
        await held.holds()
        await clock.advance(60.0)
        assert not agent.done.is_set(), "it went away under the verification"
        before = agent.record.lines if agent.record else 0
        held.go.set()
        answers = await all_of(asking)
        assert agent.record is not None and agent.record.lines == before  # nothing is sealed: nothing was read
        assert [one["recorded"] for one in answers] == [0] * 3
        assert [parse_stamp(one["began"]) for one in answers] == [asked] * 3
        assert all(one["ok"] and one["lines"] for one in answers)
        await clock.advance(60.0)
        assert agent.done.is_set()
