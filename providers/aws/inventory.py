"""What is in an account: instances, volumes, own snapshots."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from typing import Any

from app.faults import Denied, Fault, Gone, Throttled, Unavailable
from app.model import Permission, Resource
from app.ports import Grant, Readiness
from providers.aws import arns, readiness, readings
from providers.aws.clients import Clients, keys_of
from providers.aws.faults import Call
from providers.aws.settings import Settings

_PAGE = 500
"""Entries a page: what DescribeVolumes gives at most (EC2 API Reference, MaxResults)."""


class AwsInventory:
    """The port ``Inventory``."""

    def __init__(self, settings: Settings, clients: Clients) -> None:
        self._settings = settings
        self._clients = clients
        self._managers: dict[str, str] = {}

    def permissions(self) -> tuple[Permission, ...]:
        """Listing calls of EC2 know no resource of their own (Service Authorization Reference, Amazon EC2).
        What is read of KMS and IAM is read while planning: who may use a key, which policies an instance has."""
        partition = arns.partition(self._settings.aws.home_region)
        return (
            Permission(
                actions=(
                    "ec2:DescribeInstances",
                    "ec2:DescribeRegions",
                    "ec2:DescribeSnapshots",
                    "ec2:DescribeVolumes",
                ),
                resources=("*",),
            ),
            Permission(  # it also shows user data, which often holds secrets: of tagged instances alone
                actions=("ec2:DescribeInstanceAttribute",),
                resources=(f"arn:{partition}:ec2:*:*:instance/*",),
                condition={
                    "StringEquals": {f"aws:ResourceTag/{self._settings.tag_key}": self._settings.tag_value}
                },
            ),
            Permission(
                actions=("kms:DescribeKey", "kms:GetKeyPolicy", "kms:ListGrants"),
                resources=(f"arn:{partition}:kms:*:*:key/*",),
            ),
            Permission(
                actions=("iam:GetInstanceProfile",), resources=(f"arn:{partition}:iam::*:instance-profile/*",)
            ),
            Permission(
                actions=("iam:ListAttachedRolePolicies", "iam:ListRolePolicies"),
                resources=(f"arn:{partition}:iam::*:role/*",),
            ),
        )

    async def regions(self, account: str, grant: Grant) -> list[str]:
        """The configured regions, else those that are enabled in the account."""
        if self._settings.aws.regions:
            return list(self._settings.aws.regions)
        call = Call("ec2", "DescribeRegions", account, self._settings.aws.home_region, "the account's regions")
        answer = await self._clients.read(call, keys_of(grant))
        names = (entry.get("RegionName") for entry in answer.get("Regions") or [])
        return sorted(arns.trusted(arns.REGION, name, "a region") for name in names)

    async def resources(self, account: str, region: str, grant: Grant) -> AsyncIterator[list[Resource]]:
        """Instances first: volumes are named after them."""
        arns.region(region)
        names: dict[str, str] = {}
        async for page in self._pages("DescribeInstances", account, region, grant):
            found = [
                readings.instance(self._settings, account, region, entry)
                for reservation in page.get("Reservations") or []
                for entry in reservation.get("Instances") or []
            ]
            names.update((resource.id, resource.name) for resource in found)
            if found:
                yield found
        unreadable: set[str] = set()
        async for page in self._pages("DescribeVolumes", account, region, grant):
            found = []
            for entry in page.get("Volumes") or []:
                kms = await self.kms_of(entry, account, region, grant, unreadable)
                found.append(readings.volume(self._settings, account, region, entry, names, kms))
            if found:
                yield found
        async for page in self._pages("DescribeSnapshots", account, region, grant, OwnerIds=["self"]):
            found = []
            for entry in page.get("Snapshots") or []:
                kms = await self.kms_of(entry, account, region, grant, unreadable)
                found.append(readings.snapshot(self._settings, account, region, entry, kms))
            if found:
                yield found

    async def readiness(self, account: str, region: str, grant: Grant) -> list[Readiness]:
        """The evidence key of the account in that region."""
        return await readiness.evidence_key(self._settings, self._clients, account, arns.region(region), grant)

    async def kms_of(
        self, entry: Mapping[str, Any], account: str, region: str, grant: Grant, unreadable: set[str]
    ) -> str:
        """``none``, ``default`` (the aws/ebs key, managed by AWS), ``customer`` or ``unknown``.

        ``unreadable`` collects keys that could not be described, so that one listing asks once for each.
        """
        if entry.get("Encrypted") is not True:
            return "none"
        key = arns.KMS_KEY.fullmatch(str(entry.get("KmsKeyId") or ""))
        if key is None:
            return "unknown"
        if key[3] != account:
            return "customer"  # a key that AWS manages lives in the account that uses it
        arn = key[0]
        if arn not in self._managers and arn not in unreadable:
            call = Call("kms", "DescribeKey", account, region, f"key {key[4]}")
            try:
                answer = await self._clients.read(call, keys_of(grant), KeyId=arn)
                manager = (answer.get("KeyMetadata") or {}).get("KeyManager")
                if manager in ("AWS", "CUSTOMER"):
                    self._managers[arn] = "default" if manager == "AWS" else "customer"
                else:
                    unreadable.add(arn)
            except (Denied, Gone, Throttled, Unavailable):
                unreadable.add(arn)
            except Fault as fault:
                if fault.code != "cloud":
                    raise
                unreadable.add(arn)
        return self._managers.get(arn, "unknown")

    def _pages(
        self, operation: str, account: str, region: str, grant: Grant, **parameters: Any
    ) -> AsyncIterator[dict[str, Any]]:
        call = Call("ec2", operation, account, region, f"the inventory of {region}")
        return self._clients.pages(call, keys_of(grant), MaxResults=_PAGE, **parameters)
