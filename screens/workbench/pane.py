"""What the four panes share: a numbered frame around a list, its title and its key hints."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, cast

from textual.containers import Vertical
from textual.content import Content

from screens.present.look import Look
from screens.widgets.row_list import RowList

if TYPE_CHECKING:
    from screens.root import Workbench


class Pane(Vertical):
    """Subclasses compose a :class:`RowList` and say what changed in :meth:`case_changed` and :meth:`tick`."""

    number = 0
    word = ""
    keys: Sequence[tuple[str, str]] = ()

    @property
    def bench(self) -> Workbench:
        return cast("Workbench", self.app)

    @property
    def look(self) -> Look:
        return self.bench.look

    @property
    def rows(self) -> RowList:
        """The pane's list."""
        return self.query_one(RowList)

    def case_changed(self) -> None:
        """The read model changed."""

    def tick(self) -> None:
        """A second passed."""

    def name_title(self, *parts: str) -> None:
        """``2 Resources · payments-prod · 7 of 214``; every part already harmless."""
        text = f"{self.number} {self.word}"
        for part in parts:
            if part:
                text += f" {self.look.dot} {part}"
        if str(self._border_title or "") != text:
            self.border_title = Content(text)

    def name_keys(self) -> None:
        """Key hints and the position in the list, in the lower border; hints only while the pane has the focus."""
        place, total = self.rows.cursor, len(self.rows.source)
        position = f"{place + 1:,}/{total:,}" if place is not None else ""
        hint = "  ".join(f"{key} {word}" for key, word in self.keys) if self.has_focus_within else ""
        text = f"{hint} {self.look.dash} {position}" if hint and position else hint or position
        if not text.strip():
            self.border_subtitle = None
        elif str(self._border_subtitle or "") != text:
            self.border_subtitle = Content(self.look.plain(text))

    def on_descendant_focus(self) -> None:
        self.name_keys()

    def on_descendant_blur(self) -> None:
        self.call_after_refresh(self.name_keys)

    def on_row_list_moved(self) -> None:
        self.name_keys()
