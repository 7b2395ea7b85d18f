"""Pause, cancel and waiting for credentials: gates inside a running step, one set an acquisition.

The wish is in the custody log before it is set here, so a restart finds it again.
"""

from __future__ import annotations

import asyncio
from typing import Literal

Gate = Literal["run", "cancel"]


class Control:
    """``hold`` keeps a step from running without a wish of anybody: an approval that ended, a stopping agent."""

    def __init__(self) -> None:
        self._cancel = False
        self._paused = False
        self._hold = False
        self._waiting = False
        self.gave_up = False
        self._news = asyncio.Event()

    def _set(self, **flags: bool) -> None:
        for name, value in flags.items():
            setattr(self, f"_{name}", value)
        self._news.set()

    def pause(self) -> None:
        self._set(paused=True)

    def resume(self) -> None:
        self._set(paused=False, hold=False, waiting=False)

    def cancel(self) -> None:
        self._set(cancel=True)

    def give_up(self) -> None:
        """What is still to be taken back is left as it is."""
        self.gave_up = True
        self._set(waiting=False)

    def hold(self) -> None:
        self._set(hold=True)

    def wait_for_credentials(self) -> None:
        self._set(waiting=True)

    def credentials_may_be_back(self) -> None:
        """Let the step try again."""
        if self._waiting:
            self._set(waiting=False)

    @property
    def waiting(self) -> bool:
        """Whether it waits for credentials."""
        return self._waiting

    @property
    def stopped(self) -> str:
        """Why the step does not run: "", "cancel", "paused", "hold" or "waiting"."""
        for name in ("cancel", "hold", "paused", "waiting"):
            if getattr(self, f"_{name}"):
                return name
        return ""

    def stops(self, *, undoing: bool) -> bool:
        """Whether what runs must stop; ``undoing`` goes on in spite of the wish to cancel and of a pause."""
        if undoing:
            return self._hold or self._waiting
        return bool(self.stopped)

    async def changed(self) -> None:
        """Returns at the next change."""
        self._news.clear()
        await self._news.wait()

    async def gate(self, *, undoing: bool = False) -> Gate:
        """Waits while the step may not run."""
        while True:
            if self._cancel and not self._hold and not undoing:
                return "cancel"
            if not (self._hold or self._waiting or (self._paused and not undoing)):
                return "run"
            await self.changed()
