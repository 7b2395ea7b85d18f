"""Steps that call the cloud: rehearsed, performed, waited for. Custody first, then the call, then its outcome."""

from __future__ import annotations

from typing import Any

from app.acquisition.desk import Desk, happened
from app.acquisition.evidence import whole
from app.acquisition.record import History
from app.credentials.broker import Holding
from app.faults import Broken, CredentialExpired, Denied, Fault, Gone, Unavailable, Untrusted
from app.model import Step
from app.ports import Grant, Made

_POLL_S = (0.5, 10.0)
_UNCERTAIN = (Unavailable, Untrusted, Broken)
"""Faults of a call that may have taken effect nevertheless: no answer came, or none that can be believed."""
_ON_A_SNAPSHOT = ("snapshot.share", "snapshot.lock")
"""Acts on what an earlier step made: when that is gone, it is to be made anew."""
WELL = {"error": None, "next": None}  # what was said of trouble is over: something has moved


class Acts:
    """Raises faults; :mod:`app.acquisition.service` decides what follows."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    async def rehearse(self, history: History, step: Step) -> dict[str, Any]:
        """Ask whether a later act would be allowed. It changes nothing, so it is a note and no intent."""
        desk, rehearsed = self._desk, history.plan.step(step.of)
        if rehearsed.id in history.made:
            return {}
        holding = desk.holding(history, step)
        await holding.ensure()
        actuator = desk.provider(history).actuator
        try:
            request = await desk.again(
                holding, lambda: actuator.rehearse(step, rehearsed, desk.context(history, step), holding.current())
            )
        except Denied as fault:
            said = f"would be refused: {fault.message}"
            self._rehearsed(history, step, holding, fault.request_id, "rehearsal refused", said)
            raise
        desk.board.step(history.id, step.id, request_id=request)
        self._rehearsed(history, step, holding, request, "rehearsed", "would be allowed")
        return {}

    def _rehearsed(
        self, history: History, step: Step, holding: Holding, request: str | None, note: str, said: str
    ) -> None:
        """The cloud's own record shows the call, so ours does too."""
        rehearsed = history.plan.step(step.of)
        self._desk.record.fact(
            "case.note",
            f"{rehearsed.call} was rehearsed for {history.id}: it {said}. Nothing was changed.",
            request_id=request,
            lease=holding.current().lease,
            principal=holding.current().principal,
            params={"note": note, "step": rehearsed.id, "call": rehearsed.call},
            **self._desk.where(history, step),
        )

    async def act(self, history: History, step: Step) -> dict[str, Any]:
        done = history.made.get(step.id)
        if done is not None:
            return done.output
        desk = self._desk
        holding = desk.holding(history, step)
        grant = await holding.ensure()
        actuator = desk.provider(history).actuator
        context = desk.context(history, step)
        try:
            found = await desk.again(holding, lambda: actuator.find(step, context, holding.current()))
            if found is not None:
                self._adopt(history, step, found)
                return found.output
            return await whole(self._perform(history, step, holding.current()))
        except Gone as fault:
            if step.op in _ON_A_SNAPSHOT:
                self._unusable(history, step, fault)
            raise
        except CredentialExpired as fault:
            await holding.expired(grant.lease, fault)
            return await self.act(history, step)

    async def _perform(self, history: History, step: Step, grant: Grant) -> dict[str, Any]:
        """From intent to outcome: never interrupted, so that the one always has the other."""
        desk = self._desk
        desk.permit(history, step)
        where = desk.where(history, step)
        intent = desk.record.intent(
            step.op,
            f"{step.title} ({step.call} on {step.resource}).",
            params={"step": step.id, "call": step.call},
            principal=grant.principal,
            lease=grant.lease,
            authority=desk.record.authority(history, history.approved_by),
            **where,
        )
        try:
            context = desk.context(history, step, intent.sha256)
            made = await desk.provider(history).actuator.perform(step, context, grant)
        except Exception as error:
            fault = error if isinstance(error, Fault) else Fault(f"{step.call} ended in {type(error).__name__}")
            uncertain = isinstance(fault, _UNCERTAIN) or not isinstance(error, Fault)
            params = {"step": step.id, "uncertain": True} if uncertain else None
            desk.record.failed(intent, f"{step.title} failed: {fault.message}", fault, params=params)
            raise
        desk.record.result(
            intent,
            f"{step.title}: {made.resource}.",
            params={"step": step.id, "output": _stated(made.output)},
            principal=grant.principal,
            request_id=made.request_id,
            **{**where, "resource": made.resource},
        )
        desk.board.step(history.id, step.id, request_id=made.request_id)
        return made.output

    def _adopt(self, history: History, step: Step, found: Made) -> None:
        """What is so already, learnt after an earlier intent was closed or done by somebody else: a note."""
        what = "was found to be so already" if step.undoes else "made by an earlier try, was found and is used"
        self._desk.record.fact(
            "case.note",
            f"{found.resource}: step {step.id} of {history.id} ({step.title}) {what}.",
            params={"note": "adopted", "step": step.id, "output": _stated(found.output)},
            **{**self._desk.where(history, step), "resource": found.resource},
        )

    async def look(self, history: History, step: Step) -> dict[str, Any]:
        """Whether an act in doubt took effect: adopted if it did; it is not performed if it did not."""
        desk = self._desk
        if not history.doubtful(step.id):
            return {}
        holding = desk.holding(history, step)
        await holding.ensure()
        actuator, context = desk.provider(history).actuator, desk.context(history, step)
        found = await desk.again(holding, lambda: actuator.find(step, context, holding.current()))
        if found is not None:
            self._adopt(history, step, found)
            return found.output
        desk.record.fact(
            "case.note",
            f"Step {step.id} of {history.id} ({step.title}) was looked for and has not taken effect.",
            params={"note": "not there", "step": step.id},
            **desk.where(history, step),
        )
        return {}

    async def wait(self, history: History, step: Step) -> dict[str, Any]:
        if happened(history.plan, step, history.made):
            return {}  # what it waited for has been used since, and may be gone by now
        desk = self._desk
        holding = desk.holding(history, step)
        pause, ceiling = _POLL_S
        async with holding.kept():
            while True:
                percent, made = await self._look(history, step, holding)
                desk.board.progress(history.id, percent=percent, lease=holding.current().lease, **WELL)
                if made is not None:
                    history.made[step.id] = made
                    desk.board.step(history.id, step.id, request_id=made.request_id)
                    return dict(made.output)
                await desk.clock.sleep(pause)
                pause = min(pause * 1.3, ceiling)

    async def _look(self, history: History, step: Step, holding: Holding) -> tuple[int, Made | None]:
        desk = self._desk
        actuator = desk.provider(history).actuator
        try:
            return await desk.again(
                holding, lambda: actuator.probe(step, desk.context(history, step), holding.current())
            )
        except (Broken, Gone) as fault:
            self._unusable(history, step, fault)
            raise

    def _unusable(self, history: History, step: Step, fault: Fault) -> None:
        """What was made has failed or is gone: noted, so that a resumed acquisition makes it anew."""
        maker = history.made.get(step.of)
        if maker is None:
            return
        why = fault.message.rstrip(".")
        self._desk.record.fact(
            "case.note",
            f"{maker.resource}, made by step {step.of} of {history.id}, cannot be used: {why}.",
            params={"note": "unusable", "step": step.of},
            **{**self._desk.where(history, step), "resource": maker.resource},
        )


def _stated(output: dict[str, Any]) -> dict[str, Any]:
    """An output as custody takes it: what is not known is absent."""
    return {
        key: _stated(value) if isinstance(value, dict) else value
        for key, value in output.items()
        if value is not None
    }
