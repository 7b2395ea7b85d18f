"""The page of one acquisition: approval, pace, what is owed, keys, its custody; and the filter of the pane."""

from __future__ import annotations

import json
from typing import Any

import msgspec
import pytest

from app.client.filtering import parse
from app.model import Acquisition
from app.model.view import CustodyFacts, StepRow
from screens.acquisition.screen import AcquisitionScreen
from screens.command.catalogue import DEFAULT
from screens.present.acquisition_page import Approval, approval_of, outstanding, parts, step_lines
from screens.present.acquisitions import FIELDS, matches, rows
from screens.present.cells import cells
from screens.present.look import ASCII, UNICODE
from screens.widgets.page_lines import PageLines
from screens.widgets.tail_list import TailList
from tests.screens.conftest import Desk, OpenDesk
from tests.screens.seed import GIB, NOW, PAYMENTS, acquisitions, event, step_rows
from tests.screens.seed_instance import acquisition, items, seed_instance

MIB = 1024**2
SIZES = [(80, 24), (132, 40)]


def of(ident: str, **more: Any) -> Acquisition:
    one = next(one for one in acquisitions(NOW) if one.id == ident)
    return msgspec.structs.replace(one, **more)


def steps(**undone: str) -> list[StepRow]:
    """Steps of A-0007: s8 takes back what s4 shared. ``undone`` are states by the steps' ids."""
    return [
        msgspec.structs.replace(row, undoes="s4" if row.id == "s8" else "", state=undone.get(row.id, row.state))
        for _, row in step_rows(NOW)
    ]


def text(lines: Any) -> str:
    return "\n".join("".join(piece for piece, _ in line).rstrip() for line in lines)


def page(one: Acquisition, width: int = 100, **more: Any) -> str:
    found = parts(one, {}, NOW, width, UNICODE, **more)
    lines = [line for part in found for line in part.lines]
    assert all(cells(line) <= width for line in lines)
    return text(lines)


# What it owes


def test_what_is_shared_is_owed_until_it_is_taken_back() -> None:
    assert [(number, row.id) for number, row in outstanding(steps())] == [(8, "s8")]
    assert outstanding(steps(s4="todo")) == outstanding(steps(s8="done")) == []
    assert "◐ to be taken back: step 8 unshare and delete" in page(of("A-0007"), steps=steps())
    ended = page(of("A-0007", state="cancelled", error="not everything could be taken back"), steps=steps())
    assert "▲ not taken back: step 8" in ended
    assert "taken back" not in page(of("A-0007"), steps=steps(s8="done"))


@pytest.mark.parametrize("width", [76, 130])
def test_a_step_that_takes_back_says_which(width: int) -> None:
    assert text(step_lines(steps(), NOW, width, UNICODE)).count("takes back step 4") == 1


# Errors: cause, effect on the evidence, next step


def test_an_error_is_cause_then_what_is_left_then_what_to_do() -> None:
    failed = of("A-0007", state="failed", error="the cloud ended the snapshot", next="press r to try again")
    shown = page(failed)
    order = ["the cloud ended", "62 % of what it reads is on disk and stays.", "→ press r"]
    assert sorted(order, key=shown.index) == order
    assert "No evidence item came of it yet." in page(msgspec.structs.replace(failed, bytes_done=0))
    held = of("A-0006")
    assert "Nothing was lost: 60 % is on disk and verified." in page(held)
    (_, line) = rows(failed, {}, NOW, 120, UNICODE, DEFAULT.key)
    assert "the cloud ended the snapshot · 62 % kept → press r to try again" in text([line])
    assert "E-0010 to E-0011 are sealed and stay." in page(
        acquisition(state="cancelled", error="not everything could be taken back"), sealed=items()
    ).replace("E-0010, E-0011", "E-0010 to E-0011")


# Who approved it


def test_the_approval_is_read_from_its_custody_line() -> None:
    body = {"authority": {"approved_by": "ex-07"}, "params": {"reason": "SEC-981"}, "actor": {"id": "agent"}}
    assert approval_of(json.dumps(body)) == Approval("ex-07", "SEC-981")
    assert approval_of(json.dumps({"actor": {"id": "ex-08"}, "params": {}})) == Approval("ex-08", "")
    for broken in ("", "{half", "[]", '{"authority": 3}'):
        assert approval_of(broken) is None
    assert "approved by ex-07 · no reason was given" in page(of("A-0007"), approved=Approval("ex-07", ""))


# The screen


async def open_page(d: Desk, ident: str = "A-0007") -> AcquisitionScreen:
    await d.press("3")
    d.app.workbench.acquisitions.rows.go_to(ident)
    await d.press("enter")
    screen = d.app.screen
    assert isinstance(screen, AcquisitionScreen)
    return screen


def approve(d: Desk, line: int, reason: str) -> None:
    body = event(line, NOW) | {
        "op": "plan.approve",
        "phase": "fact",
        "acq": "A-0007",
        "summary": "approved",
        "authority": {"approved_by": "ex-07"},
        "params": {"reason": reason},
    }
    d.model.event(line, body, json.dumps(body))
    d.model.fact("custody", CustodyFacts(events=line, lines=line, checkpointed_to=200))


@pytest.mark.parametrize("size", SIZES)
async def test_the_page_shows_pace_approval_and_what_is_owed(desk: OpenDesk, size: tuple[int, int]) -> None:
    async with desk(size=size) as d:
        approve(d, 215, "SEC-981 suspected web shell")
        d.model.acquisition(of("A-0007", pace=(0, 100 * MIB, 412 * MIB)))
        d.model.steps(enumerate(steps()))
        await open_page(d)
        await d.sees("▁▃█ last 15 s, peak 410 MiB/s", "approved by ex-07 · SEC-981 suspected web shell")
        await d.sees("◐ to be taken back: step 8", "Custody · ")
        d.model.acquisition(of("A-0007", pace=(0, 0)))
        await d.until(lambda: "peak" not in d.text)


async def test_a_long_reason_is_whole_under_the_steps(desk: OpenDesk) -> None:
    words = [f"word{number}" for number in range(60)]
    async with desk(size=(80, 24)) as d:
        approve(d, 215, " ".join(words))
        screen = await open_page(d)
        await d.sees("approved by ex-07 · word0")
        seen = ""
        screen.query_one("#steps").focus()
        await d.press("g")
        for _ in range(20):
            seen += d.text
            await d.press("pagedown")
        assert all(word in seen.split() for word in words)


@pytest.mark.parametrize("size", SIZES)
async def test_its_keys_are_those_of_the_pane(desk: OpenDesk, size: tuple[int, int]) -> None:
    async with desk(size=size) as d:
        await open_page(d)
        await d.sees("p pause")
        await d.press("p", "r")
        assert d.commands.called("acquisition.pause") == [{"acquisition": "A-0007", "reason": ""}]
        await d.sees("A-0007 is already going on.")
        await d.press("x")
        await d.sees("Cancel A-0007", "Let it go on")
        await d.type_word("A-0007")
        assert d.commands.called("acquisition.cancel") == [{"acquisition": "A-0007", "reason": ""}]
        d.model.acquisition(of("A-0007", state="failed"))
        await d.until(lambda: any(one.state == "failed" for one in d.app.snapshot.acquisitions))
        await d.press("r")
        assert d.commands.called("acquisition.resume") == [{"acquisition": "A-0007", "reason": ""}]
        assert isinstance(d.app.screen, AcquisitionScreen)


@pytest.mark.parametrize("size", SIZES)
async def test_tab_goes_between_steps_and_custody_and_enter_opens_a_line(
    desk: OpenDesk, size: tuple[int, int]
) -> None:
    async with desk(size=size) as d:
        screen = await open_page(d)
        lines, shown = screen.query_one(TailList), screen.query_one("#steps", PageLines)
        assert lines.has_focus
        await d.press("tab")
        assert shown.has_focus
        await d.press("shift+tab")
        assert lines.has_focus
        assert "follows" in str(lines.border_title)
        await d.press("k", "k")
        assert "held, 2 below" in str(lines.border_title)
        top, current = lines.scroll_offset.y, lines.current
        approve(d, 215, "x")
        await d.until(lambda: "held, 3 below" in str(lines.border_title))
        assert (lines.scroll_offset.y, lines.current) == (top, current)
        await d.press("G")
        assert lines.current == "215" and "follows" in str(lines.border_title)
        await d.press("enter")
        await d.sees("line 215", "plan.approve")
        await d.press("escape")
        assert d.app.screen is screen


async def test_the_page_of_an_instance_names_its_items_and_no_curve_without_pace(desk: OpenDesk) -> None:
    async with desk(size=(132, 40), fill=seed_instance) as d:
        await open_page(d, "A-0010")
        await d.sees("E-0011", "to be sealed: E-0012, E-0013")
        assert "peak" not in d.text


# The filter of the pane


@pytest.mark.parametrize(
    ("asked", "found"),
    [
        ("state=running", ["A-0007", "A-0008"]),
        ("state=sealed", ["A-0005"]),
        ("state=done", ["A-0005"]),
        ("state=access", ["A-0006"]),
        ("kind=disk route=direct", ["A-0005"]),
        ("account=payments id=a-0004", ["A-0004"]),
        (f"account={PAYMENTS} xvdf", ["A-0008"]),
        ("e-0005", ["A-0005"]),
        ("SSO", ["A-0006"]),
        ("nothing-like-it", []),
    ],
)
def test_the_filter_finds(asked: str, found: list[str]) -> None:
    wanted = parse(asked, fields=FIELDS)
    assert not wanted.problem
    every = acquisitions(NOW)
    assert [one.id for one in every if matches(one, wanted, "payments-prod", UNICODE)] == found
    inverted = parse(asked, fields=FIELDS, inverted=True)
    others = [one.id for one in every if matches(one, inverted, "payments-prod", ASCII)]
    assert sorted([*found, *others]) == [one.id for one in every]


@pytest.mark.parametrize("size", SIZES)
async def test_the_pane_is_filtered_and_says_how_many(desk: OpenDesk, size: tuple[int, int]) -> None:
    async with desk(size=size) as d:
        await d.press("3")
        d.app.workbench.acquisitions.take_filter("state=running")
        await d.sees("/state=", "2 of 5", "A-0008")
        assert "A-0005" not in d.text
        d.model.acquisition(of("A-0005", state="running", bytes_done=GIB))
        await d.sees("3 of 5", "A-0005")
        d.app.workbench.acquisitions.take_filter("colour=red")
        await d.sees("/colour=red (no")
        d.app.workbench.acquisitions.take_filter("zzz")
        await d.sees("0 of 5", "nothing matches; Esc clears the filter")
        d.app.workbench.acquisitions.clear_filter()
        await d.sees("A-0004")


async def test_its_evidence_is_that_alone(desk: OpenDesk) -> None:
    async with desk(fill=seed_instance) as d:
        await open_page(d, "A-0010")
        await d.press("E")
        await d.sees("Evidence of A-0010 · 2 items", "E-0010", "E-0011")
        assert "E-0005" not in d.text
        await d.press("escape")
        assert isinstance(d.app.screen, AcquisitionScreen)
        await d.press("escape", "E")
        await d.sees("Evidence · 3 items", "E-0005")
