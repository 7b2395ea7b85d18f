"""On a real terminal: the dropped connection, the polite end, terminals without UTF-8, colour, mouse or room."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from tests.screens.front import case, home
from tests.screens.hostile import ATTACKS, RAW
from tests.screens.terminal import CSI, Terminal

Env = Mapping[str, str]
NONE: Env = {}
SGR = re.compile(rb"\x1b\[([0-9;:]*)m")
MOUSE = re.compile(rb"\x1b\[\?(1000|1002|1003|1005|1006|1015|1016)h")
LEFT = (b"\x1b[?1049l", b"\x1b[?25h", b"\x1b[?2004l", b"\x1b[?1004l")
"""The main screen, the cursor, plain paste, no reports of focus."""


@contextmanager
def shown(folder: Path, *options: str, size: tuple[int, int] = (132, 40), env: Env = NONE) -> Iterator[Terminal]:
    """The seeded case on a terminal of that size, until its first frame is complete."""
    terminal = Terminal("tests.screens.demo", str(folder), *options, size=size, env=env)
    try:
        terminal.read_until("4 Cus" if size >= (60, 15) else "L-00")
        terminal.read_quiet(0.3)
        yield terminal
    finally:
        terminal.close()


def press(terminal: Terminal, *keys: str) -> None:
    """One key after the other; an Esc of its own is one only once nothing followed for a while."""
    for key in keys:
        terminal.send(key)
        terminal.read_quiet(0.35 if key == "\x1b" else 0.1, 3)


def leave(terminal: Terminal) -> None:
    terminal.send("q")
    terminal.read_until("comes back")
    assert terminal.end() == 0


def look_around(terminal: Terminal) -> None:
    """A filter, a dialog with a field, pages: what has colours of its own."""
    press(terminal, "2", "/", "web\r", "\x1b", "?", "\x1b[6~", "-", "l", "-", "3", "x", "\x1b", "4", "\r", "-")


def colours(written: bytes) -> set[bytes]:
    """Every SGR sequence that sets a colour."""
    found = set()
    for parameters in SGR.findall(written):
        for one in re.split(rb"[;:]", parameters):
            if one.isdigit() and (30 <= int(one) <= 49 or 90 <= int(one) <= 107):
                found.add(parameters)
    return found


def given_back(written: bytes) -> None:
    """Alternate screen, cursor, paste, focus reports and mouse are as they were before."""
    for sequence in LEFT:
        off = sequence[:-1] + (b"h" if sequence.endswith(b"l") else b"l")
        assert written.rfind(sequence) > written.rfind(off) >= 0, sequence
    for mode in (b"1000", b"1003", b"1006", b"1015"):
        assert written.rfind(b"\x1b[?" + mode + b"l") > written.rfind(b"\x1b[?" + mode + b"h") >= 0, mode


def test_a_lost_terminal_means_detach(tmp_path: Path) -> None:
    with shown(tmp_path) as terminal:
        terminal.hang_up()
        assert terminal.wait(20) == 0
    assert "session.detach" in (tmp_path / "calls.txt").read_text("utf-8")


def test_sigterm_means_detach_and_gives_the_terminal_back(tmp_path: Path) -> None:
    with shown(tmp_path) as terminal:
        terminal.process.terminate()
        terminal.read_until("Detached.")
        assert terminal.end() == 0
    given_back(terminal.written)


def test_leaving_gives_the_terminal_back_and_only_256_colours_were_used(tmp_path: Path) -> None:
    with shown(tmp_path) as terminal:  # there is no COLORTERM
        look_around(terminal)
        leave(terminal)
    given_back(terminal.written)
    used = colours(terminal.written)
    assert any(b"38;5;" in one for one in used)
    assert not [one for one in used if b"38;2" in one or b"48;2" in one]


def test_a_terminal_that_is_not_utf8_gets_ascii_only(tmp_path: Path) -> None:
    with shown(tmp_path, env={"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}) as terminal:
        leave(terminal)
    assert terminal.written.isascii()


def test_no_colour_no_mouse_and_ascii_alone_when_that_is_asked_for(tmp_path: Path) -> None:
    env = {"NO_COLOR": "1", "COLORTERM": "truecolor"}
    with shown(tmp_path, "--no-mouse", "--ascii", env=env) as terminal:
        look_around(terminal)
        leave(terminal)
    assert terminal.written.isascii()
    assert not MOUSE.search(terminal.written)
    assert colours(terminal.written) == set()
    told = {one for found in SGR.findall(terminal.written) for one in found.split(b";")}
    assert {b"1", b"4", b"7"} <= told  # weight, underline and reverse tell what colour told


def test_a_flag_wins_over_no_color_and_low_bandwidth_leaves_the_mouse(tmp_path: Path) -> None:
    with shown(tmp_path, "--theme", "256", "--low-bandwidth", env={"NO_COLOR": "1"}) as terminal:
        leave(terminal)
    assert any(b"38;5" in one for one in colours(terminal.written))
    assert not MOUSE.search(terminal.written)


def test_any_size_starts_resizes_and_leaves(tmp_path: Path) -> None:
    with shown(tmp_path, size=(10, 3)) as terminal:
        for size in ((20, 5), (1, 1), (250, 70), (10, 3)):
            terminal.resize(*size)
            press(terminal, "2", "z", "?", "-")
        leave(terminal)
    given_back(terminal.written)


def test_losing_the_focus_closes_nothing_and_stops_nothing(tmp_path: Path) -> None:
    with shown(tmp_path) as terminal:
        press(terminal, "2", "/", "we")
        terminal.send("\x1b[O")  # another window has the focus now
        terminal.read_until("agent")  # the next line of custody is painted all the same
        terminal.send("\x1b[I" + "b")  # and back: the field is still open
        terminal.read_until("/web")
        press(terminal, "\x1b")
        leave(terminal)


# Before a case is open


@contextmanager
def cases(folder: Path, *options: str, size: tuple[int, int] = (80, 24), env: Env = NONE) -> Iterator[Terminal]:
    env = {"HOME": str(folder), "XDG_RUNTIME_DIR": "", "JUMPBAG_CASES": "", **env}
    terminal = Terminal("jumpbag", *options, size=size, env=env)
    try:
        terminal.read_until("new case")
        terminal.read_quiet(0.3)
        yield terminal
    finally:
        terminal.close()


def test_first_run_takes_the_options_of_the_screens(tmp_path: Path) -> None:
    with cases(tmp_path, "--no-mouse", "--ascii", env={"NO_COLOR": "1"}) as terminal:
        terminal.send("n")
        terminal.read_until("Once more")
        press(terminal, "\x1b")
        terminal.send("q")
        assert terminal.end() == 0
    assert terminal.written.isascii()
    assert colours(terminal.written) == set() and not MOUSE.search(terminal.written)


def test_first_run_survives_a_lost_terminal(tmp_path: Path) -> None:
    locations = home(tmp_path)
    for number, title in enumerate(ATTACKS[:6]):  # whatever their titles are
        case(locations, f"IR-{number}", title, title)
    with cases(tmp_path, "--cases", size=(132, 30)) as terminal:
        terminal.hang_up()
        assert terminal.wait(20) == 0
    text = CSI.sub(b"", terminal.written).decode("utf-8")
    assert "\\x1b]52" in text and not [raw for raw in RAW if raw in text]


def test_the_doctor_sees_the_terminal_from_inside(tmp_path: Path) -> None:
    with cases(tmp_path, size=(90, 44)) as terminal:
        terminal.send("d")
        terminal.read_until("90x44")
        press(terminal, "q", "q")
        assert terminal.end() == 0
    given_back(terminal.written)


def test_a_wrong_options_file_is_one_line(tmp_path: Path) -> None:
    locations = home(tmp_path)
    case(locations, "IR-1")
    locations.ui_file.write_text("refresh = 0\n")
    terminal = Terminal("jumpbag", env={"HOME": str(tmp_path), "JUMPBAG_CASES": ""})
    try:
        terminal.read_until("refresh is 0")
        assert terminal.end() == 2
    finally:
        terminal.close()
    assert b"ui.toml" in terminal.written and b"Traceback" not in terminal.written
    assert b"\x1b[?1049h" not in terminal.written
