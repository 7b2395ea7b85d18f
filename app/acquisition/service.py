"""Acquisitions from approval to finish: what users ask for, what the engine runs, what happens on failure."""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any

from app.acquisition.board import Board
from app.acquisition.control import Control
from app.acquisition.engine import Engine, Outcome
from app.acquisition.record import AGENT, History, Record, plan_text
from app.acquisition.steps import StepRunner
from app.clock import Clock, parse_stamp, stamp
from app.faults import ApprovalEnded, CredentialNeeded, Fault, Refused, StorageFull, Usage, from_data
from app.model import ENDED, Plan, State, Step

log = logging.getLogger("jumpbag.acquisition")

_STATE_OF_KIND: dict[str, State] = {
    "act": "running",
    "wait": "running",
    "download": "running",
    "hash": "hashing",
    "seal": "sealing",
}
_RETRIES = 6
_CREDENTIAL_RETRY_S = 20.0


class Acquisitions:
    """All acquisitions of the case, in the agent's loop."""

    def __init__(self, record: Record, board: Board, runner: StepRunner, engine: Engine, clock: Clock) -> None:
        self._record = record
        self._board = board
        self._runner = runner
        self._engine = engine
        self._clock = clock
        self._controls: dict[str, Control] = {}
        self._stopping = False

    # -- what users ask for ------------------------------------------------------------------------

    async def start(self, plan: Plan, actor: str, reason: str) -> str:
        """Record the approval, queue the acquisition, return its id."""
        acq = self._record.next_id("A")
        self._approve(acq, plan, actor, reason)
        await self._begin(acq, plan, actor)
        return acq

    async def _begin(self, acq: str, plan: Plan, actor: str) -> None:
        item = self._record.next_id("E") if plan.transfer is not None else None
        self._record.fact(
            "acquisition.start",
            f"{acq} starts: {plan.kind} {plan.target.id} by route {plan.route}.",
            actor=actor,
            acq=acq,
            item=item,
            params={"attempt": 1},
        )
        self._controls[acq] = Control()
        self._board.open(acq, plan, item)
        await self._enqueue(acq)

    def _approve(self, acq: str, plan: Plan, actor: str, reason: str) -> None:
        text, digest = plan_text(plan)
        until = self._clock.now() + timedelta(seconds=self._record.case.settings.agent.approval_seconds)
        self._record.fact(
            "plan.approve",
            f"{actor} approved {acq}: {plan.kind} {plan.target.id} in {plan.target.account}, "
            f"route {plan.route}, {len(plan.steps)} steps.",
            actor=actor,
            acq=acq,
            cloud=plan.target.cloud,
            account=plan.target.account,
            region=plan.target.region,
            resource=plan.target.id,
            authority={
                "ticket": self._record.case.ticket,
                "approved_by": actor,
                "scope": f"{acq}: {plan.kind} {plan.target.id}",
                "valid_until": stamp(until),
            },
            params={"reason": reason, "plan": text, "plan_sha256": digest},
        )

    async def pause(self, acq: str, actor: str, reason: str) -> str:
        history, control = self._known(acq)
        if history.finished or history.wish == "cancel":
            raise Refused(f"{acq} has ended", next="nothing to pause")
        if history.wish != "pause":
            self._record.fact(
                "acquisition.pause", f"{actor} paused {acq}.", actor=actor, acq=acq, params={"reason": reason}
            )
            control.pause()
            self._board.set(acq, state="paused", rate=None, eta_s=None)
        return self._board.row(acq).state

    async def resume(self, acq: str, actor: str, reason: str) -> str:
        """Go on: after a pause, a failure, an interruption, or now rather than later with credentials."""
        history, control = self._known(acq)
        if history.finished in ("done", "cancelled") or history.wish == "cancel":
            raise Refused(f"{acq} is {history.finished or 'being cancelled'}", next="plan a new acquisition")
        if history.attempt == 0:  # the agent ended between the approval and the start
            if not self._approved(history):
                self._approve(acq, history.plan, actor, reason or "approved again to start")
            await self._begin(acq, history.plan, actor)
            return self._board.row(acq).state
        if history.running and control.stopped == "waiting":
            control.credentials_may_be_back()
            return self._board.row(acq).state
        if history.running and not control.stopped:
            return self._board.row(acq).state
        if not self._approved(history):
            self._approve(acq, history.plan, actor, reason or "approved again to go on")
        again = history.finished is not None
        attempt = history.attempt + 1 if again else history.attempt
        self._record.fact(
            "acquisition.resume",
            f"{actor} resumed {acq}.",
            actor=actor,
            acq=acq,
            params={"reason": reason, "attempt": attempt},
        )
        if again:
            self._controls[acq] = Control()
            self._board.set(acq, state="queued", error=None, next=None)
            await self._enqueue(acq)
        else:
            self._board.set(acq, state="running", error=None, next=None)
            control.resume()
        return self._board.row(acq).state

    async def cancel(self, acq: str, actor: str, reason: str) -> str:
        history, control = self._known(acq)
        if history.finished in ("done", "cancelled"):
            raise Refused(f"{acq} is {history.finished}", next="nothing to cancel")
        if history.wish != "cancel":
            self._record.fact(
                "acquisition.cancel", f"{actor} cancelled {acq}.", actor=actor, acq=acq, params={"reason": reason}
            )
            if history.running:
                control.resume()
                control.cancel()
            else:
                await self.finish(acq, history.attempt, {"outcome": "cancelled"})
        return "cancelled" if history.finished else self._board.row(acq).state

    async def let_go(self, acq: str, lease: str, actor: str) -> None:
        """Pause what runs under a lease that is about to be revoked, until nothing signs with it any more."""
        if not self._record.histories[acq].running:
            return
        await self.pause(acq, actor, f"its lease {lease} is revoked; resume asks for another")
        async with asyncio.timeout(15):
            while any(e.body.get("lease") == lease for e in self._record.open_intents()):  # noqa: ASYNC110
                await asyncio.sleep(0.05)

    def credentials_may_be_back(self) -> None:
        """Let every acquisition that waits for credentials try again."""
        for control in self._controls.values():
            control.credentials_may_be_back()

    def permit(self, history: History) -> None:
        """May an intent be written now? Raises when a wish or the end of the approval came in between."""
        self._hold_unapproved(history)
        control = self._controls[history.id]
        if not self._approved(history):
            raise ApprovalEnded(f"the approval of {history.id} has ended")
        if control.stopped:
            raise asyncio.CancelledError

    def _hold_unapproved(self, history: History) -> None:
        control = self._controls.setdefault(history.id, Control())
        if self._approved(history) or history.wish == "cancel" or control.stopped == "hold":
            return
        control.hold()
        self._board.set(
            history.id,
            state="interrupted",
            error=f"the approval ended {history.valid_until}",
            next="resume it to approve the same plan again",
            rate=None,
            eta_s=None,
        )

    def _known(self, acq: str) -> tuple[History, Control]:
        if acq not in self._record.histories:
            raise Usage(f"no acquisition {acq} in this case", next="`jumpbag acquisitions` lists them")
        return self._record.histories[acq], self._controls.setdefault(acq, Control())

    def _approved(self, history: History) -> bool:
        return parse_stamp(history.valid_until) > self._clock.now()

    async def _enqueue(self, acq: str) -> None:
        history = self._record.histories[acq]
        await self._engine.start(acq, history.attempt, history.plan.target.account)

    # -- after a restart ----------------------------------------------------------------------------

    def restore(self) -> list[str]:
        """Put everything back on the board before the engine starts; ids of what goes on by itself."""
        going: list[str] = []
        for history in self._record.histories.values():
            control = self._controls[history.id] = Control()
            state, fields = self._restored(history, control)
            self._board.open(history.id, history.plan, history.item, state=state, **fields)
            sealed = self._record.items.get(history.item or "")
            if sealed is not None:
                self._board.set(history.id, sha256=sealed.sha256, bytes_done=sealed.bytes)
            for step in history.plan.steps:
                if history.finished == "done" or step.id in history.made:
                    made = history.made.get(step.id)
                    self._board.step(
                        history.id, step.id, state="done", request_id=made.request_id if made else None
                    )
            if state == "queued":
                going.append(history.id)
        return going

    def _restored(self, history: History, control: Control) -> tuple[State, dict[str, Any]]:
        last = history.plan.steps[-1]
        if history.finished is not None:
            ended: dict[str, Any] = {"step": last.title, "step_no": len(history.plan.steps)}
            if history.error:
                fault = from_data(history.error)
                ended |= {"error": fault.message, "next": fault.next, "step": "stopped"}
            return _ended(history.finished), ended
        if history.attempt == 0:
            return "interrupted", {"error": "it was approved, but never started", "next": "resume starts it"}
        if history.wish == "cancel":
            control.cancel()
            return "queued", {}
        if not self._approved(history):
            control.hold()
            return "interrupted", {
                "error": f"the approval ended {history.valid_until} while no agent ran",
                "next": "resume it to approve the same plan again",
            }
        if history.wish == "pause":
            control.pause()
            return "paused", {}
        return "queued", {}

    async def go_on(self) -> None:
        """After launch: queue whatever should run; an attempt that is queued already stays one."""
        for history in self._record.histories.values():
            if history.running:
                await self._enqueue(history.id)

    async def watch(self) -> None:
        """The watchdog: revive what should run and does not, hold what has no approval any more."""
        while not self._stopping:
            await self._clock.sleep(4.0)
            try:
                await self._watched()
            except Exception:  # a full disk, a locked database: the next look is in four seconds
                log.exception("in the watchdog")

    async def _watched(self) -> None:
        running = [history for history in self._record.histories.values() if history.running]
        for history in running:
            self._hold_unapproved(history)
        for acq in await self._engine.watch([(h.id, h.attempt, h.plan.target.account) for h in running]):
            fault = Fault(
                f"{acq} could not be kept running", next="see the agent's log (`jumpbag info`), then resume it"
            )
            attempt = self._record.histories[acq].attempt
            await self.finish(acq, attempt, {"outcome": "failed", "fault": fault.data()})

    def stop(self) -> None:
        """Close every gate; running transfers end, nothing is marked as failed."""
        self._stopping = True
        for control in self._controls.values():
            control.hold()

    def busy(self) -> int:
        """Acquisitions that would go on if nobody looked."""
        return sum(1 for row in self._board.rows() if row.state not in ENDED | {"interrupted", "paused"})

    # -- what the engine calls ------------------------------------------------------------------------

    def steps(self, acq: str) -> list[str]:
        history = self._record.histories.get(acq)
        return [step.id for step in history.plan.steps] if history else []

    async def execute(self, acq: str, attempt: int, step_id: str) -> Outcome:
        """One step behind its gate. Never raises: failures are data, since a replay sees other types."""
        history = self._record.histories.get(acq)
        if history is None or attempt != history.attempt or not history.running:
            return {"outcome": "superseded"}  # the engine's rows are older than the signed log, or not ours
        step = history.plan.step(step_id)
        control = self._controls.setdefault(acq, Control())
        tries = 0
        while True:
            self._hold_unapproved(history)
            if await control.gate() == "cancel":
                return {"outcome": "cancelled"}
            if not self._approved(history):
                continue
            position = history.plan.steps.index(step) + 1
            self._board.set(
                acq,
                state=_STATE_OF_KIND[step.kind],
                step=step.title,
                step_no=position,
                percent=None,
                **({"error": None, "next": None} if not tries else {}),
            )
            self._board.step(acq, step_id, state="running", retries=tries)
            try:
                output = await self._interruptible(control, step, self._runner.run(history, step))
            except asyncio.CancelledError:
                if not control.stopped:
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
                    self._board.step(acq, step_id, state="running", retries=tries, note=fault.message)
                    trying = f"it is tried again by itself, {tries} of {_RETRIES}"
                    self._board.set(acq, error=fault.message, next=trying, rate=None, eta_s=None)
                    await self._patience(control, tries)
                    continue
                return self._failed(acq, step_id, fault)
            except OSError as error:
                return self._failed(acq, step_id, _local(error))
            except Exception as error:
                log.exception("step %s of %s", step_id, acq)
                broken = Fault(
                    f"an error inside jumpbag stopped step {step_id} ({type(error).__name__})",
                    next="resume it; if it happens again, report the agent's log (`jumpbag info` says where)",
                )
                return self._failed(acq, step_id, broken)
            self._board.step(acq, step_id, state="done")
            return {"outcome": "ok", "output": output}

    async def _interruptible(
        self, control: Control, step: Step, body: Awaitable[dict[str, Any]]
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
            if control.stopped:
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
        asyncio.get_running_loop().call_later(_CREDENTIAL_RETRY_S, control.credentials_may_be_back)

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

    async def finish(self, acq: str, attempt: int, outcome: Outcome) -> Outcome:
        """The end of an attempt, recorded once."""
        history = self._record.histories.get(acq)
        if history is None or outcome["outcome"] == "superseded" or attempt != history.attempt:
            return outcome
        if outcome["outcome"] == "ok" and history.item and history.item not in self._record.items:
            unsealed = Fault(
                f"{acq} came to its end without a sealed item", next="resume it: what is missing is done"
            )
            outcome = {"outcome": "failed", "fault": unsealed.data()}
        state = _ended({"ok": "done"}.get(outcome["outcome"], outcome["outcome"]))
        if history.finished is not None and (history.finished, state) != ("failed", "cancelled"):
            return outcome
        fault = from_data(outcome["fault"]) if "fault" in outcome else None
        params: dict[str, Any] = {"state": state, "attempt": attempt}
        if fault is not None:
            params["fault"] = {key: value for key, value in fault.data().items() if value}
        self._record.fact(
            "acquisition.finish",
            f"{acq} is {state}" + (f": {fault.message}." if fault else ".") + self._left_behind(history, state),
            actor=AGENT,
            acq=acq,
            item=history.item if state == "done" else None,
            params=params,
        )
        fields: dict[str, Any] = {"state": state, "rate": None, "eta_s": None, "percent": None}
        if fault is not None:
            fields |= {"error": fault.message, "next": fault.next or "resume it when the cause is mended"}
        elif state == "done":
            fields |= {"error": None, "next": None, "step_no": len(history.plan.steps)}
        else:
            fields |= {"error": None, "next": self._left_behind(history, state).strip() or None}
        self._board.set(acq, **fields)
        self._runner.release(history)
        return outcome

    def _left_behind(self, history: History, state: str) -> str:
        """What a stopped acquisition leaves: said, never silently deleted."""
        if state == "done":
            return ""
        kept = [made.resource for step, made in history.made.items() if history.plan.step(step).kind == "act"]
        said = f" Kept in the cloud: {', '.join(kept)}." if kept else ""
        if history.item and self._runner.places(history).partial.exists():
            said += f" Partial data stays in .{history.item}.partial."
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


Recover = Callable[[], Awaitable[None]]
