"""An instance under way: which disk, how much of all, what is sealed, what is being undone."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from rich.cells import cell_len

from app.model import EvidenceItem
from screens.command.catalogue import DEFAULT
from screens.present.acquisition_page import parts, step_lines
from screens.present.acquisitions import rows
from screens.present.cells import cells
from screens.present.look import UNICODE
from screens.present.states import acquisition_state, running
from screens.widgets.page_lines import PageLines
from screens.widgets.strips import Problem, strip
from tests.screens.conftest import OpenDesk
from tests.screens.sample_plan import CLAMPED
from tests.screens.seed import GIB, NOW, leases
from tests.screens.seed_instance import AT, ITEMS, acquisition, items, seed_instance
from tests.screens.seed_instance import rows as step_rows


def row(width: int, **more: Any) -> list[str]:
    held = {lease.id: lease for lease in leases(NOW)}
    found = rows(acquisition(**more), held, NOW, width, UNICODE, DEFAULT.key)
    assert all(cells(line) == width for line in found)
    return ["".join(piece for piece, _ in line) for line in found]


def page(width: int = 100, sealed: list[EvidenceItem] | None = None, **more: Any) -> str:
    found = parts(acquisition(**more), {}, NOW, width, UNICODE, items() if sealed is None else sealed)
    lines = [line for part in found for line in part.lines]
    assert all(cells(line) <= width for line in lines)
    return "\n".join("".join(piece for piece, _ in line) for line in lines)


@pytest.mark.parametrize("width", [66, 76, 130])
def test_the_row_says_which_disk_and_how_much_of_all(width: int) -> None:
    first, second = row(width)
    assert "instance web-01" in first and "35 %" in first
    assert "26/31 download the blocks · /dev/xvdf" in second and "28.0 of 78.0 GiB" in second


def test_a_step_that_is_cut_still_says_which_disk() -> None:
    title = "Wait until the copy in the forensics account of vol-07aa61d2f0b9c8e3d is complete"
    assert "26/31 vol-07aa61d… · Wait until the copy in the forensic" in row(66, step=title, percent=41)[1]
    assert title in row(130, step=title, percent=41)[1]
    at = {"vol-07aa61d2f0b9c8e3d": "/dev/xvdf"}
    _, line = rows(acquisition(step=title, percent=41), {}, NOW, 76, UNICODE, DEFAULT.key, (), at)
    assert "26/31 xvdf · Wait until the copy in the forensics account" in "".join(piece for piece, _ in line)


def test_the_page_of_steps_cuts_no_title() -> None:
    long = [msgspec.structs.replace(one, title=f"{one.title} of vol-{place:017x}") for place, one in step_rows()]
    shown = "\n".join("".join(piece for piece, _ in line) for line in step_lines(long, NOW, 76, UNICODE))
    assert all(f"vol-{place:017x}" in shown for place in range(len(long)))


def test_a_lease_that_ends_soon_is_said_before_how_much() -> None:
    ending = msgspec.structs.replace(leases(NOW)[2], expires="2026-11-23T14:04:30Z")
    _, line = rows(acquisition(), {"L-0003": ending}, NOW, 66, UNICODE, DEFAULT.key)
    assert "lease L-0003 1:09" in "".join(piece for piece, _ in line)


def test_a_sealed_instance_names_its_items() -> None:
    done: dict[str, Any] = {"state": "done", "step": "seal", "bytes_done": 78 * GIB, "lease": None}
    assert "E-0010 to E-0013" in row(130, **done)[0] and "4 items" in row(58, **done)[0]
    assert "78.0 GiB" in row(130, **done)[1]
    kept = {**done, "route": "preserve", "items": ITEMS[:1], "bytes_done": None, "bytes_total": None}
    assert "E-0010" in row(100, **kept)[0] and "snapshots kept, no disk downloaded" in row(100, **kept)[1]


def test_the_page_names_what_is_sealed_and_what_is_still_to_be() -> None:
    shown = page()
    assert "E-0010 config i-0a1b2c3d4e5f60718 · 47.1 KiB · files" in shown
    assert "E-0011 disk vol-0f3c9a1b2c4d5e6f7 · 8.0 GiB · sha256 77c077c077c0" in shown
    assert "to be sealed: E-0012, E-0013" in shown
    assert "to be sealed" not in page(state="cancelled")
    assert "77c0" * 16 in page(140)


def test_twenty_disks_leave_room_for_the_steps() -> None:
    many = [msgspec.structs.replace(items()[1], id=f"E-{number:04d}") for number in range(1, 21)]
    shown = page(sealed=many, items=tuple(item.id for item in many), item="E-0001")
    assert "and 16 more that are sealed" in shown and len(shown.split("\n")) < 10


def test_one_that_is_cancelled_says_what_is_being_undone_until_it_is() -> None:
    undoing: dict[str, Any] = {
        "step": "undoing: unshare · /dev/xvdf",
        "rate": None,
        "percent": None,
        "lease": None,
    }
    first, second = row(100, **undoing)
    assert "◐ undoing" in first and "undoing: unshare · /dev/xvdf" in second and "%" not in first
    assert running([acquisition(**undoing)])
    assert acquisition_state(acquisition(state="cancelled", **undoing), UNICODE)[0] == "– cancelled"
    waits = acquisition(state="waiting_for_credentials", **undoing)
    assert acquisition_state(waits, UNICODE)[0] == "▲ needs access"


@pytest.mark.parametrize("size", [(80, 24), (132, 40)])
async def test_the_page_follows_the_step_that_runs(desk: OpenDesk, size: tuple[int, int]) -> None:
    async with desk(size=size, fill=seed_instance) as d:
        await d.press("3", "enter")
        await d.sees("A-0010", "E-0011", "● running", "28.0 of 78.0 GiB", "Custody")
        steps = d.app.screen.query_one("#steps", PageLines)
        await d.until(lambda: f"{AT + 1:>2}  download the blocks" in d.text)
        steps.focus()
        await d.press("g")
        d.app.screen.tick()  # type: ignore[attr-defined]
        await d.settled()
        assert steps.scroll_offset.y == 0  # who reads it is not moved about


async def test_what_is_being_undone_is_not_cancelled_twice(desk: OpenDesk) -> None:
    async with desk(fill=seed_instance) as d:
        d.model.acquisition(acquisition(step="undoing: unshare · /dev/xvdf", rate=None))
        await d.press("3")
        await d.sees("◐ undoing")
        await d.press("x")
        await d.sees("A-0010 is cancelled; what it made only", "taken back")
        assert d.screen_name == "WorkbenchScreen"


@pytest.mark.parametrize("size", [(80, 24), (132, 40)])
async def test_a_clamped_lease_says_why(desk: OpenDesk, size: tuple[int, int]) -> None:
    async with desk(size=size, fill=seed_instance) as d:
        await d.press("l")
        await d.sees(f"L-0003 → {CLAMPED}", "A-0010 observe", "forensics-collect/IR-42.L-0003")
        await d.press("j")
        await d.until(lambda: CLAMPED not in d.text)


@pytest.mark.parametrize("width", [60, 80, 132, 200])
@pytest.mark.parametrize("most", [2, 3])
def test_a_strip_keeps_its_keys_and_what_to_do(width: int, most: int) -> None:
    keys = "s try again now · d details"
    short = Problem("A-0006 waits: it ended", "sign in", "Nothing was lost: 61 % is on disk and verified.", keys)
    long = Problem("A-0006 waits: " + "why " * 200, "sign in", short.calm, keys)
    for problem in (short, long, Problem("what", "then"), Problem("what " * 300)):
        lines = strip(problem, width, most, UNICODE)
        shown = "\n".join("".join(piece for piece, _ in line) for line in lines)
        assert len(lines) <= most and problem.keys in shown
        assert all(cell_len(line) <= width for line in shown.split("\n"))
        assert problem.what.split()[0] in shown and ("sign in" in shown or problem is not short)
        assert ("…" in shown) == (len(problem.what) > 400)
