"""How the screens look, at the three sizes that are promised. ``--snapshot-update`` after a wanted change."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from textual.pilot import Pilot

from app.case.readmodel import ReadModel
from screens.present.look import ASCII, UNICODE, Look
from screens.root import Workbench
from tests.screens.fakes import FixedClock, ScriptedCommands
from tests.screens.seed import seed
from tests.screens.seed_instance import seed_instance

SIZES = [(80, 24), (132, 40), (200, 50)]
Compare = Callable[..., bool]


TO_WEB = ("2", *"jjjjjjj")
"""From the start to web-01 in the resources pane."""


def bench(
    folder: Path,
    *,
    look: Look = UNICODE,
    theme: str = "jumpbag-dark",
    fill: Callable[[Path], ReadModel] = seed,
) -> Workbench:
    fill(folder / "case.sqlite").close()
    commands = ScriptedCommands()

    async def connect() -> ScriptedCommands:
        return commands

    return Workbench(folder, folder / "case.sqlite", connect, "ex-07", clock=FixedClock(), look=look, theme=theme)


def after(*keys: str, words: str = "") -> Callable[[Pilot[Any]], Any]:
    """Wait until the case is shown, press the keys, wait until all is quiet."""

    async def run(pilot: Pilot[Any]) -> None:
        from tests.screens.conftest import screen_text

        app = pilot.app
        assert isinstance(app, Workbench)

        async def until(condition: Callable[[], object]) -> None:
            deadline = time.monotonic() + 20
            while not condition():
                assert time.monotonic() < deadline, screen_text(app)
                await pilot.pause(0.01)

        async def quiet() -> None:
            await until(lambda: all(one.group in {"feed", "link"} for one in app.workers))
            await pilot.pause()

        await until(lambda: app.link.state == "attached" and len(app.workbench.resources.rows.source) == 61)
        await quiet()
        for key in keys:
            await pilot.press(key)
            await quiet()
        await until(lambda: words in screen_text(app))
        app._case_changed()
        await quiet()

    return run


@pytest.mark.parametrize("size", SIZES, ids=lambda size: f"{size[0]}x{size[1]}")
@pytest.mark.parametrize(
    ("keys", "words"),
    [
        ((), "1 Accounts"),
        (("3",), "3 Acq"),
        (("2", "j", "a"), "Reason for custody"),
        (("question_mark",), "Everywhere"),
        (("3", "j", "x"), "to go on:"),
    ],
    ids=["workbench", "acquisitions", "plan", "help", "cancel"],
)
def test_looks(
    snap_compare: Compare, tmp_path: Path, size: tuple[int, int], keys: tuple[str, ...], words: str
) -> None:
    assert snap_compare(bench(tmp_path), terminal_size=size, run_before=after(*keys, words=words))


@pytest.mark.parametrize("size", SIZES[:2], ids=lambda size: f"{size[0]}x{size[1]}")
@pytest.mark.parametrize(
    ("keys", "words"),
    [
        ((*TO_WEB, "a"), "one point in time"),
        ((*TO_WEB, "a", "pagedown"), "/dev/xvdg"),
        ((*TO_WEB, "a", "G"), "ends in"),
        ((*TO_WEB, "j", "a", "l", "l"), "lock 30 days"),
        ((*TO_WEB, "j", "a", "right", "enter"), "Type DESTROY"),
        (("3",), "A-0010"),
        (("3", "enter"), "to be sealed: E-0012"),
    ],
    ids=["plan", "plan-middle", "plan-end", "lock", "word", "row", "page"],
)
def test_looks_of_an_instance(
    snap_compare: Compare, tmp_path: Path, size: tuple[int, int], keys: tuple[str, ...], words: str
) -> None:
    shown = bench(tmp_path, fill=seed_instance)
    assert snap_compare(shown, terminal_size=size, run_before=after(*keys, words=words))


def test_looks_of_a_clamped_lease(snap_compare: Compare, tmp_path: Path) -> None:
    shown = bench(tmp_path, fill=seed_instance)
    assert snap_compare(shown, terminal_size=(80, 24), run_before=after("l", words="is itself a role"))


@pytest.mark.parametrize("theme", ["jumpbag-256", "jumpbag-mono"])
def test_looks_of_the_other_themes(snap_compare: Compare, tmp_path: Path, theme: str) -> None:
    assert snap_compare(bench(tmp_path, theme=theme), terminal_size=(132, 40), run_before=after("2", "j"))


def test_looks_in_plain_ascii(snap_compare: Compare, tmp_path: Path) -> None:
    assert snap_compare(bench(tmp_path, look=ASCII), terminal_size=(132, 40), run_before=after("2", "j"))


@pytest.mark.parametrize(
    ("keys", "words"),
    [(("l",), "live of"), (("3", "j", "enter"), "ec2:CreateSnapshot"), (("4", "v"), "everything promised")],
    ids=["leases", "acquisition", "verify"],
)
def test_looks_of_the_pages(snap_compare: Compare, tmp_path: Path, keys: tuple[str, ...], words: str) -> None:
    assert snap_compare(bench(tmp_path), terminal_size=(132, 40), run_before=after(*keys, words=words))
