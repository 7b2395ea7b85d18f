"""Accounts and resources, streamed into the read model as the clouds tell them."""

from __future__ import annotations

import asyncio
import uuid
from functools import partial
from typing import TypeVar

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
        """Scan the reachable accounts (or those named); one sentence for each scan that failed."""
        accounts = self._model.rows("account", Account)
        if not accounts or any(account.reachable is None for account in accounts):
            accounts = await self.accounts(actor)
        wanted = [a for a in accounts if a.reachable and (only is None or a.id in only)]
        tasks = [asyncio.create_task(self._account(account, actor)) for account in wanted]
        return [problem for problems in await _all(tasks) for problem in problems]

    async def _account(self, account: Account, actor: str) -> list[str]:
        provider = self._providers[account.cloud]
        holding = self.holding(account.cloud, account.id, actor)
        try:
            regions = await holding.using(lambda grant: provider.inventory.regions(account.id, grant))
        except CredentialNeeded:
            raise
        except Fault as fault:
            self._scanned(account, "*", "failed", 0, fault)
            return [f"{account.id}: {fault.message}"]
        self._model.forget_scan(account.cloud, account.id, "*")
        tasks = [asyncio.create_task(self._region(account, region, holding)) for region in regions]
        return [problem for problem in await _all(tasks) if problem]

    async def _region(self, account: Account, region: str, holding: Holding) -> str | None:
        provider = self._providers[account.cloud]
        scan = uuid.uuid4().hex
        seen = 0
        async with self._slots:
            self._scanned(account, region, "running", 0, None)
            for attempt in (1, 2):
                grant = await holding.ensure()
                try:
                    async for page in provider.inventory.resources(account.id, region, grant):
                        seen += len(page)
                        self._model.resources(scan, page)
                        self._scanned(account, region, "running", seen, None)
                    break
                except CredentialExpired as fault:
                    await holding.expired(grant.lease, fault)
                    seen = 0
                    if attempt == 2:
                        raise
                except Fault as fault:
                    self._scanned(account, region, "failed", seen, fault)
                    return f"{account.id} {region}: {fault.message}"
            self._model.forget_resources(account.cloud, account.id, region, keep_scan=scan)
            self._scanned(account, region, "done", seen, None)
            return None

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

    def _scanned(self, account: Account, region: str, state: str, found: int, fault: Fault | None) -> None:
        self._model.scan(
            Scan(
                cloud=account.cloud,
                account=account.id,
                region=region,
                state=state,  # type: ignore[arg-type]
                found=found,
                error=fault.message if fault else None,
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
