"""What the screens see of running acquisitions: written when a state changes, else four times a second at most."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from app.acquisition.pace import Pace
from app.acquisition.record import History
from app.case.readmodel import ReadModel
from app.clock import Clock, parse_stamp, stamp
from app.model import Acquisition, EvidenceItem, Plan, Step
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
        self._paces: dict[str, Pace] = {}
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
            volumes=tuple(sorted(plan.volumes)),
            bytes_total=plan.image_bytes or None,
            **{"state": "queued", "step": first.title, "step_no": 1, "step_count": len(plan.steps), **fields},
        )
        self._steps[acq] = {
            step.id: StepRow(
                acquisition=acq,
                id=step.id,
                title=step.title,
                call=step.call,
                effect=step.effect,
                state="todo",
                undoes=step.undoes,
            )
            for step in plan.steps
        }
        self._write(acq)
        self._model.steps(enumerate(self._steps[acq].values()))

    def restore(self, history: History, sealed: Mapping[str, EvidenceItem]) -> None:
        """What the signed log proves of an acquisition: its steps, their times, the bytes of sealed images."""
        plan = history.plan
        done = [item for item in history.items.values() if item in sealed]
        if done:
            only = sealed[done[0]].sha256 if len(history.items) == 1 else None
            size = sum(sealed[item].bytes for item in done if sealed[item].kind == "disk")
            self.set(history.id, sha256=only, bytes_done=size)
        last = max((n for n, step in enumerate(plan.steps) if _proven(history, step, sealed)), default=-1)
        for step in plan.steps[: last + 1]:
            unsealed = step.item and history.items[step.item] not in sealed
            if unsealed or (step.undoes and step.id not in history.made):
                continue
            when = history.times.get(history.items[step.item] if step.item else step.id)
            made = history.made.get(step.id)
            self.step(
                history.id,
                step.id,
                state="done",
                request_id=made.request_id if made else None,
                ended=stamp(parse_stamp(when)) if when else None,
            )

    def row(self, acq: str) -> Acquisition:
        return self._rows[acq]

    def rows(self) -> list[Acquisition]:
        return list(self._rows.values())

    def set(self, acq: str, **fields: Any) -> None:
        """A change that is shown at once."""
        self._change(acq, fields)
        self._write(acq)

    def progress(self, acq: str, **fields: Any) -> None:
        """A change that may wait for the next quarter of a second."""
        self._change(acq, fields)
        self._dirty.add(acq)

    def _change(self, acq: str, fields: dict[str, Any]) -> None:
        row = msgspec.structs.replace(self._rows[acq], **fields)
        if fields.get("rate") is not None:
            pace = self._paces.setdefault(acq, Pace())
            pace.moved(self._clock.monotonic(), row.step_no, fields["rate"])
            row = msgspec.structs.replace(row, pace=pace.values)
        self._rows[acq] = row

    def step(self, acq: str, step: str, **fields: Any) -> None:
        """A change of one step; its times are now, unless they are given."""
        rows = self._steps[acq]
        if fields.get("state") == "running" and rows[step].started is None:
            fields.setdefault("started", stamp(self._clock.now()))
        if fields.get("state") in ("done", "failed"):
            fields.setdefault("ended", stamp(self._clock.now()))
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


def _proven(history: History, step: Step, sealed: Mapping[str, EvidenceItem]) -> bool:
    """Whether the signed log shows that very step done."""
    return step.id in history.made or (step.kind == "seal" and history.items.get(step.item, "") in sealed)
