"""What a plan costs at most, for each route; every number is worked out by hand.

A disk of 8 GiB has 16,384 blocks of 512 KiB, which are listed in two pages of 10,000. At the default prices:

    reading   16,384 × $0.003 / 1,000 + 2 × $0.0006 / 1,000 = $0.0491532
    keeping   8 × $0.05 = $0.40 a month for each snapshot or copy that stays
    crossing  8 × $0.02 = $0.16
    passing   8 × $0.05 / 28 = $0.0142857, a day of the shortest month
"""

from __future__ import annotations

from typing import Any

import pytest

from app.faults import Usage
from app.model import Cost
from app.ports import Scope
from providers.aws.plugin import open_provider
from tests.aws.conftest import Desk, HandClock
from tests.aws.planned import (
    FORENSICS,
    INSTANCE,
    VOLUME,
    FakeKey,
    FakeVolume,
    Planned,
    Table,
    arn,
    own_keys,
    root,
)
from tests.aws.scripted import Scripted

LISTED = "list prices of us-east-1 (2025)"
OWN = "prices of this case's configuration"
TRAFFIC, KMS = "traffic out of eu-west-1", "KMS requests"
READ, MONTH, CROSS, DAY = 49_154, 400_000, 160_000, 14_286
"""Millionths of a dollar, rounded up."""
NONE, DEFAULT, CUSTOMER = None, arn(1), arn(2)


@pytest.fixture
def plans(desk: Desk, script: Scripted) -> Table:
    aws = Planned(volumes=[FakeVolume()], keys=list(own_keys().values()))
    script.always = aws.answer
    return Table(desk.provider, aws, script)


async def cost(plans: Table, route: str, **asked: Any) -> Cost:
    found = (await plans.plan(route, **asked)).estimate.cost
    assert found is not None
    return found


@pytest.mark.parametrize(
    ("key", "route", "reading", "passing", "monthly", "uncounted"),
    [
        (NONE, "direct", READ, 0, MONTH, (TRAFFIC,)),
        (CUSTOMER, "direct", READ, 0, MONTH, (TRAFFIC, KMS)),
        (NONE, "copy", READ, 0, 2 * MONTH, (TRAFFIC, KMS)),
        (DEFAULT, "copy", READ, DAY, 2 * MONTH, (TRAFFIC, KMS)),
        (NONE, "preserve-direct", 0, 0, MONTH, ()),
        (CUSTOMER, "preserve-copy", 0, 0, 2 * MONTH, (KMS,)),
        (DEFAULT, "preserve", 0, DAY, 2 * MONTH, (KMS,)),
    ],
)
async def test_a_disk_of_eight_gibibytes(
    plans: Table,
    key: str | None,
    route: str,
    reading: int,
    passing: int,
    monthly: int,
    uncounted: tuple[str, ...],
) -> None:
    plans.aws.volumes[0].key = key
    assert await cost(plans, route) == Cost(
        reading=reading, crossing=0, passing=passing, monthly=monthly, prices=LISTED, uncounted=uncounted
    )


async def test_what_the_steps_keep_is_what_is_paid_each_month(plans: Table) -> None:
    plans.aws.volumes[0].key = DEFAULT
    for route in ("direct", "copy", "preserve", "preserve-direct"):
        made = await plans.plan(route)
        back = {step.undoes for step in made.steps if step.undoes}
        makes = [step.id for step in made.steps if step.kind == "act" and step.effect == "collect"]
        kept = [step for step in makes if step not in back]
        assert made.estimate.cost is not None
        assert made.estimate.cost.monthly == MONTH * len(kept)
        assert bool(made.estimate.cost.passing) is (len(makes) > len(kept))
        assert bool(made.estimate.cost.reading) is any(step.kind == "download" for step in made.steps)


async def test_an_instance_pays_for_each_of_its_disks(plans: Table) -> None:
    plans.aws.instance = INSTANCE
    plans.aws.volumes = [
        FakeVolume(key=DEFAULT),
        FakeVolume("vol-0123456789abcdef1", gib=16, device="/dev/xvdf"),
        FakeVolume("vol-0123456789abcdef2", gib=100, device="/dev/xvdg", tags={}),
    ]
    found = await cost(plans, "copy", kind="instance")
    # 49,152 blocks in 2 + 4 pages: $0.147456 + $0.0000036; 24 GiB twice: 48 × $0.05; the first alone is made anew
    assert (found.reading, found.passing, found.monthly) == (147_460, DAY, 2_400_000)


async def test_a_copy_that_takes_days_is_kept_for_days(plans: Table) -> None:
    plans.aws.volumes[0] = FakeVolume(key=DEFAULT, gib=16384)
    made = await plans.plan("preserve-copy")
    # 2^44 bytes: 87,960.93 s at 200 MB/s, then twice 175,921.86 s at 100 MB/s; the sixth day is begun
    assert made.estimate.seconds == 439_805
    assert made.estimate.cost is not None
    assert made.estimate.cost.passing == 175_542_858  # 16,384 × $0.05 × 6 / 28 = $175.542857…


@pytest.mark.parametrize(("route", "crossing"), [("copy", CROSS), ("preserve", CROSS), ("direct", 0)])
async def test_a_copy_to_another_region_pays_for_the_way(
    script: Scripted, table: dict[str, Any], route: str, crossing: int
) -> None:
    plans = configured(script, {**table, "evidence_region": "us-east-2"})
    plans.aws.keys.append(
        FakeKey(arn(6, FORENSICS, "us-east-2"), [root(FORENSICS)], alias="alias/jumpbag-evidence")
    )
    found = await cost(plans, route)
    assert found.crossing == crossing
    read_at = "us-east-2" if route == "copy" else "eu-west-1"
    assert (f"traffic out of {read_at}" in found.uncounted) is (route != "preserve")


async def test_a_case_has_prices_of_its_own(script: Scripted, table: dict[str, Any]) -> None:
    prices = {"store_gib_month": 0.1, "read_1000_blocks": 0, "list_1000_requests": 1}
    found = await cost(configured(script, {**table, "prices": prices}), "direct")
    # 8 × $0.10, exactly; two requests at a thousandth of a dollar
    assert (found.monthly, found.reading, found.prices) == (800_000, 2_000, OWN)


@pytest.mark.parametrize("wrong", [-0.01, float("inf"), float("nan"), 1000.5])
async def test_the_provider_takes_no_price_that_is_none(
    script: Scripted, table: dict[str, Any], wrong: float
) -> None:
    with pytest.raises(Usage, match=r"^aws\.prices\.cross_region_gib is "):
        configured(script, {**table, "prices": {"cross_region_gib": wrong}})


def configured(script: Scripted, table: dict[str, Any]) -> Table:
    async def pace(_account: str, _service: str) -> None:
        return None

    provider = open_provider(table, Scope(case="c", examiner="e", clock=HandClock(), pace=pace))
    aws = Planned(volumes=[FakeVolume(VOLUME)], keys=list(own_keys().values()))
    script.always = aws.answer
    return Table(provider, aws, script)
