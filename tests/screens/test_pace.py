"""The curve of the last minutes."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from screens.present.cells import cells
from screens.present.look import ASCII, UNICODE, Look
from screens.present.pace import pace_line, sparkline

MIB = 1024**2
VALUES = st.lists(st.integers(0, 10**12), max_size=60)


def test_the_highest_is_the_peak_and_the_lowest_a_stall() -> None:
    assert sparkline([0, 1, 50, 100], UNICODE) == "▁▂▅█"
    assert sparkline([0, 1, 50, 100], ASCII) == ".:+@"
    assert sparkline([7, 7], UNICODE) == "██"


@pytest.mark.parametrize("values", [[], [0], [0, 0, 0]])
def test_nothing_is_drawn_where_nothing_was_moved(values: list[int]) -> None:
    assert sparkline(values, UNICODE) == "" and pace_line(values, 80, UNICODE) == ()


@given(VALUES, st.sampled_from([UNICODE, ASCII]))
def test_each_value_has_a_cell_and_only_a_stall_has_the_lowest(values: list[int], look: Look) -> None:
    curve = sparkline(values, look)
    if any(values):
        assert len(curve) == len(values) and (look is UNICODE or curve.isascii())
        assert [sign == sparkline([0, 1], look)[0] for sign in curve] == [value == 0 for value in values]


def test_the_label_says_how_long_and_how_fast() -> None:
    (curve, _), (label, _) = pace_line([100 * MIB] * 47 + [412 * MIB], 80, UNICODE)
    assert len(curve.strip()) == 48 and label == "last 4 min, peak 410 MiB/s"
    assert pace_line([5 * MIB] * 3, 80, UNICODE)[1][0] == "last 15 s, peak 5.0 MiB/s"


@given(VALUES, st.integers(30, 120))
def test_what_does_not_fit_is_left_out_from_the_old_end(values: list[int], width: int) -> None:
    line = pace_line(values, width, UNICODE)
    assert cells(line) <= width
    if line:
        shown = len(line[0][0].strip())
        assert line[0][0].strip() == sparkline(values[-shown:], UNICODE)
