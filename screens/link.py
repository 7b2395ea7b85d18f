"""The connection to the agent: opened after the first frame, and opened again by itself when it breaks."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable
from typing import Any, Literal

from app.clock import Clock
from app.faults import AgentGone, Fault
from screens.agent_port import Commands, Connect

LinkState = Literal["connecting", "attached", "gone"]

_BACKOFF_S = (1.0, 2.0, 4.0, 8.0, 15.0)
_PING_S = 3.0
_LEAVE_S = 1.0
BACK = "it is being started again by itself; then see what came of this before you try again"
"""What to do about an answer that was lost: what was asked for may have been done nevertheless."""


class Link:
    """One attached session at a time. ``changed`` is called whenever :attr:`state` or :attr:`fault` did."""

    def __init__(self, connect: Connect, examiner: str, clock: Clock, changed: Callable[[], None]) -> None:
        self.state: LinkState = "connecting"
        self.fault: Fault | None = None
        self._connect = connect
        self._examiner = examiner
        self._clock = clock
        self._changed = changed
        self._commands: Commands | None = None
        self._dropped = asyncio.Event()
        self._tried = asyncio.Event()  # the first try to attach has ended, well or not
        self._retry_at: float | None = None

    @property
    def retry_in(self) -> int | None:
        """Whole seconds until the next try, None while one is under way or none is needed."""
        if self._retry_at is None:
            return None
        return max(0, math.ceil(self._retry_at - self._clock.monotonic())) or None

    async def run(self) -> None:
        """Attach, wait until the connection is lost, attach again; ends only by being cancelled."""
        tries = 0
        while True:
            try:
                commands = await self._connect()
                try:
                    await commands.call("session.attach", {"examiner": self._examiner, "kind": "ui"})
                except BaseException:
                    await commands.close()
                    raise
            except Fault as fault:
                pause = _BACKOFF_S[min(tries, len(_BACKOFF_S) - 1)]
                self._retry_at = self._clock.monotonic() + pause
                self._became("gone", fault)
                await self._clock.sleep(pause)
                self._retry_at = None
                tries += 1
                continue
            tries = 0
            self._commands = commands
            self._dropped.clear()
            self._became("attached", None)
            await self._dropped.wait()
            await commands.close()

    async def tried(self) -> None:
        """Wait until the first try to attach has ended: the agent may be starting."""
        await self._tried.wait()

    async def call(self, method: str, params: dict[str, Any]) -> Any:
        """The agent's answer; raises Fault. A lost connection is noticed here and mended in :meth:`run`."""
        commands = self._commands
        if commands is None:
            raise self.fault or AgentGone("the agent is not connected yet", next="wait a moment and try again")
        try:
            return await commands.call(method, params)
        except AgentGone as fault:
            again = AgentGone(fault.message, next=BACK)
            self._drop(commands, again)
            raise again from fault

    async def check(self) -> None:
        """Ask whether the agent is still there; used when its heartbeat stops."""
        commands = self._commands
        if commands is None:
            return
        try:
            await asyncio.wait_for(commands.call("status", {}), _PING_S)
        except TimeoutError:
            self._drop(commands, AgentGone("the agent does not answer", next="it is being asked again by itself"))
        except AgentGone as fault:
            self._drop(commands, fault)
        except Fault:
            return  # it answered: it is there

    async def leave(self) -> None:
        """Say goodbye if anybody listens; never takes longer than a second."""
        commands, self._commands = self._commands, None
        if commands is None:
            return
        try:
            await asyncio.wait_for(commands.call("session.detach", {}), _LEAVE_S)
        except (Fault, TimeoutError):
            pass  # the agent notices the closed socket by itself
        finally:
            await commands.close()

    def _drop(self, commands: Commands, fault: Fault) -> None:
        if self._commands is commands:
            self._commands = None
            self._became("gone", fault)
            self._dropped.set()

    def _became(self, state: LinkState, fault: Fault | None) -> None:
        self.state, self.fault = state, fault
        self._tried.set()
        self._changed()
