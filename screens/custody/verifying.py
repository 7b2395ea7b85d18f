"""The verification that this session asked for last."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from app.clock import Clock, parse_stamp
from app.faults import Fault


@dataclass
class Verifying:
    """It goes on while its page is closed, and its answer stays for the next time that one is opened.

    ``began`` is when the reading began (UTC), which may be before this session asked for it: the agent reads for
    all of its terminals at once. ``took_s`` is from then to the answer, in seconds; ``seen``: a page showed it.
    """

    running: bool = False
    result: dict[str, Any] | None = None
    fault: Fault | None = None
    began: datetime | None = None
    took_s: float = 0.0
    seen: bool = False
    _since: float = 0.0

    def start(self, clock: Clock) -> None:
        """It is asked for now."""
        self.running, self.result, self.fault, self.seen = True, None, None, False
        self.began, self._since, self.took_s = clock.now(), clock.monotonic(), 0.0

    def answered(self, result: dict[str, Any], clock: Clock) -> None:
        """It is there."""
        self._end(clock)
        self.result = result
        found = _began(result)
        if self.began is not None and found is not None:
            self.took_s += max(0.0, (self.began - found).total_seconds())
            self.began = found

    def failed(self, fault: Fault, clock: Clock) -> None:
        """There will be no answer."""
        self._end(clock)
        self.fault = fault

    def elapsed(self, clock: Clock) -> float:
        """Seconds since this session asked."""
        return clock.monotonic() - self._since

    def behind(self, lines: int) -> int:
        """How many lines the log has by now that were not read, but for those that tell of the reading itself; 0
        where the answer does not say how many were."""
        read, own = (self.result.get(name) for name in ("lines", "recorded")) if self.result else (None, None)
        return max(0, lines - read - (own if isinstance(own, int) else 0)) if isinstance(read, int) else 0

    def _end(self, clock: Clock) -> None:
        self.running = False
        self.took_s = self.elapsed(clock)


def _began(result: dict[str, Any]) -> datetime | None:
    """As the agent says; one of an older version does not."""
    try:
        return parse_stamp(str(result.get("began")))
    except ValueError:
        return None
