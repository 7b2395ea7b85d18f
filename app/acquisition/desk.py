"""What every kind of step works with: the record, the board, leases, providers, and where files lie."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Container
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from app.acquisition.board import Board
from app.acquisition.evidence import Places
from app.acquisition.gates import Gates
from app.acquisition.record import History, Record
from app.case.folder import CaseFolder
from app.clock import Clock, parse_stamp
from app.credentials.broker import Broker, Holding
from app.faults import ApprovalEnded, Broken, CredentialExpired
from app.model import Plan, Step
from app.ports import Provider, StepContext

T = TypeVar("T")
CatchUp = Callable[[History, Step], Awaitable[None]]
"""Does what a step stands on, unless the signed log or this very process has seen it done."""


@dataclass(frozen=True, slots=True)
class Desk:
    """``work`` is where indexes and journals lie; ``version`` goes into the bags."""

    case: CaseFolder
    record: Record
    board: Board
    broker: Broker
    providers: dict[str, Provider]
    work: Path
    clock: Clock
    version: str
    gates: Gates

    def permit(self, history: History, step: Step) -> None:
        """Asked right before an intent: raises when somebody has paused or cancelled meanwhile, or the approval is
        over."""
        self.gates.permit(history, step)

    def provider(self, history: History) -> Provider:
        return self.providers[history.plan.target.cloud]

    def places(self, history: History, key: str) -> Places:
        """Where the item of that key is made."""
        item = history.items[key]
        return Places(self.case.partial(item), self.case.bag(item), self.work / history.id / item)

    def holding(self, history: History, step: Step) -> Holding:
        """The lease that the step runs under; ApprovalEnded if nothing may be done any more."""
        if not self.gates.approved(history):
            raise ApprovalEnded(f"the approval of {history.id} ended {history.until}", next="resume it")
        spec = history.plan.lease(step.lease)
        return self.broker.holding(
            spec,
            scope=f"{history.id} {spec.effect}",
            acq=history.id,
            authority=self.record.authority(history, history.approved_by),
            actor="agent",
        )

    def context(self, history: History, step: Step, head: str = "") -> StepContext:
        """What a step may know of itself and the others."""
        outputs = {step: made.output for step, made in history.made.items()}
        heads = {head: parse_stamp(ts) for head, ts in history.heads.get(step.id, {}).items()}
        return StepContext(self.case.id, history.id, head, outputs, heads)

    def where(self, history: History, step: Step) -> dict[str, str]:
        """The members of an event that say where a step acts."""
        return {
            "cloud": history.plan.target.cloud,
            "account": step.account or history.plan.target.account,
            "region": step.region or history.plan.target.region,
            "resource": step.resource,
            "acq": history.id,
        }

    async def again(self, holding: Holding, call: Callable[[], Awaitable[T]]) -> T:
        """A reading call; once more under a new lease when the cloud says that this one is over."""
        lease = holding.current().lease
        try:
            return await call()
        except CredentialExpired as fault:
            await holding.expired(lease, fault)
            return await call()

    def own_ground(self, history: History, key: str) -> None:
        """Nothing that somebody else put there is written through, or taken for our own."""
        places = self.places(history, key)
        for path in (places.final.parent, places.partial, places.image.parent, places.image, places.final):
            if path.is_symlink():
                raise Broken(f"{path} is a symbolic link", next="put a real directory there, then resume")
        if places.final.exists() and history.items[key] not in history.sealing:
            raise Broken(
                f"{places.final} is there already, and nothing in the log made it",
                next="move it away, then resume",
            )


def happened(plan: Plan, step: Step, made: Container[str]) -> bool:
    """Whether the signed log shows that a wait was over: a later act on what it waited for has been done.

    ``made`` holds the ids of the acts whose results are in the log.
    """
    later = plan.steps[plan.steps.index(step) + 1 :]
    return any(one.kind == "act" and one.of == step.of and one.id in made for one in later)
