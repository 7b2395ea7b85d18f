"""AWS's clock and ours: measured by its answers, and said where it refuses the time of a request."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import timedelta
from email.utils import format_datetime
from typing import Any

import pytest

from app.faults import CredentialExpired, CredentialNeeded, Denied, Fault
from app.ports import LeaseRequest, Provider, Scope
from providers.aws.plugin import open_provider
from tests.aws.conftest import ACCOUNT, HandClock, lease
from tests.aws.scripted import Scripted, assumed, ec2_error, sts_error

REQUEST = LeaseRequest("L-0001", ACCOUNT, f"arn:aws:iam::{ACCOUNT}:role/jumpbag", '{"Statement":[]}', 3600)
EXPIRED = "Signature expired: 20261123T090000Z is now earlier than 20261123T091000Z (20261123T092500Z - 15 min.)"
EARLY = "Signature not yet current: 20261123T090000Z is still later than 20261123T085500Z"


@dataclass
class Desk:
    provider: Provider
    script: Scripted
    clock: HandClock
    heard: list[int] = field(default_factory=list)

    def apart(self, seconds: float) -> None:
        self.script.date = format_datetime(self.clock.now() + timedelta(seconds=seconds), usegmt=True)

    async def issue(self) -> None:
        await self.provider.identity.issue(REQUEST)

    async def look(self) -> None:
        """A call under a lease."""
        async for _ in self.provider.inventory.resources(ACCOUNT, "eu-west-1", lease()):
            pass


@pytest.fixture
async def desk(script: Scripted, table: dict[str, Any]) -> AsyncIterator[Desk]:
    clock, heard = HandClock(), list[int]()
    scope = Scope("c-1", "ex-7", clock, lambda _account, _service: asyncio.sleep(0), heard=heard.append)
    provider = open_provider(table, scope)
    yield Desk(provider, script, clock, heard)
    await provider.close()


@pytest.mark.parametrize(("apart", "measured"), [(0, 0), (2, 0), (-2, 0), (90, 90), (-90, -90), (800, 800)])
async def test_a_lease_tells_how_far_the_clocks_are_apart(desk: Desk, apart: int, measured: int) -> None:
    desk.apart(apart)
    desk.script.answers = [assumed(ACCOUNT)]
    await desk.issue()
    assert len(desk.heard) == 1 and abs(desk.heard[0] - measured) <= 1


async def test_an_answer_without_a_time_tells_nothing(desk: Desk) -> None:
    desk.script.date = "soon"
    desk.script.answers = [assumed(ACCOUNT), sts_error("SignatureDoesNotMatch", EXPIRED)]
    await desk.issue()
    with pytest.raises(CredentialNeeded) as caught:
        await desk.issue()
    assert "AWS refuses the time of the request [" in caught.value.message
    assert caught.value.next.startswith("set the clock of this host") and desk.heard == []


@pytest.mark.parametrize(
    ("code", "message", "apart", "said"),
    [
        ("SignatureDoesNotMatch", EXPIRED, 1500, "1500 s ahead"),
        ("SignatureDoesNotMatch", EARLY, -1200, "1200 s behind"),
        ("InvalidSignatureException", EARLY, -400, "400 s behind"),
        ("RequestTimeTooSkewed", "no", 1000, "1000 s ahead"),
    ],
)
async def test_what_is_refused_for_its_time_says_how_wrong_the_clock_is(
    desk: Desk, code: str, message: str, apart: int, said: str
) -> None:
    desk.apart(apart)
    desk.script.answers = [sts_error(code, message)]
    with pytest.raises(CredentialNeeded) as caught:
        await desk.issue()
    fault: Fault = caught.value
    assert not isinstance(fault, CredentialExpired)
    assert f"AWS refuses the time of the request: its clock is {said} [" in fault.message
    assert fault.next.startswith("set the clock of this host") and fault.provider_code == code
    assert desk.heard == [apart]


@pytest.mark.parametrize(("apart", "clock"), [(0, False), (600, False), (1200, True), (-1200, True)])
async def test_what_ec2_calls_expired_is_the_clock_only_when_that_is_wrong(
    desk: Desk, apart: int, clock: bool
) -> None:
    desk.apart(apart)
    desk.script.always = ec2_error("RequestExpired", "Request has expired.")
    with pytest.raises(CredentialNeeded) as caught:
        await desk.look()
    assert isinstance(caught.value, CredentialExpired) is not clock
    assert ("AWS refuses the time" in caught.value.message) is clock
    assert desk.heard == ([apart] if clock else [])


async def test_a_wrong_secret_is_not_called_a_wrong_clock(desk: Desk) -> None:
    desk.apart(100)
    desk.script.answers = [
        sts_error("SignatureDoesNotMatch", "The request signature we calculated does not match."),
        sts_error("AccessDenied", EXPIRED),
    ]
    with pytest.raises(CredentialNeeded) as caught:
        await desk.issue()
    assert "does not accept the credentials of the base identity" in caught.value.message
    assert "the clock of this host (AWS's is 100 s ahead)" in caught.value.next
    desk.script.always = sts_error("AccessDenied", EXPIRED)
    with pytest.raises(Denied):
        await desk.issue()
