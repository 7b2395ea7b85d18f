"""Pane 2: the filter, the order, the marks, and what becomes of them."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from app.model import Resource
from screens.plan.screen import PlanScreen
from screens.plan.targets import BatchTarget
from screens.workbench.resource_rows import ResourceRows
from screens.workbench.resources import ResourcesPane
from screens.workbench.screen import WorkbenchScreen
from tests.screens.conftest import Desk, OpenDesk
from tests.screens.seed import PAYMENTS, REGION, SHOP, WEB, XVDA, XVDF, resources

API_DISK = "vol-0001d2c3b4a596877"
SNAPSHOT = "snap-09aa11bb22cc33dd4"


def pane(d: Desk) -> ResourcesPane:
    return d.app.workbench.resources


def shown(d: Desk) -> list[Resource]:
    source = pane(d).rows.source
    assert isinstance(source, ResourceRows)
    found = [source.get(place) for place in range(len(source))]
    return [one for one in found if one is not None]


async def mark(d: Desk, *idents: str) -> None:
    for ident in idents:
        d.put_cursor_on(ident)
        await d.press("space")


def listen(monkeypatch: pytest.MonkeyPatch) -> list[tuple[BatchTarget, ...]]:
    """The batches that are asked for."""
    asked: list[tuple[BatchTarget, ...]] = []

    def heard(_: WorkbenchScreen, event: ResourcesPane.AcquireBatch) -> None:
        asked.append(event.targets)

    monkeypatch.setattr(WorkbenchScreen, "on_resources_pane_acquire_batch", heard, raising=False)
    return asked


async def test_words_fields_tags_and_switches(desk: OpenDesk) -> None:
    async with desk() as d:
        await d.press("2")
        for text, ids, hits in (
            ("WEB-01 /dev/xvda", [WEB, XVDA], 1),  # the disk, and the instance it hangs on
            ("tag=app:ledger kind=disk", ["i-0b7e4410c2d35aa91", API_DISK], 1),
            (f"id={WEB}", [WEB, XVDA, XVDF], 1),  # an instance brings its disks along
            (f"id={WEB} eligible size>10G", [], 0),  # the instance itself has no size
            ("account=payments kind=snapshot", [SNAPSHOT], 1),
        ):
            pane(d).take_filter(text)
            await d.settled()
            assert [one.id for one in shown(d)] == ids, text
            await d.sees(f"{hits} of 61")
        pane(d).take_filter("moon=1")
        await d.sees("no field moon")


async def test_an_inverted_filter_shows_the_others(desk: OpenDesk) -> None:
    async with desk() as d:
        await d.press("2")
        pane(d).take_filter("shop-prod")
        await d.sees("48 of 61")
        await d.press("exclamation_mark")
        await d.sees("!/shop-prod", "13 of 61")
        assert {one.account for one in shown(d)}.isdisjoint({SHOP})


async def test_a_column_sorts_flat_and_its_title_says_so(desk: OpenDesk) -> None:
    async with desk(size=(200, 40)) as d:
        await d.press("2", "o")
        assert "name ↑" in d.text
        names = [one.name for one in shown(d)]
        assert names[:3] == ["api-01", "api-01:/dev/xvda", "cron-01"] and "└" not in d.text
        await d.sees("api-01 /dev/xvda")  # a disk by its instance and device
        pane(d).take_sort("size desc")
        await d.settled()
        assert "size ↓" in d.text
        sizes = [one.size_bytes for one in shown(d)]
        known = [size for size in sizes if size is not None]
        assert known == sorted(known, reverse=True) and sizes[: len(known)] == known
        await d.press("O")
        await d.sees("size ↑")
        pane(d).take_sort("moon")
        await d.sees("Sort by one of reading, name")
        pane(d).take_sort("reading")
        await d.sees("└ /dev/xvda")
        await d.press("O")
        await d.sees("The reading order has one way")


async def test_the_order_is_said_where_its_column_is_not_shown(desk: OpenDesk) -> None:
    async with desk() as d:
        await d.press("2")
        pane(d).take_sort("size desc")
        await d.sees("by size ↓")
        await d.settled()


async def test_marks_stay_over_filters_and_orders_and_are_counted(desk: OpenDesk) -> None:
    async with desk() as d:
        await d.press("2")
        await mark(d, XVDA, API_DISK)
        await d.sees("2 marked", "✓ marked KMS")
        pane(d).take_filter("shop")
        await d.sees("2 marked, 1 hidden")  # web-01 is of the app shop
        await d.press("M")
        await d.sees("8 marked, 1 hidden")
        pane(d).take_filter("marked")
        await d.sees("8 of 61")
        await d.press("o")
        await d.sees("8 marked")
        await d.press("U")
        await d.sees("0 of 61")
        assert not pane(d).marks and " marked" not in d.text.split("2 Resources")[1].split("\n")[0]


async def test_marking_all_takes_what_matches_and_not_what_is_brought_along(desk: OpenDesk) -> None:
    async with desk() as d:
        await d.press("2")
        pane(d).take_filter("web-01 kind=disk")
        await d.settled()
        await d.press("M")
        await d.sees("2 marked")
        marked = await d.app.reader.rows(pane(d).marks)
        assert {one.id for one in marked.values()} == {XVDA, XVDF}


async def test_what_may_not_be_acquired_cannot_be_marked_and_says_why(desk: OpenDesk) -> None:
    async with desk() as d:
        await d.press("2")
        await mark(d, "vol-0d93b1a2c3f4e5d60")
        await d.sees("db-02 /dev/xvda may not be acquired", "the account's owner can add the tag")
        await mark(d, SNAPSHOT)
        await d.sees("This is a snapshot", "then press Space")
        assert not pane(d).marks
        pane(d).take_filter("cron-01")
        await d.settled()
        await d.press("M")
        await d.sees("Nothing that matches may be acquired.")


async def test_marks_stay_over_scans_and_end_with_what_they_stood_on(desk: OpenDesk) -> None:
    async with desk() as d:
        await d.press("2")
        await mark(d, WEB, XVDA, API_DISK)
        marks = set(pane(d).marks)
        found = [one for one in resources() if one.account == PAYMENTS]
        again = [msgspec.structs.replace(one, attributes={**one.attributes, "seen": "2"}) for one in found]
        early = msgspec.structs.replace(found[0], id="i-00000000000000000", name="aaa-first")
        d.model.resources("s-2", [*again, early])
        await d.sees("62, ")
        assert pane(d).marks == marks
        gone = [one for one in again if one.id != API_DISK]
        gone = [msgspec.structs.replace(one, eligible=False) if one.id == XVDA else one for one in gone]
        d.model.resources("s-3", gone)
        d.model.forget_resources("aws", PAYMENTS, REGION, keep_scan="s-3")
        await d.sees("1 marked", "2 marks dropped")
        d.model.resources("s-4", found)  # the disk is back, and tagged again: it is not marked again by itself
        await d.sees("61, 9 eligible")
        assert len(pane(d).marks) == 1


async def test_all_disks_of_an_instance_become_one_target(desk: OpenDesk, monkeypatch: pytest.MonkeyPatch) -> None:
    async with desk() as d:
        asked = listen(monkeypatch)
        await d.press("2")
        await mark(d, XVDA, API_DISK)
        await d.press("a")
        await d.until(lambda: asked)
        assert [(one.kind, one.target, one.crumb) for one in asked[0]] == [
            ("disk", f"aws:{PAYMENTS}:{API_DISK}", "api-01 /dev/xvda"),
            ("disk", f"aws:{PAYMENTS}:{XVDA}", "web-01 /dev/xvda"),
        ]
        assert [one.why for one in asked[0]] == [
            "the only disk of api-01",
            "1 of the 2 disks of web-01 is marked",
        ]
        await mark(d, XVDF)
        await d.press("a")
        await d.until(lambda: len(asked) == 2)
        assert [(one.kind, one.crumb) for one in asked[1]] == [
            ("disk", "api-01 /dev/xvda"),
            ("instance", "web-01"),
        ]
        assert "all 2 disks of it are marked" in asked[1][1].why and "one point in time" in asked[1][1].why
        await d.press("U")
        await mark(d, WEB, XVDA)
        await d.press("a")
        await d.until(lambda: len(asked) == 3)
        assert [(one.kind, one.crumb) for one in asked[2]] == [("instance", "web-01")]
        assert "the instance is marked" in asked[2][0].why


async def test_disks_of_an_instance_that_may_not_be_acquired_stay_disks(
    desk: OpenDesk, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with desk() as d:
        web = next(one for one in resources() if one.id == WEB)
        d.model.resources("s-1", [msgspec.structs.replace(web, eligible=False)])
        await d.sees("61, 8 eligible")
        asked = listen(monkeypatch)
        await d.press("2")
        await mark(d, XVDA, XVDF)
        await d.press("a")
        await d.until(lambda: asked)
        assert [(one.kind, one.crumb) for one in asked[0]] == [
            ("disk", "web-01 /dev/xvda"),
            ("disk", "web-01 /dev/xvdf"),
        ]
        assert all("may not be acquired" in one.why for one in asked[0])


@pytest.mark.parametrize(
    ("text", "kind", "target"),
    [
        (f"disk {XVDA}", "disk", XVDA),
        (XVDA.upper(), "disk", XVDA),
        ("instance web-01", "instance", WEB),
        (f"aws:{PAYMENTS}:{WEB}", "instance", WEB),
        ("disk web-01 /dev/xvdf", "disk", XVDF),
    ],
)
async def test_a_target_is_planned_by_its_name(desk: OpenDesk, text: str, kind: str, target: str) -> None:
    async with desk() as d:
        pane(d).take_acquire(text)
        await d.settled()
        assert isinstance(d.app.screen, PlanScreen)
        asked = d.commands.called("plan")[0]
        assert (asked["kind"], asked["target"]) == (kind, f"aws:{PAYMENTS}:{target}")


async def test_a_name_that_is_not_there_says_so(desk: OpenDesk) -> None:
    async with desk() as d:
        pane(d).take_acquire("disk vol-nothing")
        await d.sees("No disk vol-nothing in the inventory")
        pane(d).take_acquire(f"aws:{SHOP}:{XVDA}")
        await d.sees("No disk or instance")
        pane(d).take_acquire(SNAPSHOT)
        await d.sees("This is a snapshot")
        assert d.commands.called("plan") == []


async def test_the_page_of_an_instance_lists_its_disks(desk: OpenDesk) -> None:
    async with desk() as d:
        await d.press("2")
        d.put_cursor_on(WEB)
        await d.press("enter")
        await d.sees("disks", XVDA, XVDF, "it may be acquired")


async def test_a_read_model_made_anew_has_other_rows_and_no_marks(desk: OpenDesk, tmp_path: Path) -> None:
    async with desk() as d:
        await d.press("2")
        await mark(d, XVDA)
        assert pane(d).marks
        d.model._db.execute("UPDATE revision SET value = value + 1 WHERE topic IN ('file', 'resources')")
        await d.until(lambda: not pane(d).marks)
        await d.sees("61, 9 eligible")


async def test_accounts_are_filtered_with_the_units_they_stand_in(desk: OpenDesk) -> None:
    async with desk() as d:
        accounts = d.app.workbench.accounts
        await d.press("1", "z")
        accounts.take_filter("state=locked")
        await d.sees("1 Accounts · /state=locked · 1 of 6", "legacy", "Workloads/Data")
        assert "shop-prod" not in d.text
        accounts.take_filter("prod id=3333")
        await d.sees("1 of 6", "shop-prod")
        accounts.take_filter("nothing like this")
        await d.sees("nothing matches")
        await d.press("escape")
        await d.sees("1 Accounts · 6")
