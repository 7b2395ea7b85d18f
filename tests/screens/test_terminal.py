"""On a real terminal: the dropped connection, the polite end, the terminal that knows no UTF-8."""

from __future__ import annotations

from pathlib import Path

from tests.screens.terminal import Terminal


def test_a_lost_terminal_means_detach(tmp_path: Path) -> None:
    terminal = Terminal("tests.screens.demo", str(tmp_path))
    try:
        terminal.read_until("4 Custody")
        terminal.read_quiet(0.2)
        terminal.hang_up()
        assert terminal.wait(20) == 0
    finally:
        terminal.close()
    assert "session.detach" in (tmp_path / "calls.txt").read_text("utf-8")


def test_sigterm_means_detach_and_gives_the_terminal_back(tmp_path: Path) -> None:
    terminal = Terminal("tests.screens.demo", str(tmp_path))
    try:
        terminal.read_until("4 Custody")
        terminal.process.terminate()
        terminal.read_until("Detached.")
        assert terminal.wait(20) == 0
    finally:
        terminal.close()
    assert b"\x1b[?1049l" in terminal.written  # the alternate screen is left
    assert b"\x1b[?1003l" in terminal.written or b"\x1b[?1000l" in terminal.written  # the mouse is given back


def test_a_terminal_that_is_not_utf8_gets_ascii_only(tmp_path: Path) -> None:
    terminal = Terminal(
        "tests.screens.demo", str(tmp_path), env={"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
    )
    try:
        terminal.read_until("4 Custody")
        terminal.read_quiet(0.2)
        terminal.send("q")
        assert terminal.wait(20) == 0
    finally:
        terminal.close()
    assert terminal.written.isascii()
