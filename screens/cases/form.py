"""The form of a new case: what is wrong is said at the field, and nothing that was typed is lost."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence
from typing import ClassVar

from textual import on
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, VerticalScroll
from textual.content import Content
from textual.widget import Widget
from textual.widgets import Button, Input

from app.faults import Fault
from screens.cases.base import FrontScreen
from screens.cases.making import Draft, Made, Protection, Wrong, make, protection_of
from screens.present.cells import Line, wrap
from screens.widgets.line_view import LinesView
from screens.widgets.passphrase import Passphrase
from screens.widgets.plain_input import PlainInput

_SECRETS = ("passphrase", "again")


class CaseForm(FrontScreen[Made | None]):
    """Dismissed with the new case, or None. What was typed, passphrases apart, stays in ``front.draft``."""

    AUTO_FOCUS = "#id"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "back", "back", show=False),
        Binding("down", "app.focus_next", "next", show=False),
        Binding("up", "app.focus_previous", "previous", show=False),
    ]

    def __init__(self) -> None:
        super().__init__()
        self._notes: dict[str, Fault] = {}
        self._protection: Protection | None = None
        self._busy = False

    @property
    def crumbs(self) -> Sequence[str]:
        return ("cases", "new case")

    @property
    def hints(self) -> Sequence[tuple[str, str]]:
        return (("Enter", "next"), ("Esc", "back; what was typed is kept"))

    def body(self) -> Iterable[Widget]:
        draft = self.front.draft
        form = VerticalScroll(id="form", can_focus=False)
        form.border_title = Content("New case")
        with form:
            for name, label in (
                ("id", "Case id"),
                ("title", "Title"),
                ("ticket", "Ticket"),
                ("config", "Configuration"),
                ("evidence", "Evidence goes to"),
                ("passphrase", "Passphrase"),
                ("again", "Once more"),
            ):
                with Horizontal(classes="row", id=f"row-{name}"):
                    yield LinesView([((f" {label}", "head"),)], look=self.look, classes="label")
                    if name in _SECRETS:
                        yield Passphrase(id=name)
                    else:
                        yield PlainInput(
                            getattr(draft, name), placeholder=self._default(name), select_on_focus=False, id=name
                        )
                yield LinesView(look=self.look, id=f"note-{name}", classes="note")
            with Horizontal(id="buttons"):
                yield Button(Content("[ Cancel ]"), id="no")
                yield Button(Content("[ Make the case ]"), id="yes")
            yield LinesView(look=self.look, id="says", classes="note")

    def _default(self, name: str) -> str:
        """What stands in an empty field: an example, or what holds if it stays empty."""
        shown = {
            "id": "for example IR-42",
            "title": "for example Web shell on web-01",
            "ticket": "for example SEC-981",
            "config": f"default: {self.front.locations.config_file}",
            "evidence": "default: as the configuration says, else inside the case",
        }[name]
        return self.look.clean(shown, 300)

    def on_mount(self) -> None:
        for field in self.query(Input):
            field.cursor_blink = False
        self._show_secrets(False)
        self._ask_protection()

    def show_all(self) -> None:
        super().show_all()
        width = max(24, self.size.width - 8)
        for name in ("id", "title", "ticket", "config", "evidence", *_SECRETS):
            self.query_one(f"#note-{name}", LinesView).show(self._note(name, width))
        told = self._notes.get("")
        says: list[Line] = []
        if self._busy:
            says = [((f" {self.look.wait} Making the signing key and the record {self.look.more}", "wait"),)]
        elif told is not None:
            says = self._told(told, width)
        self.query_one("#says", LinesView).show(says)
        self.query_one("#yes", Button).disabled = self._busy

    def _note(self, name: str, width: int) -> list[Line]:
        fault = self._notes.get(name)
        if fault is not None:
            return self._told(fault, width)
        if name == "config" and self._protection == "file":
            text = "The signing key will be a plain file, as this configuration asks: whoever reads it can sign."
            return self._lines(text, "need", width)
        if name == "config" and self._protection == "keyring":
            return self._lines("The signing key's secret goes into your keyring.", "dim", width)
        if name == "passphrase" and self._protection == "passphrase":
            return self._lines("It unlocks the custody signing key. Nobody can restore it.", "dim", width)
        return []

    def _told(self, fault: Fault, width: int) -> list[Line]:
        look = self.look
        text = look.clean(fault.message, 600)
        if fault.next:
            text += f" {look.arrow} {look.clean(fault.next, 400)}"
        return self._lines(text, "need", width, look.warn)

    def _lines(self, text: str, tone: str, width: int, glyph: str = " ") -> list[Line]:
        pieces = wrap(self.look.plain(text), max(20, width - 4))
        return [((f"   {glyph if row == 0 else ' '} ", tone), (piece, tone)) for row, piece in enumerate(pieces)]

    # What is typed

    def _draft(self) -> Draft:
        value = {name: self.query_one(f"#{name}", PlainInput).value.strip() for name in Draft.__slots__}
        return Draft(**value)

    @on(Input.Changed)
    def _typed(self, event: Input.Changed) -> None:
        event.stop()
        self.front.draft = self._draft()
        name = event.input.id or ""
        if self._notes.pop(name, None) or self._notes.pop("", None):
            self.refill()

    @on(Input.Submitted)
    def _entered(self, event: Input.Submitted) -> None:
        event.stop()
        self.focus_next()

    @on(Input.Blurred, "#config")
    def _left_config(self) -> None:
        self._ask_protection()

    def _ask_protection(self) -> None:
        self.run_worker(self._find_protection(), group="protection", exclusive=True)

    async def _find_protection(self) -> None:
        try:
            self._protection = await asyncio.to_thread(protection_of, self._draft(), self.front.locations)
            self._notes.pop("config", None)
        except Wrong as fault:
            self._protection = None
            self._notes["config"] = fault
        self._show_secrets(self._protection == "passphrase")
        self.refill()

    def _show_secrets(self, wanted: bool) -> None:
        for name in _SECRETS:
            self.query_one(f"#row-{name}").display = wanted
            self.query_one(f"#note-{name}").display = wanted

    # Making it

    @on(Button.Pressed, "#yes")
    def _pressed(self) -> None:
        if not self._busy:
            self._busy = True
            self._notes.clear()
            self.refill()
            self.run_worker(self._make(), group="make", exclusive=True)

    async def _make(self) -> None:
        passphrase, again = (self.query_one(f"#{name}", Passphrase).value for name in _SECRETS)
        front = self.front
        try:
            made = await make(self._draft(), passphrase, again, front.cases, front.locations)
        except Fault as fault:
            self._busy = False
            field = fault.field if isinstance(fault, Wrong) else ""
            self._notes[field] = fault
            if field in _SECRETS:
                self._show_secrets(True)
            self.refill()
            self.query_one(f"#{field}" if field else "#yes").focus()
            return
        front.draft = Draft()
        self.finish(made)

    @on(Button.Pressed, "#no")
    def _cancelled(self) -> None:
        self.action_back()

    def action_back(self) -> None:
        if not self._busy:
            self.finish(None)
