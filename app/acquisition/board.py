"""What the screens see of running acquisitions: written when a state changes, else four times a second at most."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from typing import Any

import msgspec

from app.case.readmodel import ReadModel
from app.clock import Clock, stamp
from app.model import Acquisition, Plan
from app.model.view import StepRow

log = logging.getLogger("jumpbag.board")

_EVERY_S = 0.25


class Board:
    """Rows of acquisitions and of their steps, in memory and in the read model."""

    def __init__(self, model: ReadModel, clock: Clock) -> None:
        self._model = model
        self._clock = clock
        self._rows: dict[str, Acquisition] = {}
        self._steps: dict[str, dict[str, StepRow]] = {}
        self._dirty: set[str] = set()

    def open(self, acq: str, plan: Plan, items: Sequence[str], **fields: Any) -> None:
        """Put an acquisition on the board; ``items`` are the evidence ids set aside for it."""
        first = plan.steps[0]
        self._rows[acq] = Acquisition(
            id=acq,
            kind=plan.kind,
            target=plan.target.id,
            target_name=plan.target.name,
            cloud=plan.target.cloud,
            account=plan.target.account,
            route=plan.route,
            item=items[0] if items else None,
            items=tuple(items),
            bytes_total=plan.image_bytes or None,
            **{"state": "queued", "step": first.title, "step_no": 1, "step_count": len(plan.steps), **fields},
        )
        self._steps[acq] = {
            step.id: StepRow(
                acquisition=acq, id=step.id, title=step.title, call=step.call, effect=step.effect, state="todo"
            )
            for step in plan.steps
        }
        self._write(acq)
        self._model.steps(enumerate(self._steps[acq].values()))

    def row(self, acq: str) -> Acquisition:
        return self._rows[acq]

    def rows(self) -> list[Acquisition]:
        return list(self._rows.values())

    def set(self, acq: str, **fields: Any) -> None:
        """A change that is shown at once."""
        self._rows[acq] = msgspec.structs.replace(self._rows[acq], **fields)
        self._write(acq)

    def progress(self, acq: str, **fields: Any) -> None:
        """A change that may wait for the next quarter of a second."""
        self._rows[acq] = msgspec.structs.replace(self._rows[acq], **fields)
        self._dirty.add(acq)

    def step(self, acq: str, step: str, **fields: Any) -> None:
        rows = self._steps[acq]
        if fields.get("state") == "running" and rows[step].started is None:
            fields["started"] = stamp(self._clock.now())
        if fields.get("state") in ("done", "failed"):
            fields["ended"] = stamp(self._clock.now())
        rows[step] = msgspec.structs.replace(rows[step], **fields)
        self._model.steps([(list(rows).index(step), rows[step])])

    def _write(self, acq: str) -> None:
        self._dirty.discard(acq)
        row = msgspec.structs.replace(self._rows[acq], updated=stamp(self._clock.now()))
        self._rows[acq] = row
        self._model.acquisition(row)

    def repaint(self) -> None:
        """Write every row anew, after the read model fell behind."""
        for acq, rows in self._steps.items():
            self._dirty.add(acq)
            self._model.steps(enumerate(rows.values()))
        self.flush()

    def flush(self) -> None:
        """Write what waits."""
        if self._dirty:
            with self._model.batch():
                for acq in sorted(self._dirty):
                    self._write(acq)

    async def run(self) -> None:
        """Flush until cancelled."""
        while True:
            await asyncio.sleep(_EVERY_S)
            try:
                self.flush()
            except Exception:
                log.exception("while the board was written")
