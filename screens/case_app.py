"""An application on one case: it reads the case, paints it, passes orders to the agent and opens pages."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Literal, cast

from textual import events
from textual.notifications import Notification, Notify
from textual.screen import Screen

from app.clock import Clock, SystemClock
from app.faults import Fault
from app.guided.load import Sources
from app.model.view import CaseSnapshot, EvidenceCheck
from app.ui_options import CALM_REFRESH_S, UiOptions
from screens.acquisition.screen import AcquisitionScreen
from screens.agent_port import Connect
from screens.base import SMALLEST, CaseScreen
from screens.command.catalogue import DEFAULT
from screens.command.line import History
from screens.command.registry import Registry
from screens.credentials.arm import ArmScreen
from screens.custody.event import EventScreen
from screens.custody.screen import VerifyScreen
from screens.custody.verifying import Verifying
from screens.evidence.checks import checks_of
from screens.guided.follow import Follower
from screens.link import Link
from screens.plan.batch import BatchScreen
from screens.plan.screen import PlanScreen
from screens.plan.targets import BatchTarget
from screens.present.amounts import plural
from screens.present.clocks import Clocks
from screens.present.context import Surroundings, stale
from screens.present.durations import left
from screens.present.look import Look
from screens.present.messages import Message, Severity
from screens.present.news import news
from screens.present.shelf import Shelf
from screens.present.slow import ends_soon, only_beat
from screens.reader import Reader
from screens.terminal_app import TerminalApp
from screens.widgets.typed_confirm import Question, TypedConfirm
from screens.workbench.screen import WorkbenchScreen

if TYPE_CHECKING:
    from app.custody.exercise import Exercise
    from screens.root import Workbench

NO_SOURCES = Sources()
POLL_S = 0.25
TICK_S = 1.0
_PING_EVERY_S = 5.0
_SLOW_TICK_S = 5.0
_TOLD_S, _WARNED_S = 4.0, 8.0
_SEEN_S = 1.0  # from then on a key may take away what is said
_KEPT = 200  # messages


class CaseApp(TerminalApp[str]):
    """What the screens of a case stand on: the case as it was last read, the connection to its agent, and whatever
    is said, asked or ordered. The workbench is the lowest screen; everything else lies over it."""

    def __init__(
        self,
        case_dir: Path,
        sqlite: Path,
        connect: Connect,
        examiner: str,
        *,
        clock: Clock | None = None,
        look: Look | None = None,
        theme: str | None = None,
        comeback: str | None = None,
        registry: Registry = DEFAULT,
        options: UiOptions | None = None,
        notices: Sequence[str] = (),
        sources: Sources = NO_SOURCES,
    ) -> None:
        """``comeback`` is the command that opens this case again, ``notices`` what of the user's keymap was left
        out."""
        super().__init__(options or UiOptions(), look=look, theme=theme)
        self.poll_s = options.refresh_s if options else POLL_S
        self.registry = registry
        self.set_keymap(dict(registry.changed))
        self.notices = notices
        self.comeback = comeback
        self.history = History()
        self.case_dir = case_dir
        self.examiner = examiner
        self.clock = clock or SystemClock()
        self.snapshot = CaseSnapshot()
        self.shelf = Shelf()
        self.reader = Reader(sqlite, coarse=self.options.low_bandwidth)
        self.link = Link(connect, examiner, self.clock, self.repaint)
        self.follower = Follower(self.bench, sources, self.repaint_screens)
        self.verifying = Verifying()
        self.last_verification: tuple[bool, datetime] | None = None
        """Whether the newest verification of this session was good, and when it came."""
        self.verified_items: Mapping[str, EvidenceCheck] = MappingProxyType({})
        """What the verifications of this session found of each item."""
        self.last_exercise: Exercise | None = None
        self.reasons: dict[str, str] = {}
        """Reasons for custody that were typed and not given with an order yet, by what they are for. In memory
        alone, as long as this session."""
        self.stopped = False
        """The person has stopped the agent."""
        self.messages: deque[Message] = deque(maxlen=_KEPT)
        """What was said in passing in this session, the newest last."""
        self._said_at: dict[str, float] = {}
        self._clocks = Clocks(self.clock.now(), self.clock.monotonic())
        self._pinged = self._ticked = 0.0
        self._asked_for_accounts = False

    @property
    def bench(self) -> Workbench:
        """The application, by its own type."""
        return cast("Workbench", self)

    def get_default_screen(self) -> Screen[Any]:
        return WorkbenchScreen()

    @property
    def workbench(self) -> WorkbenchScreen:
        """The screen with the four panes."""
        screen = self.screen_stack[0]
        assert isinstance(screen, WorkbenchScreen)
        return screen

    # From the first frame to the last

    def on_mount(self) -> None:
        self.catch_signals()
        self.call_after_refresh(self.begin)

    def begin(self) -> None:
        """After the first frame: read, connect, count seconds."""
        self.run_worker(self._read(), group="feed")
        self.run_worker(self.link.run(), group="link")
        self.set_interval(TICK_S, self._tick)

    def came_in_sight(self) -> None:
        self.repaint()

    async def on_unmount(self) -> None:
        await self.link.leave()
        self.reader.close()

    async def _read(self) -> None:
        while True:
            reading = await self.reader.poll()
            if reading is not None:
                quiet = self.slow and only_beat(self.snapshot, reading.snapshot)
                told = news(self.snapshot.agent, reading.snapshot.agent, self.examiner, self.clock.now())
                self.snapshot, self.shelf = reading.snapshot, reading.shelf
                self._tell(told)
                if not quiet:
                    self.repaint()
            self._ask_for_accounts()
            await asyncio.sleep(max(self.poll_s, CALM_REFRESH_S) if self.slow else self.poll_s)

    def _tell(self, what: str) -> None:
        """News of the write window, whoever opened or closed it, and in which terminal."""
        if what:
            self.say(self.look.plain(what), "warning")
            if isinstance(self.screen, ArmScreen) and self.armed:
                self.screen.finish(None)

    def _ask_for_accounts(self) -> None:
        """Once, in a case whose accounts or resources nobody has seen yet: asking for these asks for those."""
        if self.link.state == "attached" and not self._asked_for_accounts:
            self._asked_for_accounts = True
            if not self.snapshot.accounts or not self.snapshot.scans:
                self.refresh_inventory("resources", None, quietly=True)

    # Painting

    def repaint(self) -> None:
        """The case or the connection has changed."""
        if self.is_running:
            with self.batch_update():
                self.repaint_screens()
            self.follower.case_changed()

    def repaint_screens(self) -> None:
        """Let every screen show what is known now."""
        for screen in self.screen_stack if self.is_running else ():
            if isinstance(screen, CaseScreen):
                screen.case_changed()

    def _tick(self) -> None:
        if not self.is_running:
            return
        mono = self.clock.monotonic()
        if self.slow and mono - self._ticked < _SLOW_TICK_S and not ends_soon(self.snapshot, self.clock.now()):
            return
        self._ticked = mono
        screen = self.screen
        with self.batch_update():
            for one in self.screen_stack if screen.is_modal else (screen,):
                if isinstance(one, CaseScreen):
                    one.tick()
        silent = stale(self.snapshot, self.clock.now()) or self.snapshot.agent.state == "stopped"
        if silent and self.link.state == "attached" and mono - self._pinged >= _PING_EVERY_S:
            self._pinged = mono
            self.run_worker(self.link.check(), group="check", exclusive=True)

    def surroundings(self) -> Surroundings:
        """What the context bar shows besides the case."""
        self._clocks = self._clocks.seen(self.clock.now(), self.clock.monotonic())
        name = ""
        if self.screen_stack:
            bench = self.workbench
            name = bench.resources.scope_name if bench.is_attached and bench.is_mounted else ""
        return Surroundings(self.link.state, name, self._clocks.moved_s, self.examiner)

    @property
    def armed(self) -> bool:
        """Whether plans may be approved now, as far as this screen knows; the agent decides."""
        rest = left(self.snapshot.agent.armed_until, self.clock.now())
        return rest is not None and rest > 0

    # What is said and asked

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

    def say(self, text: str, severity: Severity = "information") -> None:
        """A toast, until the next key; it can be read again. ``text`` is already harmless."""
        lasts = _TOLD_S if severity == "information" else _WARNED_S
        told = Notification(self.look.plain(text), severity=severity, markup=False, timeout=lasts)
        self.messages.append(Message(self.clock.now(), severity, told.message))
        self._said_at[told.identity] = self.clock.monotonic()
        self.post_message(Notify(told))

    def _make_room(self) -> None:
        """A key takes away what was said before it, unless nobody can have seen that yet: it lies over a page."""
        seen = self.clock.monotonic() - _SEEN_S
        for told in list(self._notifications):
            if self._said_at.get(told.identity, seen) <= seen:
                self._unnotify(told)
        standing = {told.identity for told in self._notifications}
        self._said_at = {one: at for one, at in self._said_at.items() if one in standing or at > seen}

    async def on_event(self, event: events.Event) -> None:
        if isinstance(event, events.Key) and not event.is_forwarded:
            self._make_room()
        await super().on_event(event)

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

    # What is ordered

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

    # Pages

    async def back_to_workbench(self) -> None:
        """Close every page over the workbench."""
        while len(self.screen_stack) > 1:
            await self.pop_screen()

    def plan(self, kind: str, target: str, crumb: str) -> None:
        """The plan of a disk or an instance."""

        def started(acquisition: str | None) -> None:
            if acquisition:
                self.say(f"{self.look.clean(acquisition)} is queued.")
                self.workbench.show_acquisition(acquisition)

        self.push_screen(PlanScreen(kind, target, crumb), started)

    def plan_batch(self, targets: tuple[BatchTarget, ...]) -> None:
        """One plan for all that is marked."""

        def started(acquisitions: tuple[str, ...] | None) -> None:
            if acquisitions:
                self.say(f"{plural(len(acquisitions), 'acquisition')} queued.")
                self.workbench.resources.action_unmark()
                self.workbench.show_acquisition(acquisitions[0])

        self.push_screen(BatchScreen(targets), started)

    def open_acquisition(self, acquisition: str) -> None:
        """Its steps and custody lines."""
        self.push_screen(AcquisitionScreen(acquisition))

    def open_event(self, line: int) -> None:
        """One custody line, whole, with what the record proves of it."""
        self.push_screen(EventScreen(line))

    def verify(self) -> None:
        """Check the record and the evidence now."""
        self.push_screen(VerifyScreen())

    def verified(self, result: dict[str, Any], began: datetime | None) -> None:
        """The agent has verified the record and the evidence, as they were when it ``began``."""
        now = self.clock.now()
        self.last_verification = (result.get("ok") is True, now)
        self.verified_items = {**self.verified_items, **checks_of(result, now)}
        self.follower.saw_verification(result, began)

    def tampered(self, exercise: Exercise) -> None:
        """The exercise has shown what a changed record looks like."""
        self.last_exercise = exercise
        self.follower.saw("tampered")
