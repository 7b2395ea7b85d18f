"""The targets of a batch as rows of a list."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from screens.present import batch
from screens.present.batch import Draft
from screens.present.cells import Line
from screens.present.look import Look
from screens.present.shelf import AccountKey


class Drafts:
    """Row source over the targets of a batch."""

    def __init__(self, rows: Sequence[Draft], names: Mapping[AccountKey, str], look: Look) -> None:
        self._rows = rows
        self._at = {one.target.target: place for place, one in enumerate(rows)}
        self._names, self._look = names, look

    def __len__(self) -> int:
        return len(self._rows)

    def key(self, index: int) -> str:
        return self._rows[index].target.target

    def find(self, key: str) -> int | None:
        return self._at.get(key)

    def row(self, index: int, width: int) -> tuple[Line, ...]:
        return (batch.target_line(self._rows[index], self._names, width, self._look),)
