"""The rows of pane 2: a few pages of resources around what is shown, read ahead of the cursor."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping

from app.client.inventory import Selection
from app.model import Resource
from screens.present import resources as present
from screens.present.cells import Line
from screens.present.look import Look
from screens.present.shelf import Shelf

_PAGE = 96
_AHEAD = 96  # more rows than a screen has lines: what the next key shows is there before the key
_PAGES = 12
_KEPT = 2048


class ResourceRows:
    """Row source over a selection. The key of a row is its number in the inventory.

    ``known`` are the resources read so far, shared by the selections of a pane so that a new one shows at once
    what the last one had; None stands for one that is gone. ``ask`` is called with the number of a page that is
    wanted; its rows are handed over by :meth:`put`. ``marks`` are the rows that are marked.
    """

    def __init__(
        self,
        selection: Selection,
        known: dict[int, Resource | None],
        marks: Collection[int],
        ask: Callable[[int], None],
        shelf: Shelf,
        one_account: bool,
        look: Look,
    ) -> None:
        self.selection = selection
        self._known = known
        self._marks = marks
        self._ask = ask
        self._shelf = shelf
        self._one_account = one_account
        self._look = look
        self._asked: dict[int, None] = {}  # the newest pages, in the order in which they were asked for
        self._missed: set[int] = set()
        self._widths: tuple[int, present.Widths] | None = None

    def __len__(self) -> int:
        return len(self.selection)

    def key(self, index: int) -> str:
        return str(self.selection.rows[index])

    def find(self, key: str) -> int | None:
        return self.selection.find(int(key))

    def get(self, index: int) -> Resource | None:
        """The resource at that position, None where it is not read yet."""
        return self._known.get(self.selection.rows[index])

    def row(self, index: int, width: int) -> tuple[Line, ...]:
        if self._widths is None or self._widths[0] != width:
            self._widths = (width, present.widths(width, one_account=self._one_account))
        for page in dict.fromkeys(near // _PAGE for near in (index, index + _AHEAD, max(0, index - _AHEAD))):
            if page not in self._asked and page * _PAGE < len(self):
                self._note(page)
                self._ask(page)
        number = self.selection.rows[index]
        one = self._known.get(number)
        if one is None:
            gone = number in self._known
            self._missed.add(number)
            return (((f"  {'no longer there' if gone else self._look.more}", "dim"),),)
        return (
            present.resource_line(
                one,
                self._shelf,
                self._widths[1],
                self._look,
                nested=self.selection.nested(index),
                marked=number in self._marks,
                context=not self.selection.matches(index),
            ),
        )

    def around(self, index: int) -> list[int]:
        """The pages to read before the list is shown with the cursor at ``index``."""
        pages = {near // _PAGE for near in (max(0, index - _AHEAD), index, index + _AHEAD)}
        return sorted(page for page in pages if page * _PAGE < len(self))

    def numbers(self, pages: Iterable[int]) -> list[int]:
        """The numbers of the rows on these pages."""
        return [row for page in pages for row in self.selection.rows[page * _PAGE : (page + 1) * _PAGE]]

    def put(self, pages: Iterable[int], found: Mapping[int, Resource]) -> bool:
        """What was read; whether anything of it looks different from what is shown."""
        changed = False
        for page in pages:
            self._note(page)
            for row in self.numbers([page]):
                fresh = found.get(row)
                if row in self._missed or self._known.get(row) != fresh:
                    changed = True
                self._known.pop(row, None)
                self._known[row] = fresh
                self._missed.discard(row)
        while len(self._known) > _KEPT:
            self._known.pop(next(iter(self._known)))
        return changed

    def _note(self, page: int) -> None:
        self._asked.pop(page, None)
        self._asked[page] = None
        while len(self._asked) > _PAGES:
            self._asked.pop(next(iter(self._asked)))
