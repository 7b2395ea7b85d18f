"""Acquisitions from approval to finish: what users ask for, and what goes on after a restart."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from datetime import timedelta
from typing import Any

from app.acquisition.board import Board
from app.acquisition.control import Control
from app.acquisition.ending import Ending, ended
from app.acquisition.engine import Engine
from app.acquisition.gates import Gates
from app.acquisition.record import History, Record, plan_text
from app.clock import Clock, stamp
from app.faults import Fault, Refused, Usage
from app.model import ENDED, Acquisition, Plan, State

log = logging.getLogger("jumpbag.acquisition")

Consent = Callable[[str], None]
"""Asked right before something is approved or started, with what that is; raises Refused where it may not be."""


class Acquisitions:
    """All acquisitions of the case, in the agent's loop."""

    def __init__(
        self, record: Record, board: Board, gates: Gates, ending: Ending, engine: Engine, clock: Clock
    ) -> None:
        self._record = record
        self._board = board
        self._gates = gates
        self._ending = ending
        self._engine = engine
        self._clock = clock
        self._stopping = False
        self._tasks: set[asyncio.Task[Any]] = set()

    # -- what users ask for ------------------------------------------------------------------------

    async def start(
        self, plan: Plan, actor: str, reason: str, consent: Consent, batch: dict[str, int] | None = None
    ) -> str:
        """Record the approval, queue the acquisition, return its id.

        ``batch``: which of how many that were approved together it is, {"of", "no"}.
        """
        target = plan.target
        consent(f"{plan.kind} {target.id} in {target.account}, route {plan.route}, plan {plan_text(plan)[1]}")
        acq = self._record.next_id("A")
        self._approve(acq, plan, actor, reason, batch)
        await self._begin(acq, plan, actor)
        return acq

    async def _begin(self, acq: str, plan: Plan, actor: str) -> None:
        items = {item.key: self._record.next_id("E") for item in plan.items}
        self._record.fact(
            "acquisition.start",
            f"{acq} starts: {plan.kind} {plan.target.id} by route {plan.route}.",
            actor=actor,
            acq=acq,
            item=next(iter(items.values())) if len(items) == 1 else None,
            params={"attempt": 1, "items": items},
        )
        self._gates.renew(acq)
        self._board.open(acq, plan, list(items.values()))
        await self._enqueue(acq)

    def _approve(self, acq: str, plan: Plan, actor: str, reason: str, batch: dict[str, int] | None = None) -> None:
        text, digest = plan_text(plan)
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
            authority=self._authority(f"{acq}: {plan.kind} {plan.target.id}", actor),
            params={"reason": reason, "plan": text, "plan_sha256": digest, **({"batch": batch} if batch else {})},
        )

    async def pause(self, acq: str, actor: str, reason: str) -> str:
        """Stop for now; it needs no consent."""
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

    async def resume(self, acq: str, actor: str, reason: str, consent: Consent) -> str:
        """Go on: after a pause, a failure, an interruption, or now rather than later with credentials.

        What was approved goes on whether or not the case is read-only, so ``consent`` is asked only where this
        approves: an approval that has ended, and an acquisition that was approved and never started.
        """
        history, control = self._known(acq)
        if history.finished in ("done", "cancelled") or history.wish == "cancel":
            owes = history.wish == "cancel" and self._ending.owes(history)
            what_next = (
                f"to take back what is left of it, cancel {acq} again" if owes else "plan a new acquisition"
            )
            raise Refused(f"{acq} is {history.finished or 'being cancelled'}", next=what_next)
        again = f"{acq}: {history.plan.kind} {history.plan.target.id}"
        if history.attempt == 0:  # the agent ended between the approval and the start
            consent(f"{again}, which never started")
            if not self._gates.approved(history):
                self._approve(acq, history.plan, actor, reason or "approved again to start")
            await self._begin(acq, history.plan, actor)
            return self._board.row(acq).state
        if history.running and control.stopped == "waiting":
            control.credentials_may_be_back()
            return self._board.row(acq).state
        if history.running and not control.stopped:
            return self._board.row(acq).state
        if not self._gates.approved(history):
            consent(f"{again}, whose approval ended {history.valid_until}")
            self._approve(acq, history.plan, actor, reason or "approved again to go on")
        anew = history.finished is not None
        attempt = history.attempt + 1 if anew else history.attempt
        self._record.fact(
            "acquisition.resume",
            f"{actor} resumed {acq}.",
            actor=actor,
            acq=acq,
            params={"reason": reason, "attempt": attempt},
        )
        if anew:
            self._gates.renew(acq)
            self._board.set(acq, state="queued", error=None, next=None)
            await self._enqueue(acq)
        else:
            self._board.set(acq, state="running", error=None, next=None)
            control.resume()
        return self._board.row(acq).state

    async def cancel(self, acq: str, actor: str, reason: str) -> str:
        """Stop, and take back what is in force. Said again, it tries again; said while that waits, it gives up.

        It needs nobody's consent: taking back must always be possible, also while the case is read-only.
        """
        history, control = self._known(acq)
        owes = self._ending.owes(history)
        if history.finished == "done" or (history.finished == "cancelled" and not owes):
            raise Refused(f"{acq} is {history.finished}", next="nothing to cancel")
        under_way = history.wish == "cancel" and history.finished != "cancelled"
        over = under_way and not self._gates.approved(history)
        if over or not under_way:
            self._cancelled(history, actor, reason)
        if not under_way:
            if history.running:
                control.resume()
                control.cancel()
            else:
                await self._end(history)
        elif control.waiting and not over:
            control.give_up()
        else:
            control.resume()
        return "cancelled" if history.finished == "cancelled" else self._board.row(acq).state

    def _cancelled(self, history: History, actor: str, reason: str) -> None:
        """The wish, and in the same event the authority for what follows from it: there is never one without the
        other. It approves no step of the plan but those that take back."""
        acq, again = history.id, " again" if history.wish == "cancel" else ""
        self._record.fact(
            "acquisition.cancel",
            f"{actor} cancelled {acq}{again}: what is in force of it is taken back, nothing else is done.",
            actor=actor,
            acq=acq,
            authority=self._authority(f"{acq}: take back what is in force", actor),
            params={"reason": reason},
        )

    def _authority(self, scope: str, actor: str) -> dict[str, str]:
        case = self._record.case
        until = stamp(self._clock.now() + timedelta(seconds=case.settings.agent.approval_seconds))
        return {"ticket": case.ticket, "approved_by": actor, "scope": scope, "valid_until": until}

    async def _end(self, history: History) -> None:
        """Cancel what does not run any more. Taking things back may take a while: it goes on by itself."""
        control = self._gates.renew(history.id)
        control.cancel()
        if self._ending.owes(history):
            self._board.set(history.id, state="running", step="undoing", error=None, next=None)
        work = asyncio.create_task(self._ending.finish(history.id, history.attempt, {"outcome": "cancelled"}))
        self._tasks.add(work)
        work.add_done_callback(self._tasks.discard)
        if not self._ending.owes(history):
            await work

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
        for control in self._gates.all():
            control.credentials_may_be_back()

    def _known(self, acq: str) -> tuple[History, Control]:
        if acq not in self._record.histories:
            raise Usage(f"no acquisition {acq} in this case", next="`jumpbag acquisitions` lists them")
        return self._record.histories[acq], self._gates.of(acq)

    async def _enqueue(self, acq: str) -> None:
        history = self._record.histories[acq]
        await self._engine.start(acq, history.attempt, history.plan.target.account)

    # -- after a restart ----------------------------------------------------------------------------

    def restore(self) -> None:
        """Put everything back on the board before the engine starts."""
        for history in self._record.histories.values():
            state, fields = self._restored(history, self._gates.renew(history.id))
            self._board.open(history.id, history.plan, list(history.items.values()), state=state, **fields)
            self._board.restore(history, self._record.items)

    def _restored(self, history: History, control: Control) -> tuple[State, dict[str, Any]]:
        if history.finished is not None:
            return ended(history.finished), self._ending.told(history)
        if history.attempt == 0:
            return "interrupted", {"error": "it was approved, but never started", "next": "resume starts it"}
        if history.wish == "cancel":
            control.cancel()
            return "queued", {}
        if not self._gates.approved(history):
            control.hold()
            return "interrupted", {
                "error": f"the approval ended {history.until} while no agent ran",
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
            elif history.finished == "failed" and history.wish == "cancel":
                await self._end(history)

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
            self._gates.hold_unapproved(history)
        for acq in await self._engine.watch([(h.id, h.attempt, h.plan.target.account) for h in running]):
            fault = Fault(
                f"{acq} could not be kept running", next="see the agent's log (`jumpbag info`), then resume it"
            )
            attempt = self._record.histories[acq].attempt
            await self._ending.finish(acq, attempt, {"outcome": "failed", "fault": fault.data()})

    def stop(self) -> None:
        """Close every gate; running transfers end, nothing is marked as failed."""
        self._stopping = True
        for control in self._gates.all():
            control.hold()

    def standing(self) -> list[tuple[History, Acquisition]]:
        """Every acquisition, the oldest first: what the log says of it, and how it is shown."""
        return [(history, self._board.row(acq)) for acq, history in self._record.histories.items()]

    def busy(self) -> int:
        """Acquisitions that would go on if nobody looked."""
        return sum(1 for row in self._board.rows() if row.state not in ENDED | {"interrupted", "paused"})
