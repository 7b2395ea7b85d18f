"""The rail at any size, and texts from outside in every line of guided mode."""

from __future__ import annotations

import json
from pathlib import Path

import msgspec
import pytest

from app.guided.load import Sources, load
from app.guided.playbook import blank
from app.model.view import GuideRun
from screens.guided.books import playbook_page
from screens.guided.lines import NextKey, Shown, rail, strip
from screens.guided.pages import run_page, step_page
from screens.present.cells import Line, cells
from screens.present.look import ASCII, UNICODE, Look
from tests.screens.conftest import Desk, OpenDesk
from tests.screens.guided import INSTANCE, Office
from tests.screens.hostile import ATTACKS, RAW, seed_hostile

NEXT = NextKey(("2", "Enter"), "on the instance of the alert")


def text_of(lines: list[Line]) -> str:
    return "\n".join("".join(text for text, _ in line) for line in lines)


def shown_at(playbook: str, place: int) -> Shown:
    office = Office()
    run = office.made(playbook, *["done"] * place)
    return Shown(run, office.library.get(playbook), NEXT)


@pytest.mark.parametrize("playbook", sorted(load([]).editions))
def test_the_rail_has_the_present_step_and_its_key_at_any_size(playbook: str) -> None:
    steps = load([]).get(playbook).playbook.steps
    for place in range(len(steps)):
        shown = shown_at(playbook, place)
        for width, height in ((34, 10), (36, 14), (38, 18), (48, 30), (38, 60)):
            lines = rail(shown, width, height, UNICODE, "i")
            text = text_of(lines)
            assert len(lines) <= height, (place, height)
            assert all(cells(line) <= width for line in lines), (place, width)
            assert f"{place + 1} {steps[place].title}" in text and "Next:" in text
            assert any(tone == "next" for line in lines for _, tone in line)
        assert "Why:" in text and "shows the rest" not in text  # where there is room
        assert all(f"{at} {step.title}" in text for at, step in enumerate(steps, 1))


@pytest.mark.parametrize("width", [60, 80, 99, 132])
def test_the_strip_fits_and_keeps_the_key(width: int) -> None:
    for place in range(10):
        for rows in (1, 3):
            lines = strip(shown_at(INSTANCE, place), width, rows, UNICODE, "i")
            assert len(lines) <= rows and all(cells(line) == width for line in lines)
            assert f"{place + 1}/10" in text_of(lines[:1])
    assert "Next:" in text_of(strip(shown_at(INSTANCE, 2), 80, 1, UNICODE, "i"))


def test_a_finished_run_says_so() -> None:
    shown = shown_at(INSTANCE, 10)
    assert "finished" in text_of(rail(shown, 36, 20, UNICODE, "i"))
    assert "finished" in text_of(strip(shown, 80, 3, UNICODE, "i"))


def test_a_run_of_which_steps_were_skipped_is_no_tick() -> None:
    office = Office()
    run = office.made("preserve-now", "done", *["skipped"] * 6)
    shown = Shown(run, office.library.get("preserve-now"), NEXT, "web-01")
    for lines in (
        rail(shown, 36, 20, UNICODE, "i"),
        strip(shown, 80, 3, UNICODE, "i"),
        run_page(shown, 80, UNICODE),
    ):
        assert "ended: 1 done, 6 skipped" in text_of(lines) and "finished" not in text_of(lines)
    assert text_of(rail(shown, 36, 20, UNICODE, "i")).count(UNICODE.done) == 1, "the step that was done"
    behind = rail(
        Shown(office.made("preserve-now", "done", "skipped", "done"), shown.edition, NEXT), 36, 12, UNICODE, "i"
    )
    assert "3 of 7 behind you, 1 skipped" in text_of(behind)


def test_pages_fit_every_width() -> None:
    shown = shown_at(INSTANCE, 3)
    assert shown.edition is not None
    for width in (40, 78, 130):
        for lines in (
            step_page(shown, 3, ["stop agent"], width, UNICODE),
            run_page(shown, width, UNICODE),
            playbook_page(shown.edition, width, UNICODE),
        ):
            assert all(cells(line) <= width for line in lines)


# -- texts from outside -----------------------------------------------------------------------------------

SHORT = [attack[:40] for attack in ATTACKS if not blank(attack[:40])]


def hostile_playbook(ident: str) -> str:
    def toml(number: int) -> str:
        return json.dumps(SHORT[number % len(SHORT)]).replace("\x7f", "\\u007f")

    lines = [f'id = "{ident}"', *(f"{key} = {toml(n)}" for n, key in enumerate(("title", "summary", "when")))]
    lines.append(f"order = [{toml(3)}, {toml(4)}]")
    lines.append(f'[[preconditions]]\ntext = {toml(5)}\nmet = "accounts_seen"')
    for place in range(8):
        texts = (f"{key} = {toml(place + n)}" for n, key in enumerate(("text", "why", "dont", "record", "on")))
        go = 'go = { place = "resources", command = "list.open" }'
        lines += ["[[steps]]", f'id = "s{place}"', f"title = {toml(place)}", *texts, go, 'done = "by_hand"']
    return "\n".join(lines)


def hostile_office(folder: Path) -> Office:
    folder.mkdir()
    (folder / "hostile.toml").write_text(hostile_playbook("hostile"), "utf-8")
    (folder / "bad\x1b]52;c;x\x07\u202e.toml").write_text('"\\u001b[2J" = 1', "utf-8")
    (folder / "long.toml").write_text(f'id = "{"A" * 5000}"\ntitle = 1', "utf-8")
    office = Office(directory=folder, fill=seed_hostile)
    run = office.made("hostile", "by_hand", "skipped", "done")
    steps = tuple(
        msgspec.structs.replace(step, note=ATTACKS[n], by=ATTACKS[n + 1] if step.by else "")
        for n, step in enumerate(run.steps)
    )
    office.runs["G-0001"] = msgspec.structs.replace(run, steps=steps, target=ATTACKS[0], started=ATTACKS[2])
    other = GuideRun(
        id="G-0002",
        playbook=ATTACKS[1],
        title=ATTACKS[3],
        sha256=ATTACKS[4],
        examiner=ATTACKS[0],
        started="",
        steps=(steps[0], steps[5]),
    )
    office.runs["G-0002"] = other
    return office


async def everywhere(d: Desk) -> list[str]:
    """The text of every screen of guided mode."""
    await d.until(lambda: d.app.follower.library is not None)
    await d.settled()
    seen = [d.text]
    for keys in (
        ["z"],
        ["z", "i"],
        ["escape", "n"],
        ["escape", "N"],
        ["escape", "t"],
        *[["j"], ["i"], ["escape"]] * 8,
    ):
        await d.press(*keys)
        seen.append(d.text)
    await d.press("g", "enter")
    seen.append(d.text)
    return seen


@pytest.mark.parametrize("size", [(80, 24), (132, 40)])
async def test_hostile_texts_reach_no_screen(desk: OpenDesk, tmp_path: Path, size: tuple[int, int]) -> None:
    office = hostile_office(tmp_path / "books")
    sources = Sources((tmp_path / "books",))
    async with desk(size=size, fill=office.fill, commands=office.commands, sources=sources) as d:
        for text in await everywhere(d):
            assert not any(raw in text for raw in RAW)
            assert all(line.isprintable() for line in text.split("\n"))
        assert d.app.is_running and d.app.return_value is None


@pytest.mark.parametrize("look", [UNICODE, ASCII])
def test_hostile_texts_in_every_line(tmp_path: Path, look: Look) -> None:
    office = hostile_office(tmp_path / "books")
    edition = office.library.get("hostile")
    for run in office.runs.values():
        for found in (edition, None):
            shown = Shown(run, found, NEXT)
            pages = [rail(shown, 36, 30, look, "i"), strip(shown, 80, 3, look, "i"), run_page(shown, 80, look)]
            pages += [step_page(shown, place, [], 80, look) for place in range(len(run.steps))]
            pages.append(playbook_page(edition, 80, look))
            for text in map(text_of, pages):
                assert not any(raw in text for raw in RAW)
                assert all(line.isprintable() for line in text.split("\n"))
                assert look is UNICODE or text.isascii()


@pytest.mark.parametrize(
    ("step", "label"), [("preserve", "Record (m):"), ("alert", "Record (n):"), ("find", "Record:")]
)
async def test_what_is_to_be_recorded_stands_behind_its_key(desk: OpenDesk, step: str, label: str) -> None:
    """The reason goes with the approval, what is done by hand into a note; what the screens see has neither."""
    steps = [one.id for one in load([]).get(INSTANCE).playbook.steps]
    office = Office().with_run(INSTANCE, *["done"] * steps.index(step))
    async with desk(size=(160, 60), fill=office.fill, commands=office.commands) as d:
        await d.sees(label)
        await d.press("i")
        await d.sees(label[:-1].lower())
