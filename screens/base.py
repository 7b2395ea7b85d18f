"""What every screen of a case shares: the bars, the feed's changes, the one-second tick."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, ClassVar, TypeVar, cast

from rich.cells import cell_len
from textual.actions import parse
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.dom import DOMNode
from textual.events import Resize
from textual.widget import Widget
from textual.widgets import Input

from app.faults import AgentGone, Fault
from app.model.view import CaseSnapshot
from screens.command.catalogue import bindings
from screens.command.naming import key_of
from screens.command.registry import Command
from screens.ending import EndingScreen
from screens.guided.rail import GuideStrip
from screens.present import leases
from screens.present.acquisitions import nothing_lost
from screens.present.cells import Line
from screens.present.context import beat_age, power_word, stale
from screens.present.durations import age
from screens.present.look import Look
from screens.present.reasons import brief
from screens.present.reasons import why as reason
from screens.present.states import counted, running, waiting
from screens.widgets.context_bar import ContextBar
from screens.widgets.countdown_list import CountdownList
from screens.widgets.footer_line import FooterLine
from screens.widgets.line_view import LinesView
from screens.widgets.strips import Problem, Strips

if TYPE_CHECKING:
    from screens.root import Workbench

Result = TypeVar("Result")
_CAP = 2000  # characters of a message that are kept before it is fitted
SMALLEST = (60, 15)
"""Below this many columns and lines a screen is one status line."""


class CaseScreen(EndingScreen[Result]):
    """Subclasses give :meth:`body`, :attr:`crumbs` and react to :meth:`case_changed` and :meth:`tick`."""

    BINDINGS: ClassVar[list[BindingType]] = bindings("everywhere", "guide", "back")
    HORIZONTAL_BREAKPOINTS = [  # noqa: RUF012 (declared as it is by Textual)
        (0, "-w0"),
        (SMALLEST[0], "-w60"),
        (100, "-w100"),
        (160, "-w160"),
    ]
    VERTICAL_BREAKPOINTS = [(0, "-h0"), (SMALLEST[1], "-h15"), (30, "-h30")]  # noqa: RUF012

    @property
    def bench(self) -> Workbench:
        """The application, by its own type."""
        return cast("Workbench", self.app)

    @property
    def look(self) -> Look:
        return self.bench.look

    @property
    def crumbs(self) -> Sequence[str]:
        """Where this screen is, after the case id."""
        return ()

    @property
    def about(self) -> str:
        """The id of the acquisition that this screen tells all of: the strip need not. "" for none."""
        return ""

    @property
    def hints(self) -> Sequence[tuple[str, str]]:
        """Keys named in the footer."""
        return self.bench.registry.hints("page.back", "help")

    def offers(self, command: Command) -> DOMNode | None:
        """What carries out a command here: the focused widget or one around it, up to this screen."""
        _, name, _ = parse(command.action)
        nodes = self.focused.ancestors_with_self if self.focused is not None else [self]
        return next((one for one in nodes if one is not self.app and hasattr(one, f"action_{name}")), None)

    def body(self) -> Iterable[Widget]:
        """The widgets between the bars."""
        raise NotImplementedError

    def compose(self) -> ComposeResult:
        yield ContextBar(look=self.look)
        yield CountdownList(look=self.look, classes="-none")
        yield Strips(look=self.look, classes="-none")
        yield GuideStrip(look=self.look)
        yield from self.body()
        yield FooterLine(look=self.look)
        yield LinesView(look=self.look, id="tiny")

    def on_mount(self) -> None:
        self.set_class(self.look.ascii, "-ascii")
        self.call_after_refresh(self.case_changed)

    def on_resize(self, event: Resize) -> None:
        self.call_after_refresh(self.case_changed)

    def case_changed(self) -> None:
        """The case, the connection or the size changed. Does nothing once the screen is being taken down."""
        if self.app.is_running and self.is_attached and self.is_mounted:
            self.show_case()

    def tick(self) -> None:
        """A second passed."""
        if self.app.is_running and self.is_attached and self.is_mounted:
            self.show_time()

    def show_case(self) -> None:
        """Show the case as it is now. Widgets repaint only what differs."""
        self.show_time()

    def show_time(self) -> None:
        """Show what changes by itself: countdowns and ages."""
        bench = self.bench
        snapshot, now = bench.snapshot, bench.clock.now()
        self.query_one(ContextBar).update_context(snapshot, bench.surroundings(), now)
        self.query_one(CountdownList).update_leases(
            snapshot.leases, bench.shelf.names, now, leases.not_ended(snapshot.acquisitions)
        )
        self.query_one(Strips).update_problems(
            problems(snapshot, bench.link.state, bench.link.fault, self.look, bench, self.about)
        )
        self.show_strip()
        self.query_one(FooterLine).update_footer(
            (snapshot.case.id or bench.case_dir.name, *self.crumbs), self.hints
        )
        self.query_one("#tiny", LinesView).show([self._status_line()])

    def show_strip(self) -> None:
        """The present step of the playbook that is followed."""
        self.query_one(GuideStrip).show_run(page=True)

    def action_back(self) -> None:
        self.finish()

    def action_to_pane(self, number: int) -> None:
        """From a page over the workbench to one of its panes. A page on which text is typed stays: a digit that is
        meant for the text would lose it."""
        bench = self.bench
        if any(field.display for field in self.query(Input)):
            bench.say(
                f"{key_of(bench, 'page.back')} leaves this page; a digit does not, as text is typed here.",
                "warning",
            )
            return
        while bench.screen is not bench.workbench:
            bench.pop_screen()
        bench.workbench.action_pane(number)

    def action_no_filter(self) -> None:
        self.bench.say("Nothing to filter here: the panes have filters.")

    def _status_line(self) -> Line:
        snapshot, look, now = self.bench.snapshot, self.look, self.bench.clock.now()
        needs, working = waiting(snapshot.acquisitions), running(snapshot.acquisitions)
        out: list[tuple[str, str]] = [(" ", "")]
        nearest = leases.live(snapshot.leases, leases.not_ended(snapshot.acquisitions))
        if nearest:
            out.extend([(f"{nearest[0].id} ", ""), leases.remaining(nearest[0], now, look), ("  ", "")])
        out.extend([power_word(snapshot, now, look), ("  ", "")])
        if needs:
            out.append((f"{look.warn} {counted(needs)}  ", "need"))
        out.append((f"needs {SMALLEST[0]}x{SMALLEST[1]}  ", "dim"))
        out.append((f"{len(working)} running  {look.clean(snapshot.case.id, 20)}", "dim"))
        return tuple(out)


def problems(
    snapshot: CaseSnapshot, link: str, fault: Fault | None, look: Look, bench: Workbench, about: str = ""
) -> list[Problem]:
    """What needs a person now, the gravest first, in plain words; without the acquisition ``about``."""
    now = bench.clock.now()
    out: list[Problem] = []
    if link == "gone":
        why = look.clean(fault.message, 300) if fault else "the connection was lost"
        todo = look.clean(fault.next, 200) if fault and not isinstance(fault, AgentGone) else ""
        wait = bench.link.retry_in
        again = "being started again" + (f", next try in {wait} s" if wait else " now")
        out.append(
            Problem(f"Not connected to the agent: {why}", todo or f"it is {again}; what is shown may be old")
        )
    elif stale(snapshot, now):
        old = age(beat_age(snapshot, now) or 0)
        out.append(Problem(f"No sign of the agent for {old}", "it is being asked; what is shown may be old"))
    if snapshot.agent.state == "locked":
        locked = "The custody signing key is locked: nothing can be started"
        out.append(Problem(locked, "unlock it with the agent's passphrase"))
    if snapshot.agent.problem:
        out.append(Problem(look.clean(snapshot.agent.problem, 400)))
    if snapshot.problem:
        said = f"The screens' copy of the case cannot be read: {look.clean(snapshot.problem, 200)}"
        mend = f"stop the agent with {key_of(bench, 'agent.stop')} and open the case again: the copy is made anew"
        out.append(Problem(said, mend, "The record is not touched."))
    keys = f"{key_of(bench, 'retry')} try again now {look.dot} {key_of(bench, 'waiting')} details"
    for one in waiting(snapshot.acquisitions):
        if one.state == "waiting_for_credentials" and one.id != about:
            lead = f"{look.clean(one.id)} waits: "
            # A line of its own at most: what to do about it is as needed as the cause.
            room = max(24, bench.screen.size.width - 4 - cell_len(lead))
            said = look.clean(one.error or "its credentials ended", _CAP).rstrip(".")
            cause = reason(brief(said), room, look)
            todo = look.clean(one.next or "sign in; it goes on by itself", _CAP).rstrip(".")
            out.append(Problem(f"{lead}{cause}", todo, nothing_lost(one), keys))
            keys = ""
    return out
