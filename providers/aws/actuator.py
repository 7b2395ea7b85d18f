"""The one mutating call of a plan, CreateSnapshot, and looking at what it made.

CreateSnapshot takes no client token (EC2 API Reference: VolumeId, Description, TagSpecifications, OutpostArn,
Location, DryRun), so the tags carry the idempotency: case, acquisition and step. A snapshot that
carries them is adopted; a lost answer is followed by a look for it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from app.clock import stamp
from app.faults import Broken, Fault, Gone, Unavailable, Untrusted, Usage
from app.model import Step
from app.ports import Grant, Made, Scope, StepContext
from app.text import visible
from providers.aws import arns, readings
from providers.aws.clients import Clients, keys_of, request_id
from providers.aws.faults import Call, uncertain
from providers.aws.identity import CASE_TAG

ACQUISITION_TAG, STEP_TAG, HEAD_TAG = "jumpbag:acquisition", "jumpbag:step", "jumpbag:head"

_LOOKS_AFTER_DOUBT = (0.0, 1.0, 2.0, 4.0)
"""Seconds before each look: a describe may lag behind a create (EC2 API Reference, "Eventual consistency")."""
_MISSES = 8
"""How often a snapshot just made may be unknown to DescribeSnapshots before it counts as gone."""
_PERCENT = re.compile(r"([0-9]{1,3})%?")


class AwsActuator:
    """The port ``Actuator``."""

    def __init__(self, scope: Scope, clients: Clients) -> None:
        self._scope = scope
        self._clients = clients
        self._doubtful: set[tuple[str, str, str]] = set()
        self._missed: dict[str, int] = {}

    async def find(self, step: Step, context: StepContext, grant: Grant) -> Made | None:
        """The snapshot that carries this step's tags; after a lost answer it is looked for during some seconds."""
        _only_create(step)
        doubt = bool(context.head) or _key(step, context) in self._doubtful
        found = await self._look(step, context, grant, _LOOKS_AFTER_DOUBT if doubt else (0.0,))
        if found is not None:
            self._doubtful.discard(_key(step, context))
        return found

    async def perform(self, step: Step, context: StepContext, grant: Grant) -> Made:
        _only_create(step)
        volume = _volume(step)
        call = Call("ec2", "CreateSnapshot", step.account, step.region, volume)
        # In doubt until an answer settles it: a pause or a cancel may cut this short after the call has left.
        self._doubtful.add(_key(step, context))
        try:
            answer = await self._clients.write(
                call,
                keys_of(grant),
                "ec2:write",
                VolumeId=volume,
                Description=f"jumpbag: case {context.case}, acquisition {context.acquisition}, {volume}",
                TagSpecifications=[
                    {
                        "ResourceType": "snapshot",
                        "Tags": [{"Key": key, "Value": value} for key, value in _tags(step, context).items()],
                    }
                ],
            )
        except Fault as fault:
            if not uncertain(fault):
                self._doubtful.discard(_key(step, context))
                raise
            return await self._lost(fault, step, context, grant)
        made = _made(answer, volume, request_id(answer))
        self._doubtful.discard(_key(step, context))
        return made

    async def probe(self, step: Step, context: StepContext, grant: Grant) -> tuple[int, Made | None]:
        """One DescribeSnapshots of the snapshot that the step named in ``snapshot_step`` made."""
        if step.call != "ec2:DescribeSnapshots":
            raise Usage(f"step {step.id} waits for {visible(step.call)}, which is unknown here", next="plan again")
        wanted = snapshot_of(step, context)
        call = Call("ec2", "DescribeSnapshots", step.account, step.region, wanted)
        try:
            answer = await self._clients.read(call, keys_of(grant), SnapshotIds=[wanted])
            entry = next((e for e in answer.get("Snapshots") or [] if e.get("SnapshotId") == wanted), None)
            if entry is None:
                raise Gone(f"{wanted} is not in account {step.account}, {step.region}", next="see who deleted it")
        except Gone:
            self._missed[wanted] = self._missed.get(wanted, 0) + 1
            if self._missed[wanted] < _MISSES:
                return 0, None
            raise
        self._missed[wanted] = 0
        state = entry.get("State")
        if state in ("error", "recoverable", "recovering"):
            said = visible(entry.get("StateMessage") or "AWS gives no reason", cap=200)
            raise Broken(
                f"{wanted} of {step.params.get('volume_id', '?')} failed in AWS, state {state}: {said}",
                next="check the volume and its KMS key, then plan the acquisition again",
            )
        percent = _PERCENT.fullmatch(str(entry.get("Progress") or ""))
        if state != "completed":
            return min(99, int(percent[1]) if percent else 0), None
        return 100, _made(entry, str(step.params["volume_id"]), request_id(answer))

    async def _lost(self, fault: Fault, step: Step, context: StepContext, grant: Grant) -> Made:
        """The call left and no good answer came: the snapshot may be there."""
        try:
            found = await self._look(step, context, grant, _LOOKS_AFTER_DOUBT)
        except Fault:
            found = None
        if found is not None:
            self._doubtful.discard(_key(step, context))
            return found
        raise Unavailable(
            fault.message,
            next="whether the snapshot was begun is not known; the next try looks for it before it makes one",
            request_id=fault.request_id,
            provider_code=fault.provider_code,
        ) from None

    async def _look(self, step: Step, context: StepContext, grant: Grant, waits: tuple[float, ...]) -> Made | None:
        for wait in waits:
            if wait:
                await self._scope.clock.sleep(wait)
            found = await self._tagged(step, context, grant)
            if found is not None:
                return found
        return None

    async def _tagged(self, step: Step, context: StepContext, grant: Grant) -> Made | None:
        volume = _volume(step)
        wanted = {name: value for name, value in _tags(step, context).items() if name in _IDENTITY}
        call = Call("ec2", "DescribeSnapshots", step.account, step.region, f"snapshots of {volume}")
        pages = self._clients.pages(
            call,
            keys_of(grant),
            OwnerIds=["self"],
            Filters=[{"Name": f"tag:{name}", "Values": [value]} for name, value in wanted.items()],
        )
        found: list[tuple[datetime, Made]] = []
        async for page in pages:
            for entry in page.get("Snapshots") or []:
                tags = readings.tags_of(entry)
                ours = all(tags.get(name) == value for name, value in wanted.items())
                if ours and entry.get("VolumeId") == volume and entry.get("State") != "error":
                    begun = entry.get("StartTime")
                    moment = begun if isinstance(begun, datetime) else datetime.min.replace(tzinfo=UTC)
                    found.append((moment, _made(entry, volume, request_id(page))))
        return max(found, key=lambda pair: pair[0])[1] if found else None


_IDENTITY = frozenset({CASE_TAG, ACQUISITION_TAG, STEP_TAG})


def snapshot_of(step: Step, context: StepContext) -> str:
    """The id of the snapshot that a later step works on; Usage if its maker has not run."""
    output = context.outputs.get(str(step.params.get("snapshot_step"))) or {}
    found = output.get("snapshot_id")
    if isinstance(found, str) and arns.SNAPSHOT.fullmatch(found):
        return found
    raise Usage(f"step {step.id} has no snapshot to work on", next="run the step that makes it first")


def _tags(step: Step, context: StepContext) -> dict[str, str]:
    return {
        "Name": f"jumpbag {context.acquisition} {_volume(step)}",
        CASE_TAG: context.case,
        ACQUISITION_TAG: context.acquisition,
        STEP_TAG: step.id,
        HEAD_TAG: context.head,
    }


def _made(entry: Mapping[str, Any], volume: str, request: str | None) -> Made:
    found = arns.trusted(arns.SNAPSHOT, entry.get("SnapshotId"), "a snapshot id")
    if entry.get("VolumeId") != volume:
        raise Untrusted(
            f"AWS says that {found} is a snapshot of {visible(entry.get('VolumeId'), cap=60)}, not of {volume}",
            next="check the endpoint in the context bar",
            request_id=request,
        )
    started = entry.get("StartTime")
    output: dict[str, Any] = {
        "snapshot_id": found,
        "volume_id": volume,
        "size_bytes": readings.size_of(entry, "VolumeSize"),
        "encrypted": entry.get("Encrypted") is True,
        "kms_key_id": entry.get("KmsKeyId") if arns.KMS_KEY.fullmatch(str(entry.get("KmsKeyId") or "")) else None,
        "started": stamp(started) if isinstance(started, datetime) else None,
    }
    return Made(resource=found, output=output, request_id=request)


def _volume(step: Step) -> str:
    found = step.params.get("volume_id")
    if isinstance(found, str) and arns.VOLUME.fullmatch(found):
        return found
    raise Usage(f"step {step.id} names no volume", next="plan again")


def _key(step: Step, context: StepContext) -> tuple[str, str, str]:
    return context.case, context.acquisition, step.id


def _only_create(step: Step) -> None:
    if step.call != "ec2:CreateSnapshot":
        raise Usage(f"step {step.id} calls {visible(step.call)}, which is unknown here", next="plan again")
