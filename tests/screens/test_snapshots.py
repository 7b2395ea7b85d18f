"""How the screens look, at the sizes and in the colours that are promised. ``--snapshot-update`` after a wanted
change."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from textual.pilot import Pilot

from app.case.readmodel import ReadModel
from app.clock import stamp
from app.guided.load import load
from app.model.view import GuideRun, GuideStep
from screens.present.look import ASCII, UNICODE, Look
from screens.root import Workbench
from tests.screens.fakes import FixedClock, ScriptedCommands
from tests.screens.seed import NOW, WEB, arm, seed
from tests.screens.seed_instance import seed_instance

SIZES = [(80, 24), (132, 40), (200, 50)]
Compare = Callable[..., bool]


TO_WEB = ("2", *"jjjjjjj")
"""From the start to web-01 in the resources pane."""


def by(size: tuple[int, int]) -> str:
    """``132x40``"""
    return f"{size[0]}x{size[1]}"


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
        app.repaint()
        await quiet()

    return run


@dataclass(frozen=True)
class Screen:
    """One screen of the matrix: the keys that lead to it, and words that are there once it is shown.

    ``needs`` is the method that the application must have for it; while it is not there the screen is skipped.
    """

    keys: tuple[str, ...] = ()
    words: str = ""
    fill: Callable[[Path], ReadModel] = seed
    needs: str = ""


def seed_guided(path: Path) -> ReadModel:
    """The seeded case, in which a shipped playbook is followed and two of its steps are over."""
    model = seed(path)
    edition = load(()).get("compromised-instance")
    first, second, *rest = edition.playbook.steps
    noted = GuideStep(id=first.id, state="by_hand", by="ex-07", at=stamp(NOW), note="GuardDuty finding, 13:40 UTC")
    model.guide(
        GuideRun(
            id="G-0001",
            playbook=edition.playbook.id,
            title=edition.playbook.title,
            sha256=edition.sha256,
            examiner="ex-07",
            started=stamp(NOW),
            target=WEB,
            steps=(
                noted,
                GuideStep(id=second.id, state="done", at=stamp(NOW)),
                *(GuideStep(id=step.id) for step in rest),
            ),
        )
    )
    return model


SCREENS = {
    "workbench": Screen(words="1 Accounts"),
    "plan": Screen(("2", "j", "a"), "Reason for custody"),
    "batch": Screen(("2", "M", "a"), "Reason for custody"),
    "acquisition": Screen(("3", "j", "enter"), "Steps"),
    "evidence": Screen(("E",), "E-0005", needs="action_evidence"),
    "guided": Screen(words="Read before you touch", fill=seed_guided, needs="action_guide"),
    "help": Screen(("question_mark",), "Everywhere"),
}
COLOURS = {"truecolour": "jumpbag-dark", "256": "jumpbag-256", "mono": "jumpbag-mono"}


def matrix() -> Iterator[tuple[str, str, tuple[int, int]]]:
    """Every screen at each size in truecolour and at the middle one in other colours; the workbench in all."""
    for name in SCREENS:
        for colours in COLOURS:
            for size in SIZES:
                if colours == "truecolour" or size == SIZES[1] or name == "workbench":
                    yield name, colours, size


@pytest.mark.parametrize(
    ("name", "colours", "size"), [pytest.param(*one, id=f"{one[0]}-{one[1]}-{by(one[2])}") for one in matrix()]
)
def test_screens(snap_compare: Compare, tmp_path: Path, name: str, colours: str, size: tuple[int, int]) -> None:
    screen = SCREENS[name]
    if screen.needs and not hasattr(Workbench, screen.needs):
        pytest.skip(f"the application has no {screen.needs} yet")
    shown = bench(tmp_path, theme=COLOURS[colours], fill=screen.fill)
    assert snap_compare(shown, terminal_size=size, run_before=after(*screen.keys, words=screen.words))


@pytest.mark.parametrize("size", SIZES[:2], ids=by)
@pytest.mark.parametrize(
    ("keys", "words"),
    [(("3",), "3 Acq"), (("3", "j", "x"), "to go on:")],
    ids=["acquisitions", "cancel"],
)
def test_looks(
    snap_compare: Compare, tmp_path: Path, size: tuple[int, int], keys: tuple[str, ...], words: str
) -> None:
    assert snap_compare(bench(tmp_path), terminal_size=size, run_before=after(*keys, words=words))


@pytest.mark.parametrize("size", SIZES[:2], ids=by)
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
    shown = bench(tmp_path, fill=seed_armed_instance if "enter" in keys and "a" in keys else seed_instance)
    assert snap_compare(shown, terminal_size=size, run_before=after(*keys, words=words))


def seed_armed_instance(path: Path) -> ReadModel:
    """The instance with an open write window: without one there is nothing to approve."""
    model = seed_instance(path)
    arm(model)
    return model


def test_looks_of_a_clamped_lease(snap_compare: Compare, tmp_path: Path) -> None:
    shown = bench(tmp_path, fill=seed_instance)
    assert snap_compare(shown, terminal_size=(80, 24), run_before=after("l", words="is itself a role"))


def test_looks_in_plain_ascii(snap_compare: Compare, tmp_path: Path) -> None:
    assert snap_compare(bench(tmp_path, look=ASCII), terminal_size=(132, 40), run_before=after("2", "j"))


@pytest.mark.parametrize(
    ("keys", "words"),
    [(("l",), "live of"), (("4", "v"), "everything promised")],
    ids=["leases", "verify"],
)
def test_looks_of_the_pages(snap_compare: Compare, tmp_path: Path, keys: tuple[str, ...], words: str) -> None:
    assert snap_compare(bench(tmp_path), terminal_size=(132, 40), run_before=after(*keys, words=words))
