"""What the four panes share: a numbered frame around a list, its title, its filter and its key hints."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, ClassVar, cast

from rich.cells import cell_len
from textual import on
from textual.app import ComposeResult
from textual.containers import Vertical
from textual.content import Content
from textual.widget import Widget
from textual.widgets import Input

from app.client.filtering import Filter, parse
from screens.command.naming import key_of
from screens.present.cells import fit
from screens.present.look import Look
from screens.widgets.edges import set_subtitle, set_title
from screens.widgets.filter_field import FilterField
from screens.widgets.row_list import RowList

if TYPE_CHECKING:
    from screens.root import Workbench

_CAP = 400  # characters of a filter that are kept before it is fitted
_FILTER_LEAST, _FILTER_WANTED = 12, 36


class Pane(Vertical):
    """Subclasses give a :class:`RowList` in :meth:`content`, and say what changed in :meth:`case_changed` and
    :meth:`tick`. ``commands`` are the ids of those that the lower border names, unless :meth:`named` says others.

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
        self._title: tuple[Sequence[str], Sequence[str]] = ((), ())

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

    def _key(self, ident: str) -> str:
        return key_of(self.bench, ident)

    def name_title(self, *parts: str, least: Sequence[str] = ()) -> None:
        """``2 Resources · /web · payments-prod · 7 of 214``; every part already harmless. The filter gets the room
        that the others leave; where that is little, the parts in ``least`` are left out, the first of them first.
        """
        self._title = (parts, least)
        self._set_title()

    def _set_title(self) -> None:
        (parts, least), gap = self._title, f" {self.look.dot} "
        text, problem = self._filter_parts()
        shown = [part for part in parts if part]
        room = self.outer_size.width - 6  # on either side a corner, a piece of the edge and a blank
        if room <= 0:
            return  # it is not laid out; once it is, this comes again
        word = f"{self.number} {self.word}"
        whole = cell_len(text) + cell_len(problem)

        def rest() -> int:
            others = [word, *shown]
            return room - sum(map(cell_len, others)) - len(gap) * (len(others) - (not text))

        for part in least:
            if rest() < min(whole, _FILTER_WANTED) and part in shown:
                shown.remove(part)
        if text:
            left = max(rest(), min(whole, _FILTER_LEAST))
            if problem:  # what is wrong says more than the text, which one has just typed
                problem = _cut(problem, max(left - min(cell_len(text), _FILTER_LEAST), 0), self.look)
            shown.insert(0, _cut(text, max(left - cell_len(problem), 2), self.look) + problem)
        set_title(self, Content(gap.join([word, *shown])))

    def on_resize(self) -> None:
        self._set_title()

    def named(self) -> Sequence[str]:
        """The commands to name now."""
        return self.commands

    def name_keys(self) -> None:
        """Key hints and the position in the list, in the lower border; hints only while the pane has the focus."""
        place, total = self.rows.cursor, len(self.rows.source)
        position = f"{place + 1:,}/{total:,}" if place is not None else ""
        registry = self.bench.registry
        key, _ = registry.hint("list.open")
        hints = (
            [*registry.hints(*self.named()), *([(key, self.opens)] if total else [])]
            if self.has_focus_within
            else []
        )
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

    def _filter_parts(self) -> tuple[str, str]:
        """The filter as the title names it, and what of it was not understood; "" for neither."""
        if not self.text.strip():
            return "", ""
        problem = self.look.clean(self.filter().problem, _CAP)
        text = f"{'!' if self.inverted else ''}/{self.look.clean(self.text, _CAP)}"
        return text, f" ({problem})" if problem else ""

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
            turns, asks = self._key("filter.invert"), self._key("filter")
            self.bench.say(f"{turns} turns a filter round: type one first, after {asks}", "warning")
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


def _cut(text: str, width: int, look: Look) -> str:
    """``text`` in at most ``width`` cells."""
    return text if cell_len(text) <= width else fit(text, width, look)
