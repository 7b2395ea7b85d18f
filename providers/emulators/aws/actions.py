"""Which actions the embedded cloud authorises, and their access level.

Source: AWS Service Authorization Reference (pages of Amazon EC2, Amazon EBS, AWS KMS, AWS Organizations,
AWS STS, Amazon Resource Group Tagging API, AWS IAM). An action that is not here is denied.
"""

from __future__ import annotations

from typing import Literal

Level = Literal["List", "Read", "Write", "Tagging", "Permissions management"]

_LEVELS: dict[Level, str] = {
    "List": """
        ec2:DescribeAvailabilityZones ec2:DescribeImages ec2:DescribeInstances ec2:DescribeInstanceStatus
        ec2:DescribeRegions ec2:DescribeSecurityGroups ec2:DescribeSnapshotAttribute ec2:DescribeSnapshots
        ec2:DescribeSnapshotTierStatus ec2:DescribeSubnets ec2:DescribeVolumes ec2:DescribeVpcs
        ec2:DescribeLockedSnapshots ec2:DescribeNetworkInterfaces ec2:DescribeInstanceAttribute
        ec2:DescribeAccountAttributes ec2:DescribeRouteTables ec2:DescribeVolumesModifications
        organizations:ListAccounts organizations:ListAccountsForParent organizations:ListParents
        organizations:ListOrganizationalUnitsForParent organizations:ListRoots
        iam:ListAttachedRolePolicies iam:ListRolePolicies
        kms:ListGrants
        """,
    "Read": """
        ec2:DescribeTags ec2:GetConsoleOutput ec2:GetConsoleScreenshot ec2:GetEbsDefaultKmsKeyId
        ec2:GetEbsEncryptionByDefault
        ebs:ListSnapshotBlocks ebs:GetSnapshotBlock ebs:ListChangedBlocks
        kms:DescribeKey kms:GetKeyPolicy
        iam:GetInstanceProfile iam:GetPolicy iam:GetPolicyVersion iam:GetRole iam:GetRolePolicy
        organizations:DescribeOrganization organizations:DescribeOrganizationalUnit
        organizations:DescribeAccount
        sts:GetCallerIdentity
        tag:GetResources
        """,
    "Write": """
        ec2:CreateSnapshot ec2:CreateSnapshots ec2:CopySnapshot ec2:DeleteSnapshot ec2:LockSnapshot
        ec2:UnlockSnapshot ec2:CreateVolume ec2:DeleteVolume ec2:AttachVolume ec2:DetachVolume
        ec2:StopInstances ec2:StartInstances ec2:RebootInstances ec2:TerminateInstances
        ec2:ModifyInstanceAttribute ec2:ModifySnapshotTier ec2:RestoreSnapshotTier
        ebs:StartSnapshot ebs:PutSnapshotBlock ebs:CompleteSnapshot
        kms:Decrypt kms:GenerateDataKeyWithoutPlaintext kms:ReEncryptFrom kms:ReEncryptTo
        sts:AssumeRole sts:SetSourceIdentity
        """,
    "Tagging": "ec2:CreateTags ec2:DeleteTags sts:TagSession",
    "Permissions management": """
        ec2:ModifySnapshotAttribute ec2:ResetSnapshotAttribute kms:CreateGrant
        """,
}
LEVELS: dict[str, Level] = {action: level for level, names in _LEVELS.items() for action in names.split()}


def mutating(action: str) -> bool:
    """By the vendor's access level; an action without one is taken to change something."""
    return LEVELS.get(action, "Write") not in ("List", "Read")
