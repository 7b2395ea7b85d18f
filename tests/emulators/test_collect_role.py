"""The collect role without a session policy: what it may do in a source account and in the forensics account."""

from __future__ import annotations

import json
from typing import Any

import pytest

from providers.emulators.aws.roles import collect_role
from tests.emulators.clients import CASE_TAGS, Clients, Keys, admin, permission, refused
from tests.emulators.packs import FORENSICS, OTHER, REGION, WORKLOAD

TAG = ("Forensics", "Enabled")
TRANSPORT = [*CASE_TAGS, {"Key": "jumpbag:transport", "Value": "yes"}]
OTHER_CASE = [{"Key": "ir-case", "Value": "another"}]
SHARED = {"Attribute": "createVolumePermission"}


def tagged(tags: list[dict[str, str]] = CASE_TAGS) -> dict[str, Any]:
    return {"TagSpecifications": [{"ResourceType": "snapshot", "Tags": tags}]}


class Bench:
    """Snapshots of this case, of another and of the stranger's, as the two collect roles meet them."""

    def __init__(self, clients: Clients) -> None:
        self.owner, self.elsewhere = admin(clients, WORKLOAD), admin(clients, FORENSICS)
        volume = clients.volume(self.owner, "web-01")
        self.ours = clients.snapshot(self.owner, volume)
        self.transport = clients.snapshot(self.owner, volume, TRANSPORT)
        self.theirs = clients.snapshot(self.owner, volume, OTHER_CASE)
        # One of the forensics account's own, and shared with the source account.
        ec2 = clients("ec2", self.owner)
        ec2.modify_snapshot_attribute(SnapshotId=self.ours, **permission(FORENSICS))
        self.kept = clients("ec2", self.elsewhere).copy_snapshot(
            SourceSnapshotId=self.ours, SourceRegion=REGION, **tagged(TRANSPORT)
        )["SnapshotId"]
        clients("ec2", self.elsewhere).get_waiter("snapshot_completed").wait(
            SnapshotIds=[self.kept], WaiterConfig={"Delay": 0, "MaxAttempts": 10000}
        )
        clients("ec2", self.elsewhere).modify_snapshot_attribute(SnapshotId=self.kept, **permission(WORKLOAD))


@pytest.fixture(scope="module")
def bench(quiet: Clients) -> Bench:
    return Bench(quiet)


COPY = {"SourceRegion": REGION, **tagged(), "DryRun": True}
CALLS: dict[str, tuple[str, Any]] = {
    "share": ("modify_snapshot_attribute", lambda b: {"SnapshotId": b.ours, **permission(FORENSICS)}),
    "share with others": ("modify_snapshot_attribute", lambda b: {"SnapshotId": b.ours, **permission(OTHER)}),
    "share with others too": (
        "modify_snapshot_attribute",
        lambda b: {"SnapshotId": b.ours, **permission(FORENSICS, OTHER)},
    ),
    "share of another case": (
        "modify_snapshot_attribute",
        lambda b: {"SnapshotId": b.theirs, **permission(FORENSICS)},
    ),
    "unshare": (
        "modify_snapshot_attribute",
        lambda b: {"SnapshotId": b.ours, **SHARED, "OperationType": "remove", "UserIds": [FORENSICS]},
    ),
    "unshare others": (
        "modify_snapshot_attribute",
        lambda b: {"SnapshotId": b.ours, **SHARED, "OperationType": "remove", "UserIds": [OTHER]},
    ),
    "copy": ("copy_snapshot", lambda b: {"SourceSnapshotId": b.ours, **COPY}),
    "copy without a case": ("copy_snapshot", lambda b: {"SourceSnapshotId": b.ours, "SourceRegion": REGION}),
    "copy to another case": (
        "copy_snapshot",
        lambda b: {"SourceSnapshotId": b.ours, "SourceRegion": REGION, **tagged(OTHER_CASE)},
    ),
    "copy what the forensics account keeps": ("copy_snapshot", lambda b: {"SourceSnapshotId": b.kept, **COPY}),
    "delete a transport copy": ("delete_snapshot", lambda b: {"SnapshotId": b.transport}),
    "delete an original": ("delete_snapshot", lambda b: {"SnapshotId": b.ours}),
    "delete what is kept": ("delete_snapshot", lambda b: {"SnapshotId": b.kept}),
    "lock": ("lock_snapshot", lambda b: {"SnapshotId": b.ours, "LockMode": "governance", "LockDuration": 1}),
    "lock of another case": (
        "lock_snapshot",
        lambda b: {"SnapshotId": b.theirs, "LockMode": "governance", "LockDuration": 1},
    ),
    "lock what is kept": (
        "lock_snapshot",
        lambda b: {"SnapshotId": b.kept, "LockMode": "governance", "LockDuration": 1},
    ),
    "unlock": ("unlock_snapshot", lambda b: {"SnapshotId": b.ours}),
    "tag": ("create_tags", lambda b: {"Resources": [b.theirs], "Tags": CASE_TAGS}),
}
SOURCE = {"share", "unshare", "copy", "delete a transport copy", "lock"}
HOME = {"copy", "lock what is kept"}


@pytest.mark.parametrize(
    ("account", "name"), [*((WORKLOAD, name) for name in CALLS), *((FORENSICS, name) for name in CALLS)]
)
def test_what_the_role_allows(quiet: Clients, bench: Bench, keys: Keys, account: str, name: str) -> None:
    session = keys if account == WORKLOAD else quiet.keys(FORENSICS)
    operation, parameters = CALLS[name]
    error = refused(getattr(quiet("ec2", session), operation), **{**parameters(bench), "DryRun": True})
    allowed = name in (SOURCE if account == WORKLOAD else HOME)
    # Of what is not shared with it an account knows nothing.
    unseen = account == FORENSICS and any(one in str(parameters(bench)) for one in (bench.theirs, bench.transport))
    expected = "DryRunOperation" if allowed else "InvalidSnapshot.NotFound" if unseen else "UnauthorizedOperation"
    assert error["Code"] == expected


def test_the_console_is_for_tagged_instances(quiet: Clients, keys: Keys) -> None:
    ec2 = quiet("ec2", keys)
    ids = {
        next(tag["Value"] for tag in one["Tags"] if tag["Key"] == "Name"): one["InstanceId"]
        for reservation in ec2.describe_instances()["Reservations"]
        for one in reservation["Instances"]
    }
    ec2.get_console_output(InstanceId=ids["web-01"])
    assert refused(ec2.get_console_output, InstanceId=ids["plain-01"])["Code"] == "UnauthorizedOperation"
    # Attributes show user data too, which often holds secrets.
    ec2.describe_instance_attribute(InstanceId=ids["web-01"], Attribute="disableApiTermination")
    asked = {"InstanceId": ids["plain-01"], "Attribute": "disableApiTermination"}
    assert refused(ec2.describe_instance_attribute, **asked)["Code"] == "UnauthorizedOperation"


@pytest.mark.parametrize("account", [FORENSICS, WORKLOAD])
def test_the_policies_fit_into_iam(account: str) -> None:
    """IAM User Guide, "IAM and AWS STS quotas": 6,144 characters for a managed policy, ten to a role."""
    role = collect_role(account, FORENSICS, "x", TAG)
    assert len(role.policies) <= 10
    for document in role.policies:
        assert len(json.dumps(document, separators=(",", ":"))) <= 6144
        for statement in document["Statement"]:
            assert "*" not in statement["Action"]
            assert not any("*" in action for action in statement["Action"])
