"""What the agent's own record says of a step that is claimed to be done."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from app.acquisition.record import History, Record
from app.case.readmodel import ReadModel
from app.clock import parse_stamp
from app.guided.conditions import RULES, Condition, Seen, Sight, View, ident, met, since
from app.model import Account, Acquisition
from app.model.numbering import number
from app.model.view import AgentFacts, CaseSnapshot, GuideRun

_EARLY = parse_stamp("1970-01-01T00:00:00Z")


class Judge:
    """Judges by the custody log, of which :meth:`heard` is given every event, and by what this agent did."""

    def __init__(self, record: Record, model: ReadModel) -> None:
        self._record = record
        self._model = model
        self._armed_until: str | None = None
        self._here: dict[str, int] = {}  # examiner -> sessions
        self._moves: dict[str, list[tuple[datetime, int]]] = {}  # examiner -> when one came (1) or went (-1)
        self._verified: dict[str, datetime] = {}

    def heard(self, body: dict[str, Any]) -> None:
        """An event of the custody log."""
        op, params = body["op"], body.get("params", {})
        if op in ("session.arm", "session.disarm") and "scope" not in params:
            self._armed_until = str(params.get("until")) if op == "session.arm" else None
        elif op in ("session.attach", "session.detach"):
            self._moved(str(body["actor"]["id"]), body["ts"], 1 if op == "session.attach" else -1)
        elif op == "agent.start":  # whoever was there lost the agent before
            for examiner, there in list(self._here.items()):
                for _ in range(there):
                    self._moved(examiner, body["ts"], -1)

    def _moved(self, examiner: str, ts: str, by: int) -> None:
        self._here[examiner] = max(0, self._here.get(examiner, 0) + by)
        self._moves.setdefault(examiner, []).append((parse_stamp(ts), by))

    def verified(self, examiner: str, began: datetime) -> None:
        """The agent has verified record and evidence for them, and the answer was good. What came after it
        ``began`` was perhaps not read."""
        self._verified[examiner] = began

    def contradicts(self, condition: Condition, run: GuideRun) -> bool:
        """Whether the record says that it is not so; False where it cannot tell."""
        if condition.name == "terminal_left_and_back":
            return not self._left(run)
        return RULES[condition.name].told_by == "record" and not met(condition, self._view(run))

    def _left(self, run: GuideRun) -> bool:
        """Whether a session of its examiner has gone since the step became the present one, and no more are there
        now than were then: one that was only opened beside another is no coming back."""
        begin = since(run) or _EARLY
        later = [by for at, by in self._moves.get(run.examiner, ()) if at >= begin]
        return -1 in later and sum(later) <= 0

    def _view(self, run: GuideRun) -> View:
        """The case as the record has it, as far as conditions of ``told_by`` "record" ask."""
        record, at = self._record, self._verified.get(run.examiner)
        snapshot = CaseSnapshot(
            agent=AgentFacts(armed_until=self._armed_until),
            accounts=tuple(self._model.rows("account", Account)),
            acquisitions=tuple(_row(history) for history in record.histories.values()),
            items=tuple(record.items.values()),
            checks=tuple(record.evidence.checks.values()),
        )
        sights = (Sight("verified", at),) if at is not None else ()
        return View(snapshot, Seen(_EARLY, sights), run, self._subject(run))

    def _subject(self, run: GuideRun) -> frozenset[str] | None:
        """As the screens have it: the target, the instance of a disk, and of an instance's disks those that were
        acquired in the run."""
        if not run.target:
            return None
        about = ident(run.target)
        found = {about, self._holder(about, None)}
        for history in self._record.histories.values():
            target = history.plan.target
            if number(history.id) > run.after and self._holder(target.id, target.account) == about:
                found.add(target.id)
        return frozenset(found - {""})

    def _holder(self, disk: str, account: str | None) -> str:
        """The instance that a disk is attached to, "" for anything else."""
        found = self._model.find("volume", disk, account)
        return found.attached_to.id if found is not None and found.attached_to is not None else ""


def _row(history: History) -> Acquisition:
    plan = history.plan
    return Acquisition(
        id=history.id,
        kind=plan.kind,
        target=plan.target.id,
        target_name=plan.target.name,
        cloud=plan.target.cloud,
        account=plan.target.account,
        route=plan.route,
        state=history.finished or "running",  # type: ignore[arg-type]  # as the log has it
        step="",
        step_no=0,
        step_count=len(plan.steps),
        volumes=tuple(sorted(plan.volumes)),
    )
