"""One acquisition: how far it is, each step with its call and request id, and its custody lines."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

from textual.content import Content
from textual.widget import Widget

from app.model import Acquisition
from app.model.view import EventRow
from screens.base import CaseScreen
from screens.present.acquisitions import step_lines, summary
from screens.present.amounts import plural
from screens.present.cells import Line
from screens.present.events import event_line
from screens.present.look import Look
from screens.widgets.line_view import LinesView
from screens.widgets.page_lines import PageLines
from screens.widgets.row_list import RowList


class Events:
    """Row source over a handful of custody lines."""

    def __init__(self, rows: Sequence[EventRow], look: Look) -> None:
        self._rows = rows
        self._at = {str(row.line): place for place, row in enumerate(rows)}
        self._look = look

    def __len__(self) -> int:
        return len(self._rows)

    def key(self, index: int) -> str:
        return str(self._rows[index].line)

    def find(self, key: str) -> int | None:
        return self._at.get(key)

    def row(self, index: int, width: int) -> tuple[Line, ...]:
        return (event_line(self._rows[index], width, self._look),)


class AcquisitionScreen(CaseScreen[None]):
    """Live: it changes as the acquisition does."""

    CSS_PATH = Path(__file__).with_name("acquisition.tcss")
    AUTO_FOCUS = "#lines"

    def __init__(self, acquisition: str) -> None:
        super().__init__()
        self._acquisition = acquisition
        self._lines_seen = -1
        self._followed: tuple[int | None, int] = (0, 0)

    @property
    def crumbs(self) -> Sequence[str]:
        return (self._acquisition, "steps")

    @property
    def hints(self) -> Sequence[tuple[str, str]]:
        return (("Enter", "event"), *self.bench.registry.hints("page.back", "help"))

    def body(self) -> Iterable[Widget]:
        yield LinesView(look=self.look, id="summary")
        steps = PageLines(look=self.look, id="steps")
        steps.border_title = Content("Steps")
        yield steps
        rows = RowList(look=self.look, id="lines", tail=True, empty=((" nothing recorded yet", "dim"),))
        rows.border_title = Content("Custody")
        yield rows

    def show_case(self) -> None:
        super().show_case()
        lines = self.bench.snapshot.event_lines
        if lines != self._lines_seen:
            self._lines_seen = lines
            self.run_worker(self._load(), exclusive=True, group="events")

    def show_time(self) -> None:
        super().show_time()
        one = self._one()
        if one is None:
            return
        bench, look, now = self.bench, self.look, self.bench.clock.now()
        leases = {lease.id: lease for lease in bench.snapshot.leases}
        head = self.query_one("#summary", LinesView)
        sealed = [item for item in bench.snapshot.items if item.acquisition == self._acquisition]
        head.show(summary(one, leases, now, max(40, head.inner), look, sealed))
        rows = [row for row in bench.snapshot.steps if row.acquisition == self._acquisition]
        steps = self.query_one("#steps", PageLines)
        width = max(40, steps.inner)
        steps.show(step_lines(rows, now, width, look, one.state))
        now_at = next((place for place, row in enumerate(rows) if row.state in ("running", "failed")), None)
        follow = (now_at, steps.scrollable_content_region.height)
        if now_at is not None and follow != self._followed and not steps.has_focus:
            self._followed = follow
            above = len(step_lines(rows[:now_at], now, width, look, one.state))
            self.call_after_refresh(steps.bring, above)

    def _one(self) -> Acquisition | None:
        return next((one for one in self.bench.snapshot.acquisitions if one.id == self._acquisition), None)

    async def _load(self) -> None:
        found = await self.bench.reader.events_of(self._acquisition)
        rows = self.query_one("#lines", RowList)
        rows.border_title = Content(f"Custody {self.look.dot} {plural(len(found), 'line')}")
        rows.show(Events(found, self.look))

    def on_row_list_chosen(self, event: RowList.Chosen) -> None:
        event.stop()
        self.bench.open_event(int(event.key))
