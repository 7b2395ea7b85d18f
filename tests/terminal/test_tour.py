"""`jumpbag demo` and its tour, in a real terminal, by keys alone."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.terminal.homes import JUMPBAG, case_of, verb
from tests.terminal.tmux import Terminal, environment
from tests.terminal.tour import walk


@pytest.mark.parametrize(
    ("columns", "lines"),
    [(132, 40), pytest.param(80, 24, marks=pytest.mark.slow), pytest.param(200, 50, marks=pytest.mark.slow)],
)
def test_the_tour_is_walked_by_keys_alone(home: Path, columns: int, lines: int) -> None:
    seen: list[str] = []
    walk(
        lambda: Terminal([JUMPBAG, "demo"], environment(home), columns, lines),
        lambda name, screen: seen.append(screen.screen()),
    )
    assert not [text for text in seen if "Traceback" in text]
    case = case_of(home)
    code, told = verb(home, "verify", case)
    assert (code, told["ok"]) == (0, True), told
    _, events = verb(home, "custody", case)
    steps = {
        event["params"]["step"]: event["params"]["state"] for event in events if event["op"] == "playbook.step"
    }
    assert steps.pop("alert") == "by_hand" and set(steps.values()) == {"done"} and len(steps) == 9
    arms = [event["op"] for event in events if event["op"].startswith("session.")]
    assert arms.count("session.arm") == 1 and arms.count("session.disarm") == 1
