"""After a case was made: the fingerprint of its key, before anything else happens."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import ClassVar

from textual import on
from textual.binding import Binding, BindingType
from textual.containers import Horizontal
from textual.content import Content
from textual.widget import Widget
from textual.widgets import Button

from screens.cases.base import FrontScreen
from screens.cases.making import Made
from screens.present.cells import Line, wrap
from screens.widgets.page_lines import PageLines


class MadeScreen(FrontScreen[bool]):
    """Dismissed with whether to open the case now. Enter alone goes past nothing: the focus starts on the page."""

    AUTO_FOCUS = "#page"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "to_list", "to the cases", show=False),
        Binding("left,right", "app.focus_next", "choose", show=False),
    ]

    def __init__(self, made: Made) -> None:
        super().__init__()
        self._made = made

    @property
    def crumbs(self) -> Sequence[str]:
        return ("cases", self._made.case.id)

    @property
    def hints(self) -> Sequence[tuple[str, str]]:
        return (("Tab", "to the buttons"), ("Esc", "to the cases"))

    def body(self) -> Iterable[Widget]:
        page = PageLines(look=self.look, id="page")
        page.border_title = Content(self.look.clean(f"{self._made.case.id} is made", 80))
        yield page
        with Horizontal(id="buttons"):
            yield Button(Content("[ To the cases ]"), id="no")
            yield Button(Content("[ Noted: open the case ]"), id="yes")

    def show_all(self) -> None:
        super().show_all()
        page = self.query_one("#page", PageLines)
        if page.inner:
            page.show(self._lines(page.inner))

    def _lines(self, width: int) -> list[Line]:
        made, look = self._made, self.look
        out: list[Line] = [(("Note this fingerprint elsewhere, on paper or in the ticket:", "need"),), ()]
        print_ = made.fingerprint
        out += [((print_[at : at + width], "strong"),) for at in range(0, len(print_), max(16, width))]
        why = (
            "It names the key that signs this case's custody record. Whoever holds the record against it "
            f"(`jumpbag verify {look.clean(made.case.id)} --key FINGERPRINT`) knows that nobody put another "
            "record in its place. Kept beside the record alone it proves nothing."
        )
        out += [(), *(((piece, ""),) for piece in wrap(look.plain(why), width)), ()]
        kept = {
            "passphrase": "under your passphrase",
            "keyring": "with its secret in your keyring",
            "file": "as a plain file: whoever reads it can sign",
        }[made.case.settings.signing.protection]
        for name, value in (
            ("case", made.case.path),
            ("evidence", made.case.evidence),
            ("signing key", f"{self.front.locations.keys / (made.case.key + '.pem')}, {kept}"),
        ):
            for row, piece in enumerate(wrap(look.clean(value, 800), max(20, width - 14))):
                out.append(((f"{name if row == 0 else '':<14}", "head"), (piece, "")))
        return out

    @on(Button.Pressed)
    def _pressed(self, event: Button.Pressed) -> None:
        self.finish(event.button.id == "yes")

    def action_to_list(self) -> None:
        self.finish(False)
