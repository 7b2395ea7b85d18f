"""What was said in passing in this session, to be read again."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Literal, NamedTuple

from screens.present.cells import Line, wrap
from screens.present.look import Look

Severity = Literal["information", "warning", "error"]
_TIME = 10  # cells of the time, the mark not counted


class Message(NamedTuple):
    """A toast: when it was said (UTC), and its harmless text, a next step on a line of its own."""

    at: datetime
    severity: Severity
    text: str


def message_lines(said: Sequence[Message], width: int, look: Look) -> list[Line]:
    """Each whole, the newest first."""
    marks = {
        "information": (look.dot, "dim"),
        "warning": (look.warn, "wait"),
        "error": (look.failed, "bad"),
    }
    out: list[Line] = []
    for one in reversed(said):
        mark, tone = marks[one.severity]
        lead = f"{one.at:%H:%M:%S}"
        for text in one.text.split("\n"):
            for piece in wrap(text, max(20, width - _TIME - 2)):
                out.append(((f"{lead:<{_TIME}}", "dim"), (f"{mark} ", tone), (piece, "")))
                lead, mark = "", " "
    return out or [(("Nothing was said in passing yet.", "dim"),)]
