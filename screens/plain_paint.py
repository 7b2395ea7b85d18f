"""What is painted, made plain: without colours, or without characters that the terminal does not know."""

from __future__ import annotations

from functools import lru_cache

from rich.cells import cell_len
from rich.segment import Segment
from rich.style import Style
from textual.color import Color
from textual.filter import LineFilter


class NoColour(LineFilter):
    """Takes every colour out: what it told is told by weight, reverse and words. A ground of its own (a field to
    type in) becomes an underline."""

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


class AsciiOnly(LineFilter):
    """Replaces what Textual draws by itself, such as the end of a title that is cut; ours is ASCII already."""

    def apply(self, segments: list[Segment], background: Color) -> list[Segment]:
        return [
            segment if segment.text.isascii() else Segment(_ascii(segment.text), segment.style, segment.control)
            for segment in segments
        ]


def _ascii(text: str) -> str:
    """``text`` in as many cells."""
    return "".join(char if char.isascii() else _NEAREST.get(char, "?" * cell_len(char)) for char in text)


_NEAREST = {"…": "~", "•": "*"}
