"""The rows of pane 4: custody lines, all of them or those of a filter, read a page at a time as they are seen."""

from __future__ import annotations

from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Sequence

from app.model.view import EventRow
from screens.present.cells import Line
from screens.present.events import event_line
from screens.present.look import Look

PAGE = 128
"""Rows that are read at once."""
_KEPT = 64


class EventPages:
    """Row source. ``lines`` are the numbers of a filter's lines, ascending; None stands for every line.

    A page that is not there yet is asked for, and shows as its line numbers until :meth:`put` brings it.
    """

    def __init__(self, ask: Callable[[int], None], look: Look, lines: array[int] | None = None) -> None:
        self._ask = ask
        self._look = look
        self._lines = lines
        self._pages: dict[int, dict[int, EventRow]] = {}
        self._total = 0

    def __len__(self) -> int:
        return len(self._lines) if self._lines is not None else self._total

    def key(self, index: int) -> str:
        return str(self._line(index))

    def find(self, key: str) -> int | None:
        line = int(key)
        place = self.below(line) - 1
        return place if place >= 0 and self._line(place) == line else None

    def row(self, index: int, width: int) -> tuple[Line, ...]:
        line, page = self._line(index), index // PAGE
        found = self._pages.get(page, {}).get(line)
        if found is None:
            self._ask(page)
            return (((f" line {line:,} {self._look.more}", "dim"),),)
        return (event_line(found, width, self._look),)

    def below(self, line: int) -> int:
        """How many rows stand at or above that line's number: the position after them."""
        if self._lines is not None:
            return bisect_right(self._lines, line)
        return max(0, min(line, self._total))

    def nearest(self, line: int) -> str | None:
        """The key of the row at that line or next before it, else of the first; None without rows."""
        return self.key(max(0, self.below(line) - 1)) if len(self) else None

    def numbers(self, page: int) -> Sequence[int]:
        """The lines of a page."""
        if self._lines is not None:
            return self._lines[page * PAGE : (page + 1) * PAGE]
        return range(page * PAGE + 1, min((page + 1) * PAGE, self._total) + 1)

    def grow(self, total: int) -> None:
        """All lines: there are ``total`` now; fewer than before means that the agent writes them anew."""
        if total < self._total:
            self._pages.clear()
        self._total = total

    def add(self, more: array[int]) -> None:
        """A filter's lines: these came at the tail."""
        assert self._lines is not None
        last = self._lines[-1] if self._lines else 0
        self._lines.extend(more[bisect_left(more, last + 1) :])

    def put(self, page: int, rows: list[EventRow]) -> None:
        """What the reader found."""
        self._pages.pop(page, None)
        self._pages[page] = {row.line: row for row in rows}
        while len(self._pages) > _KEPT:
            self._pages.pop(next(iter(self._pages)))

    def _line(self, index: int) -> int:
        return self._lines[index] if self._lines is not None else index + 1
