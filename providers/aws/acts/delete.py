"""DeleteSnapshot, of what exists for transport alone. Evidence is never deleted: not by policy, and not here."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from app.faults import Gone, Refused, Unavailable
from app.model import Step
from app.ports import Grant, Made, StepContext
from providers.aws import readings, tags
from providers.aws.acts.sending import LOOKS, Request, Sender
from providers.aws.clients import keys_of, request_id
from providers.aws.faults import Call
from providers.aws.identity import CASE_TAG
from providers.aws.outputs import snapshot_of


class Delete:
    """Of the copy that the step named in ``snapshot_step`` made."""

    def __init__(self, sender: Sender) -> None:
        self._sender = sender

    def request(self, step: Step, context: StepContext) -> Request:
        snapshot = snapshot_of(step, context)
        return Call("ec2", "DeleteSnapshot", step.account, step.region, snapshot), {"SnapshotId": snapshot}

    async def find(self, step: Step, context: StepContext, grant: Grant) -> Made | None:
        """Made when it is gone. Unknown once is not gone: it may have been made a moment ago."""
        for wait in LOOKS:
            await self._sender.pause(wait)
            if await self._entry(step, context, grant) is not None:
                return None
        return self._made(step, context, None)

    async def perform(self, step: Step, context: StepContext, grant: Grant) -> Made:
        """Refused, before anything is sent, unless the snapshot carries the tags of transport and of this case."""
        snapshot = snapshot_of(step, context)
        entry = await self._entry(step, context, grant)
        if entry is None:
            if (gone := await self.find(step, context, grant)) is not None:
                return gone
            raise Unavailable(f"{snapshot} comes and goes in EC2's answers", next="it is tried again")
        wanted = {
            tags.TRANSPORT_TAG: tags.TRANSPORT_YES,
            CASE_TAG: context.case,
            tags.ACQUISITION_TAG: context.acquisition,
            tags.STEP_TAG: step.undoes,
        }
        original = entry.get("VolumeId") == step.params.get("volume_id")
        if original or not tags.carries(readings.tags_of(entry), wanted):
            raise Refused(
                f"{snapshot} is not a transport copy of acquisition {context.acquisition} in case {context.case}: "
                "it is not deleted",
                next="look at its tags; only what jumpbag made for transport is ever deleted",
            )

        async def look() -> Made | None:
            gone = await self._entry(step, context, grant) is None
            return self._made(step, context, None) if gone else None

        try:
            return await self._sender.send(
                self.request(step, context),
                step,
                context,
                grant,
                made=lambda answer: self._made(step, context, request_id(answer)),
                look=look,
            )
        except Gone as fault:
            return self._made(step, context, fault.request_id)

    async def _entry(self, step: Step, context: StepContext, grant: Grant) -> Mapping[str, Any] | None:
        snapshot = snapshot_of(step, context)
        call = Call("ec2", "DescribeSnapshots", step.account, step.region, snapshot)
        try:
            answer = await self._sender.clients.read(call, keys_of(grant), SnapshotIds=[snapshot])
        except Gone:
            return None
        entries: list[Mapping[str, Any]] = answer.get("Snapshots") or []
        return next((entry for entry in entries if entry.get("SnapshotId") == snapshot), None)

    def _made(self, step: Step, context: StepContext, request: str | None) -> Made:
        snapshot = snapshot_of(step, context)
        return Made(resource=snapshot, output={"snapshot_id": snapshot}, request_id=request)
