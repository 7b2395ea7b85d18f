"""A field for a passphrase: shown as stars, copied nowhere, taken exactly as it was typed."""

from __future__ import annotations

from rich.text import Text
from textual.widgets import Input


class Passphrase(Input):
    """Unlike :class:`PlainInput` it drops nothing: another prompt, or a file, has to give the very same text."""

    def __init__(self, *, id: str) -> None:  # noqa: A002 (Textual's own name)
        super().__init__(password=True, select_on_focus=False, id=id)
        self.cursor_blink = False

    @property
    def _value(self) -> Text:
        # Textual draws a bullet, which not every terminal knows.
        return Text("*" * len(self.value), no_wrap=True, overflow="ignore", end="")

    def action_copy(self) -> None:
        """A passphrase does not go to a clipboard."""

    def action_cut(self) -> None:
        """Nor this way."""
