"""The read model, away from the event loop: one thread owns the feed, so that no key waits behind SQLite."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from app.client.feed import Feed
from app.model import Account, Resource
from app.model.view import CaseSnapshot, EventRow
from screens.present.shelf import AccountKey, Selection, Shelf, build, select

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Reading:
    """A snapshot, and its resources in reading order. The shelf stays the same while the inventory does."""

    snapshot: CaseSnapshot
    shelf: Shelf


class Reader:
    """Asks the feed in its own thread. Close it when the screens are gone."""

    def __init__(self, sqlite: Path) -> None:
        self._feed = Feed(sqlite)
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="feed")
        self._built_from: tuple[Sequence[Resource], Sequence[Account]] = ((), ())
        self._shelf = Shelf()

    async def poll(self) -> Reading | None:
        """What the case is now, None while nothing changed."""
        return await self._run(self._poll)

    async def events(self, first: int, count: int) -> list[EventRow]:
        """Custody lines, 1-based."""
        return await self._run(lambda: self._feed.events(first, count))

    async def events_of(self, acquisition: str) -> list[EventRow]:
        """The custody lines of one acquisition."""
        return await self._run(lambda: self._feed.events_of(acquisition))

    async def event_body(self, line: int) -> str | None:
        """The JSON text of one custody line."""
        return await self._run(lambda: self._feed.event_body(line))

    async def select(self, shelf: Shelf, scope: AccountKey | None, text: str, eligible_only: bool) -> Selection:
        """Filter a shelf; with 100,000 rows this takes tens of milliseconds."""
        return await self._run(lambda: select(shelf, scope, text, eligible_only))

    def close(self) -> None:
        """Close the feed and end the thread."""
        self._thread.submit(self._feed.close)
        self._thread.shutdown(wait=True, cancel_futures=False)

    async def _run(self, work: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._thread, work)

    def _poll(self) -> Reading | None:
        snapshot = self._feed.poll()
        if snapshot is None:
            return None
        resources, accounts = snapshot.resources, snapshot.accounts
        if resources is not self._built_from[0] or accounts is not self._built_from[1]:
            self._shelf = build(resources, accounts)
            self._built_from = (resources, accounts)
        return Reading(snapshot, self._shelf)
