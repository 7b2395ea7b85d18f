"""A transfer worker: the process that fetches, checks and writes blocks.

Started as ``python -I -m app.transfer.worker PARENT_PID`` with cwd ``/`` and an empty environment. Orders and the
lease's secret come over stdin, news goes out over stdout (:mod:`app.transfer.protocol`). It writes through
the descriptor of the image that it inherited: that open file carries the image's ``flock``, so the lock lives as
long as any worker does. It ends at once when stdin ends or its parent dies.
"""

from __future__ import annotations

import ctypes
import errno
import heapq
import os
import random
import resource
import signal
import sys
import time
from collections import deque
from dataclasses import dataclass, field
from pathlib import Path

from app.transfer.answers import Good, Refusal, judge_block, judge_error, request_id
from app.transfer.pace import Pace
from app.transfer.protocol import (
    LINE_CAP,
    Expired,
    Failed,
    Lease,
    Left,
    News,
    Relist,
    Report,
    Run,
    Start,
    Stop,
    Want,
    encode,
    read_order,
)
from app.transfer.wire import Exchange, Wire

_PR_SET_PDEATHSIG = 1  # linux/prctl.h
_PR_SET_DUMPABLE = 4
_REPORT_CAP = 512
_ENDED = 0
_DAMAGED = 70  # EX_SOFTWARE


@dataclass(slots=True)
class Block:
    """A block that this worker owns, with the tries it has had."""

    index: int
    token: str
    mismatches: int = 0
    failures: int = 0
    throttles: int = 0


@dataclass(slots=True)
class Tally:
    """What happened under one lease since the last report."""

    in_flight: int = 0
    done: list[tuple[int, str, bool]] = field(default_factory=list)
    retries: int = 0
    throttled: int = 0
    first: tuple[float, str] | None = None
    last: tuple[float, str] | None = None


class Worker:
    """The loop: orders, requests, answers, writes, reports. One thread."""

    def __init__(self, start: Start, stdin: int, stdout: int) -> None:
        now = time.monotonic()
        self._start = start
        self._stdout = stdout
        self._wire = Wire(start, stdin)
        self._pace = Pace(start.rate, start.limits.concurrency, now)
        self._queue: deque[Block] = deque()
        self._later: list[tuple[float, int, Block]] = []  # a heap by the time of the next try
        self._serial = 0
        self._active: dict[Exchange, tuple[Block, str]] = {}
        self._lease: Lease | None = None
        self._held = True  # until there is a lease to sign with
        self._halted = False
        self._leaving: list[str] = []
        self._tallies: dict[str, Tally] = {}
        self._flushed = now
        self._wanted = 0
        self._dice = random.SystemRandom()

    # -- orders ------------------------------------------------------------------------------------

    def obey(self, order: object) -> bool:
        """Take one order; False after Stop, when nothing is left to do."""
        if isinstance(order, Lease):
            if self._lease is not None and order.lease != self._lease.lease:
                self._leaving.append(self._lease.lease)
            self._lease = order
            self._held = False
        elif isinstance(order, Run):
            self._wanted = 0
            self._queue.extend(Block(index, token) for index, token in order.blocks)
        elif isinstance(order, Stop):
            self.flush()
            return False
        return True

    # -- the loop ----------------------------------------------------------------------------------

    def turn(self) -> bool:
        """One round; True when stdin has something to read."""
        wait = self._send()
        self._ask()
        orders, ended = self._wire.turn(wait)
        for exchange, code in ended:
            self._answer(exchange, code)
        self._flush_if_due()
        return orders

    def _send(self) -> float:
        """Let as many requests leave as pace allows; returns how long the next round may wait."""
        now = time.monotonic()
        due = self._flushed + self._start.limits.flush_s
        wait = max(0.0, due - now) if self._unreported() else 60.0
        if self._held or self._halted or self._lease is None:
            return wait
        while self._later and self._later[0][0] <= now:
            self._queue.append(heapq.heappop(self._later)[2])
        while self._queue and len(self._active) < self._pace.width:
            pause = self._pace.take(now)
            if pause:
                return min(wait, pause)
            exchange = self._wire.idle()
            if exchange is None:
                return wait
            block = self._queue.popleft()
            exchange.prepare(block.index, block.token, self._lease.secret)
            self._tally(self._lease.lease).in_flight += 1
            self._active[exchange] = (block, self._lease.lease)
            self._wire.send(exchange)
        if self._later:
            wait = min(wait, max(0.0, self._later[0][0] - now))
        return wait

    def _ask(self) -> None:
        """Claim more blocks before the queue runs dry."""
        spare = self._start.limits.concurrency - len(self._queue) - len(self._later)
        if spare > 0 and not (self._wanted or self._held or self._halted):
            self._wanted = spare + self._start.limits.concurrency
            self._tell(Want(self._wanted))

    def _answer(self, exchange: Exchange, code: int) -> None:
        block, lease = self._active.pop(exchange)
        tally = self._tally(lease)
        tally.in_flight -= 1
        answer = request_id(exchange.headers, self._start.spec)
        if answer is not None:
            tally.last = (time.monotonic(), answer)
            tally.first = tally.first or tally.last
        verdict: Good | Refusal
        if code:
            verdict = exchange.broken(code)
        elif exchange.status == 200:
            verdict = judge_block(
                exchange.body,
                exchange.headers,
                self._start.spec,
                block_size=self._start.block_size,
                length=self._length(block.index),
            )
        else:
            verdict = judge_error(exchange.status, exchange.headers, bytes(exchange.body), self._start.spec)
        if isinstance(verdict, Good):
            self._pace.answered()
            self._write(block, verdict, exchange, tally)
        else:
            self._refused(block, lease, verdict, tally, answer)
        self._wire.release(exchange)

    def _refused(self, block: Block, lease: str, refusal: Refusal, tally: Tally, answer: str | None) -> None:
        limits = self._start.limits
        current = self._lease.lease if self._lease else ""
        kind = refusal.kind
        if kind in ("expired", "denied") and lease != current:
            tally.retries += 1  # the lease was replaced, perhaps revoked, while this was under way
            self._queue.appendleft(block)
        elif kind == "expired":
            tally.retries += 1
            self._queue.appendleft(block)
            if not self._held:
                self._held = True
                self._tell(Expired(lease=lease, provider_code=refusal.provider_code, request_id=answer))
        elif kind == "relist":
            tally.retries += 1
            self._tell(Relist(block.index))
        elif kind == "throttled":
            tally.retries += 1
            tally.throttled += 1
            block.throttles += 1
            self._pace.throttled(time.monotonic())
            self._postpone(block, min(block.throttles, 6))
        elif kind == "mismatch" and block.mismatches + 1 < limits.mismatches:
            tally.retries += 1
            block.mismatches += 1
            self._postpone(block, block.mismatches)
        elif kind == "unavailable" and block.failures + 1 < limits.failures:
            tally.retries += 1
            block.failures += 1
            self._postpone(block, block.failures)
        else:
            tries = {"mismatch": limits.mismatches, "unavailable": limits.failures}.get(kind, 1)
            times = f" ({tries} tries)" if tries > 1 else ""
            self._fail(
                Failed(
                    index=block.index,
                    code="untrusted" if kind == "mismatch" else kind,
                    message=refusal.text + times,
                    provider_code=refusal.provider_code,
                    request_id=answer,
                )
            )

    def _postpone(self, block: Block, tries: int) -> None:
        limits = self._start.limits
        pause = min(limits.backoff_cap_s, limits.backoff_s * 2 ** (tries - 1)) * self._dice.uniform(0.5, 1.0)
        self._serial += 1
        heapq.heappush(self._later, (time.monotonic() + pause, self._serial, block))

    # -- bytes -------------------------------------------------------------------------------------

    def _length(self, index: int) -> int:
        return min(self._start.block_size, self._start.size_bytes - index * self._start.block_size)

    def _write(self, block: Block, good: Good, exchange: Exchange, tally: Tally) -> None:
        """Into the image, at its place. A zero block stays a hole, unless an earlier run left data there."""
        offset = block.index * self._start.block_size
        length = self._length(block.index)
        try:
            if not good.zero or _has_data(self._start.image_fd, offset, length):
                view = exchange.body[:length]
                while view:
                    written = os.pwrite(self._start.image_fd, view, offset)
                    view = view[written:]
                    offset += written
        except OSError as error:
            self._storage(error, block.index)
            return
        tally.done.append((block.index, good.digest.hex(), good.zero))

    def _unreported(self) -> bool:
        return any(t.done or t.retries or t.first for t in self._tallies.values()) or bool(self._leaving)

    def _flush_if_due(self) -> None:
        blocks = sum(len(tally.done) for tally in self._tallies.values())
        idle = not self._active and not self._queue
        left = any(not self._tally(lease).in_flight for lease in self._leaving)
        late = time.monotonic() - self._flushed >= self._start.limits.flush_s
        if (
            left
            or blocks >= self._start.limits.flush_blocks
            or ((late or (idle and blocks)) and self._unreported())
        ):
            self.flush()

    def flush(self) -> None:
        """Make written blocks durable, then report them; then say which leases are out of use."""
        self._flushed = time.monotonic()
        if any(tally.done for tally in self._tallies.values()):
            try:
                os.fdatasync(self._start.image_fd)
            except OSError as error:
                # the kernel may have dropped the pages: nothing of this batch counts
                for tally in self._tallies.values():
                    tally.done.clear()
                self._storage(error, None)
        for lease, tally in self._tallies.items():
            for at in range(0, max(1, len(tally.done)), _REPORT_CAP):
                report = Report(
                    lease=lease,
                    done=tally.done[at : at + _REPORT_CAP],
                    retries=0 if at else tally.retries,
                    throttled=0 if at else tally.throttled,
                    first=tally.first,
                    last=tally.last,
                )
                if report.done or report.retries or report.first:
                    self._tell(report)
            self._tallies[lease] = Tally(in_flight=tally.in_flight)
        for lease in [lease for lease in self._leaving if not self._tally(lease).in_flight]:
            self._leaving.remove(lease)
            del self._tallies[lease]
            self._tell(Left(lease))

    def _tally(self, lease: str) -> Tally:
        return self._tallies.setdefault(lease, Tally())

    # -- news --------------------------------------------------------------------------------------

    def _storage(self, error: OSError, index: int | None) -> None:
        full = error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
        self._fail(
            Failed(
                index=index,
                code="storage_full" if full else "broken",
                message=f"the image could not be written: {os.strerror(error.errno or 0)}",
            )
        )

    def _fail(self, failed: Failed) -> None:
        if not self._halted:
            self._halted = True
            self._tell(failed)

    def _tell(self, news: News) -> None:
        _write_all(self._stdout, encode(news))


def _write_all(fd: int, data: bytes) -> None:
    view = memoryview(data)
    while view:
        view = view[os.write(fd, view) :]


def _has_data(fd: int, offset: int, length: int) -> bool:
    try:
        return os.lseek(fd, offset, os.SEEK_DATA) < offset + length
    except OSError as error:
        if error.errno == errno.ENXIO:  # nothing but a hole up to the end
            return False
        raise


def harden(parent: int) -> bool:
    """Die with the parent, leave no core, let nobody look in here. False if the parent is gone already."""
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(_PR_SET_PDEATHSIG, int(signal.SIGKILL), 0, 0, 0) or libc.prctl(_PR_SET_DUMPABLE, 0, 0, 0, 0):
        raise OSError(ctypes.get_errno(), "prctl")
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    signal.signal(
        signal.SIGINT, signal.SIG_IGN
    )  # a Ctrl+C of the terminal is for the UI; the pipe tells when to end
    signal.signal(signal.SIGPIPE, signal.SIG_IGN)
    os.umask(0o077)
    return os.getppid() == parent


def serve(stdin: int, stdout: int) -> int:
    """Read orders until stdin ends; returns the exit status."""
    buffer = bytearray()
    worker: Worker | None = None
    while True:
        if worker is None or worker.turn():
            chunk = os.read(stdin, 256 * 1024)
            if not chunk:
                return _ENDED
            buffer += chunk
            if len(buffer) > LINE_CAP:
                return _DAMAGED
            *lines, rest = buffer.split(b"\n")
            buffer = rest
            for line in lines:
                order = read_order(bytes(line))
                if isinstance(order, Start):
                    worker = Worker(order, stdin, stdout)
                elif worker is None or not worker.obey(order):
                    return _ENDED


def main() -> int:
    if len(sys.argv) != 2 or not sys.argv[1].isdigit() or not harden(int(sys.argv[1])):
        return _DAMAGED
    try:
        return serve(0, 1)
    except BrokenPipeError:
        return _ENDED
    except Exception as error:  # reported by its kind and place alone: its text may quote an order
        trace = error.__traceback__
        while trace and trace.tb_next:
            trace = trace.tb_next
        place = f"{Path(trace.tb_frame.f_code.co_filename).name}:{trace.tb_lineno}" if trace else "?"
        _write_all(
            1, encode(Failed(index=None, code="broken", message=f"worker error {type(error).__name__} at {place}"))
        )
        return _DAMAGED


if __name__ == "__main__":
    status = main()
    os._exit(status)  # no finalisers: what is unreported is not to be written any more
