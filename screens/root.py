"""The application that responders keep open: the commands that work on every screen of a case."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from functools import cached_property
from pathlib import Path, PurePath
from typing import ClassVar

from textual.actions import ActionParseResult
from textual.dom import DOMNode

from app.clock import Clock
from app.faults import Fault
from app.guided.load import Sources
from app.model.view import CaseSnapshot
from app.ui_options import UiOptions
from screens.acquisition.screen import AcquisitionScreen
from screens.agent_port import Connect
from screens.base import CaseScreen
from screens.case_app import NO_SOURCES, CaseApp
from screens.command import finding
from screens.command.catalogue import DEFAULT
from screens.command.keymap import notice
from screens.command.line_screen import CommandLine
from screens.command.naming import key_of
from screens.command.palette import Palette
from screens.command.registry import Command, Registry
from screens.command.running import offered, run_line
from screens.command.running import run as run_command
from screens.credentials.screen import LeaseScreen
from screens.credentials.window import WindowCommands
from screens.custody.screen import VerifyScreen
from screens.custody.tamper import TamperScreen
from screens.evidence.screen import EvidenceScreen
from screens.farewell import broken, farewell, given_up
from screens.guided.commands import GuideCommands
from screens.page.help import help_lines, keymap_lines
from screens.page.screen import PageScreen
from screens.present.cells import Line
from screens.present.messages import message_lines
from screens.widgets.typed_confirm import Question


class Workbench(CaseApp):
    """The screens of one case. Its return value is the sentence to print after it is gone.

    ``action_…`` is bound to keys, ``take_…`` gets what stands after the word on the ``:`` line.
    """

    # The default screen's own sheet is not loaded by Textual, so it stands here.
    CSS_PATH: ClassVar[list[str | PurePath]] = [
        Path(__file__).with_name("frame.tcss"),
        Path(__file__).parent / "workbench" / "workbench.tcss",
    ]
    TITLE = "jumpbag"

    @cached_property
    def _guide(self) -> GuideCommands:
        return GuideCommands(self)

    @cached_property
    def _window(self) -> WindowCommands:
        return WindowCommands(self)

    def begin(self) -> None:
        super().begin()
        if self.notices:
            self.say(notice(self.notices, ":keymap"), "warning")

    def leave(self) -> None:
        self.action_detach()

    # What a playbook's step holds back

    def held(self, command: str) -> str:
        """Why a command is not to be used now, "" where it may be."""
        return self.follower.held(command)

    async def run_action(
        self,
        action: str | ActionParseResult,
        default_namespace: DOMNode | None = None,
        namespaces: Mapping[str, DOMNode] | None = None,
    ) -> bool:
        """Keys come this way: one whose command is held says so instead."""
        for command in self.registry.by_action(action) if isinstance(action, str) else ():
            held = self.held(command.id)
            if held:
                self.say(held, "warning")
                return True
        return await super().run_action(action, default_namespace, namespaces)

    # Finding commands

    def action_help(self) -> None:
        if not isinstance(self.screen, PageScreen) or "help" not in self.screen.crumbs:
            self.push_screen(PageScreen("help", self._help, "Keys and commands"))

    def _help(self, width: int) -> list[Line]:
        return help_lines(self.registry, width, self.look)

    def action_command_line(self) -> None:
        if isinstance(self.screen, CaseScreen):
            line = CommandLine(self.registry, self.history, self._arguments, self._works, self.look)
            self.push_screen(line, self._typed)

    def _arguments(self, command: Command) -> Iterable[str]:
        return finding.arguments(command, self.snapshot)

    def _works(self, command: Command) -> bool:
        return offered(self, command) is not None

    def _typed(self, text: str | None) -> None:
        if text:
            self.run_worker(run_line(self, text), group="command")

    def action_palette(self) -> None:
        if isinstance(self.screen, CaseScreen):
            self.push_screen(Palette(finding.here(self), self.registry, self.look), self._picked)

    def _picked(self, command: Command | None) -> None:
        if command is not None:
            self.run_worker(run_command(self, command), group="command")

    def action_messages(self) -> None:
        self.push_screen(PageScreen("messages", self._messages, "Said in passing, the newest first"))

    def _messages(self, width: int) -> list[Line]:
        return message_lines(self.messages, width, self.look)

    def action_keymap(self) -> None:
        self.push_screen(PageScreen("keymap", self._own_keys, "Your keymap"))

    def _own_keys(self, width: int) -> list[Line]:
        return keymap_lines(self.registry, self.notices, width, self.look)

    # The write window

    def action_arm(self) -> None:
        self._window.turn()

    def take_arm(self, text: str) -> None:
        self._window.typed(text)

    def action_disarm(self) -> None:
        self._window.close()

    # Guided mode

    def action_guide(self) -> None:
        self._guide.choose()

    def take_guide(self, text: str) -> None:
        self._guide.begin(text)

    def action_guide_done(self) -> None:
        self._guide.done()

    def take_guide_done(self, text: str) -> None:
        self._guide.done_as(text)

    def action_guide_skip(self) -> None:
        self._guide.skip()

    def take_guide_skip(self, text: str) -> None:
        self._guide.skip_because(text)

    def action_guide_again(self) -> None:
        self._guide.again()

    def action_guide_abandon(self) -> None:
        self._guide.abandon()

    def action_guide_target(self) -> None:
        self._guide.about()

    def action_guide_more(self) -> None:
        self._guide.more()

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
        key = key_of(self, "detach")
        self.say(f"{key} detaches; what runs goes on.")

    def action_detach(self) -> None:
        self._part(self.snapshot, self.verifying.running)

    def _part(self, snapshot: CaseSnapshot, verifying: bool) -> None:
        self.exit(
            farewell(
                snapshot,
                self.case_dir,
                self.link.state,
                self.look,
                self.stopped,
                self.comeback,
                verifying=verifying,
            )
        )

    def action_stop_agent(self) -> None:
        case = self.look.clean(self.snapshot.case.id or self.case_dir.name)
        key = key_of(self, "detach")
        checks = [one for one in self.snapshot.checks if one.state == "running"]
        readings = given_up(checks, self.verifying.running, self.look)
        question = Question(
            title="Stop the agent",
            happens=(
                "All that runs in this case stops where it is. Nothing is lost.",
                "Unfinished acquisitions go on by themselves when the agent starts again.",
                *(f"{what} is given up, and begins anew when it is asked for again." for what in readings),
                "Every lease is dropped from memory.",
                f"To leave without stopping anything, press {key} instead.",
            ),
            word=case,
            action="Stop the agent",
            cancel="Let it run",
        )
        self.ask(question, self._stop_now)

    def _stop_now(self, _: str) -> None:
        self.run_worker(self._stop_agent(), group="stop", exclusive=True)

    async def _stop_agent(self) -> None:
        snapshot, verifying = self.snapshot, self.verifying.running  # as it is before it ends
        try:
            await self.link.call("stop", {})
        except Fault as fault:
            self.say_fault(fault)
            return
        self.stopped = True
        self._part(snapshot, verifying)


def run(
    case_dir: Path,
    sqlite: Path,
    connect: Connect,
    examiner: str,
    *,
    clock: Clock | None = None,
    comeback: str | None = None,
    registry: Registry = DEFAULT,
    options: UiOptions | None = None,
    notices: Sequence[str] = (),
    sources: Sources = NO_SOURCES,
) -> tuple[str | None, int]:
    """Open the screens of a case; returns the sentence to print after leaving, and the exit code: 1 where the
    screens ended by a fault of their own.

    ``sqlite`` is the read model (it need not exist yet), ``connect`` is called after the first frame,
    ``comeback`` is the command that opens this case again (``jumpbag`` and its id by default); ``notices`` are
    sentences to show first: what of the user's keymap was left out; ``sources`` are where playbooks come from.
    """
    bench = Workbench(
        case_dir,
        sqlite,
        connect,
        examiner,
        clock=clock,
        comeback=comeback,
        registry=registry,
        options=options,
        notices=notices,
        sources=sources,
    )
    said = bench.run(mouse=bench.options.mouse)
    if bench.return_code and said is None:
        return broken(bench.fault_of_its_own, bench.snapshot, case_dir, bench.look, comeback), 1
    return said, 0
