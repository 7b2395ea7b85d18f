"""KMS keys: the kinds that a scenario has, their key policies, and the grants made on them.

Sources: AWS KMS Developer Guide ("Key policies in AWS KMS", "Default key policy", "Allowing users in other
accounts to use a KMS key", "Examining grants", "Key states of AWS KMS keys"), EBS User Guide ("Share the KMS key
used to encrypt a shared Amazon EBS snapshot").
"""

from __future__ import annotations

import random
import time
import uuid
from collections.abc import Iterable
from typing import Any

import msgspec

from providers.emulators.aws.identities import Document
from providers.emulators.scenario.model import Aws

ALIASES = {
    "default": "alias/aws/ebs",
    "customer": "alias/jumpbag-volumes",
    "private": "alias/jumpbag-private",
    "evidence": "alias/jumpbag-evidence",
}
_DESCRIPTIONS = {
    "default": "Default key that protects my EBS volumes when no other key is defined",
    "customer": "Volumes",
    "private": "Volumes that stay in this account",
    "evidence": "Evidence",
}
# What EBS needs of somebody who uses a shared key ("Share the KMS key used to encrypt a shared … snapshot").
_USE = [
    "kms:DescribeKey",
    "kms:Decrypt",
    "kms:ReEncrypt*",
    "kms:GenerateDataKey",
    "kms:GenerateDataKeyWithoutPlaintext",
]


class Key(msgspec.Struct, frozen=True, kw_only=True):
    """A KMS key of a ``kind`` of :data:`ALIASES`."""

    id: str
    account: str
    region: str
    kind: str
    policy: Document

    @property
    def manager(self) -> str:
        """KeyManager: AWS (the default key of EBS) or CUSTOMER."""
        return "AWS" if self.kind == "default" else "CUSTOMER"

    @property
    def alias(self) -> str:
        return ALIASES[self.kind]

    @property
    def description(self) -> str:
        return _DESCRIPTIONS[self.kind]

    @property
    def arn(self) -> str:
        return f"arn:aws:kms:{self.region}:{self.account}:key/{self.id}"

    @property
    def alias_arn(self) -> str:
        return f"arn:aws:kms:{self.region}:{self.account}:{self.alias}"

    @property
    def fault_name(self) -> str:
        """How ``disabled_keys`` names it."""
        return f"{self.account}:{self.region}:{self.kind}"


class Grant(msgspec.Struct, frozen=True, kw_only=True):
    """A grant as ListGrants shows it; ``issuer`` is the account under which it was made."""

    key: str
    id: str
    name: str
    created: float
    grantee: str
    issuer: str
    operations: tuple[str, ...]
    snapshot: str

    def entry(self) -> dict[str, Any]:
        return {
            "KeyId": self.key,
            "GrantId": self.id,
            "Name": self.name,
            "CreationDate": self.created,
            "GranteePrincipal": self.grantee,
            "RetiringPrincipal": self.grantee,
            "IssuingAccount": f"arn:aws:iam::{self.issuer}:root",
            "Operations": list(self.operations),
            "Constraints": {"EncryptionContextSubset": {"aws:ebs:id": self.snapshot}},
        }


def _root(account: str) -> dict[str, str]:
    return {"AWS": f"arn:aws:iam::{account}:root"}


def _default_policy(account: str, region: str) -> Document:
    """The policy that AWS gives aws/ebs: every principal of the account, through EC2 alone."""
    through = {"kms:CallerAccount": account, "kms:ViaService": f"ec2.{region}.amazonaws.com"}
    return {
        "Version": "2012-10-17",
        "Id": "auto-ebs-2",
        "Statement": [
            {
                "Sid": "Allow access through EBS for all principals in the account that are authorized to use EBS",
                "Effect": "Allow",
                "Principal": {"AWS": "*"},
                "Action": [
                    "kms:Encrypt",
                    "kms:Decrypt",
                    "kms:ReEncrypt*",
                    "kms:GenerateDataKey*",
                    "kms:CreateGrant",
                    "kms:DescribeKey",
                ],
                "Resource": "*",
                "Condition": {"StringEquals": through},
            },
            {
                "Sid": "Allow direct access to key metadata to the account",
                "Effect": "Allow",
                "Principal": _root(account),
                "Action": ["kms:Describe*", "kms:Get*", "kms:List*", "kms:RevokeGrant"],
                "Resource": "*",
            },
        ],
    }


def _customer_policy(account: str, guests: Iterable[str]) -> Document:
    """The account's own IAM decides; ``guests`` are other accounts that may use the key for EBS."""
    statements: list[dict[str, Any]] = [
        {
            "Sid": "Enable IAM User Permissions",
            "Effect": "Allow",
            "Principal": _root(account),
            "Action": "kms:*",
            "Resource": "*",
        }
    ]
    for guest in guests:
        statements += [
            {
                "Sid": "Allow use of the key",
                "Effect": "Allow",
                "Principal": _root(guest),
                "Action": list(_USE),
                "Resource": "*",
            },
            {
                "Sid": "Allow attachment of persistent resources",
                "Effect": "Allow",
                "Principal": _root(guest),
                "Action": "kms:CreateGrant",
                "Resource": "*",
                "Condition": {"Bool": {"kms:GrantIsForAWSResource": "true"}},
            },
        ]
    return {"Version": "2012-10-17", "Id": "key-default-1", "Statement": statements}


class KeyRing:
    """All keys of the cloud, made with it: every kind in each region where an account has instances.

    The forensics account has them in every region of the scenario.
    """

    def __init__(self, aws: Aws, seed: int) -> None:
        self._seed = seed
        self._forensics = next(account.id for account in aws.accounts if account.forensics)
        self._found: dict[tuple[str, str, str], Key] = {}
        self.grants: list[Grant] = []
        everywhere = list(dict.fromkeys(one.region for one in aws.instances))
        for account in aws.accounts:
            own = dict.fromkeys(one.region for one in aws.instances if one.account == account.id)
            for region in everywhere if account.forensics else own:
                for kind in ALIASES:
                    if kind != "evidence" or account.evidence_key:
                        self._make(account.id, region, kind)

    @property
    def keys(self) -> list[Key]:
        return list(self._found.values())

    def key(self, account: str, region: str, kind: str) -> Key | None:
        """None where there is none. AWS makes aws/ebs on first use (EBS User Guide, "Default KMS key")."""
        found = self._found.get((account, region, kind))
        return self._make(account, region, kind) if found is None and kind == "default" else found

    def _make(self, account: str, region: str, kind: str) -> Key:
        chance = random.Random(f"{self._seed}:{account}:{region}:{kind}")  # noqa: S311 - repeatable, not secret
        id_ = uuid.UUID(int=chance.getrandbits(128), version=4)
        if kind == "default":
            policy = _default_policy(account, region)
        else:
            shared = kind in ("customer", "evidence") and account != self._forensics
            policy = _customer_policy(account, [self._forensics] if shared else [])
        key = Key(id=str(id_), account=account, region=region, kind=kind, policy=policy)
        self._found[(account, region, kind)] = key
        return key

    def resolve(self, account: str, region: str, wanted: str) -> Key | None:
        """A key by id or alias (of ``account``), ARN or alias ARN (of any account), in ``region``."""
        for key in self.keys:
            names = {key.arn, key.alias_arn} | ({key.id, key.alias} if key.account == account else set())
            if key.region == region and wanted in names:
                return key
        return None

    def grant(self, key: Key, issuer: str, snapshot: str, operations: Iterable[str]) -> Grant:
        """The grant that EC2 makes for itself on behalf of ``issuer``, so that it may use ``key`` for a snapshot.

        The grantee is the infrastructure's role as the KMS Developer Guide shows it ("Examining grants").
        """
        chance = random.Random(f"{self._seed}:{key.arn}:{snapshot}")  # noqa: S311 - repeatable, not secret
        grant = Grant(
            key=key.arn,
            id=f"{chance.getrandbits(256):064x}",
            name=str(uuid.UUID(int=chance.getrandbits(128), version=4)),
            created=time.time(),
            grantee=f"arn:aws:sts::{issuer}:assumed-role/aws:ec2-infrastructure/{snapshot}",
            issuer=issuer,
            operations=tuple(operations),
            snapshot=snapshot,
        )
        self.grants.append(grant)
        return grant
