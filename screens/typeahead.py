"""Keys typed ahead: each one is finished before the next is looked at.

A key may move the focus or open a screen, and both take a few turns of the loop. On a slow line keys arrive in
bunches; without this, ``/web`` would open the filter and let ``web`` act on the list behind it. Esc is a key like
the others, whatever follows it: see ``keyboard.py``.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Generic, TypeVar

from textual import events
from textual.driver import Driver
from textual.drivers.linux_driver import LinuxDriver
from textual.message_pump import MessagePump

from screens.keyboard import KeyboardDriver
from screens.updates import ChangedCellsApp

Result = TypeVar("Result")
_PASSES = 2  # once for the key itself, once for the messages that its action sent
_PATIENCE_S = 1.5  # a widget that goes away may take its turn with it


class OneKeyAtATime(ChangedCellsApp[Result], Generic[Result]):
    """An application whose keys wait for each other."""

    def __init__(self) -> None:
        super().__init__()
        self._waiting_keys: deque[events.Key] = deque()
        self._turn: object | None = None

    def get_driver_class(self) -> type[Driver]:
        """Textual's choice, but with the keyboard read as ours."""
        found = super().get_driver_class()
        return KeyboardDriver if found is LinuxDriver else found

    async def on_event(self, event: events.Event) -> None:
        """Hold keys back while one is under way; everything else goes its way."""
        if isinstance(event, events.Key) and not event.is_forwarded:
            if self._turn is not None:
                self._waiting_keys.append(event)
                return
            await self._take(event)
            return
        await super().on_event(event)

    async def _take(self, event: events.Key) -> None:
        turn = self._turn = object()
        self.set_timer(_PATIENCE_S, lambda: self._finished(turn))
        await super().on_event(event)
        self._settle(turn, _PASSES)

    def _settle(self, turn: object, passes: int) -> None:
        """Pass behind all that is queued from the focused widget up to the application."""
        if passes == 0:
            self.screen.call_after_refresh(self.call_later, self._finished, turn)
            return
        nodes: list[MessagePump] = list((self.focused or self.screen).ancestors_with_self)
        self._pass(nodes, lambda: self._settle(turn, passes - 1))

    def _pass(self, nodes: list[MessagePump], then: Callable[[], None]) -> None:
        while nodes:
            if nodes[0].call_later(self._pass, nodes[1:], then):
                return
            nodes = nodes[1:]  # that one is closing
        then()

    async def _finished(self, turn: object) -> None:
        if turn is not self._turn:
            return
        self._turn = None
        if self._waiting_keys and self.is_running:
            await self._take(self._waiting_keys.popleft())
