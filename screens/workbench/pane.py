"""What the four panes share: a numbered frame around a list, its title, its filter and its key hints."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, ClassVar, cast

from textual import on
from textual.app import ComposeResult
from textual.containers import Vertical
from textual.content import Content
from textual.widget import Widget
from textual.widgets import Input

from app.client.filtering import Filter, parse
from screens.present.look import Look
from screens.widgets.edges import set_subtitle, set_title
from screens.widgets.filter_field import FilterField
from screens.widgets.row_list import RowList

if TYPE_CHECKING:
    from screens.root import Workbench


class Pane(Vertical):
    """Subclasses give a :class:`RowList` in :meth:`content`, and say what changed in :meth:`case_changed` and
    :meth:`tick`. ``commands`` are the ids of those that the lower border names.

    The filter's ``text`` takes effect while it is typed: :meth:`case_changed` is called after each change, and
    asks :meth:`filter` what it means. ``fields``, ``flags`` and ``tags`` say what may stand in it.
    """

    number = 0
    word = ""
    commands: ClassVar[Sequence[str]] = ()
    fields: ClassVar[Sequence[str]] = ()
    flags: ClassVar[Sequence[str]] = ()
    tags: ClassVar[bool] = False
    asks = "words to look for"
    opens = "open"
    """What Enter on a row does, in a word."""

    def __init__(self, ident: str) -> None:
        super().__init__(id=ident, classes="pane")
        self.text = ""
        self.inverted = False

    def compose(self) -> ComposeResult:
        yield from self.content()
        yield FilterField(self.asks)

    def content(self) -> Iterable[Widget]:
        """What stands in the frame, over the filter."""
        raise NotImplementedError

    @property
    def bench(self) -> Workbench:
        return cast("Workbench", self.app)

    @property
    def look(self) -> Look:
        return self.bench.look

    @property
    def rows(self) -> RowList:
        """The pane's list."""
        return self.query_one(RowList)

    def case_changed(self) -> None:
        """The read model or the filter changed."""

    def tick(self) -> None:
        """A second passed."""

    # Title and keys

    def name_title(self, *parts: str) -> None:
        """``2 Resources · payments-prod · /web · 7 of 214``; every part already harmless. The filter's own part is
        put first after the word."""
        text = f"{self.number} {self.word}"
        shown = self.filter_shown
        for part in (shown, *parts):
            if part:
                text += f" {self.look.dot} {part}"
        set_title(self, Content(text))

    def name_keys(self) -> None:
        """Key hints and the position in the list, in the lower border; hints only while the pane has the focus."""
        place, total = self.rows.cursor, len(self.rows.source)
        position = f"{place + 1:,}/{total:,}" if place is not None else ""
        registry = self.bench.registry
        key, _ = registry.hint("list.open")
        hints = [*registry.hints(*self.commands), (key, self.opens)] if self.has_focus_within else []
        hint = "  ".join(f"{key} {word}" for key, word in hints)
        text = f"{hint} {self.look.dash} {position}" if hint and position else hint or position
        set_subtitle(self, Content(self.look.plain(text)) if text.strip() else None)

    def on_descendant_focus(self) -> None:
        self.name_keys()

    def on_descendant_blur(self) -> None:
        self.call_after_refresh(self.name_keys)

    def on_row_list_moved(self) -> None:
        self.name_keys()

    # The filter

    def filter(self) -> Filter:
        """What the filter's text asks for."""
        return parse(self.text, fields=self.fields, flags=self.flags, tags=self.tags, inverted=self.inverted)

    @property
    def filter_shown(self) -> str:
        """The filter as the title names it, "" without one."""
        if not self.text.strip():
            return ""
        problem = self.filter().problem
        text = f"{'!' if self.inverted else ''}/{self.look.clean(self.text, 40)}"
        return f"{text} ({self.look.clean(problem, 80)})" if problem else text

    def clear_filter(self) -> bool:
        """Esc: drop the filter; False when there was none."""
        if not self.text:
            return False
        self.take_filter("")
        return True

    def take_filter(self, text: str) -> None:
        """Filter by this text."""
        self.query_one(FilterField).value = text  # this tells us of itself, where it changed
        self.text = self.query_one(FilterField).value
        self.inverted = False  # another filter is not turned round because the last one was
        self.case_changed()

    def open_filter(self) -> None:
        """The field, with the focus."""
        field = self.query_one(FilterField)
        field.display = True
        self.call_after_refresh(field.focus)

    def invert_filter(self) -> None:
        """Show the other rows."""
        if not self.text.strip():
            self.bench.say("! turns a filter round: type one first, after /", "warning")
            return
        self.inverted = not self.inverted
        self.case_changed()

    @on(Input.Changed, ".filter")
    def _typed(self, event: Input.Changed) -> None:
        event.stop()
        if event.value != self.text:
            self.text = event.value
            self.case_changed()

    def on_filter_field_closed(self, event: FilterField.Closed) -> None:
        event.stop()
        field = self.query_one(FilterField)
        had_focus = field.has_focus
        field.display = False
        if event.keep:
            self.case_changed()
        else:
            self.take_filter("")
        if had_focus:
            self.rows.focus()
