"""From a volume to the plan of its acquisition. Reads only."""

from __future__ import annotations

import math
from typing import Any, Literal

from app.faults import Gone, Refused, Usage
from app.model import Account, Estimate, Permission, Plan, PlanWarning, Resource, Step, Target, TransferSpec
from app.ports import Grant
from app.text import visible
from providers.aws import arns, readings
from providers.aws.clients import Clients, keys_of
from providers.aws.faults import Call
from providers.aws.identity import CASE_TAG
from providers.aws.inventory import AwsInventory
from providers.aws.settings import Settings

_SAME_CASE = "${aws:PrincipalTag/" + CASE_TAG + "}"

# Bytes a second, for the estimate alone. Reading: 0.95 of 1,000 blocks/s a snapshot, a quota that cannot be
# raised (Service Quotas, EBS direct APIs). Hashing: SHA-256 on one core. Snapshots: AWS states no rate.
_READ_RATE = 0.95 * 1000 * arns.BLOCK_SIZE
_HASH_RATE = 1.5e9
_SNAPSHOT_RATE, _SNAPSHOT_LEAST = 200e6, 60


class AwsPlanner:
    """The port ``Planner``."""

    def __init__(self, settings: Settings, clients: Clients, inventory: AwsInventory) -> None:
        self._settings = settings
        self._clients = clients
        self._inventory = inventory

    async def plan(self, kind: str, account: Account, region: str, target: str, route: str, grant: Grant) -> Plan:
        chosen, why = _route(kind, route, account.id)
        arns.region(region)
        if not arns.VOLUME.fullmatch(target):
            raise Usage(
                f"{visible(target, cap=60)!r} is not a volume id", next="give an id like vol-0123456789abcdef0"
            )
        volume, holder = await self._look(account.id, region, target, grant)
        if not volume.eligible:
            raise Refused(
                f"{target} in account {account.id} is not tagged for forensics: {volume.reason}",
                next=f"have the tag {visible(self._settings.aws.tag)} set on {target}, then plan again",
            )
        size = volume.size_bytes or 0
        steps = _steps(self._settings, volume, chosen)
        return Plan(
            kind="disk",
            target=Target(
                cloud="aws",
                account=account.id,
                account_name=account.name,
                region=region,
                id=target,
                name=volume.name,
                size_bytes=size,
                attached_to=volume.attached_to.id if volume.attached_to else "",
            ),
            route=chosen,
            why=why,
            steps=steps,
            leases=(),
            estimate=_estimate(size, chosen),
            warnings=_warnings(account, volume, holder, chosen),
            transfer=TransferSpec(size_bytes=size, block_size=arns.BLOCK_SIZE) if chosen == "direct" else None,
        )

    async def _look(
        self, account: str, region: str, target: str, grant: Grant
    ) -> tuple[Resource, Resource | None]:
        """The volume as it is now, and the instance that it is attached to."""
        keys = keys_of(grant)
        call = Call("ec2", "DescribeVolumes", account, region, target)
        answer = await self._clients.read(call, keys, VolumeIds=[target])
        entry = next((found for found in answer.get("Volumes") or [] if found.get("VolumeId") == target), None)
        if entry is None or entry.get("State") in ("deleting", "deleted"):
            raise Gone(
                f"{target} is not in account {account}, {region} (any more)",
                next="check the id; an earlier snapshot of it may still be there",
            )
        holder: Resource | None = None
        attached = readings.attachment(entry, {})
        if attached is not None:
            call = Call("ec2", "DescribeInstances", account, region, attached.id)
            answer = await self._clients.read(call, keys, InstanceIds=[attached.id])
            for reservation in answer.get("Reservations") or []:
                for found in reservation.get("Instances") or []:
                    if found.get("InstanceId") == attached.id:
                        holder = readings.instance(self._settings, account, region, found)
        kms = await self._inventory.kms_of(entry, account, region, grant, set())
        names = {holder.id: holder.name} if holder else {}
        return readings.volume(self._settings, account, region, entry, names, kms), holder


def _route(kind: str, route: str, account: str) -> tuple[Literal["direct", "preserve"], str]:
    if kind != "disk":
        raise Usage(
            f"the kind {visible(kind, cap=40)} is not built yet in this version",
            next="acquire its disks one by one",
        )
    if route == "auto":
        return "direct", (
            f"it needs the least: the blocks are read straight from one snapshot inside account {account}; "
            "nothing is shared with another account and no volume is made"
        )
    if route == "direct":
        return "direct", f"it was asked for: the blocks are read from one snapshot inside account {account}"
    if route == "preserve":
        return (
            "preserve",
            f"it was asked for: the snapshot stays in account {account}, nothing is downloaded",
        )
    if route == "copy":
        raise Usage("route copy is not built yet in this version", next="use direct or preserve")
    raise Usage(f"there is no route {visible(route, cap=40)!r}", next="use auto, direct or preserve")


def _steps(settings: Settings, volume: Resource, route: str) -> tuple[Step, ...]:
    account, region, size = volume.account, volume.region, volume.size_bytes or 0
    facts = {"volume_id": volume.id, "size_bytes": size, "block_size": arns.BLOCK_SIZE}
    snapshot = f"the snapshot of {volume.id}"
    collect, observe = f"{account}/collect", f"{account}/observe"

    def cloud(no: str, title: str, **rest: Any) -> Step:
        return Step(id=no, title=title, account=account, region=region, **rest)

    steps = [
        cloud(
            "1",
            f"Snapshot {volume.id}",
            kind="act",
            effect="collect",
            call="ec2:CreateSnapshot",
            resource=volume.id,
            undo="kept: it is the original",
            op="snapshot.create",
            lease=collect,
            permissions=create_permissions(settings, volume),
            params=facts,
        ),
        cloud(
            "2",
            "Wait until the snapshot is complete",
            kind="wait",
            effect="observe",
            call="ec2:DescribeSnapshots",
            resource=snapshot,
            undo="nothing to undo: it only looks",
            lease=observe,
            permissions=(Permission(actions=("ec2:DescribeSnapshots",), resources=("*",)),),
            params={**facts, "snapshot_step": "1"},
        ),
    ]
    if route == "preserve":
        return tuple(steps)
    steps.append(
        cloud(
            "3",
            "Read its blocks onto the jump host",
            kind="download",
            effect="observe",
            call="ebs:GetSnapshotBlock",
            resource=snapshot,
            undo="nothing to undo: it only reads",
            op="evidence.read",
            lease=observe,
            permissions=read_permissions(volume),
            params={**facts, "snapshot_step": "1"},
        )
    )
    local: dict[str, Any] = {"effect": "observe", "account": "", "region": "", "resource": "data/disk.raw"}
    steps += [
        Step(
            id="4",
            title="Hash the whole image",
            kind="hash",
            call="local:sha256",
            undo="nothing to undo: it only reads",
            **local,
        ),
        Step(
            id="5",
            title="Seal the evidence bag",
            kind="seal",
            call="local:bagit",
            undo="kept: it is the evidence",
            op="evidence.seal",
            **local,
        ),
    ]
    return tuple(steps)


def create_permissions(settings: Settings, volume: Resource) -> tuple[Permission, ...]:
    """CreateSnapshot authorises the volume and the new snapshot apart: one statement holding a ResourceTag for
    both would deny the new one, which has no tags yet. Tags may be set while it is created, and only then."""
    snapshots = arns.any_snapshot(volume.region)
    return (
        Permission(
            actions=("ec2:CreateSnapshot",),
            resources=(arns.volume(volume.region, volume.account, volume.id),),
            condition={"StringEquals": {f"aws:ResourceTag/{settings.tag_key}": settings.tag_value}},
        ),
        Permission(
            actions=("ec2:CreateSnapshot",),
            resources=(snapshots,),
            condition={"StringEquals": {f"aws:RequestTag/{CASE_TAG}": _SAME_CASE}},
        ),
        Permission(
            actions=("ec2:CreateTags",),
            resources=(snapshots,),
            condition={"StringEquals": {"ec2:CreateAction": "CreateSnapshot"}},
        ),
        Permission(actions=("ec2:DescribeSnapshots",), resources=("*",)),
    )


def read_permissions(volume: Resource) -> tuple[Permission, ...]:
    """Block reads of snapshots of this case, and the one key that they are encrypted under."""
    permissions = [
        Permission(
            actions=("ebs:GetSnapshotBlock", "ebs:ListSnapshotBlocks"),
            resources=(arns.any_snapshot(volume.region),),
            condition={"StringEquals": {f"aws:ResourceTag/{CASE_TAG}": _SAME_CASE}},
        )
    ]
    if volume.attributes.get("encrypted") == "true":
        key = arns.trusted(arns.KMS_KEY, volume.attributes.get("kms_key_id"), "the ARN of a KMS key")
        permissions.append(Permission(actions=("kms:Decrypt",), resources=(key,)))
    return tuple(permissions)


def _estimate(size: int, route: str) -> Estimate:
    seconds = max(_SNAPSHOT_LEAST, size / _SNAPSHOT_RATE)
    if route == "direct":
        seconds += size / _READ_RATE + size / _HASH_RATE
    return Estimate(bytes=size if route == "direct" else 0, seconds=math.ceil(seconds))


def _warnings(account: Account, volume: Resource, holder: Resource | None, route: str) -> tuple[PlanWarning, ...]:
    found = [
        PlanWarning(
            code="visible",
            text=f"the snapshot shows in CloudTrail to whoever watches account {account.id}, intruders included",
        )
    ]
    if holder is not None:
        name, state = visible(holder.name, cap=60), holder.attributes.get("state", "unknown")
        if state not in ("stopped", "terminated"):
            found.append(
                PlanWarning(
                    code="crash-consistent",
                    text=f"{name} is {visible(state)}: the image is crash-consistent, as after a power cut; "
                    "what its memory had not yet written is not in it",
                )
            )
        store = holder.attributes.get("instance_store")
        if store:
            has = "has" if store == "yes" else "may have, by its type,"
            found.append(
                PlanWarning(
                    code="instance-store",
                    text=f"{name} ({visible(holder.attributes.get('type', '?'))}) {has} instance store volumes: "
                    "they are in no snapshot, and lost when it stops",
                )
            )
    if volume.attributes.get("delete_on_termination") == "true":
        found.append(
            PlanWarning(
                code="delete-on-termination",
                text=f"{volume.id} is deleted when its instance is terminated; the snapshot stays",
            )
        )
    if (encryption := _encryption(volume, route)) is not None:
        found.append(encryption)
    if route == "direct":
        found.append(
            PlanWarning(
                code="upper-bound",
                text="the bytes are the volume's size, an upper bound: blocks never written are not read",
            )
        )
    return tuple(found)


def _encryption(volume: Resource, route: str) -> PlanWarning | None:
    kms = volume.attributes.get("kms", "none")
    if kms == "none":
        return None
    code = f"encrypted-{kms}"
    reads = " reading it needs kms:Decrypt on that key in its key policy;" if route == "direct" else ""
    key = visible(volume.attributes.get("kms_key_id", "?"), cap=120)
    if kms == "default":
        text = (
            "it is encrypted under the default aws/ebs key: readable directly in its account, "
            "but a snapshot under that key cannot be shared with another account"
        )
    elif kms == "customer":
        text = f"it is encrypted under the customer key {key};{reads} the snapshot is lost with the key"
    else:
        text = f"it is encrypted under {key};{reads} whether that is the default aws/ebs key could not be read"
    return PlanWarning(code=code, text=text)
