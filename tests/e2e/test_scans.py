"""Scans that fail: what an earlier one saw stays listed, and from when it is outlives the agent."""

from __future__ import annotations

import pytest

from app.client.feed import Feed
from app.client.inventory import Inventory
from app.model.view import Scan
from tests.e2e.cloud import Cloud
from tests.e2e.conftest import NewCase
from tests.e2e.runner import Case
from tests.e2e.ui import seated


def scans(case: Case) -> dict[tuple[str, str], Scan]:
    """Every scan of the case by account and region."""
    feed = Feed(case.path / "case.sqlite")
    feed.poll()
    found = {(one.account, one.region): one for one in feed.snapshot.scans}
    feed.close()
    return found


def listed_now(case: Case) -> set[str]:
    """What the case's inventory has, without asking the cloud."""
    feed = Feed(case.path / "case.sqlite")
    found = {one.id for one in Inventory(feed).every()}
    feed.close()
    return found


def listed(case: Case) -> set[str]:
    return {row["id"] for row in case.run("resources").ok().json}


def test_when_the_last_good_scan_was_is_kept_while_scans_fail(case: Case, cloud: Cloud) -> None:
    there = listed(case)
    first = scans(case)
    assert first and all(one.state == "done" and one.good == one.at for one in first.values())

    cloud.faults(deny=["ec2:DescribeVolumes"])
    assert listed(case) == there
    failed = scans(case)
    assert failed.keys() == first.keys()
    for key, one in failed.items():
        assert one.state == "failed" and one.error and one.good == first[key].at <= one.at

    case.run("agent stop").ok()
    case.run("acquisitions").ok()  # another agent
    assert scans(case) == failed

    cloud.well()
    assert listed(case) == there
    for key, one in scans(case).items():
        assert one.state == "done" and one.error is None and one.good == one.at >= first[key].at


async def test_a_scan_whose_leases_are_refused_ends_with_what_to_do(
    case: Case, cloud: Cloud, monkeypatch: pytest.MonkeyPatch
) -> None:
    there, first = listed(case), scans(case)
    async with seated(case, monkeypatch) as seat:
        cloud.faults(expire_leases_after_s=0)
        await seat.pilot.press("2", "R")
        await seat.sees("last scan failed", "as of")
        failed = scans(case)
        assert failed.keys() == first.keys()
        for key, one in failed.items():
            assert one.state == "failed" and one.good == first[key].at
            assert "the credentials have expired" in (one.error or "") and "check the clock" in (one.error or "")
        assert "scanning" not in seat.text and listed_now(case) == there
        cloud.well()
        await seat.pilot.press("R")
        await seat.until("every scan is done", lambda: all(one.state == "done" for one in scans(case).values()))
        await seat.until("nothing says that it failed", lambda: "last scan failed" not in seat.text)


async def test_a_scan_without_base_credentials_ends_with_what_to_do(
    case: Case, cloud: Cloud, monkeypatch: pytest.MonkeyPatch
) -> None:
    there = listed(case)
    case.run("agent stop").ok()  # the next one has them to read anew
    away = cloud.credentials.with_name("credentials.away")
    cloud.credentials.rename(away)
    try:
        async with seated(case, monkeypatch) as seat:
            await seat.pilot.press("2", "R")
            await seat.sees("last scan failed", "as of")
            said = [one.error or "" for (_, region), one in scans(case).items() if region == "*"]
            assert said and all("credentials" in one and "sign in again" in one for one in said)
            assert "scanning" not in seat.text and listed_now(case) == there
    finally:
        away.rename(cloud.credentials)
    assert listed(case) == there
    assert all(region != "*" and one.state == "done" for (_, region), one in scans(case).items())


@pytest.mark.slow
def test_a_list_of_regions_that_can_be_read_again_leaves_no_word_of_its_failure(
    new_case: NewCase, cloud: Cloud
) -> None:
    case = new_case(Cloud(cloud.configured("everywhere", aws=cloud.aws | {"regions": []})))
    cloud.faults(deny=["ec2:DescribeRegions"])
    case.run("resources")
    failed = scans(case)
    assert {region for _, region in failed} == {"*"}
    assert all(one.state == "failed" and one.good is None for one in failed.values())
    cloud.well()
    assert listed(case)
    assert all(region != "*" and one.state == "done" for (_, region), one in scans(case).items())
