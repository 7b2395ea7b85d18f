"""The ladder: what approving asks of a person, by the gravest effect of what is approved.

========== =====================================================================================================
effect     what is asked for
========== =====================================================================================================
observe    nothing: what only reads is no plan, and is done when it is asked for
collect    the plan, read; then Enter on Approve. The focus starts on Cancel. A batch lists its targets once more
           before they start, and asks again; there too the focus starts on Cancel.
share      the same, and the effect typed as a word: ``SHARE``
modify     the same: ``MODIFY``
destroy    the same: ``DESTROY``; and a reason for custody, where something is destroyed that the plan did not make
           itself. Deleting its own copies, made for transport alone, needs the word and no more.
========== =====================================================================================================

Whatever the effect, no plan is approved without an open write window, and a reason that is given stands in custody
before the first call. A batch is graded by the gravest effect of all its plans. The agent enforces the window;
the screens only say it before it has to.
"""

from __future__ import annotations

from collections.abc import Sequence

from app.model import Cost, Effect, Plan, costs
from screens.present.cells import Line
from screens.present.look import Look
from screens.present.plan_steps import RANK


def worst_effect(plans: Sequence[Plan]) -> Effect:
    """The gravest effect among all steps: what the confirmation is graded by."""
    steps = (step for plan in plans for step in plan.steps)
    return max((step.effect for step in steps), key=RANK.__getitem__, default="observe")


def needs_word(*plans: Plan) -> str:
    """The word to type before approval (``SHARE``), "" where Enter on Approve is enough."""
    effect = worst_effect(plans)
    return effect.upper() if RANK[effect] > RANK["collect"] else ""


def needs_reason(*plans: Plan) -> bool:
    """Whether the reason for custody may not be empty: something is destroyed that no step of its plan made."""
    return any(step.effect == "destroy" and not step.undoes for plan in plans for step in plan.steps)


def undone(word: str, count: int = 1) -> str:
    """The sentence under what will happen: how far it can be taken back. ``count`` is the number of plans."""
    says = "plan says" if count == 1 else "plans say"
    if word == "DESTROY":
        lead = f"What is destroyed cannot be brought back; the {says} how the rest is undone."
    else:
        lead = f"The {says} how each is undone."
    return f"{lead} Each is recorded in custody before and after."


def paid(cost: Cost, look: Look) -> str:
    """The cost in a sentence of its own: what is paid at most, and by whose prices."""
    parts = [*costs.amounts(cost), cost.prices]
    return f"cost: {f' {look.dot} '.join(look.clean(part, 600) for part in parts)}"


def button(word: str, armed: bool, key: str, count: int = 0) -> str:
    """What stands on the button that approves. ``key`` opens a write window; ``count`` plans are approved at once,
    0 where there is but one."""
    many = f" {count}" if count else ""
    if not armed:
        return f"[ Approve{many}: read-only, {key} arms ]"
    return f"[ Approve{many}: type {word} to go on ]" if word else f"[ Approve{many} ]"


def enter_does(focus: str, word: str, ready: bool, many: bool, key: str, look: Look) -> str:
    """What Enter does on the button ``focus`` ("cancel" or "approve") once a reason is typed, and that ``key``
    goes to the other one; "" elsewhere. ``word`` is what :func:`needs_word` says; ``ready``: there is something to
    approve, and a window to approve it in; ``many``: they are listed before they start."""
    if focus == "cancel":
        on = f" {look.dot} {key} then Enter approves" if ready else ""
        return f"Enter leaves, the reason is kept{on}"
    if focus == "approve" and ready:
        what = f"asks for the word {word}" if word else "lists them once more" if many else "approves"
        return f"Enter {what} {look.dot} {key} back to Cancel"
    return ""


def read_only(key: str) -> str:
    """Why nothing can be approved now, and what to do."""
    return f"READ-ONLY: {key} opens a write window; then approve"


def power_lines(armed: bool, key: str, look: Look) -> list[Line]:
    """The line over the buttons, none while the write window is open."""
    return [] if armed else [((f" {look.lock} {read_only(key)}", "need"),)]
