"""Names from outside never act: not on the terminal, not on the application."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from pathlib import Path

import pytest

from screens.present.look import ASCII
from screens.widgets.plain_input import PlainInput
from tests.screens.conftest import Desk, OpenDesk
from tests.screens.hostile import RAW, hostile_commands, playbooks_of, seed_hostile
from tests.screens.terminal import CSI, Terminal

ALLOWED_CONTROLS = frozenset("\n\r")


@pytest.fixture
def terminal(tmp_path: Path) -> Iterator[Terminal]:
    seed_hostile(tmp_path / "case.sqlite").close()
    opened = Terminal("tests.screens.hostile", str(tmp_path))
    yield opened
    opened.close()


def test_no_control_byte_reaches_the_terminal_on_any_screen(terminal: Terminal, tmp_path: Path) -> None:
    terminal.read_until("4 Custody")
    terminal.read_quiet()
    begin = len(terminal.written)  # after Textual's own greeting
    for keys in (
        "2",
        "j",
        "\r",
        "\x1b[B",
        "-",
        "a",
        "P",
        "-",
        "\x1b[C\r",
        "\x1b",
        "-",
        "g",
        "a",
        "l",
        "r",
        "\x1b[6~",
        "G",
        "P",
        "-",
        "\x1b[C\r",
        "\x1b",
        "-",
        "3",
        "p",
        "j",
        "x",
        "\x1b",
        "\r",
        "\x1b[A\r",
        "-",
        "-",
        "4",
        "\r",
        "-",
        "v",
        "-",
        "l",
        "\r",
        "-",
        "-",
        "E",
        "j",
        "v",
        "\r",
        "G",
        "-",
        "-",
        "i",
        "-",
        "t",
        "j",
        "\r",
        "-",
        "\x10",
        "PWNED",
        "\x1b",
        ":",
        "res account=",
        "\x1b",
        "4",
        "/",
        "op=",
        "\r",
        "-",
        "1",
        "\x1b[B\x1b[B\r",
        "2",
        "/",
        "PWNED",
        "\r",
    ):
        terminal.send(keys)
        terminal.read_quiet(0.08)
    shown = terminal.written[begin:]
    terminal.send("\x1b")
    terminal.read_quiet()
    terminal.send("q")
    terminal.read_until("comes back")
    assert terminal.wait() == 0
    text = CSI.sub(b"", shown).decode("utf-8")
    for raw in RAW:
        assert raw not in text, repr(raw)
    bad = {char for char in text if unicodedata.category(char) in ("Cc", "Cf") and char not in ALLOWED_CONTROLS}
    assert bad == set()
    assert not re.search(rb"\x1b\[31;42m|\x1b\[2JP", shown)
    assert "\\x1b]52" in text and "\\u202e" in text  # they are shown, as escapes
    assert "[@click=app.detach]" in text  # and markup as the characters it is
    assert "session.detach" in (tmp_path / "calls.txt").read_text("utf-8")


async def everywhere(d: Desk) -> list[str]:
    """The text of every screen of the case."""
    seen = [d.text]
    for keys in (
        ["2", "z"],
        ["enter"],
        ["escape", "j", "a"],
        ["P"],
        ["escape", "right", "enter"],
        ["escape", "escape", "g", "a"],
        ["l", "r"],
        ["pagedown"],
        ["G"],
        ["P"],
        ["escape", "right", "enter"],
        ["escape", "escape", "3"],
        ["j", "x"],
        ["escape", "enter"],
        ["escape", "4", "enter"],
        ["escape", "v"],
        ["escape", "l"],
        ["enter"],
        ["escape", "escape", "E"],
        ["j", "v"],
        ["enter", "G"],
        ["escape", "escape", "2", "M", "a"],
        ["j", "enter"],
        ["escape", "pagedown"],
        ["right", "enter"],
        ["pagedown"],
        ["escape", "escape", "3", "enter"],
        ["tab", "G"],
        ["enter"],
        ["escape", "escape", "1", "j", "j", "o"],
        ["G"],
        ["escape", "i"],
        ["escape", "t"],
        ["j", "j"],
        ["escape", "colon"],
        ["escape", "ctrl+p"],
        ["escape"],
    ):
        await d.press(*keys)
        seen.append(d.text)
    return seen


@pytest.mark.parametrize(
    "size",
    [(80, 24), pytest.param((132, 40), marks=pytest.mark.slow), pytest.param((200, 50), marks=pytest.mark.slow)],
)
async def test_hostile_names_break_no_layout(desk: OpenDesk, tmp_path: Path, size: tuple[int, int]) -> None:
    async with desk(
        size=size, fill=seed_hostile, sources=playbooks_of(tmp_path), commands=hostile_commands()
    ) as d:
        texts = await everywhere(d)
        assert any("G-0001" in text for text in texts)
        assert size[0] < 100 or any("faulty.toml" in text for text in texts)
        for text in texts:
            assert not any(raw in text for raw in RAW)
            assert all(line.isprintable() for line in text.split("\n"))


@pytest.mark.slow
async def test_plain_ascii_means_plain_ascii(desk: OpenDesk, tmp_path: Path) -> None:
    async with desk(
        fill=seed_hostile, sources=playbooks_of(tmp_path), commands=hostile_commands(), look=ASCII
    ) as d:
        for text in await everywhere(d):
            assert text.isascii(), [char for char in text if not char.isascii()]


async def test_a_name_that_is_markup_cannot_be_clicked(desk: OpenDesk, tmp_path: Path) -> None:
    async with desk(fill=seed_hostile, sources=playbooks_of(tmp_path), commands=hostile_commands()) as d:
        lines = d.lines
        for y, line in enumerate(lines):
            for found in re.finditer(r"press me|@click", line):
                await d.pilot.click(offset=(found.start(), y))
        assert d.app.is_running and d.app.return_value is None
        assert d.commands.called("session.detach") == []


async def test_a_pasted_control_character_is_dropped() -> None:
    field = PlainInput()
    assert field.validate_value("a\x1b]52;c;x\x07b\u202ec\td") == "a]52;c;xbc d"
