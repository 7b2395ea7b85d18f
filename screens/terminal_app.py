"""What our applications share on a terminal: glyphs, colours, pace, and how they leave."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import threading
from collections.abc import Callable, Sequence
from typing import ClassVar, Generic, TypeVar

from textual import events
from textual.binding import Binding, BindingType
from textual.filter import LineFilter, Monochrome, NoColor

from app.ui_options import UiOptions
from screens.plain_paint import AsciiOnly, NoColour
from screens.present.look import ASCII, UNICODE, Look, choose_look, given_environment
from screens.theme import THEMES, choose_theme, theme_named
from screens.theme.mono import MONO
from screens.typeahead import OneKeyAtATime

Result = TypeVar("Result")
_HANGUP_S = 3.0
_NO_COLOUR, _ASCII_ONLY = NoColour(), AsciiOnly()


class TerminalApp(OneKeyAtATime[Result], Generic[Result]):
    """An application on a terminal that may be slow, colourless, out of sight, or suddenly gone.

    ``in_sight`` is False while the terminal says that its window has not the focus. Painting never stops then: a
    window without the focus may well be looked at, and a countdown that stands still would lie. It slows down.
    """

    ENABLE_COMMAND_PALETTE = False
    ALLOW_SELECT = False
    BINDINGS: ClassVar[list[BindingType]] = [Binding("ctrl+c", "help_quit", "leave", show=False, system=True)]

    def __init__(self, options: UiOptions, *, look: Look | None = None, theme: str | None = None) -> None:
        super().__init__()
        self.options = options
        self.look = look or look_of(options)
        self.animation_level = "none"
        for one in THEMES:
            self.register_theme(one)
        self.theme = theme or (theme_named(options.theme) or choose_theme(os.environ)).name
        self.in_sight = True

    def leave(self) -> None:
        """Leave in order, as the key for it does; also when the terminal or somebody's signal says so."""
        raise NotImplementedError

    def came_in_sight(self) -> None:
        """The window has the focus again: bring everything up to date."""

    @property
    def slow(self) -> bool:
        """Whether to paint what changes by itself less often."""
        return self.options.low_bandwidth or not self.in_sight

    @property
    def fault_of_its_own(self) -> Exception | None:
        """The exception that ended the screens, if one did."""
        return self._exception

    def catch_signals(self) -> None:
        """SIGHUP (the terminal is gone) and SIGTERM mean to leave. To be called when mounted."""
        loop = asyncio.get_running_loop()
        pairs: tuple[tuple[int, Callable[[], None]], ...] = (
            (signal.SIGHUP, self._hang_up),
            (signal.SIGTERM, self.leave),
        )
        for number, handler in pairs:
            with contextlib.suppress(ValueError, RuntimeError):  # not the main thread
                loop.add_signal_handler(number, handler)

    # What Textual asks

    def get_line_filters(self) -> Sequence[LineFilter]:
        filters = [one for one in super().get_line_filters() if not isinstance(one, Monochrome | NoColor)]
        if self.theme == MONO.name:
            filters.append(_NO_COLOUR)
        if self.look.ascii:
            filters.append(_ASCII_ONLY)
        return filters

    async def on_event(self, event: events.Event) -> None:
        if isinstance(event, events.Key | events.MouseDown):
            self._look_at(True)
        await super().on_event(event)

    def on_app_focus(self, event: events.AppFocus) -> None:
        event.prevent_default()
        self._look_at(True)

    def on_app_blur(self, event: events.AppBlur) -> None:
        # Textual would take the focus from the widget that has it: an open field would close behind one's back.
        event.prevent_default()
        self._look_at(False)

    def _look_at(self, seen: bool) -> None:
        if seen != self.in_sight:
            self.in_sight = seen
            if seen:
                self.came_in_sight()

    def _set_pointer_shape(self, shape: str) -> None:
        # Textual announces pointer shapes by OSC 22, which some terminals and multiplexers do not know.
        return

    def _fatal_error(self) -> None:
        # Textual would print a traceback with the values of all variables. A person gets a sentence instead
        # (see fault_of_its_own); under a test the exception itself is raised.
        self._close_messages_no_wait()

    def _hang_up(self) -> None:
        """The terminal is gone: leave in order, without ever writing to it again."""
        silent = os.open(os.devnull, os.O_RDWR)
        for number in (0, 1, 2):
            os.dup2(silent, number)
        os.close(silent)
        # If the writer thread died on the lost terminal first, leaving in order may hang; then leave anyhow.
        last = threading.Timer(_HANGUP_S, os._exit, (0,))
        last.daemon = True
        last.start()
        self.leave()


def look_of(options: UiOptions) -> Look:
    """The glyphs that the options name, or else those that the terminal's locale can show."""
    if options.ascii is None:
        return choose_look(given_environment())
    return ASCII if options.ascii else UNICODE
