"""Locks on snapshots through real clients."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tests.emulators.clients import CASE_TAGS, Clients, Keys, admin, await_until, permission, refused
from tests.emulators.packs import FORENSICS, WORKLOAD


@pytest.fixture
def owner(quiet: Clients) -> Keys:
    return admin(quiet, WORKLOAD)


@pytest.fixture
def snapshot(quiet: Clients, owner: Keys) -> str:
    return quiet.snapshot(owner, quiet.volume(owner, "blank-01"))


def locks(ec2: Any, **more: Any) -> dict[str, dict[str, Any]]:
    return {one["SnapshotId"]: one for one in ec2.describe_locked_snapshots(**more)["Snapshots"]}


def test_a_governance_lock_holds_until_it_is_taken_off(quiet: Clients, owner: Keys, snapshot: str) -> None:
    ec2 = quiet("ec2", owner)
    assert locks(ec2, SnapshotIds=[snapshot]) == {}
    made = ec2.lock_snapshot(SnapshotId=snapshot, LockMode="governance", LockDuration=30)
    assert quiet.last_call()["mutating"]
    assert (made["SnapshotId"], made["LockState"], made["LockDuration"]) == (snapshot, "governance", 30)
    assert timedelta(days=29) < made["LockExpiresOn"] - datetime.now(UTC) <= timedelta(days=30)
    shown = locks(ec2, SnapshotIds=[snapshot])[snapshot]
    assert (shown["OwnerId"], shown["LockExpiresOn"]) == (WORKLOAD, made["LockExpiresOn"])
    assert snapshot in locks(ec2, Filters=[{"Name": "lock-state", "Values": ["governance"]}])
    assert snapshot not in locks(ec2, Filters=[{"Name": "lock-state", "Values": ["compliance"]}])
    error = refused(ec2.delete_snapshot, SnapshotId=snapshot)
    assert error["Code"] == "OperationNotPermitted"
    assert "is locked until" in error["Message"]
    # A locked snapshot may be shared; the others see no lock of it, nor can they lock it.
    ec2.modify_snapshot_attribute(SnapshotId=snapshot, **permission(FORENSICS))
    there = quiet("ec2", admin(quiet, FORENSICS))
    assert locks(there, SnapshotIds=[snapshot]) == {}
    error = refused(there.lock_snapshot, SnapshotId=snapshot, LockMode="governance", LockDuration=1)
    assert error["Code"] == "InvalidSnapshot.NotFound"
    # In governance mode whoever may lock may also shorten.
    assert ec2.lock_snapshot(SnapshotId=snapshot, LockMode="governance", LockDuration=1)["LockDuration"] == 1
    assert ec2.unlock_snapshot(SnapshotId=snapshot)["SnapshotId"] == snapshot
    assert refused(ec2.unlock_snapshot, SnapshotId=snapshot)["Code"] == "IncorrectState"
    ec2.delete_snapshot(SnapshotId=snapshot)


def test_a_compliance_lock_is_only_extended(quiet: Clients, owner: Keys, snapshot: str) -> None:
    ec2 = quiet("ec2", owner)
    cooling = ec2.lock_snapshot(SnapshotId=snapshot, LockMode="compliance", LockDuration=2, CoolOffPeriod=1)
    assert cooling["LockState"] == "compliance-cooloff"
    assert cooling["CoolOffPeriodExpiresOn"] > datetime.now(UTC)
    ec2.unlock_snapshot(SnapshotId=snapshot)
    made = ec2.lock_snapshot(SnapshotId=snapshot, LockMode="compliance", LockDuration=2)
    assert made["LockState"] == "compliance"
    shorter: list[dict[str, Any]] = [
        {"LockMode": "compliance", "LockDuration": 1},
        {"LockMode": "governance", "LockDuration": 9},
        {"LockMode": "compliance", "LockDuration": 9, "CoolOffPeriod": 1},
    ]
    for change in shorter:
        assert refused(ec2.lock_snapshot, SnapshotId=snapshot, **change)["Code"] == "OperationNotPermitted"
    assert refused(ec2.unlock_snapshot, SnapshotId=snapshot)["Code"] == "OperationNotPermitted"
    assert refused(ec2.delete_snapshot, SnapshotId=snapshot)["Code"] == "OperationNotPermitted"
    until = datetime.now(UTC) + timedelta(days=9)
    longer = ec2.lock_snapshot(SnapshotId=snapshot, LockMode="compliance", ExpirationDate=until)
    assert abs(longer["LockExpiresOn"] - until) < timedelta(seconds=1)


def test_a_lock_ends(quiet: Clients, owner: Keys, snapshot: str) -> None:
    ec2 = quiet("ec2", owner)
    until = datetime.now(UTC) + timedelta(seconds=1)
    ec2.lock_snapshot(SnapshotId=snapshot, LockMode="compliance", ExpirationDate=until)
    await_until(lambda: locks(ec2, SnapshotIds=[snapshot])[snapshot]["LockState"] == "expired")
    ec2.delete_snapshot(SnapshotId=snapshot)


def test_a_pending_snapshot_is_locked_and_its_time_runs_later(serve: Callable[..., Clients]) -> None:
    clients = serve(speed=50.0)
    keys = clients.keys()
    ec2 = clients("ec2", keys)
    made = ec2.create_snapshot(
        VolumeId=clients.volume(keys, "web-01"),
        TagSpecifications=[{"ResourceType": "snapshot", "Tags": CASE_TAGS}],
    )["SnapshotId"]
    answer = ec2.lock_snapshot(SnapshotId=made, LockMode="governance", LockDuration=1)
    assert (answer["LockState"], answer.get("LockDurationStartTime")) == ("governance", None)
    await_until(lambda: clients.state(keys, made) == "completed")
    shown = locks(ec2)[made]
    assert shown["LockDurationStartTime"] > shown["LockCreatedOn"]
    assert shown["LockExpiresOn"] == shown["LockDurationStartTime"] + timedelta(days=1)


@pytest.mark.parametrize(
    ("parameters", "code"),
    [
        ({"LockMode": "governance"}, "InvalidParameterCombination"),
        (
            {"LockMode": "governance", "LockDuration": 1, "ExpirationDate": "2099-01-01T00:00:00Z"},
            "InvalidParameterCombination",
        ),
        ({"LockMode": "governance", "LockDuration": 1, "CoolOffPeriod": 1}, "InvalidParameterCombination"),
        ({"LockMode": "governance", "LockDuration": 36501}, "InvalidParameterValue"),
        ({"LockMode": "compliance", "LockDuration": 1, "CoolOffPeriod": 73}, "InvalidParameterValue"),
        ({"LockMode": "governance", "ExpirationDate": "2020-01-01T00:00:00Z"}, "InvalidParameterValue"),
        ({"LockMode": "mild", "LockDuration": 1}, "InvalidParameterValue"),
    ],
)
def test_what_is_no_lock(quiet: Clients, parameters: dict[str, Any], code: str) -> None:
    keys = quiet.keys()
    snapshot = quiet.snapshot(keys, quiet.volume(keys, "blank-01"))
    ec2 = _unchecked(quiet, keys)
    assert refused(ec2.lock_snapshot, SnapshotId=snapshot, **parameters)["Code"] == code


def _unchecked(clients: Clients, keys: Keys) -> Any:
    from tests.emulators.test_identity import Unchecked

    return Unchecked(clients)("ec2", keys)


def test_locks_are_authorised_by_case_and_bounded_by_duration(quiet: Clients, keys: Keys) -> None:
    """EBS User Guide, "Control access to Amazon EBS snapshot lock"."""
    snapshot = quiet.snapshot(keys, quiet.volume(keys, "blank-01"))
    stranger = quiet("ec2", quiet.keys(Tags=[{"Key": "ir-case", "Value": "another"}]))
    lock = {"SnapshotId": snapshot, "LockMode": "governance", "DryRun": True}
    assert refused(stranger.lock_snapshot, LockDuration=1, **lock)["Code"] == "UnauthorizedOperation"
    assert refused(quiet("ec2", keys).lock_snapshot, LockDuration=1, **lock)["Code"] == "DryRunOperation"
    assert refused(quiet("ec2", keys).unlock_snapshot, SnapshotId=snapshot)["Code"] == "UnauthorizedOperation"
    bound = {"NumericLessThanEquals": {"ec2:SnapshotLockDuration": "30"}}
    allow = {"Effect": "Allow", "Action": "ec2:*", "Resource": "*", "Condition": bound}
    narrow = quiet("ec2", quiet.keys(Policy=json.dumps({"Version": "2012-10-17", "Statement": [allow]})))
    assert refused(narrow.lock_snapshot, LockDuration=30, **lock)["Code"] == "DryRunOperation"
    assert refused(narrow.lock_snapshot, LockDuration=31, **lock)["Code"] == "UnauthorizedOperation"
