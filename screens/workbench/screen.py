"""The workbench: four panes, one at a time where there is no room for four."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import ClassVar

from textual.binding import BindingType
from textual.containers import Horizontal, Vertical
from textual.dom import DOMNode
from textual.events import DescendantFocus, Resize
from textual.widget import Widget

from screens.base import CaseScreen
from screens.command.catalogue import bindings
from screens.command.registry import Command
from screens.guided.rail import GuideRail, GuideStrip
from screens.present import resources as present
from screens.present.cells import Line, Span
from screens.present.states import paused, running, waiting
from screens.widgets.line_view import LinesView
from screens.workbench.accounts import AccountsPane
from screens.workbench.acquisitions import AcquisitionsPane
from screens.workbench.custody import CustodyPane
from screens.workbench.pane import Pane
from screens.workbench.resource_page import ResourceScreen
from screens.workbench.resources import ResourcesPane

_FOUR = 100
"""Columns from which four panes are seen."""
_TABS = ("Acc", "Res", "Acq", "Cus")


class WorkbenchScreen(CaseScreen[None]):
    """Accounts, resources, acquisitions, custody."""

    AUTO_FOCUS = "#accounts RowList"
    BINDINGS: ClassVar[list[BindingType]] = bindings("everywhere", "guide", "panes")

    def __init__(self) -> None:
        super().__init__()
        self._current = 1
        self._guided = ""  # the run that was shown last

    @property
    def crumbs(self) -> Sequence[str]:
        out = [self.resources.scope_name] if self.resources.scope_name else []
        pane = self.panes[self._current - 1]
        if pane is self.resources and self.resources.current is not None:
            out.append(present.title_of(self.resources.current, self.look))
        elif pane is self.acquisitions and self.acquisitions.current is not None:
            out.append(self.acquisitions.current.id)
        return out or [pane.word]

    @property
    def hints(self) -> Sequence[tuple[str, str]]:
        wide = self.size.width >= _FOUR
        return (
            *(self.bench.registry.hints("pane.zoom", "refresh") if wide else ()),
            *self.bench.registry.hints("line", "leases", "help", "detach"),
        )

    @property
    def accounts(self) -> AccountsPane:
        return self.query_one(AccountsPane)

    @property
    def resources(self) -> ResourcesPane:
        return self.query_one(ResourcesPane)

    @property
    def acquisitions(self) -> AcquisitionsPane:
        return self.query_one(AcquisitionsPane)

    @property
    def custody(self) -> CustodyPane:
        return self.query_one(CustodyPane)

    @property
    def panes(self) -> tuple[Pane, ...]:
        return (self.accounts, self.resources, self.acquisitions, self.custody)

    @property
    def zoomed(self) -> bool:
        return self.has_class("zoomed")

    def body(self) -> Iterable[Widget]:
        yield LinesView(look=self.look, id="tabs")
        yield Vertical(
            Horizontal(GuideRail(look=self.look), AccountsPane(), ResourcesPane(), id="top"),
            Horizontal(AcquisitionsPane(), CustodyPane(), id="bottom"),
            id="panes",
        )

    def offers(self, command: Command) -> DOMNode | None:
        """The pane of the command's section, else what has the focus or this screen."""
        if command.section == "back" and not command.names:
            return None  # these lead here
        pane = next((one for one in self.panes if one.id == command.section), None)
        return pane or super().offers(command)

    def on_mount(self) -> None:
        self._mark_current()

    def on_resize(self, event: Resize) -> None:
        self._mark_current()
        self.call_after_refresh(self._keep_focus)

    def on_descendant_focus(self, event: DescendantFocus) -> None:
        for pane in self.panes:
            if pane.has_focus_within and pane.number != self._current:
                self._current = pane.number
                self._mark_current()
                self.tick()

    def show_case(self) -> None:
        for pane in self.panes:
            pane.case_changed()
        super().show_case()

    def show_time(self) -> None:
        super().show_time()
        self.query_one("#tabs", LinesView).show([self._tabs()])
        self.acquisitions.tick()
        self._show_guide()

    def _show_guide(self) -> None:
        """The rail in the place of the accounts where there is room for it, else the strip over the panes."""
        run = self.bench.follower.run
        guided, self._guided = self._guided, run.id if run is not None else ""
        if self._guided not in ("", guided) and self._current == 1:
            self.action_pane(2)
            return
        railed = bool(self._guided) and self._current != 1 and self.size.width >= _FOUR and not self.zoomed
        self.set_class(railed, "railed")
        self.query_one(GuideRail).show_run()
        self.query_one(GuideStrip).show_run(railed=railed)

    def show_strip(self) -> None:
        """It depends on the rail: see :meth:`_show_guide`."""

    def show_acquisition(self, acquisition: str) -> None:
        """Pane 3 with the cursor on that acquisition, as soon as the read model knows it."""
        self.action_pane(3)
        if not self.acquisitions.rows.go_to(acquisition):
            self.acquisitions.rows.action_first()

    # Keys

    def action_pane(self, number: int) -> None:
        self._current = number
        self._mark_current()
        self.tick()
        self.call_after_refresh(self._focus_current)

    def action_pane_step(self, step: int) -> None:
        self.action_pane((self._current - 1 + step) % len(_TABS) + 1)

    def take_pane(self, number: int, text: str) -> None:
        """``:res web tag=app:x``: to the pane, with that filter."""
        self.action_pane(number)
        self.panes[number - 1].take_filter(text)

    @property
    def current(self) -> Pane:
        """The pane that has the focus, or had it last."""
        return self.panes[self._current - 1]

    def action_filter(self) -> None:
        self.current.open_filter()

    def take_filter(self, text: str) -> None:
        self.current.take_filter(text)

    def action_invert(self) -> None:
        self.current.invert_filter()

    def action_zoom(self) -> None:
        self.toggle_class("zoomed")
        self._mark_current()
        self.call_after_refresh(self._focus_current)

    def action_back(self) -> None:
        if self.bench.follower.dismiss_offer():
            return
        if self.current.clear_filter() or self.resources.clear_filter():
            return
        if self.accounts.scope is not None:
            self.accounts.choose(None)
        elif self.zoomed:
            self.action_zoom()

    def action_refresh(self) -> None:
        bench = self.bench
        if self._current == 1 or not bench.snapshot.accounts:
            bench.refresh_inventory("accounts", None)
        else:
            scope = self.resources.scope
            bench.refresh_inventory("resources", [scope[1]] if scope else None)

    # What the panes ask for

    def on_accounts_pane_scoped(self, event: AccountsPane.Scoped) -> None:
        one = event.account
        self.resources.filter_by((one.cloud, one.id) if one else None, self.accounts.title_of(self.accounts.scope))
        if one is None:
            return
        snapshot = self.bench.snapshot
        if not any(scan.cloud == one.cloud and scan.account == one.id for scan in snapshot.scans):
            self.bench.refresh_inventory("resources", [one.id], quietly=True)
        self.action_pane(2)

    def on_resources_pane_opened(self, event: ResourcesPane.Opened) -> None:
        one = event.resource
        self.app.push_screen(ResourceScreen(one, event.disks, present.title_of(one, self.look)))
        self.bench.follower.saw_resource(one)

    def on_resources_pane_acquire_batch(self, event: ResourcesPane.AcquireBatch) -> None:
        self.bench.plan_batch(event.targets)

    def on_resources_pane_acquire(self, event: ResourcesPane.Acquire) -> None:
        self.bench.plan(event.kind, event.target, event.crumb)

    def on_acquisitions_pane_opened(self, event: AcquisitionsPane.Opened) -> None:
        self.bench.open_acquisition(event.acquisition)

    def on_custody_pane_opened(self, event: CustodyPane.Opened) -> None:
        self.bench.open_event(event.line)

    # Which pane is the current one

    def _mark_current(self) -> None:
        """Which pane is seen where one is seen alone. Elsewhere nothing depends on it; restyling takes time."""
        if self.size.width >= _FOUR and not self.zoomed:
            return
        for pane in self.panes:
            pane.set_class(pane.number == self._current, "current")
        self.query_one("#top").set_class(self._current <= 2, "current")
        self.query_one("#bottom").set_class(self._current > 2, "current")

    def _focus_current(self) -> None:
        self.panes[self._current - 1].rows.focus()

    def _keep_focus(self) -> None:
        if self.focused is None:
            self._focus_current()

    def _tabs(self) -> Line:
        """The tab strip; a tab carries a mark when something in it needs a person or runs."""
        snapshot, look = self.bench.snapshot, self.look
        marks: dict[int, Span] = {}
        if waiting(snapshot.acquisitions):
            marks[3] = (look.warn, "need")
        elif running(snapshot.acquisitions):
            marks[3] = (look.live, "live")
        elif paused(snapshot.acquisitions):
            marks[3] = (look.pause, "wait")
        facts = snapshot.custody
        if facts.lines > facts.events:
            marks[4] = (look.warn, "need")
        if snapshot.accounts and all(one.reachable is False for one in snapshot.accounts):
            marks[1] = (look.warn, "need")
        out: list[Span] = [(" ", "")]
        for number, word in enumerate(_TABS, 1):
            here = number == self._current
            out.append((f"[{number} {word}" if here else f" {number} {word}", "strong" if here else "dim"))
            if number in marks:
                out.append(marks[number])
            out.append(("] " if here else "  ", "strong" if here else "dim"))
        return tuple(out)
