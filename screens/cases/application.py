"""The application before a case is open. It ends with what to do next; the front door then does that."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePath
from typing import Any, ClassVar

from textual.screen import Screen

from app.case.overview import CaseRow, overview
from app.clock import Clock, SystemClock
from app.locations import Locations
from app.ui_options import UiOptions
from screens.cases.commands import REGISTRY
from screens.cases.form import CaseForm
from screens.cases.made import MadeScreen
from screens.cases.making import Draft, Made
from screens.cases.pages import BrokenPage, DoctorPage, Examine, KeysPage
from screens.cases.screen import CasesScreen
from screens.command.keymap import notice
from screens.command.registry import Registry
from screens.present.look import Look
from screens.terminal_app import TerminalApp

LOOK_S = 2.0
"""Seconds between two looks at the directory of cases."""


@dataclass(frozen=True, slots=True)
class Open:
    """Open the case in that directory. ``passphrase`` is known where the case was made just now."""

    path: Path
    passphrase: str | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class Demo:
    """Go on with `jumpbag demo`."""


Decision = Open | Demo


class CasesApp(TerminalApp[Decision]):
    """Its return value is the decision; None: leave."""

    CSS_PATH: ClassVar[list[str | PurePath]] = [
        Path(__file__).parents[1] / "frame.tcss",
        Path(__file__).with_name("cases.tcss"),
    ]
    TITLE = "jumpbag"

    def __init__(
        self,
        cases: Path,
        locations: Locations,
        examine: Examine,
        options: UiOptions,
        *,
        clock: Clock | None = None,
        look: Look | None = None,
        theme: str | None = None,
        registry: Registry = REGISTRY,
        notices: Sequence[str] = (),
    ) -> None:
        super().__init__(options, look=look, theme=theme)
        self.notices = notices
        """What of the user's keymap was left out."""
        self.cases = cases
        self.locations = locations
        self.clock = clock or SystemClock()
        self.registry = registry
        self.draft = Draft()
        self.rows: list[CaseRow] | None = None
        self.problem = ""
        self._examine = examine
        self.set_keymap(dict(registry.changed))

    def get_default_screen(self) -> Screen[Any]:
        return CasesScreen()

    def on_mount(self) -> None:
        self.catch_signals()
        self.run_worker(self._look(), group="cases")
        if self.notices:
            self.call_after_refresh(self._say_notices)

    def _say_notices(self) -> None:
        key, _ = self.registry.hint("cases.help")
        self.notify(self.look.plain(notice(self.notices, key)), severity="warning", markup=False)

    async def _look(self) -> None:
        """Read the directory now and again: cases come, agents end."""
        while True:
            await self.look_again()
            await asyncio.sleep(max(LOOK_S, self.options.refresh_s))

    async def look_again(self) -> None:
        """Read the directory of cases and show what it holds."""
        try:
            self.rows, self.problem = await asyncio.to_thread(overview, self.cases, self.locations), ""
        except OSError as error:
            self.rows = []
            self.problem = f"{self.cases} cannot be read: {error.strerror}. Check its permissions."
        if self.is_running and self.screen_stack:
            lowest = self.screen_stack[0]
            if isinstance(lowest, CasesScreen):
                lowest.refill()

    def open_case(self, row: CaseRow) -> None:
        """Leave for that case, or say why it cannot be opened."""
        if row.problem:
            self.push_screen(BrokenPage(row))
        else:
            self.exit(Open(row.path))

    def leave(self) -> None:
        self.exit(None)

    # Keys

    def action_new_case(self) -> None:
        self.push_screen(CaseForm(), self._made)

    def _made(self, made: Made | None) -> None:
        if made is None:
            return

        def noted(now: bool | None) -> None:
            if now:
                self.exit(Open(made.case.path, made.passphrase))
            else:
                self.run_worker(self.look_again(), group="again", exclusive=True)

        self.push_screen(MadeScreen(made), noted)

    def action_demo(self) -> None:
        self.exit(Demo())

    def action_doctor(self) -> None:
        self.push_screen(DoctorPage(self._examine))

    def action_help(self) -> None:
        self.push_screen(KeysPage(self.registry, self.notices))

    def action_quit_cases(self) -> None:
        self.leave()

    def action_help_quit(self) -> None:
        key, _ = self.registry.hint("cases.quit")
        self.notify(self.look.plain(f"{key} leaves; agents go on."), markup=False)
