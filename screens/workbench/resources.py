"""Pane 2: what is in the accounts, what of it may be acquired, and a filter."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import ClassVar

from textual import work
from textual.binding import BindingType
from textual.message import Message
from textual.widget import Widget

from app.client.filtering import Filter, parse
from app.client.inventory import AMOUNTS, FIELDS, FLAGS, READING, Query, Selection
from app.model import AccountKey, Resource
from screens.command.catalogue import bindings
from screens.plan.targets import BatchTarget, batch_targets, parse_target
from screens.present import resources as present
from screens.present.accounts import outdated
from screens.present.amounts import count, plural
from screens.present.ids import target
from screens.widgets.line_view import LinesView
from screens.widgets.row_list import RowList
from screens.workbench.pane import Pane
from screens.workbench.resource_rows import ResourceRows

_ACQUIRED = {"volume": "disk", "instance": "instance"}
_UNREAD = "What was asked for is gone, or cannot be read now: press the key again."


class ResourcesPane(Pane):
    """The list, its column titles and its filter.

    Marks are rows of the inventory: they stay over filters, sorting and scans, until the resource is gone or may
    not be acquired any more.
    """

    number, word = 2, "Resources"
    commands = ("resources.mark", "resources.acquire", "filter", "resources.eligible")
    opens = "detail"
    fields, flags, tags = FIELDS, FLAGS, True
    asks = "words, tag=K:V, kind= account= region= state= name= size>8G eligible untagged locked marked"
    BINDINGS: ClassVar[list[BindingType]] = bindings("resources")

    class Acquire(Message):
        """A disk or an instance (``kind``) was picked; ``target`` names it for the agent."""

        def __init__(self, kind: str, target: str, crumb: str) -> None:
            super().__init__()
            self.kind = kind
            self.target = target
            self.crumb = crumb

    class AcquireBatch(Message):
        """What is marked is to be planned together."""

        def __init__(self, targets: tuple[BatchTarget, ...]) -> None:
            super().__init__()
            self.targets = targets

    class Opened(Message):
        """Enter on a row; ``disks`` are those of an instance."""

        def __init__(self, resource: Resource, disks: Sequence[Resource]) -> None:
            super().__init__()
            self.resource = resource
            self.disks = disks

    def __init__(self) -> None:
        super().__init__("resources")
        self.scope: AccountKey | None = None
        self.scope_name = ""
        self.eligible_only = False
        self.sort = READING
        self.descending = False
        self.marks: set[int] = set()
        self._hidden = 0
        self._file = 0
        self._known: dict[int, Resource | None] = {}
        self._source: ResourceRows | None = None
        self._wanted: object = None
        self._asked: object = None  # filter and order
        self._answered: object = None  # those of the rows that are shown

    def content(self) -> Iterable[Widget]:
        yield LinesView(look=self.look, id="columns")
        yield RowList(look=self.look)

    @property
    def current(self) -> Resource | None:
        """The resource under the cursor, None where there is none, or it is not read yet."""
        place = self.rows.cursor
        return self._source.get(place) if self._source is not None and place is not None else None

    def asked(self) -> Query:
        """What is to be shown."""
        return Query(
            self.scope, self.eligible_only, self.filter(), self.sort, self.descending, frozenset(self.marks)
        )

    def filter(self) -> Filter:
        return parse(self.text, fields=FIELDS, flags=FLAGS, amounts=AMOUNTS, tags=True, inverted=self.inverted)

    def case_changed(self) -> None:
        facts = self.bench.snapshot.inventory
        if facts.file != self._file:  # its rows have other numbers
            self._file = facts.file
            if self.marks:
                self.bench.say("The inventory was read anew: all marks are dropped.", "warning")
            self.marks.clear()
            self._known.clear()
        found = self.filter()
        by_marks = any(term.kind == "flag" and term.name == "marked" for term in found.terms)
        self._asked = asked = (self.scope, self.eligible_only, found, self.sort, self.descending)
        wanted = (facts.file, facts.revision, self.bench.shelf.names, asked, by_marks and frozenset(self.marks))
        if wanted != self._wanted:
            self._wanted = wanted
            self._select(wanted, asked, self.asked())
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

    @work(exclusive=True, group="select")
    async def _select(self, wanted: object, asked: object, query: Query) -> None:
        reader = self.bench.reader
        selection = await reader.select(query)
        if selection is None or wanted != self._wanted or not self.query(RowList):
            return
        if not selection.known and self.bench.snapshot.inventory.total:
            self._wanted = None  # what is shown stays; the next change asks again
            return
        source = ResourceRows(
            selection, self._known, self.marks, self._ask, self.bench.shelf, self.scope is not None, self.look
        )
        stays = self._stays_in(selection, other=asked != self._answered)
        first = selection.first_match
        near = (0, first, first if stays is None else stays)
        pages = sorted({page for place in near for page in source.around(place)})
        found = await reader.rows(source.numbers(pages))
        if wanted != self._wanted or not self.query(RowList):  # the screens may be gone meanwhile
            return
        source.put(pages, found)
        self._source, self._answered = source, asked
        if self.text or self.eligible_only:
            words = f"nothing matches; {self._key('panes.back')} clears the filter"
        elif self.scope is not None:
            words = f"nothing seen here yet; {self._key('refresh')} asks the cloud"
        else:
            words = f"nothing seen yet; {self._key('list.open')} on an account asks the cloud"
        self.rows.show(source, empty=((f" {words}", "dim"),), home=first)
        if stays is None and len(source):
            self.rows.go_to(source.key(first))
        self._drop_marks(query.marks - selection.marks)
        self._retitle()

    def _stays_in(self, selection: Selection, *, other: bool) -> int | None:
        """Where the cursor stays in rows that are not shown yet; None where it goes to the first that matches:
        ``other`` ones were asked for, and its row is not one of them."""
        rows = self.rows
        found = selection.find(int(rows.current)) if rows.current is not None else None
        if other:
            return found if found is not None and selection.matches(found) else None
        return max(0, min(rows.cursor or 0, len(selection) - 1)) if found is None else found

    def _ask(self, page: int) -> None:
        if self._source is not None:
            self.run_worker(self._load(self._source, page), group="rows")

    async def _load(self, source: ResourceRows, page: int) -> None:
        found = await self.bench.reader.rows(source.numbers([page]))
        if source.put([page], found) and source is self._source and self.query(RowList):
            self.rows.repaint()

    # The title, and the titles of the columns

    def _retitle(self) -> None:
        titles = self.query("#columns")
        if not titles:  # the screens are being taken down
            return
        facts, source = self.bench.snapshot.inventory, self._source
        eligible, total = facts.eligible, facts.total
        if self.scope is not None:
            eligible, total = facts.accounts.get(self.scope, (0, 0))
        filtered = bool(self.text or self.eligible_only)
        numbers = f"{count(source.selection.hits)} of {count(total)}" if filtered and source is not None else (
            f"{count(total)}, {count(eligible)} eligible" if total else "")  # fmt: skip
        view = self.query_one("#columns", LinesView)
        widths = present.widths(view.inner or self.size.width, one_account=self.scope is not None)
        way = self.look.down if self.descending else self.look.up
        only = "eligible only" if self.eligible_only else ""
        order = "" if self.sort == READING or getattr(widths, self.sort) else f"by {self.sort} {way}"
        failed, seen = outdated(self.bench.snapshot.scans, self.scope, self.bench.clock.now())
        parts = (self._marked_words(), self.scope_name, only, numbers, failed, seen, order)
        self.name_title(*parts, least=(order, self.scope_name, seen))
        self.name_keys()
        if view.inner:
            view.show([present.header(widths, self.look, self.sort, self.descending)])

    def _marked_words(self) -> str:
        if not self.marks:
            return ""
        hidden = f", {count(self._hidden)} hidden" if self._hidden else ""
        return f"{count(len(self.marks))} marked{hidden}"

    # Marks

    def _drop_marks(self, gone: Iterable[int]) -> None:
        """Marks that mean nothing any more; and count those that are not in sight."""
        lost = self.marks.intersection(gone)
        self.marks.difference_update(lost)
        shown = self._source.selection.rows if self._source is not None else ()
        self._hidden = len(self.marks.difference(shown)) if self.marks else 0
        if lost:
            was = "what it stood on is gone or is" if len(lost) == 1 else "what they stood on is gone or is"
            self.bench.say(f"{plural(len(lost), 'mark')} dropped: {was} not eligible any more.", "warning")

    def _marks_changed(self) -> None:
        self._drop_marks(())
        self.rows.repaint()
        self.case_changed()

    def unmark(self) -> None:
        """Drop all marks."""
        self.marks.clear()
        self._marks_changed()

    def action_mark(self) -> None:
        self._with_current(self._mark)

    def _mark(self, row: int, one: Resource) -> None:
        key = self._key("resources.mark")
        why = self._outside(row, one) or present.locked(one, key, self.look)
        if why and row not in self.marks:
            self.bench.say(why, "warning")
            return
        self.marks ^= {row}
        self._marks_changed()

    def action_mark_all(self) -> None:
        self.run_worker(self._mark_all(self.asked()), group="marks")

    async def _mark_all(self, query: Query) -> None:
        found = await self.bench.reader.markable(query)
        if not self.query(RowList):
            return
        if not found:
            self.bench.say("Nothing that matches may be acquired.", "warning")
            return
        self.marks.update(found)
        self._marks_changed()

    def action_unmark(self) -> None:
        self.unmark()

    # Order

    def action_sort(self) -> None:
        widths = present.widths(self.query_one("#columns", LinesView).inner, one_account=self.scope is not None)
        orders = [READING, *(name for name in present.COLUMNS if getattr(widths, name))]
        place = orders.index(self.sort) if self.sort in orders else 0
        self._sort_by(orders[(place + 1) % len(orders)], descending=False)

    def action_reverse(self) -> None:
        if self.sort == READING:
            sort, turn = self._key("resources.sort"), self._key("resources.reverse")
            said = f"The reading order has one way: {sort} sorts by a column, {turn} turns that round."
            self.bench.say(said, "warning")
        else:
            self._sort_by(self.sort, descending=not self.descending)

    def take_sort(self, text: str) -> None:
        """``size desc``; ``reading`` is the order in which disks stand under their instances."""
        name, _, way = " ".join(text.lower().split()).partition(" ")
        if name == "desc" and not way:
            name, way = self.sort, "desc"
        column = READING if name in ("reading", "place", "none") else name
        if (column != READING and column not in present.COLUMNS) or way not in ("", "asc", "desc"):
            there = ", ".join(["reading", *present.COLUMNS])
            self.bench.say(f"Sort by one of {there}; desc after it turns it round.", "warning")
        else:
            self._sort_by(column, descending=way == "desc")

    def _sort_by(self, column: str, *, descending: bool) -> None:
        self.sort, self.descending = column, descending and column != READING
        self.case_changed()

    # Keys

    def action_eligible(self) -> None:
        self.eligible_only = not self.eligible_only
        self.case_changed()

    def action_acquire(self) -> None:
        if self.marks:
            self.run_worker(self._acquire_marked(sorted(self.marks)), group="acquire", exclusive=True)
        else:
            self._with_current(self._plan_current)

    def _plan_current(self, row: int, one: Resource) -> None:
        why = self._outside(row, one)
        if why:
            self.bench.say(why, "warning")
        else:
            self._plan(one)

    def _outside(self, row: int, one: Resource) -> str:
        """In a sentence why a row that was brought along is not acted on, "" for one that matches."""
        selection = self._source.selection if self._source is not None else Selection()
        place = selection.find(row)
        if place is None or selection.matches(place):
            return ""
        why = "it holds a disk that matches" if one.kind == "instance" else "its instance matches"
        title, back = present.title_of(one, self.look), self._key("panes.back")
        return f"{title} is outside the filter, and shown because {why}. {back} clears the filter."

    def take_acquire(self, text: str) -> None:
        """``disk vol-1``, ``instance web-01``, ``vol-1`` or ``aws:222222222222:vol-1``."""
        self.run_worker(self._acquire_named(text), group="acquire", exclusive=True)

    async def _acquire_marked(self, marks: Sequence[int]) -> None:
        resources, held = await self.bench.reader.families(marks)
        targets = batch_targets(resources, held, self.look)
        if targets:
            self.post_message(self.AcquireBatch(targets))
        elif not resources:
            self.bench.say(_UNREAD, "warning")

    async def _acquire_named(self, text: str) -> None:
        kind, name, account = parse_target(text)
        shown = self.look.clean(name, 80)
        found = await self.bench.reader.resources_named(name, kind, account)
        found = [one for one in found if one.kind in _ACQUIRED] or found
        if not found:
            what = _ACQUIRED.get(kind or "", "disk or instance")
            asks = self._key("refresh")
            self.bench.say(f"No {what} {shown} in the inventory: {asks} asks the clouds again.", "warning")
        elif len(found) > 1:
            self.bench.say(f"{shown} is the name of {len(found)} resources: give an id.", "warning")
        else:
            self._plan(found[0])

    def _plan(self, one: Resource) -> None:
        kind = _ACQUIRED.get(one.kind)
        if kind is None:
            self.bench.say(present.locked(one, self._key("resources.acquire"), self.look), "warning")
            return
        named = target(one.cloud, one.account, one.id)
        self.post_message(self.Acquire(kind, named, present.title_of(one, self.look)))

    def on_row_list_chosen(self, event: RowList.Chosen) -> None:
        event.stop()
        self.run_worker(self._open(int(event.key)), group="open", exclusive=True)

    async def _open(self, row: int) -> None:
        resources, held = await self.bench.reader.families([row])
        if resources:
            one = resources[0]
            disks = next((group.disks for group in held if group.instance == one), ())
            self.post_message(self.Opened(one, disks))
        else:
            self.bench.say(_UNREAD, "warning")

    def _with_current(self, then: Callable[[int, Resource], None]) -> None:
        """Do something with the row under the cursor and its resource: at once, if it has been read."""
        key = self.rows.current
        if key is None:
            return
        if self._answered != self._asked:  # a key typed ahead means a row that is not there yet
            self.bench.say("The rows are still being looked for: press the key again.", "warning")
            return
        row = int(key)
        one = self._known.get(row)
        if one is not None:
            then(row, one)
        else:
            self.run_worker(self._read_then(row, then), group="current", exclusive=True)

    async def _read_then(self, row: int, then: Callable[[int, Resource], None]) -> None:
        one = (await self.bench.reader.rows([row])).get(row)
        if one is not None:
            then(row, one)
        else:
            self.bench.say(_UNREAD, "warning")
