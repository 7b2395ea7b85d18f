"""What the UI process may load, and which keys it may take."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

from textual.binding import Binding

from screens.cases.commands import EVERY
from screens.command.catalogue import COMMANDS, bindings
from screens.command.keymap import TOGETHER
from screens.command.registry import BANNED, SECTIONS
from screens.theme import THEMES, choose_theme

SCREENS = Path(__file__).resolve().parents[2] / "screens"
HEAVY = (
    "boto3",
    "botocore",
    "aiobotocore",
    "dbos",
    "moto",
    "pycurl",
    "sqlalchemy",
    "app.agent",
    "app.acquisition",
    "app.transfer",
    "providers",
    "aiohttp",
    "cryptography",
)


def test_the_ui_process_loads_no_sdk_and_no_engine() -> None:
    code = "import sys, screens.root, screens.cases.application; print('\\n'.join(sys.modules))"
    loaded = subprocess.run(
        [sys.executable, "-c", code], cwd=SCREENS.parent, check=True, capture_output=True, text=True, timeout=60
    ).stdout.split()
    assert "textual.app" in loaded
    found = [name for name in loaded if any(name == heavy or name.startswith(heavy + ".") for heavy in HEAVY)]
    assert found == []


def test_no_default_key_belongs_to_tmux_or_flow_control() -> None:
    for command in EVERY.commands:
        for key in command.keys.split(","):
            assert key not in BANNED and "alt+" not in key, command.id
            assert not (command.writes and key.startswith("ctrl+")), (
                f"{command.id}: no Ctrl+letter for what writes"
            )


def test_a_key_that_moves_writes_nothing() -> None:
    moving = {key for one in EVERY.commands if one.section == "lists" for key in one.keys.split(",")}
    assert not [one.id for one in EVERY.commands if one.writes and moving & set(one.keys.split(","))]


def test_commands_have_ids_and_words_of_their_own() -> None:
    ids = [command.id for command in EVERY.commands]
    words = [word for command in EVERY.commands for word in command.names]
    assert len(ids) == len(set(ids)) and len(words) == len(set(words))
    for command in EVERY.commands:
        assert not command.takes or command.names, f"{command.id} takes an argument, so it needs a word"
        assert command.keys or command.names, f"{command.id} can be reached by nothing"


def test_what_is_in_force_together_binds_a_key_once() -> None:
    """But for "everywhere": a page of its own may have another meaning for one of those keys."""
    pages = [tuple(section for section in group if section != "everywhere") for group in TOGETHER]
    for together in (
        *pages,
        ("everywhere", "back", "lists"),
        ("everywhere", "panes", "lists"),
    ):
        taken = [key for one in EVERY.commands if one.section in together for key in one.keys.split(",") if key]
        assert len(taken) == len(set(taken)), (together, sorted(key for key in taken if taken.count(key) > 1))
    assert {command.section for command in COMMANDS} <= set(SECTIONS)
    assert {command.section for command in EVERY.commands} <= {section for group in TOGETHER for section in group}
    assert all(isinstance(one, Binding) and one.id for one in bindings(*SECTIONS))


def test_colours_stand_in_the_themes_alone() -> None:
    for path in SCREENS.rglob("*"):
        if path.suffix in (".py", ".tcss") and path.parent.name != "theme":
            assert not re.search(r"#[0-9a-fA-F]{6}\b", path.read_text("utf-8")), path


def test_every_theme_defines_the_same_variables() -> None:
    first, *others = (set(theme.variables) for theme in THEMES)
    assert all(other == first for other in others)


def test_the_256_colour_theme_rounds_nothing() -> None:
    ramp = {f"{8 + 10 * step:02x}" * 3 for step in range(24)}
    cube = {"00", "5f", "87", "af", "d7", "ff"}
    safe = next(theme for theme in THEMES if theme.name == "jumpbag-256")
    for name, value in safe.variables.items():
        if value.startswith("#"):
            digits = value[1:]
            pairs = {digits[0:2], digits[2:4], digits[4:6]}
            assert digits in ramp or pairs <= cube, (name, value)


def test_the_theme_follows_the_terminal() -> None:
    assert choose_theme({"NO_COLOR": "1", "TERM": "xterm", "COLORTERM": "truecolor"}).name == "jumpbag-mono"
    assert choose_theme({"TERM": "xterm-256color", "COLORTERM": "truecolor"}).name == "jumpbag-dark"
    assert choose_theme({"TERM": "screen-256color"}).name == "jumpbag-256"
    assert choose_theme({"TERM": "dumb"}).name == "jumpbag-mono"


def test_files_fit_in_one_sitting() -> None:
    for path in SCREENS.rglob("*.py"):
        assert len(path.read_text("utf-8").splitlines()) <= 400, path
