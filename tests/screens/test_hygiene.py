"""What the UI process may load, and which keys it may take."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

from textual.binding import Binding

from screens.keymap import BANNED, KEYS, SECTIONS, bindings
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
    code = "import sys, screens.root; print('\\n'.join(sys.modules))"
    loaded = subprocess.run(
        [sys.executable, "-c", code], cwd=SCREENS.parent, check=True, capture_output=True, text=True, timeout=60
    ).stdout.split()
    assert "textual.app" in loaded
    found = [name for name in loaded if any(name == heavy or name.startswith(heavy + ".") for heavy in HEAVY)]
    assert found == []


def test_no_default_key_belongs_to_tmux_or_flow_control() -> None:
    for key in KEYS:
        for one in key.keys.split(","):
            assert one not in BANNED and "alt+" not in one, key
            assert not re.fullmatch(r"ctrl\+[a-z]", one), f"{key}: no Ctrl+letter for anything"


def test_each_section_binds_a_key_once() -> None:
    for section in SECTIONS:
        taken = [one for key in KEYS if key.section == section for one in key.keys.split(",")]
        assert len(taken) == len(set(taken)), section
    assert all(isinstance(one, Binding) for one in bindings(*SECTIONS))
    assert {key.section for key in KEYS} == set(SECTIONS)


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
