"""Measured differences between clocks."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest

from app.skew import ahead

ASKED = datetime(2026, 11, 23, 9, 0, 0, 700_000, tzinfo=UTC)


def told(by: float, took: float = 0.2) -> int | None:
    """What is measured of a clock that is ``by`` seconds ahead, half way through a call that took so long."""
    there = ASKED + timedelta(seconds=by + took / 2)
    date = format_datetime(there.replace(microsecond=0), usegmt=True)
    return ahead(date, ASKED, ASKED + timedelta(seconds=took))


@pytest.mark.parametrize("by", [1200, 60, 5, -5, -60, -86400])
def test_whole_seconds_ahead_or_behind(by: int) -> None:
    measured = told(by)
    assert measured is not None and abs(measured - by) <= 1


@pytest.mark.parametrize("by", [-2, -1, 0, 1, 2])
def test_what_a_date_cannot_tell_is_no_difference(by: int) -> None:
    assert told(by) == 0


def test_a_slow_answer_is_no_difference() -> None:
    assert told(0, took=40.0) == 0
    assert told(15, took=40.0) == 0


@pytest.mark.parametrize(
    "date", [None, "", "soon", 7, "Mon, 99 Nov 2026 09:00:00 GMT", "Mon, 01 Jan 9999 00:00:00 GMT"]
)
def test_without_a_time_there_is_no_measure(date: object) -> None:
    assert ahead(date, ASKED, ASKED) is None
