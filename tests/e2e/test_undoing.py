"""A copy route that is stopped half way: killed, cancelled, failing late. Nothing stays shared, originals stay."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from providers.emulators.range import Range, RangeThread
from tests.e2e.cloud import Cloud
from tests.e2e.conftest import NewCase
from tests.e2e.leftovers import Standing, standing
from tests.e2e.packs import BLOCK, FORENSICS, GIB, PAYMENTS, Pack, padded_sha256
from tests.e2e.runner import Case
from tests.e2e.waiting import until


@dataclass
class Slow:
    """A cloud whose copies take some seconds, with one volume under the default key."""

    embedded: Range
    cloud: Cloud
    image: Path


@pytest.fixture(scope="module")
def slow(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Slow]:
    pack = Pack(tmp_path_factory.mktemp("undoing") / "pack", speed=15.0)
    image = pack.random_image("default.raw", 9 * BLOCK, seed=77)
    pack.volume("default", image="default.raw", kms="default")
    pack.random_image("many.raw", 192 * BLOCK, seed=78)
    pack.volume("many", image="many.raw", kms="customer")
    with RangeThread(pack.write(), tmp_path_factory.mktemp("undoing-range")) as embedded:
        yield Slow(embedded, Cloud(embedded.config_path), image)


@pytest.fixture
def case(slow: Slow, new_case: NewCase) -> Case:
    slow.cloud.well()
    return new_case(slow.cloud, workers=1)


def started(case: Case) -> str:
    volume = case.volumes()["default"]
    return case.acquire(volume, "--route", "copy", "--yes")


def loose(slow: Slow, case: Case) -> list[Standing]:
    return [one for one in standing(slow.embedded, case.id) if one.shared_with or "jumpbag:transport" in one.tags]


@pytest.mark.parametrize(
    "moment",
    [
        pytest.param("snapshot.share", marks=pytest.mark.slow),
        pytest.param("snapshot.copy", marks=pytest.mark.slow),
        pytest.param("snapshot.unshare", marks=pytest.mark.slow),
        pytest.param("snapshot.delete", marks=pytest.mark.slow),
    ],
)
def test_killed_in_that_phase_it_goes_on(slow: Slow, case: Case, moment: str) -> None:
    slow.cloud.faults(latency_ms=[150, 200])
    acq = started(case)
    until(f"{moment} is begun", lambda: case.events(moment, phase="intent"), within=60)
    case.kill_agent()
    slow.cloud.well()
    case.acquisitions()
    case.reached(acq, "done", within=90)
    assert case.image_sha256() == padded_sha256(slow.image, GIB)
    allowed = [call["action"] for call in slow.cloud.of_case(case.id, decision="allow")]
    assert allowed.count("ec2:CreateSnapshot") == 1 and allowed.count("ec2:CopySnapshot") == 2
    assert loose(slow, case) == []
    assert [one.account for one in standing(slow.embedded, case.id)] == [PAYMENTS, FORENSICS]
    case.settled()
    case.verified()


def test_cancelled_it_takes_back_what_it_did(slow: Slow, case: Case) -> None:
    acq = started(case)
    until("it is shared", lambda: case.events("snapshot.share", phase="result"), within=60)
    case.run("cancel", acq).ok()
    case.reached(acq, "cancelled")
    assert loose(slow, case) == []
    assert [body["phase"] for body in case.events("snapshot.unshare")] == ["intent", "result"]
    assert [body["phase"] for body in case.events("snapshot.delete")] == ["intent", "result"]
    (finish,) = case.events("acquisition.finish")
    assert "Kept in the cloud: snap-" in finish["summary"] and "Not taken back" not in finish["summary"]
    assert PAYMENTS in [one.account for one in standing(slow.embedded, case.id)]
    case.settled()
    case.verified()


@pytest.mark.slow
def test_what_cannot_be_taken_back_is_said_and_a_failure_can_be_cancelled(slow: Slow, case: Case) -> None:
    acq = started(case)
    until("the copy is begun", lambda: len(case.events("snapshot.copy", phase="result")) == 2, within=60)
    slow.cloud.faults(deny=["ec2:DescribeSnapshots"])
    row = case.reached(acq, "failed")
    assert row.next and "cancel" in row.next
    case.run("cancel", acq).ok()
    slow.cloud.well()
    case.reached(acq, "cancelled", within=30)
    finish = case.events("acquisition.finish")[-1]
    if loose(slow, case):
        assert "Not taken back" in finish["summary"]
    else:
        assert "Not taken back" not in finish["summary"]
    case.settled()
    case.verified()


@pytest.mark.slow
def test_a_copy_that_fails_late_is_made_anew_on_resume(slow: Slow, case: Case) -> None:
    acq = started(case)
    until("the snapshot is made", lambda: case.events("snapshot.create", phase="result"), within=30)
    slow.cloud.faults(fail_copies_at=60)
    row = case.reached(acq, "failed", within=60)
    assert row.error and "snap-" in row.error and row.next
    slow.cloud.well()
    case.run("resume", acq).ok()
    case.reached(acq, "done", within=60)
    assert case.image_sha256() == padded_sha256(slow.image, GIB)
    assert not any(one.shared_with for one in standing(slow.embedded, case.id))
    assert len(case.events("snapshot.create", phase="result")) == 1
    case.settled()
    case.verified()


def test_a_snapshot_that_somebody_planted_with_our_tags_is_not_taken_for_ours(slow: Slow, case: Case) -> None:
    """Whoever owns the account can guess case, acquisition and step; the hash of our intent he cannot."""
    volume = case.volumes()["default"]
    assert slow.embedded.aws is not None
    world = slow.embedded.aws.world
    state = world.compute.state(PAYMENTS, "eu-west-1")

    def plant() -> str:
        marks = {
            "ir-case": case.id,
            "jumpbag:acquisition": "A-0001",
            "jumpbag:step": "2",
            "jumpbag:head": "0" * 64,
        }
        made = world.snapshots.create(state, state.get_volume(volume), "planted", marks)
        return str(made.id)

    planted = world.ec2.submit(plant).result()
    acq = case.acquire(volume, "--route", "preserve-direct")
    case.reached(acq, "done")
    (made,) = case.events("snapshot.create", phase="result")
    assert made["resource"] != planted
    assert [body for body in case.events("case.note") if body["params"].get("note") == "adopted"] == []


@pytest.mark.slow
def test_leases_of_a_minute_under_a_copy_of_minutes(slow: Slow, new_case: NewCase) -> None:
    """Both accounts' leases are renewed beside the waits and the download; no block is read twice for it."""
    slow.cloud.well()
    slow.cloud.faults(lease_ttl_s=60)
    case = new_case(slow.cloud, workers=1)
    volume = case.volumes()["many"]
    acq = case.acquire(volume, "--route", "copy", "--yes")
    until("it reads", lambda: case.events("evidence.read", phase="intent"), within=90)
    slow.cloud.faults(latency_ms=[6500, 7000])  # 192 blocks, 16 at once: 80 seconds
    case.reached(acq, "done", within=240)
    slow.cloud.well()
    renewed = {body["account"] for body in case.events("lease.renew", phase="result")}
    assert FORENSICS in renewed
    snapshot = case.events("snapshot.copy", phase="result")[-1]["resource"]
    assert slow.cloud.blocks(snapshot) == (192, 192), "a block was fetched again because of a lease"
    assert loose(slow, case) == []
    case.settled()
    case.verified()
