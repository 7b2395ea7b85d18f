"""Whole plans, walked under exactly the session policies that they ask for: what is read, and what stays."""

from __future__ import annotations

import tomllib
from collections.abc import AsyncIterator, Iterator

import pytest

from app.ports import Scope
from providers.aws.plugin import open_provider
from providers.emulators.range import Range, RangeThread
from tests.aws.acting import ELSEWHERE, USER_DATA, write_ground
from tests.aws.range_field import CASE, FORENSICS, PAYMENTS, Field, QuickClock, Walk


@pytest.fixture(scope="module")
def embedded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Range]:
    folder = tmp_path_factory.mktemp("routes")
    with RangeThread(write_ground(folder / "pack"), folder / "range") as running:
        yield running


@pytest.fixture(params=[None], ids=[""])
async def field(embedded: Range, request: pytest.FixtureRequest) -> AsyncIterator[Field]:
    table = tomllib.loads(embedded.config_path.read_text("utf-8"))["aws"]
    if request.param is not None:
        table["evidence_region"] = request.param

    async def pace(_account: str, _service: str) -> None:
        return None

    provider = open_provider(table, Scope(case=CASE, examiner="ex-07", clock=QuickClock(), pace=pace))
    yield Field(provider, embedded)
    await provider.close()


async def walked(field: Field, target: str, route: str, acquisition: str, lock_days: int = 0) -> Walk:
    one = await (field.volume(target) if ":" in target else field.instance(target))
    plan = await field.plan(one, route, lock_days)
    walk = Walk(field, plan, acquisition, await field.leases(plan))
    await walk.run()
    return walk


async def kept(field: Field, acquisition: str, account: str, region: str = "eu-west-1") -> int:
    """How many snapshots of the acquisition there are; none of them is one that existed for transport."""
    there = [
        one.tags
        for one in await field.inventory(account, region)
        if one.kind == "snapshot" and one.tags.get("jumpbag:acquisition") == acquisition
    ]
    assert not [tags for tags in there if "jumpbag:transport" in tags]
    return len(there)


QUICK = {("customer", "copy", 3), ("default", "preserve", 1), ("plain", "direct", 0)}
EVERY = [
    (key, route, lock_days)
    for route, lock_days in [("direct", 0), ("copy", 0), ("copy", 3), ("preserve", 1), ("preserve-direct", 0)]
    for key in ("plain", "customer", "default")
]


@pytest.mark.parametrize(
    ("key", "route", "lock_days"),
    [pytest.param(*one, marks=[] if one in QUICK else pytest.mark.slow) for one in EVERY],
)
async def test_a_disk_by_its_route_leaves_what_the_plan_keeps(
    field: Field, key: str, route: str, lock_days: int
) -> None:
    acquisition = f"A-{key}-{route}-{lock_days}"
    walk = await walked(field, f"{key}:/dev/xvda", route, acquisition, lock_days)
    assert list(walk.blocks.values()) == ([] if "preserve" in route else [2])
    assert await kept(field, acquisition, PAYMENTS) == 1
    assert await kept(field, acquisition, FORENSICS) == int(route in ("copy", "preserve"))


@pytest.mark.parametrize("field", [ELSEWHERE], indirect=True, ids=["elsewhere"])
@pytest.mark.parametrize("key", ["customer", "default"])
async def test_a_copy_may_go_to_another_region(field: Field, key: str) -> None:
    acquisition = f"A-{key}-far"
    walk = await walked(field, f"{key}:/dev/xvda", "copy", acquisition)
    assert list(walk.blocks.values()) == [2]
    assert await kept(field, acquisition, FORENSICS, ELSEWHERE) == 1
    assert await kept(field, acquisition, FORENSICS) == 0


@pytest.mark.parametrize("route", ["direct", "copy"])
async def test_an_instance_with_its_configuration(field: Field, route: str) -> None:
    acquisition = f"A-triple-{route}"
    walk = await walked(field, "triple", route, acquisition)
    parts = {part.name: part for part in walk.parts if not part.gap}
    assert {"ec2/console-screenshot.jpg", "iam/get-role.json", "iam/inline-policy-1.json"} <= set(parts)
    assert "iam/policy-1.json" in parts
    assert parts["ec2/user-data.bin"].content == USER_DATA.encode()
    assert list(walk.blocks.values()) == [2, 2, 2]
    assert await kept(field, acquisition, PAYMENTS) == 3
    assert await kept(field, acquisition, FORENSICS) == (3 if route == "copy" else 0)
