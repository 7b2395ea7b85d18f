"""How fast an acquisition went, for the curve on its row."""

from __future__ import annotations

from app.model.acquisition import PACE_S

KEPT = 48
"""Values of :attr:`Acquisition.pace`: four minutes."""


class Pace:
    """One value per :data:`PACE_S` seconds while bytes move: the rate at the end of each such stretch.

    A run is the bytes of one step of the plan. While nothing is reported nothing is added; when the same step goes
    on, the stretches between count as 0. The values of a run stay until bytes of another step move.
    """

    def __init__(self) -> None:
        self.values: tuple[int, ...] = ()
        self._step: int | None = None
        self._began = 0.0
        self._stretch = 0
        self._rate = 0

    def moved(self, now: float, step: int, rate: int) -> None:
        """The rate (bytes/s) that a step's bytes have at ``now`` (monotonic seconds); ``step`` is its number."""
        if step != self._step:
            if rate > 0:
                self.values, self._step, self._began, self._stretch, self._rate = (), step, now, 0, rate
            return
        stretch = int((now - self._began) // PACE_S)
        if stretch > self._stretch:
            silent = min(stretch - self._stretch - 1, KEPT)
            self.values = (*self.values, self._rate, *[0] * silent)[-KEPT:]
            self._stretch = stretch
        self._rate = rate
