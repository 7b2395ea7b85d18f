"""One acquisition: how far it is, each step with its call and request id, and its custody lines."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from textual import work
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.widget import Widget

from app.model import Acquisition, EvidenceItem
from app.model.view import StepRow
from screens.acquisition.events import Events
from screens.acquisition.steps import Steps, StepsScreen
from screens.base import CaseScreen
from screens.command.catalogue import DEFAULT, bindings
from screens.evidence.screen import EvidenceScreen
from screens.present.acquisition_page import Approval, approval_of, parts, shortened, step_lines
from screens.present.amounts import plural
from screens.present.cells import Line
from screens.widgets.line_view import LinesView
from screens.widgets.row_list import RowList
from screens.widgets.tail_list import TailList
from screens.workbench import steering

if TYPE_CHECKING:
    from screens.root import Workbench


_EVIDENCE = DEFAULT.get("evidence")
assert _EVIDENCE is not None
_ITS_EVIDENCE = Binding(_EVIDENCE.keys, "its_evidence", show=False, id=_EVIDENCE.id)
"""The key for all evidence shows that of this acquisition here."""


_WIDE = 100  # cells from which the footer names the key of the evidence in any case
_HEAD, _STEPS, _LINES = 3, 4, 3  # lines that the head, the steps and custody have at least


class Parts(Vertical):
    """What stands between the bars; how it is shared out depends on its height, which strips above it change."""

    def on_resize(self) -> None:
        if isinstance(self.screen, AcquisitionScreen):
            self.call_after_refresh(self.screen.tick)


class AcquisitionScreen(CaseScreen[None]):
    """Live: it changes as the acquisition does. The steps follow the one that runs unless they have the focus; the
    custody lines follow their end until the cursor is moved up. The keys of the acquisitions pane act on this one.
    """

    CSS_PATH = Path(__file__).with_name("acquisition.tcss")
    AUTO_FOCUS = "#lines"
    BINDINGS: ClassVar[list[BindingType]] = [*bindings("acquisitions"), _ITS_EVIDENCE]

    def __init__(self, acquisition: str) -> None:
        super().__init__()
        self.acquisition = acquisition
        self._approval: Approval | None = None
        self._approved_in = (0, 0)  # the read model, and the custody line that says so
        self._seen = (0, -1)  # the read model, and how many custody lines it had
        self._followed: tuple[int | None, int] = (0, 0)

    @property
    def crumbs(self) -> Sequence[str]:
        return (self.acquisition, "steps")

    @property
    def about(self) -> str:
        return self.acquisition

    @property
    def hints(self) -> Sequence[tuple[str, str]]:
        registry = self.bench.registry
        key, _ = registry.hint("list.open")
        one = self._one()
        steers = registry.hints(*steering.offered(one)) if one is not None else []
        if one is not None and one.state == "waiting_for_credentials":
            steers = [*registry.hints("retry"), *registry.hints("acquisitions.cancel")]
        there = registry.hints("evidence") if self.size.width >= _WIDE or self._sealed() else []
        opens = "whole steps" if self.query_one("#steps").has_focus else "event"
        return ((key, opens), *steers, *there, *registry.hints("page.back", "help"))

    def body(self) -> Iterable[Widget]:
        steps = Steps(look=self.look, id="steps")
        steps.border_title = Content("Steps")
        lines = TailList(look=self.look, id="lines", empty=((" nothing recorded yet", "dim"),))
        yield Parts(LinesView(look=self.look, id="summary"), steps, lines, id="parts")

    def show_case(self) -> None:
        super().show_case()
        seen = (self.bench.snapshot.made, self.bench.snapshot.event_lines)
        if seen != self._seen:
            self._seen = seen
            self._load()

    def show_time(self) -> None:
        super().show_time()
        one = self._one()
        if one is None:
            return
        bench, look, now = self.bench, self.look, self.bench.clock.now()
        rows = [row for row in bench.snapshot.steps if row.acquisition == self.acquisition]
        room = self.query_one("#parts").size.height or self.size.height
        shown, hidden = self._summary(one, rows, max(_HEAD, min(room - _STEPS - _LINES, room // 2 + 1)))
        self.query_one("#summary", LinesView).show(shown)
        steps = self.query_one("#steps", Steps)
        rest = room - len(shown)
        steps.styles.max_height = max(_STEPS, rest - max(_LINES, rest // 3))
        width = max(40, steps.inner)
        steps.show([*step_lines(rows, now, width, look, one.state), *([(), *hidden] if hidden else [])])
        now_at = next((place for place, row in enumerate(rows) if row.state in ("running", "failed")), None)
        follow = (now_at, steps.scrollable_content_region.height)
        if now_at is not None and follow != self._followed and not steps.has_focus:
            self._followed = follow
            above = len(step_lines(rows[:now_at], now, width, look, one.state))
            self.call_after_refresh(steps.bring, above)
        self._name_custody()

    def _summary(self, one: Acquisition, rows: Sequence[StepRow], most: int) -> tuple[list[Line], list[Line]]:
        """The head in at most so many lines, and what is left out of it: that stands under the steps."""
        bench = self.bench
        leases = {lease.id: lease for lease in bench.snapshot.leases}
        width = max(40, self.query_one("#summary", LinesView).inner - 2)  # the steps have a frame
        now, sealed = bench.clock.now(), self._sealed()
        found = parts(one, leases, now, width, self.look, sealed, rows, self._approval)
        return shortened(found, most, width, self.look)

    def _sealed(self) -> list[EvidenceItem]:
        return [item for item in self.bench.snapshot.items if item.acquisition == self.acquisition]

    def _one(self) -> Acquisition | None:
        return next((one for one in self.bench.snapshot.acquisitions if one.id == self.acquisition), None)

    # Its custody

    @work(exclusive=True, group="events")
    async def _load(self) -> None:
        made = self.bench.snapshot.made
        found = await self.bench.reader.events_of(self.acquisition)
        self.query_one("#lines", RowList).show(Events(found, self.look))
        self._name_custody()
        approved = next((row.line for row in reversed(found) if row.op == "plan.approve"), 0)
        if approved and (made, approved) != self._approved_in:
            body = await self.bench.reader.event_body(approved)
            self._approved_in = (made, approved)
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

    def on_descendant_focus(self) -> None:
        self.tick()

    def on_steps_opened(self) -> None:
        self.app.push_screen(StepsScreen(self.acquisition))

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
