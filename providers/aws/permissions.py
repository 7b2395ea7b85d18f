"""What each step of a plan needs, statement by statement: the smallest session policies that still work.

Facts on actions, resources and condition keys: Service Authorization Reference, "Actions, resources, and condition
keys for Amazon EC2", "… for Amazon Elastic Block Store", "… for AWS Key Management Service", "… for AWS Identity
and Access Management"; EC2 User Guide, "Grant permission to tag Amazon EC2 resources during creation".
"""

from __future__ import annotations

from collections.abc import Sequence

from app.model import Permission
from providers.aws import arns
from providers.aws.identity import CASE_TAG
from providers.aws.settings import Settings
from providers.aws.tags import TRANSPORT_TAG, TRANSPORT_YES

VOLUMES_BY_NAME = 8
"""More volumes than this are not named one by one in a session policy: the tag alone decides."""

_CASE = "${aws:PrincipalTag/" + CASE_TAG + "}"
_NEW: dict[str, dict[str, str | list[str]]] = {"StringEquals": {f"aws:RequestTag/{CASE_TAG}": _CASE}}
_OWN: dict[str, str | list[str]] = {f"aws:ResourceTag/{CASE_TAG}": _CASE}

LOOK = Permission(actions=("ec2:DescribeSnapshots",), resources=("*",))


def _tagged(settings: Settings) -> dict[str, dict[str, str | list[str]]]:
    return {"StringEquals": {f"aws:ResourceTag/{settings.tag_key}": settings.tag_value}}


def _made_by(call: str, region: str) -> tuple[Permission, ...]:
    """A new snapshot carries the case of the session, and its tags are set while it is made and only then."""
    snapshots = arns.any_snapshot(region)
    return (
        Permission(actions=(f"ec2:{call}",), resources=(snapshots,), condition=_NEW),
        Permission(
            actions=("ec2:CreateTags",),
            resources=(snapshots,),
            condition={"StringEquals": {"ec2:CreateAction": call}},
        ),
    )


def create(settings: Settings, account: str, region: str, volume: str) -> tuple[Permission, ...]:
    """CreateSnapshot is authorised on the volume and on the new snapshot apart: one statement that holds a
    ResourceTag for both would deny the new one, which has no tags yet."""
    return (
        Permission(
            actions=("ec2:CreateSnapshot",),
            resources=(arns.volume(region, account, volume),),
            condition=_tagged(settings),
        ),
        *_made_by("CreateSnapshot", region),
    )


def create_all(
    settings: Settings, account: str, region: str, instance: str, volumes: Sequence[str]
) -> tuple[Permission, ...]:
    """CreateSnapshots: the instance and each volume that is taken, all of them tagged."""
    named = [arns.volume(region, account, volume) for volume in volumes]
    if len(named) > VOLUMES_BY_NAME:
        named = [arns.any_volume(region, account)]
    return (
        Permission(
            actions=("ec2:CreateSnapshots",),
            resources=(arns.instance(region, account, instance), *named),
            condition=_tagged(settings),
        ),
        *_made_by("CreateSnapshots", region),
    )


def copy(
    *,
    owner: str,
    parents: Sequence[str],
    source_region: str,
    source_key: str | None,
    region: str,
    key: str,
) -> tuple[Permission, ...]:
    """CopySnapshot out of ``source_region`` into ``region`` under ``key``; ``parents`` are the ARNs of the volumes
    that the source may be a snapshot of (a copy names none: it shows vol-ffffffff)."""
    condition: dict[str, dict[str, str | list[str]]] = {"StringEquals": {"ec2:Owner": owner}}
    if parents:
        condition["ArnEquals"] = {"ec2:ParentVolume": parents[0] if len(parents) == 1 else list(parents)}
    needed = [
        Permission(
            actions=("ec2:CopySnapshot",), resources=(arns.any_snapshot(source_region),), condition=condition
        ),
        *_made_by("CopySnapshot", region),
    ]
    written = ["kms:DescribeKey", "kms:GenerateDataKeyWithoutPlaintext"]
    if source_key is not None:
        needed += _key(("kms:Decrypt", "kms:DescribeKey", "kms:ReEncryptFrom"), source_key, source_region)
        written.append("kms:ReEncryptTo")
    return (*needed, *_key(tuple(written), key, region))


def _key(actions: tuple[str, ...], key: str, region: str) -> tuple[Permission, ...]:
    """A key used by EC2 alone, and grants on it that only AWS services can make use of."""
    via: dict[str, str | list[str]] = {"kms:ViaService": arns.via_ec2(region)}
    return (
        Permission(actions=actions, resources=(key,), condition={"StringEquals": via}),
        Permission(
            actions=("kms:CreateGrant",),
            resources=(key,),
            condition={"StringEquals": via, "Bool": {"kms:GrantIsForAWSResource": "true"}},
        ),
    )


def share(region: str, account: str, *, back: bool = False) -> tuple[Permission, ...]:
    """Sharing a snapshot of this case with ``account`` and no other, or taking that back.

    That no group is added is said apart: whether EC2 asks about an account and the group ``all`` of one call
    together is not documented, and together they would make the snapshot public.
    """
    snapshots = arns.any_snapshot(region)
    verb = "Remove" if back else "Add"
    condition: dict[str, dict[str, str | list[str]]] = {"StringEquals": {**_OWN, f"ec2:{verb}/userId": account}}
    if not back:
        condition["Null"] = {"ec2:Add/group": "true"}
    return (
        Permission(
            actions=("ec2:ModifySnapshotAttribute",),
            resources=(snapshots,),
            condition=condition,
        ),
        Permission(
            actions=("ec2:DescribeSnapshotAttribute",),
            resources=(snapshots,),
            condition={"StringEquals": _OWN},
        ),
    )


def delete(region: str) -> tuple[Permission, ...]:
    """Deleting what this case made for transport. Originals and evidence do not carry that tag."""
    own: dict[str, str | list[str]] = {**_OWN, f"aws:ResourceTag/{TRANSPORT_TAG}": TRANSPORT_YES}
    return (
        Permission(
            actions=("ec2:DeleteSnapshot",),
            resources=(arns.any_snapshot(region),),
            condition={"StringEquals": own},
        ),
        LOOK,
    )


def lock(region: str) -> tuple[Permission, ...]:
    return (
        Permission(
            actions=("ec2:LockSnapshot",),
            resources=(arns.any_snapshot(region),),
            condition={"StringEquals": _OWN},
        ),
        Permission(actions=("ec2:DescribeLockedSnapshots",), resources=("*",)),
    )


def read(region: str, key: str | None) -> tuple[Permission, ...]:
    """Block reads of snapshots of this case, and the one key that they are encrypted under."""
    needed = [
        Permission(
            actions=("ebs:GetSnapshotBlock", "ebs:ListSnapshotBlocks"),
            resources=(arns.any_snapshot(region),),
            condition={"StringEquals": _OWN},
        )
    ]
    if key is not None:
        needed.append(
            Permission(
                actions=("kms:Decrypt",),
                resources=(key,),
                condition={"StringEquals": {"kms:ViaService": arns.via_ec2(region)}},
            )
        )
    return tuple(needed)


def collect(
    account: str,
    region: str,
    instance: str,
    *,
    profile: str | None,
    role: str | None,
    inline: bool,
    policies: Sequence[str],
) -> tuple[Permission, ...]:
    """Everything that describes an instance and is in none of its disks. IAM by the ARNs that planning found."""
    needed = [
        Permission(
            actions=(
                "ec2:DescribeImages",
                "ec2:DescribeInstanceStatus",
                "ec2:DescribeInstances",
                "ec2:DescribeNetworkInterfaces",
                "ec2:DescribeSecurityGroups",
                "ec2:DescribeVolumes",
            ),
            resources=("*",),
        ),
        Permission(
            actions=("ec2:DescribeInstanceAttribute", "ec2:GetConsoleOutput", "ec2:GetConsoleScreenshot"),
            resources=(arns.instance(region, account, instance),),
        ),
    ]
    if profile:
        needed.append(Permission(actions=("iam:GetInstanceProfile",), resources=(profile,)))
    if role:
        reads = ["iam:GetRole", "iam:ListAttachedRolePolicies", "iam:ListRolePolicies"]
        needed.append(Permission(actions=(*reads, *(["iam:GetRolePolicy"] if inline else [])), resources=(role,)))
    if policies:
        needed.append(Permission(actions=("iam:GetPolicy", "iam:GetPolicyVersion"), resources=tuple(policies)))
    return tuple(needed)
