"""What screens ask of the agent and of the person: orders, questions, toasts, and pages to open."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Literal, cast

from app.clock import Clock
from app.faults import Fault
from app.model.view import CaseSnapshot, EvidenceCheck
from screens.acquisition.screen import AcquisitionScreen
from screens.base import SMALLEST
from screens.command.line import History
from screens.command.registry import Registry
from screens.custody.event import EventScreen
from screens.custody.screen import VerifyScreen
from screens.evidence.checks import checks_of
from screens.link import Link
from screens.plan.batch import BatchScreen
from screens.plan.screen import PlanScreen
from screens.plan.targets import BatchTarget
from screens.present.amounts import plural
from screens.present.look import Look
from screens.present.shelf import Shelf
from screens.reader import Reader
from screens.typeahead import OneKeyAtATime
from screens.widgets.typed_confirm import Question, TypedConfirm
from screens.workbench.screen import WorkbenchScreen

if TYPE_CHECKING:
    from app.custody.exercise import Exercise
    from screens.guided.follow import Follower
    from screens.root import Workbench

_TOLD_S, _WARNED_S = 4.0, 8.0


class Orders(OneKeyAtATime[str]):
    """An application with a case, a connection to its agent, and the workbench as its lowest screen."""

    case_dir: Path
    clock: Clock
    examiner: str
    history: History
    link: Link
    look: Look
    reader: Reader
    registry: Registry
    shelf: Shelf
    snapshot: CaseSnapshot
    follower: Follower
    last_verification: tuple[bool, datetime] | None = None
    """Whether the newest verification of this session was good, and when it came."""
    verified_items: Mapping[str, EvidenceCheck] = MappingProxyType({})
    """What the verifications of this session found of each item."""
    last_exercise: Exercise | None = None

    @property
    def bench(self) -> Workbench:
        """The application, by its own type."""
        return cast("Workbench", self)

    @property
    def workbench(self) -> WorkbenchScreen:
        """The screen with the four panes."""
        screen = self.screen_stack[0]
        assert isinstance(screen, WorkbenchScreen)
        return screen

    @property
    def roomy(self) -> bool:
        """There is room for a question. Where there is none, it is said; nobody answers what is not seen."""
        width, height = self.screen.size
        if width >= SMALLEST[0] and height >= SMALLEST[1]:
            return True
        self.say(f"This needs {SMALLEST[0]}x{SMALLEST[1]}.", "warning")
        return False

    def push_screen(self, screen: Any, *more: Any, **options: Any) -> Any:
        for told in list(self._notifications):
            if told.severity == "information":  # it would lie over what is opened now
                self._unnotify(told)
        return super().push_screen(screen, *more, **options)

    def say(self, text: str, severity: Literal["information", "warning", "error"] = "information") -> None:
        """A toast; ``text`` is already harmless."""
        lasts = _TOLD_S if severity == "information" else _WARNED_S
        self.notify(self.look.plain(text), severity=severity, markup=False, timeout=lasts)

    def say_fault(self, fault: Fault) -> None:
        """A refusal in plain words with the next step."""
        text = self.look.clean(fault.message, 600)
        if fault.next:
            text += f"\n{self.look.arrow} {self.look.clean(fault.next, 400)}"
        self.say(text, "error")

    def ask(self, question: Question, then: Callable[[str], None]) -> None:
        """Ask before something that cannot be taken back; ``then`` gets the reason."""

        def answered(reason: str | None) -> None:
            if reason is not None:
                then(reason)

        if self.roomy:
            self.push_screen(TypedConfirm(question, self.look), answered)

    def order(self, method: str, params: dict[str, Any], said: str = "") -> None:
        """Send a command; a refusal is shown, nothing else happens."""
        self.run_worker(self._order(method, params, said), group="orders")

    async def _order(self, method: str, params: dict[str, Any], said: str) -> None:
        try:
            await self.link.call(method, params)
        except Fault as fault:
            self.say_fault(fault)
            return
        if said:
            self.say(said)

    def refresh_inventory(
        self, scope: Literal["accounts", "resources"], accounts: list[str] | None, *, quietly: bool = False
    ) -> None:
        """Ask the clouds again; the answer comes through the read model."""
        said = "" if quietly else f"Asking the clouds for {scope}; they appear as they come."
        self.order("inventory.refresh", {"scope": scope, "accounts": accounts, "wait": False}, said)

    def plan(self, kind: str, target: str, crumb: str) -> None:
        """The plan of a disk or an instance."""

        def started(acquisition: str | None) -> None:
            if acquisition:
                self.say(f"{self.look.clean(acquisition)} is queued.")
                self.workbench.show_acquisition(acquisition)

        self.push_screen(PlanScreen(kind, target, crumb), started)

    def open_acquisition(self, acquisition: str) -> None:
        """Its steps and custody lines."""
        self.push_screen(AcquisitionScreen(acquisition))

    def open_event(self, line: int) -> None:
        """One custody line, whole, with what the record proves of it."""
        self.push_screen(EventScreen(line))

    def plan_batch(self, targets: tuple[BatchTarget, ...]) -> None:
        """One plan for all that is marked."""

        def started(acquisitions: tuple[str, ...] | None) -> None:
            if acquisitions:
                self.say(f"{plural(len(acquisitions), 'acquisition')} queued.")
                self.workbench.resources.action_unmark()
                self.workbench.show_acquisition(acquisitions[0])

        self.push_screen(BatchScreen(targets), started)

    def verified(self, result: dict[str, Any]) -> None:
        """The agent has verified the record and the evidence."""
        now = self.clock.now()
        self.last_verification = (result.get("ok") is True, now)
        self.verified_items = {**self.verified_items, **checks_of(result, now)}
        self.follower.saw_verification(result)

    def tampered(self, exercise: Exercise) -> None:
        """The exercise has shown what a changed record looks like."""
        self.last_exercise = exercise
        self.follower.saw("tampered")

    def verify(self) -> None:
        """Check the record and the evidence now."""
        self.push_screen(VerifyScreen())
