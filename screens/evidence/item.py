"""One sealed item: everything that is known of it, over its lines in the custody record."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

from textual import work
from textual.content import Content
from textual.widget import Widget

from app.model import EvidenceItem
from screens.acquisition.events import Events
from screens.evidence.keys import ItemCommands
from screens.evidence.lines import detail_lines
from screens.present.amounts import plural
from screens.widgets.page_lines import PageLines
from screens.widgets.row_list import RowList


class ItemScreen(ItemCommands):
    """Enter on a line opens it whole."""

    CSS_PATH = Path(__file__).with_name("evidence.tcss")
    AUTO_FOCUS = "#detail"

    def __init__(self, ident: str) -> None:
        super().__init__()
        self._ident = ident
        self._seen = (0, -1)  # the read model, and how many custody lines it had

    @property
    def crumbs(self) -> Sequence[str]:
        return ("evidence", self._ident)

    @property
    def more_hints(self) -> Sequence[tuple[str, str]]:
        return self.opens("event") if self.query_one("#lines").has_focus else ()

    @property
    def item(self) -> EvidenceItem | None:
        return next((one for one in self.bench.snapshot.items if one.id == self._ident), None)

    def body(self) -> Iterable[Widget]:
        detail = PageLines(look=self.look, id="detail")
        detail.border_title = Content(self.look.clean(self._ident))
        yield detail
        rows = RowList(look=self.look, id="lines", tail=True, empty=((" nothing recorded yet", "dim"),))
        rows.border_title = Content("Custody")
        yield rows

    def show_case(self) -> None:
        super().show_case()
        seen = (self.bench.snapshot.made, self.bench.snapshot.event_lines)
        if seen != self._seen:
            self._seen = seen
            self._load()

    def show_time(self) -> None:
        super().show_time()
        one, page, bench = self.item, self.query_one("#detail", PageLines), self.bench
        if one is not None and page.inner:
            check, made, now = self.check_of(one), self.acquisition_of(one), bench.clock.now()
            page.show(detail_lines(one, check, made, bench.shelf.names, now, page.inner, self.look, self.key))

    def on_descendant_focus(self) -> None:
        self.show_time()

    @work(exclusive=True, group="events")
    async def _load(self) -> None:
        found = await self.bench.reader.events_of_item(self._ident)
        rows = self.query_one("#lines", RowList)
        rows.border_title = Content(f"Custody {self.look.dot} {plural(len(found), 'line')}")
        rows.show(Events(found, self.look))

    def on_row_list_chosen(self, event: RowList.Chosen) -> None:
        event.stop()
        self.bench.open_event(int(event.key))
