"""Commands answered by a script, and a clock that stands still."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import msgspec

from app.faults import AgentGone, Fault, Usage
from tests.screens.sample_plan import instance_plan, plan
from tests.screens.seed import NOW

VERIFIED: dict[str, Any] = {
    "ok": True,
    "key": "9f1c2d3e4b5a6978",
    "trust": "self-asserted",
    "events": 214,
    "lines": 214,
    "chain": True,
    "signatures": True,
    "checkpointed_to": 200,
    "anchored_to": None,
    "live": True,
    "open_intents": [{"line": 214, "op": "evidence.read", "corr": "c-214"}],
    "items": [{"id": "E-0005", "ok": True, "reason": None}],
    "first_bad_line": None,
    "reason": None,
}


class ScriptedCommands:
    """Records each call; answers from ``answers`` (a value, a fault to raise, or a function of the params).

    Calls of a method that is held are under way until it is released: so long may anything be done meanwhile.
    """

    def __init__(self, **answers: Any) -> None:
        self.calls: list[tuple[str, dict[str, Any]]] = []
        self.answers: dict[str, Any] = answers
        self.closed = False
        self.gone = False
        self._held: dict[str, asyncio.Event] = {}

    def hold(self, method: str) -> None:
        """Answer no call of that method until it is released."""
        self._held[method] = asyncio.Event()

    def release(self, method: str) -> None:
        """Answer those that wait, and hold it no more."""
        self._held.pop(method).set()

    def called(self, method: str) -> list[dict[str, Any]]:
        """The parameters of every call of that method."""
        return [params for name, params in self.calls if name == method]

    async def call(self, method: str, params: dict[str, Any]) -> Any:
        self.calls.append((method, params))
        await asyncio.sleep(0)
        if method in self._held:
            await self._held[method].wait()
        if self.gone or self.closed:
            raise AgentGone("the agent closed the connection", next="it is started again by itself")
        answer = self.answers.get(method.replace(".", "_"), _DEFAULTS.get(method))
        if isinstance(answer, Fault):
            raise answer
        if callable(answer):
            answer = answer(params)
        if answer is None:
            raise Usage(f"no such method: {method}")
        return answer

    async def close(self) -> None:
        self.closed = True


def _plan(params: dict[str, Any]) -> dict[str, Any]:
    route = {"auto": "copy"}.get(params["route"], params["route"])
    made = {"disk": plan, "instance": instance_plan}[params["kind"]](route, params["lock_days"])
    return {"plan": msgspec.to_builtins(made), "digest": "d1" * 32}


_DEFAULTS: dict[str, Any] = {
    "session.attach": {"ok": True},
    "session.detach": {"ok": True},
    "status": {"pid": 4242, "state": "detached", "survives_logout": True, "leases": 3, "running": 2},
    "inventory.refresh": {"ok": True},
    "plan": _plan,
    "acquire.batch": lambda params: {
        "started": [
            {"target": one["target"], "acquisition": f"A-{number:04d}"}
            for number, one in enumerate(params["plans"], 11)
        ],
        "refused": [],
    },
    "acquire": {"acquisition": "A-0009", "state": "queued"},
    "acquisition.pause": lambda params: {"acquisition": params["acquisition"], "state": "paused"},
    "acquisition.resume": lambda params: {"acquisition": params["acquisition"], "state": "running"},
    "acquisition.cancel": lambda params: {"acquisition": params["acquisition"], "state": "cancelled"},
    "session.arm": {"armed_until": "2026-11-23T14:18:21Z"},
    "session.disarm": {"armed_until": None},
    "lease.revoke": lambda params: {"lease": params["lease"], "state": "revoked"},
    "evidence.verify": lambda params: {"item": params["item"], "state": "running"},
    "evidence.stop": lambda params: {"item": params["item"], "state": "stopped"},
    "verify": VERIFIED,
    "stop": {"ok": True},
}


class FixedClock:
    """A clock that moves only when a test moves it. Sleeping ends at once, after other tasks had their turn."""

    def __init__(self, now: datetime = NOW) -> None:
        self._now = now
        self._mono = 1000.0
        self.slept: list[float] = []

    def now(self) -> datetime:
        return self._now

    def monotonic(self) -> float:
        return self._mono

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        await asyncio.sleep(0.01)

    def advance(self, seconds: float) -> None:
        """Let time pass, on both clocks."""
        self._now += timedelta(seconds=seconds)
        self._mono += seconds

    def jump(self, seconds: float) -> None:
        """Set the wall clock, as an administrator or NTP does."""
        self._now += timedelta(seconds=seconds)


Answer = Callable[[dict[str, Any]], Any]
