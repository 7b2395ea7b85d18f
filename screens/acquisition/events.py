"""The custody lines of one acquisition or item, as rows."""

from __future__ import annotations

from collections.abc import Sequence

from app.model.view import EventRow
from screens.present.cells import Line
from screens.present.events import event_line
from screens.present.look import Look


class Events:
    """Row source over a handful of custody lines."""

    def __init__(self, rows: Sequence[EventRow], look: Look) -> None:
        self._rows = rows
        self._at = {str(row.line): place for place, row in enumerate(rows)}
        self._look = look

    def __len__(self) -> int:
        return len(self._rows)

    def key(self, index: int) -> str:
        return str(self._rows[index].line)

    def find(self, key: str) -> int | None:
        return self._at.get(key)

    def row(self, index: int, width: int) -> tuple[Line, ...]:
        return (event_line(self._rows[index], width, self._look),)
