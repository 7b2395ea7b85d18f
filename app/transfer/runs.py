"""The custody side of a download: one evidence.read run per lease, with exact counters."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal, Protocol

from app import faults
from app.ports import Grant
from app.transfer.protocol import Report

Outcome = Literal["result", "failed", "abandoned"]


class LeaseFeed(Protocol):
    """Where a transfer gets its credentials; the agent's broker implements it."""

    def current(self) -> Grant:
        """The lease in force; CredentialNeeded if there is none."""
        ...

    async def changed(self, known: str) -> Grant:
        """Waits until a lease other than ``known`` is in force."""
        ...

    async def expired(self, lease: str, fault: faults.Fault) -> None:
        """The cloud refused this lease. Returns when another is in force, or raises CredentialNeeded."""
        ...


class RunLog(Protocol):
    """Custody of one transfer: an ``evidence.read`` intent per run (acquisition × snapshot × lease)."""

    def opened(self, lease: str, blocks: int) -> None:
        """The intent; durable when this returns. Called before the run's first block leaves."""
        ...

    def closed(
        self,
        lease: str,
        *,
        phase: Outcome,
        blocks: int,
        bytes: int,  # noqa: A002 - the custody format's own name
        retries: int,
        first_request_id: str | None,
        last_request_id: str | None,
        error: faults.Fault | None,
    ) -> None:
        """The one outcome of that intent."""
        ...


@dataclass(slots=True)
class LeaseRun:
    """What was read under one lease. ``holders`` are the workers that may still sign with it."""

    lease: str
    holders: set[int] = field(default_factory=set)
    blocks: int = 0
    bytes: int = 0
    retries: int = 0
    first: tuple[float, str] | None = None
    last: tuple[float, str] | None = None
    refused: faults.Fault | None = None

    def add(self, report: Report, size: int) -> None:
        """Count a worker's report; ``size`` is the bytes of its durable blocks."""
        self.blocks += len(report.done)
        self.bytes += size
        self.retries += report.retries
        if report.first and (self.first is None or tuple(report.first) < self.first):
            self.first = report.first
        if report.last and (self.last is None or tuple(report.last) > self.last):
            self.last = report.last


class Runs:
    """Opens and closes runs in the log; a lease has at most one run."""

    def __init__(self, log: RunLog) -> None:
        self._log = log
        self._open: dict[str, LeaseRun] = {}

    def open(self, lease: str, blocks: int) -> LeaseRun:
        """A new run under ``lease``; ``blocks`` is how many it sets out to read."""
        self._log.opened(lease, blocks)
        run = self._open[lease] = LeaseRun(lease)
        return run

    def get(self, lease: str) -> LeaseRun | None:
        """The open run under that lease."""
        return self._open.get(lease)

    def left(self, lease: str, worker: int, current: str) -> None:
        """A worker is done with a lease; when none uses a replaced one any more, its run is over."""
        run = self._open.get(lease)
        if run is None:
            return
        run.holders.discard(worker)
        if not run.holders and lease != current:
            self._close(run, "failed" if run.refused else "result", run.refused)

    def close_all(self, phase: Outcome, error: faults.Fault | None) -> None:
        """Close what is open at the end. A lease that the cloud refused keeps that as its error."""
        for run in list(self._open.values()):
            if run.refused and phase == "result":
                self._close(run, "failed", run.refused)
            else:
                self._close(run, phase, error)

    def _close(self, run: LeaseRun, phase: Outcome, error: faults.Fault | None) -> None:
        del self._open[run.lease]
        self._log.closed(
            run.lease,
            phase=phase,
            blocks=run.blocks,
            bytes=run.bytes,
            retries=run.retries,
            first_request_id=run.first[1] if run.first else None,
            last_request_id=run.last[1] if run.last else None,
            error=error,
        )
