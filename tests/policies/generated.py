"""The session policies of real plans: planned through the embedded cloud as a case plans them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from app import config
from app.clock import Clock, SystemClock
from app.credentials.policy import session_policy, with_leases
from app.model import Account, Plan
from app.ports import Grant, LeaseRequest, PlanRequest, Provider, Scope
from providers.aws.plugin import open_provider
from tests.policies.asks import Document
from tests.policies.bench import CASE, ELSEWHERE, FORENSICS, SOURCE, Bench


@dataclass(frozen=True, slots=True)
class Wanted:
    """A plan to be made: ``what`` is a thing on the bench, ``settings`` replace keys of the ``[aws]`` table."""

    what: str
    route: str
    lock_days: int = 0
    settings: Mapping[str, Any] = field(default_factory=dict)

    @property
    def kind(self) -> str:
        return "instance" if self.what.startswith("instance") else "disk"


_AWAY = {"evidence_region": ELSEWHERE}
WANTED: dict[str, Wanted] = {
    **{
        f"{route} {key}": Wanted(f"volume {key}", route)
        for key in ("plain", "customer", "default", "private")
        for route in ("direct", "copy", "preserve-direct", "preserve-copy")
    },
    "locked direct": Wanted("volume plain", "direct", lock_days=7),
    "locked copy": Wanted("volume default", "copy", lock_days=7),
    "away copy": Wanted("volume customer", "copy", settings=_AWAY),
    "away copy again": Wanted("volume default", "copy", settings=_AWAY),
    "home direct": Wanted("volume home", "direct"),
    "instance direct": Wanted("instance triple", "direct"),
    "instance copy": Wanted("instance triple", "copy", lock_days=7),
    "instance preserve-copy": Wanted("instance triple", "preserve-copy"),
}
"""Every route for every kind of key, and what changes a policy besides."""
WITHDRAWN: dict[str, Wanted] = {
    "withdrawn direct": Wanted("volume withdrawn", "direct"),
    "withdrawn instance": Wanted("instance withdrawn", "direct"),
}
"""Plans whose targets lose their tag after they were made."""


class Desk:
    """A provider of a case on the bench, with leases as the broker would ask for them."""

    def __init__(
        self, bench: Bench, settings: Mapping[str, Any] | None = None, clock: Clock | None = None
    ) -> None:
        table = config.read_table(bench.range.config_path)["aws"]
        scope = Scope(case=CASE, examiner="ex-07", clock=clock or SystemClock(), pace=_at_once)
        self.provider: Provider = open_provider({**table, **(settings or {})}, scope)
        self._bench = bench
        self._sessions: dict[tuple[str, str], Grant] = {}

    async def __aenter__(self) -> Desk:
        return self

    async def __aexit__(self, *error: object) -> None:
        await self.provider.close()

    async def session(self, account: str, policy: str) -> Grant:
        """The collect role of ``account`` under a session policy; the same question gets the same session."""
        if (account, policy) not in self._sessions:
            role = self.provider.identity.role(account)
            request = LeaseRequest(lease="L-0001", account=account, role=role, policy=policy, seconds=3600)
            self._sessions[account, policy] = await self.provider.identity.issue(request)
        return self._sessions[account, policy]

    async def look(self, account: str) -> Grant:
        """A browse lease."""
        return await self.session(account, self.browse())

    def browse(self) -> str:
        return session_policy(self.provider.inventory.permissions())

    async def plan(self, wanted: Wanted) -> Plan:
        thing = self._bench.thing(wanted.what)
        request = PlanRequest(
            kind=wanted.kind,
            account=Account(cloud="aws", id=thing.account, name="bench", forensics=thing.account == FORENSICS),
            region=thing.region,
            target=thing.id,
            route=wanted.route,
            lock_days=wanted.lock_days,
        )
        plan = await self.provider.planner.plan(request, self.look)
        return with_leases(plan, self.provider.identity.role, 3600)


async def plans(bench: Bench) -> tuple[dict[str, Plan], dict[str, Document]]:
    """All plans by name, and all session policies as "<plan> <account>/<effect>" and "browse <account>"."""
    made: dict[str, Plan] = {}
    policies: dict[str, Document] = {}
    for name, wanted in {**WANTED, **WITHDRAWN}.items():
        async with Desk(bench, wanted.settings) as desk:
            made[name] = await desk.plan(wanted)
            for account in (SOURCE, FORENSICS):
                policies[f"browse {account}"] = json.loads(desk.browse())
        for lease in made[name].leases:
            policies[f"{name} {lease.key}"] = json.loads(lease.policy)
    bench.withdraw()
    return made, policies


async def _at_once(account: str, service: str) -> None:
    return None
