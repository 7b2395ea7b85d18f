"""ModifySnapshotAttribute: letting the forensics account copy a snapshot, and taking that back."""

from __future__ import annotations

from typing import Any

from app.faults import Gone, Refused, Unavailable
from app.model import Step
from app.ports import Grant, Made, StepContext
from app.text import visible
from providers.aws.acts.sending import LOOKS, Request, Sender
from providers.aws.clients import keys_of, request_id
from providers.aws.faults import Call
from providers.aws.outputs import snapshot_of

_ATTRIBUTE = "createVolumePermission"


class Share:
    """Adds the forensics account, or takes it away (``adds`` False). Both may be said twice."""

    def __init__(self, sender: Sender, forensics: str, *, adds: bool) -> None:
        self._sender = sender
        self._forensics = forensics
        self._adds = adds

    def request(self, step: Step, context: StepContext) -> Request:
        """Refused for any account but the forensics account."""
        snapshot = snapshot_of(step, context)
        return Call("ec2", "ModifySnapshotAttribute", step.account, step.region, snapshot), {
            "SnapshotId": snapshot,
            "Attribute": _ATTRIBUTE,
            "OperationType": "add" if self._adds else "remove",
            "UserIds": [self._with(step)],
        }

    async def find(self, step: Step, context: StepContext, grant: Grant) -> Made | None:
        """Whether it is so already. A snapshot that is gone is shared with nobody."""
        return await self._look(step, context, grant)

    async def perform(self, step: Step, context: StepContext, grant: Grant) -> Made:
        """What was taken back is looked at until EC2 says so too; Unavailable if it keeps listing the account."""
        made = await self._sender.send(
            self.request(step, context),
            step,
            context,
            grant,
            made=lambda answer: self._made(step, context, answer),
            look=lambda: self._look(step, context, grant),
        )
        if self._adds:
            return made
        for wait in LOOKS:
            await self._sender.pause(wait)
            if await self._look(step, context, grant) is not None:
                return made
        raise Unavailable(
            f"EC2 still lists account {self._with(step)} on {made.resource} in account {step.account}",
            next="it is tried again; look at the snapshot's permissions if it stays so",
            request_id=made.request_id,
        )

    async def _look(self, step: Step, context: StepContext, grant: Grant) -> Made | None:
        snapshot, account = snapshot_of(step, context), self._with(step)
        call = Call("ec2", "DescribeSnapshotAttribute", step.account, step.region, snapshot)
        try:
            answer = await self._sender.clients.read(
                call, keys_of(grant), SnapshotId=snapshot, Attribute=_ATTRIBUTE
            )
        except Gone:
            if self._adds:
                raise
            return self._made(step, context, {})
        users = {entry.get("UserId") for entry in answer.get("CreateVolumePermissions") or []}
        return self._made(step, context, answer) if (account in users) is self._adds else None

    def _made(self, step: Step, context: StepContext, answer: dict[str, Any]) -> Made:
        snapshot = snapshot_of(step, context)
        output = {"snapshot_id": snapshot, "account": self._with(step)}
        return Made(resource=snapshot, output=output, request_id=request_id(answer))

    def _with(self, step: Step) -> str:
        wanted = step.params.get("with")
        if wanted != self._forensics:
            raise Refused(
                f"step {step.id} shares with {visible(wanted, cap=30)}, not with the forensics account "
                f"{self._forensics}",
                next="plan again",
            )
        return self._forensics
