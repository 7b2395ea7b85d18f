"""The workbench on a real case, driven by keys alone: the screen is read as text, the case from its read model."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, TypeVar

import pytest
from textual.pilot import Pilot

from app.case.folder import find
from app.client.feed import Feed
from app.client.inventory import Inventory
from app.client.launch import connect
from app.client.rpc import AgentClient
from app.locations import Locations
from app.model import ENDED, Acquisition, Resource
from screens.plan.approving import ROUTES
from screens.present.look import UNICODE
from screens.root import Workbench
from tests.e2e.runner import Case

T = TypeVar("T")
_SIZE = (132, 40)


@dataclass
class Seat:
    """A person before the workbench of a case."""

    bench: Workbench
    pilot: Pilot[Any]

    @property
    def text(self) -> str:
        """What the screen shows."""
        strips = self.bench.screen._compositor.render_strips(self.bench.screen.size)
        return "\n".join("".join(segment.text for segment in strip) for strip in strips)

    async def until(self, what: str, look: Callable[[], T | None], *, within: float = 60.0) -> T:
        """The first truthy answer of ``look``; fails, saying ``what`` did not happen and showing the screen."""
        end = time.monotonic() + within
        while True:
            found = look()
            if found:
                return found
            assert time.monotonic() < end, f"within {within:.0f} s it did not happen that {what}\n{self.text}"
            await self.pilot.pause(0.03)

    async def sees(self, *words: str, within: float = 60.0) -> str:
        """The screen once it shows all of that."""

        def look() -> str | None:
            shown = self.text
            return shown if all(word in shown for word in words) else None

        return await self.until(f"{words} show", look, within=within)

    async def type(self, text: str) -> None:
        await self.pilot.press(*("space" if key == " " else key for key in text))

    # -- from the first frame to what was started -----------------------------------------------------

    def inventory(self) -> list[Resource]:
        """All resources of the case."""
        feed = Feed(self.bench.case_dir / "case.sqlite")
        try:
            return list(Inventory(feed).every())
        finally:
            feed.close()

    async def resource(self, kind: str, name: str) -> Resource:
        """That instance or volume, once every scan has ended."""

        def look() -> Resource | None:
            seen = self.bench.snapshot
            if not seen.scans or any(scan.state == "running" for scan in seen.scans):
                return None
            return next((one for one in self.inventory() if (one.kind, one.name) == (kind, name)), None)

        return await self.until(f"the {kind} {name} is in the inventory", look)

    async def plan(self, kind: str, name: str, route: str) -> str:
        """The screen with the plan of that volume or instance by that route, or with its refusal."""
        one = await self.resource(kind, name)
        await self.pilot.press("2", "slash")
        await self.type(one.id[-9:])
        await self.pilot.press("enter")
        await self.sees(one.id)
        await self.pilot.press("home")
        rows = len(self.bench.workbench.resources.rows.source)  # its instance or disks, and snapshots of it
        for _ in range(rows - 1):
            if self.bench.workbench.resources.current != one:
                await self.pilot.press("down")
        assert self.bench.workbench.resources.current == one, self.text
        await self.pilot.press("a")
        await self.sees("asked: auto")
        await self.pilot.press(*["r"] * ROUTES.index(route))
        await self.sees(f"asked: {route}")
        await self.until(f"{route} is planned", lambda: "planning:" not in self.text)
        return self.text

    async def approve(self, word: str) -> str:
        """Tab to Approve, Enter, the word where one is asked for; the id of what was started."""
        await self.sees("[ Approve: " if word else "[ Approve ]")
        await self.pilot.press("tab", "enter")
        if word:
            await self.sees(f"Type {word} in capitals to go on:")
            await self.type(word)
            await self.pilot.press("enter", "enter")
        return await self.until(
            "an acquisition is in the case",
            lambda: self.bench.snapshot.acquisitions[-1].id if self.bench.snapshot.acquisitions else None,
        )

    async def done(self, acq: str, *, within: float = 90.0) -> Acquisition:
        """Its row in the read model once it is done; fails at once when it ended otherwise."""

        def look() -> Acquisition | None:
            row = next(one for one in self.bench.snapshot.acquisitions if one.id == acq)
            assert row.state == "done" or row.state not in ENDED, f"{acq} is {row.state}: {row.error}\n{self.text}"
            return row if row.state == "done" else None

        return await self.until(f"{acq} is done", look, within=within)

    async def leave(self) -> str:
        """``q``; what is said to the shell."""
        await self.pilot.press("q")
        said = await self.until("the screens are gone", lambda: self.bench.return_value)
        assert isinstance(said, str)
        return said


@asynccontextmanager
async def seated(case: Case, patch: pytest.MonkeyPatch) -> AsyncIterator[Seat]:
    """The workbench of that case as ``jumpbag CASE`` opens it, with a write window; it starts the agent where none
    runs."""
    for name in ("XDG_DATA_HOME", "XDG_STATE_HOME", "XDG_CONFIG_HOME", "XDG_CACHE_HOME"):
        patch.delenv(name, raising=False)
    for name, value in case.jumpbag.env.items():
        patch.setenv(name, value)
    locations = Locations(case.jumpbag.env)
    folder = find(str(case.path), locations)

    async def reach() -> AgentClient:
        return await connect(folder, locations)

    bench = Workbench(
        folder.path, folder.read_model, reach, folder.settings.examiner.id, look=UNICODE, theme="jumpbag-dark"
    )
    async with bench.run_test(size=_SIZE) as pilot:
        seat = Seat(bench, pilot)
        await seat.until("the agent is attached", lambda: bench.link.state == "attached")
        await bench.link.call("session.arm", {})
        await seat.until("the case is open for writing", lambda: bench.armed)
        yield seat
