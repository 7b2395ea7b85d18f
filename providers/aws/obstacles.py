"""What keeps a route from working: said with whoever has to change what."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from app.faults import RouteRefused
from providers.aws.keys import Key


@dataclass(frozen=True, slots=True)
class Obstacle:
    """Why something is bound to fail, and what would mend it."""

    text: str
    fix: str


def out_of_use(key: Key, what: str) -> Obstacle:
    """That a key cannot be used at all; ``what`` names it in its part."""
    state = {
        "Disabled": "is disabled",
        "PendingDeletion": "is waiting to be deleted",
        "NotFound": "does not exist any more",
    }.get(key.state, f"is in the state {key.state}")
    mend = {
        "Disabled": f"have {key} enabled again (kms:EnableKey)",
        "PendingDeletion": f"have the deletion of {key} cancelled (kms:CancelKeyDeletion, then kms:EnableKey)",
        "NotFound": "see in CloudTrail who deleted it; without it the disk can be read only where it is attached",
    }.get(key.state, f"have {key} brought back into use")
    return Obstacle(
        f"{what} {state} in account {key.account}", f"{mend} in account {key.account}, then plan again"
    )


def refuse(what: str, obstacles: Sequence[Obstacle], instead: str = "") -> None:
    """RouteRefused with the first obstacle and its fix, or ``instead``; nothing where there is none."""
    if not obstacles:
        return
    first = obstacles[0]
    more = f" (and {len(obstacles) - 1} more)" if len(obstacles) > 1 else ""
    raise RouteRefused(f"{what}: {first.text}{more}", next=either(first.fix, instead))


def either(fix: str, instead: str) -> str:
    """A fix and another way, unless the fix names that way itself."""
    return f"{fix}; or {instead}" if instead and "preserve-direct" not in fix else fix
