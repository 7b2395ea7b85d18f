"""Whether an order arrived, as the read model's custody lines say."""

from __future__ import annotations

from pathlib import Path

import pytest

from app.client import orders
from tests.core.test_events import Told

PLAN, OTHER = "d1" * 32, "d2" * 32


@pytest.fixture
def told(tmp_path: Path) -> Told:
    return Told(tmp_path)


def approve(told: Told, acq: str, digest: str = PLAN, actor: str = "ex-07") -> int:
    return told.line("plan.approve", acq=acq, actor={"id": actor}, params={"plan_sha256": digest})


def approved(told: Told, after: int) -> str | None:
    return told.feed.ask(lambda db: orders.approved(db, "ex-07", PLAN, after), None)


def test_only_that_plan_by_that_examiner_after_that_line(told: Told) -> None:
    approve(told, "A-0001")
    after = told.feed.ask(orders.last_line, -1)
    assert after == told.last == 1
    approve(told, "A-0002", digest=OTHER)
    approve(told, "A-0003", actor="ex-09")
    told.line("acquisition.start", acq="A-0003")
    assert approved(told, after) == ""
    approve(told, "A-0004")
    assert approved(told, after) == "A-0004"
    assert approved(told, 0) == "A-0001"


def test_while_lines_are_missing_nothing_is_concluded(told: Told) -> None:
    approve(told, "A-0001")
    assert approved(told, 5) is None  # made anew: not all of it is there
    told.last = 6
    told.line()  # line 7; of 6 nothing is there
    assert approved(told, 5) is None
    assert approved(told, 6) == ""


def test_a_fragment_is_no_approval(told: Told) -> None:
    told.model.event(1, None, "{torn")
    assert approved(told, 0) == ""
