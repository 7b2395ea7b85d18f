"""Every lease of the case: live ones with their countdown, the others with how they ended."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import ClassVar

from textual.binding import BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.widget import Widget

from app.model import Lease
from screens.base import CaseScreen
from screens.command.catalogue import bindings
from screens.command.naming import key_of
from screens.page.screen import PageScreen
from screens.present import leases as present
from screens.present.amounts import plural
from screens.present.cells import Line
from screens.present.events import members
from screens.present.look import Look
from screens.present.shelf import AccountKey
from screens.widgets.line_view import LinesView
from screens.widgets.row_list import RowList
from screens.widgets.typed_confirm import Question


class Leases:
    """Row source: live leases by expiry, then the ended ones, newest first."""

    def __init__(
        self, leases: Sequence[Lease], names: Mapping[AccountKey, str], now: datetime, look: Look
    ) -> None:
        ended = [one for one in reversed(leases) if one.state != "live"]
        self._rows = [*present.live(leases), *ended]
        self._at = {one.id: place for place, one in enumerate(self._rows)}
        self._names, self._now, self._look = names, now, look

    def __len__(self) -> int:
        return len(self._rows)

    def key(self, index: int) -> str:
        return self._rows[index].id

    def find(self, key: str) -> int | None:
        return self._at.get(key)

    def row(self, index: int, width: int) -> tuple[Line, ...]:
        return (present.lease_line(self._rows[index], self._names, self._now, width, self._look),)

    def get(self, key: str | None) -> Lease | None:
        """The lease of that id."""
        place = self._at.get(key) if key is not None else None
        return None if place is None else self._rows[place]


class LeaseScreen(CaseScreen[None]):
    """The secrets themselves are in the agent's memory alone; nothing here could show them."""

    CSS_PATH = Path(__file__).with_name("credentials.tcss")
    AUTO_FOCUS = "#rows"
    BINDINGS: ClassVar[list[BindingType]] = bindings("leases")

    def __init__(self) -> None:
        super().__init__()
        self._source: Leases | None = None

    @property
    def crumbs(self) -> Sequence[str]:
        return ("leases",)

    @property
    def hints(self) -> Sequence[tuple[str, str]]:
        return (
            *self.bench.registry.hints("leases.revoke"),
            (key_of(self.bench, "list.open"), "detail"),
            *self.bench.registry.hints("page.back"),
            *self.bench.registry.hints("help"),
        )

    def body(self) -> Iterable[Widget]:
        empty = ((" no lease yet: none is taken before it is needed", "dim"),)
        yield Vertical(
            LinesView(look=self.look, id="titles"),
            RowList(look=self.look, id="rows", empty=empty),
            LinesView(look=self.look, id="note"),
            id="frame",
        )

    def show_time(self) -> None:
        super().show_time()
        bench = self.bench
        self._source = Leases(bench.snapshot.leases, bench.shelf.names, bench.clock.now(), self.look)
        rows = self.query_one("#rows", RowList)
        live = len(present.live(bench.snapshot.leases))
        total = plural(len(bench.snapshot.leases), "lease")
        self.query_one("#frame").border_title = Content(f"Leases {self.look.dot} {live} live of {total}")
        rows.show(self._source)
        titles = self.query_one("#titles", LinesView)
        titles.show([present.lease_header(max(40, rows.inner), self.look)])
        self._noted()

    def on_row_list_moved(self) -> None:
        self._noted()

    def _noted(self) -> None:
        """What was adapted or went wrong with the lease under the cursor, whole."""
        one = self._source.get(self.query_one("#rows", RowList).current) if self._source else None
        view = self.query_one("#note", LinesView)
        view.show(present.note_lines(one, max(40, view.inner), self.look) if one else [])

    def action_revoke(self) -> None:
        one = self._source.get(self.query_one("#rows", RowList).current) if self._source else None
        if one is None:
            return
        if one.state != "live":
            self.bench.say(f"{one.id} is not live any more.", "warning")
            return
        where = present.account_of(one, self.bench.shelf.names, self.look)
        question = Question(
            title=f"Revoke {one.id}",
            happens=(
                f"{one.id} for {self.look.clean(one.scope)} in {where} is dropped from the agent's memory now.",
                "What runs under it waits until it is given another; what is on disk stays.",
            ),
            word=one.id,
            action=f"Revoke {one.id}",
            cancel="Keep it",
        )
        self.bench.ask(question, lambda _: self.bench.order("lease.revoke", {"lease": one.id}))

    def on_row_list_chosen(self, event: RowList.Chosen) -> None:
        event.stop()
        one = self._source.get(event.key) if self._source else None
        if one is not None:
            shown = {name: getattr(one, name) for name in one.__struct_fields__}
            look = self.look

            def build(width: int) -> list[Line]:
                return [line for name, value in shown.items() for line in members(name, value, 0, width, look)]

            self.app.push_screen(PageScreen(one.id, build))
