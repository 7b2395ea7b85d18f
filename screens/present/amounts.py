"""Bytes, rates, percent and bars, quantised so that a screen changes only when a person would notice."""

from __future__ import annotations

from screens.present.look import Look

_UNITS = ("B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB")


def size(count: int | None, none: str = "–") -> str:
    """Bytes in binary units with at most three figures: ``8.0 GiB``, ``512 B``, ``1,000 EiB``."""
    if count is None:
        return none
    value, unit = _scale(count)
    if unit == "B":
        return f"{value:.0f} B"
    return f"{value:.1f} {unit}" if value < 99.95 else f"{value:,.0f} {unit}"


def short_size(count: int | None) -> str:
    """A disk's size in a narrow column: ``8G``, ``1.5T``, ``""`` when unknown."""
    if count is None:
        return ""
    value, unit = _scale(count)
    text = f"{value:.1f}".removesuffix(".0") if value < 10 else f"{value:.0f}"
    return text + unit[0]


def rate(per_second: int | None, none: str = "–") -> str:
    """Bytes a second at two significant figures: ``410 MiB/s``, ``9.3 KiB/s``."""
    if per_second is None:
        return none
    value, unit = _scale(per_second)
    if value >= 99.5:
        text = f"{round(value, -1 if value < 995 else -2):,.0f}"
    elif value >= 9.95:
        text = f"{value:.0f}"
    else:
        text = f"{value:.1f}" if unit != "B" else f"{value:.0f}"
    return f"{text} {unit}/s"


def percent(done: int | None, total: int | None) -> int | None:
    """Whole percent, rounded down so that 100 means all; None where it cannot be told."""
    if done is None or not total:
        return None
    return max(0, min(100, done * 100 // total))


def bar(part: int | None, width: int, look: Look) -> tuple[str, str]:
    """The full and the empty cells of a bar of ``width`` whole cells."""
    filled = 0 if part is None else max(0, min(width, part * width // 100))
    return look.full * filled, look.empty * (width - filled)


def count(number: int) -> str:
    """A number with thousands separated."""
    return f"{number:,}"


def plural(number: int, one: str, many: str = "") -> str:
    """``1 event``, ``2 events``."""
    return f"{number:,} {one if number == 1 else many or one + 's'}"


def _scale(number: int) -> tuple[float, str]:
    value = float(max(0, number))
    for unit in _UNITS[:-1]:
        if value < 1000:  # so that 1,010 MiB is shown as 1.0 GiB and never needs four figures
            return value, unit
        value /= 1024
    return value, _UNITS[-1]
