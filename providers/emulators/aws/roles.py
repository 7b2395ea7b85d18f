"""The identities that a scenario comes with: the roles rolled out in its accounts, and the examiner's user.

``jumpbag-collect`` stands in every account that the scenario does not exempt (``role = false``). It trusts the
forensics account alone, asks for an ExternalId, the session tag ``ir-case`` and a SourceIdentity. It allows what
an acquisition can ask for and no more; a session policy narrows it to the one at hand. What it makes carries the
session's case, what it uses afterwards must.

Conditions are those of the Service Authorization Reference (Amazon EC2, AWS KMS); that EC2 alone uses the keys,
and that grants are for EC2 alone, follows "Requirements for Amazon EBS encryption" of the EBS User Guide.

``jumpbag-responder`` stands in the forensics account: a role from which the collect roles are assumed in
turn (role chaining, as behind an identity centre).
"""

from __future__ import annotations

from typing import Any

from providers.emulators.aws.identities import Document, Role, User

COLLECT_ROLE = "jumpbag-collect"
RESPONDER_ROLE = "jumpbag-responder"
USER = "examiner"
CASE_TAG = "ir-case"
TRANSPORT_TAG = "jumpbag:transport"
SNAPSHOTS = "arn:aws:ec2:*::snapshot/*"
INVENTORY = (
    "ec2:DescribeImages",
    "ec2:DescribeInstances",
    "ec2:DescribeInstanceStatus",
    "ec2:DescribeLockedSnapshots",
    "ec2:DescribeNetworkInterfaces",
    "ec2:DescribeRegions",
    "ec2:DescribeSecurityGroups",
    "ec2:DescribeSnapshots",
    "ec2:DescribeVolumes",
    "tag:GetResources",
)
# Four hours: long downloads fit, and chained sessions still end after one (STS's own limit).
MAX_SESSION_SECONDS = 14400

_NEW = {"StringEquals": {f"aws:RequestTag/{CASE_TAG}": f"${{aws:PrincipalTag/{CASE_TAG}}}"}}
_OLD = {"StringEquals": {f"aws:ResourceTag/{CASE_TAG}": f"${{aws:PrincipalTag/{CASE_TAG}}}"}}


def external_id(scenario: str) -> str:
    """The ExternalId that the collect roles of a scenario ask for."""
    return f"jumpbag-{scenario}"


def _document(*statements: dict[str, Any]) -> Document:
    return {"Version": "2012-10-17", "Statement": list(statements)}


def _allow(
    actions: list[str], resource: str | list[str], condition: dict[str, Any] | None = None
) -> dict[str, Any]:
    statement: dict[str, Any] = {"Effect": "Allow", "Action": actions, "Resource": resource}
    return statement | ({"Condition": condition} if condition else {})


def collect_role(account: str, forensics: str, external: str, tag: tuple[str, str]) -> Role:
    """The collect role of ``account``; ``tag`` is what makes a volume eligible."""
    if account == forensics:
        policies = forensics_policies(forensics, tag)
    else:
        policies = source_policies(account, forensics, tag)
    return Role(account, COLLECT_ROLE, _trust(forensics, external), policies, MAX_SESSION_SECONDS)


def _trust(forensics: str, external: str) -> Document:
    trusted = {"AWS": f"arn:aws:iam::{forensics}:root"}
    return _document(
        {
            "Effect": "Allow",
            "Principal": trusted,
            "Action": "sts:AssumeRole",
            "Condition": {
                "StringEquals": {"sts:ExternalId": external},
                "StringLike": {f"aws:RequestTag/{CASE_TAG}": "?*", "sts:SourceIdentity": "?*"},
            },
        },
        {
            "Effect": "Allow",
            "Principal": trusted,
            "Action": "sts:TagSession",
            "Condition": {"StringLike": {f"aws:RequestTag/{CASE_TAG}": "?*"}},
        },
        {
            "Effect": "Allow",
            "Principal": trusted,
            "Action": "sts:SetSourceIdentity",
            "Condition": {"StringLike": {"sts:SourceIdentity": "?*"}},
        },
    )


def source_policies(account: str, forensics: str, tag: tuple[str, str]) -> tuple[Document, ...]:
    """What ``jumpbag-collect`` may do where the disks are: collect, share with ``forensics`` alone, tidy up."""
    keys = f"arn:aws:kms:*:{account}:key/*"
    copying = _document(
        # Re-encrypting a snapshot of one's own, so that it can be shared; only such copies may ever be deleted.
        _allow(["ec2:CopySnapshot"], SNAPSHOTS, {"StringEquals": {"ec2:Owner": account}}),
        _allow(["ec2:CopySnapshot"], SNAPSHOTS, _NEW),
        _allow(
            ["ec2:ModifySnapshotAttribute"],
            SNAPSHOTS,
            {
                "StringEquals": {**_OLD["StringEquals"], "ec2:Add/userId": forensics},
                "Null": {"ec2:Add/group": "true"},  # an account and the group "all" in one call would be public
            },
        ),
        _allow(
            ["ec2:ModifySnapshotAttribute"],
            SNAPSHOTS,
            {"StringEquals": {**_OLD["StringEquals"], "ec2:Remove/userId": forensics}},
        ),
        _allow(["ec2:DescribeSnapshotAttribute"], SNAPSHOTS, _OLD),
        _allow(
            ["ec2:DeleteSnapshot"],
            SNAPSHOTS,
            {"StringEquals": {**_OLD["StringEquals"], f"aws:ResourceTag/{TRANSPORT_TAG}": "yes"}},
        ),
        *_use_of_keys(keys, keys),
    )
    return (_collecting(account, tag), _reading(account), copying)


def forensics_policies(account: str, tag: tuple[str, str]) -> tuple[Document, ...]:
    """What ``jumpbag-collect`` may do in the forensics account: keep what others share, and collect there too."""
    copying = _document(
        # What somebody else owns and shares. Without Null the negation would fit the new snapshot, which has no
        # owner yet.
        _allow(
            ["ec2:CopySnapshot"],
            SNAPSHOTS,
            {"StringNotEquals": {"ec2:Owner": account}, "Null": {"ec2:Owner": "false"}},
        ),
        _allow(["ec2:CopySnapshot"], SNAPSHOTS, _NEW),
        *_use_of_keys("arn:aws:kms:*:*:key/*", f"arn:aws:kms:*:{account}:key/*"),
    )
    return (_collecting(account, tag), _reading(account), copying)


def _collecting(account: str, tag: tuple[str, str]) -> Document:
    """Inventory, snapshots of what carries the tag, reading and locking snapshots of the session's own case."""
    key, value = tag
    tagged = {"StringEquals": {f"aws:ResourceTag/{key}": value}}
    machines = f"arn:aws:ec2:*:{account}:instance/*"
    making = ["CreateSnapshot", "CreateSnapshots", "CopySnapshot"]
    return _document(
        _allow(list(INVENTORY), "*"),
        # The volume and the new snapshot are two resources, and each needs its own statement.
        _allow(["ec2:CreateSnapshot"], f"arn:aws:ec2:*:{account}:volume/*", tagged),
        _allow(["ec2:CreateSnapshots"], [f"arn:aws:ec2:*:{account}:volume/*", machines], tagged),
        _allow(["ec2:CreateSnapshot", "ec2:CreateSnapshots"], SNAPSHOTS, _NEW),
        _allow(
            ["ec2:CreateTags"], SNAPSHOTS, {"StringEquals": {**_NEW["StringEquals"], "ec2:CreateAction": making}}
        ),
        _allow(["ec2:LockSnapshot"], SNAPSHOTS, _OLD),
        _allow(["ebs:ListSnapshotBlocks", "ebs:GetSnapshotBlock"], SNAPSHOTS, _OLD),
        # Whoever reads what an instance printed, or its user data, needs its owner's consent, as for its disks.
        _allow(
            ["ec2:DescribeInstanceAttribute", "ec2:GetConsoleOutput", "ec2:GetConsoleScreenshot"], machines, tagged
        ),
    )


def _reading(account: str) -> Document:
    """The instance's profile with its role and policies; the facts about keys that a plan rests on."""
    roles = f"arn:aws:iam::{account}:role/*"
    return _document(
        _allow(["iam:GetInstanceProfile"], f"arn:aws:iam::{account}:instance-profile/*"),
        _allow(
            ["iam:GetRole", "iam:GetRolePolicy", "iam:ListAttachedRolePolicies", "iam:ListRolePolicies"], roles
        ),
        _allow(
            ["iam:GetPolicy", "iam:GetPolicyVersion"],
            [f"arn:aws:iam::{account}:policy/*", "arn:aws:iam::aws:policy/*"],
        ),
        _allow(["kms:DescribeKey", "kms:GetKeyPolicy", "kms:ListGrants"], "arn:aws:kms:*:*:key/*"),
    )


def _use_of_keys(sources: str, targets: str) -> list[dict[str, Any]]:
    """Keys are used by EC2 on the session's behalf, not by itself. ``sources`` include ``targets``."""
    through = {"StringLike": {"kms:ViaService": "ec2.*.amazonaws.com"}}
    granting = {**through, "Bool": {"kms:GrantIsForAWSResource": "true"}}
    return [
        _allow(["kms:Decrypt", "kms:ReEncryptFrom"], sources, through),
        _allow(["kms:ReEncryptTo", "kms:GenerateDataKeyWithoutPlaintext"], targets, through),
        _allow(["kms:CreateGrant"], sources, granting),
    ]


def _entry_policy() -> Document:
    return _document(
        _allow(["sts:AssumeRole", "sts:TagSession", "sts:SetSourceIdentity"], "arn:aws:iam::*:role/jumpbag-*"),
        _allow(["organizations:Describe*", "organizations:List*"], "*"),
    )


def responder_role(forensics: str) -> Role:
    """The role in the forensics account from which others are assumed."""
    trust = _document(
        {
            "Effect": "Allow",
            "Principal": {"AWS": f"arn:aws:iam::{forensics}:root"},
            "Action": ["sts:AssumeRole", "sts:TagSession", "sts:SetSourceIdentity"],
        }
    )
    return Role(forensics, RESPONDER_ROLE, trust, (_entry_policy(),), MAX_SESSION_SECONDS)


def base_user(forensics: str) -> User:
    """The examiner's long-term identity: may enter the roles and read the organisation, nothing else."""
    return User(forensics, USER, (_entry_policy(),))
