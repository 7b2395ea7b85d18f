"""The port ``Actuator``: which act a step is, and asking beforehand whether it would be allowed."""

from __future__ import annotations

from app.faults import Usage
from app.model import Step
from app.ports import Grant, Made, Scope, StepContext
from app.text import visible
from providers.aws.acts.copy import Copy
from providers.aws.acts.create import Create, CreateAll
from providers.aws.acts.delete import Delete
from providers.aws.acts.lock import Lock
from providers.aws.acts.sending import Act, Sender
from providers.aws.acts.share import Share
from providers.aws.acts.wait import Wait
from providers.aws.clients import Clients, keys_of
from providers.aws.settings import Settings

_REHEARSED = ("ec2:CreateSnapshot", "ec2:CreateSnapshots")


class AwsActuator:
    """Acts are found by the step's call; taking a share back is the same call as giving it."""

    def __init__(self, settings: Settings, scope: Scope, clients: Clients) -> None:
        sender = Sender(scope, clients)
        forensics = settings.aws.forensics_account
        self._clients = clients
        self._wait = Wait(sender)
        self._unshare: Act = Share(sender, forensics, adds=False)
        self._acts: dict[str, Act] = {
            "ec2:CreateSnapshot": Create(sender),
            "ec2:CreateSnapshots": CreateAll(sender),
            "ec2:CopySnapshot": Copy(sender),
            "ec2:ModifySnapshotAttribute": Share(sender, forensics, adds=True),
            "ec2:LockSnapshot": Lock(sender),
            "ec2:DeleteSnapshot": Delete(sender),
        }

    async def rehearse(self, step: Step, rehearsed: Step, context: StepContext, grant: Grant) -> str | None:
        """The very call of ``rehearsed`` with DryRun: EC2 checks permissions and parameters, and does nothing.

        EC2 says yes with the error DryRunOperation (EC2 API Reference, "Dry run").
        """
        if rehearsed.call not in _REHEARSED:
            raise Usage(f"{visible(rehearsed.call)} cannot be rehearsed before its time", next="plan again")
        call, parameters = self._act(rehearsed).request(rehearsed, context)
        return await self._clients.rehearse(call, keys_of(grant), "ec2:write", **parameters)

    async def find(self, step: Step, context: StepContext, grant: Grant) -> Made | None:
        """What the step brings about, if it is so; after a lost answer it is looked for during some seconds."""
        return await self._act(step).find(step, context, grant)

    async def perform(self, step: Step, context: StepContext, grant: Grant) -> Made:
        return await self._act(step).perform(step, context, grant)

    async def probe(self, step: Step, context: StepContext, grant: Grant) -> tuple[int, Made | None]:
        """One look at the snapshots that the step waits for."""
        return await self._wait.probe(step, context, grant)

    def _act(self, step: Step) -> Act:
        if step.call == "ec2:ModifySnapshotAttribute" and (step.undoes or step.op == "snapshot.unshare"):
            return self._unshare
        found = self._acts.get(step.call)
        if found is None:
            raise Usage(f"step {step.id} calls {visible(step.call)}, which is unknown here", next="plan again")
        return found
