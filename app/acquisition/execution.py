"""What the engine calls: one step behind its gate, and the end of an attempt."""

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
from app.acquisition.record import AGENT, History, Record
from app.acquisition.steps import StepRunner
from app.clock import Clock
from app.faults import ApprovalEnded, CredentialNeeded, Fault, StorageFull, from_data
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
        return await self._run(history, history.plan.step(step_id), undoing=False)

    async def _run(self, history: History, step: Step, *, undoing: bool) -> Outcome:
        """Until the step is done, has failed, or the acquisition is cancelled.

        ``undoing``: the acquisition is cancelled already, and this takes back what it had done.
        """
        acq, control = history.id, self._gates.of(history.id)
        tries = 0
        while True:
            self._gates.hold_unapproved(history)
            if await control.gate(undoing=undoing) == "cancel":
                return {"outcome": "cancelled"}
            if not self._gates.approved(history):
                if undoing:
                    return self._failed(acq, step.id, ApprovalEnded(f"the approval of {acq} has ended"))
                continue
            self._show(history, step, tries, undoing=undoing)
            try:
                output = await self._interruptible(control, self._runner.run(history, step), undoing=undoing)
            except asyncio.CancelledError:
                if not control.stops(undoing=undoing):
                    raise  # the loop itself is closing
                if control.stopped == "paused":
                    self._board.set(acq, state="paused", rate=None, eta_s=None)
                continue
            except ApprovalEnded:
                continue
            except CredentialNeeded as fault:
                self._wait_for_credentials(acq, control, fault)
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
        self._board.step(history.id, step.id, state="running", retries=tries)

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

    def _wait_for_credentials(self, acq: str, control: Control, fault: CredentialNeeded) -> None:
        control.wait_for_credentials()
        self._board.set(
            acq,
            state="waiting_for_credentials",
            error=fault.message,
            next=fault.next or "renew the credentials, then resume",
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

    # -- the end of an attempt ------------------------------------------------------------------------

    async def finish(self, acq: str, attempt: int, outcome: Outcome) -> Outcome:
        """The end of an attempt, recorded once. A cancelled acquisition first takes back what is in force."""
        history = self._record.histories.get(acq)
        if history is None or outcome["outcome"] == "superseded" or attempt != history.attempt:
            return outcome
        missing = [item for item in history.items.values() if item not in self._record.items]
        if outcome["outcome"] == "ok" and missing:
            unsealed = Fault(
                f"{acq} came to its end without sealing {', '.join(missing)}",
                next="resume it: what is missing is done",
            )
            outcome = {"outcome": "failed", "fault": unsealed.data()}
        state = _ended({"ok": "done"}.get(outcome["outcome"], outcome["outcome"]))
        if history.finished is not None and (history.finished, state) != ("failed", "cancelled"):
            return outcome
        if state == "cancelled":
            await self._take_back(history)
        fault = from_data(outcome["fault"]) if "fault" in outcome else None
        self._record_end(history, attempt, state, fault)
        fields: dict[str, Any] = {"state": state, "rate": None, "eta_s": None, "percent": None}
        if fault is not None:
            fields |= {"error": fault.message, "next": fault.next or "resume it when the cause is mended"}
            if self._runner.owed(history):
                fields["next"] += "; or cancel it: that takes back what is shared or only for transport"
        elif state == "done":
            fields |= {"error": None, "next": None, "step_no": len(history.plan.steps)}
        else:
            fields |= {"error": None, "next": self._left_behind(history, state).strip() or None}
        self._board.set(acq, **fields)
        self._runner.release(history)
        return outcome

    def owes(self, history: History) -> bool:
        """Whether something is in force that a cancelled acquisition takes back."""
        return bool(self._runner.owed(history))

    async def _take_back(self, history: History) -> None:
        for step in self._runner.owed(history):
            await self._run(history, step, undoing=True)

    def _record_end(self, history: History, attempt: int, state: State, fault: Fault | None) -> None:
        broker = self._runner.desk.broker
        params: dict[str, Any] = {"state": state, "attempt": attempt}
        if fault is not None:
            params["fault"] = {key: value for key, value in fault.data().items() if value}
        if history.leases:
            params["leases"] = [broker.usage(lease) for lease in history.leases]
        self._record.fact(
            "acquisition.finish",
            f"{history.id} is {state}"
            + (f": {fault.message}." if fault else ".")
            + self._left_behind(history, state),
            actor=AGENT,
            acq=history.id,
            item=next(iter(history.items.values())) if state == "done" and len(history.items) == 1 else None,
            params=params,
        )

    def _left_behind(self, history: History, state: str) -> str:
        """What a stopped acquisition leaves: said, never silently deleted."""
        if state == "done":
            return ""
        plan = history.plan
        undone = {step.undoes for step in plan.steps if step.undoes and step.id in history.made}
        kept = [
            made.resource
            for step, made in history.made.items()
            if plan.step(step).op in ("snapshot.create", "snapshot.copy") and step not in undone
        ]
        said = f" Kept in the cloud: {', '.join(kept)}." if kept else ""
        for step in self._runner.owed(history):
            said += f" Not taken back: step {step.undoes}, {plan.step(step.undoes).title}."
        for item in history.items.values():
            if self._runner.desk.case.partial(item).exists():
                said += f" Partial data stays in .{item}.partial."
        return said


def _ended(state: str | None) -> State:
    if state == "done":
        return "done"
    return "cancelled" if state == "cancelled" else "failed"


def _local(error: OSError) -> Fault:
    if error.errno in (28, 122):  # ENOSPC, EDQUOT
        return StorageFull(f"no room: {error.strerror}", next="free space on the evidence volume, then resume")
    where = f" ({error.filename})" if error.filename else ""
    return Fault(f"the jump host refused a file operation: {error.strerror}{where}", next="mend it, then resume")
