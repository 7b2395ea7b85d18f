"""The identities that a scenario comes with: the roles rolled out in its accounts, and the examiner's user.

``jumpbag-collect`` stands in every account that the scenario does not exempt (``role = false``). It trusts the
forensics account alone, asks for an ExternalId, the session tag ``ir-case`` and a SourceIdentity, and allows
inventory, snapshots of volumes that carry the scenario's tag, and reading snapshots of the session's own case.

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
# Four hours: long downloads fit, and chained sessions still end after one (STS's own limit).
MAX_SESSION_SECONDS = 14400

_OWN_CASE = {"StringEquals": {f"aws:ResourceTag/{CASE_TAG}": f"${{aws:PrincipalTag/{CASE_TAG}}}"}}


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
    trusted = {"AWS": f"arn:aws:iam::{forensics}:root"}
    trust = _document(
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
    key, value = tag
    snapshots = "arn:aws:ec2:*::snapshot/*"
    inventory = [
        "ec2:DescribeInstances",
        "ec2:DescribeRegions",
        "ec2:DescribeSnapshots",
        "ec2:DescribeVolumes",
        "tag:GetResources",
    ]
    new = {"StringEquals": {f"aws:RequestTag/{CASE_TAG}": f"${{aws:PrincipalTag/{CASE_TAG}}}"}}
    policy = _document(
        _allow(inventory, "*"),
        # The volume and the new snapshot are two resources, and each needs its own statement.
        _allow(
            ["ec2:CreateSnapshot", "ec2:CreateSnapshots"],
            [f"arn:aws:ec2:*:{account}:volume/*", f"arn:aws:ec2:*:{account}:instance/*"],
            {"StringEquals": {f"aws:ResourceTag/{key}": value}},
        ),
        _allow(["ec2:CreateSnapshot", "ec2:CreateSnapshots"], snapshots, new),
        _allow(
            ["ec2:CreateTags"],
            snapshots,
            {"StringEquals": {**new["StringEquals"], "ec2:CreateAction": ["CreateSnapshot", "CreateSnapshots"]}},
        ),
        _allow(["ec2:DeleteSnapshot"], snapshots, _OWN_CASE),
        _allow(["ebs:ListSnapshotBlocks", "ebs:GetSnapshotBlock", "ebs:ListChangedBlocks"], snapshots, _OWN_CASE),
        _allow(["kms:Decrypt", "kms:DescribeKey"], f"arn:aws:kms:*:{account}:key/*"),
    )
    return Role(account, COLLECT_ROLE, trust, (policy,), MAX_SESSION_SECONDS)


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
