"""What steps hand on to later ones: snapshots by id, checked each time they are taken up."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from app.clock import stamp
from app.faults import Untrusted, Usage
from app.model import Step
from app.ports import StepContext
from app.text import visible
from providers.aws import arns, readings

NO_VOLUME = "vol-ffffffff"
"""The VolumeId that a copy shows (EC2 API Reference, CopySnapshot: an arbitrary volume id not to be used)."""


def snapshots_of(step: Step, context: StepContext) -> dict[str, str]:
    """Volume id -> snapshot id, of all that a later step works on; Usage if their maker has not run.

    After CreateSnapshots that is every volume, or the one of ``params.volume_id`` where the step names one.
    """
    output = context.outputs.get(str(step.params.get("snapshot_step"))) or {}
    volume = step.params.get("volume_id")
    several = output.get("snapshots")
    if isinstance(several, Mapping):
        wanted = {volume: several.get(volume)} if volume is not None else dict(several)
    else:
        wanted = {volume: output}
    found = {}
    for of, entry in wanted.items():
        snapshot = entry.get("snapshot_id") if isinstance(entry, Mapping) else None
        if not isinstance(of, str) or not arns.VOLUME.fullmatch(of):
            raise Usage(f"step {step.id} names no volume", next="plan again")
        if not isinstance(snapshot, str) or not arns.SNAPSHOT.fullmatch(snapshot):
            raise Usage(f"step {step.id} has no snapshot to work on", next="run the step that makes it first")
        found[of] = snapshot
    if not found:
        raise Usage(f"step {step.id} has no snapshot to work on", next="run the step that makes it first")
    return found


def snapshot_of(step: Step, context: StepContext) -> str:
    """The id of the one snapshot that a later step works on; Usage if its maker has not run."""
    found = snapshots_of(step, context)
    if len(found) != 1:
        raise Usage(f"step {step.id} names no volume, and there are {len(found)} snapshots", next="plan again")
    return next(iter(found.values()))


def volume_of(step: Step) -> str:
    """The volume that a step is about; Usage if it names none."""
    found = step.params.get("volume_id")
    if isinstance(found, str) and arns.VOLUME.fullmatch(found):
        return found
    raise Usage(f"step {step.id} names no volume", next="plan again")


def described(entry: Mapping[str, Any], volume: str, request: str | None, *, copied: bool) -> dict[str, Any]:
    """The output for a snapshot as EC2 describes it; what EC2 does not say is left out.

    Untrusted when it is of another volume. ``copied``: it may be a copy, which shows :data:`NO_VOLUME`.
    """
    found = arns.trusted(arns.SNAPSHOT, entry.get("SnapshotId"), "a snapshot id")
    if entry.get("VolumeId") != volume and not (copied and entry.get("VolumeId") == NO_VOLUME):
        raise Untrusted(
            f"AWS says that {found} is a snapshot of {visible(entry.get('VolumeId'), cap=60)}, not of {volume}",
            next="check the endpoint in the context bar",
            request_id=request,
        )
    output: dict[str, Any] = {
        "snapshot_id": found,
        "volume_id": volume,
        "size_bytes": readings.size_of(entry, "VolumeSize"),
        "encrypted": entry.get("Encrypted") is True,
    }
    if arns.KMS_KEY.fullmatch(str(entry.get("KmsKeyId") or "")):
        output["kms_key_id"] = entry["KmsKeyId"]
    if isinstance(started := entry.get("StartTime"), datetime):
        output["started"] = stamp(started)
    return output
