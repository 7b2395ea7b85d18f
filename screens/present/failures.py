"""What could not be done, as the page that was to show it says so."""

from __future__ import annotations

from app.faults import Fault
from screens.present.cells import Line, wrap
from screens.present.look import Look

_CAP = 2000


def failure_lines(what: str, fault: Fault, width: int, look: Look) -> list[Line]:
    """That it failed, why, and what to do now; ``what`` is our own text."""
    return [
        ((f"{look.failed} {what}", "bad"),),
        *(((piece, ""),) for piece in wrap(look.clean(fault.message, _CAP), width)),
        *(((piece, "dim"),) for piece in wrap(look.clean(fault.next, _CAP), width)),
    ]
