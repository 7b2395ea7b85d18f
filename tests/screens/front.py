"""The screens before a case, on a home of their own."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from textual.pilot import Pilot

from app.case.create import create
from app.locations import Locations
from app.ui_options import UiOptions
from screens.cases.application import CasesApp
from screens.cases.commands import EVERY, REGISTRY
from screens.cases.pages import Examine, Finding
from screens.command.keymap import load
from screens.present.look import UNICODE, Look
from tests.screens.fakes import FixedClock

FINDINGS = [
    Finding("clock", False, "the kernel says: not synchronised", "run chrony"),
    Finding("terminal", True, "80x24"),
]


@dataclass
class Front:
    """The running app and its pilot."""

    app: CasesApp
    pilot: Pilot[Any]

    @property
    def text(self) -> str:
        """The screen as plain text."""
        strips = self.app.screen._compositor.render_strips(self.app.screen.size)
        return "\n".join("".join(segment.text for segment in strip) for strip in strips)

    async def sees(self, *words: str) -> None:
        """Wait until all of these stand on the screen."""
        deadline = time.monotonic() + 20
        while not all(word in self.text for word in words):
            assert time.monotonic() < deadline, f"waited in vain for {words}\n{self.text}"
            await self.pilot.pause(0.01)

    async def press(self, *keys: str) -> None:
        for key in keys:
            await self.pilot.press(key)
        await self.pilot.pause()

    async def write(self, field: str, text: str) -> None:
        """Put that text into the field of that id."""
        found = self.app.screen.query_one(f"#{field}")
        found.focus()
        await self.pilot.pause()
        self.app.screen.query_one(f"#{field}").value = text  # type: ignore[attr-defined]
        await self.pilot.pause()


def home(folder: Path, protection: str = "file") -> Locations:
    """Locations under ``folder``, with a configuration that keeps signing keys like that."""
    locations = Locations({"HOME": str(folder)})
    locations.config.mkdir(parents=True, exist_ok=True)
    locations.config_file.write_text(f'[signing]\nprotection = "{protection}"\n')
    return locations


def case(locations: Locations, ident: str, title: str = "A case", ticket: str = "T-1") -> Path:
    """A new case there."""
    return create(
        ident,
        title=title,
        ticket=ticket,
        config_file=None,
        evidence_dir=None,
        cases=locations.cases,
        locations=locations,
        clock=FixedClock(),
    ).case.path


async def well() -> list[Finding]:
    return FINDINGS


@asynccontextmanager
async def front_on(
    locations: Locations,
    *,
    size: tuple[int, int] = (80, 24),
    look: Look = UNICODE,
    examine: Callable[[], Any] | Examine = well,
    options: UiOptions = UiOptions(),  # noqa: B008 (frozen)
) -> AsyncIterator[Front]:
    keymap = load(locations.keymap_file, EVERY)
    app = CasesApp(
        locations.cases,
        locations,
        examine,
        options,
        clock=FixedClock(),
        look=look,
        theme="jumpbag-dark",
        registry=keymap.registry.within(REGISTRY.commands),
        notices=keymap.problems,
    )
    async with app.run_test(size=size, notifications=True) as pilot:
        yield Front(app, pilot)
