"""How a screen ends: once, whoever ends it, and without taking another one with it.

Textual's dismiss closes whatever is on top, and closes one more where a button was pressed twice.
"""

from __future__ import annotations

from typing import TypeVar

from textual.screen import ModalScreen, Screen
from textual.widgets import Input

Result = TypeVar("Result")


class EndingScreen(Screen[Result]):
    """A screen that an answer of the agent may end as well as a key."""

    _ended_with: tuple[Result | None] | None = None  # as soon as nothing lies above it any more

    @property
    def is_open(self) -> bool:
        """It has not ended, and is on the stack: seen, or below another one."""
        return self._ended_with is None and self in self.app.screen_stack

    @property
    def is_typed_over(self) -> bool:
        """Text is typed in a screen above it: if that went, its keys would be commands here."""
        stack = self.app.screen_stack
        return any(one.query(Input) for one in stack[stack.index(self) + 1 :]) if self in stack else False

    def finish(self, result: Result | None = None) -> None:
        """Dismissed with that, unless it has ended already. What is only read above it is closed first; where text
        is typed, it ends after that."""
        if not self.is_open:
            return
        if self.is_typed_over:
            self._ended_with = (result,)
            return
        while self.app.screen is not self:
            self.app.pop_screen()
        self.dismiss(result)

    def on_screen_resume(self) -> None:
        if self._ended_with is not None and self.app.screen is self:
            (result,) = self._ended_with
            self.dismiss(result)


class Dialog(EndingScreen[Result], ModalScreen[Result]):
    """A question over the screen that asks it."""
