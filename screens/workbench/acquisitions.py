"""Pane 3: what runs, what waits, what is sealed."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import ClassVar

from textual.binding import BindingType
from textual.message import Message
from textual.widget import Widget

from app.model import ENDED, Acquisition, EvidenceItem, Resource
from app.model.view import StepRow
from screens.command.catalogue import bindings
from screens.present.acquisitions import done_percent, ids, target_of
from screens.present.look import Look
from screens.present.states import counted, owes, paused, running, undoing, waiting
from screens.widgets.progress_list import Progress, ProgressList
from screens.widgets.row_list import RowList
from screens.widgets.typed_confirm import Question
from screens.workbench.pane import Pane

_MAKES = frozenset({"ec2:CreateSnapshot", "ec2:CreateSnapshots", "ec2:CopySnapshot"})
_GOES_ON = frozenset({"failed", "interrupted", "waiting_for_credentials", "paused"})


class AcquisitionsPane(Pane):
    """``p``, ``r`` and ``x`` act on the row under the cursor."""

    number, word = 3, "Acquisitions"
    commands = ("acquisitions.pause", "acquisitions.cancel", "acquisitions.resume")
    opens = "steps"
    BINDINGS: ClassVar[list[BindingType]] = bindings("acquisitions")

    class Opened(Message):
        """Enter on a row."""

        def __init__(self, acquisition: str) -> None:
            super().__init__()
            self.acquisition = acquisition

    def __init__(self) -> None:
        super().__init__("acquisitions")
        self._source: Progress | None = None
        self._named: Sequence[Resource] = ()
        self._devices: dict[str, str] = {}

    def content(self) -> Iterable[Widget]:
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
            f"{self.look.warn} {counted(needs)}" if needs else "",
        )
        self.name_keys()

    def tick(self) -> None:
        snapshot = self.bench.snapshot
        leases = {one.id: one for one in snapshot.leases}
        if snapshot.resources is not self._named:
            self._named = snapshot.resources
            self._devices = {one.id: one.attached_to.device for one in snapshot.resources if one.attached_to}
        self._source = Progress(
            snapshot.acquisitions, leases, snapshot.steps, self.bench.clock.now(), self.look, self._devices
        )
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
        if one.state == "done" or (one.state == "cancelled" and not owes(one)):
            self.bench.say(f"{one.id} has ended.", "warning")
            return
        if undoing(one):
            self.bench.say(f"{one.id} is cancelled; what it made only for the way is being taken back.", "warning")
            return
        snapshot = self.bench.snapshot
        question = cancel_question(one, snapshot.items, snapshot.steps, self.bench.look)
        self.bench.ask(question, lambda reason: self._order("cancel", one, reason))

    def _order(self, verb: str, one: Acquisition, reason: str = "") -> None:
        self.bench.order(f"acquisition.{verb}", {"acquisition": one.id, "reason": reason})


def cancel_question(
    one: Acquisition, items: Sequence[EvidenceItem], steps: Sequence[StepRow], look: Look
) -> Question:
    """What cancelling means, for this acquisition as it stands. ``items`` and ``steps`` are those of the case."""
    what = f"{one.id} {one.kind} {target_of(one, look)}"
    recorded = "The cancellation and each undoing are recorded in custody."
    if owes(one):
        return Question(
            title=f"Cancel {one.id} again",
            happens=(
                f"{what} is cancelled, but not everything could be taken back. That is tried once more.",
                *((look.clean(one.next, 1000),) if one.next else ()),
                recorded,
            ),
            word=one.id,
            action="Try once more",
            ask_reason=True,
            cancel="Back",
        )
    part = done_percent(one)
    where = f"at step {one.step_no} of {one.step_count}" + (f", {part} %" if part is not None else "")
    failed = one.state == "failed"
    if failed:
        ends = f"{what} failed {where}. Cancelled, it has ended for good: it cannot be resumed."
    else:
        ends = f"{what} stops {where}, for good: it cannot be resumed."
    sealed = [item.id for item in items if item.acquisition == one.id]
    if sealed:
        comes = (
            f"{ids(sealed, look)} {'is' if len(sealed) == 1 else 'are'} sealed and stay{'s' * (len(sealed) == 1)}."
        )
        comes += " No other evidence item comes of it."
    else:
        comes = "No evidence item comes of it."
    made = any(row.acquisition == one.id and row.state == "done" and row.call in _MAKES for row in steps)
    kept = ("Snapshots and copies that the plan keeps stay in the cloud, and are billed.",) if made else ()
    return Question(
        title=f"Cancel {one.id}",
        happens=(
            ends,
            f"{comes} What was shared or made only for the way is undone as its plan says.",
            *kept,
            recorded,
        ),
        word=one.id,
        action=f"Cancel {one.id}",
        ask_reason=True,
        cancel="Back" if failed else "Let it go on",
    )
