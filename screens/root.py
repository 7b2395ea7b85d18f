"""The Textual application: it reads the case, paints it and passes commands on; all else lives in the agent."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import threading
from pathlib import Path, PurePath
from typing import Any, ClassVar

from textual.binding import Binding, BindingType
from textual.screen import Screen

from app.clock import Clock, SystemClock
from app.model.view import CaseSnapshot
from screens.actions import Actions
from screens.agent_port import Connect
from screens.base import CaseScreen
from screens.command.catalogue import DEFAULT
from screens.command.line import History
from screens.command.registry import Registry
from screens.farewell import broken
from screens.link import Link
from screens.present.context import Surroundings, stale
from screens.present.look import Look, choose_look, given_environment
from screens.present.shelf import Shelf
from screens.reader import Reader
from screens.theme import THEMES, choose_theme
from screens.workbench.screen import WorkbenchScreen

POLL_S = 0.25
TICK_S = 1.0
_PING_EVERY_S = 5.0
_SKEW_S = 5.0
_HANGUP_S = 3.0


class Workbench(Actions):
    """The screens of one case. Its return value is the sentence to print after it is gone."""

    # The default screen's own sheet is not loaded by Textual, so it stands here.
    CSS_PATH: ClassVar[list[str | PurePath]] = [
        Path(__file__).with_name("frame.tcss"),
        Path(__file__).parent / "workbench" / "workbench.tcss",
    ]
    TITLE = "jumpbag"
    ENABLE_COMMAND_PALETTE = False
    ALLOW_SELECT = False
    BINDINGS: ClassVar[list[BindingType]] = [Binding("ctrl+c", "help_quit", "detach", show=False, system=True)]

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
    ) -> None:
        super().__init__()
        self.registry = registry
        self.case_dir = case_dir
        self.examiner = examiner
        self.comeback = comeback
        self.clock = clock or SystemClock()
        self.look = look or choose_look(given_environment())
        self.snapshot = CaseSnapshot()
        self.shelf = Shelf()
        self.reader = Reader(sqlite)
        self.link = Link(connect, examiner, self.clock, self._link_changed)
        self.animation_level = "none"
        self.set_keymap(dict(registry.changed))
        for one in THEMES:
            self.register_theme(one)
        self.theme = theme or choose_theme(os.environ).name
        self._started = (self.clock.now(), self.clock.monotonic())
        self._pinged = 0.0
        self._asked_for_accounts = False
        self.history = History()

    def get_default_screen(self) -> Screen[Any]:
        return WorkbenchScreen()

    def on_mount(self) -> None:
        loop = asyncio.get_running_loop()
        for number, handler in ((signal.SIGHUP, self._hang_up), (signal.SIGTERM, self.action_detach)):
            with contextlib.suppress(ValueError, RuntimeError):  # not the main thread
                loop.add_signal_handler(number, handler)
        self.call_after_refresh(self._begin)

    def _begin(self) -> None:
        """After the first frame: read, connect, count seconds."""
        self.run_worker(self._read(), group="feed")
        self.run_worker(self.link.run(), group="link")
        self.set_interval(TICK_S, self._tick)

    async def on_unmount(self) -> None:
        await self.link.leave()
        self.reader.close()

    # The case

    def surroundings(self) -> Surroundings:
        """What the context bar shows besides the case."""
        now, mono = self.clock.now(), self.clock.monotonic()
        skew = (now - self._started[0]).total_seconds() - (mono - self._started[1])
        name = ""
        if self.screen_stack:
            bench = self.workbench
            name = bench.resources.scope_name if bench.is_attached and bench.is_mounted else ""
        return Surroundings(self.link.state, name, round(skew) if abs(skew) > _SKEW_S else 0)

    async def _read(self) -> None:
        while True:
            reading = await self.reader.poll()
            if reading is not None:
                self.snapshot, self.shelf = reading.snapshot, reading.shelf
                self._case_changed()
            self._ask_for_accounts()
            await asyncio.sleep(POLL_S)

    def _case_changed(self) -> None:
        if not self.is_running:
            return
        with self.batch_update():
            for screen in self.screen_stack:
                if isinstance(screen, CaseScreen):
                    screen.case_changed()

    def _link_changed(self) -> None:
        self._case_changed()

    def _ask_for_accounts(self) -> None:
        """Once, in a case whose accounts or resources nobody has seen yet: asking for these asks for those."""
        if self.link.state == "attached" and not self._asked_for_accounts:
            self._asked_for_accounts = True
            if not self.snapshot.accounts or not self.snapshot.scans:
                self.refresh_inventory("resources", None, quietly=True)

    def _tick(self) -> None:
        if not self.is_running:
            return
        screen = self.screen
        with self.batch_update():
            for one in self.screen_stack if screen.is_modal else (screen,):
                if isinstance(one, CaseScreen):
                    one.tick()
        if stale(self.snapshot, self.clock.now()) or self.snapshot.agent.state == "stopped":
            mono = self.clock.monotonic()
            if self.link.state == "attached" and mono - self._pinged >= _PING_EVERY_S:
                self._pinged = mono
                self.run_worker(self.link.check(), group="check", exclusive=True)

    @property
    def fault_of_its_own(self) -> Exception | None:
        """The exception that ended the screens, if one did."""
        return self._exception

    def _set_pointer_shape(self, shape: str) -> None:
        # Textual announces pointer shapes by OSC 22, which some terminals and multiplexers do not know.
        return

    def _fatal_error(self) -> None:
        # Textual would print a traceback with the values of all variables. A person gets a sentence instead
        # (see run); under a test the exception itself is raised.
        self._close_messages_no_wait()

    def _hang_up(self) -> None:
        """The terminal is gone: leave as ``q`` does, without ever writing to it again."""
        silent = os.open(os.devnull, os.O_RDWR)
        for number in (0, 1, 2):
            os.dup2(silent, number)
        os.close(silent)
        # If the writer thread died on the lost terminal first, leaving in order may hang; then leave anyhow.
        last = threading.Timer(_HANGUP_S, os._exit, (0,))
        last.daemon = True
        last.start()
        self.action_detach()


def run(
    case_dir: Path,
    sqlite: Path,
    connect: Connect,
    examiner: str,
    *,
    clock: Clock | None = None,
    mouse: bool = True,
    comeback: str | None = None,
) -> str | None:
    """Open the screens of a case; returns the sentence to print after leaving.

    ``sqlite`` is the read model (it need not exist yet), ``connect`` is called after the first frame,
    ``comeback`` is the command that opens this case again (``jumpbag`` and its id by default).
    """
    bench = Workbench(case_dir, sqlite, connect, examiner, clock=clock, comeback=comeback)
    said = bench.run(mouse=mouse)
    if bench.return_code and said is None:
        return broken(bench.fault_of_its_own, bench.snapshot, case_dir, bench.look, comeback)
    return said
