"""What is sent after a change: the cells that changed, and the screen is then as if all had been sent."""

from __future__ import annotations

from itertools import accumulate

from hypothesis import given, settings
from hypothesis import strategies as st
from rich.cells import cell_len
from rich.console import Console
from rich.segment import Segment
from textual._compositor import ChopsUpdate
from textual.content import Content
from textual.geometry import Region
from textual.strip import Strip

from screens.present.cells import Line
from screens.updates import ChangedCells
from screens.widgets.edges import set_subtitle, set_title
from screens.widgets.line_view import differences
from tests.bench.glass import Glass
from tests.screens.conftest import OpenDesk

WIDTH = 24
_TEXT = st.text(alphabet="ab ·界", max_size=7)
_LINES = st.lists(st.tuples(_TEXT, st.sampled_from(("", "dim", "need"))), max_size=4).map(tuple)


def cells(line: Line) -> list[str]:
    """A character per cell, the second cell of a wide one empty; cut and filled to the width."""
    out: list[str] = []
    for text, _ in line:
        for char in text:
            out += [char, ""][: cell_len(char)]
    return (out + [" "] * WIDTH)[:WIDTH]


@settings(max_examples=200, derandomize=True, deadline=None)
@given(_LINES, _LINES)
def test_the_columns_that_differ_are_all_that_differs(old: Line, new: Line) -> None:
    shown, wanted = cells(old), cells(new)
    for start, end in differences(old, new, WIDTH):
        assert 0 <= start < end <= WIDTH
        assert wanted[start] != ""  # it begins with a character, not in the middle of one
        shown[start:end] = wanted[start:end]
    assert shown == wanted
    assert differences(new, new, WIDTH) == []


def test_far_apart_changes_are_painted_apart() -> None:
    old: Line = (("7:35", "wait"), (" " * 14, ""), ("16:19", ""))
    new: Line = (("7:34", "wait"), (" " * 14, ""), ("16:20", ""))
    assert differences(old, new, WIDTH) == [(3, 4), (21, 23)]
    assert differences((("a\x1bb", ""),), (("a\x1bc", ""),), WIDTH) == [(0, WIDTH)]  # shown longer than it is


@st.composite
def updates(draw: st.DrawFn) -> tuple[list[str], ChopsUpdate]:
    """The pieces of a line, of full width, and an update of some of its columns."""
    pieces = draw(st.lists(st.text(alphabet="abc界", min_size=1, max_size=6), min_size=1, max_size=5))
    starts = [0, *accumulate(cell_len(piece) for piece in pieces)]
    spans = draw(st.lists(st.sampled_from(range(starts[-1] + 1)), min_size=2, max_size=6, unique=True).map(sorted))
    wanted = [(0, first, last) for first, last in zip(spans[::2], spans[1::2], strict=False)]
    chops = {start: Strip([Segment(piece)]) for start, piece in zip(starts, pieces, strict=False)}
    return pieces, ChopsUpdate([chops], wanted, [starts[1:]])


@settings(max_examples=200, derandomize=True, deadline=None)
@given(updates())
def test_an_update_writes_its_columns_and_no_column_before_them(drawn: tuple[list[str], ChopsUpdate]) -> None:
    pieces, update = drawn
    text = "".join(pieces)
    glass = Glass(40, 1)
    console = Console(color_system="truecolor")
    glass.feed(ChangedCells(update.chops, update.spans, update.chop_ends).render_segments(console).encode())
    whole = Glass(40, 1)
    whole.feed(text.encode())
    narrow = text.isascii()
    for column, (seen, meant) in enumerate(zip(glass.row(0), whole.row(0), strict=True)):
        inside = any(first <= column < last for _, first, last in update.spans)
        if inside:
            assert seen == meant
        elif narrow:
            assert seen == " "
        else:
            assert seen in (" ", meant)  # a piece with wide characters is written whole


async def test_a_title_paints_its_border_alone(desk: OpenDesk) -> None:
    async with desk() as d:
        pane = d.app.workbench.custody
        await d.settled()
        pane._exchange_repaint_regions()
        set_title(pane, Content("4 Custody · 215 events"))
        set_subtitle(pane, Content("215/215"))
        size = pane.outer_size
        assert pane._exchange_repaint_regions() == {
            Region(0, 0, size.width, 1),
            Region(0, size.height - 1, size.width, 1),
        }
        set_title(pane, Content("4 Custody · 215 events"))
        assert not pane._exchange_repaint_regions()  # nothing changed
