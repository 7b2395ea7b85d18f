"""The last line: where one is, and the keys that lead on."""

from __future__ import annotations

from collections.abc import Sequence

from screens.present.cells import Line, Span, spread
from screens.widgets.line_view import LinesView


class FooterLine(LinesView):
    """Breadcrumbs at the left, key hints at the right."""

    def update_footer(self, crumbs: Sequence[str], hints: Sequence[tuple[str, str]]) -> None:
        """``hints`` are (key, word) pairs."""
        left: list[Span] = [(" ", "")]
        for place, crumb in enumerate(crumbs):
            if place:
                left.append((f" {self.look.crumb} ", "dim"))
            left.append((self.look.clean(crumb, 48), "" if place < len(crumbs) - 1 else "strong"))
        self.show([spread(tuple(left), hint_line(hints), self.screen.size.width, self.look)])


def hint_line(hints: Sequence[tuple[str, str]]) -> Line:
    """``p pause  x cancel``."""
    out: list[Span] = []
    for key, word in hints:
        out.extend([(key, "key"), (f" {word}  ", "dim")])
    return tuple(out)
