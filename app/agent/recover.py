"""After a restart: the gap is announced, open intents are closed exactly once, what was made is adopted."""

from __future__ import annotations

from typing import Any

from app.acquisition.record import History, Record
from app.acquisition.steps import StepRunner
from app.clock import Clock, parse_stamp
from app.custody import Entry
from app.faults import Fault
from app.model import Step
from app.ports import Made

_LAG_S = 120
"""For this long a new object may not be listed yet (EC2 API Reference, "Eventual consistency")."""


def announce(record: Record, clock: Clock, crashed: bool, last_ts: str) -> bool:
    """``agent.recover``, if the last agent ``crashed`` or left something unfinished; whether it did.

    Its checkpoint is written by the ledger.
    """
    unfinished = [history.id for history in record.histories.values() if history.running]
    intents = record.open_intents()
    if not crashed and not intents and not unfinished:
        return False
    gap = max(0, int((clock.now() - parse_stamp(last_ts)).total_seconds()))
    record.fact(
        "agent.recover",
        f"The agent is back after {gap} s without one: {len(intents)} open intents, "
        f"{len(unfinished)} unfinished acquisitions.",
        params={
            "last_event": last_ts,
            "gap_s": gap,
            "open": [{"line": intent.line, "op": intent.op, "corr": intent.corr} for intent in intents],
            "acquisitions": unfinished,
        },
    )
    return True


async def close_intents(record: Record, runner: StepRunner, clock: Clock) -> None:
    """Close each open intent: ``result`` if what it made is found, else ``abandoned``."""
    for intent in record.open_intents():
        made, why = None, "the agent ended before the answer was recorded"
        history = record.histories.get(intent.body.get("acq", ""))
        step = _step_of(intent, history)
        if history is not None and step is not None:
            try:
                made = await _look(runner, history, step, _fresh(intent, clock), clock)
                why = "nothing that it made was found"
            except Fault as fault:
                why = f"what it made could not be looked for: {fault.message}"
        members: dict[str, Any] = {
            name: intent.body[name]
            for name in ("cloud", "account", "region", "acq", "item", "lease", "principal")
            if name in intent.body
        }
        if made is not None and step is not None:
            record.result(
                intent,
                f"{made.resource} was found after the restart and is used.",
                params={"step": step.id, "output": made.output, "adopted": True},
                resource=made.resource,
                **members,
            )
        else:
            if intent.op == "evidence.read" and history is not None:
                members["params"] = runner.read_so_far(history, intent.body.get("item", ""))
            if "resource" in intent.body:
                members["resource"] = intent.body["resource"]
            record.abandoned(
                intent, f"{intent.op} was left open by a restart: {why}.", "interrupted", why, **members
            )


def _step_of(intent: Entry, history: History | None) -> Step | None:
    number = intent.body.get("params", {}).get("step")
    if history is None or number is None:
        return None
    step = history.plan.step(number)
    return step if step.kind == "act" else None


def _fresh(intent: Entry, clock: Clock) -> bool:
    return (clock.now() - parse_stamp(intent.ts)).total_seconds() < _LAG_S


async def _look(runner: StepRunner, history: History, step: Step, fresh: bool, clock: Clock) -> Made | None:
    """What the step made. Asked more than once when it may have been made only just now."""
    desk = runner.desk
    holding = desk.holding(history, step)
    actuator = desk.provider(history).actuator
    for pause in (1.0, 2.0, 3.0, 0.0) if fresh else (0.0,):
        found = await actuator.find(step, desk.context(history, step), await holding.ensure())
        if found is not None or not pause:
            return found
        await clock.sleep(pause)
    return None
