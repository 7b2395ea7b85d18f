"""The one table that the bench prints."""

from __future__ import annotations

import os
import platform
import resource
import statistics
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Literal

_WIDTHS = (66, 10, 10, 10, 12)


@dataclass(frozen=True, slots=True)
class Row:
    """One thing measured. ``values`` are of each run, in ``unit``; ``limit`` is a budget, None for what is only
    told, and ``by`` says which figure must keep it. ``failed`` is why there are no values."""

    what: str
    values: Sequence[float] = ()
    unit: str = ""
    limit: float | None = None
    by: Literal["median", "p95"] = "median"
    failed: str = ""

    @property
    def median(self) -> float:
        return statistics.median(self.values)

    @property
    def p95(self) -> float:
        """Nearest rank."""
        ranked = sorted(self.values)
        return ranked[max(0, -(-95 * len(ranked) // 100) - 1)]

    @property
    def verdict(self) -> str:
        """ok or over; "" without a budget."""
        if self.failed:
            return "not measured"
        if self.limit is None:
            return ""
        return "ok" if (self.median if self.by == "median" else self.p95) <= self.limit else "OVER"

    def cells(self) -> tuple[str, ...]:
        """The row as text."""
        if self.failed:
            return self.what, "", "", "", self.verdict
        mark = {"median": 0, "p95": 1}[self.by]
        shown = [_figure(self.median), _figure(self.p95) if len(self.values) > 1 else ""]
        if self.limit is not None and len(self.values) > 1:
            shown[mark] = f"*{shown[mark]}"
        limit = "" if self.limit is None else f"{_figure(self.limit)} {self.unit}"
        return (
            self.what,
            f"{shown[0]} {self.unit}",
            f"{shown[1]} {self.unit}" if shown[1] else "",
            limit,
            self.verdict,
        )


def _figure(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 or value == int(value) else f"{value:.3g}"


class Others:
    """How much of the processors other processes have used since this was made: they blur every figure."""

    def __init__(self) -> None:
        self._then = _busy(), _own(), time.monotonic()

    @property
    def share(self) -> float:
        """Percent of all processors."""
        busy, own, at = self._then
        used = (_busy() - busy) - (_own() - own)
        return max(0.0, 100 * used / ((time.monotonic() - at) * (os.cpu_count() or 1)))


def _busy() -> float:
    """Seconds of processor time that were not idle, by anybody."""
    fields = [int(word) for word in Path("/proc/stat").read_text("utf-8").split("\n", 1)[0].split()[1:]]
    return (sum(fields[:8]) - fields[3] - fields[4]) / os.sysconf("SC_CLK_TCK")


def _own() -> float:
    """Those of this process and of its children that have ended."""
    both = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return sum(one.ru_utime + one.ru_stime for one in both)


def machine() -> str:
    """What it ran on."""
    model = next(
        (
            line.partition(":")[2].strip()
            for line in Path("/proc/cpuinfo").read_text("utf-8").splitlines()
            if line.startswith("model name")
        ),
        platform.machine(),
    )
    cores = len(os.sched_getaffinity(0))
    python, textual = platform.python_version(), metadata.version("textual")
    return f"{model}, {cores} cores; Linux {platform.release()}; Python {python}; Textual {textual}"


def lines(rows: Iterable[Row]) -> Iterable[str]:
    """Head and rows, in columns."""
    yield _columns(("budget", "median", "p95", "limit", ""))
    yield "-" * sum(_WIDTHS)
    for row in rows:
        yield _columns(row.cells()).rstrip()


def _columns(cells: Sequence[str]) -> str:
    first, *rest = cells
    return first.ljust(_WIDTHS[0]) + "".join(
        text.rjust(width) for text, width in zip(rest, _WIDTHS[1:], strict=True)
    )
