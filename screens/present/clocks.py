"""The clocks of this machine against each other: whether one was set, or the machine slept, between two looks."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

MOVED_S = 5.0
"""A smaller step between two looks is no move: it changes nothing that an investigator reads."""
TOLD_S = 600.0
"""How long a move is told; after that every time on the screens is of the clock as it is now."""


@dataclass(frozen=True, slots=True)
class Clocks:
    """The wall clock and the monotonic one (seconds; it stands still in suspend) as they were seen last.

    ``moved_s`` is by how many seconds the wall clock moved against the other, the newest time that it did; 0 once
    that is no longer told. ``until`` is when that is, by the monotonic clock.
    """

    now: datetime
    mono: float
    moved_s: int = 0
    until: float = 0.0

    def seen(self, now: datetime, mono: float) -> Clocks:
        """The same after another look at both."""
        moved = (now - self.now).total_seconds() - (mono - self.mono)
        if abs(moved) > MOVED_S:
            return Clocks(now, mono, round(moved), mono + TOLD_S)
        return Clocks(now, mono, self.moved_s, self.until) if mono < self.until else Clocks(now, mono)
