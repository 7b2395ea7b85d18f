"""A storm of sizes: it ends in the very screen that a fresh start shows, and nothing falls over on the way."""

from __future__ import annotations

import random
import sys
import time
from pathlib import Path

import pytest

from tests.screens.terminal import ROOT
from tests.terminal.tmux import Terminal, environment

pytestmark = pytest.mark.slow


def screens(folder: Path, columns: int, lines: int) -> Terminal:
    """The seeded case with a clock that stands still, in a window of tmux."""
    folder.mkdir(exist_ok=True)
    command = [sys.executable, "-m", "tests.screens.demo", str(folder), "--still"]
    return Terminal(command, {**environment(folder), "PYTHONPATH": str(ROOT)}, columns, lines)


def settled(screen: Terminal) -> str:
    """The screen once it has stood still for a while."""
    seen, since = screen.screen(), time.monotonic()
    while time.monotonic() - since < 0.6:
        time.sleep(0.1)
        now = screen.screen()
        if now != seen:
            seen, since = now, time.monotonic()
    return seen


@pytest.mark.parametrize("keys", [(), pytest.param(("2", "z"), marks=pytest.mark.slow)])
def test_a_storm_of_sizes_ends_in_the_same_screen(tmp_path: Path, keys: tuple[str, ...]) -> None:
    dice = random.Random(len(keys))
    with screens(tmp_path / "storm", 132, 40) as storm:
        storm.until("4 Custody", "snapshot.create")
        storm.keys(*keys)
        for columns, lines in ((132, 40), (20, 5), (80, 24), (200, 50)):
            for _ in range(50):
                small = dice.random() < 0.3
                storm.resize(dice.randint(20, 250) if small else dice.randint(80, 250),
                             dice.randint(5, 70) if small else dice.randint(24, 70))  # fmt: skip
            storm.resize(columns, lines)
            with screens(tmp_path / "fresh", columns, lines) as fresh:
                fresh.until("L-0003")
                settled(fresh)
                fresh.keys(*keys)
                wanted = settled(fresh)
            storm.until(wanted.rstrip("\n"), seconds=20)
        storm.keys("q")
        storm.until("EXIT=0")
