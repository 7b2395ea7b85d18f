"""The provider on the embedded AWS of the demo, under the session policies that its own plans ask for."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any

from app.clock import SystemClock
from app.credentials.policy import session_policy, with_leases
from app.model import Account, Plan, Resource, Step
from app.ports import Grant, LeaseRequest, Made, Part, PlanRequest, Provider, StepContext
from providers.emulators.range import Range

PAYMENTS, SHOP, LEGACY = "222222222222", "333333333333", "444444444444"
FORENSICS = "111111111111"
CASE = "IR-42"


class QuickClock(SystemClock):
    """The machine's clock; what the provider waits between two tries is cut short."""

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds / 100)


@dataclass
class Field:
    """A provider on the embedded cloud."""

    provider: Provider
    embedded: Range
    region: str = "eu-west-1"

    async def lease(self, policy: str, account: str = PAYMENTS, name: str = "L-0001") -> Grant:
        return await self.provider.identity.issue(
            LeaseRequest(
                lease=name,
                account=account,
                role=self.provider.identity.role(account),
                policy=policy,
                seconds=3600,
            )
        )

    async def look(self, account: str = PAYMENTS) -> Grant:
        return await self.lease(session_policy(self.provider.inventory.permissions()), account)

    async def inventory(self, account: str = PAYMENTS, region: str = "eu-west-1") -> list[Resource]:
        pages = self.provider.inventory.resources(account, region, await self.look(account))
        return [resource async for page in pages for resource in page]

    async def instance(self, name: str, account: str = PAYMENTS) -> Resource:
        found = await self.inventory(account)
        return next(one for one in found if one.kind == "instance" and one.name == name)

    async def volume(self, name: str, account: str = PAYMENTS, region: str = "eu-west-1") -> Resource:
        found = await self.inventory(account, region)
        return next(one for one in found if one.kind == "volume" and one.name == name)

    async def plan(self, target: Resource, route: str = "auto", lock_days: int = 0) -> Plan:
        request = PlanRequest(
            kind="instance" if target.kind == "instance" else "disk",
            account=Account(cloud="aws", id=target.account, name="n"),
            region=target.region,
            target=target.id,
            route=route,
            lock_days=lock_days,
        )
        plan = await self.provider.planner.plan(request, self.look)
        return with_leases(plan, self.provider.identity.role, 3600)

    async def leases(self, plan: Plan) -> dict[str, Grant]:
        return {spec.key: await self.lease(spec.policy, spec.account) for spec in plan.leases}

    async def snapshot(self, plan: Plan, leases: dict[str, Grant], acquisition: str) -> Made:
        """Rehearsal, snapshot and wait, as the engine runs them."""
        asking, first, second = plan.steps[:3]
        context = StepContext(
            case=CASE, acquisition=acquisition, head="", outputs={}, heads={"ab" * 32: datetime.now(UTC)}
        )
        assert await self.provider.actuator.rehearse(asking, first, context, leases[asking.lease])
        made = await self.provider.actuator.find(first, context, leases[first.lease])
        if made is None:
            made = await self.provider.actuator.perform(
                first, replace(context, head="ab" * 32), leases[first.lease]
            )
        context = replace(context, outputs={first.id: made.output})
        async with asyncio.timeout(40):
            seen = -1
            while True:
                percent, ready = await self.provider.actuator.probe(second, context, leases[second.lease])
                assert seen <= percent <= 100
                seen = percent
                if ready is not None:
                    return ready
                await asyncio.sleep(0.05)

    async def state(self) -> list[dict[str, Any]]:
        calls: list[dict[str, Any]] = (await asyncio.to_thread(self.embedded.state))["calls"]
        return calls

    async def faults(self, **faults: Any) -> None:
        await asyncio.to_thread(lambda: self.embedded.faults(**faults))


@dataclass
class Walk:
    """One acquisition as the engine would walk it, bytes and local steps left out."""

    on: Field
    plan: Plan
    acquisition: str
    leases: dict[str, Grant]
    outputs: dict[str, dict[str, Any]] = field(default_factory=dict)
    parts: list[Part] = field(default_factory=list)
    blocks: dict[str, int] = field(default_factory=dict)

    async def run(self) -> None:
        for step in self.plan.steps:
            await self.step(step)

    async def step(self, step: Step) -> None:
        provider, grant = self.on.provider, self.leases.get(step.lease)
        context = StepContext(
            case=CASE,
            acquisition=self.acquisition,
            head="",
            outputs=self.outputs,
            heads={f"{int(step.id):064x}": datetime.now(UTC)},
        )
        if step.kind in ("hash", "seal"):
            return
        assert grant is not None
        if step.kind == "rehearse":
            assert await provider.actuator.rehearse(step, self.plan.step(step.of), context, grant)
        elif step.kind == "act":
            made = await provider.actuator.find(step, context, grant)
            assert made is None
            made = await provider.actuator.perform(step, replace(context, head=f"{int(step.id):064x}"), grant)
            self.outputs[step.id] = made.output
            again = await provider.actuator.find(step, context, grant)
            assert again is not None
            assert again.resource == made.resource
        elif step.kind == "wait":
            async with asyncio.timeout(60):
                while True:
                    if (await provider.actuator.probe(step, context, grant))[1] is not None:
                        break
                    await asyncio.sleep(0.02)
        elif step.kind == "collect":
            self.parts = [part async for part in provider.collector.collect(step, context, lambda: grant)]
        else:
            pages = provider.blocks.index(step, context, lambda: grant)
            self.blocks[step.item] = sum([len(page.blocks) async for page in pages])
