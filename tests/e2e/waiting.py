"""Waiting on a condition, with a deadline that names what was waited for."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")


def until(what: str, look: Callable[[], T | None], *, within: float = 60.0, every: float = 0.03) -> T:
    """The first truthy answer of ``look``; fails, saying ``what`` did not happen, after ``within`` seconds."""
    end = time.monotonic() + within
    while True:
        found = look()
        if found:
            return found
        if time.monotonic() > end:
            raise AssertionError(f"within {within:.0f} s it did not happen that {what}")
        time.sleep(every)
