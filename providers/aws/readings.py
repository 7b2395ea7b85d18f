"""EC2's answers, read: ids matched, sizes bounded, names and tags kept as they came."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from app.clock import stamp
from app.faults import Untrusted
from app.model import Attachment, Resource
from providers.aws import arns
from providers.aws.eligibility import judge
from providers.aws.settings import Settings

_LARGEST_GIB = 65536  # 64 TiB (Amazon EBS User Guide, "Amazon EBS volume types": io2 Block Express)
_TAGS_AT_MOST = 1000  # AWS allows 50; more than this is not an answer of EC2
# A "d" among the letters after the generation means instance store (Amazon EC2 User Guide, "instance type
# naming conventions"); these have it without the letter (the same guide, "instance store volumes").
_FAMILY = re.compile(r"([a-z]+)(\d+)([a-z-]*)\.[a-z0-9-]+")
_STORE_SERIES = frozenset({"d", "f", "h", "hs", "i", "im", "is", "trn"})
_STORE_FAMILIES = frozenset({"c1", "c3", "g2", "g5", "g6", "m1", "m2", "m3", "p5", "r3", "x1", "x1e"})


def tags_of(entry: Mapping[str, Any]) -> dict[str, str]:
    """The tags of an EC2 object as a mapping."""
    found = entry.get("Tags") or []
    if len(found) > _TAGS_AT_MOST:
        raise Untrusted(
            f"EC2 answered {len(found)} tags on one object", next="check the endpoint in the context bar"
        )
    return {str(tag.get("Key", "")): str(tag.get("Value", "")) for tag in found}


def size_of(entry: Mapping[str, Any], field: str) -> int:
    """Bytes, of a size that EC2 gives in GiB."""
    gib = entry.get(field)
    if not isinstance(gib, int) or isinstance(gib, bool) or not 0 < gib <= _LARGEST_GIB:
        raise Untrusted(
            f"EC2 answered a size of {str(gib)[:20]!r} GiB", next="check the endpoint in the context bar"
        )
    return gib * arns.GIB


def instance_store(entry: Mapping[str, Any]) -> str:
    """``yes`` where the root is on it, ``likely`` by the type's name, else ``""``; it is in no snapshot."""
    if entry.get("RootDeviceType") == "instance-store":
        return "yes"
    family = _FAMILY.fullmatch(str(entry.get("InstanceType") or ""))
    if family is None:
        return ""
    series, generation, options = family.groups()
    stored = "d" in options or series in _STORE_SERIES or f"{series}{generation}{options}" in _STORE_FAMILIES
    return "likely" if stored else ""


def instance(settings: Settings, account: str, region: str, entry: Mapping[str, Any]) -> Resource:
    """An entry of DescribeInstances."""
    found = arns.trusted(arns.INSTANCE, entry.get("InstanceId"), "an instance id")
    tags = tags_of(entry)
    eligible, reason = judge(settings, tags, account)
    kept = [
        str(mapping.get("DeviceName"))
        for mapping in entry.get("BlockDeviceMappings") or []
        if (mapping.get("Ebs") or {}).get("DeleteOnTermination") is True
    ]
    return Resource(
        cloud="aws",
        account=account,
        region=region,
        kind="instance",
        id=found,
        name=tags.get("Name") or found,
        tags=tags,
        eligible=eligible,
        reason=reason,
        attributes=_stated(
            type=entry.get("InstanceType"),
            state=(entry.get("State") or {}).get("Name"),
            launched=_when(entry.get("LaunchTime")),
            platform=entry.get("PlatformDetails") or entry.get("Platform"),
            instance_store=instance_store(entry),
            delete_on_termination=", ".join(kept),
            lifecycle=entry.get("InstanceLifecycle"),
            autoscaling_group=tags.get("aws:autoscaling:groupName"),
            profile=(entry.get("IamInstanceProfile") or {}).get("Arn"),
        ),
    )


def volume(
    settings: Settings, account: str, region: str, entry: Mapping[str, Any], names: Mapping[str, str], kms: str
) -> Resource:
    """An entry of DescribeVolumes; ``names`` maps instance ids to names, ``kms`` as the inventory says."""
    found = arns.trusted(arns.VOLUME, entry.get("VolumeId"), "a volume id")
    tags = tags_of(entry)
    eligible, reason = judge(settings, tags, account)
    attached = attachment(entry, names)
    on_instance = f"{attached.name}:{attached.device}" if attached else ""
    first: Mapping[str, Any] = next(iter(entry.get("Attachments") or []), {})
    return Resource(
        cloud="aws",
        account=account,
        region=region,
        kind="volume",
        id=found,
        name=tags.get("Name") or on_instance or found,
        tags=tags,
        eligible=eligible,
        reason=reason,
        size_bytes=size_of(entry, "Size"),
        attached_to=attached,
        attributes=_stated(
            type=entry.get("VolumeType"),
            state=entry.get("State"),
            encrypted=_yes(entry.get("Encrypted")),
            kms=kms,
            kms_key_id=entry.get("KmsKeyId"),
            snapshot=entry.get("SnapshotId"),
            created=_when(entry.get("CreateTime")),
            delete_on_termination=_yes(first.get("DeleteOnTermination")) if first else None,
        ),
    )


def snapshot(settings: Settings, account: str, region: str, entry: Mapping[str, Any], kms: str) -> Resource:
    """An entry of DescribeSnapshots."""
    found = arns.trusted(arns.SNAPSHOT, entry.get("SnapshotId"), "a snapshot id")
    tags = tags_of(entry)
    eligible, reason = judge(settings, tags, account)
    return Resource(
        cloud="aws",
        account=account,
        region=region,
        kind="snapshot",
        id=found,
        name=tags.get("Name") or found,
        tags=tags,
        eligible=eligible,
        reason=reason,
        size_bytes=size_of(entry, "VolumeSize"),
        attributes=_stated(
            state=entry.get("State"),
            progress=entry.get("Progress"),
            volume=entry.get("VolumeId"),
            started=_when(entry.get("StartTime")),
            encrypted=_yes(entry.get("Encrypted")),
            kms=kms,
            kms_key_id=entry.get("KmsKeyId"),
            description=entry.get("Description"),
        ),
    )


def attachment(entry: Mapping[str, Any], names: Mapping[str, str]) -> Attachment | None:
    """The first instance that a volume is attached to, if any."""
    for found in entry.get("Attachments") or []:
        if found.get("InstanceId") and found.get("State") != "detached":
            holder = arns.trusted(arns.INSTANCE, found["InstanceId"], "an instance id")
            return Attachment(id=holder, name=names.get(holder, holder), device=str(found.get("Device") or "?"))
    return None


def _stated(**attributes: object) -> dict[str, str]:
    """The attributes that EC2 stated at all, as text."""
    return {name: str(value) for name, value in attributes.items() if value not in (None, "")}


def _yes(value: object) -> str | None:
    return None if value is None else ("true" if value is True else "false")


def _when(value: object) -> str | None:
    return stamp(value) if isinstance(value, datetime) else None
