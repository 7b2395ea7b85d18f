"""Pane 4: the custody record, read a page at a time as it is looked at."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import ClassVar

from textual.binding import BindingType
from textual.message import Message
from textual.widget import Widget

from app.model.view import EventRow
from screens.command.catalogue import bindings
from screens.present.amounts import count, plural
from screens.present.cells import Line
from screens.present.events import event_line
from screens.present.look import Look
from screens.widgets.row_list import RowList
from screens.workbench.pane import Pane

_PAGE = 128
_KEPT = 64


class EventPages:
    """Row source over custody lines. A page that is not there yet is asked for and shows as its line number."""

    def __init__(self, ask: Callable[[int], None], look: Look) -> None:
        self._ask = ask
        self._look = look
        self._pages: dict[int, dict[int, EventRow]] = {}
        self._total = 0

    def __len__(self) -> int:
        return self._total

    def key(self, index: int) -> str:
        return str(index + 1)

    def find(self, key: str) -> int | None:
        line = int(key)
        return line - 1 if 1 <= line <= self._total else None

    def row(self, index: int, width: int) -> tuple[Line, ...]:
        page = index // _PAGE
        found = self._pages.get(page, {}).get(index + 1)
        if found is None:
            self._ask(page)
            return (((f" line {index + 1:,} {self._look.more}", "dim"),),)
        return (event_line(found, width, self._look),)

    def grow(self, total: int) -> None:
        """There are ``total`` lines now; fewer than before means that the read model was rebuilt."""
        if total < self._total:
            self._pages.clear()
        self._total = total

    def put(self, page: int, rows: list[EventRow]) -> None:
        """What the reader found."""
        self._pages.pop(page, None)
        self._pages[page] = {row.line: row for row in rows}
        while len(self._pages) > _KEPT:
            self._pages.pop(next(iter(self._pages)))


class CustodyPane(Pane):
    """Follows the tail; holds still while the cursor is further up."""

    number, word = 4, "Custody"
    commands = ("filter", "custody.verify")
    opens = "event"
    BINDINGS: ClassVar[list[BindingType]] = bindings("custody")

    class Opened(Message):
        """Enter on a line."""

        def __init__(self, line: int) -> None:
            super().__init__()
            self.line = line

    def __init__(self) -> None:
        super().__init__("custody")
        self._source: EventPages | None = None
        self._asked: set[int] = set()

    def content(self) -> Iterable[Widget]:
        yield RowList(look=self.look, tail=True, empty=((" nothing recorded yet", "dim"),))

    def case_changed(self) -> None:
        if self._source is None:
            self._source = EventPages(self._ask, self.look)
        snapshot = self.bench.snapshot
        facts = snapshot.custody
        self._source.grow(snapshot.event_lines)
        self.rows.show(self._source)
        fragments = facts.lines - facts.events
        anchored = count(facts.anchored_to) if facts.anchored_to else self.look.none
        self.name_title(
            plural(facts.events, "event") if facts.events else "",
            plural(fragments, "fragment") if fragments > 0 else "",
            f"checkpoint {count(facts.checkpointed_to)}" if facts.checkpointed_to else "",
            f"anchored {anchored}" if facts.events else "",
        )
        self.name_keys()

    def action_verify(self) -> None:
        self.bench.verify()

    def on_row_list_chosen(self, event: RowList.Chosen) -> None:
        event.stop()
        self.post_message(self.Opened(int(event.key)))

    def _ask(self, page: int) -> None:
        if page not in self._asked:
            self._asked.add(page)
            self.run_worker(self._load(page), group="events")

    async def _load(self, page: int) -> None:
        try:
            rows = await self.bench.reader.events(page * _PAGE + 1, _PAGE)
        finally:
            self._asked.discard(page)
        if self._source is not None and rows:
            self._source.put(page, rows)
            self.rows.repaint()
