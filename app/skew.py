"""How far another machine's clock is from ours, by the Date of its answers (RFC 9110, 6.6.1)."""

from __future__ import annotations

from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

_NO_TELLING = 2
"""Seconds. Date has whole seconds, and an answer takes a moment: what is nearer is called no difference."""
_FARTHEST = 100 * 365 * 86400  # seconds: no clock, but nonsense


def ahead(date: object, asked: datetime, answered: datetime) -> int | None:
    """Whole seconds that a clock is ahead of ours (negative: behind), None if it does not say what time it has.

    ``date`` is the Date header of what it answered between these two moments of our clock. What the time that the
    answer took can explain is no difference: 0.
    """
    if not isinstance(date, str):
        return None
    try:
        told = parsedate_to_datetime(date)
    except (ValueError, OverflowError, TypeError):
        return None
    told = told.replace(tzinfo=UTC) if told.tzinfo is None else told
    least = (told - answered).total_seconds()  # it was that second already when it answered
    most = (told - asked).total_seconds() + 1.0  # and not yet the next one
    if least <= 0.0 <= most:
        return 0
    seconds = round((least + most) / 2)
    if abs(seconds) > _FARTHEST:
        return None
    return 0 if abs(seconds) <= _NO_TELLING else seconds
