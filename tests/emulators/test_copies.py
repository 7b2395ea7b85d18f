"""CopySnapshot through real clients: every key situation, what it needs, how it fails."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from tests.emulators.clients import CASE_TAGS, EVERYTHING, Clients, Keys, admin, await_until, permission, refused
from tests.emulators.conftest import WEB_BLOCKS
from tests.emulators.packs import BLOCK, FORENSICS, REGION, WORKLOAD, instance, volume
from tests.emulators.test_keys import ALIASES, FAR, arn

INACCESSIBLE = "Given key ID is not accessible"
TAGGED = [{"ResourceType": "snapshot", "Tags": CASE_TAGS}]
SOURCE_ACTIONS = ["kms:DescribeKey", "kms:Decrypt", "kms:ReEncryptFrom", "kms:CreateGrant"]
TARGET_ACTIONS = ["kms:DescribeKey", "kms:ReEncryptTo", "kms:GenerateDataKeyWithoutPlaintext", "kms:CreateGrant"]


def shown(clients: Clients, keys: Keys, snapshot: str, region: str = REGION) -> dict[str, Any]:
    found: dict[str, Any] = clients("ec2", keys, region).describe_snapshots(SnapshotIds=[snapshot])["Snapshots"][0]
    return found


def finished(clients: Clients, keys: Keys, snapshot: str, region: str = REGION) -> dict[str, Any]:
    """The snapshot once it has ended, well or not."""
    await_until(lambda: shown(clients, keys, snapshot, region)["State"] != "pending")
    return shown(clients, keys, snapshot, region)


def contents(clients: Clients, keys: Keys, snapshot: str, region: str = REGION) -> dict[int, bytes]:
    ebs = clients("ebs", keys, region)
    found = {}
    for block in ebs.list_snapshot_blocks(SnapshotId=snapshot)["Blocks"]:
        answer = ebs.get_snapshot_block(
            SnapshotId=snapshot, BlockIndex=block["BlockIndex"], BlockToken=block["BlockToken"]
        )
        found[block["BlockIndex"]] = answer["BlockData"].read()
    return found


def copy(clients: Clients, keys: Keys, snapshot: str, region: str = REGION, **more: Any) -> str:
    made = clients("ec2", keys, region).copy_snapshot(
        SourceSnapshotId=snapshot, SourceRegion=REGION, TagSpecifications=TAGGED, **more
    )
    return str(made["SnapshotId"])


DEVICES = {
    "none": ("web-01", "/dev/xvda"),
    "customer": ("secret-01", "/dev/xvda"),
    "default": ("secret-01", "/dev/sdf"),
}


@pytest.mark.parametrize("kind", ["none", "customer"])
@pytest.mark.parametrize("region", [REGION, FAR])
def test_the_collect_roles_copy_over_the_border(quiet: Clients, kind: str, region: str) -> None:
    """Share, copy under the evidence key of the forensics account, unshare: the bytes are the same."""
    there, here = quiet.keys(WORKLOAD), quiet.keys(FORENSICS)
    snapshot = quiet.snapshot(there, quiet.volume(there, *DEVICES[kind]))
    assert (
        refused(quiet("ec2", here, region).copy_snapshot, SourceSnapshotId=snapshot, SourceRegion=REGION)["Code"]
        == "InvalidSnapshot.NotFound"
    )
    quiet("ec2", there).modify_snapshot_attribute(SnapshotId=snapshot, **permission(FORENSICS))
    made = copy(quiet, here, snapshot, region, Encrypted=True, KmsKeyId="alias/jumpbag-evidence")
    asked = quiet.last_call()
    assert asked["resources"] == [
        f"arn:aws:ec2:{REGION}::snapshot/{snapshot}",
        f"arn:aws:ec2:{region}::snapshot/{made}",
    ]
    remove = {"Attribute": "createVolumePermission", "OperationType": "remove", "UserIds": [FORENSICS]}
    one = finished(quiet, here, made, region)
    quiet("ec2", there).modify_snapshot_attribute(SnapshotId=snapshot, **remove)
    attribute = {"SnapshotId": snapshot, "Attribute": "createVolumePermission"}
    assert quiet("ec2", there).describe_snapshot_attribute(**attribute)["CreateVolumePermissions"] == []
    assert (one["State"], one["Progress"], one["VolumeId"]) == ("completed", "100%", "vol-ffffffff")
    assert (one["OwnerId"], one["Encrypted"], one["Tags"]) == (FORENSICS, True, CASE_TAGS)
    assert one["KmsKeyId"] == arn(quiet, FORENSICS, "evidence", region)
    assert contents(quiet, here, made, region) == {i: data.ljust(BLOCK, b"\0") for i, data in WEB_BLOCKS.items()}
    assert (
        refused(quiet("ec2", here).describe_snapshots, SnapshotIds=[snapshot])["Code"]
        == "InvalidSnapshot.NotFound"
    )


def test_the_default_key_needs_a_copy_in_between(quiet: Clients) -> None:
    there, here = quiet.keys(WORKLOAD), quiet.keys(FORENSICS)
    original = quiet.snapshot(there, quiet.volume(there, *DEVICES["default"]))
    error = refused(quiet("ec2", there).modify_snapshot_attribute, SnapshotId=original, **permission(FORENSICS))
    assert error["Code"] == "InvalidParameter"
    tags = [*CASE_TAGS, {"Key": "jumpbag:transport", "Value": "yes"}]
    transport = quiet("ec2", there).copy_snapshot(
        SourceSnapshotId=original,
        SourceRegion=REGION,
        Encrypted=True,
        KmsKeyId=ALIASES["evidence"],
        TagSpecifications=[{"ResourceType": "snapshot", "Tags": tags}],
    )["SnapshotId"]
    assert finished(quiet, there, transport)["KmsKeyId"] == arn(quiet, WORKLOAD, "evidence")
    quiet("ec2", there).modify_snapshot_attribute(SnapshotId=transport, **permission(FORENSICS))
    made = copy(quiet, here, transport, Encrypted=True, KmsKeyId=ALIASES["evidence"])
    assert finished(quiet, here, made)["State"] == "completed"
    quiet("ec2", there).delete_snapshot(SnapshotId=transport)
    assert refused(quiet("ec2", there).delete_snapshot, SnapshotId=original)["Code"] == "UnauthorizedOperation"
    assert contents(quiet, here, made) == contents(quiet, there, original)


@pytest.fixture(scope="module")
def shared(quiet: Clients) -> tuple[Keys, str]:
    """(keys of the forensics account, a snapshot under the customer key that is shared with it)."""
    owner = admin(quiet, WORKLOAD)
    snapshot = quiet.snapshot(owner, quiet.volume(owner, "secret-01"))
    quiet("ec2", owner).modify_snapshot_attribute(SnapshotId=snapshot, **permission(FORENSICS))
    return admin(quiet, FORENSICS), snapshot


def kms(actions: list[str], key: str, region: str = REGION, **more: Any) -> list[dict[str, Any]]:
    """Statements as the product writes them: through EC2, grants for EC2 alone."""
    via = {"StringEquals": {"kms:ViaService": f"ec2.{region}.amazonaws.com"}}
    plain = [one for one in actions if one != "kms:CreateGrant"]
    statements: list[dict[str, Any]] = []
    if plain:
        statements.append({"Effect": "Allow", "Action": plain, "Resource": key, "Condition": {**via, **more}})
    if "kms:CreateGrant" in actions:
        grant = {**via, "Bool": {"kms:GrantIsForAWSResource": "true"}, **more}
        statements.append({"Effect": "Allow", "Action": "kms:CreateGrant", "Resource": key, "Condition": grant})
    return statements


def attempt(
    clients: Clients, snapshot: str, statements: list[dict[str, Any]], region: str = REGION
) -> dict[str, Any]:
    """A copy by a session with the wide right to EC2 and ``statements``; the copy once it has ended."""
    ec2 = {"Effect": "Allow", "Action": "ec2:*", "Resource": "*"}
    document = {"Version": "2012-10-17", "Statement": [ec2, *statements]}
    keys = clients.keys(FORENSICS, Policy=json.dumps(document, separators=(",", ":")))
    made = copy(clients, keys, snapshot, region, Encrypted=True, KmsKeyId=ALIASES["evidence"])
    return finished(clients, keys, made, region)


def test_the_listed_actions_are_enough(quiet: Clients, shared: tuple[Keys, str]) -> None:
    source, target = arn(quiet, WORKLOAD, "customer"), arn(quiet, FORENSICS, "evidence")
    one = attempt(quiet, shared[1], kms(SOURCE_ACTIONS, source) + kms(TARGET_ACTIONS, target))
    assert one["State"] == "completed"
    # Over a region's border each key is used by EC2 in its own region.
    far = arn(quiet, FORENSICS, "evidence", FAR)
    one = attempt(quiet, shared[1], kms(SOURCE_ACTIONS, source) + kms(TARGET_ACTIONS, far, FAR), FAR)
    assert one["State"] == "completed"


@pytest.mark.parametrize(
    ("side", "action"),
    [*(("source", action) for action in SOURCE_ACTIONS), *(("target", action) for action in TARGET_ACTIONS)],
)
def test_each_listed_action_is_needed(quiet: Clients, shared: tuple[Keys, str], side: str, action: str) -> None:
    """EBS User Guide, "Copy an Amazon EBS snapshot": what KMS refuses fails later, and silently."""
    source, target = arn(quiet, WORKLOAD, "customer"), arn(quiet, FORENSICS, "evidence")
    from_ = [one for one in SOURCE_ACTIONS if (side, action) != ("source", one)]
    to = [one for one in TARGET_ACTIONS if (side, action) != ("target", one)]
    one = attempt(quiet, shared[1], kms(from_, source) + kms(to, target))
    assert (one["State"], one["StateMessage"]) == ("error", INACCESSIBLE)


@pytest.mark.parametrize(
    "wrong",
    [
        {"StringEquals": {"kms:ViaService": f"ec2.{FAR}.amazonaws.com"}},
        {"StringEquals": {"kms:CallerAccount": WORKLOAD}},
        {"StringEquals": {"aws:PrincipalTag/ir-case": "another"}},
        {"Bool": {"kms:GrantIsForAWSResource": "false"}},
    ],
)
def test_conditions_of_the_listed_actions_count(quiet: Clients, shared: tuple[Keys, str], wrong: Any) -> None:
    source, target = arn(quiet, WORKLOAD, "customer"), arn(quiet, FORENSICS, "evidence")
    one = attempt(quiet, shared[1], kms(SOURCE_ACTIONS, source, **wrong) + kms(TARGET_ACTIONS, target))
    assert one["StateMessage"] == INACCESSIBLE


def test_an_unencrypted_source_needs_less(quiet: Clients) -> None:
    owner = admin(quiet, WORKLOAD)
    snapshot = quiet.snapshot(owner, quiet.volume(owner, "web-01"))
    quiet("ec2", owner).modify_snapshot_attribute(SnapshotId=snapshot, **permission(FORENSICS))
    target = arn(quiet, FORENSICS, "evidence")
    needed = ["kms:DescribeKey", "kms:GenerateDataKeyWithoutPlaintext", "kms:CreateGrant"]
    assert attempt(quiet, snapshot, kms(needed, target))["State"] == "completed"
    for action in needed:
        rest = [one for one in needed if one != action]
        assert attempt(quiet, snapshot, kms(rest, target))["StateMessage"] == INACCESSIBLE
    # Without a key nothing is asked of KMS, and the copy is as plain as its source.
    keys = admin(quiet, FORENSICS, {"Effect": "Allow", "Action": "ec2:*", "Resource": "*"})
    plain = finished(quiet, keys, copy(quiet, keys, snapshot))
    assert (plain["State"], plain["Encrypted"], plain.get("KmsKeyId")) == ("completed", False, None)
    error = refused(
        quiet("ec2", keys).copy_snapshot, SourceSnapshotId=snapshot, SourceRegion=REGION, KmsKeyId=target
    )
    assert error["Code"] == "InvalidParameterDependency"


def test_keys_that_are_none_fail_later(quiet: Clients, shared: tuple[Keys, str]) -> None:
    """EC2 API Reference, CopySnapshot: the key is authenticated asynchronously."""
    keys, snapshot = shared
    wrong = [
        "alias/none",
        arn(quiet, FORENSICS, "evidence", FAR),
        arn(quiet, WORKLOAD, "private"),
        "arn:aws:kms:eu-west-1:999999999999:key/x",
    ]
    for key in wrong:
        failed = copy(quiet, keys, snapshot, Encrypted=True, KmsKeyId=key)
        assert finished(quiet, keys, failed)["StateMessage"] == INACCESSIBLE
    # Without a key named, it is the account's own default key.
    made = finished(quiet, keys, copy(quiet, keys, snapshot))
    assert (made["State"], made["KmsKeyId"]) == ("completed", arn(quiet, FORENSICS, "default"))


def test_what_is_on_its_way_is_not_copied(serve: Callable[..., Clients]) -> None:
    clients = serve(speed=0.01)
    keys = admin(clients, WORKLOAD)
    made = clients("ec2", keys).create_snapshot(VolumeId=clients.volume(keys, "web-01"))["SnapshotId"]
    error = refused(clients("ec2", keys).copy_snapshot, SourceSnapshotId=made, SourceRegion=REGION)
    assert error["Code"] == "IncorrectState"


def source_of(owner: str = WORKLOAD, **condition: Any) -> list[dict[str, Any]]:
    """The two statements of a copy: what is copied, and what is made."""
    return [
        {
            "Effect": "Allow",
            "Action": "ec2:CopySnapshot",
            "Resource": f"arn:aws:ec2:{REGION}::snapshot/*",
            "Condition": {"StringEquals": {"ec2:Owner": owner, **condition}},
        },
        {
            "Effect": "Allow",
            "Action": "ec2:CopySnapshot",
            "Resource": f"arn:aws:ec2:{REGION}::snapshot/*",
            "Condition": {"StringEquals": {"aws:RequestTag/ir-case": "${aws:PrincipalTag/ir-case}"}},
        },
    ]


TAGGING = {
    "Effect": "Allow",
    "Action": "ec2:CreateTags",
    "Resource": f"arn:aws:ec2:{REGION}::snapshot/*",
    "Condition": {"StringEquals": {"ec2:CreateAction": "CopySnapshot"}},
}


def test_what_a_copy_is_authorised_on(quiet: Clients, shared: tuple[Keys, str]) -> None:
    _, snapshot = shared
    volume_arn = f"arn:aws:ec2:{REGION}:{WORKLOAD}:volume/{quiet.volume(admin(quiet, WORKLOAD), 'secret-01')}"

    def verdict(statements: list[dict[str, Any]], tags: Any = TAGGED) -> str:
        text = json.dumps({"Version": "2012-10-17", "Statement": statements}, separators=(",", ":"))
        ec2 = quiet("ec2", quiet.keys(FORENSICS, Policy=text))
        parameters = {"SourceSnapshotId": snapshot, "SourceRegion": REGION, "DryRun": True}
        more = {"TagSpecifications": tags} if tags else {}
        return str(refused(ec2.copy_snapshot, **parameters, **more)["Code"])

    wide = [*source_of(), TAGGING]
    assert verdict(wide) == "DryRunOperation"
    assert verdict([*source_of(**{"ec2:ParentVolume": volume_arn}), TAGGING]) == "DryRunOperation"
    assert (
        verdict([*source_of(**{"ec2:SnapshotID": snapshot, "ec2:Encrypted": "true"}), TAGGING])
        == "DryRunOperation"
    )
    denied = [
        [*source_of(FORENSICS), TAGGING],
        [*source_of(**{"ec2:ParentVolume": volume_arn + "0"}), TAGGING],
        # The source's tags are no condition keys of this action.
        [*source_of(**{"aws:ResourceTag/ir-case": "${aws:PrincipalTag/ir-case}"}), TAGGING],
        [source_of()[0], TAGGING],
        [source_of()[1], TAGGING],
        source_of(),
        [*source_of(), {**TAGGING, "Condition": {"StringEquals": {"ec2:CreateAction": "CreateSnapshot"}}}],
    ]
    for statements in denied:
        assert verdict(statements) == "UnauthorizedOperation"
    other = [{"ResourceType": "snapshot", "Tags": [{"Key": "ir-case", "Value": "another"}]}]
    assert verdict(wide, other) == verdict(wide, None) == "UnauthorizedOperation"


def test_a_copy_of_a_copy_has_no_volume(quiet: Clients) -> None:
    keys = admin(quiet, FORENSICS)
    owner = admin(quiet, WORKLOAD)
    snapshot = quiet.snapshot(owner, quiet.volume(owner, "web-01"))
    quiet("ec2", owner).modify_snapshot_attribute(SnapshotId=snapshot, **permission(FORENSICS))
    made = copy(quiet, keys, snapshot)
    finished(quiet, keys, made)
    parent = f"arn:aws:ec2:{REGION}:{FORENSICS}:volume/vol-ffffffff"
    only = {**EVERYTHING, "Condition": {"StringEquals": {"ec2:ParentVolume": parent}}}
    narrow = admin(quiet, FORENSICS, only)
    assert refused(quiet("ec2", narrow).delete_snapshot, SnapshotId=snapshot)["Code"] == "UnauthorizedOperation"
    quiet("ec2", narrow).delete_snapshot(SnapshotId=made)


# Faults


def test_a_key_disabled_midway_breaks_the_copy(serve: Callable[..., Clients]) -> None:
    # 50 s at speed 1 for this size: 3 s here.
    clients = serve(speed=16.0)
    owner = admin(clients, WORKLOAD)
    snapshot = clients.snapshot(owner, clients.volume(owner, "secret-01"))
    first = copy(clients, owner, snapshot, Encrypted=True, KmsKeyId=ALIASES["evidence"])
    second = copy(clients, owner, snapshot, Encrypted=True, KmsKeyId=ALIASES["customer"])
    await_until(lambda: int(shown(clients, owner, first)["Progress"].rstrip("%")) >= 10)
    assert shown(clients, owner, first)["State"] == "pending"
    clients.range.faults(disabled_keys=[f"{WORKLOAD}:{REGION}:evidence"])
    one = finished(clients, owner, first)
    assert (one["State"], one["StateMessage"]) == ("error", INACCESSIBLE)
    assert int(one["Progress"].rstrip("%")) < 100
    clients.range.faults(disabled_keys=None)
    # An end is for good; what is under another key goes on.
    assert shown(clients, owner, first)["State"] == "error"
    assert finished(clients, owner, second)["State"] == "completed"
    assert refused(clients("ebs", owner).list_snapshot_blocks, SnapshotId=first)["Reason"] == "INVALID_SNAPSHOT_ID"


def test_copies_fail_late(serve: Callable[..., Clients]) -> None:
    clients = serve(speed=50.0, faults={"fail_copies_at": 80})
    owner = admin(clients, WORKLOAD)
    snapshot = clients.snapshot(owner, clients.volume(owner, "web-01"))
    seen: list[tuple[str, int]] = []

    def over() -> bool:
        one = shown(clients, owner, made)
        seen.append((one["State"], int(one["Progress"].rstrip("%"))))
        return seen[-1][0] != "pending"

    made = copy(clients, owner, snapshot)
    await_until(over)
    assert seen[-1][0] == "error"
    assert 80 <= seen[-1][1] < 100
    assert all(percent < 80 for state, percent in seen if state == "pending")
    assert shown(clients, owner, made)["StateMessage"]
    # What is finished stays so, and later copies are well once the fault is over.
    clients.range.faults(fail_copies_at=None)
    again = copy(clients, owner, snapshot)
    assert finished(clients, owner, again)["State"] == "completed"
    clients.range.faults(fail_copies_at=1)
    assert shown(clients, owner, again)["State"] == "completed"


def test_somebody_deletes_the_snapshots(serve: Callable[..., Clients]) -> None:
    clients = serve()
    keys = clients.keys()
    one = clients.snapshot(keys, clients.volume(keys, "web-01"))
    locked = clients.snapshot(keys, clients.volume(keys, "full-01"))
    clients("ec2", keys).lock_snapshot(SnapshotId=locked, LockMode="governance", LockDuration=1)
    ebs = clients("ebs", keys)
    block = ebs.list_snapshot_blocks(SnapshotId=one)["Blocks"][0]
    clients.range.faults(lose_snapshots_after_s=0)
    error = refused(
        ebs.get_snapshot_block, SnapshotId=one, BlockIndex=block["BlockIndex"], BlockToken=block["BlockToken"]
    )
    assert (error["Code"], error["Reason"]) == ("ResourceNotFoundException", "SNAPSHOT_NOT_FOUND")
    ec2 = clients("ec2", keys)
    assert refused(ec2.describe_snapshots, SnapshotIds=[one])["Code"] == "InvalidSnapshot.NotFound"
    assert [found["SnapshotId"] for found in ec2.describe_snapshots(OwnerIds=["self"])["Snapshots"]] == [locked]
    tagged = clients("resourcegroupstaggingapi", keys).get_resources(ResourceTypeFilters=["ec2:snapshot"])
    assert [found["ResourceARN"].rpartition("/")[2] for found in tagged["ResourceTagMappingList"]] == [locked]
    # Gone is gone.
    clients.range.faults(lose_snapshots_after_s=None)
    assert refused(ec2.describe_snapshots, SnapshotIds=[one])["Code"] == "InvalidSnapshot.NotFound"
    assert clients.snapshot(keys, clients.volume(keys, "web-01"))


def test_a_whole_instance_begins_as_one(serve: Callable[..., Clients]) -> None:
    disks = [volume(device, image="web.raw") for device in ("/dev/xvda", "/dev/sdf", "/dev/sdg")]
    clients = serve(more=[instance("box", *disks, tags={"Forensics": "Enabled"})])
    keys = clients.keys()
    ec2 = clients("ec2", keys)
    filters = [{"Name": "tag:Name", "Values": ["box"]}]
    box = ec2.describe_instances(Filters=filters)["Reservations"][0]["Instances"][0]
    ids = [mapping["Ebs"]["VolumeId"] for mapping in box["BlockDeviceMappings"]]

    def specification(**more: Any) -> dict[str, Any]:
        return {"InstanceSpecification": {"InstanceId": box["InstanceId"], **more}, "TagSpecifications": TAGGED}

    made = ec2.create_snapshots(**specification())["Snapshots"]
    assert sorted(one["VolumeId"] for one in made) == sorted(ids)
    assert len({one["StartTime"] for one in made}) == 1
    assert {one["State"] for one in made} <= {"pending", "completed"}
    some = ec2.create_snapshots(**specification(ExcludeBootVolume=True, ExcludeDataVolumeIds=[ids[2]]))[
        "Snapshots"
    ]
    assert [one["VolumeId"] for one in some] == [ids[1]]
    for wrong, code in (
        ({"ExcludeDataVolumeIds": [ids[0]]}, "InvalidParameterValue"),
        ({"ExcludeBootVolume": True, "ExcludeDataVolumeIds": ids[1:]}, "InvalidParameterValue"),
        ({"ExcludeDataVolumeIds": ["vol-0123"]}, "InvalidVolume.NotFound"),
    ):
        assert refused(ec2.create_snapshots, **specification(**wrong))["Code"] == code
