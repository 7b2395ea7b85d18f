"""The commands of the write window: it is the case's, and the agent keeps it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from app.model.window import LONGEST, MINUTES
from screens.credentials.arm import ArmScreen

if TYPE_CHECKING:
    from screens.root import Workbench


class WindowCommands:
    """Open the window, or close it. That it is open or closed is told by the read model, whoever did it."""

    def __init__(self, bench: Workbench) -> None:
        self._bench = bench

    def turn(self) -> None:
        """Close it, or ask how long and why it is to be open."""
        if self._bench.armed:
            self.close()
        elif self._bench.roomy:
            key = self._bench.registry.hint("arm")[0] or ":disarm"
            self._bench.push_screen(ArmScreen(MINUTES, key, self._bench.look), self._answered)

    def typed(self, text: str) -> None:
        """``[MINUTES] [REASON]``"""
        first, _, rest = text.partition(" ")
        if not first.isdecimal():
            self._open(MINUTES, text)
        elif not 1 <= int(first[:6]) <= LONGEST:
            self._bench.say(f"A write window lasts 1 to {LONGEST} minutes.", "warning")
        else:
            self._open(int(first), rest.strip())

    def close(self) -> None:
        """Read-only again."""
        self._bench.order("session.disarm", {})

    def _answered(self, reason: str | None) -> None:
        if reason is not None:
            self._open(MINUTES, reason)

    def _open(self, minutes: int, reason: str) -> None:
        self._bench.order("session.arm", {"minutes": minutes, "reason": reason})
