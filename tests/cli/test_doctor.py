"""What the doctor says of terminal, tmux and files, and that each finding says what to do."""

from __future__ import annotations

from pathlib import Path

import pytest

from app.cli.fitness import Check, multiplexer, network_files, private_files, terminal


def named(checks: list[Check]) -> dict[str, Check]:
    return {check[0]: check for check in checks}


def test_a_good_terminal_needs_nothing() -> None:
    environ = {"TERM": "xterm-256color", "COLORTERM": "truecolor", "LANG": "en_GB.UTF-8"}
    for name, ok, found, fix in terminal(environ, (132, 40)):
        assert ok and found and not fix, name


@pytest.mark.parametrize(
    ("environ", "size", "name", "ok", "word"),
    [
        ({"TERM": "xterm", "LANG": "C.UTF-8"}, (79, 24), "terminal", False, "80x24"),
        ({"TERM": "xterm", "LANG": "C.UTF-8"}, (80, 23), "terminal", False, "80x24"),
        ({"TERM": "xterm", "LANG": "C"}, (80, 24), "characters", False, "LANG=C.UTF-8"),
        ({"TERM": "xterm"}, (80, 24), "characters", False, "LANG=C.UTF-8"),
        ({"TERM": "dumb", "LANG": "C.UTF-8"}, (80, 24), "colours", False, "TERM"),
        ({"TERM": "screen-256color", "LANG": "C.UTF-8"}, (80, 24), "colours", True, "COLORTERM"),
        ({"TERM": "xterm", "NO_COLOR": "1", "LANG": "C.UTF-8"}, (80, 24), "colours", True, ""),
    ],
)
def test_each_fault_of_a_terminal_says_what_to_do(
    environ: dict[str, str], size: tuple[int, int], name: str, ok: bool, word: str
) -> None:
    _, fine, _, fix = named(terminal(environ, size))[name]
    assert fine is ok and word in fix


def test_without_a_terminal_nothing_is_amiss() -> None:
    assert all(ok for _, ok, _, _ in terminal({}, None))


@pytest.mark.parametrize(("delay", "ok"), [("500", False), ("51", False), ("50", True), ("10", True)])
def test_a_slow_escape_of_tmux_is_amiss(delay: str, ok: bool) -> None:
    options = {"escape-time": delay, "set-clipboard": "external", "focus-events": "off"}
    found = named(multiplexer({"TMUX": "/tmp/x,1,0"}, options.__getitem__))
    assert found["tmux escape-time"][1] is ok and bool(found["tmux escape-time"][3]) is not ok
    for name in ("tmux set-clipboard", "tmux focus-events"):  # hints, not faults
        assert found[name][1] and f"tmux set -s {name.split()[1]} on" in found[name][3]


def test_a_tmux_set_up_well_needs_nothing() -> None:
    options = {"escape-time": "10", "set-clipboard": "on", "focus-events": "on"}
    assert not any(fix for *_, fix in multiplexer({"TMUX": "/tmp/x,1,0"}, options.__getitem__))


def test_a_tmux_that_does_not_answer_is_no_fault() -> None:
    assert all(ok for _, ok, _, _ in multiplexer({"TMUX": "/tmp/x,1,0"}, lambda _: ""))
    assert all(ok for _, ok, _, _ in multiplexer({"STY": "1.x"}))


def test_files_that_others_may_see_are_named(tmp_path: Path) -> None:
    keys = tmp_path / "keys"
    keys.mkdir(mode=0o700)
    key = keys / "00.pem"
    key.touch(0o600)
    places = {"signing keys": keys, "state": tmp_path / "none"}
    assert private_files(places)[1]
    key.chmod(0o640)
    _, ok, found, fix = private_files(places)
    assert not ok and str(key) in found and str(key) in fix
    key.chmod(0o600)
    keys.chmod(0o755)
    assert not private_files(places)[1]


def test_a_local_disk_is_no_network_file_system(tmp_path: Path) -> None:
    assert network_files({"cases": tmp_path, "state": tmp_path / "not" / "there"})[1]
