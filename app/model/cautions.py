"""How grave what a plan warns of is: what can cost the source or the evidence is said before what is good to know.

By :attr:`app.model.PlanWarning.code`; a code that is not listed is a note.
"""

from __future__ import annotations

from app.model import Plan, PlanWarning

_DANGERS = frozenset({
    # the source, or part of it, may be lost before or while it is acquired
    "auto-scaling", "spot", "shutdown-terminates", "termination-unprotected", "instance-store",
    # what somebody takes at this moment
    "same-disk-under-way",
    # what is not taken
    "left-out",
    # what may stop the acquisition half-way, or make what it ends in unreadable
    "key-unknown", "key-out-of-use",
    # what others can do meanwhile, or what cannot be taken back
    "shared-window", "re-encrypted", "lock",
})  # fmt: skip
_SAID_ELSEWHERE = frozenset({"upper-bound"})  # beside the estimate: "reads at most 8.0 GiB"


def dangers(plan: Plan) -> list[PlanWarning]:
    """What is to be weighed before approving, in the plan's order."""
    return [warning for warning in plan.warnings if warning.code in _DANGERS]


def notes(plan: Plan) -> list[PlanWarning]:
    """What is good to know, in the plan's order; what the plan says in another place is left out."""
    return [warning for warning in plan.warnings if warning.code not in _DANGERS | _SAID_ELSEWHERE]
