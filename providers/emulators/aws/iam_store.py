"""What IAM holds for the instances of a scenario: instance profiles, their roles, and the policies on them.

An instance profile holds one role of the same name, as the console makes them. The role carries one inline
policy, one AWS managed policy and one customer managed policy, so that a reader meets all three kinds.

Sources: IAM User Guide ("Use instance profiles", "Managed policies and inline policies", "IAM identifiers"),
AWS Managed Policy Reference Guide (AmazonSSMManagedInstanceCore).
"""

from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import msgspec

from providers.emulators.aws.identities import Document

if TYPE_CHECKING:
    from providers.emulators.aws.world import World

_LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"
_MADE_BEFORE = timedelta(days=400)

_INSTANCE_TRUST: Document = {
    "Version": "2012-10-17",
    "Statement": [{"Effect": "Allow", "Principal": {"Service": "ec2.amazonaws.com"}, "Action": "sts:AssumeRole"}],
}
_SSM_CORE_ARN = "arn:aws:iam::aws:policy/AmazonSSMManagedInstanceCore"
_SSM_CORE: Document = {
    "Version": "2012-10-17",
    "Statement": [
        {
            "Effect": "Allow",
            "Action": [
                "ssm:DescribeAssociation",
                "ssm:GetDeployablePatchSnapshotForInstance",
                "ssm:GetDocument",
                "ssm:DescribeDocument",
                "ssm:GetManifest",
                "ssm:GetParameter",
                "ssm:GetParameters",
                "ssm:ListAssociations",
                "ssm:ListInstanceAssociations",
                "ssm:PutInventory",
                "ssm:PutComplianceItems",
                "ssm:PutConfigurePackageResult",
                "ssm:UpdateAssociationStatus",
                "ssm:UpdateInstanceAssociationStatus",
                "ssm:UpdateInstanceInformation",
            ],
            "Resource": "*",
        },
        {
            "Effect": "Allow",
            "Action": [
                "ssmmessages:CreateControlChannel",
                "ssmmessages:CreateDataChannel",
                "ssmmessages:OpenControlChannel",
                "ssmmessages:OpenDataChannel",
            ],
            "Resource": "*",
        },
        {
            "Effect": "Allow",
            "Action": [
                "ec2messages:AcknowledgeMessage",
                "ec2messages:DeleteMessage",
                "ec2messages:FailMessage",
                "ec2messages:GetEndpoint",
                "ec2messages:GetMessages",
                "ec2messages:SendReply",
            ],
            "Resource": "*",
        },
    ],
}


class ManagedPolicy(msgspec.Struct, frozen=True, kw_only=True):
    """A managed policy with one version that is kept, its default. AWS managed ones have the account ``aws``."""

    arn: str
    id: str
    description: str
    document: Document
    version: str
    created: datetime
    updated: datetime

    @property
    def name(self) -> str:
        return self.arn.rpartition("/")[2]

    @property
    def path(self) -> str:
        return self.arn.partition(":policy")[2].removesuffix(self.name)


class IamRole(msgspec.Struct, frozen=True, kw_only=True):
    """A role as IAM's reads show it. ``inline`` maps names to documents, ``attached`` are policy ARNs."""

    account: str
    name: str
    id: str
    description: str
    trust: Document
    max_seconds: int
    created: datetime
    used_in: str = ""
    inline: dict[str, Document] = {}
    attached: tuple[str, ...] = ()

    @property
    def arn(self) -> str:
        return f"arn:aws:iam::{self.account}:role/{self.name}"


class InstanceProfile(msgspec.Struct, frozen=True, kw_only=True):
    account: str
    name: str
    id: str
    created: datetime
    role: IamRole

    @property
    def arn(self) -> str:
        return f"arn:aws:iam::{self.account}:instance-profile/{self.name}"


class IamStore:
    """The IAM state of all accounts; it does not change after the start."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._made = (world.started - _MADE_BEFORE).replace(microsecond=0)
        self._profiles: dict[tuple[str, str], InstanceProfile] = {}
        self._roles: dict[str, IamRole] = {}
        core = ManagedPolicy(
            arn=_SSM_CORE_ARN,
            id=self._id("ANPA", "AmazonSSMManagedInstanceCore"),
            description=(
                "The policy for Amazon EC2 Role to enable AWS Systems Manager service core functionality."
            ),
            document=_SSM_CORE,
            version="v2",
            created=datetime(2019, 3, 15, 17, 22, 12, tzinfo=UTC),
            updated=datetime(2019, 5, 23, 16, 54, 21, tzinfo=UTC),
        )
        self._policies = {core.arn: core}

    def _id(self, prefix: str, what: str) -> str:
        """A unique id of the vendor's form that derives from the scenario's seed."""
        chance = random.Random(f"{self._world.scenario.seed}:iam:{prefix}:{what}")  # noqa: S311 - repeatable
        return prefix + "".join(chance.choice(_LETTERS) for _ in range(17))

    def add_profile(self, account: str, name: str, region: str) -> InstanceProfile:
        """The instance profile ``name`` with its role; made when first asked for. ``region``: where it is used."""
        known = self._profiles.get((account, name))
        if known is not None:
            return known
        where = f"{account}:{name}"
        own = ManagedPolicy(
            arn=f"arn:aws:iam::{account}:policy/{name}-assets",
            id=self._id("ANPA", where),
            description=f"Read the assets of {name}",
            document={
                "Version": "2012-10-17",
                "Statement": [
                    {
                        "Sid": "ReadAssets",
                        "Effect": "Allow",
                        "Action": ["s3:GetObject", "s3:ListBucket"],
                        "Resource": [f"arn:aws:s3:::{account}-assets", f"arn:aws:s3:::{account}-assets/*"],
                    }
                ],
            },
            version="v1",
            created=self._made,
            updated=self._made,
        )
        self._policies[own.arn] = own
        role = IamRole(
            account=account,
            name=name,
            id=self._id("AROA", where),
            description=f"What instances of {name} may do",
            trust=_INSTANCE_TRUST,
            max_seconds=3600,
            created=self._made,
            used_in=region,
            inline={
                f"{name}-parameters": {
                    "Version": "2012-10-17",
                    "Statement": [
                        {
                            "Effect": "Allow",
                            "Action": ["ssm:GetParameter", "ssm:GetParametersByPath"],
                            "Resource": f"arn:aws:ssm:{region}:{account}:parameter/{name}/*",
                        }
                    ],
                }
            },
            attached=(_SSM_CORE_ARN, own.arn),
        )
        self._roles[role.arn] = role
        profile = InstanceProfile(
            account=account, name=name, id=self._id("AIPA", where), created=self._made, role=role
        )
        self._profiles[(account, name)] = profile
        return profile

    def profile(self, account: str, name: str) -> InstanceProfile | None:
        return self._profiles.get((account, name))

    def role(self, account: str, name: str) -> IamRole | None:
        """A role of an instance, or one that people assume."""
        arn = f"arn:aws:iam::{account}:role/{name}"
        known = self._roles.get(arn)
        assumed = self._world.role(arn)
        if known is not None or assumed is None:
            return known
        count = len(assumed.policies)
        return IamRole(
            account=account,
            name=name,
            id=assumed.id,
            description="",
            trust=assumed.trust,
            max_seconds=assumed.max_seconds,
            created=self._made,
            inline={
                name if count == 1 else f"{name}-{number}": document
                for number, document in enumerate(assumed.policies, 1)
            },
        )

    def policy(self, account: str, arn: str) -> ManagedPolicy | None:
        """A policy of ``account`` or of AWS."""
        return self._policies.get(arn) if arn.split(":")[4] in (account, "aws") else None

    def attachments(self, account: str, arn: str) -> int:
        """To how many roles of ``account`` the policy is attached."""
        return sum(arn in role.attached for role in self._roles.values() if role.account == account)
