"""May a step go on? One control an acquisition, and the approval that stands over all of them."""

from __future__ import annotations

import asyncio

from app.acquisition.board import Board
from app.acquisition.control import Control
from app.acquisition.record import History
from app.clock import Clock, parse_stamp
from app.faults import ApprovalEnded
from app.model import Step


class Gates:
    """Wishes are in the custody log before they are set here, so a restart finds them again."""

    def __init__(self, board: Board, clock: Clock) -> None:
        self._board = board
        self._clock = clock
        self._controls: dict[str, Control] = {}

    def of(self, acq: str) -> Control:
        return self._controls.setdefault(acq, Control())

    def renew(self, acq: str) -> Control:
        """A control without any wish."""
        self._controls[acq] = Control()
        return self._controls[acq]

    def all(self) -> list[Control]:
        return list(self._controls.values())

    def approved(self, history: History) -> bool:
        return parse_stamp(history.valid_until) > self._clock.now()

    def permit(self, history: History, step: Step) -> None:
        """May an intent be written now? Raises when a wish or the end of the approval came in between.

        What a cancelled acquisition takes back may be done in spite of the wish to cancel, for it is that wish.
        """
        self.hold_unapproved(history)
        control = self.of(history.id)
        if not self.approved(history):
            raise ApprovalEnded(f"the approval of {history.id} has ended")
        if control.stopped and not (control.stopped == "cancel" and step.undoes):
            raise asyncio.CancelledError

    def hold_unapproved(self, history: History) -> None:
        control = self.of(history.id)
        if self.approved(history) or history.wish == "cancel" or control.stopped == "hold":
            return
        control.hold()
        self._board.set(
            history.id,
            state="interrupted",
            error=f"the approval ended {history.valid_until}",
            next="resume it to approve the same plan again",
            rate=None,
            eta_s=None,
        )
