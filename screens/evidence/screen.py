"""Every sealed item of the case: a list over the detail of the one under the cursor."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from pathlib import Path

from textual.containers import Container, Vertical
from textual.content import Content
from textual.widget import Widget

from app.model import EvidenceItem
from app.model.view import EvidenceCheck
from screens.base import SMALLEST
from screens.evidence.item import ItemScreen
from screens.evidence.keys import ItemCommands
from screens.evidence.lines import detail_lines, item_header, item_line, nothing_lines
from screens.present.amounts import plural, size
from screens.present.cells import Line
from screens.present.look import Look
from screens.widgets.edges import set_subtitle
from screens.widgets.line_view import LinesView
from screens.widgets.page_lines import PageLines
from screens.widgets.row_list import RowList


class Items:
    """Row source: sealed items in the order of their ids."""

    def __init__(
        self, items: Sequence[EvidenceItem], checks: Mapping[str, EvidenceCheck], now: datetime, look: Look
    ) -> None:
        self._rows = items
        self._at = {one.id: place for place, one in enumerate(items)}
        self._checks, self._now, self._look = checks, now, look

    def __len__(self) -> int:
        return len(self._rows)

    def key(self, index: int) -> str:
        return self._rows[index].id

    def find(self, key: str) -> int | None:
        return self._at.get(key)

    def row(self, index: int, width: int) -> tuple[Line, ...]:
        one = self._rows[index]
        return (item_line(one, self._checks.get(one.id), self._now, width, self._look),)


_LEAST, _AROUND = 5, 3  # lines of the list's frame at least; and beside the rows: two of the frame, the titles


class EvidenceScreen(ItemCommands):
    """Live: a check that runs is seen running. ``acquisition``: only what has come of that one."""

    CSS_PATH = Path(__file__).with_name("evidence.tcss")
    AUTO_FOCUS = "#rows"
    HORIZONTAL_BREAKPOINTS = [  # noqa: RUF012 (declared as it is by Textual)
        (0, "-w0"),
        (SMALLEST[0], "-w60"),
        (100, "-w100"),
        (132, "-w132"),
        (160, "-w160"),
    ]

    def __init__(self, acquisition: str = "") -> None:
        super().__init__()
        self._acquisition = acquisition

    @property
    def crumbs(self) -> Sequence[str]:
        return (self._acquisition, "evidence") if self._acquisition else ("evidence",)

    @property
    def more_hints(self) -> Sequence[tuple[str, str]]:
        return self.opens("custody")

    @property
    def item(self) -> EvidenceItem | None:
        current = self.query_one("#rows", RowList).current
        return next((one for one in self.bench.snapshot.items if one.id == current), None)

    def body(self) -> Iterable[Widget]:
        empty = ((" nothing is sealed yet", "dim"),)
        rows = RowList(look=self.look, id="rows", empty=empty)
        yield Container(
            Vertical(LinesView(look=self.look, id="titles"), rows, id="items"),
            PageLines(look=self.look, id="detail"),
            id="split",
        )

    def show_time(self) -> None:
        super().show_time()
        bench, look = self.bench, self.look
        of = self._acquisition
        items = [one for one in bench.snapshot.items if not of or one.acquisition == of]
        checks = {one.id: check for one in items if (check := self.check_of(one)) is not None}
        parts = [f"Evidence of {look.clean(of)}" if of else "Evidence", plural(len(items), "item")]
        if items:
            parts.append(size(sum(one.bytes for one in items)))
        running = sum(one.id in checks and checks[one.id].state == "running" for one in items)
        if running:
            parts.append(f"{running} being checked")
        self.query_one("#items").border_title = Content(f" {look.dot} ".join(parts))
        rows = self.query_one("#rows", RowList)
        rows.show(Items(items, checks, bench.clock.now(), look))
        self._sized(len(items))
        self._placed()
        titles = self.query_one("#titles", LinesView)
        titles.show([item_header(rows.inner, look)] if items and rows.inner else [])
        self._detailed()

    def on_row_list_moved(self) -> None:
        self._placed()
        self._detailed(fresh=True)

    def _sized(self, count: int) -> None:
        """One above the other, the list has the lines that it needs, half of them at most."""
        items = self.query_one("#items")
        if self.has_class("-w132", "-w160"):
            items.styles.clear_rule("height")
        else:
            half = self.query_one("#split").size.height // 2
            items.styles.height = max(_LEAST, min(count + _AROUND, half))

    def _placed(self) -> None:
        """``3/13`` in the lower border of the list."""
        rows = self.query_one("#rows", RowList)
        place = rows.cursor
        text = f"{place + 1}/{len(rows.source)}" if place is not None else ""
        set_subtitle(self.query_one("#items"), Content(text) if text else None)

    def _detailed(self, *, fresh: bool = False) -> None:
        """The item under the cursor; ``fresh``: another one than before, from its first line on."""
        page, one, bench = self.query_one("#detail", PageLines), self.item, self.bench
        if not page.inner:
            return
        page.border_title = Content(self.look.clean(one.id) if one else "How evidence gets here")
        if one is None:
            page.show(nothing_lines(page.inner))
            return
        check, made = self.check_of(one), self.acquisition_of(one)
        now = bench.clock.now()
        page.show(detail_lines(one, check, made, bench.shelf.names, now, page.inner, self.look, self.key))
        if fresh:
            page.action_first()

    def on_row_list_chosen(self, event: RowList.Chosen) -> None:
        event.stop()
        self.app.push_screen(ItemScreen(event.key))
