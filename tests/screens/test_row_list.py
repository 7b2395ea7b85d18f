"""The list itself: the mouse, the cursor that stays on its row, and how little is repainted."""

from __future__ import annotations

import msgspec
import pytest
from textual.geometry import Region

from screens.widgets.line_view import LineView
from screens.widgets.row_list import RowList
from tests.screens.conftest import Desk, OpenDesk
from tests.screens.seed import NOW, PAYMENTS, acquisitions, resources


def watch(view: LineView, monkeypatch: pytest.MonkeyPatch) -> list[Region]:
    """Every region that the view asks to have painted from now on; the whole view where it names none."""
    seen: list[Region] = []
    plain = view.refresh

    def noted(*regions: Region, **more: bool) -> object:
        seen.extend(regions or [view.size.region])
        return plain(*regions, **more)

    monkeypatch.setattr(view, "refresh", noted)
    return seen


async def running(d: Desk, **changed: object) -> None:
    one = msgspec.structs.replace(acquisitions(NOW)[3], **changed)
    d.model.acquisition(one)
    await d.until(lambda: one in d.app.snapshot.acquisitions)
    await d.settled()


async def test_only_the_cells_that_changed_are_painted(desk: OpenDesk, monkeypatch: pytest.MonkeyPatch) -> None:
    async with desk() as d:
        rows = d.app.workbench.acquisitions.rows
        seen = watch(rows, monkeypatch)
        total = acquisitions(NOW)[3].bytes_total or 0
        await running(d, bytes_done=total * 63 // 100 + 1000)  # 62 % becomes 63 %
        assert seen and all(region.height == 1 and region.y == 2 for region in seen), seen
        assert sum(region.width for region in seen) < 12, seen


async def test_a_change_that_nobody_would_see_paints_nothing(
    desk: OpenDesk, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with desk() as d:
        lists = [pane.rows for pane in d.app.workbench.panes]
        seen = [watch(rows, monkeypatch) for rows in lists]
        before = acquisitions(NOW)[3]
        await running(d, bytes_done=(before.bytes_done or 0) - 4096, rate=(before.rate or 0) + 999, eta_s=131)
        assert seen == [[], [], [], []]


async def test_moving_the_cursor_paints_two_lines(desk: OpenDesk, monkeypatch: pytest.MonkeyPatch) -> None:
    async with desk() as d:
        await d.press("2")
        seen = watch(d.app.workbench.resources.rows, monkeypatch)
        await d.press("j")
        assert sorted(region.y for region in seen) == [0, 1]


async def test_the_cursor_stays_on_its_row_while_rows_come_and_go(desk: OpenDesk) -> None:
    async with desk() as d:
        await d.press("2", "j", "j", "j")
        rows = d.app.workbench.resources.rows
        key = rows.current
        early = msgspec.structs.replace(resources()[0], id="i-00000000000000000", name="aaa-first")
        d.model.resources("s-2", [early])
        await d.until(lambda: len(rows.source) == 62)
        assert rows.current == key and rows.cursor == 4
        d.model.forget_resources("aws", PAYMENTS, "eu-west-1", keep_scan="s-2")
        await d.until(lambda: len(rows.source) == 51)
        assert rows.cursor is not None and rows.cursor < 51  # its row is gone: it stays where it was


async def test_the_mouse(desk: OpenDesk) -> None:
    async with desk() as d:
        rows = d.app.workbench.resources.rows
        x, y = rows.content_region.offset
        await d.pilot.click(offset=(x + 5, y + 4))
        assert rows.cursor == 4 and rows.has_focus
        await d.pilot.click(offset=(x + 5, y + 4), times=2)
        await d.settled()
        assert d.screen_name == "ResourceScreen"


@pytest.mark.parametrize(
    ("keys", "place"),
    [
        (["G"], 60),
        (["end"], 60),
        (["G", "g"], 0),
        (["end", "home"], 0),
        (["pagedown"], 17),
        (["pagedown", "pageup"], 0),
        (["down", "down", "up"], 1),
        (["k"], 0),
    ],
)
async def test_keys_of_a_list(desk: OpenDesk, keys: list[str], place: int) -> None:
    async with desk() as d:
        await d.press("2", *keys)
        rows = d.app.workbench.resources.rows
        assert isinstance(rows, RowList) and rows.cursor == place
        top, height = rows.scroll_offset.y, rows.size.height
        assert top <= place < top + height
