"""How fast one worker asks: a token bucket, and both rate and width given up when the cloud throttles.

Additive increase, multiplicative decrease, after the habit of TCP: half on throttling, at most once a
second (answers to requests already under way tell nothing new), and a little more with every good answer.
"""

from __future__ import annotations

_LEAST_RATE = 0.5
_BURST_S = 0.05
_GRAIN = 1e-6  # of a token: sums of floats never quite reach one


class Pace:
    """``rate`` is requests/s at most, ``width`` requests in flight at most; times are monotonic seconds."""

    def __init__(self, rate: float, width: int, now: float) -> None:
        self._most_rate = max(rate, _LEAST_RATE)
        self._most_width = width
        self.rate = self._most_rate
        self._width = float(width)
        self._tokens = 1.0
        self._at = now
        self._lowered = float("-inf")

    @property
    def width(self) -> int:
        """Requests that may be in flight now, at least one."""
        return max(1, int(self._width))

    def take(self, now: float) -> float:
        """0.0 when a request may leave now (it is then counted), else the seconds to wait."""
        burst = max(1.0, self.rate * _BURST_S)
        self._tokens = min(burst, self._tokens + (now - self._at) * self.rate)
        self._at = now
        if self._tokens >= 1.0 - _GRAIN:
            self._tokens = max(0.0, self._tokens - 1.0)
            return 0.0
        return (1.0 - self._tokens) / self.rate

    def answered(self) -> None:
        """A block came: a little faster, a little wider."""
        self.rate = min(self._most_rate, self.rate + self._most_rate / 500)
        self._width = min(float(self._most_width), self._width + 1.0 / self._width)

    def throttled(self, now: float) -> None:
        """The cloud asks for less."""
        if now - self._lowered >= 1.0:
            self._lowered = now
            self.rate = max(_LEAST_RATE, self.rate / 2)
            self._width = max(1.0, self._width / 2)
