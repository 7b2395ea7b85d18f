"""A list of what is still being written: it follows its end, until a person looks at something further up."""

from __future__ import annotations

from screens.present.cells import Line
from screens.present.look import UNICODE, Look
from screens.widgets.row_list import RowList


class TailList(RowList):
    """Held by the cursor being moved up, and by the wheel; it follows again from the last row, or the end.

    :class:`RowList.Moved` is posted whenever :attr:`held` changes, too.
    """

    def __init__(self, *, look: Look = UNICODE, empty: Line = (), id: str | None = None) -> None:  # noqa: A002
        super().__init__(look=look, tail=True, empty=empty, id=id)
        self._by_wheel = False

    @property
    def held(self) -> bool:
        """New rows do not move it."""
        return self._anchor is not None

    def watch_scroll_y(self, old_value: float, new_value: float) -> None:
        super().watch_scroll_y(old_value, new_value)
        count, height = len(self.source), self.scrollable_content_region.height
        if not count or not height or not self.is_attached:
            return
        at_end = new_value + height >= self.line_count()
        if not at_end and not self.held:
            self._anchor, self._by_wheel = self.source.key(self._cursor), True
            self.post_message(self.Moved(self))
        elif at_end and self._by_wheel:
            self._by_wheel = False
            self._move_to(count - 1)
            self.post_message(self.Moved(self))

    def _move_to(self, index: int) -> None:
        self._by_wheel = False
        super()._move_to(index)
