"""Re-verification of sealed items: every byte read again, one item after the other, under custody.

A check reads and compares; it never changes what it reads, whatever it finds.
"""

from __future__ import annotations

import asyncio
import logging
from dataclasses import dataclass, field
from typing import Any

import msgspec

from app.acquisition.record import AGENT, Record
from app.agent.rereading import Rereading, begun, ended, read, size
from app.case.readmodel import ReadModel
from app.clock import Clock, parse_stamp, stamp
from app.faults import Fault, Refused, Usage
from app.model.view import EvidenceCheck
from app.text import visible

log = logging.getLogger("jumpbag.checks")

_EVERY_S = 0.25
_LEAVE_S = 10.0


@dataclass(slots=True)
class _Check:
    """One check, waiting or under way."""

    row: EvidenceCheck
    reading: Rereading
    over: asyncio.Event = field(default_factory=asyncio.Event)

    def end(self, by: str) -> None:
        if not self.reading.stop.is_set():
            self.reading.stopped_by = by
            self.reading.stop.set()


class Checks:
    """The disk bounds a check, so one runs at a time and the others wait in order.

    How the newest of each item stands is a row of the read model, written four times a second at most. One that
    waits is "running" with no ``started`` yet: the log knows nothing of it before its turn.
    """

    def __init__(self, record: Record, model: ReadModel, clock: Clock) -> None:
        self._record = record
        self._model = model
        self._clock = clock
        self._waiting: dict[str, _Check] = {}
        self._running: _Check | None = None
        self._turns: asyncio.Task[None] | None = None
        self._closed = False

    @property
    def busy(self) -> int:
        """How many run or wait."""
        return len(self._waiting) + (self._running is not None)

    def start(self, item: str, actor: str) -> EvidenceCheck:
        """Check an item in its turn; one that waits or runs already goes on. Usage if it is not sealed."""
        if item not in self._record.items:
            raise Usage(
                f"{visible(item)} is not a sealed item of this case",
                next="`jumpbag evidence` lists what is sealed",
            )
        if self._closed:
            raise Refused("the agent is stopping", next="ask again once it runs")
        under_way = self._find(item)
        if under_way is not None:
            return under_way.row
        reading = Rereading(self._record.case.bag(item), self._record.seal(item), actor)
        check = self._waiting[item] = _Check(EvidenceCheck(item=item, state="running"), reading)
        self._show(check)
        if self._turns is None or self._turns.done():
            self._turns = asyncio.create_task(self._one_after_the_other())
        return check.row

    async def stop(self, item: str, actor: str) -> EvidenceCheck:
        """End the check of an item, and say how it ended. One that had not begun leaves no trace in the log, and
        the one before it is shown again. Usage if there is none."""
        check = self._find(item)
        if check is None:
            raise Usage(f"no check of {visible(item)} runs", next="nothing needs to be stopped")
        if self._waiting.pop(item, None) is not None:
            row = msgspec.structs.replace(
                check.row, state="stopped", ended=self._now(), reason=f"{actor} stopped it before it began"
            )
            self._model.check(self._record.evidence.checks.get(item, row))
            return row
        check.end(actor)
        await check.over.wait()
        return check.row

    def repaint(self) -> None:
        """Write every row anew, after the read model fell behind."""
        rows = dict(self._record.evidence.checks)
        for check in (*self._waiting.values(), self._running):
            if check is not None:
                rows[check.row.item] = check.row
        for row in rows.values():
            self._model.check(row)

    def keep_shown(self, item: str) -> None:
        """Of an item that was read otherwise meanwhile: show its check that waits or runs, if there is one."""
        check = self._find(item)
        if check is not None:
            self._model.check(check.row)

    async def close(self) -> None:
        """The agent stops: nothing begins any more, and what runs is closed in the log, within ten seconds."""
        self._closed = True
        self._waiting.clear()
        if self._running is not None and self._turns is not None:
            self._running.end(AGENT)
            await asyncio.wait({self._turns}, timeout=_LEAVE_S)

    # -- one check ----------------------------------------------------------------------------------

    async def _one_after_the_other(self) -> None:
        while self._waiting:
            check = self._running = self._waiting.pop(next(iter(self._waiting)))
            try:
                await self._check(check)
            except Fault as fault:  # the log took no line: what is not recorded did not happen
                self._show(check, state="failed", ended=self._now(), reason=f"not recorded: {fault.message}")
            except Exception as error:
                log.exception("in a check")
                why = f"an error inside the agent ({type(error).__name__})"
                self._show(check, state="failed", ended=self._now(), reason=why)
            finally:
                self._running = None
                check.over.set()

    async def _check(self, check: _Check) -> None:
        """From the intent to its outcome. No byte is read before the intent is on disk."""
        reading, record = check.reading, self._record
        reading.bytes_total = await asyncio.to_thread(size, reading.bag)
        intent = begun(record, reading)
        self._show(check, bytes_total=reading.bytes_total, started=stamp(parse_stamp(intent.ts)))
        outcome = asyncio.ensure_future(asyncio.to_thread(read, reading, record.case.id))
        while not outcome.done():
            await asyncio.wait({outcome}, timeout=_EVERY_S)
            if (reading.bytes_done, reading.first) != (check.row.bytes_done, check.row.reason or ""):
                self._show(check, bytes_done=reading.bytes_done, reason=reading.first or None)
        ended(record, reading, intent, outcome.result)  # the record writes the row that goes with it
        check.row = record.evidence.checks[check.row.item]

    def _show(self, check: _Check, **fields: Any) -> None:
        check.row = msgspec.structs.replace(check.row, **fields)
        self._model.check(check.row)

    def _find(self, item: str) -> _Check | None:
        if self._running is not None and self._running.row.item == item:
            return self._running
        return self._waiting.get(item)

    def _now(self) -> str:
        return stamp(self._clock.now())
