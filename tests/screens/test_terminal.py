"""On a real terminal: the dropped connection, the polite end, and terminals that know no UTF-8, colour or mouse."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.screens.front import case, home
from tests.screens.terminal import Terminal

SGR = re.compile(rb"\x1b\[([0-9;:]*)m")
MOUSE = re.compile(rb"\x1b\[\?(1000|1002|1003|1005|1006|1015|1016)h")
LEFT = (b"\x1b[?1049l", b"\x1b[?25h", b"\x1b[?2004l", b"\x1b[?1004l")
"""The main screen, the cursor, plain paste, no reports of focus."""


@contextmanager
def shown(folder: Path, *options: str, size: tuple[int, int] = (132, 40), **env: str) -> Iterator[Terminal]:
    """The seeded case on a terminal of that size, until its first frame is complete."""
    terminal = Terminal("tests.screens.demo", str(folder), *options, size=size, env=env)
    try:
        if size >= (60, 15):
            terminal.read_until("4 Cus")
        terminal.read_quiet(0.4)
        yield terminal
    finally:
        terminal.close()


def leave(terminal: Terminal, keys: str = "q") -> None:
    terminal.send(keys)
    terminal.read_until("comes back")
    assert terminal.wait(20) == 0


def look_around(terminal: Terminal) -> None:
    """A dialog, a field, pages: what has colours of its own."""
    for keys in ("2", "/", "web\r", "\x1b", "?", "\x1b[6~", "-", "l", "-", "3", "x", "\x1b", "4", "\r", "-"):
        terminal.send(keys)
        terminal.read_quiet(0.1)


def colours(written: bytes) -> set[bytes]:
    """Every SGR sequence that sets a colour."""
    found = set()
    for parameters in SGR.findall(written):
        for one in re.split(rb"[;:]", parameters):
            if one.isdigit() and (30 <= int(one) <= 49 or 90 <= int(one) <= 107):
                found.add(parameters)
    return found


def test_a_lost_terminal_means_detach(tmp_path: Path) -> None:
    with shown(tmp_path) as terminal:
        terminal.hang_up()
        assert terminal.wait(20) == 0
    assert "session.detach" in (tmp_path / "calls.txt").read_text("utf-8")


def test_sigterm_means_detach_and_gives_the_terminal_back(tmp_path: Path) -> None:
    with shown(tmp_path) as terminal:
        terminal.process.terminate()
        terminal.read_until("Detached.")
        assert terminal.wait(20) == 0
    given_back(terminal.written)


def test_leaving_gives_the_terminal_back(tmp_path: Path) -> None:
    with shown(tmp_path) as terminal:
        look_around(terminal)
        leave(terminal)
    given_back(terminal.written)


def given_back(written: bytes) -> None:
    for sequence in LEFT:
        off = sequence[:-1] + (b"h" if sequence.endswith(b"l") else b"l")
        assert written.rfind(sequence) > written.rfind(off) > 0, sequence
    for mode in (b"1000", b"1003", b"1006", b"1015"):
        assert written.rfind(b"\x1b[?" + mode + b"l") > written.rfind(b"\x1b[?" + mode + b"h") > 0, mode


def test_a_terminal_that_is_not_utf8_gets_ascii_only(tmp_path: Path) -> None:
    with shown(tmp_path, LC_ALL="C", PYTHONUTF8="0", PYTHONCOERCECLOCALE="0") as terminal:
        leave(terminal)
    assert terminal.written.isascii()


def test_ascii_may_be_asked_for(tmp_path: Path) -> None:
    with shown(tmp_path, "--ascii") as terminal:
        look_around(terminal)
        leave(terminal)
    assert terminal.written.isascii()


@pytest.mark.parametrize("by", ["variable", "flag"])
def test_without_colour_not_one_colour_byte_is_sent(tmp_path: Path, by: str) -> None:
    options, env = (["--theme", "mono"], {}) if by == "flag" else ([], {"NO_COLOR": "1", "COLORTERM": "truecolor"})
    with shown(tmp_path, *options, **env) as terminal:
        look_around(terminal)
        leave(terminal)
    assert colours(terminal.written) == set()
    assert {b"1", b"7"} <= set(SGR.findall(terminal.written))  # weight and reverse tell what colour told


def test_a_flag_wins_over_no_color(tmp_path: Path) -> None:
    with shown(tmp_path, "--theme", "256", NO_COLOR="1") as terminal:
        leave(terminal)
    assert any(b"38;5" in one for one in colours(terminal.written))


def test_without_colorterm_only_256_colours_are_used(tmp_path: Path) -> None:
    with shown(tmp_path, "--theme", "auto") as terminal:
        look_around(terminal)
        leave(terminal)
    used = colours(terminal.written)
    assert any(b"38;5;" in one for one in used)
    assert not [one for one in used if b"38;2" in one or b"48;2" in one]


@pytest.mark.parametrize("option", ["--no-mouse", "--low-bandwidth"])
def test_the_mouse_is_left_to_the_terminal(tmp_path: Path, option: str) -> None:
    with shown(tmp_path, option) as terminal:
        look_around(terminal)
        leave(terminal)
    assert not MOUSE.search(terminal.written)


@pytest.mark.parametrize("size", [(10, 3), (20, 5), (1, 1), (250, 70)])
def test_any_size_starts_and_leaves(tmp_path: Path, size: tuple[int, int]) -> None:
    with shown(tmp_path, size=size) as terminal:
        look_around(terminal)
        leave(terminal, "\x1b\x1bq")


def test_losing_the_focus_closes_nothing_and_stops_nothing(tmp_path: Path) -> None:
    with shown(tmp_path) as terminal:
        terminal.send("2/we")
        terminal.read_quiet(0.3)
        terminal.send("\x1b[O")  # another window has the focus
        terminal.read_until("MiB", 20)  # the screens live on
        terminal.send("\x1b[I" + "b")
        terminal.read_until("/web", 20)
        leave(terminal, "\x1bq")


# Before a case is open


@contextmanager
def cases(folder: Path, *options: str, size: tuple[int, int] = (80, 24), **env: str) -> Iterator[Terminal]:
    terminal = Terminal("jumpbag", *options, size=size, env={"HOME": str(folder), "XDG_RUNTIME_DIR": "", **env})
    try:
        if size >= (60, 15):
            terminal.read_until("new case")
        terminal.read_quiet(0.4)
        yield terminal
    finally:
        terminal.close()


def test_first_run_is_left_in_order(tmp_path: Path) -> None:
    with cases(tmp_path) as terminal:
        terminal.send("q")
        terminal.read_quiet()
        assert terminal.wait(20) == 0
    given_back(terminal.written)


def test_first_run_takes_the_options_of_the_screens(tmp_path: Path) -> None:
    with cases(tmp_path, "--no-mouse", "--ascii", NO_COLOR="1") as terminal:
        terminal.send("n")
        terminal.read_until("Once more")
        terminal.send("\x1b")
        terminal.read_quiet()
        terminal.send("q")
        terminal.read_quiet()
        assert terminal.wait(20) == 0
    assert terminal.written.isascii()
    assert colours(terminal.written) == set() and not MOUSE.search(terminal.written)


def test_first_run_survives_a_lost_terminal(tmp_path: Path) -> None:
    locations = home(tmp_path)
    case(locations, "IR-1")
    with cases(tmp_path, "--cases") as terminal:
        terminal.hang_up()
        assert terminal.wait(20) == 0


def test_the_doctor_sees_the_terminal_from_inside(tmp_path: Path) -> None:
    with cases(tmp_path, size=(90, 44)) as terminal:
        terminal.send("d")
        terminal.read_until("90x44")
        terminal.send("qq")
        terminal.read_quiet()
        assert terminal.wait(20) == 0


def test_a_wrong_options_file_is_one_line(tmp_path: Path) -> None:
    locations = home(tmp_path)
    case(locations, "IR-1")
    locations.ui_file.write_text("refresh = 0\n")
    terminal = Terminal("jumpbag", env={"HOME": str(tmp_path), "XDG_RUNTIME_DIR": ""})
    try:
        terminal.read_until("refresh is 0")
        assert terminal.wait(20) == 2
    finally:
        terminal.close()
    assert b"ui.toml" in terminal.written and b"Traceback" not in terminal.written
    assert b"\x1b[?1049h" not in terminal.written
