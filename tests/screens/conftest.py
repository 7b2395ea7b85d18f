"""A workbench on a seeded case, with scripted commands and a clock that stands still."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from textual.pilot import Pilot
from textual.widgets import Input

import screens.case_app
from app.case.readmodel import ReadModel
from app.guided.load import Sources
from screens.case_app import NO_SOURCES
from screens.command.catalogue import DEFAULT
from screens.command.registry import Registry
from screens.present.look import UNICODE, Look
from screens.root import Workbench
from screens.workbench.resource_rows import ResourceRows
from tests.screens.fakes import FixedClock, ScriptedCommands
from tests.screens.seed import seed

screens.case_app.POLL_S, screens.case_app.TICK_S = 0.05, 0.3  # a test need not wait for a second to pass
for name in ("NO_COLOR", "COLORTERM"):
    os.environ.pop(name, None)


@dataclass
class Desk:
    """Everything a test holds: the running app, its pilot, what it asked for and what it reads."""

    app: Workbench
    pilot: Pilot[Any]
    commands: ScriptedCommands
    clock: FixedClock
    model: ReadModel

    async def until(self, condition: Callable[[], object], what: str = "") -> None:
        """Wait for a condition, with a deadline; fails with what the screen shows."""
        deadline = time.monotonic() + 20
        while not condition():
            if time.monotonic() > deadline:
                raise AssertionError(f"waited in vain for {what or condition}\n{self.text}")
            await self.pilot.pause(0.01)

    async def press(self, *keys: str) -> None:
        for key in keys:
            await self.pilot.press(key)
        await self.settled()

    def put_cursor_on(self, resource: str) -> None:
        """The cursor of pane 2 on the row of that id."""
        pane = self.app.workbench.resources
        source = pane.rows.source
        assert isinstance(source, ResourceRows)
        found = (place for place in range(len(source)) if (one := source.get(place)) and one.id == resource)
        assert pane.rows.go_to(source.key(next(found)))

    async def type(self, text: str) -> None:
        """Paste into the input that has the focus (key by key takes long; see the filter's own test)."""
        field = self.app.focused
        assert isinstance(field, Input), field
        field.insert_text_at_cursor(text)
        await self.settled()

    async def type_word(self, word: str) -> None:
        """Give a typed confirmation its word, and confirm."""
        self.app.screen.query_one("#word").focus()
        await self.pilot.pause()
        await self.type(word)
        await self.press("enter", "enter")

    async def sees(self, *words: str) -> None:
        """Wait until all of these stand on the screen."""
        await self.until(lambda: all(word in self.text for word in words), f"{words}")

    async def settled(self) -> None:
        """Workers that are not endless have ended, and the screen was painted."""
        endless = {"feed", "link"}
        await self.until(lambda: all(one.group in endless for one in self.app.workers), "the workers")
        await self.pilot.pause()
        await self.pilot.pause()

    @property
    def text(self) -> str:
        """The screen as plain text, modal screens included."""
        return screen_text(self.app)

    @property
    def screen_name(self) -> str:
        """The class of the screen on top."""
        return type(self.app.screen).__name__

    @property
    def lines(self) -> list[str]:
        return self.text.split("\n")


def screen_text(app: Workbench) -> str:
    size = app.screen.size
    update = app.screen._compositor.render_strips(size)
    return "\n".join("".join(segment.text for segment in strip) for strip in update)


OpenDesk = Callable[..., AbstractAsyncContextManager[Desk]]


@asynccontextmanager
async def desk_on(
    folder: Path,
    *,
    size: tuple[int, int] = (132, 40),
    commands: ScriptedCommands | None = None,
    look: Look = UNICODE,
    fill: Callable[[Path], ReadModel] = seed,
    connect: Callable[[], Any] | None = None,
    theme: str = "jumpbag-dark",
    registry: Registry = DEFAULT,
    sources: Sources = NO_SOURCES,
) -> AsyncIterator[Desk]:
    sqlite = folder / "case.sqlite"
    model = fill(sqlite)
    clock, scripted = FixedClock(), commands or ScriptedCommands()

    async def hand_over() -> ScriptedCommands:
        await asyncio.sleep(0)
        return scripted

    app = Workbench(
        folder,
        sqlite,
        connect or hand_over,
        "ex-07",
        clock=clock,
        look=look,
        theme=theme,
        registry=registry,
        sources=sources,
    )
    async with app.run_test(size=size, notifications=True) as pilot:
        desk = Desk(app, pilot, scripted, clock, model)
        await desk.until(lambda: app.snapshot.event_lines or app.snapshot.inventory.total, "the read model")
        await desk.until(
            lambda: len(app.workbench.resources.rows.source) or not app.snapshot.inventory.total, "rows"
        )
        await desk.settled()
        try:
            yield desk
        finally:
            model.close()


@pytest.fixture(autouse=True)
def _own_state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What the screens keep (the last copy, what was typed) stays with the test."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[OpenDesk]:
    def opened(**more: Any) -> AbstractAsyncContextManager[Desk]:
        return desk_on(tmp_path, **more)

    yield opened
