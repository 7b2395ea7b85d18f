"""The targets of a batch and the plan of each, as far as it is made."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from typing import Any

from app.faults import Fault, from_data
from screens.plan.answers import Answer, BatchAnswer
from screens.plan.targets import BatchTarget
from screens.present.batch import Draft

AT_ONCE = 4
"""Plans that are asked for at the same time."""

Ask = Callable[[BatchTarget], Awaitable[Answer]]
"""Asks for a plan; raises Fault."""


class BatchDrafts:
    """By target (``cloud:account:id``), in the order in which they were marked. ``changed`` is called after each
    change that comes of planning."""

    def __init__(self, targets: Sequence[BatchTarget], changed: Callable[[], None]) -> None:
        self._drafts = {one.target: Draft(one) for one in targets}
        self._changed = changed
        self._turn = 0  # answers to an earlier one are not waited for any more

    def __len__(self) -> int:
        return len(self._drafts)

    @property
    def rows(self) -> list[Draft]:
        return list(self._drafts.values())

    @property
    def keys(self) -> list[str]:
        return list(self._drafts)

    @property
    def refused(self) -> list[Draft]:
        """Those without a plan."""
        return [one for one in self.rows if one.state == "refused"]

    @property
    def settled(self) -> int:
        """How many are planned or refused."""
        return sum(one.state not in ("waits", "planning") for one in self.rows)

    def get(self, key: str | None) -> Draft | None:
        return self._drafts.get(key or "")

    def drop(self, key: str) -> Draft:
        """Leave one out; its answer, where one is awaited, goes nowhere."""
        return self._drafts.pop(key)

    def forget(self, wanted: Sequence[str]) -> None:
        """Drop the plans of these: they are to be made anew."""
        self._turn += 1
        for key in wanted:
            self._drafts[key] = Draft(self._drafts[key].target)

    async def plan(self, wanted: Sequence[str], ask: Ask) -> bool:
        """Plan these, a few at a time; False where others were wanted before it was done."""
        turn, left = self._turn, deque(wanted)
        await asyncio.gather(*(self._plan_some(left, turn, ask) for _ in range(min(AT_ONCE, len(left)))))
        return turn == self._turn

    async def _plan_some(self, left: deque[str], turn: int, ask: Ask) -> None:
        """One after the other until none is left."""
        while left and turn == self._turn:
            key = left.popleft()
            one = self._drafts.get(key)
            if one is None:
                continue
            self._put(key, turn, state="planning")
            try:
                found = await ask(one.target)
            except Fault as fault:
                self._put(key, turn, state="refused", fault=fault)
            else:
                self._put(
                    key, turn, state="planned", plan=found.plan, digest=found.digest, space=found.space, fault=None
                )

    def _put(self, key: str, turn: int, **facts: Any) -> None:
        """What is known of a target now, unless it was left out or planned anew meanwhile."""
        if turn == self._turn and key in self._drafts:
            self._drafts[key] = replace(self._drafts[key], **facts)
            self._changed()

    def take(self, answer: BatchAnswer, approved: Sequence[Draft]) -> tuple[str, ...]:
        """Which of those approved were started, and why the others were not; the ids of the acquisitions."""
        started = {one.target: one.acquisition for one in answer.started}
        refused = {one.target: from_data(one.error) for one in answer.refused}
        unsaid = Fault("the agent did not say what came of it", next="look for it in the acquisitions pane")
        for one in approved:
            key = one.target.target
            if key in started:
                self._drafts[key] = replace(one, state="started", acquisition=started[key])
            else:
                self._drafts[key] = replace(one, state="refused", fault=refused.get(key, unsaid))
        return tuple(started[one.target.target] for one in approved if one.target.target in started)
