"""How long an approval stands: whatever is done to the clock, and what a cancel is the authority for."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, cast

import pytest

from app import config
from app.acquisition.board import Board
from app.acquisition.ending import Ending
from app.acquisition.engine import Engine
from app.acquisition.gates import Gates
from app.acquisition.record import History, Record, plan_text
from app.acquisition.service import Acquisitions
from app.case.readmodel import ReadModel
from app.clock import stamp
from app.custody import Ledger, Signer
from app.faults import ApprovalEnded
from tests.custody import cases
from tests.evidence.sealed import folder
from tests.screens.sample_plan import plan

START = datetime(2026, 11, 23, 14, 0, tzinfo=UTC)


class Hands:
    """A clock of which each hand is set by itself."""

    def __init__(self) -> None:
        self.wall, self.elapsed = START, 0.0

    def now(self) -> datetime:
        return self.wall

    def monotonic(self) -> float:
        return self.elapsed

    async def sleep(self, seconds: float) -> None:
        raise AssertionError("nobody sleeps here")

    def go(self, seconds: float) -> None:
        self.wall += timedelta(seconds=seconds)
        self.elapsed += seconds

    def set(self, seconds: float) -> None:
        """Somebody sets the wall clock forward or back."""
        self.wall += timedelta(seconds=seconds)


class Desk:
    """The record and the gates of a case on the given hands."""

    def __init__(self, path: Path) -> None:
        self.path, self.hands, self.signer = path, Hands(), Signer.generate()
        cases.new_ledger(path, self.signer).close()
        self.open()

    def open(self) -> None:
        """As an agent opens a case: nothing is known but what the log says."""
        listeners: list[Any] = []
        self.ledger = Ledger.open(
            self.path,
            self.signer,
            clock=self.hands,
            on_append=lambda *line: listeners[0](*line) if listeners else None,
        )
        self.model = ReadModel(self.path / "case.sqlite")
        self.record = Record(self.ledger, folder(self.path), self.model, self.hands)
        self.record.load()
        listeners.append(self.record.appended)
        self.board = Board(self.model, self.hands)
        self.gates = Gates(self.record, self.board, self.hands)

    def close(self) -> None:
        self.ledger.close()
        self.model.close()

    def approve(self, seconds: float = 60.0) -> History:
        text, digest = plan_text(plan("copy"))
        until = stamp(self.hands.now() + timedelta(seconds=seconds))
        self.record.fact(
            "plan.approve",
            "ex-07 approved A-0001.",
            actor="ex-07",
            acq="A-0001",
            authority={"ticket": "T-1", "approved_by": "ex-07", "scope": "A-0001: disk", "valid_until": until},
            params={"reason": "", "plan": text, "plan_sha256": digest},
        )
        self.board.open("A-0001", plan("copy"), ["E-0001"])
        return self.history

    @property
    def history(self) -> History:
        return self.record.histories["A-0001"]

    def stands(self) -> bool:
        return self.gates.approved(self.history)


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    made = Desk(tmp_path / "case")
    yield made
    made.close()


def test_it_ends_when_it_says(desk: Desk) -> None:
    desk.approve()
    assert desk.stands()
    desk.hands.go(59.0)
    assert desk.stands()
    desk.hands.go(1.0)
    assert not desk.stands()


def test_a_clock_that_is_set_back_gives_nothing_back(desk: Desk) -> None:
    desk.approve()
    desk.hands.go(61.0)
    assert not desk.stands()
    desk.hands.set(-3600.0)
    assert not desk.stands()
    with pytest.raises(ApprovalEnded):
        desk.gates.permit(desk.history, desk.history.plan.steps[0])


def test_a_clock_that_is_set_back_before_its_end_does_not_put_it_off(desk: Desk) -> None:
    desk.approve()
    assert desk.stands()
    desk.hands.go(30.0)
    desk.hands.set(-3600.0)
    assert desk.stands()
    desk.hands.go(30.0)
    assert not desk.stands()


def test_the_next_agent_knows_the_time_from_the_log(desk: Desk) -> None:
    desk.approve()
    desk.hands.go(61.0)
    desk.record.fact("agent.stop", "The agent stops.")
    desk.close()
    desk.hands.set(-3600.0)
    desk.open()
    assert not desk.stands()


def test_what_is_approved_anew_stands_also_after_a_clock_was_far_ahead(desk: Desk) -> None:
    desk.approve()
    desk.hands.set(86_400.0)
    desk.record.fact("case.note", "A note of tomorrow.")
    desk.hands.set(-86_400.0)
    assert not desk.stands()
    desk.approve()
    assert desk.stands()
    desk.hands.go(61.0)
    assert not desk.stands()


def cancelling(desk: Desk) -> Acquisitions:
    """Acquisitions of which one is known, interrupted, and owes something."""

    class Owing:
        def owes(self, history: History) -> bool:
            return True

    desk.record.fact("acquisition.start", "A-0001 starts.", acq="A-0001", params={"attempt": 1, "items": {}})
    ending, engine = cast(Ending, Owing()), cast(Engine, None)
    return Acquisitions(desk.record, desk.board, desk.gates, ending, engine, desk.hands)


async def test_a_cancel_after_the_end_approves_nothing_but_taking_back(desk: Desk) -> None:
    desk.approve()
    acquisitions = cancelling(desk)
    desk.hands.go(3600.0)
    assert not desk.stands()
    desk.gates.hold_unapproved(desk.history)
    await acquisitions.cancel("A-0001", "ex-11", "enough")
    bodies = [body for _, body, _, _ in desk.ledger.events() if body]
    assert [body["op"] for body in bodies].count("plan.approve") == 1
    (cancel,) = (body for body in bodies if body["op"] == "acquisition.cancel")
    authority = cancel["authority"]
    assert (authority["approved_by"], authority["scope"]) == ("ex-11", "A-0001: take back what is in force")
    assert authority["valid_until"] > stamp(desk.hands.now())
    assert desk.stands() and desk.record.authority(desk.history, "agent") == authority
    undoing = next(step for step in desk.history.plan.steps if step.undoes)
    doing = next(step for step in desk.history.plan.steps if not step.undoes)
    desk.gates.permit(desk.history, undoing)
    with pytest.raises(asyncio.CancelledError):
        desk.gates.permit(desk.history, doing)


async def test_killed_after_a_cancel_the_wish_and_its_authority_are_there(desk: Desk) -> None:
    desk.approve()
    acquisitions = cancelling(desk)
    desk.hands.go(3600.0)
    await acquisitions.cancel("A-0001", "ex-11", "")
    desk.close()
    desk.open()
    assert desk.history.wish == "cancel" and desk.stands()
    assert desk.record.authority(desk.history, "agent")["scope"].endswith("take back what is in force")


async def test_a_cancel_whose_own_authority_ended_is_said_again(desk: Desk) -> None:
    desk.approve()
    acquisitions = cancelling(desk)
    await acquisitions.cancel("A-0001", "ex-07", "")
    desk.hands.go(config.AgentSettings().approval_seconds + 1.0)
    assert not desk.stands()
    desk.gates.of("A-0001").hold()
    await acquisitions.cancel("A-0001", "ex-11", "")
    assert desk.stands() and desk.record.authority(desk.history, "agent")["approved_by"] == "ex-11"
    assert desk.gates.of("A-0001").stopped == "cancel"
