"""What wider identities than the collect role can do: share, copy, write; and what bounds them."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Callable
from pathlib import Path

from providers.emulators.range import RangeThread
from tests.emulators.clients import CASE_TAGS, Clients, admin, await_until, permission, refused
from tests.emulators.packs import ACCOUNTS, BLOCK, FORENSICS, WORKLOAD, instance, volume, write_image, write_pack


def test_a_shared_snapshot_is_seen_copied_and_read(serve: Callable[..., Clients]) -> None:
    clients = serve()
    owner, other = admin(clients, WORKLOAD), admin(clients, FORENSICS)
    snapshot = clients.snapshot(owner, clients.volume(owner, "secret-01"))
    there = clients("ec2", other)
    assert refused(there.describe_snapshots, SnapshotIds=[snapshot])["Code"] == "InvalidSnapshot.NotFound"
    clients("ec2", owner).modify_snapshot_attribute(SnapshotId=snapshot, **permission(FORENSICS))
    shown = clients("ec2", owner).describe_snapshot_attribute(
        SnapshotId=snapshot, Attribute="createVolumePermission"
    )
    assert shown["CreateVolumePermissions"] == [{"UserId": FORENSICS}]
    seen = there.describe_snapshots(SnapshotIds=[snapshot])["Snapshots"][0]
    assert seen["OwnerId"] == WORKLOAD
    assert there.describe_snapshots(OwnerIds=["self"])["Snapshots"] == []
    assert len(there.describe_snapshots(RestorableByUserIds=["self"])["Snapshots"]) == 1
    # The key's policy lets the forensics account use it, so that its bytes can be read there too.
    assert len(clients("ebs", other).list_snapshot_blocks(SnapshotId=snapshot)["Blocks"]) == 5
    copy = there.copy_snapshot(
        SourceSnapshotId=snapshot,
        SourceRegion="eu-west-1",
        TagSpecifications=[{"ResourceType": "snapshot", "Tags": CASE_TAGS}],
    )["SnapshotId"]
    await_until(lambda: clients.state(other, copy) == "completed")
    mine = there.describe_snapshots(SnapshotIds=[copy])["Snapshots"][0]
    assert (mine["OwnerId"], mine["Encrypted"], mine["Tags"]) == (FORENSICS, True, CASE_TAGS)
    assert f":{FORENSICS}:key/" in mine["KmsKeyId"]
    assert len(clients("ebs", other).list_snapshot_blocks(SnapshotId=copy)["Blocks"]) == 5
    assert refused(there.delete_snapshot, SnapshotId=snapshot)["Code"] == "InvalidSnapshot.NotFound"


def test_the_default_key_cannot_be_shared(serve: Callable[..., Clients]) -> None:
    clients = serve()
    owner = admin(clients, WORKLOAD)
    snapshot = clients.snapshot(owner, clients.volume(owner, "secret-01", "/dev/sdf"))
    error = refused(clients("ec2", owner).modify_snapshot_attribute, SnapshotId=snapshot, **permission(FORENSICS))
    assert error["Code"] == "InvalidParameter"


def test_whom_one_may_share_with_can_be_bounded(serve: Callable[..., Clients]) -> None:
    clients = serve()
    only = {"Condition": {"StringEquals": {"ec2:Add/userId": FORENSICS}}}
    share = {"Effect": "Allow", "Action": "ec2:ModifySnapshotAttribute", "Resource": "*", **only}
    owner, narrow = admin(clients, WORKLOAD), admin(clients, WORKLOAD, share)
    snapshot = clients.snapshot(owner, clients.volume(owner, "web-01"))
    ec2 = clients("ec2", narrow)
    error = refused(ec2.modify_snapshot_attribute, SnapshotId=snapshot, **permission("999999999999"))
    assert error["Code"] == "UnauthorizedOperation"
    ec2.modify_snapshot_attribute(SnapshotId=snapshot, **permission(FORENSICS))
    ec2.modify_snapshot_attribute(
        SnapshotId=snapshot, Attribute="createVolumePermission", OperationType="add", UserIds=[FORENSICS]
    )


def test_what_moto_does_not_know_is_a_clear_refusal(serve: Callable[..., Clients]) -> None:
    clients = serve()
    owner = admin(clients, WORKLOAD)
    error = refused(clients("ec2", owner).get_ebs_default_kms_key_id)
    assert (error["Code"], error["Status"]) == ("NotImplementedInEmbeddedCloud", 400)


def test_a_service_control_policy_of_the_scenario_holds(tmp_path: Path) -> None:
    pack = tmp_path / "pack"
    pack.mkdir()
    deny = {"Effect": "Deny", "Action": "ec2:CreateSnapshot", "Resource": "*"}
    (pack / "deny.json").write_text(json.dumps({"Version": "2012-10-17", "Statement": [deny]}))
    write_image(pack / "web.raw", {0: b"x"}, BLOCK)
    accounts = [{**one, "scp": "deny.json"} if one["id"] == WORKLOAD else one for one in ACCOUNTS]
    write_pack(pack, accounts=accounts, instances=[instance("web-01", volume(image="web.raw"))])
    with RangeThread(pack, tmp_path / "state") as embedded:
        clients = Clients(embedded)
        keys = clients.keys()
        error = refused(
            clients("ec2", keys).create_snapshot,
            VolumeId=clients.volume(keys, "web-01"),
            TagSpecifications=[{"ResourceType": "snapshot", "Tags": CASE_TAGS}],
        )
        assert "with an explicit deny in a service control policy" in error["Message"]


def test_a_snapshot_is_written_block_by_block(serve: Callable[..., Clients]) -> None:
    clients = serve()
    owner = admin(clients, WORKLOAD)
    ebs = clients("ebs", owner)
    parent = clients.snapshot(owner, clients.volume(owner, "web-01"))
    started = ebs.start_snapshot(VolumeSize=1, ParentSnapshotId=parent, Tags=CASE_TAGS)
    snapshot = started["SnapshotId"]
    assert (started["Status"], started["BlockSize"], started["ParentSnapshotId"]) == ("pending", BLOCK, parent)
    assert clients.state(owner, snapshot) == "pending"
    data = b"written".ljust(BLOCK, b"\0")
    digest = base64.b64encode(hashlib.sha256(data).digest()).decode()
    put = {"SnapshotId": snapshot, "BlockIndex": 1, "BlockData": data, "DataLength": BLOCK}
    wrong = {"Checksum": base64.b64encode(bytes(32)).decode(), "ChecksumAlgorithm": "SHA256"}
    assert refused(ebs.put_snapshot_block, **put, **wrong)["Code"] == "ValidationException"
    answer = ebs.put_snapshot_block(**put, Checksum=digest, ChecksumAlgorithm="SHA256")
    assert answer["Checksum"] == digest
    assert refused(ebs.list_snapshot_blocks, SnapshotId=snapshot)["Reason"] == "INVALID_SNAPSHOT_ID"
    assert (
        refused(ebs.complete_snapshot, SnapshotId=snapshot, ChangedBlocksCount=2)["Code"] == "ValidationException"
    )
    assert ebs.complete_snapshot(SnapshotId=snapshot, ChangedBlocksCount=1)["Status"] == "completed"
    assert (
        refused(ebs.put_snapshot_block, **put, Checksum=digest, ChecksumAlgorithm="SHA256")["Reason"]
        == "INVALID_SNAPSHOT_ID"
    )
    changed = ebs.list_changed_blocks(FirstSnapshotId=parent, SecondSnapshotId=snapshot)["ChangedBlocks"]
    assert [block["BlockIndex"] for block in changed] == [1]
    token = changed[0]["SecondBlockToken"]
    got = ebs.get_snapshot_block(SnapshotId=snapshot, BlockIndex=1, BlockToken=token)["BlockData"].read()
    assert got == data
