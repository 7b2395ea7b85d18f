"""Accounts and resources, streamed into the read model as the clouds tell them."""

from __future__ import annotations

import asyncio
import uuid
from dataclasses import dataclass
from functools import partial
from typing import Literal, TypeVar

import msgspec

from app.acquisition.record import Record
from app.case.readmodel import ReadModel
from app.clock import Clock, stamp
from app.credentials.broker import Broker, Holding
from app.credentials.policy import session_policy
from app.faults import CredentialExpired, CredentialNeeded, Fault
from app.model import Account, LeaseSpec, Resource
from app.model.view import Scan
from app.ports import Provider, Readiness

T = TypeVar("T")
_SIDE_BY_SIDE = 8
_LEASE_S = 3600
UNLISTED = "*"
"""The region of a scan that failed because the regions themselves could not be listed."""


@dataclass(slots=True, eq=False)
class _Reading:
    """One region (``*``: the list of regions) that a scan is to read, or reads; ``seen`` of it so far."""

    account: Account
    region: str
    seen: int = 0


class Browse:
    """Inventory of a case. Accounts and regions are read side by side, each under its own observe lease."""

    def __init__(
        self, providers: dict[str, Provider], broker: Broker, record: Record, model: ReadModel, clock: Clock
    ) -> None:
        self._providers = providers
        self._broker = broker
        self._record = record
        self._model = model
        self._clock = clock
        self._slots = asyncio.Semaphore(_SIDE_BY_SIDE)
        self._turn = asyncio.Lock()

    def holding(self, cloud: str, account: str, actor: str) -> Holding:
        """The observe lease for browsing one account."""
        provider = self._providers[cloud]
        policy = session_policy(provider.inventory.permissions())
        spec = LeaseSpec(
            key=f"{account}/browse",
            cloud=provider.cloud,
            account=account,
            role=provider.identity.role(account),
            effect="observe",
            steps=(),
            policy=policy,
            policy_bytes=len(policy),
            seconds=_LEASE_S,
        )
        return self._broker.holding(
            spec, scope="browse", acq=None, authority=self._record.authority(None, actor), actor=actor
        )

    async def accounts(self, actor: str) -> list[Account]:
        """Which accounts there are and whether the role may be assumed in each.

        CredentialNeeded when the base credentials do not work at all.
        """
        async with self._turn:
            found: list[Account] = []
            for cloud, provider in self._providers.items():
                known = {a.id: a for a in self._model.rows("account", Account) if a.cloud == cloud}
                checks: list[asyncio.Task[Account]] = []
                async for account in provider.identity.accounts():
                    before = known.get(account.id)
                    if before is not None:
                        account = msgspec.structs.replace(
                            account, reachable=before.reachable, reason=before.reason
                        )
                    self._model.accounts([account])
                    checks.append(asyncio.create_task(self._check(account, actor)))
                found += await _all(checks)
                self._model.forget_accounts(cloud, {account.id for account in found if account.cloud == cloud})
            return found

    async def _check(self, account: Account, actor: str) -> Account:
        async with self._slots:
            reason = None
            try:
                await self.holding(account.cloud, account.id, actor).ensure()
            except CredentialNeeded:
                raise
            except Fault as fault:
                said = fault.provider_code or fault.code
                reason = f"the role cannot be assumed ({said}). {fault.message}. {fault.next}".strip()
            account = msgspec.structs.replace(account, reachable=reason is None, reason=reason)
            self._model.accounts([account])
            return account

    async def resources(self, only: set[str] | None, actor: str) -> list[str]:
        """Scan the reachable accounts (or those named); one sentence for each scan that failed.

        CredentialNeeded ends it all: what was not read by then is shown as failed for that reason.
        """
        accounts = self._model.rows("account", Account)
        if not accounts or any(account.reachable is None for account in accounts):
            accounts = await self.accounts(actor)
        wanted = [a for a in accounts if a.reachable and (only is None or a.id in only)]
        left: list[_Reading] = []
        tasks = [asyncio.create_task(self._account(account, actor, left)) for account in wanted]
        try:
            return [problem for problems in await _all(tasks) for problem in problems]
        except Exception as error:
            inside = Fault(f"an error inside the agent ({type(error).__name__})")
            for reading in left:
                self._scanned(reading, "failed", error if isinstance(error, Fault) else inside)
            raise

    async def _account(self, account: Account, actor: str, left: list[_Reading]) -> list[str]:
        """``left`` is what this scan has not read yet, of all accounts."""
        provider = self._providers[account.cloud]
        holding = self.holding(account.cloud, account.id, actor)
        listing = _Reading(account, UNLISTED)
        left.append(listing)
        try:
            regions = await holding.using(lambda grant: provider.inventory.regions(account.id, grant))
        except CredentialNeeded:
            raise
        except Fault as fault:
            left.remove(listing)
            self._scanned(listing, "failed", fault)
            return [f"{account.id}: {fault.message}"]
        left.remove(listing)
        self._model.forget_scan(account.cloud, account.id, UNLISTED)
        readings = [_Reading(account, region) for region in regions]
        left += readings
        tasks = [asyncio.create_task(self._region(reading, holding, left)) for reading in readings]
        return [problem for problem in await _all(tasks) if problem]

    async def _region(self, reading: _Reading, holding: Holding, left: list[_Reading]) -> str | None:
        async with self._slots:
            self._scanned(reading, "running", None)
            try:
                await self._read(reading, holding)
            except CredentialNeeded:
                raise
            except Fault as fault:
                left.remove(reading)
                self._scanned(reading, "failed", fault)
                return f"{reading.account.id} {reading.region}: {fault.message}"
            left.remove(reading)
            self._scanned(reading, "done", None)
            return None

    async def _read(self, reading: _Reading, holding: Holding) -> None:
        """All resources of a region; from the first page on once more where the lease ends on the way."""
        account, region, scan = reading.account, reading.region, uuid.uuid4().hex
        inventory = self._providers[account.cloud].inventory
        for attempt in (1, 2):
            grant = await holding.ensure()
            try:
                async for page in inventory.resources(account.id, region, grant):
                    reading.seen += len(page)
                    self._model.resources(scan, page)
                    self._scanned(reading, "running", None)
                break
            except CredentialExpired as fault:
                await holding.expired(grant.lease, fault)
                if attempt == 2:
                    raise
                reading.seen = 0
        self._model.forget_resources(account.cloud, account.id, region, keep_scan=scan)

    async def readiness(self, actor: str) -> list[Readiness]:
        """What each reachable account has, or lacks, for acquisitions: account by account, region by region."""
        accounts = [a for a in await self.accounts(actor) if a.reachable]
        tasks = [asyncio.create_task(self._ready(account, actor)) for account in accounts]
        return list(dict.fromkeys(one for found in await _all(tasks) for one in found))

    async def _ready(self, account: Account, actor: str) -> list[Readiness]:
        inventory = self._providers[account.cloud].inventory
        holding = self.holding(account.cloud, account.id, actor)
        async with self._slots:
            try:
                found: list[Readiness] = []
                for region in await holding.using(lambda grant: inventory.regions(account.id, grant)):
                    found += await holding.using(partial(inventory.readiness, account.id, region))
                return found
            except CredentialNeeded:
                raise
            except Fault as fault:
                return [Readiness("regions", False, f"{account.id}: {fault.message}", fault.next)]

    def _scanned(
        self, reading: _Reading, state: Literal["running", "done", "failed"], fault: Fault | None
    ) -> None:
        error = fault.message if fault is not None else None
        if isinstance(fault, CredentialNeeded) and fault.next:  # nobody but the one who signs in can mend that
            error = f"{fault.message}. {fault.next}"
        self._model.scan(
            Scan(
                cloud=reading.account.cloud,
                account=reading.account.id,
                region=reading.region,
                state=state,
                found=reading.seen,
                error=error,
                at=stamp(self._clock.now()),
            )
        )

    async def find(self, kind: str, resource: str, account: str | None, actor: str) -> Resource | None:
        """A resource by id: from the read model, else after one fresh look."""
        found = self._model.find(kind, resource, account)
        if found is None:
            await self.resources({account} if account else None, actor)
            found = self._model.find(kind, resource, account)
        return found

    def account(self, cloud: str, account: str) -> Account | None:
        """What is known of an account."""
        rows = self._model.rows("account", Account)
        return next((a for a in rows if a.cloud == cloud and a.id == account), None)


async def _all(tasks: list[asyncio.Task[T]]) -> list[T]:
    """Results in order; when one raises, the others are stopped first."""
    try:
        return [await task for task in tasks]
    except BaseException:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        raise
