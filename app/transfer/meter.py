"""What a transfer shows of itself while it runs."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from typing import Literal

Phase = Literal["listing", "checking", "downloading"]
_WINDOW_S = 5.0


@dataclass(frozen=True, slots=True)
class Meter:
    """``rate`` is bytes/s over the last five seconds, ``eta_s`` whole seconds or None while unknown.

    Blocks and bytes are of the present phase: while checking, those that a resume looks at again; while
    listing, ``blocks_done`` are the blocks listed so far and the totals are 0. While downloading they
    are the durable ones, earlier runs included, out of all allocated ones. ``retries`` and
    ``throttled`` count tries of this run that had to be repeated, and those of them that were throttled.
    """

    blocks_done: int
    blocks_total: int
    bytes_done: int
    bytes_total: int
    rate: int
    eta_s: int | None
    retries: int
    throttled: int
    phase: Phase


class Speed:
    """Bytes/s over a sliding window."""

    def __init__(self) -> None:
        self._seen: deque[tuple[float, int]] = deque()

    def at(self, now: float, done: int) -> int:
        """Note how much is done by ``now`` (monotonic seconds); returns the rate."""
        if self._seen and done < self._seen[-1][1]:
            self._seen.clear()  # another phase began
        self._seen.append((now, done))
        while len(self._seen) > 2 and now - self._seen[0][0] > _WINDOW_S:
            self._seen.popleft()
        then, before = self._seen[0]
        return int((done - before) / (now - then)) if now > then else 0
