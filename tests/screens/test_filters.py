"""What a filter shows besides what it asks for, what the titles keep, and keys that have nothing to act on."""

from __future__ import annotations

from pathlib import Path

import pytest

from app.case.readmodel import ReadModel
from screens.command.catalogue import DEFAULT
from screens.plan.screen import PlanScreen
from screens.present.look import ASCII
from screens.workbench.pane import Pane
from screens.workbench.resource_rows import ResourceRows
from screens.workbench.resources import ResourcesPane
from tests.screens.conftest import Desk, OpenDesk
from tests.screens.seed import PAYMENTS, WEB, XVDA, XVDF, seed


def pane(d: Desk) -> ResourcesPane:
    return d.app.workbench.resources


def at(d: Desk) -> str:
    one = pane(d).current
    return one.id if one is not None else ""


def said(d: Desk) -> list[str]:
    """The toasts."""
    return [told.message for told in d.app._notifications]


def title(one: Pane) -> str:
    return str(one.border_title)


def nothing_acquired(path: Path) -> ReadModel:
    model = seed(path)
    model._db.execute("DELETE FROM acquisition")
    model._db.execute("UPDATE revision SET value = value + 1 WHERE topic = 'acquisitions'")
    return model


# -- what is brought along ----------------------------------------------------------------------------------


async def test_the_cursor_goes_to_the_first_match_and_keys_act_on_matches_alone(desk: OpenDesk) -> None:
    async with desk() as d:
        await d.press("2", "slash", *"web-01")
        await d.type(" kind=disk")
        await d.press("enter")
        await d.until(lambda: at(d) == XVDA, "the cursor on the disk")
        await d.press("k")
        assert at(d) == WEB
        await d.press("space")
        assert said(d) == [
            "web-01 is outside the filter, and shown because it holds a disk that matches. Esc clears the filter."
        ]
        await d.press("a")
        assert d.screen_name == "WorkbenchScreen" and not pane(d).marks and not d.commands.called("plan")
        await d.press("j", "a")
        assert isinstance(d.app.screen, PlanScreen)
        assert d.commands.called("plan")[0]["target"] == f"aws:{PAYMENTS}:{XVDA}"


async def test_what_is_brought_along_is_seen_to_be(desk: OpenDesk) -> None:
    async with desk() as d:
        await d.press("2")
        pane(d).take_filter("web-01 kind=disk")
        await d.until(lambda: at(d) == XVDA)
        tones = [{tone for _, tone in pane(d).rows.source.row(place, 90)[0]} for place in range(3)]
        assert tones[0] <= {"dim", ""} and "done" not in tones[0] and "done" in tones[1] & tones[2]
        assert pane(d).rows.source.row(0, 90)[0][0] == (d.app.look.dot, "dim")
        pane(d).take_filter(f"id={WEB}")
        await d.until(lambda: at(d) == WEB)
        await d.press("j", "a")
        assert "web-01 /dev/xvda is outside the filter, and shown because its instance matches." in said(d)[0]


async def test_the_cursor_stays_on_its_row_while_that_matches(desk: OpenDesk) -> None:
    async with desk() as d:
        await d.press("2")
        d.put_cursor_on(XVDF)
        for text in ("web", "web kind=disk", ""):
            pane(d).take_filter(text)
            await d.settled()
            assert at(d) == XVDF, text
        d.put_cursor_on(WEB)
        pane(d).take_filter("web-01 kind=disk")  # it is there, but does not match
        await d.until(lambda: at(d) == XVDA)


async def test_a_key_typed_ahead_of_the_rows_does_nothing_to_others(desk: OpenDesk) -> None:
    async with desk() as d:
        await d.press("2")
        pane(d).take_filter("api-01")
        pane(d).action_mark()
        pane(d).action_acquire()
        await d.settled()
        assert said(d) == ["The rows are still being looked for: press the key again."] * 2
        assert not pane(d).marks and d.screen_name == "WorkbenchScreen"
        await d.press("a")
        assert isinstance(d.app.screen, PlanScreen)


async def test_a_mark_on_what_is_brought_along_can_be_taken_off(desk: OpenDesk) -> None:
    async with desk() as d:
        await d.press("2")
        d.put_cursor_on(WEB)
        await d.press("space")
        pane(d).take_filter("web-01 kind=disk")
        await d.until(lambda: at(d) == XVDA)
        await d.press("g")
        assert at(d) == WEB
        await d.press("space")
        assert not pane(d).marks


async def test_the_order_is_turned_by_desc_alone(desk: OpenDesk) -> None:
    async with desk() as d:
        await d.press("2")
        pane(d).take_sort("size")
        pane(d).take_sort("desc")
        assert (pane(d).sort, pane(d).descending) == ("size", True)
        await d.press("colon")
        await d.type("sort size d")
        await d.press("tab")
        await d.sees(":sort size desc")


async def test_the_words_of_the_state_are_completed_and_count(desk: OpenDesk) -> None:
    async with desk() as d:
        await d.press("2", "colon")
        await d.type("filter unt")
        await d.press("tab")
        await d.sees(":filter untagged")
        await d.press("enter")
        facts = d.app.snapshot.inventory
        locked = facts.total - facts.eligible
        await d.until(lambda: f"/untagged · {locked} of {facts.total}" in title(pane(d)), "those without the tag")
        pane(d).take_filter("locked kind=disk")
        await d.settled()
        source = pane(d).rows.source
        assert isinstance(source, ResourceRows)
        hits = [source.get(place) for place in range(len(source)) if source.selection.matches(place)]
        assert hits and not any(one is None or one.eligible for one in hits)


@pytest.mark.parametrize(
    "text", ["size>8193P", f"size>{1 << 63}", "size>" + "9" * 400], ids=["8193P", "2**63", "endless"]
)
async def test_a_size_beyond_all_numbers_is_a_term_that_is_not_understood(desk: OpenDesk, text: str) -> None:
    async with desk(size=(200, 50)) as d:
        await d.press("2", "slash")
        await d.type(text)
        await d.press("enter")
        await d.sees("(size takes an amount of bytes", "61 of 61")
        pane(d).take_filter("size>8191P")
        await d.sees("0 of 61")
        pane(d).take_filter("")
        await d.settled()
        assert "cannot be read" not in d.text and not d.app.snapshot.problem


# -- titles -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("size", [(80, 24), (100, 30), (132, 40)])
async def test_a_long_filter_leaves_the_count_its_place(desk: OpenDesk, size: tuple[int, int]) -> None:
    async with desk(size=size) as d:
        await d.press("2")
        pane(d).take_filter("eligible kind=disk tag=Forensics:Enabled account=payments state=eligible size>1G web")
        await d.sees(" · 2 of 61 ─", "2 Resources · /eligible ")
        assert "(+" not in d.text
        d.put_cursor_on(XVDA)
        await d.press("space")
        await d.sees(" · 1 marked · 2 of 61 ─")


async def test_an_unknown_field_and_an_open_quote_are_said_beside_the_count(desk: OpenDesk) -> None:
    async with desk(size=(80, 24)) as d:
        await d.press("2")
        pane(d).take_filter("app=shop")
        await d.sees("/app=shop (no field app: try tag=app:shop) · 61 of 61 ─")
        pane(d).take_filter('"web-0')
        await d.sees('/"web-0 (a quote is open) · ')


async def test_a_held_custody_pane_says_so_beside_a_long_filter(desk: OpenDesk) -> None:
    async with desk(size=(80, 24)) as d:
        custody = d.app.workbench.custody
        await d.press("4")
        custody.take_filter("op=snapshot.share phase=failed actor=agent acq=A-0007 throttled sharing refused")
        await d.sees("follows", " of 214 ─")
        await d.press("k")
        await d.sees("held at line", " of 214 ─", "4 Custody · /op=snapshot")


async def test_a_title_is_fitted_anew_when_its_pane_is(desk: OpenDesk) -> None:
    async with desk() as d:
        await d.press("1")
        accounts = d.app.workbench.accounts
        accounts.take_filter("state=reachable path=workloads prod")
        await d.until(lambda: "of 6" in title(accounts))
        assert d.app.look.more in title(accounts)
        await d.press("z")
        await d.until(lambda: "/state=reachable path=workloads prod · " in title(accounts))


async def test_the_titles_keep_to_ascii(desk: OpenDesk) -> None:
    async with desk(look=ASCII, size=(80, 24)) as d:
        await d.press("2")
        pane(d).take_filter("kind=disk tag=Forensics:Enabled account=payments state=eligible size>1G é web")
        await d.sees(" of 61 -")
        assert title(pane(d)).isascii()


# -- keys with nothing to act on ----------------------------------------------------------------------------


@pytest.mark.parametrize("opens", ["E", "l", "question_mark", "t"])
async def test_a_digit_leads_from_a_page_to_its_pane(desk: OpenDesk, opens: str) -> None:
    async with desk() as d:
        await d.press(opens)
        assert d.screen_name != "WorkbenchScreen"
        await d.press("3")
        assert d.screen_name == "WorkbenchScreen" and d.app.workbench.acquisitions.rows.has_focus


async def test_a_digit_leads_over_several_pages(desk: OpenDesk) -> None:
    async with desk() as d:
        await d.press("3", "enter", "l", "4")
        assert len(d.app.screen_stack) == 1 and d.app.workbench.custody.rows.has_focus


async def test_a_digit_loses_nothing_that_is_typed(desk: OpenDesk) -> None:
    async with desk() as d:
        await d.press("2")
        d.put_cursor_on(XVDA)
        await d.press("a")
        d.app.screen.query_one("#reason").focus()
        await d.pilot.pause()
        await d.press("1", "2")
        field = d.app.screen.query_one("#reason")
        assert getattr(field, "value", "") == "12"
        d.app.screen.query_one("#cancel").focus()
        await d.press("1")
        await d.sees("Esc leaves this page")
        assert isinstance(d.app.screen, PlanScreen) and getattr(field, "value", "") == "12"


@pytest.mark.parametrize("key", ["slash", "f", "exclamation_mark"])
async def test_a_page_without_a_filter_says_so(desk: OpenDesk, key: str) -> None:
    async with desk() as d:
        await d.press("E", key)
        await d.sees("Nothing to filter here")
        assert d.screen_name == "EvidenceScreen"


async def test_the_palette_of_the_workbench_lists_no_keys_of_pages(desk: OpenDesk) -> None:
    async with desk() as d:
        for ident in ("page.accounts", "page.filter"):
            command = DEFAULT.get(ident)
            assert command is not None and d.app.workbench.offers(command) is None


async def test_an_empty_pane_of_acquisitions_names_no_key_and_says_why(desk: OpenDesk) -> None:
    async with desk(fill=nothing_acquired) as d:
        await d.press("3")
        assert d.app.workbench.acquisitions.border_subtitle in (None, "")
        await d.press("p")
        await d.sees("There is no acquisition yet.")
        await d.press("2", "colon")
        await d.type("cancel")
        await d.press("enter")
        await d.until(lambda: said(d) == ["There is no acquisition yet."] * 2)


async def test_the_acquisitions_name_the_keys_that_do_something(desk: OpenDesk) -> None:
    async with desk() as d:
        await d.press("3")
        acquisitions = d.app.workbench.acquisitions
        for ident, there, absent in (("A-0004", "steps", "cancel"), ("A-0007", "pause", "resume")):
            assert acquisitions.rows.go_to(ident)
            await d.settled()
            assert there in str(acquisitions.border_subtitle) and absent not in str(acquisitions.border_subtitle)
        acquisitions.take_filter("no such thing")
        await d.press("x")
        await d.sees("No acquisition matches the filter of pane 3")
