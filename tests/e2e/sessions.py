"""Connections to a case's agent, of examiners and of nobody."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from app.client.rpc import AgentClient
from app.faults import Refused
from app.locations import Locations
from tests.e2e.cloud import Cloud
from tests.e2e.runner import Case


class Roster(Cloud):
    """The same cloud, with a roster in the configuration of the cases on it."""

    def __init__(self, cloud: Cloud) -> None:
        super().__init__(cloud.config)

    def configured(self, name: str, **tables: dict[str, Any]) -> Path:
        return super().configured(name, examiner={"id": "ex-07", "roster": ["ex-11"]}, **tables)


class Session:
    """A connection to the case's agent."""

    def __init__(self, case: Case, cloud: Cloud, client: AgentClient) -> None:
        self._case = case
        self.cloud = cloud
        self.client = client

    async def __call__(self, method: str, **params: Any) -> dict[str, Any]:
        told: dict[str, Any] = await self.client.call(method, params)
        return told

    async def planned(self, volume: str, route: str = "direct") -> dict[str, Any]:
        """What approves the plan of that disk, as it was shown."""
        asked = {"kind": "disk", "target": volume, "route": route, "lock_days": 0}
        return {**asked, "digest": (await self("plan", **asked))["digest"]}

    async def refused(self, method: str, *, quiet: bool = False, **params: Any) -> None:
        """It is refused since the case is read-only, and nothing is approved; in a quiet case nothing at all is
        called or recorded."""
        before = self._so_far(quiet)
        with pytest.raises(Refused, match=r"^the case is read-only$") as caught:
            await self(method, **params)
        assert caught.value.next == "open a write window: w in the UI, or :arm" and caught.value.exit == 3
        assert self._so_far(quiet) == before

    def _so_far(self, quiet: bool) -> tuple[int, int]:
        if quiet:
            return len(self._case.events()), len(self.cloud.calls())
        return len(self._case.events("plan.approve")), len(self._case.events("session.arm"))


Sit = Callable[..., Any]


def sitting(case: Case, cloud: Cloud) -> Sit:
    """What opens sessions on a case whose agent runs: as that examiner, or (None) as nobody."""

    @asynccontextmanager
    async def opened(examiner: str | None = "ex-07") -> AsyncIterator[Session]:
        client = await AgentClient.open(Locations(case.jumpbag.env).socket(log_of(case)))
        try:
            session = Session(case, cloud, client)
            if examiner is not None:
                await session("session.attach", examiner=examiner, kind="ui")
            yield session
        finally:
            await client.close()

    return opened


def log_of(case: Case) -> str:
    """The id of the case's log."""
    return str(case.events("case.open")[0]["log"])
