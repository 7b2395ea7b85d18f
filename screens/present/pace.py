"""How fast an acquisition was in the last minutes, as a curve one cell high."""

from __future__ import annotations

from collections.abc import Sequence

from app.model.acquisition import PACE_S
from screens.present.amounts import rate
from screens.present.cells import Line
from screens.present.look import Look

_BLOCKS = "▁▂▃▄▅▆▇█"
_ASCII = ".:-=+*#@"


def sparkline(values: Sequence[int], look: Look) -> str:
    """A cell for each value, the oldest left, the greatest the highest. The lowest sign is for 0 alone: a stall is
    told from a crawl. "" where there is nothing but 0."""
    top = max(values, default=0)
    if top <= 0:
        return ""
    signs = _ASCII if look.ascii else _BLOCKS
    steps = len(signs) - 1
    return "".join(signs[-(-max(0, value) * steps // top)] for value in values)


def pace_line(pace: Sequence[int], width: int, look: Look) -> Line:
    """The curve, how long a time it covers and its peak; () where nothing was moved. What does not fit is left out
    from the old end."""
    shown = pace
    while True:
        curve = sparkline(shown, look)
        label = f"last {_span(len(shown) * PACE_S)}, peak {rate(max(shown, default=0))}"
        if not curve or len(shown) + len(label) + 2 <= width:
            break
        shown = shown[1:]
    return ((f" {curve} ", "live"), (label, "dim")) if curve else ()


def _span(seconds: int) -> str:
    return f"{round(seconds / 60)} min" if seconds >= 60 else f"{seconds} s"
