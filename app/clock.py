"""Time, in one place, so that tests own it."""

from __future__ import annotations

import asyncio
import time
from datetime import UTC, datetime
from typing import Protocol


class Clock(Protocol):
    """Wall time in UTC, monotonic seconds, and sleeping."""

    def now(self) -> datetime: ...
    def monotonic(self) -> float: ...
    async def sleep(self, seconds: float) -> None: ...


class SystemClock:
    """The machine's clock."""

    def now(self) -> datetime:
        return datetime.now(UTC)

    def monotonic(self) -> float:
        return time.monotonic()

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)


def stamp(moment: datetime) -> str:
    """RFC 3339 in UTC with whole seconds: ``2026-11-23T09:15:00Z``."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def stamp_us(moment: datetime) -> str:
    """RFC 3339 in UTC with microseconds, as the custody log has it."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def parse_stamp(text: str) -> datetime:
    """The inverse of both; ValueError if it is neither."""
    if not text.endswith("Z"):
        raise ValueError(f"not a UTC time stamp: {text!r}")
    return datetime.fromisoformat(text[:-1] + "+00:00")
