from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import pytest

from app.credentials.broker import Broker, Holding
from app.faults import CredentialNeeded, Denied, Fault, Usage
from app.model import Account, Lease, LeaseSpec
from app.ports import Caller, Grant, LeaseRequest
from tests.core.clocks import HandClock

POLICY = '{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":["ec2:A","ec2:B"],"Resource":"*"}]}'
SPEC = LeaseSpec(
    key="222222222222/observe",
    cloud="aws",
    account="222222222222",
    role="arn:aws:iam::222222222222:role/r",
    effect="observe",
    steps=("1",),
    policy=POLICY,
    policy_bytes=len(POLICY),
    seconds=900,
)


class TokenService:
    """A token service whose answers a test decides."""

    def __init__(self, clock: HandClock) -> None:
        self.clock = clock
        self.life = 900.0
        self.fault: Fault | None = None
        self.asked: list[str] = []

    async def caller(self) -> Caller:
        return Caller("arn:user", "111111111111", False)

    async def accounts(self) -> AsyncIterator[Account]:
        no_account: tuple[Account, ...] = ()
        for account in no_account:
            yield account

    def role(self, account: str) -> str:
        return f"arn:aws:iam::{account}:role/r"

    async def lifetime(self, seconds: int) -> tuple[int, str]:
        return seconds, ""

    async def issue(self, request: LeaseRequest) -> Grant:
        self.asked.append(request.lease)
        if self.fault is not None:
            raise self.fault
        now = self.clock.now()
        return Grant(
            lease=request.lease,
            account=request.account,
            principal="arn:session",
            issued=now,
            expires=now + timedelta(seconds=self.life),
            request_id="r",
            secret={"session_token": "CANARY"},
        )

    def forget(self) -> None:
        pass


class Log:
    """Custody and board, kept as lists."""

    def __init__(self) -> None:
        self.events: list[tuple[str, str, dict[str, Any]]] = []
        self.leases: dict[str, Lease] = {}
        self._next = 0

    def next_id(self, letter: str) -> str:
        self._next += 1
        return f"{letter}-{self._next:04d}"

    def fact(self, op: str, summary: str, **members: Any) -> Any:
        self.events.append((op, "fact", members))

    def intent(self, op: str, summary: str, **members: Any) -> Any:
        self.events.append((op, "intent", members))
        return op

    def result(self, intent: Any, summary: str, **members: Any) -> Any:
        self.events.append((intent, "result", members))

    def failed(self, intent: Any, summary: str, fault: Fault, **members: Any) -> Any:
        self.events.append((intent, "failed", members))

    def abandoned(self, intent: Any, summary: str, code: str, error: str, **members: Any) -> Any:
        self.events.append((intent, "abandoned", members))

    def lease(self, lease: Lease) -> None:
        self.leases[lease.id] = lease

    def ops(self) -> list[str]:
        return [f"{op}:{phase}" for op, phase, _ in self.events]


def setup() -> tuple[HandClock, TokenService, Log, Broker, Holding]:
    clock = HandClock()
    service, log = TokenService(clock), Log()
    broker = Broker({"aws": service}, log, log, clock)
    approved = {"valid_until": "2026-11-24T14:00:00Z"}
    holding = broker.holding(SPEC, scope="A-0001 observe", acq="A-0001", authority=approved, actor="agent")
    return clock, service, log, broker, holding


async def test_many_askers_share_one_call() -> None:
    _, service, log, _, holding = setup()
    grants = await asyncio.gather(*(holding.ensure() for _ in range(10)))
    assert {grant.lease for grant in grants} == {"L-0001"}
    assert service.asked == ["L-0001"]
    assert log.ops() == ["lease.issue:intent", "lease.issue:result"]


async def test_a_kept_lease_is_renewed_after_two_thirds_of_its_life() -> None:
    clock, service, log, _, holding = setup()
    async with holding.kept():
        await clock.advance(590)
        assert service.asked == ["L-0001"]
        changed = asyncio.create_task(holding.changed("L-0001"))
        await clock.advance(20)
        assert (await asyncio.wait_for(changed, 1)).lease == "L-0002"
        assert holding.remaining() > 800
    assert log.ops()[2:] == ["lease.renew:intent", "lease.renew:result"]
    assert log.events[2][2]["params"]["replaces"] == "L-0001"


async def test_a_renewal_that_fails_is_tried_again_while_the_old_lease_runs() -> None:
    clock, service, _, _, holding = setup()
    async with holding.kept():
        service.fault = CredentialNeeded("the SSO session ended")
        await clock.advance(610)
        assert holding.current().lease == "L-0001"
        service.fault = None
        await clock.advance(60)
        assert holding.current().lease not in ("L-0001", "")
        assert holding.remaining() > 800


async def test_an_early_refusal_by_the_cloud_forces_a_new_lease_once() -> None:
    _, service, log, _, holding = setup()
    await holding.ensure()
    refused = CredentialNeeded("expired early")
    await asyncio.gather(holding.expired("L-0001", refused), holding.expired("L-0001", refused))
    assert service.asked == ["L-0001", "L-0002"]
    assert log.leases["L-0001"].state == "refused"
    assert log.leases["L-0002"].state == "live"


async def test_a_role_that_refuses_makes_the_acquisition_wait_and_is_recorded() -> None:
    """Whatever was read is kept: it goes on when the trust is mended."""
    _, service, log, _, holding = setup()
    service.fault = Denied("no trust", next="mend the trust policy", provider_code="AccessDenied")
    with pytest.raises(CredentialNeeded) as refused:
        await holding.ensure()
    assert refused.value.message == "no trust" and "mend the trust policy" in refused.value.next
    assert log.ops() == ["lease.issue:intent", "lease.issue:failed"]
    with pytest.raises(CredentialNeeded):
        holding.current()


async def test_expiry_is_said_once_on_the_board_and_in_custody() -> None:
    clock, _, log, broker, holding = setup()
    await holding.ensure()
    await clock.advance(899)
    broker.tick()
    assert broker.live() == 1
    await clock.advance(2)
    broker.tick()
    broker.tick()
    assert log.ops().count("lease.expire:fact") == 1
    assert log.leases["L-0001"].state == "expired"
    assert holding.grant is None


async def test_a_revoked_lease_is_dropped_and_the_truth_told() -> None:
    _, _, log, broker, holding = setup()
    await holding.ensure()
    broker.revoke("L-0001", "ex-07", "done with it")
    assert holding.grant is None
    assert log.ops()[-2:] == ["lease.revoke:intent", "lease.revoke:result"]
    assert "honours it until" in log.leases["L-0001"].note
    with pytest.raises(Usage):
        broker.revoke("L-0001", "ex-07", "again")


async def test_no_secret_leaves_the_holding() -> None:
    _, _, log, _, holding = setup()
    grant = await holding.ensure()
    assert "CANARY" not in repr(grant) + repr(log.events) + repr(log.leases)
    with pytest.raises(TypeError):
        __import__("pickle").dumps(grant)


async def test_what_a_lease_allowed_is_held_against_what_was_sent_under_it() -> None:
    _, _, _, broker, holding = setup()
    lease = (await holding.ensure()).lease
    broker.count(lease, "ec2:A")
    holding.count(lease, "ec2:A", 2)
    assert broker.usage(lease) == {
        "lease": lease,
        "granted": ["ec2:A", "ec2:B"],
        "used": {"ec2:A": 3},
        "not_seen": ["ec2:B"],
    }
    assert broker.usage("L-0099") == {"lease": "L-0099", "used": {}}  # of an agent that has ended
