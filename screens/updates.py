"""What is sent to the terminal after a change: the cells that changed, from the first of them to the last."""

from __future__ import annotations

from typing import Any, Generic, TypeVar

from rich.console import Console, RenderableType
from rich.control import Control
from textual._compositor import ChopsUpdate
from textual.app import App
from textual.screen import Screen

Result = TypeVar("Result")


class ChangedCells(ChopsUpdate):
    """As Textual's own update, except that a change at the end of a line does not repaint the line before it.

    ``chops`` are the strips of each line by the column at which they begin, ``chop_ends`` the columns at which
    they end, ``spans`` the changes: (line, first column, one past the last).
    """

    def render_segments(self, console: Console) -> str:
        """The bytes for the terminal."""
        out: list[str] = []
        for y, first, last in self.spans:
            for end, (x, strip) in zip(self.chop_ends[y], self.chops[y].items(), strict=False):
                if strip is None or x >= last or end <= first:
                    continue
                begin, stop = max(x, first), min(end, last)
                # Where characters are two cells wide, a cut could fall into one of them.
                if (begin, stop) != (x, end) and len(strip.text) == strip.cell_length:
                    strip = strip.crop(begin - x, stop - x)
                else:
                    begin = x
                out.append(Control.move_to(begin, y).segment.text)
                out.append(strip.render(console))
        return "".join(out)


class ChangedCellsApp(App[Result], Generic[Result]):
    """An application that writes no more than what changed: over ssh that is what a person waits for."""

    def _display(self, screen: Screen[Any], renderable: RenderableType | None) -> None:
        if type(renderable) is ChopsUpdate:
            renderable = ChangedCells(renderable.chops, renderable.spans, renderable.chop_ends)
        super()._display(screen, renderable)
