"""The read model, away from the event loop: one thread owns the feed, so that no key waits behind SQLite."""

from __future__ import annotations

import asyncio
import threading
from array import array
from collections.abc import Callable, Collection, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from app.client import events, orders
from app.client.events import WholeEvent
from app.client.feed import Feed
from app.client.filtering import Filter
from app.client.inventory import Held, Inventory, Query, Selection
from app.client.related import related
from app.model import Account, AccountKey, Resource
from app.model.view import CaseSnapshot, EventRow
from screens.present.shelf import Shelf
from screens.present.slow import Coarse

if TYPE_CHECKING:  # what checks signatures is loaded by the first question that needs it
    from app.client.proof import EventProof
    from app.custody.exercise import Exercise

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Reading:
    """A snapshot, and what things of it are called."""

    snapshot: CaseSnapshot
    shelf: Shelf


class Reader:
    """Asks the feed in its own thread. Close it when the screens are gone. ``coarse``: see
    :class:`~screens.present.slow.Coarse`."""

    def __init__(self, sqlite: Path, *, coarse: bool = False) -> None:
        self._feed = Feed(sqlite)
        self._coarse = Coarse() if coarse else None
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="feed")
        self._beside = ThreadPoolExecutor(max_workers=2, thread_name_prefix="record")  # never in the feed's way
        self._closing = threading.Event()
        self._inventory = Inventory(self._feed)
        self._selected = 0
        self._named: Sequence[Account] = ()
        self._looked_up: object = None
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

    async def events_of_item(self, item: str) -> list[EventRow]:
        """The custody lines of one evidence item."""
        return await self._run(lambda: self._feed.ask(lambda db: events.of_item(db, item), []))

    async def event_body(self, line: int) -> str | None:
        """The JSON text of one custody line."""
        return await self._run(lambda: self._feed.event_body(line))

    async def events_at(self, lines: Sequence[int]) -> list[EventRow]:
        """The custody lines of these numbers, ascending."""
        return await self._run(lambda: self._feed.ask(lambda db: events.at(db, lines), []))

    async def matching(self, wanted: Filter, after: int, upto: int) -> array[int] | None:
        """The numbers of the custody lines in that range that a filter lets through, None if it cannot be told now
        (see :func:`app.client.events.matching`)."""
        return await self._run(lambda: self._feed.ask(lambda db: events.matching(db, wanted, after, upto), None))

    async def last_line(self) -> int:
        """The number of the newest custody line, as far as it can be told now."""
        return await self._run(lambda: self._feed.ask(orders.last_line, self._feed.snapshot.event_lines))

    async def approved(self, actor: str, digest: str, after: int) -> str | None:
        """See :func:`app.client.orders.approved`."""
        return await self._run(lambda: self._feed.ask(lambda db: orders.approved(db, actor, digest, after), None))

    async def whole_event(self, line: int) -> WholeEvent | None:
        """One custody line as the read model has it, and what belongs to it."""
        return await self._run(lambda: self._feed.ask(lambda db: events.whole(db, line), None))

    async def proof(self, case: Path, line: int, shown: WholeEvent | None) -> EventProof | None:
        """What the record in that case's folder proves of a line; None if the screens are being closed."""

        def prove() -> EventProof | None:
            from app.client.proof import event_proof
            from app.custody.exercise import Abandoned

            try:
                seen = (shown.row, shown.text) if shown is not None else None
                return event_proof(case, line, seen, stop=self._closing.is_set)
            except Abandoned:
                return None

        return await asyncio.get_running_loop().run_in_executor(self._beside, prove)

    async def tamper(self, case: Path, into: Path, now: datetime, stop: Callable[[], bool]) -> Exercise | None:
        """The tampering exercise (see :func:`app.custody.exercise.tamper`); None once ``stop`` said so."""

        def attempt() -> Exercise | None:
            from app.custody.exercise import Abandoned, tamper

            try:
                return tamper(case, into, now=now, stop=lambda: stop() or self._closing.is_set())
            except Abandoned:
                return None

        return await asyncio.get_running_loop().run_in_executor(self._beside, attempt)

    async def select(self, query: Query) -> Selection | None:
        """The rows that a query asks for; None when another was asked for meanwhile. Of 100,000 rows it takes some
        fifty milliseconds."""
        self._selected += 1
        turn = self._selected
        return await self._run(lambda: self._inventory.select(query) if turn == self._selected else None)

    async def rows(self, rows: Iterable[int]) -> dict[int, Resource]:
        """The resources of these rows of the inventory."""
        return await self._run(lambda: self._inventory.rows(rows))

    async def markable(self, query: Query) -> list[int]:
        """See :meth:`app.client.inventory.Inventory.markable`."""
        return await self._run(lambda: self._inventory.markable(query))

    async def families(self, rows: Collection[int]) -> tuple[list[Resource], list[Held]]:
        """See :meth:`app.client.inventory.Inventory.families`."""
        return await self._run(lambda: self._inventory.families(rows))

    async def resources_named(self, name: str, kind: str | None, account: AccountKey | None) -> list[Resource]:
        """See :meth:`app.client.inventory.Inventory.named`."""
        return await self._run(lambda: self._inventory.named(name, kind, account))

    async def related(self, target: str) -> frozenset[str] | None:
        """See :func:`app.client.related.related`; None if it cannot be told now."""
        return await self._run(lambda: self._feed.ask(lambda db: related(db, target), None))

    def close(self) -> None:
        """Close the feed and end the threads; what they still look up is given up."""
        self._closing.set()
        self._feed.interrupt()
        self._beside.shutdown(wait=True, cancel_futures=True)
        self._thread.submit(self._feed.close)
        self._thread.shutdown(wait=True, cancel_futures=False)

    async def _run(self, work: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._thread, work)

    def _poll(self) -> Reading | None:
        snapshot = self._feed.poll()
        if snapshot is None:
            return None
        if snapshot.accounts is not self._named:
            self._named = snapshot.accounts
            self._shelf = replace(self._shelf, names={(one.cloud, one.id): one.name for one in snapshot.accounts})
        whole = [((one.cloud, one.account), one.target) for one in snapshot.acquisitions if one.kind == "instance"]
        looked_up = (snapshot.inventory.file, snapshot.inventory.revision, whole)
        if looked_up != self._looked_up:
            self._looked_up = looked_up
            self._shelf = replace(self._shelf, devices=self._inventory.devices(whole) if whole else {})
        return Reading(self._coarse(snapshot) if self._coarse else snapshot, self._shelf)
