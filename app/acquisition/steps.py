"""How each kind of step runs."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from app.acquisition.acts import Acts
from app.acquisition.descriptions import Descriptions
from app.acquisition.desk import Desk
from app.acquisition.images import Images
from app.acquisition.record import History
from app.model import Step
from app.transfer.transfer import JOURNAL, expected_digests

Run = Callable[[History, Step], Awaitable[dict[str, Any]]]


class StepRunner:
    """Runs one step of one acquisition. Raises faults; :mod:`app.acquisition.service` decides what follows."""

    def __init__(self, desk: Desk) -> None:
        self.desk = desk
        self._acts = Acts(desk)
        self._images = Images(desk, self._catch_up)
        self._descriptions = Descriptions(desk, self._catch_up)

    async def run(self, history: History, step: Step) -> dict[str, Any]:
        """Run the step; its output."""
        runners: dict[str, Run] = {
            "rehearse": self._acts.rehearse,
            "act": self._acts.act,
            "wait": self._acts.wait,
            "collect": self._descriptions.collect,
            "download": self._images.download,
            "hash": self._images.hash,
            "seal": self._seal,
        }
        return await runners[step.kind](history, step)

    async def _seal(self, history: History, step: Step) -> dict[str, Any]:
        of_image = history.plan.item(step.item).kind == "disk"
        return await (self._images if of_image else self._descriptions).seal(history, step)

    async def _catch_up(self, history: History, step: Step) -> None:
        """Do what ``step`` stands on, unless the signed log or this very process has seen it done.

        The engine's rows only say where to go on. They are not signed, so nothing is believed on their word.
        """
        plan = history.plan
        for earlier in plan.steps[: plan.steps.index(step)]:
            if earlier.kind == "act" and not earlier.undoes and earlier.id not in history.made:
                await self._acts.act(history, earlier)
            elif earlier.kind == "wait" and earlier.id not in history.made:
                await self._acts.wait(history, earlier)
            elif (
                earlier.kind == "download"
                and earlier.item == step.item
                and history.items[step.item] not in self._images.complete
            ):
                await self._images.download(history, earlier)

    async def look(self, history: History, step: Step) -> dict[str, Any]:
        """Whether an act in doubt took effect (see :meth:`Acts.look`)."""
        return await self._acts.look(history, step)

    def owed(self, history: History) -> list[Step]:
        """Steps that take something back which is in force, or may be: what is still to be done in the end."""
        made = history.made
        return [
            step
            for step in history.plan.steps
            if step.undoes and step.id not in made and (step.undoes in made or history.doubtful(step.undoes))
        ]

    def done_with(self, history: History, step: Step) -> None:
        """Drop the step's lease if no later step runs under it: nothing is held longer than it is needed."""
        plan = history.plan
        later = plan.steps[plan.steps.index(step) + 1 :]
        if step.lease and not any(one.lease == step.lease for one in later):
            self.desk.broker.drop(history.id, step.lease, f"no later step of {history.id} needs it")

    def release(self, history: History) -> None:
        """The acquisition has ended: its leases are dropped."""
        self.desk.broker.release(history.id)

    def read_so_far(self, history: History, item: str) -> dict[str, Any]:
        """What the journal holds beyond the runs whose outcome is known: the account of an interrupted run."""
        key = next((key for key, name in history.items.items() if name == item), None)
        shape = history.plan.item(key).shape if key is not None else None
        nothing = {"blocks": 0, "bytes": "0", "retries": 0}
        if key is None or shape is None:
            return nothing
        work = self.desk.places(history, key).work
        if not (work / JOURNAL).exists():
            return nothing
        known = expected_digests(work, shape)
        try:
            blocks = max(0, len(known) - history.blocks.get(item, 0))
        finally:
            known.close()
        return {"blocks": blocks, "bytes": str(min(blocks * shape.block_size, shape.size_bytes)), "retries": 0}
