"""One line for custody: what was done by hand, or why a step is skipped."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.widgets import Input

from app.guided.playbook import blank
from screens.ending import Dialog
from screens.present.cells import Line, wrap
from screens.present.look import Look
from screens.widgets.line_view import LinesView
from screens.widgets.plain_input import PlainInput


class NoteScreen(Dialog[str | None]):
    """Dismissed with what was typed, or None. A line that shows nothing is not taken."""

    CSS_PATH = Path(__file__).with_name("note.tcss")
    AUTO_FOCUS = "#note"
    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape", "no", "back", show=False)]

    def __init__(self, title: str, asks: str, look: Look) -> None:
        """``title`` and ``asks`` are made harmless here."""
        super().__init__()
        self._title = title
        self._asks = asks
        self._look = look

    def compose(self) -> ComposeResult:
        look = self._look
        box = Vertical(id="box", classes="-ascii" if look.ascii else "")
        box.border_title = Content(look.clean(self._title, 70))
        box.border_subtitle = Content(f"Enter records it {look.dot} Esc back")
        with box:
            yield LinesView(look=look, id="asks")
            yield PlainInput(id="note", select_on_focus=False)

    def on_mount(self) -> None:
        self.query_one(Input).cursor_blink = False
        self.call_after_refresh(self._fill)

    def on_resize(self) -> None:
        self.call_after_refresh(self._fill)

    def _fill(self, missing: bool = False) -> None:
        view = self.query_one("#asks", LinesView)
        width = max(20, view.inner - 2)
        lines: list[Line] = [((f" {piece}", ""),) for piece in wrap(self._look.clean(self._asks, 800), width)]
        if missing:
            lines.append(
                ((f" {self._look.warn} A few words are needed: custody has no other trace of it.", "need"),)
            )
        view.show(lines)

    @on(Input.Submitted)
    def _given(self, event: Input.Submitted) -> None:
        text = event.value.strip()
        if not blank(text):
            self.finish(text)
        else:
            self._fill(missing=True)

    def action_no(self) -> None:
        self.finish(None)
