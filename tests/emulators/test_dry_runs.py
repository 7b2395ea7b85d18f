"""DryRun on the EC2 calls that change something: what it answers, and that nothing happens."""

from __future__ import annotations

from typing import Any

import pytest

from tests.emulators.clients import CASE_TAGS, Clients, Keys, admin, permission, refused
from tests.emulators.packs import FORENSICS, REGION, WORKLOAD

TAGGED = [{"ResourceType": "snapshot", "Tags": CASE_TAGS}]


class Things:
    """What the calls below are about."""

    def __init__(self, clients: Clients) -> None:
        self.keys = admin(clients, WORKLOAD)
        self.volume = clients.volume(self.keys, "web-01")
        self.snapshot = clients.snapshot(self.keys, self.volume)
        found = clients("ec2", self.keys).describe_volumes(VolumeIds=[self.volume])["Volumes"][0]
        self.instance = str(found["Attachments"][0]["InstanceId"])
        self.zone = str(found["AvailabilityZone"])


@pytest.fixture(scope="module")
def things(quiet: Clients) -> Things:
    return Things(quiet)


CALLS: dict[str, Any] = {
    "create_snapshot": lambda t: {"VolumeId": t.volume, "TagSpecifications": TAGGED},
    "create_snapshots": lambda t: {
        "InstanceSpecification": {"InstanceId": t.instance},
        "TagSpecifications": TAGGED,
    },
    "copy_snapshot": lambda t: {
        "SourceSnapshotId": t.snapshot,
        "SourceRegion": REGION,
        "TagSpecifications": TAGGED,
    },
    "delete_snapshot": lambda t: {"SnapshotId": t.snapshot},
    "modify_snapshot_attribute": lambda t: {"SnapshotId": t.snapshot, **permission(FORENSICS)},
    "reset_snapshot_attribute": lambda t: {"SnapshotId": t.snapshot, "Attribute": "createVolumePermission"},
    "lock_snapshot": lambda t: {"SnapshotId": t.snapshot, "LockMode": "governance", "LockDuration": 1},
    "unlock_snapshot": lambda t: {"SnapshotId": t.snapshot},
    "create_tags": lambda t: {"Resources": [t.snapshot], "Tags": [{"Key": "a", "Value": "b"}]},
    "delete_tags": lambda t: {"Resources": [t.snapshot], "Tags": [{"Key": "ir-case"}]},
    "create_volume": lambda t: {"AvailabilityZone": t.zone, "Size": 1},
    "delete_volume": lambda t: {"VolumeId": t.volume},
    "detach_volume": lambda t: {"VolumeId": t.volume},
    "stop_instances": lambda t: {"InstanceIds": [t.instance]},
    "terminate_instances": lambda t: {"InstanceIds": [t.instance]},
    "reboot_instances": lambda t: {"InstanceIds": [t.instance]},
    "modify_instance_attribute": lambda t: {"InstanceId": t.instance, "DisableApiTermination": {"Value": True}},
    "modify_snapshot_tier": lambda t: {"SnapshotId": t.snapshot, "StorageTier": "archive"},
}


def everything(clients: Clients, keys: Keys) -> Any:
    """All that these calls could change."""
    ec2 = clients("ec2", keys)
    instances = ec2.describe_instances()["Reservations"]
    tiers = ec2.describe_snapshot_tier_status()["SnapshotTierStatuses"]
    snapshots = [
        (one["SnapshotId"], one.get("Tags"), one["StorageTier"])
        for one in ec2.describe_snapshots(OwnerIds=["self"])["Snapshots"]
    ]
    shared = [
        ec2.describe_snapshot_attribute(SnapshotId=one, Attribute="createVolumePermission")[
            "CreateVolumePermissions"
        ]
        for one, _, _ in snapshots
    ]
    locked = ec2.describe_locked_snapshots()["Snapshots"]
    return instances, ec2.describe_volumes()["Volumes"], snapshots, shared, locked, len(tiers)


@pytest.mark.parametrize("name", CALLS)
def test_a_dry_run_says_what_would_happen_and_changes_nothing(quiet: Clients, things: Things, name: str) -> None:
    parameters = {**CALLS[name](things), "DryRun": True}
    before = everything(quiet, things.keys)
    error = refused(getattr(quiet("ec2", things.keys), name), **parameters)
    assert (error["Code"], error["Status"]) == ("DryRunOperation", 412)
    call = quiet.last_call()
    assert (call["dry_run"], call["mutating"], call["decision"], call["code"]) == (
        True,
        False,
        "error",
        "DryRunOperation",
    )
    assert call["resources"] or name == "create_volume"
    nobody = admin(quiet, WORKLOAD, {"Effect": "Allow", "Action": "ec2:Describe*", "Resource": "*"})
    error = refused(getattr(quiet("ec2", nobody), name), **parameters)
    assert (error["Code"], error["Status"]) == ("UnauthorizedOperation", 403)
    call = quiet.last_call()
    assert (call["dry_run"], call["mutating"], call["decision"]) == (True, False, "deny")
    assert everything(quiet, things.keys) == before


def test_a_dry_run_still_needs_what_it_is_about(quiet: Clients, things: Things, keys: Keys) -> None:
    ec2 = quiet("ec2", keys)
    error = refused(ec2.create_snapshot, VolumeId=things.volume, DryRun=True)
    assert error["Code"] == "UnauthorizedOperation"
    wide = quiet("ec2", things.keys)
    assert refused(wide.create_snapshot, VolumeId="vol-0123", DryRun=True)["Code"] == "InvalidVolume.NotFound"
    assert refused(wide.delete_snapshot, SnapshotId="snap-0123", DryRun=True)["Code"] == "InvalidSnapshot.NotFound"
    assert refused(ec2.describe_volumes, DryRun=True)["Code"] == "DryRunOperation"


def test_a_call_in_earnest_is_no_dry_run(quiet: Clients, keys: Keys, things: Things) -> None:
    quiet("ec2", keys).create_snapshot(VolumeId=things.volume, TagSpecifications=TAGGED, DryRun=False)
    call = quiet.last_call()
    assert (call["dry_run"], call["mutating"], call["decision"]) == (False, True, "allow")
