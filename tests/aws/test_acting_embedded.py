"""Every act against the embedded cloud: performed, found again, taken back, and refused."""

from __future__ import annotations

import json
import logging
from collections.abc import AsyncIterator, Iterator
from zlib import crc32

import pytest

from app.faults import Broken, CredentialExpired, Denied, Fault, Gone, Refused
from app.model import Step
from providers.emulators.range import Range, RangeThread
from tests.aws.acting import (
    CASE,
    ELSEWHERE,
    FORENSICS,
    OFF,
    REGION,
    SOURCE,
    USER_DATA,
    Ground,
    copied,
    create,
    create_all,
    delete,
    open_ground,
    share,
    step,
    transport,
    unshare,
    wait,
    write_ground,
)


@pytest.fixture(scope="module")
def embedded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Range]:
    folder = tmp_path_factory.mktemp("acting")
    with RangeThread(write_ground(folder / "pack"), folder / "range") as running:
        yield running


@pytest.fixture
async def ground(embedded: Range, request: pytest.FixtureRequest) -> AsyncIterator[Ground]:
    here = open_ground(embedded)
    here.acquisition = f"A-{crc32(request.node.name.encode())}"
    yield here
    await here.faults(**OFF)
    await here.provider.close()


async def users(ground: Ground, snapshot: str) -> list[str]:
    said = await ground.ec2("describe_snapshot_attribute", SnapshotId=snapshot, Attribute="createVolumePermission")
    return [one["UserId"] for one in said["CreateVolumePermissions"]]


async def test_share_copy_lock_unshare_and_each_is_found_again(
    ground: Ground, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    _, (volume,) = await ground.instance("customer")
    key = ground.key(FORENSICS, "evidence")
    made = await ground.act(create(volume))
    await ground.wait(wait(2, 1, volume))
    shared = await ground.act(share(3, 1, volume))
    assert shared.output == {"snapshot_id": made.resource, "account": FORENSICS}
    assert await users(ground, made.resource) == [FORENSICS]
    copy = await ground.act(copied(4, 1, volume, key))
    assert copy.output == {
        "snapshot_id": copy.resource,
        "volume_id": volume,
        "size_bytes": 1 << 30,
        "encrypted": True,
        "kms_key_id": key,
    }
    lock = step(
        5, "ec2:LockSnapshot", account=FORENSICS, op="snapshot.lock", volume_id=volume, snapshot_step="4", days=7
    )
    locked = await ground.act(lock)
    assert (locked.output["snapshot_id"], locked.output["mode"]) == (copy.resource, "governance")
    ready = await ground.wait(wait(6, 4, volume, account=FORENSICS))
    assert ready.output.items() >= copy.output.items()
    taken = await ground.act(unshare(7, 1, volume, 3))
    assert taken.output == shared.output
    assert await users(ground, made.resource) == []
    for again, first in ((create(volume), made), (copied(4, 1, volume, key), copy), (lock, locked)):
        found = await ground.find(again)
        assert found is not None
        assert found.output.items() >= first.output.items() - {("until", locked.output.get("until"))}
    assert await ground.find(share(3, 1, volume)) is None
    assert await ground.find(unshare(7, 1, volume, 3)) is not None
    # A longer lock is not there yet.
    longer = step(
        5, "ec2:LockSnapshot", account=FORENSICS, op="snapshot.lock", volume_id=volume, snapshot_step="4", days=30
    )
    assert await ground.find(longer) is None
    for secret in ("PresignedUrl", "X-Amz-Signature", "X-Amz-Security-Token"):
        assert secret not in caplog.text


async def test_a_copy_crosses_regions(ground: Ground) -> None:
    _, (volume,) = await ground.instance("customer")
    key = ground.key(FORENSICS, "evidence", ELSEWHERE)
    await ground.act(create(volume))
    await ground.wait(wait(2, 1, volume))
    await ground.act(share(3, 1, volume))
    copy = await ground.act(copied(4, 1, volume, key, ELSEWHERE))
    ready = await ground.wait(wait(5, 4, volume, account=FORENSICS, region=ELSEWHERE))
    assert (ready.resource, ready.output["kms_key_id"]) == (copy.resource, key)
    await ground.act(unshare(6, 1, volume, 3))


async def test_the_default_key_goes_by_a_transport_copy_that_alone_is_deleted(ground: Ground) -> None:
    _, (volume,) = await ground.instance("default")
    original = await ground.act(create(volume))
    await ground.wait(wait(2, 1, volume))
    with pytest.raises(Fault):
        await ground.act(share(9, 1, volume))
    bridge = await ground.act(transport(3, 1, volume, ground.key(SOURCE, "evidence")))
    await ground.wait(wait(4, 3, volume))
    described = (await ground.ec2("describe_snapshots", SnapshotIds=[bridge.resource]))["Snapshots"][0]
    assert {"Key": "jumpbag:transport", "Value": "yes"} in described["Tags"]
    await ground.act(share(5, 3, volume))
    await ground.act(copied(6, 3, volume, ground.key(FORENSICS, "evidence")))
    await ground.wait(wait(7, 6, volume, account=FORENSICS))
    await ground.act(unshare(8, 3, volume, 5))
    before = len(await ground.calls("ec2:DeleteSnapshot"))
    # The original is refused here, before anything leaves.
    with pytest.raises(Refused, match="not a transport copy"):
        await ground.act(delete(9, 1, volume))
    # So is a transport copy of another acquisition.
    mine, ground.acquisition = ground.acquisition, "A-7777"
    with pytest.raises(Refused, match="A-7777"):
        await ground.act(delete(9, 3, volume))
    ground.acquisition = mine
    assert len(await ground.calls("ec2:DeleteSnapshot")) == before
    assert await ground.find(delete(9, 3, volume)) is None
    gone = await ground.act(delete(9, 3, volume))
    assert gone.output == {"snapshot_id": bridge.resource}
    again = await ground.find(delete(9, 3, volume))
    assert again is not None
    left = (await ground.ec2("describe_snapshots", OwnerIds=["self"]))["Snapshots"]
    ids = {one["SnapshotId"] for one in left}
    assert original.resource in ids
    assert bridge.resource not in ids
    # What is gone is shared with nobody, and cannot be shared.
    assert await ground.find(unshare(8, 3, volume, 5)) is not None
    with pytest.raises(Gone, match=bridge.resource):
        await ground.act(share(5, 3, volume))


async def test_nobody_but_the_forensics_account_is_shared_with(ground: Ground) -> None:
    _, (volume,) = await ground.instance("plain")
    await ground.act(create(volume))
    await ground.wait(wait(2, 1, volume))
    foreign = step(
        3, "ec2:ModifySnapshotAttribute", volume_id=volume, snapshot_step="1", **{"with": "999999999999"}
    )
    before = len(await ground.calls("ec2:ModifySnapshotAttribute"))
    with pytest.raises(Refused, match="999999999999"):
        await ground.act(foreign)
    assert len(await ground.calls("ec2:ModifySnapshotAttribute")) == before


async def test_all_volumes_at_one_point_in_time(ground: Ground) -> None:
    instance, volumes = await ground.instance("triple")
    everything = create_all(instance, volumes, boot=True, excluded=[])
    assert await ground.find(everything) is None
    made = await ground.act(everything)
    assert list(made.output["snapshots"]) == volumes
    assert made.resource == ", ".join(one["snapshot_id"] for one in made.output["snapshots"].values())
    ready = await ground.wait(wait(2, 1))
    assert set(ready.output["snapshots"]) == set(volumes)
    single = await ground.wait(wait(3, 1, volumes[1]))
    assert single.resource == made.output["snapshots"][volumes[1]]["snapshot_id"]
    again = await ground.find(everything)
    assert again is not None
    assert again.resource == made.resource
    assert len(await ground.calls("ec2:CreateSnapshots")) == 1
    reads = step(4, "ebs:GetSnapshotBlock", kind="download", volume_id=volumes[2], snapshot_step="1")
    assert (
        ground.provider.blocks.snapshot(reads, ground.context())
        == (made.output["snapshots"][volumes[2]]["snapshot_id"])
    )
    # Somebody deletes one: said plainly, by the look and by the wait.
    lost = made.output["snapshots"][volumes[0]]["snapshot_id"]
    await ground.ec2("delete_snapshot", SnapshotId=lost)
    with pytest.raises(Broken, match=f"only 2 of 3 volumes.*{volumes[0]}"):
        await ground.find(everything)
    with pytest.raises(Gone, match=lost):
        await ground.wait(wait(2, 1))


async def test_volumes_are_left_out_by_name(ground: Ground) -> None:
    instance, (boot, customer, default) = await ground.instance("triple")
    made = await ground.act(create_all(instance, [customer], boot=False, excluded=[default]))
    assert list(made.output["snapshots"]) == [customer]
    # A volume that was attached after planning is more than was asked for.
    ground.acquisition += "-b"
    with pytest.raises(Fault, match="not asked for"):
        await ground.act(create_all(instance, [boot, customer], boot=True, excluded=[]))


async def test_lost_answers_make_nothing_twice(ground: Ground) -> None:
    _, (volume,) = await ground.instance("default")
    evidence, ours = ground.key(SOURCE, "evidence"), ground.key(FORENSICS, "evidence")
    await ground.lease(SOURCE), await ground.lease(FORENSICS)
    lost = 0

    async def stubbornly(one: Step) -> None:
        nonlocal lost
        for _ in range(200):
            try:
                await (ground.act(one) if one.kind == "act" else ground.wait(one))
            except Fault as fault:
                assert fault.retryable, fault.message
                lost += 1
            else:
                return
        raise AssertionError(f"step {one.id} never ended")

    steps = [
        create(volume),
        wait(2, 1, volume),
        transport(3, 1, volume, evidence),
        wait(4, 3, volume),
        share(5, 3, volume),
        copied(6, 3, volume, ours),
        step(7, "ec2:LockSnapshot", account=FORENSICS, volume_id=volume, snapshot_step="6", days=1),
        wait(8, 6, volume, account=FORENSICS),
        unshare(9, 3, volume, 5),
        delete(10, 3, volume),
    ]
    await ground.faults(drop_connections=0.35)
    for one in steps:
        await stubbornly(one)
    assert lost
    await ground.faults(drop_connections=0.0)
    wanted = [
        {"Name": "tag:ir-case", "Values": [CASE]},
        {"Name": "tag:jumpbag:acquisition", "Values": [ground.acquisition]},
    ]
    here = (await ground.ec2("describe_snapshots", OwnerIds=["self"], Filters=wanted))["Snapshots"]
    there = (await ground.ec2("describe_snapshots", FORENSICS, OwnerIds=["self"], Filters=wanted))["Snapshots"]
    assert [one["SnapshotId"] for one in here] == [ground.outputs["1"]["snapshot_id"]]
    assert [one["SnapshotId"] for one in there] == [ground.outputs["6"]["snapshot_id"]]
    assert await users(ground, here[0]["SnapshotId"]) == []


async def test_a_copy_that_fails_late_is_broken_and_never_counts_as_made(ground: Ground) -> None:
    _, (volume,) = await ground.instance("plain")
    again = transport(3, 1, volume, ground.key(SOURCE, "evidence"))
    await ground.act(create(volume))
    await ground.wait(wait(2, 1, volume))
    await ground.faults(fail_copies_at=80)
    copy = await ground.act(again)
    with pytest.raises(Broken, match=copy.resource) as caught:
        await ground.wait(wait(4, 3, volume))
    assert "resume it: the step is done anew" in caught.value.next
    assert await ground.find(again) is None


async def test_a_snapshot_that_somebody_deletes_midway_is_gone(ground: Ground) -> None:
    _, (volume,) = await ground.instance("plain")
    made = await ground.act(create(volume))
    await ground.provider.actuator.probe(wait(2, 1, volume), ground.context(), await ground.lease(SOURCE))
    await ground.ec2("delete_snapshot", SnapshotId=made.resource)
    with pytest.raises(Gone, match=made.resource) as caught:
        await ground.wait(wait(2, 1, volume))
    assert "CloudTrail" in caught.value.next and "resume it" in caught.value.next
    # An account that never sees the snapshot is told so, and nothing is sent.
    before = len(await ground.calls("ec2:CopySnapshot"))
    with pytest.raises(Gone, match=made.resource):
        await ground.act(copied(4, 1, volume, ground.key(FORENSICS, "evidence")))
    assert len(await ground.calls("ec2:CopySnapshot")) == before


@pytest.mark.parametrize("several", [False, True])
async def test_a_rehearsal_asks_and_changes_nothing(ground: Ground, several: bool) -> None:
    instance, volumes = await ground.instance("triple")
    real = create_all(instance, volumes, boot=True) if several else create(volumes[0])
    asking = step(0, real.call, kind="rehearse")
    lease = await ground.lease(SOURCE)
    assert await ground.provider.actuator.rehearse(asking, real, ground.context(), lease)
    assert await ground.find(real) is None
    dry = (await ground.calls(real.call))[-1]
    assert (dry["dry_run"], dry["mutating"], dry["code"]) == (True, False, "DryRunOperation")
    await ground.faults(deny=[real.call])
    with pytest.raises(Denied, match=real.call):
        await ground.provider.actuator.rehearse(asking, real, ground.context(), lease)
    assert (lease.lease, real.call) in ground.used


async def test_what_leaves_under_a_lease_is_counted(ground: Ground) -> None:
    await ground.provider.identity.caller()
    assert ground.used == []
    _, (volume,) = await ground.instance("plain")
    await ground.act(create(volume))
    await ground.wait(wait(2, 1, volume))
    assert {lease for lease, _ in ground.used} == {f"L-{SOURCE}"}
    assert {action for _, action in ground.used} == {"ec2:CreateSnapshot", "ec2:DescribeSnapshots"}


async def test_a_key_disabled_midway_is_no_matter_of_the_lease(ground: Ground) -> None:
    _, (volume,) = await ground.instance("customer")
    await ground.act(create(volume))
    await ground.wait(wait(2, 1, volume))
    reads = step(3, "ebs:GetSnapshotBlock", kind="download", volume_id=volume, snapshot_step="1")
    grant = await ground.lease(SOURCE)

    async def blocks() -> int:
        return sum(
            [
                len(page.blocks)
                async for page in ground.provider.blocks.index(reads, ground.context(), lambda: grant)
            ]
        )

    assert await blocks() == 2
    await ground.faults(disabled_keys=[f"{SOURCE}:{REGION}:customer"])
    with pytest.raises(Denied, match="KMS key") as caught:
        await blocks()
    assert not isinstance(caught.value, CredentialExpired)
    assert "enabled" in caught.value.next


async def _collect(ground: Ground, name: str, **keys: object) -> Step:
    instance, volumes = await ground.instance(name)
    return step(1, "ec2:DescribeInstances", kind="collect", instance_id=instance, volume_ids=volumes, **keys)


async def test_what_describes_an_instance_is_collected(ground: Ground) -> None:
    one = await _collect(ground, "triple")
    facts = await ground.ec2("describe_instances", InstanceIds=[one.params["instance_id"]])
    profile = facts["Reservations"][0]["Instances"][0]["IamInstanceProfile"]["Arn"]
    role = f"arn:aws:iam::{SOURCE}:role/{profile.rpartition('/')[2]}"
    first = await ground.collect(await _collect(ground, "triple", profile=profile, role=role, inline=True))
    listed = json.loads(first["iam/list-attached-role-policies.json"].content)["AttachedPolicies"]
    policies = [entry["PolicyArn"] for entry in listed]
    assert policies
    assert {part.gap != "" for name, part in first.items() if name.startswith("iam/policy-")} == {True}
    parts = await ground.collect(
        await _collect(ground, "triple", profile=profile, role=role, inline=True, policies=policies)
    )
    whole = {name for name, part in parts.items() if not part.gap}
    assert whole >= {
        "ec2/describe-instances.json",
        "ec2/describe-instance-status.json",
        "ec2/describe-volumes.json",
        "ec2/describe-network-interfaces.json",
        "ec2/describe-security-groups.json",
        "ec2/describe-images.json",
        "ec2/instance-attribute-api-termination.json",
        "ec2/instance-attribute-shutdown-behavior.json",
        "ec2/user-data.bin",
        "ec2/console-output.txt",
        "ec2/console-screenshot.jpg",
        "iam/get-instance-profile.json",
        "iam/get-role.json",
        "iam/inline-policy-1.json",
        "iam/policy-1.json",
    }
    assert all(part.request_id for part in parts.values() if not part.gap)
    assert parts["ec2/user-data.bin"].content == USER_DATA.encode()
    assert b"\r\n" in parts["ec2/console-output.txt"].content
    assert parts["ec2/console-screenshot.jpg"].content.startswith(b"\xff\xd8\xff")
    volumes = json.loads(parts["ec2/describe-volumes.json"].content)["Volumes"]
    assert {entry["VolumeId"] for entry in volumes} == set(one.params["volume_ids"])
    policy = json.loads(parts["iam/policy-1.json"].content)
    assert policy["Policy"]["Arn"] == policies[0]
    assert policy["PolicyVersion"]["Document"]["Statement"]
    for name, part in parts.items():
        if name.endswith(".json") and not part.gap:
            value = json.loads(part.content)
            assert "ResponseMetadata" not in value
            assert part.content == json.dumps(value, sort_keys=True, indent=2).encode() + b"\n"


async def test_what_does_not_exist_is_a_gap_and_what_is_refused_is_raised(ground: Ground) -> None:
    parts = await ground.collect(await _collect(ground, "plain"))
    gaps = {name: part.gap for name, part in parts.items() if part.gap}
    assert gaps["ec2/user-data.bin"] == "the instance has no user data"
    assert gaps["iam/get-instance-profile.json"] == "the instance has no instance profile"
    assert all(part.content == b"" for part in parts.values() if part.gap)
    for action in ("ec2:GetConsoleScreenshot", "ec2:DescribeImages", "ec2:DescribeInstanceAttribute"):
        await ground.faults(deny=[action])
        with pytest.raises(Denied, match=action):
            await ground.collect(await _collect(ground, "plain"))
