"""Ids, regions, partitions and ARNs of AWS: built here, and matched here before an answer is believed."""

from __future__ import annotations

import re

from app.faults import Untrusted, Usage
from app.text import visible

GIB = 1 << 30
BLOCK_SIZE = 524288
"""Bytes of an EBS block: 512 KiB (Amazon EBS User Guide, "EBS direct APIs concepts")."""

ACCOUNT = re.compile(r"[0-9]{12}")
REGION = re.compile(r"[a-z]{2}(-[a-z]+){1,3}-[0-9]{1,2}")
INSTANCE = re.compile(r"i-[0-9a-f]{8,17}")
VOLUME = re.compile(r"vol-[0-9a-f]{8,17}")
SNAPSHOT = re.compile(r"snap-[0-9a-f]{8,17}")
KMS_KEY = re.compile(r"arn:(aws[a-z-]*):kms:([a-z0-9-]+):([0-9]{12}):key/([A-Za-z0-9-]{1,64})")
ROLE_SESSION = re.compile(r"arn:aws[a-z-]*:sts::([0-9]{12}):assumed-role/[\w+=,.@-]{1,64}/[\w+=,.@-]{2,64}")
PROFILE = re.compile(r"arn:aws[a-z-]*:iam::([0-9]{12}):instance-profile/(?:[!-.0-~]{1,510}/)?([\w+=,.@-]{1,128})")
ROLE = re.compile(r"arn:aws[a-z-]*:iam::([0-9]{12}):role/(?:[!-.0-~]{1,510}/)?([\w+=,.@-]{1,64})")
POLICY = re.compile(r"arn:aws[a-z-]*:iam::(?:[0-9]{12}|aws):policy/(?:[!-.0-~]{1,510}/)?[\w+=,.@-]{1,128}")
PRINCIPAL = re.compile(r"arn:aws[a-z-]*:(iam|sts)::[0-9]{12}:[\w+=,.@/:-]{1,1024}")

_SUFFIXES = {"aws": "amazonaws.com", "aws-us-gov": "amazonaws.com", "aws-cn": "amazonaws.com.cn"}


def trusted(pattern: re.Pattern[str], value: object, what: str) -> str:
    """``value`` if it matches ``pattern`` whole; Untrusted if the cloud sent anything else."""
    if isinstance(value, str) and pattern.fullmatch(value):
        return value
    raise Untrusted(
        f"AWS answered {visible(value, cap=60)!r} where {what} was expected",
        next="check the endpoint in the context bar; do not go on before this is explained",
    )


def region(value: str) -> str:
    """``value`` if it is written like a region; Usage otherwise."""
    if REGION.fullmatch(value):
        return value
    raise Usage(f"{visible(value, cap=60)!r} is not an AWS region", next="write it like eu-west-1")


def account(value: str) -> str:
    """``value`` if it is an account id; Usage otherwise."""
    if ACCOUNT.fullmatch(value):
        return value
    raise Usage(f"{visible(value, cap=60)!r} is not an AWS account id", next="account ids have 12 digits")


def partition(of_region: str) -> str:
    """The partition of a region: ``aws``, ``aws-cn`` or ``aws-us-gov``."""
    if of_region.startswith("cn-"):
        return "aws-cn"
    if of_region.startswith("us-gov-"):
        return "aws-us-gov"
    return "aws"


def dns_suffix(of_region: str) -> str:
    """The domain of the public endpoints there (AWS General Reference, "AWS service endpoints")."""
    return _SUFFIXES[partition(of_region)]


def organizations_region(of_region: str) -> str:
    """Where AWS Organizations is signed for (AWS General Reference, "AWS Organizations endpoints")."""
    return {"aws-cn": "cn-northwest-1", "aws-us-gov": "us-gov-west-1"}.get(partition(of_region), "us-east-1")


def iam_region(of_region: str) -> str:
    """Where IAM is signed for (AWS General Reference, "AWS Identity and Access Management endpoints")."""
    return {"aws-cn": "cn-north-1", "aws-us-gov": "us-gov-west-1"}.get(partition(of_region), "us-east-1")


def role(of_region: str, account_id: str, name: str) -> str:
    return f"arn:{partition(of_region)}:iam::{account_id}:role/{name.lstrip('/')}"


def volume(of_region: str, account_id: str, volume_id: str) -> str:
    return f"arn:{partition(of_region)}:ec2:{of_region}:{account_id}:volume/{volume_id}"


def any_volume(of_region: str, account_id: str) -> str:
    return volume(of_region, account_id, "*")


def instance(of_region: str, account_id: str, instance_id: str) -> str:
    return f"arn:{partition(of_region)}:ec2:{of_region}:{account_id}:instance/{instance_id}"


def via_ec2(of_region: str) -> str:
    """The value of ``kms:ViaService`` when EC2 or EBS uses a key on behalf of its caller there (AWS KMS Developer
    Guide, "AWS KMS condition keys")."""
    return f"ec2.{of_region}.{dns_suffix(of_region)}"


def any_snapshot(of_region: str) -> str:
    """Every snapshot of a region: their ARNs hold no account (Service Authorization Reference, Amazon EC2)."""
    return f"arn:{partition(of_region)}:ec2:{of_region}::snapshot/*"
