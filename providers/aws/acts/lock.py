"""LockSnapshot in governance mode: who may unlock it still can, and nobody deletes it by mistake."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from app.clock import stamp
from app.faults import Gone, Usage
from app.model import Step
from app.ports import Grant, Made, StepContext
from providers.aws.acts.sending import LOOKS, Request, Sender
from providers.aws.clients import keys_of, request_id
from providers.aws.faults import Call
from providers.aws.outputs import snapshot_of

_LONGEST = 36500
"""Days (EC2 API Reference, LockSnapshot, LockDuration: 1 to 36,500)."""
_HOLDS = ("governance", "compliance", "compliance-cooloff")


class Lock:
    """A lock of ``params.days`` days from now, or what is at least as good."""

    def __init__(self, sender: Sender) -> None:
        self._sender = sender

    def request(self, step: Step, context: StepContext) -> Request:
        snapshot = snapshot_of(step, context)
        return Call("ec2", "LockSnapshot", step.account, step.region, snapshot), {
            "SnapshotId": snapshot,
            "LockMode": "governance",
            "LockDuration": _days(step),
        }

    async def find(self, step: Step, context: StepContext, grant: Grant) -> Made | None:
        """A lock of that length or longer. A copy made a moment ago may be unknown here for some seconds."""
        for wait in LOOKS:
            await self._sender.pause(wait)
            try:
                return await self._look(step, context, grant)
            except Gone:
                continue
        return None

    async def perform(self, step: Step, context: StepContext, grant: Grant) -> Made:
        return await self._sender.send(
            self.request(step, context),
            step,
            context,
            grant,
            made=lambda answer: _made(snapshot_of(step, context), answer, request_id(answer)),
            look=lambda: self._look(step, context, grant),
        )

    async def _look(self, step: Step, context: StepContext, grant: Grant) -> Made | None:
        snapshot, days = snapshot_of(step, context), _days(step)
        call = Call("ec2", "DescribeLockedSnapshots", step.account, step.region, snapshot)
        answer = await self._sender.clients.read(call, keys_of(grant), SnapshotIds=[snapshot])
        for entry in answer.get("Snapshots") or []:
            duration = entry.get("LockDuration")
            holds = entry.get("LockState") in _HOLDS and isinstance(duration, int) and duration >= days
            if entry.get("SnapshotId") == snapshot and holds:
                return _made(snapshot, entry, request_id(answer))
        return None


def _made(snapshot: str, entry: dict[str, Any], request: str | None) -> Made:
    mode = "governance" if entry.get("LockState") in (None, "governance") else "compliance"
    output = {"snapshot_id": snapshot, "mode": mode}
    if isinstance(until := entry.get("LockExpiresOn"), datetime):
        output["until"] = stamp(until)
    return Made(resource=snapshot, output=output, request_id=request)


def _days(step: Step) -> int:
    days = step.params.get("days")
    if isinstance(days, int) and not isinstance(days, bool) and 0 < days <= _LONGEST:
        return days
    raise Usage(f"step {step.id} names no number of days from 1 to {_LONGEST}", next="plan again")
