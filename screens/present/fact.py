"""Text behind a label, wrapped under itself."""

from __future__ import annotations

from screens.present.cells import Line, wrap

LABEL = 10
"""Cells of the label."""


def fact(label: str, text: str, width: int, tone: str = "") -> list[Line]:
    """``label`` and then ``text``, in as many lines as it needs; "" continues what is above."""
    first, *more = wrap(text, max(16, width - LABEL))
    lines: list[Line] = [((f"{label:<{LABEL}}", "head"), (first, tone))]
    return [*lines, *(((" " * LABEL, ""), (piece, tone)) for piece in more)]
