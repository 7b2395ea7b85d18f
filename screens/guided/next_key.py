"""The keys that lead from where one is to what the present step asks for."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Literal

from app.guided.playbook import Step
from screens.guided.lines import NextKey, Shown

if TYPE_CHECKING:
    from screens.root import Workbench

Where = Literal["workbench", "plan", "acquisition", "evidence", "leases", "page"]
_PANES = {"accounts": 1, "resources": 2, "acquisitions": 3, "custody": 4}
_SCREENS = ("evidence", "leases")
_WHERE = {
    "page": "on its page",
    "plan": "in the plan",
    "evidence": "among the evidence",
    "leases": "among the leases",
}
_NO_ON = ("on ", "in ", "then ", "until ", "once ", "type ")
_BY_HAND = "write a note"
_ENDS = ("acquisition_ended", "preserved", "item_sealed")


def where(bench: Workbench) -> Where:
    """The screen of the case that is on top, questions over it aside."""
    from screens.acquisition.screen import AcquisitionScreen
    from screens.base import CaseScreen
    from screens.credentials.screen import LeaseScreen
    from screens.evidence.keys import ItemCommands
    from screens.plan.approving import ApprovalScreen
    from screens.workbench.screen import WorkbenchScreen

    kinds: tuple[tuple[type, Where], ...] = (
        (WorkbenchScreen, "workbench"),
        (ApprovalScreen, "plan"),
        (AcquisitionScreen, "acquisition"),
        (ItemCommands, "evidence"),
        (LeaseScreen, "leases"),
    )
    top = next((one for one in reversed(bench.screen_stack) if isinstance(one, CaseScreen)), None)
    return next((found for kind, found in kinds if isinstance(top, kind)), "page" if top else "workbench")


def next_key(shown: Shown, bench: Workbench, key: Callable[[str], str]) -> NextKey:
    """The keys, and their object. ``key`` gives that of a command."""
    step = shown.step
    if step is None:
        return NextKey((), "")
    if step.go is None or (step.unbuilt and step.by_hand):
        return NextKey((key("guide.done"),), _BY_HAND)
    by_hand = shown.by_hand
    at = where(bench)
    here = _here(step, at, bench, key)
    if here is not None and by_hand:
        return NextKey((*here.keys, key("guide.done")), here.words if here.keys else _BY_HAND)
    if here is not None:
        return here
    place, command = step.go.place, step.go.command
    keys: list[str] = []
    words = _object(step, bench)
    if place == "plan" and at != "plan":
        place, command, words = "resources", "resources.acquire", "plan it again"
    if place in _PANES:
        if at != "workbench":
            keys.append(key(f"page.{place}"))
        elif bench.workbench.current.number != _PANES[place]:
            keys.append(key(f"pane.{place}"))
    elif place in _SCREENS and at != place:
        keys.append(key(place))
    keys.append(key(command))
    if by_hand and command != "guide.done":
        keys.append(key("guide.done"))
    return NextKey(tuple(keys), words or _WHERE.get(place, ""))


def _object(step: Step, bench: Workbench) -> str:
    """What the playbook says of the next key's object."""
    words = bench.look.clean(step.on, 60)
    plain = not words or words.startswith(_NO_ON) or step.go is None or step.go.place == "anywhere"
    return words if plain else f"on {words}"


def record_key(shown: Shown, key: Callable[[str], str]) -> str:
    """The key that leads to the line on which is recorded what the present step asks for, "" where there is none:
    the reason goes with the approval, everything else into a note."""
    step = shown.step
    if step is None or not step.record:
        return ""
    if step.condition.name == "acquisition_started":
        return key("plan.reason")
    return key("guide.done") if shown.by_hand else ""


def _has_reason(bench: Workbench) -> bool:
    """Whether a reason stands on the plan that is open."""
    from screens.plan.approving import ApprovalScreen

    plan = next((one for one in reversed(bench.screen_stack) if isinstance(one, ApprovalScreen)), None)
    return plan is not None and plan.is_mounted and bool(plan.reason)


def _here(step: Step, at: Where, bench: Workbench, key: Callable[[str], str]) -> NextKey | None:
    """What is to be done on the very screen that one has come to; None where the playbook's own words hold."""
    condition = step.condition
    if at == "plan" and condition.name == "acquisition_started":
        if step.record and not _has_reason(bench):
            return NextKey((key("plan.reason"),), "the reason, then Enter")
        if bench.snapshot.agent.armed_until is None:
            return NextKey((key("arm"),), "the case is read-only")
        return NextKey((key("plan.choose"),), "Approve, then Enter")
    if at == "plan" and condition.name == "plan_opened" and "route" in condition.terms:
        return NextKey((key("plan.route"),), f"until {condition.terms['route'].upper()}")
    if at == "acquisition" and condition.name in _ENDS:
        return NextKey((), "wait here")
    return None
