"""EBS direct through real clients: the bytes of an image, tokens, paging, keys, writing."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Callable
from typing import Any

import pytest

from tests.emulators.clients import CASE_TAGS, Clients, Keys, admin, refused
from tests.emulators.conftest import WEB_BLOCKS, WEB_BYTES
from tests.emulators.packs import BLOCK, FORENSICS, WORKLOAD


@pytest.fixture(scope="module")
def snapshot(quiet: Clients, keys: Keys) -> str:
    return quiet.snapshot(keys, quiet.volume(keys, "web-01"))


@pytest.fixture(scope="module")
def full(quiet: Clients, keys: Keys) -> str:
    """A snapshot of 250 allocated blocks."""
    return quiet.snapshot(keys, quiet.volume(keys, "full-01"))


def read(ebs: Any, snapshot_id: str, block: dict[str, Any]) -> bytes:
    """One block, checked as a client must."""
    answer = ebs.get_snapshot_block(
        SnapshotId=snapshot_id, BlockIndex=block["BlockIndex"], BlockToken=block["BlockToken"]
    )
    data: bytes = answer["BlockData"].read()
    assert answer["DataLength"] == BLOCK == len(data)
    assert answer["ChecksumAlgorithm"] == "SHA256"
    assert answer["Checksum"] == base64.b64encode(hashlib.sha256(data).digest()).decode()
    return data


def test_the_blocks_are_the_images_bytes(quiet: Clients, keys: Keys, snapshot: str) -> None:
    ebs = quiet("ebs", keys)
    page = ebs.list_snapshot_blocks(SnapshotId=snapshot)
    assert (page["VolumeSize"], page["BlockSize"], page.get("NextToken")) == (1, BLOCK, None)
    assert [block["BlockIndex"] for block in page["Blocks"]] == sorted(WEB_BLOCKS)
    for block in page["Blocks"]:
        start = WEB_BLOCKS[block["BlockIndex"]]
        # The last block is whole too: what the file lacks reads as zeros.
        assert read(ebs, snapshot, block) == start.ljust(BLOCK, b"\0")
    assert WEB_BYTES % BLOCK == 1000


def test_a_blank_disk_has_no_blocks(quiet: Clients, keys: Keys) -> None:
    blank = quiet.snapshot(keys, quiet.volume(keys, "blank-01"))
    page = quiet("ebs", keys).list_snapshot_blocks(SnapshotId=blank)
    assert (page["Blocks"], page["VolumeSize"]) == ([], 3)


def test_lists_are_paged_and_start_anywhere(quiet: Clients, keys: Keys, full: str) -> None:
    ebs = quiet("ebs", keys)
    found: list[int] = []
    token: dict[str, str] = {}
    sizes = []
    while True:
        page = ebs.list_snapshot_blocks(SnapshotId=full, MaxResults=100, **token)
        sizes.append(len(page["Blocks"]))
        found += [block["BlockIndex"] for block in page["Blocks"]]
        if not page.get("NextToken"):
            break
        assert len(page["NextToken"]) <= 256
        token = {"NextToken": page["NextToken"]}
    assert sizes == [100, 100, 50]
    assert found == list(range(250))
    page = ebs.list_snapshot_blocks(SnapshotId=full, StartingBlockIndex=247)
    assert [block["BlockIndex"] for block in page["Blocks"]] == [247, 248, 249]
    for bad, reason in (
        ({"MaxResults": 99}, "INVALID_PARAMETER_VALUE"),
        ({"NextToken": "AAAA"}, "INVALID_PAGE_TOKEN"),
    ):
        error = refused(_unchecked(quiet, keys).list_snapshot_blocks, SnapshotId=full, **bad)
        assert (error["Code"], error["Reason"], error["Status"]) == ("ValidationException", reason, 400)


def _unchecked(clients: Clients, keys: Keys) -> Any:
    from tests.emulators.test_identity import Unchecked

    return Unchecked(clients)("ebs", keys)


def test_block_tokens_change_and_belong_to_one_block(quiet: Clients, keys: Keys, snapshot: str, full: str) -> None:
    ebs = quiet("ebs", keys)
    first, again = (ebs.list_snapshot_blocks(SnapshotId=snapshot)["Blocks"] for _ in range(2))
    assert all(one["BlockToken"] != other["BlockToken"] for one, other in zip(first, again, strict=True))
    assert read(ebs, snapshot, first[0]) == read(ebs, snapshot, again[0])
    wrong = [
        {"SnapshotId": snapshot, "BlockIndex": 1, "BlockToken": first[0]["BlockToken"]},
        {"SnapshotId": full, "BlockIndex": 0, "BlockToken": first[0]["BlockToken"]},
        {"SnapshotId": snapshot, "BlockIndex": 0, "BlockToken": "AAAA"},
    ]
    for parameters in wrong:
        error = refused(ebs.get_snapshot_block, **parameters)
        assert (error["Code"], error["Reason"]) == ("ValidationException", "INVALID_BLOCK_TOKEN")
    error = refused(ebs.get_snapshot_block, SnapshotId=snapshot, BlockIndex=2048, BlockToken="AAAA")
    assert error["Reason"] == "INVALID_BLOCK"


def test_unknown_and_foreign_snapshots(quiet: Clients, keys: Keys, snapshot: str) -> None:
    for ebs, one in ((quiet("ebs", keys), "snap-0123"), (quiet("ebs", quiet.keys(FORENSICS)), snapshot)):
        error = refused(ebs.list_snapshot_blocks, SnapshotId=one)
        assert (error["Code"], error["Status"], error["Reason"]) == (
            "ResourceNotFoundException",
            404,
            "SNAPSHOT_NOT_FOUND",
        )
    elsewhere = quiet("ebs", keys, "eu-central-1")
    assert refused(elsewhere.list_snapshot_blocks, SnapshotId=snapshot)["Code"] == "ResourceNotFoundException"


def test_a_snapshot_of_another_case_is_not_read(quiet: Clients, snapshot: str) -> None:
    stranger = quiet.keys(Tags=[{"Key": "ir-case", "Value": "another"}])
    error = refused(quiet("ebs", stranger).list_snapshot_blocks, SnapshotId=snapshot)
    assert (error["Code"], error["Status"]) == ("AccessDeniedException", 403)
    call = quiet.last_call()
    assert (call["decision"], call["action"], call["code"]) == (
        "deny",
        "ebs:ListSnapshotBlocks",
        "AccessDeniedException",
    )


def test_a_snapshot_that_is_not_completed_is_not_read(serve: Callable[..., Clients]) -> None:
    clients = serve(speed=0.01)
    keys = clients.keys()
    made = clients("ec2", keys).create_snapshot(
        VolumeId=clients.volume(keys, "web-01"),
        TagSpecifications=[{"ResourceType": "snapshot", "Tags": CASE_TAGS}],
    )
    error = refused(clients("ebs", keys).list_snapshot_blocks, SnapshotId=made["SnapshotId"])
    assert (error["Code"], error["Reason"]) == ("ValidationException", "INVALID_SNAPSHOT_ID")


@pytest.mark.parametrize("device", ["/dev/xvda", "/dev/sdf"])
def test_an_encrypted_snapshot_needs_decrypt_as_well(quiet: Clients, keys: Keys, device: str) -> None:
    secret = quiet.snapshot(keys, quiet.volume(keys, "secret-01", device))
    block = quiet("ebs", keys).list_snapshot_blocks(SnapshotId=secret)["Blocks"][0]
    policy = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "ebs:*", "Resource": "*"}]}
    narrow = quiet.keys(Policy=json.dumps(policy))
    error = refused(
        quiet("ebs", narrow).get_snapshot_block,
        SnapshotId=secret,
        BlockIndex=block["BlockIndex"],
        BlockToken=block["BlockToken"],
    )
    assert (error["Code"], error["Reason"]) == ("AccessDeniedException", "DEPENDENCY_ACCESS_DENIED")
    assert "kms:Decrypt" in error["Message"]
    assert read(quiet("ebs", keys), secret, block)


def test_the_journal_counts_runs_of_reads(serve: Callable[..., Clients]) -> None:
    clients = serve()
    keys = clients.keys()
    one = clients.snapshot(keys, clients.volume(keys, "web-01"))
    ebs = clients("ebs", keys)
    blocks = ebs.list_snapshot_blocks(SnapshotId=one)["Blocks"]
    for block in [*blocks, blocks[0]]:
        read(ebs, one, block)
    call = clients.last_call()
    assert (call["action"], call["count"], call["mutating"]) == ("ebs:GetSnapshotBlock", 6, False)
    assert call["resources"] == [f"arn:aws:ec2:eu-west-1::snapshot/{one}"]
    state = clients.range.state()
    assert state["blocks"] == [
        {"snapshot": one, "account": keys_account(clients, keys), "reads": 6, "distinct": 5}
    ]
    assert [entry["n"] for entry in state["calls"]] == list(range(1, len(state["calls"]) + 1))


def keys_account(clients: Clients, keys: Keys) -> str:
    return str(clients("sts", keys).get_caller_identity()["Account"])


def test_what_was_changed_between_two_snapshots(quiet: Clients, keys: Keys, snapshot: str) -> None:
    error = refused(quiet("ebs", keys).list_changed_blocks, SecondSnapshotId=snapshot)
    assert error["Code"] == "AccessDeniedException"
    ebs = quiet("ebs", admin(quiet, WORKLOAD))
    whole = ebs.list_changed_blocks(SecondSnapshotId=snapshot)["ChangedBlocks"]
    assert [block["BlockIndex"] for block in whole] == sorted(WEB_BLOCKS)
    assert all("FirstBlockToken" not in block for block in whole)
    later = quiet.snapshot(keys, quiet.volume(keys, "web-01"))
    assert ebs.list_changed_blocks(FirstSnapshotId=snapshot, SecondSnapshotId=later)["ChangedBlocks"] == []
    other = quiet.snapshot(keys, quiet.volume(keys, "full-01"))
    error = refused(ebs.list_changed_blocks, FirstSnapshotId=snapshot, SecondSnapshotId=other)
    assert error["Reason"] == "UNRELATED_SNAPSHOTS"


def test_writing_is_beyond_the_collect_role(quiet: Clients, keys: Keys) -> None:
    error = refused(quiet("ebs", keys).start_snapshot, VolumeSize=1, Tags=CASE_TAGS)
    assert error["Code"] == "AccessDeniedException"
    assert quiet.last_call()["mutating"]
