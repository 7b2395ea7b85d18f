"""Acquisitions with their bars: two lines each, quantised before they are compared."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime

from app.model import Acquisition, Lease
from app.model.view import StepRow
from screens.present.acquisitions import rows
from screens.present.cells import Line
from screens.present.look import Look
from screens.widgets.row_list import RowList


class Progress:
    """Row source: the newest acquisition first."""

    def __init__(
        self,
        acquisitions: Sequence[Acquisition],
        leases: Mapping[str, Lease],
        steps: Sequence[StepRow],
        now: datetime,
        look: Look,
        devices: Mapping[str, str],
        key: Callable[[str], str],
    ) -> None:
        """``key`` gives that of a command."""
        self._rows = list(reversed(acquisitions))
        self._at = {one.id: place for place, one in enumerate(self._rows)}
        self._leases = leases
        self._steps: dict[str, list[StepRow]] = {}
        for row in steps:
            self._steps.setdefault(row.acquisition, []).append(row)
        self._now = now
        self._look = look
        self._devices = devices
        self._key_of = key

    def __len__(self) -> int:
        return len(self._rows)

    def key(self, index: int) -> str:
        return self._rows[index].id

    def find(self, key: str) -> int | None:
        return self._at.get(key)

    def row(self, index: int, width: int) -> tuple[Line, ...]:
        one = self._rows[index]
        steps = self._steps.get(one.id, ())
        return rows(one, self._leases, self._now, width, self._look, self._key_of, steps, self._devices)

    def get(self, key: str) -> Acquisition | None:
        """The acquisition of that id."""
        place = self._at.get(key)
        return None if place is None else self._rows[place]


class ProgressList(RowList):
    """A row list with two lines a row."""

    def __init__(self, *, look: Look, empty: Line = (), id: str | None = None) -> None:  # noqa: A002
        super().__init__(look=look, lines_per_row=2, empty=empty, id=id)
