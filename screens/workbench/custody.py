"""Pane 4: the custody record, filtered and read a page at a time as it is looked at."""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import datetime
from typing import ClassVar, cast

from textual.binding import BindingType
from textual.message import Message
from textual.widget import Widget

from app.client.events import FIELDS, since
from app.client.filtering import Filter
from screens.command.catalogue import bindings
from screens.present.amounts import count, plural
from screens.widgets.row_list import RowList
from screens.widgets.tail_list import TailList
from screens.workbench.event_pages import PAGE, EventPages
from screens.workbench.pane import Pane


class CustodyPane(Pane):
    """Follows the tail; holds still while one looks at something further up, and its title says so."""

    number, word = 4, "Custody"
    commands = ("filter", "custody.verify")
    fields: ClassVar[Sequence[str]] = FIELDS
    asks = "words, op=snapshot phase=failed actor=ex-07 acq=A-0007 item= lease= since=13:00"
    opens = "event"
    BINDINGS: ClassVar[list[BindingType]] = bindings("custody")

    class Opened(Message):
        """Enter on a line."""

        def __init__(self, line: int) -> None:
            super().__init__()
            self.line = line

    def __init__(self) -> None:
        super().__init__("custody")
        self._all: EventPages | None = None
        self._some: EventPages | None = None
        self._filter = Filter()  # what _some was made with
        self._searched = 0  # the last line that _some was looked for in
        self._sought: Filter | None = None  # the filter that is being looked for now
        self._held_at: int | None = None  # lines there were when it began to hold still
        self._asked: set[tuple[int, int]] = set()
        self._made = 0  # the read model that the pages are of
        self._meant_at: tuple[str, datetime] | None = None  # the filter's text, and when it became that

    def content(self) -> Iterable[Widget]:
        yield TailList(look=self.look, empty=((" nothing recorded yet", "dim"),))

    @property
    def tail(self) -> TailList:
        """The list, by its own type."""
        return cast("TailList", self.rows)

    def filter(self) -> Filter:
        """As typed, with the time that ``since=`` means: what it meant when it was typed, or the list would jump
        by a day whenever it is that time again."""
        if self._meant_at is None or self._meant_at[0] != self.text:
            self._meant_at = (self.text, self.bench.clock.now())
        found = super().filter()
        terms = []
        for term in found.terms:
            if term.kind == "field" and term.name == "since":
                stamp = since(term.value or "", self._meant_at[1])
                if stamp is None:
                    wrong = "since= takes 13:00, 2026-11-23 or 2026-11-23T13:00 (UTC)"
                    found = replace(found, problem=found.problem or wrong)
                    continue
                term = replace(term, value=stamp)
            terms.append(term)
        return replace(found, terms=tuple(terms), inverted=found.inverted and bool(terms))

    def case_changed(self) -> None:
        if self._all is None or self.bench.snapshot.made != self._made:  # nothing of an earlier file is shown
            self._made = self.bench.snapshot.made
            self._all, self._some = EventPages(self._ask, self.look), None
        lines = self.bench.snapshot.event_lines
        self._all.grow(lines)
        wanted = self.filter()
        if not wanted:
            self._some, self._filter, self._searched = None, wanted, 0
            self._show(self._all)
        elif wanted != self._filter or self._some is None or lines != self._searched:
            self._search(wanted)
        self._tell()

    def _show(self, source: EventPages) -> None:
        """The list over these rows; where its row is not among them, the nearest before it."""
        rows = self.tail
        line = int(rows.current) if rows.held and rows.current is not None else None
        rows.show(
            source, empty=((" no line matches" if source is self._some else " nothing recorded yet", "dim"),)
        )
        if line is not None and source.find(str(line)) is None:
            key = source.nearest(line)
            if key is not None:
                rows.go_to(key)

    def _tell(self) -> None:
        facts = self.bench.snapshot.custody
        rows = self.tail
        if not rows.held:
            self._held_at = None
        elif self._held_at is None:
            self._held_at = self.bench.snapshot.event_lines
        fragments = facts.lines - facts.events
        anchored = count(facts.anchored_to) if facts.anchored_to else self.look.none
        shown = len(rows.source)
        some = self._some is not None and rows.source is self._some
        total = self.bench.snapshot.event_lines
        checkpointed = f"checkpoint {count(facts.checkpointed_to)}" if facts.checkpointed_to else ""
        anchors = f"anchored {anchored}" if facts.events else ""
        self.name_title(
            self._stands(rows),
            f"{count(shown)} of {count(total)}" if some else plural(facts.events, "event") if facts.events else "",
            self._other_day(),
            plural(fragments, "fragment") if fragments > 0 else "",
            checkpointed,
            anchors,
            least=(checkpointed, anchors),
        )
        self.name_keys()

    def _other_day(self) -> str:
        """``since 2026-11-22 13:00``: the day of a time that was typed without one, where it is not today."""
        today = self.bench.clock.now().strftime("%Y-%m-%d")
        meant = [term.value or "" for term in self.filter().terms if term.name == "since"]
        other = [stamp for stamp in meant if stamp[:10] != today and stamp[:10] not in self.text]
        return f"since {max(other)[:16].replace('T', ' ')}" if other else ""

    def _stands(self, rows: TailList) -> str:
        """Whether it follows; a list that holds still is never mistaken for a quiet log."""
        if rows.current is None:
            return ""
        if self._held_at is None:
            return "follows"
        source = cast("EventPages", rows.source)
        fresh = len(source) - source.below(self._held_at)
        key, _ = self.bench.registry.hint("list.last")
        new = f", {count(fresh)} new below" + (f" ({key})" if key else "") if fresh else ""
        return f"held at line {count(int(rows.current))}{new}"

    def on_row_list_moved(self) -> None:
        self._tell()

    def action_verify(self) -> None:
        self.bench.verify()

    def on_row_list_chosen(self, event: RowList.Chosen) -> None:
        event.stop()
        self.post_message(self.Opened(int(event.key)))

    # The filter

    def _search(self, wanted: Filter) -> None:
        if self._sought != wanted:  # the one under way looks again when lines came meanwhile
            self._sought = wanted
            self.run_worker(self._find(wanted), group="matching", exclusive=True)

    async def _find(self, wanted: Filter) -> None:
        try:
            while True:
                made, upto = self._made, self.bench.snapshot.event_lines
                again = wanted != self._filter or self._some is None or upto < self._searched
                after = 0 if again else self._searched
                found = await self.bench.reader.matching(wanted, after, upto)
                if found is None or wanted != self.filter():
                    return  # the next change of the case looks again
                if made != self._made:
                    continue
                if again:
                    self._some = EventPages(self._ask, self.look, array("q"))
                elif self._some is None:  # the filter was taken away and typed again meanwhile
                    continue
                self._some.add(found)
                self._filter, self._searched = wanted, upto
                self._show(self._some)
                self._tell()
                if self.bench.snapshot.event_lines == upto:
                    return
        finally:
            if self._sought == wanted:
                self._sought = None

    # Pages

    def _ask(self, page: int) -> None:
        source = self.rows.source
        asked = (id(source), page)
        if isinstance(source, EventPages) and asked not in self._asked:
            self._asked.add(asked)
            self.run_worker(self._load(source, page, asked), group="events")

    async def _load(self, source: EventPages, page: int, asked: tuple[int, int]) -> None:
        try:
            if source is self._all:
                rows = await self.bench.reader.events(page * PAGE + 1, PAGE)
            else:
                rows = await self.bench.reader.events_at(source.numbers(page))
        finally:
            self._asked.discard(asked)
        if rows:
            source.put(page, rows)
            if self.rows.source is source:
                self.rows.repaint()
