"""A plan says what the case has of its disk already, and stands in nobody's way."""

from __future__ import annotations

import msgspec
import pytest

from app.model import Plan
from tests.e2e.cloud import Cloud
from tests.e2e.runner import Case
from tests.e2e.sessions import Session, Sit, sitting
from tests.e2e.waiting import until

READING = [200, 240]
"""Milliseconds: 192 blocks, 16 at once, then take about three seconds."""
Said = list[tuple[str, str]]


@pytest.fixture
def sit(case: Case, cloud: Cloud) -> Sit:
    return sitting(case, cloud)


async def said(session: Session, kind: str, target: str) -> Said:
    """What a plan says of the disks that the case has already: code and text."""
    told = await session("plan", kind=kind, target=target, route="direct", lock_days=0)
    return [
        (warning["code"], warning["text"])
        for warning in told["plan"]["warnings"]
        if warning["code"].startswith("same-disk")
    ]


async def test_from_the_first_acquisition_of_a_disk_to_the_second(case: Case, cloud: Cloud, sit: Sit) -> None:
    volumes = case.volumes()
    hosts = {row["name"]: row["id"] for row in case.run("resources", "--kind", "instance").ok().json}
    many, host = volumes["many"], hosts["host-many"]
    async with sit() as session:
        assert await said(session, "disk", many) == []
        cloud.faults(latency_ms=READING)
        acq = case.acquire(many)
        until("it reads", lambda: case.events("evidence.read", phase="intent"))
        case.run("pause", acq).ok()
        cloud.well()
        began = case.events("acquisition.start")[0]["ts"][:19].replace("T", " ")
        text = f"{acq} already acquires {many} as E-0001 (paused, started {began} UTC): `resume` goes on with it"
        for kind, target in (("disk", many), ("instance", host)):
            assert await said(session, kind, target) == [("same-disk-under-way", text)]
        assert await said(session, "disk", volumes["small"]) == []
        assert text in case.run("plan", "disk", many).ok().json["warnings"]
        shown = case.jumpbag("plan", str(case.path), "disk", many).ok().out
        assert [line for line in shown.splitlines() if line.startswith("DANGER") and line.endswith(text)]

        warned = await session.planned(many)
        case.run("resume", acq).ok()
        case.reached(acq, "done")
        (item,) = case.run("evidence").ok().json
        when = item["sealed"].removesuffix("Z").replace("T", " ")
        sealed = [("same-disk-sealed", f"{acq} has already sealed {many} as E-0001 ({when} UTC)")]
        for kind, target in (("disk", many), ("instance", host)):
            assert await said(session, kind, target) == sealed

        await session("session.arm")
        plans = [warned, await session.planned(volumes["small"])]
        cloud.faults(latency_ms=READING)
        told = await session("acquire.batch", plans=plans, reason="a second reading")
        again, other = (one["acquisition"] for one in told["started"])
        assert told["refused"] == [], "that the first has ended since makes no other plan"
        case.run("cancel", again).ok()
        cloud.well()
        case.reached(again, "cancelled")
        assert await said(session, "disk", many) == sealed, "nothing is said of what was cancelled"
    (approved,) = case.events("plan.approve", acq=again)
    assert approved["params"]["plan_sha256"] == warned["digest"]
    signed = msgspec.json.decode(approved["params"]["plan"], type=Plan)
    assert text in [warning.text for warning in signed.warnings], "it is signed as it was shown"
    case.reached(other, "done")
    case.settled()
    case.verified()
