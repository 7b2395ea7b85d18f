"""How the screens are shown: built in, the user's file, environment, flag; each wins over the one before."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

import pytest

from app.faults import Usage
from app.ui_options import UiOptions, add_flags, given, resolve


def flags(*arguments: str) -> dict[str, Any]:
    parser = argparse.ArgumentParser()
    add_flags(parser)
    return given(parser.parse_args(arguments))


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "ui.toml"


def test_nothing_said_is_as_built_in(file: Path) -> None:
    told = resolve(file, {}, {})
    assert told.options == UiOptions(mouse=True, low_bandwidth=False, refresh_s=0.25, ascii=None, theme="auto")
    assert set(told.set_by.values()) == {"default"}


def test_each_place_wins_over_the_one_before(file: Path) -> None:
    file.write_text('mouse = false\nrefresh = 2\nascii = false\ntheme = "dark"\n')
    told = resolve(file, {}, {})
    assert told.options == UiOptions(mouse=False, refresh_s=2.0, ascii=False, theme="dark")
    assert {told.set_by[name] for name in ("mouse", "refresh_s", "ascii", "theme")} == {str(file)}
    told = resolve(file, {"JUMPBAG_ASCII": "1", "NO_COLOR": ""}, {})
    assert (told.options.ascii, told.options.theme) == (True, "mono")
    assert (told.set_by["ascii"], told.set_by["theme"]) == ("JUMPBAG_ASCII", "NO_COLOR")
    told = resolve(
        file,
        {"JUMPBAG_ASCII": "1", "NO_COLOR": "1"},
        flags("--no-ascii", "--theme", "256", "--mouse", "--refresh", "60"),
    )
    assert told.options == UiOptions(mouse=True, refresh_s=60.0, ascii=False, theme="256")
    assert set(told.set_by.values()) == {"command line", "default"}


def test_low_bandwidth_brings_its_own_pace_and_no_mouse(file: Path) -> None:
    told = resolve(file, {}, flags("--low-bandwidth"))
    assert told.options == UiOptions(mouse=False, low_bandwidth=True, refresh_s=1.0)
    assert told.set_by["mouse"] == told.set_by["refresh_s"] == "low_bandwidth"
    file.write_text("refresh = 5\n")
    assert resolve(file, {}, flags("--low-bandwidth")).options.refresh_s == 5.0
    asked = resolve(file, {}, flags("--low-bandwidth", "--mouse", "--refresh", "0.25")).options
    assert (asked.mouse, asked.refresh_s) == (True, 0.25)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("mose = true", ("unknown key mose", "did you mean 'mouse'")),
        ("colour = 1", ("unknown key colour", "known here: ascii, low_bandwidth, mouse, refresh, theme")),
        ("mouse = 1", ("mouse is 1", "true or false")),
        ("refresh = 0.1", ("refresh is 0.1", "from 0.25 to 60")),
        ("refresh = true", ("refresh is True", "from 0.25 to 60")),
        ("refresh = nan", ("refresh is nan", "from 0.25 to 60")),
        ('theme = "neon"', ("theme is neon", '"mono"')),
        ("theme = []", ("theme is []", '"mono"')),
        ('theme = "\\u001b[2J"', ("\\x1b[2J",)),
        ("mouse = !", ("line 1", "mend the TOML")),
        ("x = " + "[" * 3000, ("TOML",)),
    ],
)
def test_an_error_names_file_and_key_and_what_to_write(file: Path, text: str, words: tuple[str, ...]) -> None:
    file.write_text(text)
    with pytest.raises(Usage) as caught:
        resolve(file, {}, {})
    said = f"{caught.value.message} {caught.value.next}"
    assert str(file) in said and "\x1b" not in said
    assert all(word in said for word in words), said


def test_what_is_no_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(Usage):
        resolve(tmp_path, {}, {})


@pytest.mark.parametrize("text", ["0", "0.2", "61", "-1", "nan", "inf", "soon", ""])
def test_a_refresh_out_of_bounds_is_refused(text: str) -> None:
    with pytest.raises(SystemExit):
        flags("--refresh", text)
