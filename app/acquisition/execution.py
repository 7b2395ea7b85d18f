"""What the engine calls for each step: it runs behind its gate, is tried again, waits, or fails as data."""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import Awaitable
from typing import Any

from app.acquisition.board import Board
from app.acquisition.control import Control
from app.acquisition.engine import Outcome
from app.acquisition.gates import Gates
from app.acquisition.record import History, Record
from app.acquisition.steps import StepRunner
from app.clock import Clock, stamp
from app.faults import ApprovalEnded, CredentialNeeded, Fault, StorageFull
from app.model import State, Step

log = logging.getLogger("jumpbag.acquisition")

_STATE_OF_KIND: dict[str, State] = {"hash": "hashing", "seal": "sealing"}
_RETRIES = 6
_CREDENTIAL_RETRY_S = (20.0, 300.0)
"""First and longest wait before credentials are asked for again by itself; each try is two lines in the log."""


class Execution:
    """Never raises into the engine: failures are data, since a replay sees other types."""

    def __init__(self, record: Record, board: Board, runner: StepRunner, gates: Gates, clock: Clock) -> None:
        self._record = record
        self._board = board
        self._runner = runner
        self._gates = gates
        self._clock = clock
        self._waits: dict[str, float] = {}

    def steps(self, acq: str) -> list[str]:
        history = self._record.histories.get(acq)
        return [step.id for step in history.plan.steps] if history else []

    async def execute(self, acq: str, attempt: int, step_id: str) -> Outcome:
        """One step of an attempt."""
        history = self._record.histories.get(acq)
        if history is None or attempt != history.attempt or not history.running:
            return {"outcome": "superseded"}  # the engine's rows are older than the signed log, or not ours
        step = history.plan.step(step_id)
        outcome = await self.run(history, step, undoing=False)
        if step.undoes and outcome["outcome"] == "failed":
            # What is to be read does not depend on it: evidence first. The end of the attempt tries again.
            return {"outcome": "ok", "output": {}, "put_off": True}
        return outcome

    async def run(self, history: History, step: Step, *, undoing: bool, look: bool = False) -> Outcome:
        """Until the step is done, has failed, or the acquisition is cancelled.

        ``undoing``: the attempt is at its end, and this takes back what it had done; ``look``: an act in doubt is
        only looked for.
        """
        acq, control = history.id, self._gates.of(history.id)
        tries = 0
        while True:
            self._gates.hold_unapproved(history)
            if await control.gate(undoing=undoing) == "cancel":
                return {"outcome": "cancelled"}
            if undoing and control.gave_up:
                gave_up = Fault("it was given up", next="see what the summary says is left")
                return self._failed(acq, step.id, gave_up)
            if not self._gates.approved(history):
                if undoing:
                    self._ask_again(history)
                continue
            self._show(history, step, tries, undoing=undoing)
            try:
                work = self._runner.look if look else self._runner.run
                output = await self._interruptible(control, work(history, step), undoing=undoing)
            except asyncio.CancelledError:
                if not control.stops(undoing=undoing):
                    raise  # the loop itself is closing
                if control.stopped == "paused":
                    self._board.set(acq, state="paused", rate=None, eta_s=None)
                continue
            except ApprovalEnded:
                continue
            except CredentialNeeded as fault:
                if step.undoes and not undoing:
                    return self._failed(acq, step.id, fault)
                self._wait_for_credentials(history, control, fault)
                continue
            except Fault as fault:
                tries += 1
                if fault.retryable and tries <= _RETRIES:
                    self._board.step(acq, step.id, state="running", retries=tries, note=fault.message)
                    trying = f"it is tried again by itself, {tries} of {_RETRIES}"
                    self._board.set(acq, error=fault.message, next=trying, rate=None, eta_s=None)
                    await self._patience(control, tries)
                    continue
                return self._failed(acq, step.id, fault)
            except OSError as error:
                return self._failed(acq, step.id, _local(error))
            except Exception as error:
                log.exception("step %s of %s", step.id, acq)
                broken = Fault(
                    f"an error inside jumpbag stopped step {step.id} ({type(error).__name__})",
                    next="resume it; if it happens again, report the agent's log (`jumpbag info` says where)",
                )
                return self._failed(acq, step.id, broken)
            self._waits.pop(acq, None)
            self._runner.done_with(history, step)
            self._board.step(acq, step.id, state="done")
            return {"outcome": "ok", "output": output}

    def _show(self, history: History, step: Step, tries: int, *, undoing: bool) -> None:
        title = f"undoing: {step.title}" if undoing else step.title
        self._board.set(
            history.id,
            state=_STATE_OF_KIND.get(step.kind, "running"),
            step=title,
            step_no=history.plan.steps.index(step) + 1,
            percent=None,
            **({"error": None, "next": None} if not tries else {}),
        )
        anew = {} if tries else {"note": "", "started": stamp(self._clock.now()), "ended": None}
        self._board.step(history.id, step.id, state="running", retries=tries, **anew)

    async def _interruptible(
        self, control: Control, body: Awaitable[dict[str, Any]], *, undoing: bool
    ) -> dict[str, Any]:
        """Runs the body until it ends or a wish changes; never two bodies at once."""
        task = asyncio.ensure_future(body)
        while True:
            change = asyncio.create_task(control.changed())
            try:
                await asyncio.wait({task, change}, return_when=asyncio.FIRST_COMPLETED)
            except asyncio.CancelledError:
                task.cancel()
                await asyncio.wait({task})
                raise
            finally:
                change.cancel()
            if task.done():
                return task.result()
            if control.stops(undoing=undoing):
                task.cancel()
                await asyncio.wait({task})
                return task.result()

    def _ask_again(self, history: History) -> None:
        """The authority ended before everything was taken back: whoever cancelled is asked to say so once more."""
        self._gates.of(history.id).hold()
        self._board.set(
            history.id,
            state="interrupted",
            error=f"the approval ended {history.until}, and something is still to be taken back",
            next=f"cancel {history.id} again: that approves taking it back, and nothing else",
            rate=None,
            eta_s=None,
        )

    def _wait_for_credentials(self, history: History, control: Control, fault: CredentialNeeded) -> None:
        acq = history.id
        control.wait_for_credentials()
        what_next = fault.next or "renew the credentials, then resume"
        if history.wish == "cancel":
            what_next = (
                f"renew the credentials; it tries again by itself. To leave it as it is, cancel {acq} again"
            )
        self._board.set(
            acq,
            state="waiting_for_credentials",
            error=fault.message,
            next=what_next,
            rate=None,
            eta_s=None,
        )
        first, longest = _CREDENTIAL_RETRY_S
        pause = self._waits.get(acq, first)
        self._waits[acq] = min(pause * 2, longest)
        asyncio.get_running_loop().call_later(pause, control.credentials_may_be_back)

    async def _patience(self, control: Control, tries: int) -> None:
        """Backoff with jitter, cut short by any wish."""
        pause = asyncio.create_task(self._clock.sleep(min(2.0**tries, 60.0) * (0.5 + random.random() / 2)))  # noqa: S311
        change = asyncio.create_task(control.changed())
        await asyncio.wait({pause, change}, return_when=asyncio.FIRST_COMPLETED)
        pause.cancel()
        change.cancel()

    def _failed(self, acq: str, step_id: str, fault: Fault) -> Outcome:
        self._board.step(acq, step_id, state="failed", note=fault.message)
        return {"outcome": "failed", "fault": fault.data(), "step": step_id}


def _local(error: OSError) -> Fault:
    if error.errno in (28, 122):  # ENOSPC, EDQUOT
        return StorageFull(f"no room: {error.strerror}", next="free space on the evidence volume, then resume")
    where = f" ({error.filename})" if error.filename else ""
    return Fault(f"the jump host refused a file operation: {error.strerror}{where}", next="mend it, then resume")
