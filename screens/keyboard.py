"""What a terminal sends, as keys: Esc is a key of its own, however soon another one follows.

The byte that a terminal sends for Esc also begins the sequences of arrows and function keys, and stands before the
key that is pressed together with Alt. Over a slow line Esc and the next key arrive together; Textual would take
them for Alt, or for a character of another keyboard, and lose one of them or both. No command has Alt, so here
they are two keys. Sequences (``ESC [`` and ``ESC O`` with what follows) stay whole, known or not.
"""

from __future__ import annotations

import os
import re
import selectors
from codecs import getincrementaldecoder
from collections.abc import Callable, Generator, Iterable

from textual import events
from textual._parser import Peek1, Read1
from textual._xterm_parser import (
    BRACKETED_PASTE_END,
    BRACKETED_PASTE_START,
    XTermParser,
    _re_mouse_event,
    _re_terminal_mode_response,
)
from textual.drivers.linux_driver import LinuxDriver
from textual.keys import Keys
from textual.message import Message

ESC = "\x1b"
_GIVEN_BACK = "escape-given-back"
_WHOLE = "[O\x7f"  # after Esc: sequences begin so; Alt-Backspace deletes a word
_CONTROL = re.compile(r"\x1b\[[0-?]*[ -/]*[@-~]")
_OPEN = ("\x1b[M", "\x1b[[")  # an old mouse report, a function key of the Linux console: more follows
_PIECE = 4096  # bytes
_SELECT_S = 0.1


class KeyParser(XTermParser):
    """Textual's parser, with the differences that the module describes."""

    def __init__(self, debug: bool = False) -> None:
        self._pasting = False
        self._held = ""  # of a paste: what may be the beginning of its end
        self._seen = ""  # outside of one: the last few characters
        super().__init__(debug)

    def feed(self, data: str) -> Iterable[Message]:
        """Keys, pastes and reports; "" is the end of all input."""
        kept = self._without_pasted_escapes(data)
        return super().feed(kept) if kept or not data else ()

    def parse(self, token_callback: Callable[[Message], None]) -> Generator[Read1 | Peek1, str, None]:
        def passed(token: Message) -> None:
            given_back = isinstance(token, events.Key) and token.key == _GIVEN_BACK
            token_callback(events.Key("escape", ESC) if given_back else token)

        return super().parse(passed)

    def _sequence_to_key_events(self, sequence: str, alt: bool = False) -> Iterable[events.Key]:
        if sequence == ESC:  # it began what turned out to be no sequence; under its own name Textual makes it a ^
            return [events.Key(_GIVEN_BACK, ESC)]
        if len(sequence) == 2 and sequence[0] == ESC and sequence[1] not in _WHOLE:
            alt, sequence = True, sequence[1]
        found = list(super()._sequence_to_key_events(sequence))
        if alt:
            return [events.Key("escape", ESC), *found]
        if not found and _unknown(sequence):
            return [events.Key(Keys.Ignore, sequence)]
        return found

    def _without_pasted_escapes(self, data: str) -> str:
        """An Esc in a paste would end it, and what is pasted would act as keys."""
        out: list[str] = []
        for char in data:
            if not self._pasting:
                out.append(char)
                self._seen = (self._seen + char)[-len(BRACKETED_PASTE_START) :]
                self._pasting = self._seen == BRACKETED_PASTE_START
                continue
            if not BRACKETED_PASTE_END.startswith(self._held + char):
                out.append(self._held.removeprefix(ESC))
                self._held = ""
            if BRACKETED_PASTE_END.startswith(self._held + char):
                self._held += char
            else:
                out.append(char)
            if self._held == BRACKETED_PASTE_END:
                out.append(self._held)
                self._held, self._seen, self._pasting = "", "", False
        return "".join(out)


def _unknown(sequence: str) -> bool:
    """A whole control sequence that is neither a key, of which the caller has looked, nor a report."""
    if not _CONTROL.fullmatch(sequence) or sequence in _OPEN:
        return False
    return not (_re_mouse_event.match(sequence) or _re_terminal_mode_response.match(sequence))


class KeyboardDriver(LinuxDriver):
    """Textual's driver, reading with :class:`KeyParser`; bytes that are no UTF-8 end nothing."""

    def run_input_thread(self) -> None:
        """Wait for input and pass on what it means."""
        parser = KeyParser(self._debug)
        decode = getincrementaldecoder("utf-8")("replace").decode
        with selectors.SelectSelector() as selector:
            selector.register(self.fileno, selectors.EVENT_READ)
            while not self.exit_event.is_set():
                if selector.select(_SELECT_S):
                    text = decode(os.read(self.fileno, _PIECE))
                    for message in parser.feed(text) if text else ():
                        self.process_message(message)
                for message in parser.tick():
                    self.process_message(message)
