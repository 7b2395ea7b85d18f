"""Pane 3: what runs, what waits, what is sealed."""

from __future__ import annotations

from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import BindingType
from textual.message import Message

from app.model import ENDED, Acquisition
from screens.keymap import bindings, hints
from screens.present.acquisitions import done_percent, target_of
from screens.present.look import Look
from screens.present.states import paused, running, undoing, waiting
from screens.widgets.progress_list import Progress, ProgressList
from screens.widgets.row_list import RowList
from screens.widgets.typed_confirm import Question
from screens.workbench.pane import Pane

_GOES_ON = frozenset({"failed", "interrupted", "waiting_for_credentials", "paused"})


class AcquisitionsPane(Pane):
    """``p``, ``r`` and ``x`` act on the row under the cursor."""

    number, word = 3, "Acquisitions"
    keys = (*hints("acquisitions", "pause", "cancel", "resume"), ("Enter", "steps"))
    BINDINGS: ClassVar[list[BindingType]] = bindings("acquisitions")

    class Opened(Message):
        """Enter on a row."""

        def __init__(self, acquisition: str) -> None:
            super().__init__()
            self.acquisition = acquisition

    def __init__(self) -> None:
        super().__init__(id="acquisitions", classes="pane")
        self._source: Progress | None = None

    def compose(self) -> ComposeResult:
        empty = ((" nothing acquired yet: a on a disk or instance in pane 2 plans", "dim"),)
        yield ProgressList(look=self.look, empty=empty)

    @property
    def current(self) -> Acquisition | None:
        """The acquisition under the cursor."""
        key = self.rows.current
        return self._source.get(key) if self._source is not None and key is not None else None

    def case_changed(self) -> None:
        self.tick()
        found = self.bench.snapshot.acquisitions
        needs = waiting(found)
        working, held = running(found), paused(found)
        self.name_title(
            f"{len(working)} running" if working else "",
            f"{len(held)} paused" if held else "",
            f"{self.look.warn} {len(needs)} {'needs' if len(needs) == 1 else 'need'} you" if needs else "",
        )
        self.name_keys()

    def tick(self) -> None:
        snapshot = self.bench.snapshot
        leases = {one.id: one for one in snapshot.leases}
        self._source = Progress(snapshot.acquisitions, leases, snapshot.steps, self.bench.clock.now(), self.look)
        self.rows.show(self._source)

    def on_row_list_chosen(self, event: RowList.Chosen) -> None:
        event.stop()
        self.post_message(self.Opened(event.key))

    def action_pause(self) -> None:
        one = self.current
        if one is None:
            return
        if one.state == "paused":
            self._order("resume", one)
        elif one.state in _GOES_ON:
            self.bench.say(f"{one.id} does not run: r goes on with it.", "warning")
        elif one.state in ENDED:
            self.bench.say(f"{one.id} has ended.", "warning")
        else:
            self._order("pause", one)

    def action_resume(self) -> None:
        one = self.current
        if one is None:
            return
        if one.state in _GOES_ON:
            self._order("resume", one)
        else:
            words = "has ended" if one.state in ENDED else "is already going on"
            self.bench.say(f"{one.id} {words}.", "warning")

    def action_cancel(self) -> None:
        one = self.current
        if one is None:
            return
        if one.state in ("done", "cancelled"):
            self.bench.say(f"{one.id} has ended.", "warning")
            return
        if undoing(one):
            self.bench.say(f"{one.id} is cancelled; what it made only for the way is being taken back.", "warning")
            return
        self.bench.ask(cancel_question(one, self.bench.look), lambda reason: self._order("cancel", one, reason))

    def _order(self, verb: str, one: Acquisition, reason: str = "") -> None:
        self.bench.order(f"acquisition.{verb}", {"acquisition": one.id, "reason": reason})


def cancel_question(one: Acquisition, look: Look) -> Question:
    """What cancelling means, for this acquisition as it stands."""
    part = done_percent(one)
    where = f"at step {one.step_no} of {one.step_count}" + (f", {part} %" if part is not None else "")
    return Question(
        title=f"Cancel {one.id}",
        happens=(
            f"{one.id} {one.kind} {target_of(one, look)} stops {where}, for good: it cannot be resumed.",
            "No evidence item comes of it. What was made only for the way is undone as its plan says.",
            "The cancellation and each undoing are recorded in custody.",
        ),
        word=one.id,
        action=f"Cancel {one.id}",
        ask_reason=True,
        cancel="Let it go on",
    )
