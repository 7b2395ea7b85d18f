"""A clock that tests move by hand."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta


class HandClock:
    """Time stands still until :meth:`advance`; sleepers wake in order of their deadlines."""

    def __init__(self, start: datetime | None = None) -> None:
        self._now = start or datetime(2026, 11, 23, 14, 0, 0, tzinfo=UTC)
        self._elapsed = 0.0
        self._sleepers: list[tuple[float, asyncio.Future[None]]] = []

    def now(self) -> datetime:
        return self._now

    def monotonic(self) -> float:
        return self._elapsed

    async def sleep(self, seconds: float) -> None:
        if seconds <= 0:
            await asyncio.sleep(0)
            return
        woken: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._sleepers.append((self._elapsed + seconds, woken))
        await woken

    async def advance(self, seconds: float) -> None:
        """Move on, waking each sleeper at its own time."""
        end = self._elapsed + seconds
        await _settle()
        while True:
            due = sorted((entry for entry in self._sleepers if entry[0] <= end), key=lambda entry: entry[0])
            if not due:
                break
            when, woken = due[0]
            self._sleepers.remove(due[0])
            self._now += timedelta(seconds=when - self._elapsed)
            self._elapsed = when
            if not woken.done():
                woken.set_result(None)
            await _settle()
        self._now += timedelta(seconds=end - self._elapsed)
        self._elapsed = end
        await _settle()


async def _settle() -> None:
    """Let everything that can run do so."""
    for _ in range(20):
        await asyncio.sleep(0)
