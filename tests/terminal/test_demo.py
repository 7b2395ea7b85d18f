"""The main job as a person does it: `jumpbag demo`, a keyboard, a screen."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest

from providers.emulators.range import DEFAULT_SCENARIO
from tests.terminal.homes import JUMPBAG, case_of, verb
from tests.terminal.tmux import Terminal, environment


def everything() -> int:
    """How many instances and disks the shipped scenario shows: all but those of accounts without the role."""
    aws = tomllib.loads((DEFAULT_SCENARIO / "scenario.toml").read_text("utf-8"))["aws"]
    closed = {account["id"] for account in aws["accounts"] if not account.get("role", True)}
    return sum(1 + len(one["volumes"]) for one in aws["instances"] if one["account"] not in closed)


def ask_for(screen: Terminal, instance: str) -> None:
    """From the first frame to the key that plans the acquisition of an instance's root disk."""
    screen.until("payments-prod", seconds=60)
    screen.keys("2", "/")
    screen.write(instance)
    screen.until(f"2 of {everything()}")  # the instance and its disk, when all that there is has come
    screen.keys("Enter", "Home", "Down", "a")


def to_the_plan(screen: Terminal, instance: str) -> None:
    ask_for(screen, instance)
    screen.until("ec2:CreateSnapshot", "Approve")


def approve(screen: Terminal) -> None:
    """Open the write window from the plan, then approve it."""
    screen.keys("w")
    screen.until("Open a write window")
    screen.keys("Enter", "Enter")
    screen.until("ARMED", "[ Approve ]")
    screen.keys("Right", "Enter")


@pytest.mark.parametrize(
    ("columns", "lines"),
    [(132, 40), pytest.param(80, 24, marks=pytest.mark.slow), pytest.param(200, 50, marks=pytest.mark.slow)],
)
def test_a_disk_is_acquired_by_keyboard_alone(home: Path, columns: int, lines: int) -> None:
    with Terminal([JUMPBAG, "demo"], environment(home), columns, lines) as screen:
        to_the_plan(screen, "web-01")
        approve(screen)
        screen.until("A-0001", "running")
        screen.until("sealed", "E-0001", seconds=90)
        screen.keys("4")
        screen.until("acquisition.finish"[:15])
        screen.keys("q")
        screen.until("EXIT=0")
        assert "Traceback" not in screen.screen()
    case = case_of(home)
    code, told = verb(home, "verify", case)
    assert (code, told["ok"]) == (0, True)
    assert [item["id"] for item in told["items"]] == ["E-0001"]


@pytest.mark.slow
def test_leaving_goes_on_and_coming_back_finds_it(home: Path) -> None:
    with Terminal([JUMPBAG, "demo"], environment(home), 100, 30) as screen:
        to_the_plan(screen, "web-01")
        approve(screen)
        screen.until("A-0001", "running")
        screen.keys("q")
        said = screen.until("EXIT=0")
        assert "A-0001 goes on" in said
    with Terminal([JUMPBAG, "demo"], environment(home), 100, 30) as screen:
        screen.until("payments-prod")
        screen.keys("3")
        screen.until("sealed", seconds=90)
        screen.keys("q")
        screen.until("EXIT=0")
    assert verb(home, "verify", case_of(home))[0] == 0


def test_an_untagged_disk_is_refused_in_words_and_nothing_happens(home: Path) -> None:
    with Terminal([JUMPBAG, "demo"], environment(home), 132, 40) as screen:
        ask_for(screen, "web-02")
        screen.until("refused", "ask the owner", "Nothing was changed")
        screen.keys("Escape")
        screen.until("1 Accounts")
        screen.keys("q")
        screen.until("EXIT=0")
    code, events = verb(home, "custody", case_of(home))
    assert code == 0
    assert not [event for event in events if event["op"] in ("plan.approve", "snapshot.create")]


def test_a_cancel_needs_its_word(home: Path) -> None:
    with Terminal([JUMPBAG, "demo"], environment(home), 132, 40) as screen:
        to_the_plan(screen, "web-01")
        approve(screen)
        screen.until("A-0001", "running")
        screen.keys("3", "p")
        screen.until("paused")
        screen.keys("x")
        screen.until("Cancel", "A-0001")
        screen.keys("Enter")  # the focus is on Cancel: nothing happens
        screen.until("paused")
        screen.keys("x")
        screen.write("A-0001")
        screen.keys("Enter", "Enter")  # from the word to the button, and the button
        screen.until("cancelled")
        screen.keys("q")
        screen.until("EXIT=0")
    _, rows = verb(home, "acquisitions", case_of(home))
    assert rows[0]["state"] == "cancelled"
