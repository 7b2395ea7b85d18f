"""The broker: credentials in the agent's memory, issued under custody, renewed in time, counted down."""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any, Protocol, TypeVar

import msgspec

from app.clock import Clock, parse_stamp, stamp
from app.credentials.policy import actions_of
from app.custody import Entry
from app.faults import ApprovalEnded, CredentialExpired, CredentialNeeded, Denied, Fault, Usage
from app.model import Lease, LeaseSpec
from app.ports import Grant, Identity, LeaseRequest
from app.text import visible

T = TypeVar("T")
_RENEW_AT = 2 / 3
"""Share of a lease's life after which it is renewed: a failed try still has a third of it left."""
_MARGIN_S = 30.0
_YOUNG_S, _REFUSALS = 10.0, 5
_TRIES = 6
"""Tries of a throttled or unreachable token service; the waits between them add up to half a minute."""


class LeaseRecord(Protocol):
    """The part of the record that the broker writes (app.acquisition.record.Record)."""

    def next_id(self, letter: Any) -> str: ...
    def fact(self, op: str, summary: str, *, actor: str = ..., **members: Any) -> Entry: ...
    def intent(self, op: str, summary: str, *, actor: str = ..., **members: Any) -> Entry: ...
    def result(self, intent: Entry, summary: str, **members: Any) -> Entry: ...
    def failed(self, intent: Entry, summary: str, fault: Fault, **members: Any) -> Entry: ...
    def abandoned(self, intent: Entry, summary: str, code: str, error: str, **members: Any) -> Entry: ...


class LeaseBoard(Protocol):
    """Where leases are shown (app.case.readmodel.ReadModel)."""

    def lease(self, lease: Lease) -> None: ...


class Holding:
    """One lease as one user of it sees it: always the newest credential for that purpose.

    It is the transfer's LeaseFeed: :meth:`current`, :meth:`changed`, :meth:`expired`.
    """

    def __init__(
        self, broker: Broker, spec: LeaseSpec, scope: str, acq: str | None, authority: dict[str, str], actor: str
    ) -> None:
        self.spec = spec
        self.scope = scope
        self.acq = acq
        self.authority = authority
        self.actor = actor
        self.grant: Grant | None = None
        self._broker = broker
        self._turn = asyncio.Lock()
        self._news = asyncio.Event()
        self._refused = 0  # leases in a row that were refused when they were hardly issued

    def remaining(self) -> float:
        """Seconds until the credential expires; 0 without one."""
        if self.grant is None:
            return 0.0
        return (self.grant.expires - self._broker.clock.now()).total_seconds()

    def _due(self) -> bool:
        if self.grant is None:
            return True
        life = (self.grant.expires - self.grant.issued).total_seconds()
        return self.remaining() < min(_MARGIN_S, life * (1 - _RENEW_AT))

    async def ensure(self) -> Grant:
        """A credential with life left in it, issued or renewed if need be.

        CredentialNeeded when the base credentials cannot get one; Denied when the role refuses.
        """
        async with self._turn:
            if self._due():
                await self._renew()
            assert self.grant is not None
            return self.grant

    def current(self) -> Grant:
        """The newest credential; CredentialNeeded if there is none."""
        if self.grant is None:
            raise CredentialNeeded(f"no lease is held for {self.scope}", next="resume the acquisition")
        return self.grant

    async def changed(self, known: str) -> Grant:
        """Waits until another lease than ``known`` is in force."""
        while self.grant is None or self.grant.lease == known:
            self._news.clear()
            await self._news.wait()
        return self.grant

    async def expired(self, lease: str, fault: Fault) -> None:
        """The cloud refused that lease, whatever its expiry says. Returns with a new one in force."""
        async with self._turn:
            if self.grant is None or self.grant.lease != lease:
                return
            young = (self._broker.clock.now() - self.grant.issued).total_seconds() < _YOUNG_S
            self._refused = self._refused + 1 if young else 0
            self._broker.show(self, self.grant, "refused", fault.message)
            self.grant = None
            if self._refused >= _REFUSALS:
                self._refused = 0
                raise CredentialNeeded(
                    f"the cloud refuses every new lease for {self.scope} at once",
                    next="see whether the role's sessions were revoked, or the clocks differ; then resume",
                )
            await self._renew(replaces=lease)

    def count(self, lease: str, action: str, times: int = 1) -> None:
        """So many calls were sent under that lease (see :meth:`Broker.count`)."""
        self._broker.count(lease, action, times)

    async def using(self, call: Callable[[Grant], Awaitable[T]]) -> T:
        """A reading call under this lease; once more under a new one when the cloud says that it is over."""
        grant = await self.ensure()
        try:
            return await call(grant)
        except CredentialExpired as fault:
            await self.expired(grant.lease, fault)
            return await call(await self.ensure())

    @asynccontextmanager
    async def kept(self) -> AsyncIterator[Holding]:
        """While inside, the lease is renewed before it ends."""
        await self.ensure()
        keeper = asyncio.create_task(self._keep())
        try:
            yield self
        finally:
            keeper.cancel()
            await asyncio.wait({keeper})

    async def _keep(self) -> None:
        pause = 5.0
        while True:
            grant = self.grant
            if grant is not None:
                life = (grant.expires - grant.issued).total_seconds()
                wait = (
                    grant.issued + timedelta(seconds=life * _RENEW_AT) - self._broker.clock.now()
                ).total_seconds()
                if wait > 0:
                    await self._broker.clock.sleep(min(wait, 60.0))
                    continue
            try:
                async with self._turn:
                    if self.grant is grant:
                        await self._renew(replaces=grant.lease if grant else None)
                pause = 5.0
            except Fault:
                # The old lease still runs; if it ends first, the cloud's answer moves the job to waiting.
                await self._broker.clock.sleep(pause)
                pause = min(pause * 2, 60.0)

    async def _renew(self, replaces: str | None = None) -> None:
        old = self.grant.lease if self.grant else replaces
        for tries in range(1, _TRIES + 1):
            try:
                self.grant = await self._broker.issue(self, old)
                break
            except Denied as fault:
                if self.acq is None:
                    raise
                # Whatever was read so far stays good: the job waits until somebody has mended the role's trust.
                raise CredentialNeeded(
                    fault.message,
                    next=f"{fault.next} It is asked again by itself, or resume the acquisition".strip(),
                    request_id=fault.request_id,
                    provider_code=fault.provider_code,
                ) from None
            except Fault as fault:  # each try is an act of its own in the record
                if not fault.retryable or tries == _TRIES:
                    raise
                await self._broker.clock.sleep(2.0**tries * (0.25 + random.random() / 4))  # noqa: S311 - jitter
        self._news.set()


class Broker:
    """Issues leases. One per case, inside the agent's loop."""

    def __init__(
        self, identities: dict[str, Identity], record: LeaseRecord, board: LeaseBoard, clock: Clock
    ) -> None:
        self.clock = clock
        self._identities = identities
        self._record = record
        self._board = board
        self._holdings: dict[tuple[str | None, str], Holding] = {}
        self._shown: dict[str, Lease] = {}
        self._secrets: dict[str, Holding] = {}
        self._issued: dict[str, Holding] = {}
        self._used: dict[str, Counter[str]] = {}

    def count(self, lease: str, action: str, times: int = 1) -> None:
        """Calls that were sent under a lease, by the cloud's name of the action ("ec2:CreateSnapshot")."""
        self._used.setdefault(lease, Counter())[action] += times

    def usage(self, lease: str) -> dict[str, Any]:
        """What a lease allowed and what was sent under it.

        ``not_seen`` are allowed actions that no call of ours was for. That is not idle: a cloud asks some rights
        beside the call itself (EC2: CreateTags while a snapshot is made, KMS while it is copied or read).
        """
        used = self._used.get(lease, Counter())
        told: dict[str, Any] = {"lease": lease, "used": dict(sorted(used.items()))}
        holding = self._issued.get(lease)
        if holding is not None:
            granted = actions_of(holding.spec.policy)
            told |= {"granted": granted, "not_seen": [action for action in granted if action not in used]}
        return told

    def holding(
        self, spec: LeaseSpec, *, scope: str, acq: str | None, authority: dict[str, str], actor: str
    ) -> Holding:
        """The holding for that purpose; made at first use, no call leaves yet."""
        key = (acq, spec.key)
        held = self._holdings.get(key)
        if held is None or held.spec != spec:
            held = self._holdings[key] = Holding(self, spec, scope, acq, authority, actor)
        held.authority, held.actor = authority, actor
        return held

    async def issue(self, holding: Holding, replaces: str | None) -> Grant:
        """One call of the cloud's token service, recorded before and after."""
        spec = holding.spec
        if holding.acq and parse_stamp(holding.authority["valid_until"]) <= self.clock.now():
            raise ApprovalEnded(
                f"the approval of {holding.acq} ended {holding.authority['valid_until']}",
                next="resume it to approve the same plan again",
            )
        lease = self._record.next_id("L")
        members: dict[str, Any] = {
            "cloud": spec.cloud,
            "account": spec.account,
            "resource": spec.role,
            "lease": lease,
            "acq": holding.acq,
        }
        params: dict[str, Any] = {"scope": holding.scope, "seconds": spec.seconds, "policy": spec.policy}
        op = "lease.issue"
        if replaces is not None:
            op, params["replaces"] = "lease.renew", replaces
        intent = self._record.intent(
            op,
            f"Ask for lease {lease} to {holding.scope}, as {spec.role}.",
            actor=holding.actor,
            authority=holding.authority,
            params=params,
            **members,
        )
        try:
            grant = await self._identities[spec.cloud].issue(
                LeaseRequest(lease, spec.account, spec.role, spec.policy, spec.seconds)
            )
        except Fault as fault:
            self._record.failed(intent, f"Lease {lease} was not issued: {fault.message}", fault, **members)
            raise
        except asyncio.CancelledError:
            why = "stopped before the answer came: it may have been issued, and is not held"
            self._record.abandoned(
                intent, f"The call for lease {lease} was interrupted.", "interrupted", why, **members
            )
            raise
        except Exception as error:
            broken = CredentialNeeded(f"the token service could not be asked ({type(error).__name__})")
            self._record.failed(intent, f"Lease {lease} was not issued.", broken, **members)
            raise broken from error
        told: dict[str, Any] = {"issued": stamp(grant.issued), "expires": stamp(grant.expires)}
        if grant.note:
            told["note"] = grant.note
        if replaces is not None:
            told["replaces"] = replaces
        told["scope"] = holding.scope
        self._record.result(
            intent,
            f"Lease {lease} runs until {stamp(grant.expires)}, as {spec.role}.",
            principal=grant.principal,
            request_id=grant.request_id,
            params=told,
            **members,
        )
        self._secrets[lease] = holding
        self._issued[lease] = holding
        if replaces in self._shown and self._shown[replaces].state == "live":
            self._update(self._shown[replaces], "dropped", f"replaced by {lease}")
        self.show(holding, grant, "live", grant.note)
        return grant

    def show(self, holding: Holding, grant: Grant, state: Any, note: str = "") -> None:
        """Put the lease on the board."""
        self._update(
            Lease(
                id=grant.lease,
                cloud=holding.spec.cloud,
                account=grant.account,
                principal=grant.principal,
                scope=holding.scope,
                issued=stamp(grant.issued),
                expires=stamp(grant.expires),
                state=state,
            ),
            state,
            note,
        )

    def _update(self, lease: Lease, state: Any, note: str) -> None:
        lease = msgspec.structs.replace(lease, state=state, note=note)
        self._shown[lease.id] = lease
        self._board.lease(lease)

    def repaint(self) -> None:
        """Write every lease anew, after the board fell behind."""
        for lease in self._shown.values():
            self._board.lease(lease)

    def live(self) -> int:
        """How many leases are running."""
        return sum(1 for lease in self._shown.values() if lease.state == "live")

    def tick(self) -> None:
        """Once a second: leases whose time is over are said to be so, on the board and in custody."""
        now = stamp(self.clock.now())
        for lease in [lease for lease in self._shown.values() if lease.state == "live" and lease.expires <= now]:
            self._update(lease, "expired", lease.note)
            holding = self._secrets.pop(lease.id, None)
            if holding is not None and holding.grant is not None and holding.grant.lease == lease.id:
                holding.grant = None
            self._record.fact(
                "lease.expire",
                f"Lease {lease.id} on account {lease.account} has expired.",
                lease=lease.id,
                cloud=lease.cloud,
                account=lease.account,
                principal=lease.principal,
                params=self.usage(lease.id),
            )

    def acquisition_of(self, lease_id: str) -> str | None:
        """The acquisition that holds that lease now, if any does."""
        holding = self._secrets.get(lease_id)
        held = holding is not None and holding.grant is not None and holding.grant.lease == lease_id
        return holding.acq if holding is not None and held else None

    def revoke(self, lease_id: str, actor: str, why: str) -> None:
        """Drop a lease from memory. AWS itself honours an issued session until it expires; the record says so.

        Usage if no such lease is live.
        """
        lease = self._shown.get(lease_id)
        if lease is None or lease.state != "live":
            raise Usage(f"{visible(lease_id)} is not a live lease", next="`jumpbag leases` lists them")
        members = {"cloud": lease.cloud, "account": lease.account, "lease": lease.id, "principal": lease.principal}
        intent = self._record.intent(
            "lease.revoke",
            f"Drop lease {lease.id} from memory: {why}.",
            actor=actor,
            authority=None,
            **members,
        )
        holding = self._secrets.pop(lease_id, None)
        if holding is not None and holding.grant is not None and holding.grant.lease == lease_id:
            holding.grant = None
        self._record.result(
            intent,
            f"Lease {lease.id} is no longer held; the cloud honours it until {lease.expires}.",
            **members,
        )
        self._update(lease, "revoked", f"dropped; the cloud honours it until {lease.expires}")

    def release(self, acq: str) -> None:
        """Drop the leases of an acquisition that has ended: nothing is held longer than it is needed."""
        for _, key in [pair for pair in self._holdings if pair[0] == acq]:
            self.drop(acq, key, f"{acq} has ended")

    def drop(self, acq: str, key: str, why: str) -> None:
        """Drop one lease of an acquisition: no step that is still to come runs under it."""
        holding = self._holdings.pop((acq, key), None)
        grant = holding.grant if holding is not None else None
        if grant is not None and self._shown[grant.lease].state == "live":
            self._secrets.pop(grant.lease, None)
            self._update(self._shown[grant.lease], "dropped", why)

    def forget(self) -> None:
        """Drop every credential, base credentials too; the next use asks anew."""
        for holding in self._holdings.values():
            holding.grant = None
        for lease in [lease for lease in self._shown.values() if lease.state == "live"]:
            self._update(lease, "dropped", "nobody asked for anything for a while")
        self._secrets.clear()
        for identity in self._identities.values():
            identity.forget()
