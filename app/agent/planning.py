"""Plans for those who ask: made fresh, priced against leases and storage, approved only as they were shown."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import msgspec

from app.acquisition.record import plan_text
from app.acquisition.service import Acquisitions
from app.agent import same_disk
from app.agent.arming import WriteWindow
from app.agent.browse import Browse
from app.agent.storage import storage_report
from app.case.folder import CaseFolder
from app.clock import Clock
from app.credentials.policy import with_leases
from app.faults import CredentialExpired, Fault, PlanChanged, Refused, Usage, from_data
from app.model import Account, Plan, PlanWarning, Resource
from app.ports import Grant, PlanRequest, Provider
from app.text import visible

log = logging.getLogger("jumpbag.agent")

_KINDS = {"disk": "volume", "instance": "instance"}
_FRESH_S = 900.0
"""An older plan is made anew before it is approved: what it rests on may have changed."""
_KEPT_S = 14_400.0
"""So long a plan that was shown is kept, to tell what has changed since."""
_REMARKS = same_disk.CODES | {"storage"}
"""Warnings of the agent's own, about the case and its volume as they are at the moment. They are signed as they
were shown, but another wording of them makes no other plan: nothing else would be done."""
_SHOWN_AT_MOST = 512
_LONGEST_LOCK = 36500  # days: LockSnapshot takes 1 to 36,500 (EC2 API Reference, LockDuration)


@dataclass(frozen=True, slots=True)
class Asked:
    """What somebody wants acquired; ``target`` is a resource id, or cloud:account:id."""

    kind: str
    target: str
    route: str = "auto"
    lock_days: int = 0


class Planning:
    """Reads only, until :meth:`acquire` or :meth:`batch`."""

    def __init__(
        self,
        case: CaseFolder,
        browse: Browse,
        providers: dict[str, Provider],
        acquisitions: Acquisitions,
        window: WriteWindow,
        clock: Clock,
    ) -> None:
        self._case = case
        self._browse = browse
        self._providers = providers
        self._acquisitions = acquisitions
        self._window = window
        self._clock = clock
        self._shown: dict[str, tuple[float, Plan]] = {}  # digest -> when it was made, plan; the oldest first

    async def plan(self, asked: Asked, actor: str) -> tuple[Plan, str]:
        """A fresh plan for a target, and its digest. Changes nothing."""
        kind, lock_days = asked.kind, asked.lock_days
        if self._case.evidence.is_symlink():
            raise Refused(f"{self._case.evidence} is a symbolic link", next="put a real directory there")
        if kind not in _KINDS:
            raise Usage(f"{visible(kind)!r} cannot be acquired yet", next="this version acquires: disk, instance")
        if not 0 <= lock_days <= _LONGEST_LOCK:
            raise Usage(f"a lock of {lock_days} days is not possible", next=f"give 1 to {_LONGEST_LOCK} days")
        found, account = await self._target(kind, asked.target, actor)
        provider = self._providers[found.cloud]
        plan = await self._ask(
            provider, PlanRequest(kind, account, found.region, found.id, asked.route, lock_days), actor
        )
        seconds = self._case.settings.aws.lease_seconds if self._case.settings.aws else 3600
        plan = with_leases(plan, provider.identity.role, *await provider.identity.lifetime(seconds))
        plan = self._with_remarks(plan)
        _, digest = plan_text(plan)
        self._show(digest, plan)
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

    def _with_remarks(self, plan: Plan) -> Plan:
        """What the case has of these disks already, and what the evidence volume says to so many bytes."""
        remarks = same_disk.said_of(plan, self._acquisitions.standing())
        if plan.image_bytes:
            report = storage_report(self._case.evidence, plan.image_bytes)
            remarks += tuple(PlanWarning(code="storage", text=text) for text in report)
        return msgspec.structs.replace(plan, warnings=plan.warnings + remarks)

    async def acquire(
        self, asked: Asked, digest: str | None, reason: str, actor: str, arm: bool
    ) -> dict[str, Any]:
        """Approve and start. With ``digest``: exactly the plan that was shown, or nothing.

        ReadOnly while no window is open, unless ``arm`` opens it for this plan alone.
        """
        if not arm:
            self._window.require()  # before anything is asked of a cloud
        plan = await self._held(asked, digest, actor)
        with self._window.consent(arm, actor, reason) as consent:
            acq = await self._acquisitions.start(plan, actor, reason, consent)
        self._shown.pop(digest or "", None)
        return {"acquisition": acq, "state": "queued"}

    async def batch(self, wanted: Sequence[tuple[Asked, str]], reason: str, actor: str) -> dict[str, Any]:
        """Approve and start each of these plans, which are named by the digests that were shown.

        All of them are looked at before the first starts: if one does not hold, none does (Refused
        has its target).
        What starts then, started; what could not be is told beside it, each with its fault.
        """
        self._window.require()
        if not 1 <= len(wanted) <= _SHOWN_AT_MOST:
            raise Usage(f"a batch of {len(wanted)} plans is not possible", next=f"give 1 to {_SHOWN_AT_MOST}")
        twice = [digest for digest, times in Counter(digest for _, digest in wanted).items() if times > 1]
        for asked, digest in wanted:
            if digest in twice:
                raise Usage(f"{visible(asked.target)} is in the batch twice", next="name each plan once")
        plans: list[Plan] = []
        for asked, digest in wanted:
            try:
                plans.append(await self._held(asked, digest, actor))
            except Fault as fault:
                said = f"nothing was started, because of {visible(asked.target)}: {fault.message}"
                raise from_data(fault.data() | {"message": said, "targets": [asked.target]}) from None
        self._window.require()  # time has passed meanwhile
        started: list[dict[str, Any]] = []
        refused: list[dict[str, Any]] = []
        with self._window.consent(False, actor, reason) as consent:
            for number, (plan, (asked, digest)) in enumerate(zip(plans, wanted, strict=True), 1):
                try:
                    place = {"of": len(plans), "no": number}
                    acq = await self._acquisitions.start(plan, actor, reason, consent, place)
                except Fault as fault:
                    refused.append({"target": asked.target, "error": fault.data()})
                except Exception as error:  # those that were started are told of nevertheless
                    log.exception("while one of a batch was started")
                    broken = Fault(
                        f"an error inside the agent ({type(error).__name__})",
                        next="see `jumpbag acquisitions` whether it started, and the agent's log",
                    )
                    refused.append({"target": asked.target, "error": broken.data()})
                else:
                    self._shown.pop(digest, None)
                    started.append({"target": asked.target, "acquisition": acq})
        return {"started": started, "refused": refused}

    async def _held(self, asked: Asked, digest: str | None, actor: str) -> Plan:
        """The plan as it was shown. Where that is long ago, or it was started already, it is made anew first, and
        PlanChanged says that it is another one now: what was started has its disk under way or sealed since."""
        self._forget_old()
        made, shown = self._shown.get(digest or "", (0.0, None))
        if shown is not None and not _is_of(shown, asked):
            shown = None
        if shown is not None and made >= self._clock.monotonic() - _FRESH_S:
            return shown
        plan, fresh = await self.plan(asked, actor)
        if digest is None or fresh == digest:
            return plan
        if shown is not None and _bare(shown) == _bare(plan):
            return shown
        raise PlanChanged("the plan has changed since it was shown", next="read the new plan, then approve it")

    def _show(self, digest: str, plan: Plan) -> None:
        self._shown.pop(digest, None)  # the newest stand last
        self._shown[digest] = self._clock.monotonic(), plan
        self._forget_old()

    def _forget_old(self) -> None:
        oldest = self._clock.monotonic() - _KEPT_S
        for digest, (made, _) in list(self._shown.items()):
            if made >= oldest and len(self._shown) <= _SHOWN_AT_MOST:
                return
            del self._shown[digest]


def _bare(plan: Plan) -> Plan:
    """What would be done, and what the cloud says to it."""
    said = tuple(warning for warning in plan.warnings if warning.code not in _REMARKS)
    return msgspec.structs.replace(plan, warnings=said)


def _is_of(plan: Plan, asked: Asked) -> bool:
    """Whether a plan is of what is asked for; its route is what its digest says."""
    cloud, account, resource = _target(asked.target)
    return (plan.kind, plan.target.id) == (asked.kind, resource) and (
        (cloud, account) in ((None, None), (plan.target.cloud, plan.target.account))
    )


def _target(text: str) -> tuple[str | None, str | None, str]:
    """``vol-…`` or ``cloud:account:id``."""
    parts = text.split(":", 2)
    if len(parts) == 3 and parts[0] in ("aws", "azure", "gcp"):
        return parts[0], parts[1], parts[2]
    return None, None, text
