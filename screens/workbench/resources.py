"""Pane 2: what is in the accounts, what of it may be acquired, and a filter."""

from __future__ import annotations

from collections.abc import Iterable
from typing import ClassVar

from textual.binding import BindingType
from textual.message import Message
from textual.widget import Widget

from app.model import Resource
from screens.command.catalogue import bindings
from screens.present import resources as present
from screens.present.amounts import count
from screens.present.cells import Line
from screens.present.ids import target
from screens.present.look import Look
from screens.present.shelf import AccountKey, Selection, Shelf, key_of
from screens.widgets.line_view import LinesView
from screens.widgets.row_list import RowList
from screens.workbench.pane import Pane

_ACQUIRED = {"volume": "disk", "instance": "instance"}


class Shelved:
    """Row source over a selection of the shelf."""

    def __init__(self, selection: Selection, one_account: bool, look: Look) -> None:
        self.selection = selection
        self._one_account = one_account
        self._look = look
        self._widths: tuple[int, present.Widths] | None = None

    def __len__(self) -> int:
        return len(self.selection.rows)

    def key(self, index: int) -> str:
        return key_of(self.get(index))

    def find(self, key: str) -> int | None:
        return self.selection.at.get(key)

    def get(self, index: int) -> Resource:
        """The resource of that row."""
        return self.selection.shelf.resources[self.selection.rows[index]]

    def row(self, index: int, width: int) -> tuple[Line, ...]:
        if self._widths is None or self._widths[0] != width:
            self._widths = (width, present.widths(width, one_account=self._one_account))
        shelf, place = self.selection.shelf, self.selection.rows[index]
        nested = place in shelf.parent
        return (present.resource_line(shelf.resources[place], shelf, nested, self._widths[1], self._look),)


class ResourcesPane(Pane):
    """The list, its column titles and its filter."""

    number, word = 2, "Resources"
    commands = ("resources.acquire", "filter", "resources.eligible")
    opens = "detail"
    flags = ("eligible",)
    BINDINGS: ClassVar[list[BindingType]] = bindings("resources")

    class Acquire(Message):
        """A disk or an instance (``kind``) was picked; ``target`` names it for the agent."""

        def __init__(self, kind: str, target: str, crumb: str) -> None:
            super().__init__()
            self.kind = kind
            self.target = target
            self.crumb = crumb

    class Opened(Message):
        """Enter on a row."""

        def __init__(self, resource: Resource, shelf: Shelf) -> None:
            super().__init__()
            self.resource = resource
            self.shelf = shelf

    def __init__(self) -> None:
        super().__init__("resources")
        self.scope: AccountKey | None = None
        self.scope_name = ""
        self.eligible_only = False
        self._source: Shelved | None = None
        self._wanted: object = None

    def content(self) -> Iterable[Widget]:
        yield LinesView(look=self.look, id="columns")
        yield RowList(look=self.look)

    @property
    def shelf(self) -> Shelf:
        return self.bench.shelf

    @property
    def current(self) -> Resource | None:
        """The resource under the cursor."""
        place = self.rows.cursor
        return self._source.get(place) if self._source is not None and place is not None else None

    def case_changed(self) -> None:
        wanted = (id(self.shelf), self.scope, self.text, self.eligible_only)
        if wanted != self._wanted:
            self._wanted = wanted
            self.run_worker(self._select(wanted), exclusive=True, group="select")
        self._retitle()

    def filter_by(self, scope: AccountKey | None, scope_name: str) -> None:
        """Show one account, or all."""
        self.scope, self.scope_name = scope, scope_name
        self.case_changed()

    def clear_filter(self) -> bool:
        """Esc: drop the text, then the eligible-only switch; False when there was neither."""
        if super().clear_filter():
            return True
        if not self.eligible_only:
            return False
        self.eligible_only = False
        self.case_changed()
        return True

    def on_resize(self) -> None:
        self.call_after_refresh(self._retitle)

    async def _select(self, wanted: object) -> None:
        shelf = self.shelf
        selection = await self.bench.reader.select(shelf, self.scope, self.text, self.eligible_only)
        if wanted != self._wanted:
            return
        self._source = Shelved(selection, self.scope is not None, self.look)
        if self.text or self.eligible_only:
            words = "nothing matches; Esc clears the filter"
        elif self.scope is not None:
            words = "nothing seen here yet; R asks the cloud"
        else:
            words = "nothing seen yet; Enter on an account asks the cloud"
        self.rows.show(self._source, empty=((f" {words}", "dim"),))
        self._retitle()

    def _retitle(self) -> None:
        shelf, source = self.shelf, self._source
        total = len(shelf.order) if self.scope is None else shelf.counts.get(self.scope, (0, 0))[1]
        eligible = shelf.eligible if self.scope is None else shelf.counts.get(self.scope, (0, 0))[0]
        filtered = bool(self.text or self.eligible_only)
        numbers = f"{count(source.selection.hits)} of {count(total)}" if filtered and source else (
            f"{count(total)}, {count(eligible)} eligible" if total else "")  # fmt: skip
        self.name_title(
            self.scope_name,
            "eligible only" if self.eligible_only else "",
            numbers,
        )
        self.name_keys()
        view = self.query_one("#columns", LinesView)
        if view.inner:
            titles = present.header(present.widths(view.inner, one_account=self.scope is not None), self.look)
            view.show([titles])

    # Keys

    def action_eligible(self) -> None:
        self.eligible_only = not self.eligible_only
        self.case_changed()

    def action_acquire(self) -> None:
        one = self.current
        if one is None:
            return
        kind = _ACQUIRED.get(one.kind)
        if kind is None:
            what = "This is a" + ("n image" if one.kind == "image" else f" {one.kind}")
            self.bench.say(f"{what}: put the cursor on a disk or an instance, then press a.", "warning")
            return
        named = target(one.cloud, one.account, one.id)
        self.post_message(self.Acquire(kind, named, present.title_of(one, self.look)))

    def on_row_list_chosen(self, event: RowList.Chosen) -> None:
        event.stop()
        one = self.current
        if one is not None:
            self.post_message(self.Opened(one, self.shelf))
