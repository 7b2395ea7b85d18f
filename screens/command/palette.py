"""The palette: every command that works here, found by what it does."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.widgets import Input

from screens.command.registry import SECTIONS, Command, Registry, shown
from screens.command.seeking import Hit, seek
from screens.ending import Dialog
from screens.present.cells import Line, columns
from screens.present.look import Look
from screens.widgets.plain_input import PlainInput
from screens.widgets.row_list import RowList


class Found:
    """Row source over commands; one that another word found has that word in front."""

    def __init__(self, hits: Sequence[Hit], registry: Registry, look: Look) -> None:
        self.hits = hits
        self._registry = registry
        self._look = look

    def __len__(self) -> int:
        return len(self.hits)

    def key(self, index: int) -> str:
        return self.hits[index].command.id

    def find(self, key: str) -> int | None:
        return next((place for place, hit in enumerate(self.hits) if hit.command.id == key), None)

    def row(self, index: int, width: int) -> tuple[Line, ...]:
        hit, look = self.hits[index], self._look
        one = hit.command
        by: Line = ((hit.by, "accent"), (f" {look.arrow} ", "dim")) if hit.by else ()
        keys = look.plain(shown(self._registry.keys(one).partition(",")[0]))
        word = f":{one.names[0]}" if one.names else ""
        return (
            columns(
                [
                    (((f" {SECTIONS[one.section]}", "dim"),), 13),
                    ((*by, (look.plain(one.help), "")), max(10, width - 13 - 14 - 8 - 3)),
                    (((word, "accent"),), 14),
                    (((keys, "key"),), 8),
                ],
                look,
            ),
        )


class PaletteField(PlainInput):
    """Up and Down move in the list below."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("up", "screen.move(-1)", "up", show=False),
        Binding("down", "screen.move(1)", "down", show=False),
        Binding("pageup", "screen.page(-1)", "page up", show=False),
        Binding("pagedown", "screen.page(1)", "page down", show=False),
    ]


class Palette(Dialog[Command | None]):
    """Dismissed with a command, or None."""

    CSS_PATH = Path(__file__).with_name("command.tcss")
    AUTO_FOCUS = "#sought"
    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape,ctrl+p", "leave", "leave", show=False)]

    def __init__(self, commands: Sequence[Command], registry: Registry, look: Look) -> None:
        super().__init__()
        self._commands = commands
        self._registry = registry
        self._look = look

    def compose(self) -> ComposeResult:
        box = Vertical(id="palette", classes="-ascii" if self._look.ascii else "")
        box.border_title = Content("Commands")
        box.border_subtitle = Content("Enter carries out  Esc leaves")
        with box:
            yield PaletteField(id="sought", select_on_focus=False, placeholder="what do you want to do?")
            yield RowList(look=self._look, id="found", empty=((" nothing like that here", "dim"),))

    def on_mount(self) -> None:
        self.query_one(PaletteField).cursor_blink = False
        self._seek("")

    @on(Input.Changed)
    def _changed(self, event: Input.Changed) -> None:
        self._seek(event.value)

    @on(Input.Submitted)
    def _entered(self) -> None:
        self._take()

    def on_row_list_chosen(self, event: RowList.Chosen) -> None:
        event.stop()
        self._take()

    def action_move(self, rows: int) -> None:
        self.query_one(RowList).action_move(rows)

    def action_page(self, pages: int) -> None:
        self.query_one(RowList).action_page(pages)

    def action_leave(self) -> None:
        self.finish(None)

    def _take(self) -> None:
        rows = self.query_one(RowList)
        key = rows.current
        self.finish(next((one for one in self._commands if one.id == key), None))

    def _seek(self, text: str) -> None:
        rows = self.query_one(RowList)
        rows.show(Found(seek(text, self._commands), self._registry, self._look))
        rows.action_first()
