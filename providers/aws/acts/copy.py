"""CopySnapshot: under another key, into another account or region.

It is called in the destination region. For an encrypted snapshot of another region EC2 wants a presigned
request of the source region (EC2 API Reference, CopySnapshot, PresignedUrl); the SDK adds it, signed with
the same lease, valid for an hour. It holds a session token, so no parameters are ever logged.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from app.faults import Gone, Untrusted, Usage
from app.model import Step
from app.ports import Grant, Made, StepContext
from app.text import visible
from providers.aws import arns, tags
from providers.aws.acts.sending import LOOKS, Request, Sender, only
from providers.aws.clients import keys_of, request_id
from providers.aws.faults import ANEW, Call
from providers.aws.outputs import described, snapshot_of, volume_of


class Copy:
    """A copy of one snapshot. It shows no volume, so the step's own volume is what it is of."""

    def __init__(self, sender: Sender) -> None:
        self._sender = sender

    def request(self, step: Step, context: StepContext) -> Request:
        source, volume = snapshot_of(step, context), volume_of(step)
        return Call("ec2", "CopySnapshot", step.account, step.region, source), {
            "SourceSnapshotId": source,
            "SourceRegion": _source_region(step),
            "Encrypted": True,
            "KmsKeyId": _key(step),
            "Description": f"jumpbag: case {context.case}, acquisition {context.acquisition}, "
            f"copy of {source}, {volume}",
            "TagSpecifications": tags.specification(step, context, volume),
        }

    async def find(self, step: Step, context: StepContext, grant: Grant) -> Made | None:
        """The one that carries this step's tags and has not failed; Untrusted if there are several."""
        return await self._sender.found(step, context, lambda: self._look(step, context, grant))

    async def perform(self, step: Step, context: StepContext, grant: Grant) -> Made:
        await self._seen(step, context, grant)
        return await self._sender.send(
            self.request(step, context),
            step,
            context,
            grant,
            made=lambda answer: _begun(step, answer),
            look=lambda: self._look(step, context, grant),
        )

    async def _seen(self, step: Step, context: StepContext, grant: Grant) -> None:
        """Waits until a snapshot shared a moment ago is seen by the account that copies it.

        Gone if it stays unseen, Untrusted if it is somebody else's.
        """
        owner = step.params.get("owner")
        if owner is None or owner == step.account:
            return
        source = snapshot_of(step, context)
        call = Call("ec2", "DescribeSnapshots", step.account, _source_region(step), source)
        for wait in LOOKS:
            await self._sender.pause(wait)
            try:
                answer = await self._sender.clients.read(call, keys_of(grant), SnapshotIds=[source])
            except Gone:
                continue
            for entry in answer.get("Snapshots") or []:
                if entry.get("SnapshotId") != source:
                    continue
                if entry.get("OwnerId") != owner:
                    raise Untrusted(
                        f"AWS says that {source} is of account {visible(entry.get('OwnerId'), cap=30)}, "
                        f"not of {owner}",
                        next="check the endpoint in the context bar",
                        request_id=request_id(answer),
                    )
                return
        raise Gone(
            f"account {step.account} does not see {source} of account {owner} in {_source_region(step)}",
            next=f"see who deleted it or took the share back (CloudTrail), then {ANEW}; if it fails again, "
            "cancel it and plan another",
        )

    async def _look(self, step: Step, context: StepContext, grant: Grant) -> Made | None:
        volume, key = volume_of(step), _key(step)
        found: list[Made] = []
        async for entry, request in self._sender.tagged(step, context, grant, volume):
            # A copy shows no volume (EBS User Guide, "Copy a snapshot"): what shows the disk is an original.
            if entry.get("VolumeId") != volume and entry.get("State") != "error":
                found.append(_described(entry, volume, key, request))
        return only(found, step)


def _begun(step: Step, answer: dict[str, Any]) -> Made:
    """The answer of CopySnapshot holds the new id and the tags, no more."""
    found = arns.trusted(arns.SNAPSHOT, answer.get("SnapshotId"), "a snapshot id")
    output = {
        "snapshot_id": found,
        "volume_id": volume_of(step),
        "size_bytes": int(step.params["size_bytes"]),
        "encrypted": True,
        "kms_key_id": _key(step),
    }
    return Made(resource=found, output=output, request_id=request_id(answer))


def _described(entry: Mapping[str, Any], volume: str, key: str, request: str | None) -> Made:
    output = described(entry, volume, request, copied=True)
    if output.get("kms_key_id") != key:
        raise Untrusted(
            f"the copy {output['snapshot_id']} is not encrypted under {key}, as the step asks",
            next="see who made it; it is neither used nor deleted",
            request_id=request,
        )
    return Made(resource=output["snapshot_id"], output=output, request_id=request)


def _source_region(step: Step) -> str:
    return arns.region(str(step.params.get("source_region") or step.region))


def _key(step: Step) -> str:
    found = step.params.get("key")
    if isinstance(found, str) and arns.KMS_KEY.fullmatch(found):
        return found
    raise Usage(f"step {step.id} names no KMS key by its ARN", next="plan again")
