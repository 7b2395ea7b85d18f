"""Directories that are private: made so, taken so, and never reached through a symbolic link."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest

from app.locations import Locations, private_directory


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_it_is_made_or_taken_and_nobody_else_may_look_in(tmp_path: Path) -> None:
    there = tmp_path / "there"
    there.mkdir()
    there.chmod(0o755)
    for path in (there, tmp_path / "new" / "inside"):
        assert private_directory(path) == path and mode(path) == 0o700


@pytest.mark.parametrize("where", ["elsewhere", "nowhere"])
def test_a_symbolic_link_in_its_place_is_refused(tmp_path: Path, where: str) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    elsewhere.chmod(0o755)
    (tmp_path / "link").symlink_to(tmp_path / where)
    with pytest.raises(PermissionError, match="symbolic link"):
        private_directory(tmp_path / "link")
    assert mode(elsewhere) == 0o755 and not (tmp_path / "nowhere").exists()


def test_the_cases_may_lie_on_another_disk(tmp_path: Path) -> None:
    (tmp_path / "disk").mkdir()
    (tmp_path / "cases").symlink_to(tmp_path / "disk")
    assert Locations({"JUMPBAG_CASES": str(tmp_path / "cases")}).cases == (tmp_path / "disk").resolve()
