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
from textual.events import Key, Resize
from textual.message import Message
from textual.widgets import Button, Input

from screens.ending import Dialog
from screens.present.cells import Line, fit_line, wrap
from screens.present.look import Look
from screens.widgets.edges import set_subtitle
from screens.widgets.footer_line import FooterLine
from screens.widgets.line_view import LinesView
from screens.widgets.plain_input import PlainInput


@dataclass(frozen=True, slots=True)
class Question:
    """``word`` has to be typed before ``action`` can be pressed, "" where reading and pressing it is enough;
    ``ask_reason`` offers a line for custody."""

    title: str
    happens: Sequence[str]
    word: str
    action: str
    ask_reason: bool = False
    cancel: str = "Cancel"


class Happens(LinesView):
    """What will happen, whole: as much as there is room for, the rest by scrolling."""

    class Measured(Message):
        """It has its room, or another one: what is below can be told."""

    def on_resize(self, event: Resize) -> None:
        super().on_resize(event)
        self.post_message(self.Measured())

    def scroll_lines(self, lines: int) -> None:
        """Down by so many lines, up by a negative number."""
        y = max(0, min(self.scroll_offset.y + lines, self.max_scroll_y))
        self.scroll_to(y=y, animate=False, force=True, immediate=True)

    @property
    def page(self) -> int:
        """Lines that a page key moves by: one stays seen."""
        return max(1, self.scrollable_content_region.height - 1)

    @property
    def below(self) -> int:
        """How many lines stand below the last one that is seen."""
        height = self.scrollable_content_region.height
        return max(0, self.line_count() - self.scroll_offset.y - height) if height else 0


class TypedConfirm(Dialog[str | None]):
    """Dismissed with the reason ("" if none was asked or given), or None: nothing is to happen.

    The focus starts on the button that does nothing. Where there is no word to type, the other button is one arrow
    key away. Enter in the input never confirms by itself: after the right
    word it goes to the button, after a wrong one it stays. PgUp, PgDn and the arrows up and down scroll what will
    happen, wherever the focus is.
    """

    CSS_PATH = Path(__file__).with_name("typed_confirm.tcss")
    AUTO_FOCUS = "#no"
    VERTICAL_BREAKPOINTS = [(0, "-h0"), (18, "-h18"), (22, "-h22"), (28, "-h28"), (38, "-h38")]  # noqa: RUF012
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "no", "back", show=False),
        Binding("left,right", "other_button", "choose", show=False),
        Binding("down", "scroll(1)", "down", show=False),
        Binding("up", "scroll(-1)", "up", show=False),
        Binding("pagedown", "page(1)", "page down", show=False),
        Binding("pageup", "page(-1)", "page up", show=False),
    ]

    def __init__(self, question: Question, look: Look) -> None:
        super().__init__()
        self._question = question
        self._look = look
        self._wrong = False

    def compose(self) -> ComposeResult:
        question, look = self._question, self._look
        self.set_class(not question.word, "-untyped")
        box = Vertical(id="box", classes="-ascii" if look.ascii else "")
        box.border_title = Content(f"{look.clean(question.title)}")
        with box:
            yield Happens(look=look, id="happens")
            if question.ask_reason:
                yield LinesView([((" Reason for custody:", "head"),)], look=look, classes="label")
                yield PlainInput(id="reason", select_on_focus=False)
            if question.word:
                yield LinesView(look=look, id="asks", classes="label")
                yield PlainInput(id="word", select_on_focus=False)
            with Horizontal(id="buttons"):
                yield Button(Content(f"[ {look.plain(question.cancel)} ]"), id="no")
                yield Button(Content(f"[ {look.plain(question.action)} ]"), id="yes", disabled=bool(question.word))
        yield FooterLine(look=look)

    def on_mount(self) -> None:
        for field in self.query(Input):
            field.cursor_blink = False
        self.watch(self.query_one(Happens), "scroll_y", self._mark_below, init=False)
        self.call_after_refresh(self._fill)

    def on_resize(self) -> None:
        self.call_after_refresh(self._fill)

    def _fill(self) -> None:
        view = self.query_one(Happens)
        lines: list[Line] = []
        for text in self._question.happens:
            for row, piece in enumerate(wrap(self._look.clean(text, 2000), max(20, view.inner - 3))):
                lead = f" {self._look.dot} " if row == 0 else "   "
                lines.append(((lead, "dim"), (piece, "")))
        view.show(lines)
        if self._question.word:
            self._ask()
        self.call_after_refresh(self._mark_below)

    def on_happens_measured(self) -> None:
        self._mark_below()

    def _mark_below(self) -> None:
        if not self.is_attached:
            return  # it is being taken down
        below = self.query_one(Happens).below
        text = f" PgDn {below} more below " if below else ""
        set_subtitle(self.query_one("#box"), Content(text) if text else None)
        more = [("PgDn", f"more {self._look.below}")] if below else []
        hints = [*more, ("Tab", "next"), ("\u2190 \u2192", "choose"), ("Esc", self._question.cancel.lower())]
        self.query_one(FooterLine).update_footer((self._question.title,), hints)

    def _ask(self) -> None:
        """What is to be typed, and how; then which keys confirm."""
        look, word = self._look, self._look.clean(self._question.word)
        lead: Line = ((f" {look.warn} That is not it.", "need"),) if self._wrong else ()
        manner = " in capitals" if word.isalpha() and word.isupper() else ""
        asked: Line = ((" Type ", "head"), (word, "strong"), (f"{manner} to go on:", "head"))
        if not self.query_one("#yes", Button).disabled:
            line: Line = (
                (f" {look.done} That is the word.", "done"),
                (" Enter goes to the button, Enter again", "head"),
            )
            line = (*line, (" confirms.", "head"))
        elif lead:
            line = (*lead, *asked)
        else:
            line = (*asked, (" then Enter, Enter", "dim"))
        view = self.query_one("#asks", LinesView)
        view.show([fit_line(line, max(20, view.inner), look)])

    @property
    def _is_it(self) -> bool:
        word = self._question.word
        return not word or self.query_one("#word", PlainInput).value.strip() == word

    @on(Input.Changed, "#word")
    def _typed(self) -> None:
        yes, right = self.query_one("#yes", Button), self._is_it
        if yes.disabled == right:
            yes.disabled = not right
            yes.set_class(right, "-ready")
        self._wrong = False
        self._ask()

    @on(Input.Submitted)
    def _entered(self, event: Input.Submitted) -> None:
        yes = self.query_one("#yes", Button)
        if event.input.id != "word":
            self.focus_next()  # without a word that is Cancel
        elif not yes.disabled:
            yes.focus()
        elif event.value.strip():  # stay: the next Enter, on Cancel, would discard everything
            self._wrong = True
            self._ask()

    def on_key(self, event: Key) -> None:
        """Typing at once, without looking for the field first, is typing the word."""
        if self._question.word and isinstance(self.focused, Button) and event.is_printable and event.character:
            event.stop()
            field = self.query_one("#word", PlainInput)
            field.insert_text_at_cursor(event.character)
            self.set_focus(field)

    @on(Button.Pressed)
    def _pressed(self, event: Button.Pressed) -> None:
        if event.button.id == "yes":
            if not self._is_it:
                return
            reason = self.query_one("#reason", PlainInput).value.strip() if self._question.ask_reason else ""
            self.finish(reason)
        else:
            self.finish(None)

    def action_no(self) -> None:
        self.finish(None)

    def action_scroll(self, lines: int) -> None:
        self.query_one(Happens).scroll_lines(lines)

    def action_page(self, pages: int) -> None:
        view = self.query_one(Happens)
        view.scroll_lines(pages * view.page)

    def action_other_button(self) -> None:
        yes, no = self.query_one("#yes", Button), self.query_one("#no", Button)
        (no if yes.has_focus or yes.disabled else yes).focus()
