"""The list of cases, as lines."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from app.case.overview import CaseRow
from app.client.filtering import Filter
from screens.present.amounts import size
from screens.present.cells import Line, columns
from screens.present.durations import age, moment
from screens.present.look import Look

FIELDS = ("case", "title", "ticket", "agent")
"""What a filter may name."""
_WIDE = 100
_CAP = 400


class CaseRows:
    """Row source: one line a case."""

    def __init__(self, rows: Sequence[CaseRow], now: datetime, look: Look) -> None:
        self.rows = rows
        self._at = {str(row.path): place for place, row in enumerate(rows)}
        self._now, self._look = now, look

    def __len__(self) -> int:
        return len(self.rows)

    def key(self, index: int) -> str:
        return str(self.rows[index].path)

    def find(self, key: str) -> int | None:
        return self._at.get(key)

    def row(self, index: int, width: int) -> tuple[Line, ...]:
        return (case_line(self.rows[index], self._now, width, self._look),)

    def get(self, key: str | None) -> CaseRow | None:
        """The row of that key."""
        place = self._at.get(key) if key is not None else None
        return None if place is None else self.rows[place]


def heading(width: int, look: Look) -> Line:
    """The names of the columns, over lines of that width."""
    opened = "opened (UTC)" if width >= _WIDE else "opened"
    words = ("  case", "title", "ticket", opened, "log", "written", "agent")
    return columns([(((word, "head"),), wide) for word, wide in zip(words, _widths(width), strict=True)], look)


def case_line(row: CaseRow, now: datetime, width: int, look: Look) -> Line:
    """One case in ``width`` cells: ``● IR-42  Web shell on web-01  SEC-981  2026-11-23  14 s ago  running``."""
    glyph, tone, word = {
        "running": (look.live, "live", "running"),
        "none": (look.idle, "dim", "none"),
        "unknown": (look.idle, "dim", "unknown"),
    }[row.agent]
    wide = _widths(width)
    name = look.clean(row.id, _CAP)
    if row.problem:
        why = f"cannot be opened: {look.clean(row.problem, _CAP)}"
        head: Line = ((f"{look.failed} ", "bad"), (name, "bad"))
        return columns([(head, wide[0]), (((why, "bad"),), max(1, width - wide[0] - 1))], look)
    title = look.clean(row.title, _CAP)
    if row.path.name != row.id:  # a copy, or renamed: which one it is must be seen
        title = f"({look.clean(row.path.name, 60)}) {title}"
    found = moment(row.opened)
    opened = found.strftime("%Y-%m-%d %H:%M" if width >= _WIDE else "%Y-%m-%d") if found else look.none
    written = f"{age(max(0.0, (now - row.written).total_seconds()))} ago" if row.written else look.none
    return columns(
        [
            (((f"{glyph} ", tone), (name, "strong")), wide[0]),
            (((title, ""),), wide[1]),
            (((look.clean(row.ticket, _CAP), ""),), wide[2]),
            (((opened, "dim"),), wide[3]),
            (((size(row.log_bytes, look.none), "dim"),), wide[4]),
            (((written, "dim"),), wide[5]),
            (((word, tone),), wide[6]),
        ],
        look,
    )


def _widths(width: int) -> list[int]:
    """Columns: case, title, ticket, opened, log, written, agent; 0 leaves one out."""
    if width >= _WIDE:
        fixed = [22, 0, 16, 16, 8, 10, 8]
    elif width >= 70:
        fixed = [16, 0, 10, 10, 0, 10, 7]
    else:
        fixed = [16, 0, 0, 0, 0, 0, 7]
    others = [one for one in fixed if one]
    fixed[1] = max(8, width - sum(others) - len(others))
    return fixed


def holds(row: CaseRow, filter_: Filter) -> bool:
    """Whether a case passes the filter."""
    texts = {"case": f"{row.id} {row.path.name}", "title": row.title, "ticket": row.ticket, "agent": row.agent}
    lowered = {name: text.lower() for name, text in texts.items()}
    everything = " ".join([*lowered.values(), row.problem.lower()])
    found = all(
        (term.value or "") in (lowered[term.name] if term.kind == "field" else everything)
        for term in filter_.terms
    )
    return found != filter_.inverted
