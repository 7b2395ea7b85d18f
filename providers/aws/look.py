"""What planning reads of EC2 and IAM: a volume, an instance with its disks, what could end it, what it may do."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from app.faults import Denied, Gone, Untrusted
from app.model import Resource
from app.ports import Grant
from app.text import visible
from providers.aws import arns, readings
from providers.aws.clients import Clients, keys_of
from providers.aws.faults import Call
from providers.aws.keys import Key, Keys
from providers.aws.routes import Disk
from providers.aws.settings import Settings

_ENDED = ("terminated", "shutting-down")
_AT_MOST = 1000
"""Entries of an IAM listing; a role has 20 managed policies at most (IAM User Guide, "IAM and AWS STS quotas")."""


@dataclass(frozen=True, slots=True)
class Holder:
    """An instance. ``volumes`` are its EBS volumes, ``root`` the one it boots from ("" if none of them).

    ``stops``: what a shutdown from inside does ("stop", "terminate"), ``protected``: whether termination is
    blocked; both None where that could not be read.
    """

    resource: Resource
    volumes: tuple[str, ...]
    root: str
    stops: str | None = None
    protected: bool | None = None


@dataclass(frozen=True, slots=True)
class Profile:
    """The instance profile and what hangs on it, as ARNs. ``unread`` says why not, where IAM refused."""

    arn: str | None = None
    role: str | None = None
    inline: tuple[str, ...] = ()
    policies: tuple[str, ...] = ()
    unread: str = ""


class Look:
    """Reads for one plan, in one account and region."""

    def __init__(
        self, settings: Settings, clients: Clients, keys: Keys, account: str, region: str, grant: Grant
    ) -> None:
        self._settings = settings
        self._clients = clients
        self._keys = keys
        self._account = account
        self._region = region
        self._grant = grant

    async def volume(self, volume_id: str) -> tuple[Resource, Key | None, Holder | None]:
        """The volume as it is now, its key, and the instance that it is attached to. Gone if it is not there."""
        entry = (await self._volumes([volume_id])).get(volume_id)
        if entry is None or entry.get("State") in ("deleting", "deleted"):
            raise Gone(
                f"{volume_id} is not in account {self._account}, {self._region} (any more)",
                next="check the id; an earlier snapshot of it may still be there",
            )
        attached = readings.attachment(entry, {})
        holder = await self.instance(attached.id, needed=False) if attached else None
        names = {holder.resource.id: holder.resource.name} if holder else {}
        return *await self._disk(entry, names), holder

    async def disks(self, holder: Holder) -> list[tuple[Resource, Key | None]]:
        """The instance's EBS volumes in the order of its block devices, whether eligible or not."""
        if not holder.volumes:
            return []
        entries = await self._volumes(holder.volumes)
        names = {holder.resource.id: holder.resource.name}
        return [await self._disk(entries[one], names) for one in holder.volumes if one in entries]

    async def instance(self, instance_id: str, *, needed: bool = True) -> Holder | None:
        """The instance; Gone, or None where it is not ``needed``, if there is none."""
        call = Call("ec2", "DescribeInstances", self._account, self._region, instance_id)
        entry = None
        try:
            answer = await self._clients.read(call, keys_of(self._grant), InstanceIds=[instance_id])
        except Gone:
            if needed:
                raise
            return None
        for reservation in answer.get("Reservations") or []:
            for found in reservation.get("Instances") or []:
                if found.get("InstanceId") == instance_id:
                    entry = found
        state = ((entry or {}).get("State") or {}).get("Name")
        if entry is None or (needed and state in _ENDED):
            if not needed:
                return None
            raise Gone(
                f"{instance_id} is not in account {self._account}, {self._region} (any more)",
                next="check the id; volumes that outlived it can be acquired one by one",
            )
        resource = readings.instance(self._settings, self._account, self._region, entry)
        by_device = {
            str(mapping.get("DeviceName")): arns.trusted(
                arns.VOLUME, (mapping.get("Ebs") or {}).get("VolumeId"), "a volume id"
            )
            for mapping in entry.get("BlockDeviceMappings") or []
            if (mapping.get("Ebs") or {}).get("VolumeId")
        }
        stops, protected = (None, None) if state in _ENDED else await self._ends(instance_id)
        return Holder(
            resource=resource,
            volumes=tuple(dict.fromkeys(by_device.values())),
            root=by_device.get(str(entry.get("RootDeviceName")), ""),
            stops=stops,
            protected=protected,
        )

    async def profile(self, holder: Holder) -> Profile:
        """The profile's role and the policies on it; what IAM refuses to tell is not collected, and said."""
        arn = holder.resource.attributes.get("profile")
        if not arn:
            return Profile()
        found = arns.PROFILE.fullmatch(arns.trusted(arns.PROFILE, arn, "the ARN of an instance profile"))
        assert found is not None
        try:
            answer = await self._iam("GetInstanceProfile", found[2], InstanceProfileName=found[2])
            roles = (answer.get("InstanceProfile") or {}).get("Roles") or []
            if not roles:
                return Profile(arn=arn)
            role = arns.trusted(arns.ROLE, roles[0].get("Arn"), "the ARN of a role")
            name = role.rpartition("/")[2]
            inline = [str(one) async for one in self._listed("ListRolePolicies", "PolicyNames", name)]
            policies = [
                arns.trusted(arns.POLICY, one.get("PolicyArn"), "the ARN of a policy")
                async for one in self._listed("ListAttachedRolePolicies", "AttachedPolicies", name)
            ]
        except (Denied, Gone) as fault:
            return Profile(unread=fault.message)
        return Profile(arn=arn, role=role, inline=tuple(inline), policies=tuple(policies))

    async def _volumes(self, volumes: Sequence[str]) -> dict[str, Mapping[str, Any]]:
        call = Call("ec2", "DescribeVolumes", self._account, self._region, ", ".join(volumes))
        answer = await self._clients.read(call, keys_of(self._grant), VolumeIds=list(volumes))
        return {str(entry.get("VolumeId")): entry for entry in answer.get("Volumes") or []}

    async def _disk(self, entry: Mapping[str, Any], names: Mapping[str, str]) -> tuple[Resource, Key | None]:
        key = None
        kms = "none"
        if entry.get("Encrypted") is True:
            arn = arns.trusted(arns.KMS_KEY, entry.get("KmsKeyId"), "the ARN of a KMS key")
            key = await self._keys.key(arn, self._account, self._grant)
            kms = {"AWS": "default", "CUSTOMER": "customer"}.get(key.manager, "unknown")
        return readings.volume(self._settings, self._account, self._region, entry, names, kms), key

    async def _ends(self, instance_id: str) -> tuple[str | None, bool | None]:
        """What a shutdown does and whether termination is blocked: one attribute a call."""
        call = Call("ec2", "DescribeInstanceAttribute", self._account, self._region, instance_id)
        try:
            answers = [
                await self._clients.read(call, keys_of(self._grant), InstanceId=instance_id, Attribute=name)
                for name in ("instanceInitiatedShutdownBehavior", "disableApiTermination")
            ]
        except (Denied, Gone):
            return None, None
        stops = (answers[0].get("InstanceInitiatedShutdownBehavior") or {}).get("Value")
        protected = (answers[1].get("DisableApiTermination") or {}).get("Value")
        return (
            visible(stops, cap=20) if stops else None,
            protected if isinstance(protected, bool) else None,
        )

    async def _iam(self, operation: str, subject: str, **parameters: Any) -> dict[str, Any]:
        call = Call("iam", operation, self._account, arns.iam_region(self._region), subject)
        return await self._clients.read(call, keys_of(self._grant), **parameters)

    async def _listed(self, operation: str, member: str, role: str) -> Any:
        """The entries of an IAM listing; it continues by Marker (IAM API Reference)."""
        more: dict[str, Any] = {}
        seen = 0
        while True:
            answer = await self._iam(operation, role, RoleName=role, **more)
            for entry in answer.get(member) or []:
                seen += 1
                yield entry
            if not answer.get("IsTruncated") or not answer.get("Marker"):
                return
            if seen > _AT_MOST or answer["Marker"] == more.get("Marker"):
                raise Untrusted(f"iam:{operation}: the pages do not end", next="check the endpoint in [aws]")
            more = {"Marker": answer["Marker"]}


def disk(found: tuple[Resource, Key | None]) -> Disk:
    """A disk as the routes see it."""
    return Disk(volume=found[0], key=found[1])
