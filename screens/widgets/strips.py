"""Problems, as strips under the context bar: never a dialog in the way of the work."""

from __future__ import annotations

from collections.abc import Sequence

from screens.present.cells import Line, wrap
from screens.widgets.line_view import LinesView

Problem = tuple[str, str]
"""(what is wrong, what to do next); both already harmless."""

_ROWS = 3


class Strips(LinesView):
    """At most three lines; further problems are counted."""

    def update_problems(self, problems: Sequence[Problem]) -> None:
        """Show these problems, the gravest first."""
        self.set_class(not problems, "-none")
        width = max(20, self.screen.size.width)
        out: list[Line] = []
        for place, (what, todo) in enumerate(problems):
            text = f"{what} {self.look.arrow} {todo}" if todo else what
            pieces = wrap(text, width - 4)
            rows: list[Line] = [
                ((f" {self.look.warn if row == 0 else ' '} ", "need"), (piece, "need" if row == 0 else ""))
                for row, piece in enumerate(pieces[:2])
            ]
            if len(out) + len(rows) > _ROWS:
                out = out[: _ROWS - 1]
                out.append(((f"   {len(problems) - place} more", "need"),))
                break
            out.extend(rows)
        self.show(out)
