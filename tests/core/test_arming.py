"""The write window: when it is open, what custody is told of it, and that it is never open longer."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import pytest

from app.agent.arming import WriteWindow
from app.clock import stamp
from app.faults import AgentGone, ReadOnly, StorageFull
from tests.core.clocks import HandClock

HERE, THERE = object(), object()
UNTIL = "2026-11-23T14:15:00Z"


@dataclass
class Book:
    """Custody as the window sees it."""

    facts: list[tuple[str, str, dict[str, Any]]] = field(default_factory=list)
    full: bool = False

    def write(self, op: str, summary: str, *, actor: str = "agent", **members: Any) -> None:
        if self.full:
            raise StorageFull("no room")
        self.facts.append((op, actor, members["params"]))

    @property
    def newest(self) -> tuple[str, str, dict[str, Any]]:
        return self.facts[-1]


@dataclass
class Desk:
    clock: HandClock = field(default_factory=HandClock)
    book: Book = field(default_factory=Book)
    shown: list[tuple[str | None, str]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.window = WriteWindow(self.clock, self.book.write, lambda: self.shown.append(self.state))

    @property
    def state(self) -> tuple[str | None, str]:
        return self.window.until, self.window.by

    def read_only(self) -> bool:
        try:
            self.window.require()
        except ReadOnly as refused:
            assert refused.message == "the case is read-only" and ":arm" in refused.next
            return True
        return False


@pytest.fixture
def desk() -> Desk:
    return Desk()


def disarmed(why: str, actor: str = "agent") -> tuple[str, str, dict[str, Any]]:
    return "session.disarm", actor, {"why": why}


def test_a_case_is_read_only_until_somebody_opens_it(desk: Desk) -> None:
    assert desk.read_only() and desk.book.facts == []
    assert desk.window.open(HERE, "ex-07", 15, "the web shell") == UNTIL
    assert not desk.read_only()
    params = {"minutes": 15, "until": UNTIL, "reason": "the web shell"}
    assert desk.book.facts == [("session.arm", "ex-07", params)]
    assert desk.shown == [(UNTIL, "ex-07")]
    desk.window.close("asked", "ex-11")
    assert desk.read_only() and desk.book.newest == disarmed("asked", "ex-11")
    assert desk.shown[-1] == (None, "")
    desk.window.close("asked", "ex-11")
    assert len(desk.book.facts) == 2, "what is closed is not closed again"


@pytest.mark.parametrize("look", ["use", "pulse"])
async def test_it_closes_at_its_end(desk: Desk, look: str) -> None:
    desk.window.open(HERE, "ex-07", 1, "")
    await desk.clock.advance(59.0)
    desk.window.tick()
    assert not desk.read_only()
    await desk.clock.advance(1.0)
    if look == "pulse":
        desk.window.tick()
    assert desk.read_only() and desk.book.newest == disarmed("ended")
    assert desk.shown[-1] == (None, "")
    desk.window.left(HERE)
    assert len(desk.book.facts) == 2


async def test_a_clock_that_is_set_back_does_not_hold_it_open(desk: Desk) -> None:
    class SetBack(HandClock):
        def now(self) -> Any:
            return HandClock().now()

    desk.clock = clock = SetBack()
    desk.window = WriteWindow(clock, desk.book.write, lambda: None)
    desk.window.open(HERE, "ex-07", 1, "")
    await clock.advance(60.0)
    assert desk.read_only()


async def test_a_machine_that_slept_does_not_hold_it_open(desk: Desk) -> None:
    class Slept(HandClock):
        def monotonic(self) -> float:
            return 0.0

    desk.clock = clock = Slept()
    desk.window = WriteWindow(clock, desk.book.write, lambda: None)
    desk.window.open(HERE, "ex-07", 1, "")
    await clock.advance(60.0)
    assert desk.read_only()


async def test_opened_anew_it_is_longer_and_held_by_the_last_who_did(desk: Desk) -> None:
    desk.window.open(HERE, "ex-07", 15, "")
    await desk.clock.advance(600.0)
    later = desk.window.open(THERE, "ex-11", 15, "more to do")
    assert later == "2026-11-23T14:25:00Z" and desk.state == (later, "ex-11")
    assert [op for op, _, _ in desk.book.facts] == ["session.arm"] * 2
    desk.window.left(HERE)
    await desk.clock.advance(600.0)
    assert not desk.read_only()
    desk.window.left(THERE)
    assert desk.read_only() and desk.book.newest == disarmed("session left")


async def test_opened_after_its_end_both_are_told(desk: Desk) -> None:
    desk.window.open(HERE, "ex-07", 1, "")
    await desk.clock.advance(120.0)
    desk.window.open(HERE, "ex-07", 1, "")
    assert [op for op, _, _ in desk.book.facts] == ["session.arm", "session.disarm", "session.arm"]


def test_the_agent_that_stops_shuts_it_for_good(desk: Desk) -> None:
    desk.window.open(HERE, "ex-07", 15, "")
    desk.window.shut()
    assert desk.window.until is None and desk.book.newest == disarmed("agent stops")
    with pytest.raises(AgentGone):
        desk.window.open(HERE, "ex-07", 15, "")
    with pytest.raises(AgentGone), desk.window.consent(True, "ex-07", "") as consent:
        consent("disk vol-1")
    assert len(desk.book.facts) == 2


def test_what_cannot_be_recorded_does_not_open_it(desk: Desk) -> None:
    desk.book.full = True
    with pytest.raises(StorageFull):
        desk.window.open(HERE, "ex-07", 15, "")
    with pytest.raises(StorageFull), desk.window.consent(True, "ex-07", "") as consent:
        consent("disk vol-1")
    assert desk.read_only() and desk.shown == []


def test_it_closes_even_when_that_cannot_be_recorded_and_says_so_later(desk: Desk) -> None:
    desk.window.open(HERE, "ex-07", 15, "")
    desk.book.full = True
    desk.window.left(HERE)
    assert desk.read_only() and desk.shown[-1] == (None, "")
    with pytest.raises(StorageFull):
        desk.window.tick()  # the agent shows why
    with pytest.raises(StorageFull):
        desk.window.open(HERE, "ex-07", 15, "")
    desk.book.full = False
    desk.window.tick()
    desk.window.tick()
    assert desk.book.facts[1:] == [disarmed("session left")]


def test_one_plan_alone_opens_it_for_nobody_else(desk: Desk) -> None:
    with desk.window.consent(True, "ex-07", "why") as consent:
        assert desk.book.facts == [], "nothing is approved yet"
        consent("disk vol-1")
        assert desk.read_only() and desk.window.until is None
        assert desk.book.facts == [("session.arm", "ex-07", {"scope": "disk vol-1", "reason": "why"})]
    assert desk.book.newest == ("session.disarm", "agent", {"why": "ended", "scope": "disk vol-1"})
    assert desk.shown == []


def test_one_plan_alone_is_over_also_when_it_could_not_be_started(desk: Desk) -> None:
    with pytest.raises(StorageFull), desk.window.consent(True, "ex-07", "") as consent:
        consent("disk vol-1")
        raise StorageFull("no room")
    assert [op for op, _, _ in desk.book.facts] == ["session.arm", "session.disarm"]


async def test_consent_is_asked_when_it_is_used(desk: Desk) -> None:
    with desk.window.consent(False, "ex-07", "") as consent:
        with pytest.raises(ReadOnly, match="read-only"):
            consent("disk vol-1")
        desk.window.open(HERE, "ex-07", 1, "")
        consent("disk vol-1")
        await desk.clock.advance(60.0)
        with pytest.raises(ReadOnly, match="read-only"):
            consent("disk vol-2")
    assert [op for op, _, _ in desk.book.facts] == ["session.arm", "session.disarm"]


def test_what_a_killed_agent_left_open_is_closed_in_the_log(desk: Desk) -> None:
    told: list[tuple[str, dict[str, Any]]] = [
        ("session.arm", {"scope": "disk vol-1"}),
        ("session.disarm", {"why": "ended", "scope": "disk vol-1"}),
        ("session.arm", {"scope": "disk vol-2"}),
        ("session.arm", {"minutes": 15}),
        ("session.disarm", {"why": "asked"}),
        ("session.arm", {"minutes": 15}),
        ("session.arm", {"minutes": 30}),
        ("plan.approve", {}),
    ]
    for op, params in told:
        desk.window.heard({"op": op, "params": params})
    desk.window.take_over()
    assert desk.book.facts == [
        disarmed("agent stops"),
        ("session.disarm", "agent", {"why": "agent stops", "scope": "disk vol-2"}),
    ]
    assert desk.read_only()


def test_the_end_is_the_clock_s(desk: Desk) -> None:
    assert stamp(desk.clock.now()) == "2026-11-23T14:00:00Z"
    assert desk.window.open(HERE, "ex-07", 60, "") == "2026-11-23T15:00:00Z"
