"""Every step of an acquisition with all that is known of it, nothing cut."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from app.model.view import StepRow
from screens.present.acquisitions import CAP
from screens.present.cells import Line, wrap
from screens.present.durations import hour_minute, spent, time_of_day
from screens.present.look import Look
from screens.present.states import WORKING, step_state

_LABEL = 10


def step_page(
    rows: Sequence[StepRow], now: datetime, width: int, look: Look, acquisition: str = "running"
) -> list[Line]:
    """A block for each step: title, state, call, request id, effect, when, retries and note. ``acquisition`` is
    the state of the whole."""
    places = {row.id: number for number, row in enumerate(rows, 1)}
    out: list[Line] = []
    for number, row in enumerate(rows, 1):
        state, tone = step_state(row.state, look, acquisition)
        lead = f"{number:>2} "
        names = wrap(look.clean(row.title, CAP), max(20, width - len(lead)))
        out.append(((lead, "dim"), (names[0], "strong")))
        out += [((" " * len(lead), ""), (piece, "strong")) for piece in names[1:]]
        facts = [
            ("state", state, tone),
            ("call", look.clean(row.call), ""),
            ("request", look.clean(row.request_id or ""), ""),
            ("effect", look.clean(row.effect, 40), "dim"),
            ("when", _when(row, now, look, held=acquisition not in WORKING), ""),
            ("retries", str(row.retries) if row.retries else "", ""),
            ("undoes", f"what step {places[row.undoes]} did" if row.undoes in places else "", ""),
            ("note", look.clean(row.note, CAP), "bad" if row.state == "failed" else ""),
        ]
        for label, text, shade in facts:
            if text:
                pieces = wrap(text, max(16, width - _LABEL - 3))
                out += [
                    ((f"   {label if place == 0 else '':<{_LABEL}}", "head"), (piece, shade))
                    for place, piece in enumerate(pieces)
                ]
        out.append(())
    return out[:-1]


def _when(row: StepRow, now: datetime, look: Look, *, held: bool) -> str:
    """``14:02:07 to 14:02:19 UTC, 12 s``; with its date where that is not today."""
    if not row.started or row.state == "todo":
        return ""
    day = hour_minute(row.started, now).rpartition(" ")[0]
    began = f"{day} {time_of_day(row.started)}".strip()
    if row.ended:
        return f"{began} to {time_of_day(row.ended)} UTC, {spent(row.started, row.ended, now)}"
    return f"since {began} UTC" + ("" if held else f", {spent(row.started, None, now)}")
