"""The question before a write window opens: what it allows, for how long, and why."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.content import Content
from textual.widgets import Button, Input

from screens.ending import Dialog
from screens.present.cells import Line, wrap
from screens.present.look import Look
from screens.widgets.line_view import LinesView
from screens.widgets.plain_input import PlainInput

_SAYS = (
    "Until now this case is read-only: the agent refuses to approve any plan.",
    "In a write window plans can be approved, each by itself as before. What is approved goes on to its end.",
    "The window closes by itself, with {key}, and when you leave. Custody records all of it.",
)


class ArmScreen(Dialog[str | None]):
    """Dismissed with the reason ("" if none was given), or None: the case stays read-only. ``key`` closes the
    window again."""

    CSS_PATH = Path(__file__).with_name("arm.tcss")
    AUTO_FOCUS = "#why"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "no", "back", show=False),
        Binding("left,right", "other_button", "choose", show=False),
    ]

    def __init__(self, minutes: int, key: str, look: Look) -> None:
        super().__init__()
        self._key = key
        self._minutes = minutes
        self._look = look

    def compose(self) -> ComposeResult:
        look = self._look
        box = Vertical(id="box", classes="-ascii" if look.ascii else "")
        box.border_title = Content(f"Open a write window of {self._minutes} minutes")
        with box:
            yield LinesView(look=look, id="says")
            yield LinesView([((" Why, for custody (may stay empty):", "head"),)], look=look, classes="label")
            yield PlainInput(id="why", select_on_focus=False)
            with Horizontal(id="buttons"):
                yield Button(Content("[ Stay read-only ]"), id="no")
                yield Button(Content(f"[ Open for {self._minutes} minutes ]"), id="yes")

    def on_mount(self) -> None:
        self.query_one(Input).cursor_blink = False
        self.call_after_refresh(self._fill)

    def on_resize(self) -> None:
        self.call_after_refresh(self._fill)

    def _fill(self) -> None:
        view = self.query_one("#says", LinesView)
        lines: list[Line] = []
        for text in _SAYS:
            for row, piece in enumerate(wrap(text.format(key=self._key), max(20, view.inner - 3))):
                lines.append(((f" {self._look.dot} " if row == 0 else "   ", "dim"), (piece, "")))
        view.show(lines)

    @on(Input.Submitted)
    def _given(self) -> None:
        self.query_one("#yes", Button).focus()

    @on(Button.Pressed)
    def _pressed(self, event: Button.Pressed) -> None:
        self.finish(self.query_one("#why", PlainInput).value.strip() if event.button.id == "yes" else None)

    def action_no(self) -> None:
        self.finish(None)

    def action_other_button(self) -> None:
        yes, no = self.query_one("#yes", Button), self.query_one("#no", Button)
        (no if yes.has_focus else yes).focus()
