"""Clouds on a bad day: refusals, wrong bytes, throttling, broken lines, leases that end, credentials gone."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.cloud import Cloud
from tests.e2e.conftest import NewCase
from tests.e2e.packs import BLOCK
from tests.e2e.runner import Case
from tests.e2e.waiting import until


@pytest.fixture
def volumes(case: Case) -> dict[str, str]:
    return case.volumes()


def block(case: Case, index: int) -> bytes:
    """A block of the partial image as it is on disk."""
    image = case.path / "evidence" / ".E-0001.partial" / "data" / "disk.raw"
    with image.open("rb") as stream:
        stream.seek(index * BLOCK)
        return stream.read(BLOCK)


def finished(case: Case, acq: str = "A-0001") -> None:
    """Done, sound, and from one snapshot."""
    case.reached(acq, "done", within=90)
    assert len(case.events("snapshot.create", phase="result")) == 1
    case.settled()
    case.verified()


def test_an_untagged_volume_is_refused_before_anything_happens(
    case: Case, cloud: Cloud, volumes: dict[str, str]
) -> None:
    row = next(row for row in case.run("resources").ok().json if row["id"] == volumes["untagged"])
    assert row["eligible"] is False and "Forensics" in row["reason"]
    for verb in ("plan", "acquire"):
        error = case.run(verb, "disk", volumes["untagged"]).refused(3)
        assert error["code"] == "refused" and "Forensics" in error["message"]
        assert volumes["untagged"] in error["message"]
    changed = [call for call in cloud.of_case(case.id) if call["mutating"] and call["action"] != "sts:AssumeRole"]
    assert changed == []
    assert case.events("plan.approve") == [] and case.events("acquisition.start") == []


def test_a_block_that_does_not_fit_its_checksum_is_never_written(
    case: Case, cloud: Cloud, volumes: dict[str, str]
) -> None:
    cloud.faults(corrupt_blocks=[f"{volumes['small']}:4"])
    error = case.run("acquire", "disk", volumes["small"], "--wait").refused_with("failed", 1)
    assert "block 4" in error["message"] and error["next"]
    assert block(case, 4) in (b"", bytes(BLOCK)), "bytes that are known to be wrong were written"
    snapshot = case.events("snapshot.create", phase="result")[0]["resource"]
    answered, distinct = cloud.blocks(snapshot)
    assert answered - distinct <= 8, "the retries have no bound"
    row = case.acquisitions()["A-0001"]
    assert row["state"] == "failed" and "block 4" in row["error"] and row["item"] is None
    assert [body["phase"] for body in case.events("evidence.read")] == ["intent", "failed"]
    cloud.well()
    case.run("resume", "A-0001").ok()
    finished(case)


@pytest.mark.parametrize(
    "fault",
    [
        pytest.param({"throttle": 0.3}, id="throttled"),
        pytest.param({"drop_connections": 0.05}, id="connections-dropped", marks=pytest.mark.slow),
    ],
)
def test_it_completes_in_bad_weather(
    case: Case, cloud: Cloud, volumes: dict[str, str], fault: dict[str, float]
) -> None:
    cloud.faults(**fault)
    acq = case.acquire(volumes["many"])
    case.reached(acq, "done", within=120)
    cloud.well()
    finished(case)
    made = cloud.of_case(case.id, "ec2:CreateSnapshot", "allow")
    assert len({arn for call in made for arn in call["resources"] if ":snapshot/" in arn}) == 1


@pytest.mark.parametrize(
    ("action", "words"),
    [
        pytest.param("ec2:CreateSnapshot", "ec2:CreateSnapshot", marks=pytest.mark.slow),
        pytest.param("ec2:DescribeSnapshots", "ec2:DescribeSnapshots", marks=pytest.mark.slow),
        pytest.param("ebs:ListSnapshotBlocks", "ebs:ListSnapshotBlocks", marks=pytest.mark.slow),
        ("ebs:GetSnapshotBlock", "block"),
    ],
)
def test_a_denied_call_fails_in_plain_words(
    case: Case, cloud: Cloud, volumes: dict[str, str], action: str, words: str
) -> None:
    cloud.faults(deny=[action])
    error = case.run("acquire", "disk", volumes["small"], "--wait").refused_with("failed", 1)
    assert words in error["message"] and error["next"], error
    assert "Traceback" not in error["message"] and len(error["message"]) < 600
    case.settled()
    assert case.events("acquisition.finish")[0]["params"]["state"] == "failed"
    cloud.well()
    case.run("resume", "A-0001").ok()
    case.reached("A-0001", "done")
    assert len(cloud.of_case(case.id, "ec2:CreateSnapshot", "allow")) == 1
    case.settled()
    case.verified()


def _reads(case: Case, cloud: Cloud) -> None:
    """One evidence.read run per lease that blocks were read under; together they read every block once."""
    snapshot = case.events("snapshot.create", phase="result")[0]["resource"]
    runs = [body for body in case.events("evidence.read") if body["phase"] != "intent"]
    leases = [body["lease"] for body in runs]
    assert len(leases) == len(set(leases)) >= 2
    assert sum(body["params"]["blocks"] for body in runs) == 192
    assert sum(int(body["params"]["bytes"]) for body in runs) == 192 * BLOCK
    assert cloud.blocks(snapshot) == (192, 192), "a block was fetched again because of a lease"


@pytest.mark.slow
def test_leases_refused_early_are_replaced(case: Case, cloud: Cloud, volumes: dict[str, str]) -> None:
    """The cloud refuses each lease after two seconds although its expiry says an hour."""
    acq = case.acquire(volumes["many"], "--reason", "early expiry")
    cloud.faults(latency_ms=[250, 300], expire_leases_after_s=2)
    case.reached(acq, "done", within=90)
    cloud.well()
    finished(case)
    assert len(case.events("lease.renew", phase="result")) >= 1
    _reads(case, cloud)


@pytest.mark.slow
def test_leases_that_really_expire_are_renewed_beside_the_download(new_case: NewCase, cloud: Cloud) -> None:
    """Credentials that say, and mean, one minute, under a download that takes longer."""
    cloud.faults(lease_ttl_s=60)
    case = new_case(cloud, workers=1)
    volume = case.volumes()["many"]
    acq = case.acquire(volume)
    cloud.faults(latency_ms=[6500, 7000])  # 192 blocks, 16 at once: 80 seconds
    case.reached(acq, "done", within=240)
    cloud.well()
    finished(case)
    renewals = case.events("lease.renew", phase="result")
    assert renewals and all(body["request_id"] for body in renewals)
    _reads(case, cloud)
    assert all(body["phase"] == "result" for body in case.events("evidence.read") if body["phase"] != "intent")


@pytest.fixture
def hidden(cloud: Cloud) -> Iterator[None]:
    """The credentials file is away; it is put back at the end whatever happened."""
    away = cloud.credentials.with_name("credentials.away")
    cloud.credentials.rename(away)
    yield
    if away.exists():
        away.rename(cloud.credentials)


@pytest.mark.usefixtures("hidden")
def test_without_credentials_verbs_exit_4(case: Case) -> None:
    for verb in ("accounts", "resources"):
        assert case.run(verb).refused(4)["code"].startswith("credential")
    assert case.run("plan", "disk", "vol-0123456789abcdef0").refused(4)["next"]


@pytest.mark.slow
def test_an_acquisition_waits_for_credentials_and_goes_on(
    case: Case, cloud: Cloud, volumes: dict[str, str]
) -> None:
    cloud.faults(latency_ms=[250, 300])
    acq = case.acquire(volumes["many"])
    until("it reads", lambda: case.events("evidence.read", phase="intent"))
    away = cloud.credentials.with_name("credentials.away")
    cloud.credentials.rename(away)
    try:
        cloud.faults(expire_leases_after_s=0)
        row = case.reached(acq, "waiting_for_credentials")
        assert row.error and row.next
        shown = case.acquisitions()[acq]
        assert shown["state"] == "waiting_for_credentials" and shown["error"]
    finally:
        away.rename(cloud.credentials)
    cloud.well()
    assert case.run("resume", acq).ok().json["acquisition"] == acq
    finished(case)


@pytest.mark.slow
def test_a_restart_without_credentials_waits_too(case: Case, cloud: Cloud, volumes: dict[str, str]) -> None:
    """Nobody types anything: the acquisition looks again now and then."""
    away = cloud.credentials.with_name("credentials.away")
    acq = case.acquire(volumes["small"])
    case.kill_agent()
    cloud.credentials.rename(away)
    try:
        case.acquisitions()
        case.reached(acq, "waiting_for_credentials")
    finally:
        away.rename(cloud.credentials)
    case.reached(acq, "done")
    case.settled()
    case.verified()


def test_a_file_that_is_away_is_said_until_it_is_back(case: Case, cloud: Cloud) -> None:
    """The agent that could not start its cloud needs no restart once the cause is mended."""
    bundle = Path(cloud.aws["ca_bundle"])
    away = bundle.with_name("ca.away")
    bundle.rename(away)
    try:
        for _ in range(2):
            error = case.run("accounts").refused(2)
            assert str(bundle) in error["message"] and error["next"]
        agent = case.agent()
    finally:
        away.rename(bundle)
    assert case.run("accounts").ok().json
    assert case.agent() == agent
