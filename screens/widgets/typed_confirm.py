"""The question before something that cannot be taken back: what will happen, and a word to type."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.content import Content
from textual.events import Key
from textual.screen import ModalScreen
from textual.widgets import Button, Input

from screens.present.cells import Line, wrap
from screens.present.look import Look
from screens.widgets.line_view import LinesView
from screens.widgets.plain_input import PlainInput


@dataclass(frozen=True, slots=True)
class Question:
    """``word`` has to be typed before ``action`` can be pressed; ``ask_reason`` offers a line for custody."""

    title: str
    happens: Sequence[str]
    word: str
    action: str
    ask_reason: bool = False
    cancel: str = "Cancel"


class TypedConfirm(ModalScreen[str | None]):
    """Dismissed with the reason ("" if none was asked or given), or None: nothing is to happen.

    The focus starts on the button that does nothing, and Enter in the input never confirms by itself; after a
    wrong word it stays in the input.
    """

    CSS_PATH = Path(__file__).with_name("typed_confirm.tcss")
    AUTO_FOCUS = "#no"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "no", "back", show=False),
        Binding("left,right", "other_button", "choose", show=False),
    ]

    def __init__(self, question: Question, look: Look) -> None:
        super().__init__()
        self._question = question
        self._look = look

    def _asks(self, wrong: bool = False) -> Line:
        """What is to be typed; and how, where case matters and may be missed."""
        word = self._look.clean(self._question.word)
        manner = " in capitals" if word.isalpha() and word.isupper() else ""
        lead: Line = ((f" {self._look.warn} That is not it.", "need"),) if wrong else ()
        return (*lead, (" Type ", "head"), (word, "strong"), (f"{manner} to go on:", "head"))

    def compose(self) -> ComposeResult:
        question, look = self._question, self._look
        box = Vertical(id="box", classes="-ascii" if look.ascii else "")
        box.border_title = Content(f"{look.clean(question.title)}")
        with box:
            yield LinesView(look=look, id="happens")
            if question.ask_reason:
                yield LinesView([((" Reason for custody:", "head"),)], look=look, classes="label")
                yield PlainInput(id="reason", select_on_focus=False)
            yield LinesView([self._asks()], look=look, id="asks", classes="label")
            yield PlainInput(id="word", select_on_focus=False)
            with Horizontal(id="buttons"):
                yield Button(Content(f"[ {look.plain(question.cancel)} ]"), id="no")
                yield Button(Content(f"[ {look.plain(question.action)} ]"), id="yes", disabled=True)

    def on_mount(self) -> None:
        for field in self.query(Input):
            field.cursor_blink = False
        self.call_after_refresh(self._fill)

    def on_resize(self) -> None:
        self.call_after_refresh(self._fill)

    def _fill(self) -> None:
        view = self.query_one("#happens", LinesView)
        lines: list[Line] = []
        for text in self._question.happens:
            for row, piece in enumerate(wrap(self._look.clean(text, 2000), max(20, view.inner - 3))):
                lead = f" {self._look.dot} " if row == 0 else "   "
                lines.append(((lead, "dim"), (piece, "")))
        view.show(lines)

    @on(Input.Changed, "#word")
    def _typed(self, event: Input.Changed) -> None:
        self.query_one("#yes", Button).disabled = event.value.strip() != self._question.word

    @on(Input.Submitted)
    def _entered(self, event: Input.Submitted) -> None:
        yes = self.query_one("#yes", Button)
        if event.input.id != "word":
            self.focus_next()
        elif not yes.disabled:
            yes.focus()
        elif event.value.strip():  # stay: the next Enter, on Cancel, would discard everything
            self.query_one("#asks", LinesView).show([self._asks(wrong=True)])

    def on_key(self, event: Key) -> None:
        """Typing at once, without looking for the field first, is typing the word."""
        if isinstance(self.focused, Button) and event.is_printable and event.character:
            event.stop()
            field = self.query_one("#word", PlainInput)
            field.insert_text_at_cursor(event.character)
            self.set_focus(field)

    @on(Button.Pressed)
    def _pressed(self, event: Button.Pressed) -> None:
        if event.button.id == "yes":
            typed = self.query_one("#word", PlainInput).value.strip()
            if typed != self._question.word:
                return
            reason = self.query_one("#reason", PlainInput).value.strip() if self._question.ask_reason else ""
            self.dismiss(reason)
        else:
            self.dismiss(None)

    def action_no(self) -> None:
        self.dismiss(None)

    def action_other_button(self) -> None:
        yes, no = self.query_one("#yes", Button), self.query_one("#no", Button)
        (no if yes.has_focus or yes.disabled else yes).focus()
