"""Playbooks as they are followed: who is at which step, in custody and in the read model.

What a playbook says is read from its file, by id; whoever asks gives no text but notes. Nothing here acts on a
cloud: a run is a record beside the work.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any, Literal, get_args

import msgspec

from app.acquisition.record import Record
from app.agent.judging import Judge
from app.case.readmodel import ReadModel
from app.faults import Refused, Usage
from app.guided.conditions import RULES, Condition, Unknown, parse, present, reopened
from app.guided.load import Library
from app.guided.playbook import blank
from app.model.numbering import number
from app.model.view import GuideRun, GuideStep
from app.text import visible

State = Literal["done", "by_hand", "skipped", "todo"]
_ABANDONED = "abandoned"
"""The state under which custody has the end of a run with steps left, at the one that was next."""
NOTE = 2000
"""Characters of a note."""
_TARGET = 200
_ABOUT = "playbook target"
_SHA256 = re.compile(r"[0-9a-f]{64}")
_BY_HAND = Condition("by_hand", {})
_SAID: dict[State, str] = {
    "done": "done, as reported by the screens of",
    "by_hand": "done by hand, as recorded by",
    "skipped": "skipped by",
    "todo": "to do again, says",
}


class Guides:
    """The runs of a case. Only the examiner who follows one records its steps; another takes over first.

    When a step counts as done is in the log since the start of its run, and does not change with the file.
    """

    def __init__(self, record: Record, model: ReadModel, library: Callable[[], Library]) -> None:
        self._record = record
        self._model = model
        self._library = library
        self._runs: dict[str, GuideRun] = {}
        self._done: dict[str, Mapping[str, Condition]] = {}  # run -> when each step counts as done
        self._newest = 0  # number of the newest acquisition
        self.judge = Judge(record, model)
        record.watch(self.judge.heard)
        record.watch(self._heard)

    # -- what the log says ------------------------------------------------------------------------------

    def _heard(self, body: dict[str, Any]) -> None:
        params, op = body.get("params", {}), body["op"]
        self._newest = max(self._newest, number(str(body.get("acq", ""))))
        if op == "playbook.start":
            self._began(body, params)
        elif params.get("run") not in self._runs:
            return
        elif op == "playbook.step":
            self._stepped(body, params)
        elif op == "playbook.takeover":
            self._put(msgspec.structs.replace(self._runs[params["run"]], examiner=str(params.get("to", ""))))
        elif op == "case.note" and params.get("note") == _ABOUT:
            self._put(msgspec.structs.replace(self._runs[params["run"]], target=str(params.get("target", ""))))

    def _began(self, body: dict[str, Any], params: dict[str, Any]) -> None:
        ident = str(params.get("run", ""))
        named = zip(params.get("steps", ()), params.get("done", ()), strict=False)
        self._done[ident] = {str(step): _condition(str(text)) for step, text in named}
        self._put(
            GuideRun(
                id=ident,
                playbook=str(params.get("playbook", "")),
                title=str(params.get("title", "")),
                sha256=str(params.get("sha256", "")),
                examiner=str(body["actor"]["id"]),
                started=body["ts"],
                target=str(params.get("target", "")),
                after=self._newest,
                steps=tuple(GuideStep(id=str(step)) for step in params.get("steps", ())),
            )
        )

    def _stepped(self, body: dict[str, Any], params: dict[str, Any]) -> None:
        state = params.get("state")
        if state == _ABANDONED:
            who, why = str(body["actor"]["id"]), str(params.get("note", ""))
            ended = {"abandoned": who, "abandoned_at": body["ts"], "abandoned_why": why}
            self._put(msgspec.structs.replace(self._runs[params["run"]], **ended))
        if state not in ("todo", "done", "by_hand", "skipped"):
            return
        made = GuideStep(
            id=str(params.get("step", "")),
            state=state,
            by=str(body["actor"]["id"]),
            at=body["ts"],
            note=str(params.get("note", "")),
        )
        run = self._runs[params["run"]]
        steps = tuple(made if step.id == made.id else step for step in run.steps)
        self._put(msgspec.structs.replace(run, steps=steps))

    def _put(self, run: GuideRun) -> None:
        self._runs[run.id] = run
        self._model.guide(run)

    def repaint(self) -> None:
        """Write every run anew, after the read model fell behind."""
        for run in self._runs.values():
            self._model.guide(run)

    # -- what examiners ask -----------------------------------------------------------------------------

    def library(self) -> Library:
        """The playbooks there are now, read from their files."""
        return self._library()

    def start(self, library: Library, playbook: str, target: str, actor: str) -> str:
        """Follow a playbook of ``library``; the run's id. Usage if there is no such playbook, or a faulty one."""
        edition = library.get(playbook)
        about = _plain(target, "target", _TARGET)
        run = f"G-{max((number(one) for one in self._runs), default=0) + 1:04d}"
        found = edition.playbook
        self._record.fact(
            "playbook.start",
            f"{actor} follows the playbook {visible(found.title)} as {run}.",
            actor=actor,
            params={
                "run": run,
                "playbook": found.id,
                "title": found.title,
                "sha256": edition.sha256,
                "steps": [step.id for step in found.steps],
                "done": [step.counts for step in found.steps],
                "target": about,
            },
        )
        return run

    def step(
        self, run: str, step: str, state: str, note: str, actor: str, *, sha256: str = "", attached: bool = False
    ) -> None:
        """Record how a step went. ``sha256`` is of the playbook's text as the screens have it, "" where they have
        none; ``attached``: a session of ``actor`` says so.

        Refused if another examiner follows the run, if the note that is the only trace of a step is missing, or if
        the screens claim to have seen what they cannot see, or what this record contradicts.
        """
        followed = self._mine(run, actor)
        place = next((n for n, one in enumerate(followed.steps, 1) if one.id == step), None)
        if place is None:
            raise Usage(f"{run} has no step {visible(step, cap=60)!r}", next="its steps are in custody")
        if state not in get_args(State):
            raise Usage(f"{visible(state, cap=60)!r} is no state of a step", next=f"{', '.join(get_args(State))}")
        if sha256 and not _SHA256.fullmatch(sha256):
            raise Usage("the parameter sha256 is no SHA-256", next="send 64 small hexadecimal digits")
        note = _plain(note, "note", NOTE).strip()
        if state in ("by_hand", "skipped") and blank(note):
            what = "what was done, and what was seen" if state == "by_hand" else "why it is skipped"
            raise Usage(f"step {step} needs a note", next=f"say {what}")
        said = f"{_SAID[state]} {actor}"  # type: ignore[index]
        if state == "done":
            if followed.steps[place - 1].state == "done":
                return  # two terminals saw the same
            condition = self._done[run].get(step, _BY_HAND)
            self._claimed(followed, place - 1, condition, sha256, attached)
            if RULES[condition.name].told_by == "record":
                said = "done, as this record shows"
        self._record.fact(
            "playbook.step",
            f"{run}, step {place} of {len(followed.steps)} ({step}): {said}.",
            actor=actor,
            params={"run": run, "step": step, "state": state, "note": note, "sha256": sha256},
        )

    def _claimed(self, run: GuideRun, place: int, condition: Condition, sha256: str, attached: bool) -> None:
        """Refuse what no screen can have seen: only what is next is done, by those who sit there, under the text
        that the run began with, and never against what is recorded."""
        step, by_hand = run.steps[place].id, "record by hand what was done"
        if condition.name == "by_hand":
            raise Refused(f"no screen can see that step {step} is done", next=by_hand)
        if not attached:
            raise Refused(
                f"only a session of {run.examiner} reports that step {step} is done",
                next=f"open the case in the UI, or {by_hand}",
            )
        here = present(run)
        if here != place:
            now = f"step {run.steps[here].id} is" if here is not None else f"{run.id} is finished"
            raise Refused(f"step {step} is not the present one of {run.id}", next=f"{now}")
        if sha256 != run.sha256:
            raise Refused(
                f"the playbook of {run.id} is not the text that it began with",
                next=f"{by_hand}, or start the playbook anew",
            )
        if reopened(run) and not RULES[condition.name].anew:
            raise Refused(f"step {step} is to do again, says {visible(run.steps[place].by)}", next=by_hand)
        if self.judge.contradicts(condition, run):
            raise Refused(
                f"step {step} is not done: this record does not have that {RULES[condition.name].words}",
                next=f"do it, or {by_hand}",
            )

    def about(self, run: str, target: str, actor: str) -> str:
        """Say what a run is about; the target."""
        self._mine(run, actor)
        about = _plain(target, "target", _TARGET)
        self._record.fact(
            "case.note",
            f"{run} is about {visible(about)}." if about else f"{run} is about nothing in particular.",
            actor=actor,
            params={"note": _ABOUT, "run": run, "target": about},
        )
        return about

    def abandon(self, run: str, why: str, actor: str) -> str:
        """End a run with steps left, for good; ``why`` may be "". What was recorded of it stays. Refused if it has
        ended, or another examiner follows it."""
        followed = self._mine(run, actor)
        here = present(followed)
        if here is None:
            raise Refused(f"{run} is finished", next="there is nothing to abandon")
        step, note = followed.steps[here].id, _plain(why, "reason", NOTE).strip()
        self._record.fact(
            "playbook.step",
            f"{run} is abandoned by {actor} at step {here + 1} of {len(followed.steps)} ({step}).",
            actor=actor,
            params={"run": run, "step": step, "state": _ABANDONED, "note": note, "sha256": ""},
        )
        return actor

    def take_over(self, run: str, actor: str) -> str:
        """Follow a run from here on; who does so now. Refused if it is finished, or theirs already."""
        followed = self._open(run)
        if followed.examiner == actor:
            raise Refused(f"{run} is followed by {actor} already", next="go on with it")
        if all(step.state != "todo" for step in followed.steps):
            raise Refused(f"{run} is finished", next="read its page, or start the playbook anew")
        self._record.fact(
            "playbook.takeover",
            f"{actor} takes over {run} from {followed.examiner}.",
            actor=actor,
            params={"run": run, "from": followed.examiner, "to": actor},
        )
        return actor

    def _run(self, run: str) -> GuideRun:
        found = self._runs.get(run)
        if found is None:
            known = ", ".join(self._runs) or "none is followed yet"
            raise Usage(f"no playbook is followed as {visible(run, cap=60)!r}", next=f"in this case: {known}")
        return found

    def _open(self, run: str) -> GuideRun:
        found = self._run(run)
        if found.abandoned:
            who = visible(found.abandoned)
            raise Refused(f"{run} was abandoned by {who}", next="read its page, or start the playbook anew")
        return found

    def _mine(self, run: str, actor: str) -> GuideRun:
        found = self._open(run)
        if found.examiner != actor:
            raise Refused(
                f"{run} is followed by {visible(found.examiner)}", next="take it over first: t, then Enter on it"
            )
        return found


def _plain(text: str, name: str, most: int) -> str:
    """Text that custody can hold."""
    if len(text) > most:
        raise Usage(f"the parameter {name} has {len(text)} characters", next=f"{most} at most")
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        raise Usage(f"the parameter {name} is not text", next="send UTF-8") from None
    return text


def _condition(text: str) -> Condition:
    """What the log names; what this version does not know is for a person to judge."""
    try:
        return parse(text)
    except Unknown:
        return _BY_HAND
