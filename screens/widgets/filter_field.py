"""The line in which a filter is typed; it takes effect while typing."""

from __future__ import annotations

from typing import ClassVar

from textual.binding import Binding, BindingType
from textual.events import Blur
from textual.message import Message

from screens.widgets.plain_input import PlainInput


class FilterField(PlainInput):
    """Hidden until it is opened, then with its text selected, so that typing begins a new filter. Esc drops the
    filter, Enter and Down keep it."""

    DEFAULT_CSS = """
    FilterField {
        height: 1;
        border: none;
        padding: 0 1;
        background: $field-ground;
        &:focus { border: none; }
    }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "forget", "clear", show=False),
        Binding("down", "submit", "to the rows", show=False),
    ]

    class Closed(Message):
        """Typing ended. ``keep`` says whether the filter stays."""

        def __init__(self, keep: bool) -> None:
            super().__init__()
            self.keep = keep

    def __init__(self, placeholder: str) -> None:
        super().__init__(classes="filter", select_on_focus=True, placeholder=placeholder)
        self.cursor_blink = False
        self.display = False

    def action_forget(self) -> None:
        self.post_message(self.Closed(keep=False))

    async def action_submit(self) -> None:
        self.post_message(self.Closed(keep=True))

    def on_blur(self, event: Blur) -> None:
        if self.display:
            self.post_message(self.Closed(keep=True))
