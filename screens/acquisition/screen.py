"""One acquisition: how far it is, each step with its call and request id, and its custody lines."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from textual.binding import Binding, BindingType
from textual.content import Content
from textual.widget import Widget

from app.model import Acquisition, EvidenceItem
from app.model.view import StepRow
from screens.acquisition.events import Events
from screens.base import CaseScreen
from screens.command.catalogue import DEFAULT, bindings
from screens.evidence.screen import EvidenceScreen
from screens.present.acquisition_page import Approval, approval_line, approval_of, step_lines, summary
from screens.present.amounts import plural
from screens.present.cells import Line, cells, wrap
from screens.widgets.line_view import LinesView
from screens.widgets.page_lines import PageLines
from screens.widgets.row_list import RowList
from screens.widgets.tail_list import TailList
from screens.workbench import steering

if TYPE_CHECKING:
    from screens.root import Workbench


_EVIDENCE = DEFAULT.get("evidence")
_ITS_EVIDENCE = [Binding(_EVIDENCE.keys, "its_evidence", show=False, id=_EVIDENCE.id)] if _EVIDENCE else []
"""The key for all evidence shows that of this acquisition here."""


class AcquisitionScreen(CaseScreen[None]):
    """Live: it changes as the acquisition does. The steps follow the one that runs unless they have the focus; the
    custody lines follow their end until the cursor is moved up. The keys of the acquisitions pane act on this one.
    """

    CSS_PATH = Path(__file__).with_name("acquisition.tcss")
    AUTO_FOCUS = "#lines"
    BINDINGS: ClassVar[list[BindingType]] = [*bindings("acquisitions"), *_ITS_EVIDENCE]

    def __init__(self, acquisition: str) -> None:
        super().__init__()
        self.acquisition = acquisition
        self._approval: Approval | None = None
        self._approved_in = 0  # the custody line that says so
        self._lines_seen = -1
        self._followed: tuple[int | None, int] = (0, 0)

    @property
    def crumbs(self) -> Sequence[str]:
        return (self.acquisition, "steps")

    @property
    def hints(self) -> Sequence[tuple[str, str]]:
        registry = self.bench.registry
        key, _ = registry.hint("list.open")
        steers = registry.hints("acquisitions.pause", "acquisitions.resume", "acquisitions.cancel")
        wide = registry.hints("evidence") if self.size.width >= 100 else ()
        return ((key, "event"), *steers, *wide, *registry.hints("page.back", "help"))

    def body(self) -> Iterable[Widget]:
        yield LinesView(look=self.look, id="summary")
        steps = PageLines(look=self.look, id="steps")
        steps.border_title = Content("Steps")
        yield steps
        yield TailList(look=self.look, id="lines", empty=((" nothing recorded yet", "dim"),))

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
        rows = [row for row in bench.snapshot.steps if row.acquisition == self.acquisition]
        self.query_one("#summary", LinesView).show(self._summary(one, rows))
        steps = self.query_one("#steps", PageLines)
        width = max(40, steps.inner)
        steps.show([*step_lines(rows, now, width, look, one.state), *self._whole_reason(width)])
        now_at = next((place for place, row in enumerate(rows) if row.state in ("running", "failed")), None)
        follow = (now_at, steps.scrollable_content_region.height)
        if now_at is not None and follow != self._followed and not steps.has_focus:
            self._followed = follow
            above = len(step_lines(rows[:now_at], now, width, look, one.state))
            self.call_after_refresh(steps.bring, above)
        self._name_custody()

    def _summary(self, one: Acquisition, rows: Sequence[StepRow]) -> list[Line]:
        bench = self.bench
        leases = {lease.id: lease for lease in bench.snapshot.leases}
        width = max(40, self.query_one("#summary", LinesView).inner)
        now, sealed = bench.clock.now(), self._sealed()
        return summary(one, leases, now, width, self.look, sealed, rows, self._approval)

    def _whole_reason(self, width: int) -> list[Line]:
        """The reason for custody under the steps, where it does not fit above them."""
        if self._approval is None:
            return []
        line = approval_line(self._approval, self.look)
        if cells(line) <= width:
            return []
        text = "".join(piece for piece, _ in line).strip()
        return [(), *(((f" {piece}", "dim"),) for piece in wrap(text, width - 2))]

    def _sealed(self) -> list[EvidenceItem]:
        return [item for item in self.bench.snapshot.items if item.acquisition == self.acquisition]

    def _one(self) -> Acquisition | None:
        return next((one for one in self.bench.snapshot.acquisitions if one.id == self.acquisition), None)

    # Its custody

    async def _load(self) -> None:
        found = await self.bench.reader.events_of(self.acquisition)
        self.query_one("#lines", RowList).show(Events(found, self.look))
        self._name_custody()
        approved = next((row.line for row in reversed(found) if row.op == "plan.approve"), 0)
        if approved and approved != self._approved_in:
            body = await self.bench.reader.event_body(approved)
            self._approved_in = approved
            self._approval = approval_of(body) if body is not None else None
            self.tick()

    def _name_custody(self) -> None:
        """``Custody · follows · 24 lines``; one that is held is never mistaken for a quiet log."""
        rows, dot = self.query_one(TailList), f" {self.look.dot} "
        count = len(rows.source)
        below = count - 1 - (rows.cursor or 0)
        stands = "" if not count else "follows" if not rows.held else f"held, {below} below" if below else "held"
        title = dot.join(part for part in ("Custody", stands, plural(count, "line") if count else "") if part)
        if str(rows.border_title or "") != title:
            rows.border_title = Content(title)

    def on_row_list_moved(self) -> None:
        self._name_custody()

    def on_row_list_chosen(self, event: RowList.Chosen) -> None:
        event.stop()
        self.bench.open_event(int(event.key))

    # Keys: what the acquisitions pane does to the row under its cursor

    def action_pause(self) -> None:
        self._steer(steering.pause)

    def action_resume(self) -> None:
        self._steer(steering.resume)

    def action_cancel(self) -> None:
        self._steer(steering.cancel)

    def action_its_evidence(self) -> None:
        self.app.push_screen(EvidenceScreen(self.acquisition))

    def _steer(self, what: Callable[[Workbench, Acquisition], None]) -> None:
        one = self._one()
        if one is not None:
            what(self.bench, one)
