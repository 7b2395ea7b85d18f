"""An agent's side of playbooks: it answers as the agent does, and writes the runs into the read model."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import msgspec

from app.case.readmodel import ReadModel
from app.clock import stamp_us
from app.guided.load import load
from app.model.view import GuideRun, GuideStep
from tests.screens.fakes import FixedClock, ScriptedCommands
from tests.screens.seed import NOW, seed

ME, OTHER = "ex-07", "ex-09"
INSTANCE = "compromised-instance"


class Office:
    """Runs by id. Give :meth:`fill` and :attr:`commands` to a desk."""

    def __init__(
        self,
        *runs: GuideRun,
        directory: Path | None = None,
        fill: Callable[[Path], ReadModel] = seed,
        **answers: Any,
    ) -> None:
        self.library = load([directory] if directory else [])
        self.runs = {run.id: run for run in runs}
        self.commands = ScriptedCommands(
            **{
                "playbook_start": self.start,
                "playbook_step": self.step,
                "playbook_target": self.target,
                "playbook_takeover": self.takeover,
                "playbook_abandon": self.abandon,
                **answers,
            }
        )
        self._fill = fill
        self._now = NOW
        self._model: ReadModel

    def fill(self, path: Path) -> ReadModel:
        """The seeded case, with the runs."""
        self._model = self._fill(path)
        for run in self.runs.values():
            self._model.guide(run)
        return self._model

    def put(self, run: GuideRun) -> None:
        self.runs[run.id] = run
        self._model.guide(run)

    def made(
        self, playbook: str, *states: str, examiner: str = ME, ident: str = "G-0001", **more: Any
    ) -> GuideRun:
        """A run of that playbook whose first steps are in these states."""
        edition = self.library.get(playbook)
        steps = [GuideStep(id=step.id) for step in edition.playbook.steps]
        for place, state in enumerate(states):
            note = "" if state == "done" else f"note {place + 1}"
            steps[place] = GuideStep(
                id=steps[place].id,
                state=state,  # type: ignore[arg-type]
                by=examiner,
                at=stamp_us(NOW),
                note=note,
            )
        run = GuideRun(
            id=ident,
            playbook=playbook,
            title=edition.playbook.title,
            sha256=edition.sha256,
            examiner=examiner,
            started=stamp_us(NOW),
            after=99,
            steps=tuple(steps),
        )
        return msgspec.structs.replace(run, **more)

    def with_run(self, playbook: str, *states: str, **more: Any) -> Office:
        run = self.made(playbook, *states, **more)
        self.runs[run.id] = run
        return self

    def start(self, params: dict[str, Any]) -> dict[str, Any]:
        run = self.made(params["playbook"], ident=f"G-{len(self.runs) + 1:04d}", target=params["target"])
        self.put(run)
        return {"run": run.id}

    def step(self, params: dict[str, Any]) -> dict[str, Any]:
        run = self.runs[params["run"]]
        made = GuideStep(
            id=params["step"], state=params["state"], by=run.examiner, at=stamp_us(self._now), note=params["note"]
        )
        steps = tuple(made if one.id == made.id else one for one in run.steps)
        self.put(msgspec.structs.replace(run, steps=steps))
        return {name: params[name] for name in ("run", "step", "state")}

    def target(self, params: dict[str, Any]) -> dict[str, Any]:
        self.put(msgspec.structs.replace(self.runs[params["run"]], target=params["target"]))
        return params

    def takeover(self, params: dict[str, Any]) -> dict[str, Any]:
        self.put(msgspec.structs.replace(self.runs[params["run"]], examiner=ME))
        return {"run": params["run"], "examiner": ME}

    def abandon(self, params: dict[str, Any]) -> dict[str, Any]:
        run = self.runs[params["run"]]
        ended = {"abandoned": run.examiner, "abandoned_at": stamp_us(NOW), "abandoned_why": params["reason"]}
        self.put(msgspec.structs.replace(run, **ended))
        return {"run": run.id, "abandoned": run.examiner}

    def later(self, clock: FixedClock) -> None:
        """A second passes, for the agent and for the screens."""
        self._now += timedelta(seconds=1)
        clock.advance(1.0)

    def taken_back(self, run: str, step: str) -> GuideRun:
        """The run with that step to do again."""
        found = self.runs[run]
        todo = GuideStep(id=step, by=found.examiner, at=stamp_us(self._now))
        steps = tuple(todo if one.id == step else one for one in found.steps)
        return msgspec.structs.replace(found, steps=steps)

    def hand_to(self, run: str, examiner: str) -> None:
        """Another examiner has taken it over."""
        self.put(msgspec.structs.replace(self.runs[run], examiner=examiner))
