"""Re-verification of sealed items: every byte read again, one item after the other, under custody.

A check reads and compares; it never changes what it reads, whatever it finds.
"""

from __future__ import annotations

import asyncio
import logging
import os
import threading
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec

from app.acquisition.record import AGENT, Record
from app.acquisition.sealed import STOPPED, not_sealed
from app.agent.findings import in_words
from app.case.readmodel import ReadModel
from app.clock import Clock, parse_stamp, stamp
from app.custody import CannotRead, Entry
from app.custody.disk import Wrong, kind_of, open_file, walk
from app.custody.plain import plain
from app.custody.record import Seal
from app.custody.survey import Survey
from app.faults import Broken, Fault, Refused, Usage
from app.model.disagreement import Disagreement
from app.model.view import EvidenceCheck
from app.text import visible

log = logging.getLogger("jumpbag.checks")

_EVERY_S = 0.25
_LEAVE_S = 10.0
_NAMED = 20
_KEEP = "keep the bag as it is, and compare it with another copy"


class Stopped(Exception):
    """A check ended because it was asked to."""


class _Disagrees(Wrong):
    """The bag was read, to its end or not, and is not what was sealed. ``found`` is the whole of it."""

    def __init__(self, first: str, found: Disagreement) -> None:
        super().__init__(first)
        self.found = found


@dataclass(slots=True)
class _Check:
    """One check, waiting or under way. The thread that reads writes ``bytes_done``, and in ``first`` what is known
    not to agree."""

    row: EvidenceCheck
    actor: str
    stop: threading.Event = field(default_factory=threading.Event)
    stopped_by: str = ""
    bytes_done: int = 0
    first: str = ""
    over: asyncio.Event = field(default_factory=asyncio.Event)

    def end(self, by: str) -> None:
        self.stopped_by = self.stopped_by or by
        self.stop.set()


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
        check = self._waiting[item] = _Check(EvidenceCheck(item=item, state="running"), actor)
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
        item, record = check.row.item, self._record
        bag, seal = record.case.bag(item), record.seal(item)
        total = await asyncio.to_thread(_size, bag)
        intent = record.intent(
            "evidence.verify",
            f"Read every byte of {item} again, and compare it with its manifests and its seal.",
            actor=check.actor,
            item=item,
            acq=seal.acq,
            params={"bytes": str(total)},
        )
        self._show(check, bytes_total=total, started=stamp(parse_stamp(intent.ts)))
        reading = asyncio.ensure_future(asyncio.to_thread(_read, check, bag, seal, record.case.id))
        while not reading.done():
            await asyncio.wait({reading}, timeout=_EVERY_S)
            if (check.bytes_done, check.first) != (check.row.bytes_done, check.row.reason or ""):
                self._show(check, bytes_done=check.bytes_done, reason=check.first or None)
        self._close(check, intent, reading)
        check.row = record.evidence.checks[item]

    def _close(self, check: _Check, intent: Entry, reading: asyncio.Future[Survey]) -> None:
        """The outcome. The record writes the row that goes with it."""
        item, done, record = check.row.item, check.bytes_done, self._record
        params: dict[str, Any] = {"bytes": str(done)}
        try:
            report = reading.result()
        except Stopped:
            record.abandoned(
                intent,
                f"The check of {item} was stopped after {done} of {check.row.bytes_total} bytes: it says nothing "
                "of the item.",
                "interrupted" if check.stopped_by == AGENT else STOPPED,
                _stopped(check),
                params=params,
            )
        except _Disagrees as error:
            fault: Fault = Broken(str(error), next=_KEEP)
            params["disagree"] = plain(msgspec.to_builtins(error.found))
            summary = f"{item} does not agree with the record: {in_words(error.found, str(error))}"
            record.failed(intent, summary, fault, params=params)
        except Wrong as error:
            fault = Broken(str(error), next=_KEEP)
            record.failed(intent, f"{item} does not agree with the record: {error}.", fault, params=params)
        except (CannotRead, OSError) as error:
            fault = Fault(str(error), provider_code="unreadable")
            record.failed(intent, f"{item} could not be read: {error}.", fault, params=params)
        except Exception as error:
            log.error("a check ended", exc_info=error)
            fault = Fault(f"an error inside the agent ({type(error).__name__})")
            record.failed(intent, f"{item} could not be checked: {fault.message}.", fault, params=params)
        else:
            # Nothing of ours is left in a bag once it is sealed: such a file was put there by somebody.
            if strangers := [visible(name) for name in report.ignored]:
                params["not_sealed"] = {"files": len(strangers), "names": strangers[:_NAMED]}
            record.result(
                intent,
                f"{item} agrees with its manifests and its seal: every byte was read again."
                + (f" But {not_sealed(params)}." if strangers else ""),
                digests=_reverified(report, record.seal(item)),
                params={**params, "files": len(report.digests)},
            )

    def _show(self, check: _Check, **fields: Any) -> None:
        check.row = msgspec.structs.replace(check.row, **fields)
        self._model.check(check.row)

    def _find(self, item: str) -> _Check | None:
        if self._running is not None and self._running.row.item == item:
            return self._running
        return self._waiting.get(item)

    def _now(self) -> str:
        return stamp(self._clock.now())


def _stopped(check: _Check) -> str:
    return "the agent stopped" if check.stopped_by == AGENT else f"{check.stopped_by} stopped it"


def _reverified(report: Survey, seal: Seal) -> list[dict[str, str]]:
    """What the seal names, as it was read just now."""
    return [
        {"of": of, "alg": "sha256", "hex": report.digests[of][0], "bytes": str(report.digests[of][1])}
        | {"stage": "reverify"}
        for of in seal.digests
    ]


# -- in the thread that reads --------------------------------------------------------------------------


def _read(check: _Check, bag: Path, seal: Seal, case: str) -> Survey:
    """Every byte of the bag, from the disk. Wrong, CannotRead or Stopped.

    What ends it early says nothing of the item, unless it is known by then that it does not agree: that stays.
    """
    _uncache(bag)
    before, last = 0, ("", 0)

    def look() -> None:
        check.first = survey.first
        if check.stop.is_set():
            raise Stopped

    def progress(name: str, done: int, total: int) -> None:
        nonlocal before, last
        look()
        if name != last[0]:
            before += last[1]
        last = name, done
        check.bytes_done = before + done

    survey, ended = Survey(seal=seal, look=look), ""
    try:
        survey.read(bag, case, progress)
    except Exception as error:
        if not survey.first:
            raise
        ended = _why(check, error)
    if survey.first:
        raise _Disagrees(survey.first, survey.findings(ended))
    return survey


def _why(check: _Check, error: Exception) -> str:
    """Why a bag that is known not to agree was not read to its end."""
    if isinstance(error, Stopped):
        return _stopped(check)
    if isinstance(error, CannotRead | OSError):
        return f"it could not be read further: {error}"
    log.error("a check ended", exc_info=error)
    return f"an error inside the agent ({type(error).__name__})"


def _uncache(bag: Path) -> None:
    """Let the kernel forget what it holds of the bag's files, or a check soon after the seal would read memory
    instead of the disk (posix_fadvise(2); a hint: pages that somebody uses stay)."""
    for at in (bag.parent, bag):
        kind = kind_of(at)
        if kind != "dir":
            raise Wrong(f"{visible(at)} is missing" if kind == "none" else f"{visible(at)} is not a directory")
    for name, kind in walk(bag):
        if kind != "file":
            continue
        with suppress(Wrong, CannotRead, OSError):
            descriptor = open_file(bag / name)
            try:
                os.posix_fadvise(descriptor, 0, 0, os.POSIX_FADV_DONTNEED)
            finally:
                os.close(descriptor)


def _size(bag: Path) -> int:
    """Bytes of the bag's files, holes included; 0 where that cannot be told now: the check will say why."""
    try:
        return sum((bag / name).lstat().st_size for name, kind in walk(bag) if kind == "file")
    except (Wrong, CannotRead, OSError):
        return 0
