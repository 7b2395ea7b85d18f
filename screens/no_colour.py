"""Without colour: not one colour byte is sent, and what colour told is told by weight, reverse and underline."""

from __future__ import annotations

from functools import lru_cache

from rich.segment import Segment
from rich.style import Style
from textual.color import Color
from textual.filter import LineFilter


class NoColour(LineFilter):
    """Takes the colours out of what is painted. A ground of its own (a field to type in) becomes an underline."""

    def apply(self, segments: list[Segment], background: Color) -> list[Segment]:
        return [
            Segment(text, _plain(style) if style is not None else None, control)
            for text, style, control in segments
        ]


@lru_cache(4096)
def _plain(style: Style) -> Style:
    plain = style.without_color
    ground = style.bgcolor.triplet if style.bgcolor is not None else None
    return plain + Style(underline=True) if ground is not None and any(ground) else plain
