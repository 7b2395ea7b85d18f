"""Calls by name: what each asks for, as the vendor's reference has it, and how it is made through the SDK.

Each function takes the bench, the account that calls and the call's own particulars (names of things on the
bench), and gives a :class:`Call`. ``wire`` is None for what cannot be called through an SDK: KMS actions that EC2
does on somebody's behalf.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tests.policies.asks import CASE_TAG, Ask, anywhere, keyed, new_snapshots, on, on_blocks
from tests.policies.bench import CASE, FORENSICS, REGION, SOURCE, Bench


@dataclass(frozen=True, slots=True)
class Call:
    """``wire`` is (service, region, operation, parameters)."""

    asks: tuple[Ask, ...]
    wire: tuple[str, str, str, Mapping[str, Any]] | None


def _call(asks: Sequence[Ask], service: str = "", region: str = REGION, operation: str = "", **given: Any) -> Call:
    return Call(tuple(asks), (service, region, operation, given) if service else None)


def _tags(case: str) -> dict[str, str]:
    return {CASE_TAG: case, "jumpbag:acquisition": "A-0001"} if case else {}


def _specification(tags: Mapping[str, str]) -> dict[str, Any]:
    pairs = [{"Key": key, "Value": value} for key, value in tags.items()]
    return {"TagSpecifications": [{"ResourceType": "snapshot", "Tags": pairs}]} if pairs else {}


def _decrypt(bench: Bench, by: str, key: str) -> list[Ask]:
    """EBS direct decrypts blocks in the caller's name, as EC2."""
    return [keyed("kms:Decrypt", bench.thing(f"key {key}"), by, via=REGION)] if key else []


def create(bench: Bench, by: str, *, volume: str, case: str = CASE) -> Call:
    disk, tags = bench.thing(f"volume {volume}"), _tags(case)
    origin = {"ec2:ParentVolume": disk.arn}
    asks = [
        on("ec2:CreateSnapshot", disk, by),
        *new_snapshots("CreateSnapshot", disk.account, disk.region, tags, origin),
    ]
    rest = {**_specification(tags), "DryRun": True}
    return _call(asks, "ec2", disk.region, "create_snapshot", VolumeId=disk.id, **rest)


def create_all(bench: Bench, by: str, *, instance: str, case: str = CASE, without_boot: bool = False) -> Call:
    """CreateSnapshots over the volumes of an instance."""
    machine, tags = bench.thing(f"instance {instance}"), _tags(case)
    first = f"volume {instance}"
    disks = [thing for name, thing in bench.things.items() if name == first or name.startswith(first + " ")]
    if without_boot:
        disks.remove(bench.thing(first))
    asks = [on("ec2:CreateSnapshots", machine, by), *(on("ec2:CreateSnapshots", disk, by) for disk in disks)]
    asks += new_snapshots("CreateSnapshots", machine.account, machine.region, tags)
    which = {"InstanceId": machine.id, "ExcludeBootVolume": without_boot}
    rest = {**_specification(tags), "DryRun": True}
    return _call(asks, "ec2", machine.region, "create_snapshots", InstanceSpecification=which, **rest)


def copy(bench: Bench, by: str, *, snapshot: str, case: str = CASE, to: str = REGION) -> Call:
    """CopySnapshot's EC2 side. What KMS is asked for has cases of its own."""
    source, tags = bench.thing(f"snapshot {snapshot}"), _tags(case)
    asks = [on("ec2:CopySnapshot", source, by), *new_snapshots("CopySnapshot", by, to, tags)]
    rest = {**_specification(tags), "DryRun": True}
    return _call(asks, "ec2", to, "copy_snapshot", SourceSnapshotId=source.id, SourceRegion=source.region, **rest)


def retag(bench: Bench, by: str, *, thing: str, key: str = CASE_TAG, value: str = CASE) -> Call:
    """CreateTags on something that is there already: no ec2:CreateAction."""
    found = bench.thing(thing)
    context: dict[str, str | list[str]] = {f"aws:RequestTag/{key}": value, "aws:TagKeys": [key]}
    ask = on("ec2:CreateTags", found, by, context)
    tags = [{"Key": key, "Value": value}]
    return _call([ask], "ec2", found.region, "create_tags", Resources=[found.id], Tags=tags, DryRun=True)


def untag(bench: Bench, by: str, *, thing: str, key: str = CASE_TAG) -> Call:
    found = bench.thing(thing)
    ask = on("ec2:DeleteTags", found, by, {"aws:TagKeys": [key]})
    return _call([ask], "ec2", found.region, "delete_tags", Resources=[found.id], Tags=[{"Key": key}], DryRun=True)


def share(
    bench: Bench, by: str, *, snapshot: str, account: str | Sequence[str] = FORENSICS, verb: str = "Add"
) -> Call:
    """ModifySnapshotAttribute for accounts; ``verb`` "Remove" takes back."""
    found = bench.thing(f"snapshot {snapshot}")
    accounts = [account] if isinstance(account, str) else list(account)
    asks = [on("ec2:ModifySnapshotAttribute", found, by, {f"ec2:{verb}/userId": one}) for one in accounts]
    change = {verb: [{"UserId": one} for one in accounts]}
    given = {"SnapshotId": found.id, "Attribute": "createVolumePermission", "DryRun": True}
    return _call(asks, "ec2", found.region, "modify_snapshot_attribute", CreateVolumePermission=change, **given)


def publish(bench: Bench, by: str, *, snapshot: str, also: str = "", at_once: bool = False) -> Call:
    """ModifySnapshotAttribute for the group all: the snapshot becomes public. ``also`` is an account named in the
    same call; ``at_once``: as if EC2 put both into one question."""
    found = bench.thing(f"snapshot {snapshot}")
    if at_once:
        both: dict[str, str | list[str]] = {"ec2:Add/group": "all", "ec2:Add/userId": also}
        return _call([on("ec2:ModifySnapshotAttribute", found, by, both)], "ec2", found.region, "")
    asks = [on("ec2:ModifySnapshotAttribute", found, by, {"ec2:Add/group": "all"})]
    added: list[dict[str, str]] = [{"Group": "all"}]
    if also:
        asks.append(on("ec2:ModifySnapshotAttribute", found, by, {"ec2:Add/userId": also}))
        added.append({"UserId": also})
    given = {"SnapshotId": found.id, "Attribute": "createVolumePermission", "DryRun": True}
    change = {"Add": added}
    return _call(asks, "ec2", found.region, "modify_snapshot_attribute", CreateVolumePermission=change, **given)


def shares(bench: Bench, by: str, *, snapshot: str) -> Call:
    """DescribeSnapshotAttribute: with whom it is shared."""
    found = bench.thing(f"snapshot {snapshot}")
    given = {"SnapshotId": found.id, "Attribute": "createVolumePermission"}
    asks = [on("ec2:DescribeSnapshotAttribute", found, by)]
    return _call(asks, "ec2", found.region, "describe_snapshot_attribute", **given)


def delete(bench: Bench, by: str, *, snapshot: str) -> Call:
    found = bench.thing(f"snapshot {snapshot}")
    asks = [on("ec2:DeleteSnapshot", found, by)]
    return _call(asks, "ec2", found.region, "delete_snapshot", SnapshotId=found.id, DryRun=True)


def lock(bench: Bench, by: str, *, snapshot: str) -> Call:
    found = bench.thing(f"snapshot {snapshot}")
    given = {"SnapshotId": found.id, "LockMode": "governance", "LockDuration": 30, "DryRun": True}
    return _call([on("ec2:LockSnapshot", found, by)], "ec2", found.region, "lock_snapshot", **given)


def unlock(bench: Bench, by: str, *, snapshot: str) -> Call:
    found = bench.thing(f"snapshot {snapshot}")
    asks = [on("ec2:UnlockSnapshot", found, by)]
    return _call(asks, "ec2", found.region, "unlock_snapshot", SnapshotId=found.id, DryRun=True)


def index(bench: Bench, by: str, *, snapshot: str, key: str = "") -> Call:
    """ListSnapshotBlocks, and the key that the blocks are under."""
    found = bench.thing(f"snapshot {snapshot}")
    asks = [on_blocks("ebs:ListSnapshotBlocks", found, by), *_decrypt(bench, by, key)]
    return _call(asks, "ebs", found.region, "list_snapshot_blocks", SnapshotId=found.id)


def block(bench: Bench, by: str, *, snapshot: str, key: str = "") -> Call:
    """GetSnapshotBlock. The token is good: whoever may list has given it away."""
    found = bench.thing(f"snapshot {snapshot}")
    asks = [on_blocks("ebs:GetSnapshotBlock", found, by), *_decrypt(bench, by, key)]
    token = bench.token(f"snapshot {snapshot}")
    given = {"SnapshotId": found.id, "BlockIndex": 0, "BlockToken": token}
    return _call(asks, "ebs", found.region, "get_snapshot_block", **given)


def write_snapshot(bench: Bench, by: str) -> Call:
    """StartSnapshot of EBS direct: a snapshot from nothing."""
    ask = Ask("ebs:StartSnapshot", f"arn:aws:ec2:{REGION}::snapshot/*", by)
    return _call([ask], "ebs", REGION, "start_snapshot", VolumeSize=1)


def describe(bench: Bench, by: str, *, what: str) -> Call:
    """One of EC2's Describe* that know no resource: "Snapshots", "LockedSnapshots", …"""
    operation = {
        "Snapshots": "describe_snapshots",
        "LockedSnapshots": "describe_locked_snapshots",
        "Instances": "describe_instances",
        "Volumes": "describe_volumes",
        "NetworkInterfaces": "describe_network_interfaces",
        "SecurityGroups": "describe_security_groups",
    }[what]
    return _call([anywhere(f"ec2:Describe{what}", by)], "ec2", REGION, operation)


def console(bench: Bench, by: str, *, instance: str, screenshot: bool = False) -> Call:
    machine = bench.thing(f"instance {instance}")
    name = "Screenshot" if screenshot else "Output"
    ask = on(f"ec2:GetConsole{name}", machine, by)
    return _call([ask], "ec2", machine.region, f"get_console_{name.lower()}", InstanceId=machine.id)


def attribute(bench: Bench, by: str, *, instance: str) -> Call:
    """DescribeInstanceAttribute: user data, termination protection."""
    machine = bench.thing(f"instance {instance}")
    ask = on("ec2:DescribeInstanceAttribute", machine, by)
    given = {"InstanceId": machine.id, "Attribute": "userData"}
    return _call([ask], "ec2", machine.region, "describe_instance_attribute", **given)


def terminate(bench: Bench, by: str, *, instance: str) -> Call:
    machine = bench.thing(f"instance {instance}")
    asks = [on("ec2:TerminateInstances", machine, by)]
    return _call(asks, "ec2", machine.region, "terminate_instances", InstanceIds=[machine.id], DryRun=True)


def iam(bench: Bench, by: str, *, action: str, of: str) -> Call:
    """A read of IAM: a role, an instance profile or a managed policy by its name."""
    operation, kind, parameter = {
        "GetRole": ("get_role", "role", "RoleName"),
        "GetInstanceProfile": ("get_instance_profile", "instance-profile", "InstanceProfileName"),
        "ListRolePolicies": ("list_role_policies", "role", "RoleName"),
        "ListAttachedRolePolicies": ("list_attached_role_policies", "role", "RoleName"),
        "GetPolicy": ("get_policy", "policy", "PolicyArn"),
    }[action]
    arn = f"arn:aws:iam::{by}:{kind}/{of}"
    given = {parameter: arn if parameter == "PolicyArn" else of}
    return _call([Ask(f"iam:{action}", arn, by)], "iam", "us-east-1", operation, **given)


def kms(
    bench: Bench, by: str, *, action: str, key: str, via: str = REGION, for_service: bool | None = None
) -> Call:
    """A KMS action; ``via`` "" is a call of one's own, ``for_service`` is kms:GrantIsForAWSResource."""
    return _call([keyed(f"kms:{action}", bench.thing(f"key {key}"), by, via=via, for_service=for_service)])


def look_up_key(bench: Bench, by: str, *, action: str, key: str) -> Call:
    """DescribeKey, GetKeyPolicy or ListGrants, called for itself."""
    found = bench.thing(f"key {key}")
    operation = {"DescribeKey": "describe_key", "GetKeyPolicy": "get_key_policy", "ListGrants": "list_grants"}
    return _call([keyed(f"kms:{action}", found, by)], "kms", found.region, operation[action], KeyId=found.arn)


def organization(bench: Bench, by: str) -> Call:
    return _call([anywhere("organizations:ListAccounts", by)], "organizations", "us-east-1", "list_accounts")


def enter(
    bench: Bench,
    by: str,
    *,
    account: str = SOURCE,
    role: str = "jumpbag-collect",
    case: str = CASE,
    external: str = "right",
    source_identity: str = "ex-07",
) -> Call:
    """AssumeRole as the examiner's user, from the forensics account."""
    found = bench.world.identities.role(f"arn:aws:iam::{account}:role/{role}")
    assert found is not None
    value = f"jumpbag-{bench.range.scenario.name}" if external == "right" else external
    given: dict[str, Any] = {"RoleArn": found.arn, "RoleSessionName": "L-0001"}
    # AssumeRole knows all keys, the two others their own and the tags (Service Authorization Reference, AWS STS).
    tagging: dict[str, str | list[str]] = {}
    named: dict[str, str | list[str]] = {}
    entering: dict[str, str | list[str]] = {}
    contexts = {"AssumeRole": entering}
    if value:
        given["ExternalId"] = value
        entering["sts:ExternalId"] = value
    if case:
        given |= {"Tags": [{"Key": CASE_TAG, "Value": case}], "TransitiveTagKeys": [CASE_TAG]}
        tagging |= {f"aws:RequestTag/{CASE_TAG}": case, "aws:TagKeys": [CASE_TAG]}
        contexts["TagSession"] = {**tagging, "sts:TransitiveTagKeys": [CASE_TAG]}
    if source_identity:
        given["SourceIdentity"] = source_identity
        named["sts:SourceIdentity"] = source_identity
        contexts["SetSourceIdentity"] = {**tagging, **named}
    entering |= {**tagging, **named}
    asks = [Ask(f"sts:{action}", found.arn, account, context, found.trust) for action, context in contexts.items()]
    return _call(asks, "sts", REGION, "assume_role", **given)


OPERATIONS: dict[str, Callable[..., Call]] = {
    one.__name__: one
    for one in (
        create, create_all, copy, retag, untag, share, publish, shares, delete, lock, unlock, index, block,
        write_snapshot, describe, console, attribute, terminate, iam, kms, look_up_key, organization, enter,
    )
}  # fmt: skip
