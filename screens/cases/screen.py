"""The cases of this machine as a list; where there is none yet, the three things to begin with."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import ClassVar

from textual import on
from textual.binding import BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.widget import Widget
from textual.widgets import Input

from app.client.filtering import parse
from screens.cases.base import FrontScreen
from screens.cases.commands import bindings
from screens.present.amounts import plural
from screens.present.cases import FIELDS, CaseRows, heading, holds
from screens.present.cells import Line
from screens.widgets.filter_field import FilterField
from screens.widgets.line_view import LinesView
from screens.widgets.row_list import RowList


class CasesScreen(FrontScreen[None]):
    """Enter opens the case under the cursor."""

    AUTO_FOCUS = "RowList"
    BINDINGS: ClassVar[list[BindingType]] = bindings("cases")

    def __init__(self) -> None:
        super().__init__()
        self.text = ""
        self._rows: CaseRows | None = None

    @property
    def hints(self) -> Sequence[tuple[str, str]]:
        registry = self.front.registry
        some = ("list.open", "cases.filter") if self.front.rows else ()
        return registry.hints(*some, "cases.new", "cases.demo", "cases.doctor", "cases.quit")

    @property
    def row_list(self) -> RowList:
        """The list of cases."""
        return self.query_one(RowList)

    def body(self) -> Iterable[Widget]:
        with Vertical(id="none"):
            yield LinesView(look=self.look, id="first")
        with Vertical(id="cases", classes="pane"):
            yield LinesView(look=self.look, id="columns")
            yield RowList(look=self.look)
            yield FilterField("words, case=, title=, ticket=, agent=running")

    def show_all(self) -> None:
        super().show_all()
        front = self.front
        read = front.rows is not None
        self.query_one("#none").display = not front.rows
        frame = self.query_one("#cases")
        had_rows = frame.display
        frame.display = bool(front.rows)
        if not front.rows:
            first = self.query_one("#first", LinesView)
            first.show(self._first_steps() if read and not front.problem else self._wait())
            return
        if not had_rows:
            self.call_after_refresh(self.row_list.focus)
        filter_ = parse(self.text, fields=FIELDS)
        kept = [row for row in front.rows if holds(row, filter_)]
        self._rows = CaseRows(kept, front.clock.now(), self.look)
        self.query_one("#columns", LinesView).show([heading(self.row_list.inner, self.look)])
        key, _ = front.registry.hint("cases.back")
        words = f" no case has that; {self.look.plain(key)} clears the filter"
        self.row_list.show(self._rows, empty=((words, "dim"),))
        parts = ["Cases", *([f"/{self.look.clean(self.text, 40)}"] if self.text.strip() else [])]
        if filter_.problem:
            parts.append(self.look.clean(filter_.problem, 80))
        total = len(front.rows)
        parts.append(f"{len(kept)} of {total}" if filter_ else plural(total, "case"))
        frame.border_title = Content(f" {self.look.dot} ".join(parts))

    def _first_steps(self) -> list[Line]:
        """No case yet: three lines, each with its key."""
        told = (
            ("cases.new", "make a case: id, title, ticket, and a signing key of its own"),
            ("cases.demo", "try it: a case on an embedded cloud, no account needed"),
            ("cases.doctor", "is this machine fit for the work?"),
        )
        keys = [(self.front.registry.hint(ident)[0], text) for ident, text in told]
        return [((f"  {key}  ", "key"), (text, "")) for key, text in keys]

    def _wait(self) -> list[Line]:
        if self.front.problem:
            return [((f" {self.look.warn} {self.look.clean(self.front.problem, 400)}", "need"),)]
        return [((f" {self.look.wait} reading the cases {self.look.more}", "dim"),)]

    def on_row_list_chosen(self, event: RowList.Chosen) -> None:
        event.stop()
        row = self._rows.get(event.key) if self._rows else None
        if row is not None:
            self.front.open_case(row)

    # The filter

    def action_filter(self) -> None:
        if self.front.rows:
            field = self.query_one(FilterField)
            field.display = True
            self.call_after_refresh(field.focus)

    def action_back(self) -> None:
        if self.text:
            self._take("")

    def _take(self, text: str) -> None:
        self.query_one(FilterField).value = text
        self.text = text
        self.refill()

    @on(Input.Changed, ".filter")
    def _typed(self, event: Input.Changed) -> None:
        event.stop()
        if event.value != self.text:
            self.text = event.value
            self.refill()

    def on_filter_field_closed(self, event: FilterField.Closed) -> None:
        event.stop()
        field = self.query_one(FilterField)
        had_focus = field.has_focus
        field.display = False
        if not event.keep:
            self._take("")
        if had_focus:
            self.row_list.focus()
