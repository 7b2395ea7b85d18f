"""Lines that are read by scrolling: no cursor, the same keys as a list."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from textual.binding import BindingType
from textual.content import Content
from textual.message import Message

from screens.command.catalogue import bindings
from screens.present.cells import Line
from screens.widgets.edges import set_subtitle
from screens.widgets.line_view import LinesView


class PageLines(LinesView, can_focus=True):
    """Its border tells how much is below."""

    DEFAULT_CSS = """
    PageLines {
        height: 1fr;
        border: round $frame;
        border-title-color: $title;
        border-subtitle-color: $title;
        padding: 0 1;
        &:focus { border: round $frame-focus; border-title-color: $title-focus; border-title-style: bold; }
    }
    """

    class Scrolled(Message):
        """Another number of lines is below now."""

    _told = -1
    _height = -1

    BINDINGS: ClassVar[list[BindingType]] = bindings("lists")

    def show(self, lines: Sequence[Line]) -> None:
        super().show(lines)
        self._tell()

    def watch_scroll_y(self, old_value: float, new_value: float) -> None:
        super().watch_scroll_y(old_value, new_value)
        self._tell()

    def repaint_all(self) -> None:
        super().repaint_all()
        self._tell()

    def action_move(self, rows: int) -> None:
        self._to(self.scroll_offset.y + rows)

    def action_page(self, pages: int) -> None:
        self._to(self.scroll_offset.y + pages * max(1, self.scrollable_content_region.height - 1))

    def action_first(self) -> None:
        self._to(0)

    def action_last(self) -> None:
        self._to(self.line_count())

    def action_choose(self) -> None:
        self.action_page(1)

    def _to(self, y: int) -> None:
        self.scroll_to(y=max(0, min(y, self.max_scroll_y)), animate=False, force=True, immediate=True)

    def bring(self, y: int) -> None:
        """Scroll until line ``y`` is seen with some of what follows; nothing moves where it is seen already,
        unless the height has changed since."""
        height, top = self.scrollable_content_region.height, self.scroll_offset.y
        if height != self._height or not top <= y < top + max(1, height - 1):
            self._height = height
            self._to(y - height // 2)

    @property
    def below(self) -> int:
        """How many lines stand below the last one that is seen."""
        return max(0, self.line_count() - self.scroll_offset.y - self.scrollable_content_region.height)

    def _tell(self) -> None:
        below = self.below
        if self.scrollable_content_region.height:
            text = f"{below} more below" if below else ""
            set_subtitle(self, Content(text) if text else None)
            if below != self._told:
                self._told = below
                self.post_message(self.Scrolled())
