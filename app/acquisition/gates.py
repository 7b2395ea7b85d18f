"""May a step go on? One control an acquisition, and the approval that stands over all of them."""

from __future__ import annotations

import asyncio

from app.acquisition.board import Board
from app.acquisition.control import Control
from app.acquisition.record import History, Record
from app.clock import Clock, parse_stamp
from app.faults import ApprovalEnded
from app.model import Step


class Gates:
    """Wishes are in the custody log before they are set here, so a restart finds them again."""

    def __init__(self, record: Record, board: Board, clock: Clock) -> None:
        self._record = record
        self._board = board
        self._clock = clock
        self._controls: dict[str, Control] = {}
        self._ends: dict[str, tuple[int, float]] = {}  # acquisition -> which approval, its end by monotonic()

    def of(self, acq: str) -> Control:
        return self._controls.setdefault(acq, Control())

    def renew(self, acq: str) -> Control:
        """A control without any wish."""
        self._controls[acq] = Control()
        return self._controls[acq]

    def all(self) -> list[Control]:
        return list(self._controls.values())

    def approved(self, history: History) -> bool:
        """Whether the authority in force has not ended: by the later of now and the newest event since it was
        given, and by the monotonic clock since it was first asked for here. A clock that is set back gives
        nothing back: what was once seen to have ended stays so."""
        times = [self._clock.now()]
        if newest := self._record.newest_since(history.since):
            times.append(parse_stamp(newest))
        left = (parse_stamp(history.until) - max(times)).total_seconds()
        now = self._clock.monotonic()
        which, end = self._ends.get(history.id, (-1, 0.0))
        if which != history.since:
            end = now + left
        self._ends[history.id] = history.since, min(end, now + left)
        return self._ends[history.id][1] > now

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
            error=f"the approval ended {history.until}",
            next="resume it to approve the same plan again",
            rate=None,
            eta_s=None,
        )
