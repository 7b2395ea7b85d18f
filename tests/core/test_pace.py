"""The curve of an acquisition's rate, and the rows that it stands in."""

from __future__ import annotations

from pathlib import Path

import pytest

from app.acquisition.board import Board
from app.acquisition.pace import KEPT, Pace
from app.case.readmodel import ReadModel
from app.client.feed import Feed
from app.model import Acquisition
from app.model.acquisition import PACE_S
from tests.core.clocks import HandClock
from tests.screens.sample_plan import plan

RATES = [10, 20, 0, 40, 50]


def test_one_value_for_each_stretch_the_oldest_first() -> None:
    pace = Pace()
    for second in range(5 * PACE_S + 1):
        pace.moved(100.0 + second, 3, RATES[min(second // PACE_S, 4)])
    assert pace.values == (10, 20, 0, 40, 50)


def test_only_the_newest_are_kept() -> None:
    pace = Pace()
    for number in range(KEPT + 11):
        pace.moved(PACE_S * number, 3, number + 1)
    assert len(pace.values) == KEPT and pace.values[-1] == KEPT + 10 and pace.values[0] == 11


def test_what_has_ended_stays_until_bytes_of_another_step_move() -> None:
    pace = Pace()
    for number in range(4):
        pace.moved(PACE_S * number, 3, 7)
    curves = []
    for now, rate in ((500.0, 0), (501.0, 9), (501.0 + PACE_S, 9)):  # it has begun before anything moves
        pace.moved(now, 4, rate)
        curves.append(pace.values)
    assert curves == [(7, 7, 7), (), (9,)]


@pytest.mark.parametrize(("pause", "zeros"), [(3, 2), (KEPT + 1000, KEPT)])
def test_the_silence_within_a_step_counts_as_nothing(pause: int, zeros: int) -> None:
    pace = Pace()
    pace.moved(0.0, 3, 7)
    pace.moved(float(PACE_S * pause), 3, 8)
    assert pace.values == ((7,) + (0,) * zeros)[-KEPT:] and len(pace.values) <= KEPT


class Desk:
    """A board on a read model, and what a screen reads of it."""

    def __init__(self, folder: Path) -> None:
        self.clock = HandClock()
        self.board = Board(ReadModel(folder / "case.sqlite"), self.clock)
        self.feed = Feed(folder / "case.sqlite")

    def row(self) -> Acquisition:
        self.feed.poll()
        return self.feed.snapshot.acquisitions[0]


async def test_the_row_has_it_when_it_is_written_anyway(tmp_path: Path) -> None:
    desk = Desk(tmp_path)
    desk.board.open("A-0001", plan(), ["E-0001"], step_no=4)
    for _ in range(3):
        desk.board.progress("A-0001", rate=1000)
        await desk.clock.advance(PACE_S)
    desk.board.progress("A-0001", rate=1000)
    assert desk.row().pace == (), "a curve alone is no reason to write"
    desk.board.flush()
    assert desk.row().pace == (1000, 1000, 1000)
    desk.board.set("A-0001", state="paused", rate=None)
    assert desk.row().pace == (1000, 1000, 1000) and desk.row().rate is None
    desk.board.set("A-0001", state="running", step_no=5)
    desk.board.progress("A-0001", rate=5)
    desk.board.flush()
    assert desk.row().pace == ()


def test_each_step_says_what_it_undoes(tmp_path: Path) -> None:
    desk = Desk(tmp_path)
    made = plan("copy")
    desk.board.open("A-0001", made, ["E-0001"])
    desk.feed.poll()
    assert [row.undoes for row in desk.feed.snapshot.steps] == [step.undoes for step in made.steps]
    assert any(row.undoes for row in desk.feed.snapshot.steps)
