"""``jumpbag info`` names every path and option of the screens, and what set it."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

import pytest

from app.cli.info import info
from app.cli.session import Session
from jumpbag import judge_keymap


def session_of(*, json: bool) -> Session:
    return Session(argparse.Namespace(json=json, cases_dir=None, passphrase_fd=None, case=None))


@pytest.fixture
def told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Any:
    monkeypatch.setenv("HOME", str(tmp_path))
    for name in ("XDG_CONFIG_HOME", "JUMPBAG_ASCII", "JUMPBAG_CASES", "NO_COLOR"):
        monkeypatch.delenv(name, raising=False)

    def ask() -> dict[str, tuple[Any, str]]:
        session = session_of(json=True)
        assert info(session, judge_keymap) == 0
        return {row["name"]: (row["value"], row["set_by"]) for row in json.loads(capsys.readouterr().out)}

    return ask


def test_the_screens_options_and_files_are_told(
    told: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = tmp_path / ".config/jumpbag"
    rows = told()
    assert rows["keymap"] == (str(config / "keymap.toml"), "default")
    assert rows["playbooks"] == (str(config / "playbooks"), "default")
    assert Path(rows["playbooks of the program"][0]).is_dir()
    assert rows["screens.refresh"] == (0.25, "default") and rows["screens.ascii"] == (None, "default")
    file = config / "ui.toml"
    file.parent.mkdir(parents=True)
    file.write_text('low_bandwidth = true\ntheme = "dark"\n')
    monkeypatch.setenv("NO_COLOR", "1")
    rows = told()
    assert rows["screens"] == (str(file), "default")
    assert rows["screens.low_bandwidth"] == (True, str(file))
    assert rows["screens.theme"] == ("mono", "NO_COLOR")
    assert rows["screens.mouse"] == (False, "low_bandwidth")


def test_a_file_that_cannot_be_used_is_told_with_its_key(told: Any, tmp_path: Path) -> None:
    file = tmp_path / ".config/jumpbag/ui.toml"
    file.parent.mkdir(parents=True)
    file.write_text("mous = true\n")
    rows = told()
    assert "unknown key mous" in rows["screens"][0] and "did you mean 'mouse'" in rows["screens"][0]
    assert "screens.mouse" not in rows


def test_what_of_the_keymap_cannot_hold_is_listed(
    told: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / ".config/jumpbag/keymap.toml"
    assert told()["keymap.left_out"] == ([], str(file))
    assert info(session_of(json=False), judge_keymap) == 0
    assert "keymap.left_out" not in capsys.readouterr().out
    file.parent.mkdir(parents=True)
    file.write_text('[keys]\n"cases.new" = "f2"\n"resources.aquire" = "f5"\n"filter" = "z"\n"a\u202e" = "f3"\n')
    rows = told()
    assert rows["keymap"] == (str(file), "default")
    assert rows["keymap.left_out"] == (
        [
            "keys.resources.aquire is no command; did you mean resources.acquire?",
            "keys.a\\u202e is no command",
            "keys.filter = z is the key of pane.zoom; the shipped key stays",
        ],
        str(file),
    )
    assert info(session_of(json=False), judge_keymap) == 0
    lines = [line for line in capsys.readouterr().out.split("\n") if line.startswith("keymap.left_out ")]
    assert len(lines) == 3 and "did you mean resources.acquire?" in lines[0]
    file.write_text("[keys")
    (whole,) = told()["keymap.left_out"][0]
    assert whole.endswith("; the shipped keys are in force") and str(file) not in whole
