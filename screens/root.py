"""The Textual application: it reads the case, paints it and passes commands on; all else lives in the agent."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path, PurePath
from typing import Any, ClassVar

from textual.screen import Screen

from app.clock import Clock, SystemClock
from app.guided.load import Sources
from app.model.view import CaseSnapshot
from app.ui_options import CALM_REFRESH_S, UiOptions
from screens.actions import Actions
from screens.agent_port import Connect
from screens.base import CaseScreen
from screens.command.catalogue import DEFAULT
from screens.command.line import History
from screens.command.registry import Registry
from screens.credentials.arm import ArmScreen
from screens.farewell import broken
from screens.link import Link
from screens.present.context import Surroundings, stale
from screens.present.look import Look
from screens.present.news import news
from screens.present.shelf import Shelf
from screens.present.slow import ends_soon, only_beat
from screens.reader import Reader
from screens.terminal_app import TerminalApp
from screens.workbench.screen import WorkbenchScreen

NO_SOURCES = Sources()
POLL_S = 0.25
TICK_S = 1.0
_PING_EVERY_S = 5.0
_SKEW_S = 5.0
_SLOW_TICK_S = 5.0


class Workbench(TerminalApp[str], Actions):
    """The screens of one case. Its return value is the sentence to print after it is gone."""

    # The default screen's own sheet is not loaded by Textual, so it stands here.
    CSS_PATH: ClassVar[list[str | PurePath]] = [
        Path(__file__).with_name("frame.tcss"),
        Path(__file__).parent / "workbench" / "workbench.tcss",
    ]
    TITLE = "jumpbag"

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
        super().__init__(options or UiOptions(), look=look, theme=theme)
        self.notices = notices
        self.poll_s = options.refresh_s if options else POLL_S
        self.registry = registry
        self.case_dir = case_dir
        self.examiner = examiner
        self.comeback = comeback
        self.clock = clock or SystemClock()
        self.snapshot = CaseSnapshot()
        self.shelf = Shelf()
        self.reader = Reader(sqlite, coarse=self.options.low_bandwidth)
        self.link = Link(connect, examiner, self.clock, self._link_changed)
        self.set_keymap(dict(registry.changed))
        self._started = (self.clock.now(), self.clock.monotonic())
        self._pinged = self._ticked = 0.0
        self._asked_for_accounts = False
        self.history = History()
        self.follow_guides(sources)

    def get_default_screen(self) -> Screen[Any]:
        return WorkbenchScreen()

    def on_mount(self) -> None:
        self.catch_signals()
        self.call_after_refresh(self._begin)

    def _begin(self) -> None:
        """After the first frame: read, connect, count seconds."""
        self.run_worker(self._read(), group="feed")
        self.run_worker(self.link.run(), group="link")
        self.set_interval(TICK_S, self._tick)
        if self.notices:
            one, many = "An entry of the keymap is", f"{len(self.notices)} entries of the keymap are"
            self.say(f"{many if len(self.notices) > 1 else one} left out; :keymap tells why.", "warning")

    def leave(self) -> None:
        self.action_detach()

    def came_in_sight(self) -> None:
        self._case_changed()

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
        return Surroundings(self.link.state, name, round(skew) if abs(skew) > _SKEW_S else 0, self.examiner)

    async def _read(self) -> None:
        while True:
            reading = await self.reader.poll()
            if reading is not None:
                quiet = self.slow and only_beat(self.snapshot, reading.snapshot)
                told = news(self.snapshot.agent, reading.snapshot.agent, self.examiner, self.clock.now())
                self.snapshot, self.shelf = reading.snapshot, reading.shelf
                self._tell(told)
                if not quiet:
                    self._case_changed()
            self._ask_for_accounts()
            await asyncio.sleep(max(self.poll_s, CALM_REFRESH_S) if self.slow else self.poll_s)

    def _tell(self, what: str) -> None:
        """News of the write window, whoever opened or closed it, and in which terminal."""
        if what:
            self.say(self.look.plain(what), "warning")
            if isinstance(self.screen, ArmScreen) and self.armed:
                self.screen.dismiss(None)

    def _case_changed(self) -> None:
        if not self.is_running:
            return
        with self.batch_update():
            for screen in self.screen_stack:
                if isinstance(screen, CaseScreen):
                    screen.case_changed()
        self.follower.case_changed()

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
