"""Times and countdowns. Deadlines are absolute; what is left is computed anew each second."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from app.clock import parse_stamp


def moment(text: str | None) -> datetime | None:
    """A time stamp of the model, None where there is none or it cannot be read."""
    if not text:
        return None
    try:
        return parse_stamp(text)
    except ValueError:
        return None


def left(deadline: str | None, now: datetime) -> int | None:
    """Whole seconds until ``deadline`` (negative after it)."""
    end = moment(deadline)
    return None if end is None else int((end - now).total_seconds() // 1)


def countdown(seconds: int | None) -> str:
    """Above ten minutes whole minutes or hours, then m:ss, ``ended`` at zero.

    >>> countdown(3540), countdown(7500), countdown(599), countdown(0)
    ('59 min', '2 h 05', '9:59', 'ended')
    """
    if seconds is None:
        return "unknown"
    if seconds <= 0:
        return "ended"
    if seconds <= 600:
        return f"{seconds // 60}:{seconds % 60:02d}"
    if seconds < 100 * 60:
        return f"{seconds // 60} min"
    if seconds < 48 * 3600:
        return f"{seconds // 3600} h {seconds % 3600 // 60:02d}"
    return f"{seconds // 86400} d"


def urgency(seconds: int | None) -> str:
    """``calm``, ``soon`` (last ten minutes), ``now`` (last two) or ``over``."""
    if seconds is None or seconds > 600:
        return "calm"
    if seconds > 120:
        return "soon"
    return "now" if seconds > 0 else "over"


def eta(seconds: int | None) -> str:
    """An estimate in coarse steps, because it is no better than that; "" when unknown."""
    if seconds is None:
        return ""
    if seconds < 20:
        return "seconds left"
    if seconds < 90:
        return "ETA 1 min"
    if seconds < 10 * 60:
        return f"ETA {round(seconds / 60)} min"
    if seconds < 3600:
        return f"ETA {round(seconds / 300) * 5} min"
    if seconds < 10 * 3600:
        quarters = round(seconds / 900)
        return f"ETA {quarters // 4} h" + (f" {quarters % 4 * 15} min" if quarters % 4 else "")
    return f"ETA {round(seconds / 3600)} h"


def rough(seconds: int) -> str:
    """How long a plan may take: ``under a minute``, ``14 min``, ``2 h 30 min``."""
    if seconds < 60:
        return "under a minute"
    minutes = round(seconds / 60)
    if minutes < 90:
        return f"{minutes} min"
    hours, rest = divmod(round(minutes / 15) * 15, 60)
    return f"{hours} h" + (f" {rest} min" if rest else "")


def short_time(seconds: int) -> str:
    """A rough duration in nine cells: ``< 1 min``, ``14 min``, ``2 h 30``."""
    if seconds < 60:
        return "< 1 min"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 100 else f"{minutes // 60} h {minutes % 60:02d}"


def spent(start: str | None, end: str | None, now: datetime) -> str:
    """How long a step took, or has taken so far: ``0.4 s``, ``12 s``, ``3:20``, ``1 h 05``."""
    began = moment(start)
    if began is None:
        return ""
    seconds = ((moment(end) or now) - began).total_seconds()
    if seconds < 0:
        return ""
    if seconds < 10 and end:
        return f"{seconds:.1f} s"
    if seconds < 60:
        return f"{seconds:.0f} s"
    if seconds < 3600:
        return f"{int(seconds) // 60}:{int(seconds) % 60:02d}"
    return f"{int(seconds) // 3600} h {int(seconds) % 3600 // 60:02d}"


def time_of_day(text: str | None) -> str:
    """``14:03:21`` of a time stamp in UTC, "" where it cannot be read."""
    found = moment(text)
    return found.astimezone(UTC).strftime("%H:%M:%S") if found else ""


def hour_minute(text: str | None, now: datetime) -> str:
    """``14:03``, with its date when that is not today (UTC)."""
    found = moment(text)
    if found is None:
        return ""
    same = abs(found - now) < timedelta(days=1) and found.date() == now.date()
    return found.strftime("%H:%M" if same else "%Y-%m-%d %H:%M")


def age(seconds: float) -> str:
    """How old something is: ``14 s``, ``3 min``, ``2 h``, ``5 d``."""
    if seconds < 100:
        return f"{int(seconds)} s"
    if seconds < 100 * 60:
        return f"{int(seconds) // 60} min"
    if seconds < 48 * 3600:
        return f"{int(seconds) // 3600} h"
    return f"{int(seconds) // 86400} d"
