"""Plans for those who ask: made fresh, priced against leases and storage, approved only as they were shown."""

from __future__ import annotations

from typing import Any

import msgspec

from app.acquisition.record import plan_text
from app.acquisition.service import Acquisitions
from app.agent.browse import Browse
from app.agent.storage import storage_report
from app.case.folder import CaseFolder
from app.clock import Clock
from app.credentials.policy import with_leases
from app.faults import CredentialExpired, Refused, Usage
from app.model import Account, Plan, PlanWarning, Resource
from app.ports import Grant, PlanRequest, Provider
from app.text import visible

_KINDS = {"disk": "volume", "instance": "instance"}
_FRESH_S = 900.0
"""An older plan is made anew before it is approved: what it rests on may have changed."""
_LONGEST_LOCK = 36500  # days: LockSnapshot takes 1 to 36,500 (EC2 API Reference, LockDuration)


class Planning:
    """Reads only, until :meth:`acquire`."""

    def __init__(self, case: CaseFolder, browse: Browse, providers: dict[str, Provider], clock: Clock) -> None:
        self._case = case
        self._browse = browse
        self._providers = providers
        self._clock = clock
        self._shown: dict[str, tuple[float, Plan]] = {}

    async def plan(self, kind: str, target: str, route: str, lock_days: int, actor: str) -> tuple[Plan, str]:
        """A fresh plan for a target, and its digest. Changes nothing."""
        if self._case.evidence.is_symlink():
            raise Refused(f"{self._case.evidence} is a symbolic link", next="put a real directory there")
        if kind not in _KINDS:
            raise Usage(f"{visible(kind)!r} cannot be acquired yet", next="this version acquires: disk, instance")
        if not 0 <= lock_days <= _LONGEST_LOCK:
            raise Usage(f"a lock of {lock_days} days is not possible", next=f"give 1 to {_LONGEST_LOCK} days")
        found, account = await self._target(kind, target, actor)
        provider = self._providers[found.cloud]
        plan = await self._ask(
            provider, PlanRequest(kind, account, found.region, found.id, route, lock_days), actor
        )
        asked = self._case.settings.aws.lease_seconds if self._case.settings.aws else 3600
        plan = with_leases(plan, provider.identity.role, *await provider.identity.lifetime(asked))
        plan = self._with_storage(plan)
        _, digest = plan_text(plan)
        self._shown[digest] = self._clock.monotonic(), plan
        return plan, digest

    async def _target(self, kind: str, target: str, actor: str) -> tuple[Resource, Account]:
        cloud, account, resource = _target(target)
        found = await self._browse.find(_KINDS[kind], resource, account, actor)
        if found is None or (cloud is not None and found.cloud != cloud):
            raise Usage(
                f"no {_KINDS[kind]} {visible(resource)} in the accounts that can be read",
                next="`jumpbag resources` lists what there is",
            )
        holder = self._browse.account(found.cloud, found.account)
        if holder is None:
            raise Refused(
                f"account {found.account}, which holds {visible(resource)}, is not among the accounts any more",
                next="`jumpbag accounts` lists those that are; ask who took it out of the organisation",
            )
        return found, holder

    async def _ask(self, provider: Provider, request: PlanRequest, actor: str) -> Plan:
        """The provider's plan, under browse leases; once more under new ones when the cloud ends one early."""
        used: dict[str, Grant] = {}

        async def observe(account: str) -> Grant:
            grant = await self._browse.holding(provider.cloud, account, actor).ensure()
            used[account] = grant
            return grant

        try:
            return await provider.planner.plan(request, observe)
        except CredentialExpired as fault:
            for account, grant in used.items():
                await self._browse.holding(provider.cloud, account, actor).expired(grant.lease, fault)
            return await provider.planner.plan(request, observe)

    def _with_storage(self, plan: Plan) -> Plan:
        """What the evidence volume says to so many bytes."""
        if not plan.image_bytes:
            return plan
        report = storage_report(self._case.evidence, plan.image_bytes)
        notes = tuple(PlanWarning(code="storage", text=text) for text in report)
        return msgspec.structs.replace(plan, warnings=plan.warnings + notes)

    async def acquire(
        self,
        acquisitions: Acquisitions,
        kind: str,
        target: str,
        route: str,
        lock_days: int,
        reason: str,
        digest: str | None,
        actor: str,
    ) -> dict[str, Any]:
        """Approve and start. With ``digest``: exactly the plan that was shown, or nothing."""
        made, plan = self._shown.get(digest or "", (0.0, None))
        if plan is None or self._clock.monotonic() - made > _FRESH_S:
            plan, fresh = await self.plan(kind, target, route, lock_days, actor)
            if digest is not None and fresh != digest:
                raise Refused("the plan has changed since it was shown", next="read the new plan, then approve it")
        acq = await acquisitions.start(plan, actor, reason)
        self._shown.clear()
        return {"acquisition": acq, "state": "queued"}


def _target(text: str) -> tuple[str | None, str | None, str]:
    """``vol-…`` or ``cloud:account:id``."""
    parts = text.split(":", 2)
    if len(parts) == 3 and parts[0] in ("aws", "azure", "gcp"):
        return parts[0], parts[1], parts[2]
    return None, None, text
