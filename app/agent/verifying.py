"""The verification of the whole case, as ``jumpbag verify`` does it: one at a time, beside everything else."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from app.clock import Clock
from app.custody import Verification, verify
from app.faults import AgentGone


class _Stopped(Exception):
    """The agent stops."""


@dataclass(frozen=True, slots=True)
class Verified:
    """What was found by the reading that ``began`` then (UTC): nothing is said of what came later."""

    found: Verification
    began: datetime


class Verifying:
    """Reads the record and all evidence for whoever asks; who comes while that goes on gets the same answer.

    It reads in a thread of its own: those that everything else shares must stay free, since it may take hours.
    """

    def __init__(self, case: Path, clock: Clock, read: Callable[..., Verification] = verify) -> None:
        self._case = case
        self._clock = clock
        self._read = read
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="verify")
        self._stop = threading.Event()
        self._under_way: asyncio.Task[Verified] | None = None

    @property
    def busy(self) -> bool:
        """Whether one is under way; whoever asked for it may have left."""
        return self._under_way is not None and not self._under_way.done()

    async def verified(self) -> Verified:
        """The answer of the one that is under way, else of one that begins now. AgentGone if the agent stops."""
        if self._stop.is_set():
            raise _gone()
        if self._under_way is None or self._under_way.done():
            self._under_way = asyncio.create_task(self._verify())
        return await asyncio.shield(self._under_way)  # one who leaves does not end it for the others

    def stop(self) -> None:
        """End what is under way, within a moment, and begin nothing any more. Whoever waits is told."""
        self._stop.set()

    async def _verify(self) -> Verified:
        began = self._clock.now()
        try:
            found = await asyncio.get_running_loop().run_in_executor(self._thread, self._look)
        except _Stopped:
            raise _gone() from None
        return Verified(found, began)

    def _look(self) -> Verification:
        return self._read(self._case, progress=self._go_on)

    def _go_on(self, _: str, __: int, ___: int) -> None:
        if self._stop.is_set():
            raise _Stopped


def _gone() -> AgentGone:
    return AgentGone("the agent stops: the verification was given up", next="verify again once it runs")
