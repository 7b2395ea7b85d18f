"""Keys as a terminal sends them, byte by byte: Esc is one of them, also in one packet with the next."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from textual import events
from textual._ansi_sequences import ANSI_SEQUENCES_KEYS
from textual._xterm_parser import XTermParser
from textual.message import Message

from screens.keyboard import KeyParser
from tests.bench.glass import Glass
from tests.screens.terminal import Terminal


def read(*pieces: str, parser: XTermParser | None = None) -> list[str | Message]:
    """What the pieces mean, each as soon as it came: the names of keys, and other messages as they are; then
    nothing comes any more."""
    parser = parser or KeyParser()
    found = [message for piece in pieces for message in parser.feed(piece)]
    if parser._timeout_time is not None:
        parser._timeout_time = 0.0
        found += parser.tick()
    return [one.key if isinstance(one, events.Key) else one for one in found]


@pytest.mark.parametrize(
    ("sent", "keys"),
    [
        ("l\x1bE", "l escape E"),
        ("E\x1bl\x1b2", "E escape l escape 2"),
        ("\x1b2\x1b-\x1b/", "escape 2 escape minus escape slash"),  # characters of other keyboards
        ("\x1bf\x1bb", "escape f escape b"),
        ("\x1b\r\x1b\t", "escape enter escape tab"),
        ("\x1b\x1b\x1b", "escape escape escape"),
        ("\x1bO", "escape O"),
        ("\x1bO\x1bx", "escape O escape x"),
        ("\x1b\x7f", "ctrl+w"),
        ("\x1b\u00e9", "escape \u00e9"),
        ("^", "circumflex_accent"),
        ("\x1b[A\x1b[6~\x1bOP\x1b[15~\x1b[1;2P\x1b[Z", "up pagedown f1 f5 shift+f1 shift+tab"),
        ("\x1b\x1b[A\x1b[B", "escape up down"),
        ("\x1b[[A", "f1"),
        ("\x1b[27u\x1b[108;3u", "escape alt+l"),  # terminals that tell Alt from Esc
        ("\x1b[?62;1;2c\x1b[?7nx", "x"),  # what is not known acts as nothing
    ],
)
def test_escape_is_a_key_and_sequences_stay_whole(sent: str, keys: str) -> None:
    assert read(sent) == keys.split()
    assert read(*sent) == keys.split()  # in whatever pieces they come


def test_every_sequence_that_is_known_means_what_textual_says() -> None:
    for sent in ANSI_SEQUENCES_KEYS:
        if sent[:2] in ("\x1b[", "\x1bO"):
            assert read(sent) == read(sent, parser=XTermParser()), repr(sent)


def test_reports_of_the_terminal_are_still_read() -> None:
    lost, seen = read("\x1b[O\x1b[I")
    assert isinstance(lost, events.AppBlur) and isinstance(seen, events.AppFocus)
    (pressed,) = read("\x1b[<0;4;5M")
    assert isinstance(pressed, events.MouseDown) and (pressed.x, pressed.y) == (3, 4)


def test_what_is_pasted_is_text_whatever_stands_in_it() -> None:
    for pieces in (
        ("\x1b[200~a\x1bSb\x1b[20\x1b[2x\x1b[201~\x1bE",),
        tuple("\x1b[200~a\x1bSb\x1b[20\x1b[2x\x1b[201~\x1bE"),
    ):
        pasted, *keys = read(*pieces)
        assert isinstance(pasted, events.Paste) and pasted.text == "aSb[20[2x"
        assert keys == ["escape", "E"]


@contextmanager
def bench(folder: Path) -> Iterator[Terminal]:
    terminal = Terminal("tests.screens.demo", str(folder), "--still")
    try:
        terminal.read_until("4 Cus")
        terminal.read_quiet(0.3)
        yield terminal
    finally:
        terminal.close()


def until(terminal: Terminal, *words: str) -> str:
    """The screen once it shows all of that at the same time, and nothing more comes."""
    deadline = time.monotonic() + 20
    while True:
        terminal.read_quiet(0.3, 2)
        glass = Glass(132, 40)
        glass.feed(terminal.written)
        if all(word in glass.text for word in words):
            return glass.text
        assert time.monotonic() < deadline, f"never saw {words} in:\n{glass.shown}"


def test_a_page_is_left_and_the_next_opened_in_one_packet(tmp_path: Path) -> None:
    with bench(tmp_path) as terminal:
        terminal.send("l\x1bE")
        until(terminal, "IR-42 \u203a evidence")
        terminal.send("\x1bl\x1b")
        seen = until(terminal, "1 Accounts", "2 Resources")
        assert "evidence" not in seen.splitlines()[-1]
        terminal.send("E\x1bl\x1b2\x1b[B\x1b[B")  # nothing is left on top of anything
        until(terminal, "1 Accounts", "\u2500 3/")


def test_bytes_that_are_no_characters_end_nothing(tmp_path: Path) -> None:
    with bench(tmp_path) as terminal:
        terminal.send_bytes(b"\xff\xfe\xe9l")
        until(terminal, "leases")
        terminal.send("\x1bq")
        assert terminal.end() == 0
