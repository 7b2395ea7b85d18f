"""Text measured in terminal cells, and lines made of toned spans."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from rich.cells import cell_len, set_cell_size

from screens.present.look import Look

Span = tuple[str, str]
"""Text and its tone: one of :data:`TONES`, "" for ordinary text."""
Line = tuple[Span, ...]

TONES = ("dim", "strong", "live", "wait", "need", "done", "bad", "lock", "key", "accent", "trough", "head", "next")

LEFT_LEAST = 8
"""Cells that stay at the left of what stands at the right end of a line."""


def cells(line: Line) -> int:
    """Width of a line in cells."""
    return sum(cell_len(text) for text, _ in line)


def fit(text: str, width: int, look: Look, *, right: bool = False) -> str:
    """``text`` in exactly ``width`` cells, cut with an ellipsis or padded."""
    if width <= 0:
        return ""
    size = cell_len(text)
    if size > width:
        return set_cell_size(text, width - 1) + look.more
    pad = " " * (width - size)
    return pad + text if right else text + pad


def fit_line(line: Line, width: int, look: Look) -> Line:
    """A line in exactly ``width`` cells."""
    if width <= 0:
        return ()
    size = cells(line)
    if size <= width:
        return (*line, (" " * (width - size), "")) if size < width else line
    out: list[Span] = []
    left = width
    for text, tone in line:
        size = cell_len(text)
        if size < left:
            out.append((text, tone))
            left -= size
        else:
            out.append((set_cell_size(text, left - 1) + look.more, tone))
            break
    return tuple(out)


def columns(parts: Iterable[tuple[Line, int]], look: Look, gap: str = " ") -> Line:
    """Columns side by side, each fitted into its width; columns of width 0 are left out."""
    out: list[Span] = []
    for line, width in parts:
        if width <= 0:
            continue
        if out:
            out.append((gap, ""))
        out.extend(fit_line(line, width, look))
    return tuple(out)


def spread(left: Line, right: Line, width: int, look: Look) -> Line:
    """``left`` and ``right`` at the two ends of ``width``; ``right`` goes first when both do not fit."""
    size = cells(right)
    if cells(left) + size + 1 > width:
        if size + LEFT_LEAST > width:
            return fit_line(left, width, look)
        return (*fit_line(left, width - size - 1, look), (" ", ""), *right)
    return (*left, (" " * (width - cells(left) - size), ""), *right)


def share(width: int, fixed: Sequence[int], weights: Sequence[int], gap: int = 1) -> list[int]:
    """What is left of ``width`` after the fixed columns and all gaps, split by weight (whole cells)."""
    total = sum(weights)
    left = max(0, width - sum(fixed) - gap * (len(fixed) + len(weights) - 1))
    parts = [left * weight // total for weight in weights]
    if parts:
        parts[0] += left - sum(parts)
    return parts


def wrap(text: str, width: int) -> list[str]:
    """``text`` broken at spaces into lines of at most ``width`` cells; longer words are cut."""
    width = max(1, width)
    out: list[str] = []
    line = ""
    for word in text.split(" "):
        while cell_len(word) > width:
            room = width - (cell_len(line) + 1 if line else 0)
            if line and room < max(2, width // 2):  # a wide character needs two cells
                out.append(line)
                line, room = "", width
            kept = _prefix(word, room)
            head = word[:kept]
            out.append(f"{line} {head}" if line else head)
            line, word = "", word[kept:]
        if not line:
            line = word
        elif cell_len(line) + 1 + cell_len(word) <= width:
            line = f"{line} {word}"
        else:
            out.append(line)
            line = word
    out.append(line)
    return out


def _prefix(text: str, room: int) -> int:
    """How many characters of ``text`` fit into ``room`` cells, at least one."""
    used = 0
    for position, char in enumerate(text):
        used += cell_len(char)
        if used > room:
            return max(1, position)
    return len(text)
