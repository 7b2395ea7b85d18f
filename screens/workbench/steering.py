"""Pausing, going on and cancelling: the same for a row of the acquisitions pane and for the page of one."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from app.model import ENDED, Acquisition, EvidenceItem
from app.model.view import StepRow
from screens.command.naming import key_of
from screens.present.acquisitions import done_percent, ids, target_of
from screens.present.look import Look
from screens.present.states import owes, undoing
from screens.widgets.typed_confirm import Question

if TYPE_CHECKING:
    from screens.root import Workbench

_MAKES = frozenset({"ec2:CreateSnapshot", "ec2:CreateSnapshots", "ec2:CopySnapshot"})
_GOES_ON = frozenset({"failed", "interrupted", "waiting_for_credentials", "paused"})


def offered(one: Acquisition) -> tuple[str, ...]:
    """The ids of the commands that do something to it as it stands."""
    if one.state == "done" or (one.state == "cancelled" and not owes(one)):
        return ()
    if one.state == "cancelled":
        return ("acquisitions.cancel",)
    if one.state == "paused":
        return "acquisitions.pause", "acquisitions.resume", "acquisitions.cancel"
    way = "acquisitions.resume" if one.state in _GOES_ON else "acquisitions.pause"
    return (way,) if undoing(one) else (way, "acquisitions.cancel")


def pause(bench: Workbench, one: Acquisition) -> None:
    """Hold it, or go on with one that is held."""
    if one.state == "paused":
        _order(bench, "resume", one)
    elif one.state in _GOES_ON:
        bench.say(f"{one.id} does not run: {key_of(bench, 'acquisitions.resume')} goes on with it.", "warning")
    elif one.state in ENDED:
        bench.say(f"{one.id} has ended.", "warning")
    else:
        _order(bench, "pause", one)


def resume(bench: Workbench, one: Acquisition) -> None:
    """Go on with one that failed, was interrupted, is held or waits."""
    if one.state in _GOES_ON:
        _order(bench, "resume", one)
    else:
        words = "has ended" if one.state in ENDED else "is already going on"
        bench.say(f"{one.id} {words}.", "warning")


def cancel(bench: Workbench, one: Acquisition) -> None:
    """End it for good, after its id was typed."""
    if one.state == "done" or (one.state == "cancelled" and not owes(one)):
        bench.say(f"{one.id} has ended.", "warning")
        return
    if undoing(one):
        bench.say(f"{one.id} is cancelled; what it made only for the way is being taken back.", "warning")
        return
    snapshot = bench.snapshot
    question = cancel_question(one, snapshot.items, snapshot.steps, bench.look)
    bench.ask(question, lambda reason: _order(bench, "cancel", one, reason))


def _order(bench: Workbench, verb: str, one: Acquisition, reason: str = "") -> None:
    bench.order(f"acquisition.{verb}", {"acquisition": one.id, "reason": reason})


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
