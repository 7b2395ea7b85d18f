"""The verification of the whole case, as ``jumpbag verify`` does it: one at a time, beside everything else.

Unlike that verb, it puts each item that it reads into the record, as a check of that item alone does.
"""

from __future__ import annotations

import asyncio
import logging
import os
import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import TypeVar

import msgspec

from app.acquisition.record import Record
from app.agent.checks import Checks
from app.agent.rereading import Rereading, Stopped, begun, ended, read, size, standing
from app.clock import Clock
from app.custody import BagReport, CannotRead, Entry, Verification, verify
from app.custody.disk import Wrong
from app.custody.record import Seal
from app.custody.survey import Survey
from app.custody.verify_bag import Progress
from app.faults import AgentGone, Fault

log = logging.getLogger("jumpbag.checks")

T = TypeVar("T")

_LOOK_S = 0.25
_LEAVE_S = 10.0


@dataclass(frozen=True, slots=True)
class Verified:
    """What was found by the reading that ``began`` then (UTC): nothing is said of what came later. ``recorded`` is
    how many lines it has itself added to the log since: the items that it read, and checkpoints between them."""

    found: Verification
    began: datetime
    recorded: int


class Verifying:
    """Reads the record and all evidence for whoever asks; who comes while that goes on gets the same answer.

    It reads in a thread of its own: those that everything else shares must stay free, since it may take hours.
    The log is written by the loop that it was asked in, where everything else of the agent is written.
    """

    def __init__(self, case: Path, clock: Clock, verify: Callable[..., Verification] = verify) -> None:
        self._case = case
        self._clock = clock
        self._verify_case = verify
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="verify")
        self._stop = threading.Event()
        self._gone = threading.Event()
        self._under_way: asyncio.Task[Verified] | None = None
        self._book: tuple[Record, Checks] | None = None

    @property
    def busy(self) -> bool:
        """Whether one is under way; whoever asked for it may have left."""
        return self._under_way is not None and not self._under_way.done()

    def keep(self, record: Record, checks: Checks) -> None:
        """From now on what is read goes into this record, which must have no intent of an earlier agent open."""
        self._book = record, checks

    async def verified(self, actor: str) -> Verified:
        """The answer of the one that is under way, else of one that begins now, on behalf of the examiner
        ``actor``. AgentGone if the agent stops."""
        if self._stop.is_set():
            raise _gone()
        if self._under_way is None or self._under_way.done():
            self._under_way = asyncio.create_task(self._verify(actor))
        return await asyncio.shield(self._under_way)  # one who leaves does not end it for the others

    def stop(self) -> None:
        """End what is under way, within a moment, and begin nothing any more. Whoever waits is told."""
        self._stop.set()

    async def close(self) -> None:
        """As :meth:`stop`, and wait until the item that was being read has its outcome, ten seconds at most."""
        self.stop()
        if self._under_way is not None:
            await asyncio.wait({self._under_way}, timeout=_LEAVE_S)
        self._gone.set()

    async def _verify(self, actor: str) -> Verified:
        began, loop = self._clock.now(), asyncio.get_running_loop()
        bags = _Bags(actor, self._stop, self._gone, loop, lambda: self._book)
        try:
            found = await loop.run_in_executor(self._thread, self._look, bags)
        except Stopped:
            raise _gone() from None
        return Verified(found, began, bags.lines)

    def _look(self, bags: _Bags) -> Verification:
        found = self._verify_case(self._case, progress=self._go_on, inspect=bags.inspect)
        bags.missing(found)
        unsaid = [f"the check of {item} is not in the record: {why}" for item, why in bags.unsaid.items()]
        return msgspec.structs.replace(found, warnings=found.warnings + unsaid)

    def _go_on(self, _: str, __: int, ___: int) -> None:
        if self._stop.is_set():
            raise Stopped


@dataclass(slots=True)
class _Bags:
    """The bags of one verification, each between its intent and its outcome. The log has been read by then, so
    that these lines are none of those that are verified.

    What cannot be recorded is read all the same; ``unsaid`` has the reason, by item. ``lines`` is how many lines
    the log has got by this. All methods are for the thread that reads.
    """

    actor: str
    stop: threading.Event
    gone: threading.Event
    loop: asyncio.AbstractEventLoop
    book: Callable[[], tuple[Record, Checks] | None]
    lines: int = 0
    unsaid: dict[str, str] = field(default_factory=dict)
    read: set[str] = field(default_factory=set)

    def inspect(self, path: Path, seal: Seal, case_id: str | None, progress: Progress) -> BagReport:
        """As :func:`app.custody.verify_evidence.inspect_sealed`, but what does not agree is read to its end."""
        if self.stop.is_set():
            raise Stopped
        self.read.add(seal.item)
        reading = Rereading(path, seal, self.actor, self.stop, bytes_total=size(path))
        opened = self._open(reading)
        outcome: Future[Survey] = Future()
        try:
            outcome.set_result(read(reading, case_id, progress))
        except Exception as error:
            outcome.set_exception(error)
        if opened is not None:
            self._close(reading, *opened, outcome.result)
        return outcome.result()

    def missing(self, found: Verification) -> None:
        """Record the items that are known to be sealed, and of which nothing stands there to be read."""
        book = self.book()
        for one in found.items:
            if book is None or one.ok is not False or one.id in self.read or one.id not in book[0].items:
                continue
            bag, seal = book[0].case.bag(one.id), book[0].seal(one.id)
            try:
                with suppress(CannotRead, OSError):
                    standing(bag)
            except Wrong:
                with suppress(Wrong, CannotRead, OSError):
                    self.inspect(bag, seal, book[0].case.id, lambda *_: None)

    def _open(self, reading: Rereading) -> tuple[Record, Checks, Entry] | None:
        """The intent, None where this reading is not to be recorded."""
        item, book = reading.seal.item, self.book()
        why = "the agent was not ready" if book is None else _strange(book[0], reading)
        if book is not None and not why:
            record, checks = book
            try:
                return record, checks, self._written(record, lambda: begun(record, reading, whole_case=True))
            except Fault as fault:  # the log takes no line: it is said, and the item is judged all the same
                why = fault.message
        self.unsaid[item] = why
        return None

    def _close(
        self, reading: Rereading, record: Record, checks: Checks, intent: Entry, outcome: Callable[[], Survey]
    ) -> None:
        def write() -> None:
            ended(record, reading, intent, outcome)
            checks.keep_shown(reading.seal.item)

        try:
            self._written(record, write)
        except Fault as fault:
            self.unsaid[reading.seal.item] = fault.message

    def _written(self, record: Record, write: Callable[[], T]) -> T:
        """Have the loop write, and wait for it. Fault where it cannot, Stopped once the agent is gone."""
        done: Future[T] = Future()

        def run() -> None:
            before = record.lines
            try:
                found = write()
            except Fault as fault:
                done.set_exception(fault)
            except Exception as error:
                log.error("in a verification", exc_info=error)
                done.set_exception(Fault(f"an error inside the agent ({type(error).__name__})"))
            else:
                self.lines += record.lines - before
                done.set_result(found)

        self.loop.call_soon_threadsafe(run)
        while not done.done():
            if self.gone.is_set():
                raise Stopped
            wait({done}, _LOOK_S)
        return done.result()


def _strange(record: Record, reading: Rereading) -> str:
    """Why a reading says nothing of the item that the agent knows, "" if it does. It knows the log from its own
    lines, and what stands in the file by now may be another's."""
    item = reading.seal.item
    if item not in record.items or record.seal(item) != reading.seal:
        return "the log in the file has another seal of it than the agent knows"
    if os.path.realpath(reading.bag) != os.path.realpath(record.case.bag(item)):
        return "the bag that was read is not the one of this case"
    return ""


def _gone() -> AgentGone:
    return AgentGone("the agent stops: the verification was given up", next="verify again once it runs")
