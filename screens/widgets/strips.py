"""Problems, as strips under the context bar: never a dialog in the way of the work."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from rich.cells import cell_len

from screens.present.cells import Line, fit, wrap
from screens.present.look import Look
from screens.widgets.line_view import LinesView

_ROWS = 3
_LEAST = 20  # cells of text beside the keys


class Problem(NamedTuple):
    """What is wrong, what to do next, what is well all the same, and the keys that help; all already harmless."""

    what: str
    todo: str = ""
    calm: str = ""
    keys: str = ""


class Strips(LinesView):
    """At most three lines; further problems are counted."""

    def update_problems(self, problems: Sequence[Problem]) -> None:
        """Show these problems, the gravest first."""
        self.set_class(not problems, "-none")
        width = max(20, self.screen.size.width)
        out: list[Line] = []
        for place, problem in enumerate(problems):
            rows = strip(problem, width, _ROWS if len(problems) == 1 else _ROWS - 1, self.look)
            if len(out) + len(rows) > _ROWS:
                out = out[: _ROWS - 1]
                out.append(((f"   {len(problems) - place} more", "need"),))
                break
            out.extend(rows)
        self.show(out)


def strip(problem: Problem, width: int, most: int, look: Look) -> list[Line]:
    """A problem in at most ``most`` lines. What is well is shortened first; what is cut ends in an ellipsis, and
    keys are never cut."""
    what, todo, calm, keys = problem
    then = f" {look.arrow} {todo}" if todo else ""
    room = width - 4
    kept: list[str] = []
    beside = False
    short = f"{what}. {calm.partition(':')[0].rstrip('.')}{then}"
    for text in (f"{what}. {calm}{then}", short) if calm else (f"{what}{then}",):
        kept = wrap(text, room)
        beside = bool(keys) and cell_len(kept[-1]) + 3 + cell_len(keys) <= room
        if len(kept) + (1 if keys and not beside else 0) <= most:
            break
    else:
        last = room - 3 - cell_len(keys) if keys else room
        beside = bool(keys) and last >= _LEAST
        kept = kept[: most - 1 if keys and not beside else most]
        kept[-1] = fit(kept[-1] + look.more, min(last if beside else room, cell_len(kept[-1]) + 1), look)
    rows: list[Line] = [
        ((f" {look.warn if row == 0 else ' '} ", "need"), (piece, "need" if row == 0 else ""))
        for row, piece in enumerate(kept)
    ]
    if keys and beside:
        rows[-1] = (*rows[-1], (f" {look.dot} ", "dim"), (keys, "key"))
    elif keys:
        rows.append((("   ", ""), (keys, "key")))
    return rows
