"""A list of any length over a row source: a cursor, keys, the mouse, and only the visible rows formatted."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Protocol

from textual.binding import BindingType
from textual.events import Blur, Click, Focus, Resize
from textual.message import Message

from screens.command.catalogue import bindings
from screens.present.cells import Line
from screens.present.look import UNICODE, Look
from screens.widgets.line_view import LineView


class RowSource(Protocol):
    """Rows by position, each with a key that stays its own while rows come and go."""

    def __len__(self) -> int: ...

    def key(self, index: int) -> str: ...

    def find(self, key: str) -> int | None:
        """Where the row of that key stands now, None if it is gone."""
        ...

    def row(self, index: int, width: int) -> tuple[Line, ...]:
        """The row's lines, exactly as many as the list gives each row."""
        ...


class NoRows:
    """An empty source."""

    def __len__(self) -> int:
        return 0

    def key(self, index: int) -> str:
        raise IndexError(index)

    def find(self, key: str) -> int | None:
        return None

    def row(self, index: int, width: int) -> tuple[Line, ...]:
        raise IndexError(index)


class RowList(LineView, can_focus=True):
    """Virtual list. Until a person moves it, the cursor stays at home (the first row, or what :meth:`show` is
    told); after that it stays on *its* row.

    ``tail``: the cursor stays on the last row until it is moved up, and again from there once it is moved back.
    """

    BINDINGS: ClassVar[list[BindingType]] = bindings("lists")

    @dataclass
    class Chosen(Message):
        """Enter, or a second click on the row under the cursor."""

        row_list: RowList
        key: str

        @property
        def control(self) -> RowList:
            return self.row_list

    @dataclass
    class Moved(Message):
        """The cursor stands on another row now."""

        row_list: RowList

        @property
        def control(self) -> RowList:
            return self.row_list

    def __init__(
        self,
        *,
        look: Look = UNICODE,
        lines_per_row: int = 1,
        tail: bool = False,
        empty: Line = (),
        id: str | None = None,  # noqa: A002
    ) -> None:
        super().__init__(look=look, id=id)
        self.source: RowSource = NoRows()
        self._height = lines_per_row
        self._tail = tail
        self._empty = empty
        self._cursor = 0
        self._first = 0
        self._anchor: str | None = None  # key of the row that a person chose; None: at the home end
        self._rows: dict[int, tuple[Line, ...]] = {}

    @property
    def cursor(self) -> int | None:
        """Position of the cursor, None in an empty list."""
        return self._cursor if len(self.source) else None

    @property
    def current(self) -> str | None:
        """Key of the row under the cursor."""
        return self.source.key(self._cursor) if len(self.source) else None

    def show(self, source: RowSource, *, empty: Line | None = None, home: int = 0) -> None:
        """Show another source (or the same one after it changed). ``home`` is where its cursor begins."""
        self.source, self._first = source, home
        if empty is not None:
            self._empty = empty
        self._place()
        self.repaint()

    def go_to(self, key: str) -> bool:
        """Put the cursor on the row of that key; False if there is none."""
        place = self.source.find(key)
        if place is None:
            return False
        self._move_to(place)
        return True

    def repaint(self) -> None:
        self._rows.clear()
        super().repaint()

    def repaint_all(self) -> None:
        self._rows.clear()
        super().repaint_all()

    def line_count(self) -> int:
        return max(1, len(self.source) * self._height)

    def line(self, y: int) -> Line:
        if not len(self.source):
            return self._empty if y == 0 else ()
        index, part = divmod(y, self._height)
        if index not in self._rows:
            if len(self._rows) > 512:
                self._rows.clear()
            self._rows[index] = self.source.row(index, self.inner)
        return self._rows[index][part]

    def mood(self, y: int) -> str:
        if not len(self.source) or y // self._height != self._cursor:
            return ""
        return "cursor" if self.has_focus else "idle"

    # Keys and mouse

    def action_move(self, rows: int) -> None:
        self._move_to(self._cursor + rows)

    def action_page(self, pages: int) -> None:
        self._move_to(self._cursor + pages * max(1, self.scrollable_content_region.height // self._height - 1))

    def action_first(self) -> None:
        self._move_to(0)

    def action_last(self) -> None:
        self._move_to(len(self.source) - 1)

    def action_choose(self) -> None:
        key = self.current
        if key is not None:
            self.post_message(self.Chosen(self, key))

    def on_click(self, event: Click) -> None:
        place = event.get_content_offset(self)
        if place is None or not len(self.source):
            return
        index = (place.y + self.scroll_offset.y) // self._height
        if index >= len(self.source):
            return
        again = index == self._cursor and event.chain > 1
        self._move_to(index)
        if again:
            self.action_choose()

    def on_focus(self, event: Focus) -> None:
        self.repaint()

    def on_blur(self, event: Blur) -> None:
        self.repaint()

    def on_resize(self, event: Resize) -> None:
        self._follow()

    # Where the cursor is

    @property
    def _home(self) -> int:
        last = len(self.source) - 1
        return last if self._tail else min(self._first, last)

    def _place(self) -> None:
        """Keep the cursor on its row after the rows changed."""
        count = len(self.source)
        self.resize_lines()
        if not count:
            self._cursor = 0
            return
        if self._anchor is not None:
            found = self.source.find(self._anchor)
            if found is None:
                self._cursor = min(self._cursor, count - 1)
                self._anchor = self.source.key(self._cursor)
            elif found != self._cursor:
                shift = found - self._cursor
                self._cursor = found
                self.scroll_to(y=self.scroll_offset.y + shift * self._height, animate=False, force=True)
            self._follow(keep=True)
        else:
            self._cursor = self._home
            self._follow()

    def _move_to(self, index: int) -> None:
        count = len(self.source)
        if not count:
            return
        index = max(0, min(count - 1, index))
        moved = index != self._cursor
        self._cursor = index
        self._anchor = None if index == self._home else self.source.key(index)
        self._follow()
        super().repaint()
        if moved:
            self.post_message(self.Moved(self))

    def _follow(self, *, keep: bool = False) -> None:
        """Scroll so that the cursor is seen. ``keep``: a list that was scrolled by the wheel is left alone."""
        height = self.scrollable_content_region.height
        if not height or keep:
            return
        top, first = self.scroll_offset.y, self._cursor * self._height
        last = first + self._height - 1
        target = top
        if self._cursor == self._home and last < height:
            target = 0  # what stands above home is seen with it
        elif first < top or self._height > height:
            target = first
        elif last >= top + height:
            target = last - height + 1
        if target != top:
            self.scroll_to(y=target, animate=False, force=True, immediate=True)
