"""What the tests of the AWS provider share."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from app.model import Account
from app.ports import Grant, Provider, Scope, StepContext
from providers.aws.plugin import open_provider
from tests.aws.scripted import Scripted, serve

ACCOUNT = "222222222222"
BASE_SECRET = "BaseSecretBaseSecretBaseSecretBaseSecret"
LEASE_SECRET = "LeaseSecretLeaseSecretLeaseSecretLeaseSe"
LEASE_TOKEN = "LeaseToken" * 30


@dataclass
class HandClock:
    """A clock whose sleeps pass at once and are remembered."""

    slept: list[float] = field(default_factory=list)
    moment: datetime = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)

    def now(self) -> datetime:
        return self.moment + timedelta(seconds=sum(self.slept))

    def monotonic(self) -> float:
        return sum(self.slept)

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        await asyncio.sleep(0)


@dataclass
class Desk:
    """A provider on scripted endpoints, and what it did."""

    provider: Provider
    script: Scripted
    clock: HandClock
    paced: list[tuple[str, str]]
    used: list[tuple[str, str]]


def lease(account: str = ACCOUNT, key: str = "ASIALEASE00000000001") -> Grant:
    """A lease as the broker would hold it."""
    now = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)
    return Grant(
        lease="L-0001",
        account=account,
        principal=f"arn:aws:sts::{account}:assumed-role/jumpbag/jumpbag-c-L-0001",
        issued=now,
        expires=now + timedelta(hours=1),
        request_id="req-1",
        secret={"access_key": key, "secret_key": LEASE_SECRET, "session_token": LEASE_TOKEN},
    )


BEGUN = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)
"""When the scripted snapshots were begun, and the intents in doubt were written."""
HEADS = dict.fromkeys(("ab" * 32, "one", "two"), BEGUN)
"""The intents in doubt of a step, as tests of its acts suppose."""


def context(
    outputs: dict[str, dict[str, Any]] | None = None, *, head: str = "", heads: Mapping[str, datetime] = HEADS
) -> StepContext:
    return StepContext(case="c-1", acquisition="A-0001", head=head, outputs=outputs or {}, heads=heads)


def account(found: str = ACCOUNT) -> Account:
    return Account(cloud="aws", id=found, name="payments-prod")


@pytest.fixture
def credentials_file(tmp_path: Path) -> Path:
    path = tmp_path / "credentials"
    path.write_text(
        f"[responder]\naws_access_key_id = AKIABASE000000000001\naws_secret_access_key = {BASE_SECRET}\n", "utf-8"
    )
    path.chmod(0o600)
    return path


@pytest.fixture
async def script() -> AsyncIterator[Scripted]:
    scripted = Scripted()
    runner = await serve(scripted)
    yield scripted
    await runner.cleanup()


@pytest.fixture
def table(script: Scripted, credentials_file: Path) -> dict[str, Any]:
    """The ``[aws]`` table of a case on scripted endpoints."""
    return {
        "forensics_account": "111111111111",
        "role": "jumpbag",
        "external_id": "case-1",
        "profile": "responder",
        "credentials_file": str(credentials_file),
        "home_region": "eu-west-1",
        "regions": ["eu-west-1"],
        "endpoints": dict.fromkeys(("sts", "ec2", "ebs", "organizations", "kms", "iam"), script.url),
    }


@pytest.fixture
async def desk(script: Scripted, table: dict[str, Any]) -> AsyncIterator[Desk]:
    clock = HandClock()
    paced: list[tuple[str, str]] = []
    used: list[tuple[str, str]] = []

    async def pace(account: str, service: str) -> None:
        paced.append((account, service))

    def count(lease: str, action: str) -> None:
        used.append((lease, action))

    provider = open_provider(table, Scope(case="c-1", examiner="ex-7", clock=clock, pace=pace, used=count))
    yield Desk(provider, script, clock, paced, used)
    await provider.close()
