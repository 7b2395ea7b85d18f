"""The commands that work on every screen."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from textual.dom import DOMNode

from app.faults import Fault
from screens.acquisition.screen import AcquisitionScreen
from screens.base import CaseScreen
from screens.command.line_screen import CommandLine
from screens.command.palette import Palette
from screens.command.registry import Command
from screens.command.running import offered, run, run_line
from screens.credentials.arm import MINUTES, ArmScreen
from screens.credentials.screen import LeaseScreen
from screens.custody.screen import VerifyScreen
from screens.custody.tamper import TamperScreen
from screens.evidence.screen import EvidenceScreen
from screens.farewell import farewell
from screens.guided.bench import Guided
from screens.page.help import help_lines, keymap_lines
from screens.page.screen import PageScreen
from screens.present.cells import Line
from screens.present.durations import left
from screens.widgets.typed_confirm import Question
from screens.workbench.pane import Pane

_GENERAL = frozenset({"everywhere", "guide", "panes", "back"})
_LONGEST = 60  # minutes of a write window: more is not read-only by default any more


class Actions(Guided):
    """``action_…`` is bound to keys, ``take_…`` gets what stands after the word on the ``:`` line."""

    comeback: str | None
    notices: Sequence[str] = ()
    """What of the user's keymap was left out."""
    stopped = False

    # Finding commands

    def action_help(self) -> None:
        if not isinstance(self.screen, PageScreen) or "help" not in self.screen.crumbs:
            self.push_screen(PageScreen("help", self._help, "Keys and commands"))

    def _help(self, width: int) -> list[Line]:
        return help_lines(self.registry, width, self.look)

    def action_command_line(self) -> None:
        if isinstance(self.screen, CaseScreen):
            line = CommandLine(self.registry, self.history, self.arguments, self._works, self.look)
            self.push_screen(line, self._typed)

    def _works(self, command: Command) -> bool:
        return offered(self.bench, command) is not None

    def _typed(self, text: str | None) -> None:
        if text:
            self.run_worker(run_line(self.bench, text), group="command")

    def action_palette(self) -> None:
        if isinstance(self.screen, CaseScreen):
            nodes = {one: offered(self.bench, one) for one in self.registry.commands if one.section != "lists"}
            here = [one for one, node in nodes.items() if node is not None]
            here.sort(key=lambda one: self._nearness(one, nodes[one]))
            once = {one.help: one for one in reversed(here)}  # a key of a pane and a command may be the same thing
            here = [one for one in here if once[one.help] is one]
            self.push_screen(Palette(here, self.registry, self.look), self._picked)

    def _nearness(self, command: Command, node: DOMNode | None) -> int:
        """What belongs to the pane or page at hand comes first, what leads away from it last."""
        if command.section in _GENERAL:
            return 2 if node is self else 1
        at_hand = node is self.screen or (isinstance(node, Pane) and node is self.workbench.current)
        if node is not None and node.screen is self.screen:
            return 0 if at_hand or not isinstance(node, Pane) else 3
        return 4

    def _picked(self, command: Command | None) -> None:
        if command is not None:
            self.run_worker(run(self.bench, command), group="command")

    def arguments(self, command: Command) -> Iterable[str]:
        """What may follow a command's word, for completion."""
        if command.id == "resources.sort":
            return ("name", "kind", "size", "id", "account", "region", "state", "reading", "desc")
        if command.id in ("filter", "pane.resources"):
            return (
                "eligible", "marked", "kind=disk", "kind=instance", "tag=",
                *(f"account={one.name}" for one in self.snapshot.accounts if one.name.isprintable()),
            )  # fmt: skip
        if command.id == "pane.custody":
            return (
                "acq=",
                "actor=",
                "op=",
                "phase=failed",
                *(f"acq={one.id}" for one in self.snapshot.acquisitions),
            )
        if command.id == "pane.acquisitions":
            return tuple(f"state={state}" for state in sorted({one.state for one in self.snapshot.acquisitions}))
        return ()

    async def back_to_workbench(self) -> None:
        """Close every page over the workbench."""
        while len(self.screen_stack) > 1:
            await self.pop_screen()

    # The write window

    @property
    def armed(self) -> bool:
        """Whether plans may be approved now, as far as this screen knows; the agent decides."""
        rest = left(self.snapshot.agent.armed_until, self.clock.now())
        return rest is not None and rest > 0

    def action_arm(self) -> None:
        if self.armed:
            self.action_disarm()
        else:
            self._ask_to_arm(MINUTES)

    def take_arm(self, text: str) -> None:
        """``[MINUTES] [REASON]``"""
        first, _, rest = text.partition(" ")
        if not first.isdecimal():
            self._arm(MINUTES, text)
        elif not 1 <= int(first[:6]) <= _LONGEST:
            self.say(f"A write window lasts 1 to {_LONGEST} minutes.", "warning")
        else:
            self._arm(int(first), rest.strip())

    def _ask_to_arm(self, minutes: int) -> None:
        if not self.roomy:
            return

        def answered(reason: str | None) -> None:
            if reason is not None:
                self._arm(minutes, reason)

        self.push_screen(ArmScreen(minutes, self.registry.hint("arm")[0] or ":disarm", self.look), answered)

    def _arm(self, minutes: int, reason: str) -> None:
        self.order("session.arm", {"minutes": minutes, "reason": reason})

    def action_disarm(self) -> None:
        self.order("session.disarm", {})

    # Pages

    def action_leases(self) -> None:
        if not isinstance(self.screen, LeaseScreen):
            self.push_screen(LeaseScreen())

    def action_evidence(self) -> None:
        if not isinstance(self.screen, EvidenceScreen):
            self.push_screen(EvidenceScreen())

    def action_verify(self) -> None:
        if isinstance(self.screen, VerifyScreen):
            self.screen.action_verify()
        else:
            self.verify()

    def action_tamper(self) -> None:
        if not isinstance(self.screen, TamperScreen):
            self.push_screen(TamperScreen())

    def action_keymap(self) -> None:
        self.push_screen(PageScreen("keymap", self._own_keys, "Your keymap"))

    def _own_keys(self, width: int) -> list[Line]:
        return keymap_lines(self.registry, self.notices, width, self.look)

    # What waits

    def action_signed_in(self) -> None:
        held = [one for one in self.snapshot.acquisitions if one.state == "waiting_for_credentials"]
        if not held:
            self.say("Nothing waits for credentials.")
        for one in held:
            self.order("acquisition.resume", {"acquisition": one.id, "reason": ""}, f"{one.id} asks again.")

    def action_waiting(self) -> None:
        held = next((one for one in self.snapshot.acquisitions if one.state == "waiting_for_credentials"), None)
        if held is None:
            self.say("Nothing waits for credentials.")
        elif not (isinstance(self.screen, AcquisitionScreen) and held.id in self.screen.crumbs):
            self.open_acquisition(held.id)

    # Leaving

    def action_help_quit(self) -> None:
        self.say("q detaches; what runs goes on.")

    def action_detach(self) -> None:
        said = farewell(self.snapshot, self.case_dir, self.link.state, self.look, self.stopped, self.comeback)
        self.exit(said)

    def action_stop_agent(self) -> None:
        case = self.look.clean(self.snapshot.case.id or self.case_dir.name)
        question = Question(
            title="Stop the agent",
            happens=(
                "All that runs in this case stops where it is. Nothing is lost.",
                "Unfinished acquisitions go on by themselves when the agent starts again.",
                "Every lease is dropped from memory.",
                "To leave without stopping anything, press q instead.",
            ),
            word=case,
            action="Stop the agent",
            cancel="Let it run",
        )
        self.ask(question, self._stop_now)

    def _stop_now(self, _: str) -> None:
        self.run_worker(self._stop_agent(), group="stop", exclusive=True)

    async def _stop_agent(self) -> None:
        try:
            await self.link.call("stop", {})
        except Fault as fault:
            self.say_fault(fault)
            return
        self.stopped = True
        self.action_detach()
