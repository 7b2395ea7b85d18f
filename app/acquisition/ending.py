"""The end of an attempt: what is in force is taken back, what is left is said, and the log is told once."""

from __future__ import annotations

from typing import Any

from app.acquisition.board import Board
from app.acquisition.engine import Outcome
from app.acquisition.execution import Execution
from app.acquisition.record import AGENT, History, Record
from app.acquisition.steps import StepRunner
from app.faults import Fault, from_data
from app.model import State, Step


class Ending:
    """Like :class:`Execution` it never raises into the engine."""

    def __init__(self, record: Record, board: Board, runner: StepRunner, execution: Execution) -> None:
        self._record = record
        self._board = board
        self._runner = runner
        self._execution = execution

    def owes(self, history: History) -> bool:
        """Whether something is in force, or may be, that is to be taken back."""
        return bool(self._runner.owed(history))

    async def finish(self, acq: str, attempt: int, outcome: Outcome) -> Outcome:
        """The end of an attempt, recorded once. What was shared or made for transport is taken back first."""
        history = self._record.histories.get(acq)
        if history is None or outcome["outcome"] == "superseded" or attempt != history.attempt:
            return outcome
        state = ended({"ok": "done"}.get(outcome["outcome"], outcome["outcome"]))
        again = (history.finished, state) in (("failed", "cancelled"), ("cancelled", "cancelled"))
        if history.finished is not None and not again:
            return outcome
        if state != "failed":
            refused = await self._take_back(history)
            if state == "done":
                outcome = self._complete(history, outcome, refused)
                state = ended({"ok": "done"}.get(outcome["outcome"], outcome["outcome"]))
        self._tell(history, attempt, state, outcome)
        fields = self.told(history)
        if state == "failed" and "step" not in outcome:
            del fields["step"]  # the row names where it was
        self._board.set(acq, state=state, rate=None, eta_s=None, percent=None, **fields)
        self._runner.release(history)
        return outcome

    async def _take_back(self, history: History) -> tuple[Step, Fault] | None:
        """Run what is owed; the first step that could not take something back, and why."""
        refused: tuple[Step, Fault] | None = None
        for step in self._runner.owed(history):
            target = history.plan.step(step.undoes)
            outcome: Outcome = {"outcome": "ok"}
            if target.id not in history.made:
                outcome = await self._execution.run(history, target, undoing=True, look=True)
            if outcome["outcome"] == "ok" and target.id in history.made:
                outcome = await self._execution.run(history, step, undoing=True)
            if "fault" in outcome and refused is None:
                refused = step, from_data(outcome["fault"])
        return refused

    def _complete(self, history: History, outcome: Outcome, refused: tuple[Step, Fault] | None) -> Outcome:
        """Done is done when the signed log says so: every act has its result, every item its seal."""
        acq, plan = history.id, history.plan
        unsealed = [item for item in history.items.values() if item not in self._record.items]
        undone = [s for s in plan.steps if s.kind == "act" and s.id not in history.made]
        if not unsealed and not undone:
            return outcome
        if unsealed:
            said = f"{acq} came to its end without sealing {', '.join(unsealed)}"
        else:
            said = f"{acq} came to its end without: {'; '.join(f'step {s.id}, {s.title}' for s in undone)}"
            if history.items:
                said += f". What it read is sealed: {', '.join(history.items.values())}"
        fault = Fault(said, next="resume it: what is missing is done")
        if refused is None:
            return {"outcome": "failed", "fault": fault.data()}
        step, why = refused
        fault = Fault(
            f"{said} ({why.message})",
            next=f"{why.next}; then resume it",
            request_id=why.request_id,
            provider_code=why.provider_code,
        )
        return {"outcome": "failed", "fault": fault.data(), "step": step.id}

    def _tell(self, history: History, attempt: int, state: State, outcome: Outcome) -> None:
        broker = self._runner.desk.broker
        params: dict[str, Any] = {"state": state, "attempt": attempt}
        fault = from_data(outcome["fault"]) if "fault" in outcome else None
        if fault is not None:
            params["fault"] = {key: value for key, value in fault.data().items() if value}
            if "step" in outcome:
                params["fault"]["step"] = outcome["step"]
        if history.leases:
            params["leases"] = [broker.usage(lease) for lease in history.leases]
        self._record.fact(
            "acquisition.finish",
            f"{history.id} is {state}"
            + (f": {fault.message.rstrip('.')}." if fault else ".")
            + self.left(history, state),
            actor=AGENT,
            acq=history.id,
            item=next(iter(history.items.values())) if state == "done" and len(history.items) == 1 else None,
            params=params,
        )

    def told(self, history: History) -> dict[str, Any]:
        """How an ended acquisition is shown: now, and after a restart."""
        state, steps = ended(history.finished), history.plan.steps
        if state == "done":
            return {"error": None, "next": None, "step": steps[-1].title, "step_no": len(steps)}
        fields: dict[str, Any] = {"step": "stopped"}
        owed = self._runner.owed(history)
        if state == "failed":
            error = history.error or {"code": "fault", "message": "it failed"}
            fault = from_data(error)
            places = {step.id: place for place, step in enumerate(steps, 1)}
            if (place := places.get(error.get("step", ""))) is not None:
                fields |= {"step": steps[place - 1].title, "step_no": place}
            fields |= {"error": fault.message, "next": fault.next or "resume it when the cause is mended"}
            if owed:
                fields["next"] += "; or cancel it: that takes back what is shared or only for transport"
            return fields
        left = self.left(history, state).strip()
        if owed:
            again = f"cancel {history.id} again to try once more. {left}"
            return fields | {"error": "not everything could be taken back", "next": again}
        return fields | {"error": None, "next": left or None}

    def left(self, history: History, state: str) -> str:
        """What an acquisition leaves: said, never silently deleted."""
        plan = history.plan
        said = f" Made, and found unusable: {', '.join(history.lost)}." if history.lost else ""
        if state == "done":
            return said
        undone = {step.undoes for step in plan.steps if step.undoes and step.id in history.made}
        kept = [
            made.resource
            for step, made in history.made.items()
            if plan.step(step).op in ("snapshot.create", "snapshot.copy") and step not in undone
        ]
        said += f" Kept in the cloud: {', '.join(kept)}." if kept else ""
        for step in self._runner.owed(history):
            if step.undoes in history.made:
                said += f" Not taken back: step {step.undoes}, {plan.step(step.undoes).title}."
        said += "".join(_doubt(step) for step in plan.steps if history.doubtful(step.id))
        for item in history.items.values():
            if self._runner.desk.case.partial(item).exists():
                said += f" Partial data stays in .{item}.partial."
        return said


def _doubt(step: Step) -> str:
    return f" Whether step {step.id}, {step.title}, took effect is not known."


def ended(state: str | None) -> State:
    """The state of an acquisition whose last word was ``state``."""
    if state == "done":
        return "done"
    return "cancelled" if state == "cancelled" else "failed"
