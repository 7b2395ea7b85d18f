"""The last line: where one is, and the keys that lead on."""

from __future__ import annotations

from collections.abc import Sequence

from screens.present.cells import LEFT_LEAST, Line, Span, cells, spread
from screens.widgets.line_view import LinesView


class FooterLine(LinesView):
    """Breadcrumbs at the left, key hints at the right."""

    def update_footer(self, crumbs: Sequence[str], hints: Sequence[tuple[str, str]]) -> None:
        """``hints`` are (key, word) pairs, the most needed first but for the last two, which lead out and to help:
        where there is no room for all, those before these go."""
        left: list[Span] = [(" ", "")]
        for place, crumb in enumerate(crumbs):
            if place:
                left.append((f" {self.look.crumb} ", "dim"))
            left.append((self.look.clean(crumb, 48), "" if place < len(crumbs) - 1 else "strong"))
        width = self.screen.size.width
        self.show([spread(tuple(left), hint_line(fitting(hints, width - LEFT_LEAST)), width, self.look)])


def fitting(hints: Sequence[tuple[str, str]], room: int) -> list[tuple[str, str]]:
    """As many of the hints as there is room for, the last two in any case."""
    kept = list(hints)
    while len(kept) > 2 and cells(hint_line(kept)) > room:
        del kept[-3]
    return kept


def hint_line(hints: Sequence[tuple[str, str]]) -> Line:
    """``p pause  x cancel``."""
    out: list[Span] = []
    for key, word in hints:
        out.extend([(key, "key"), (f" {word}  ", "dim")])
    return tuple(out)
