"""The four panes and their keys."""

from __future__ import annotations

import json
from typing import Any

import msgspec
import pytest
from textual.widgets import Button

from app.faults import Denied
from app.model.view import CustodyFacts
from screens.command.catalogue import COMMANDS
from screens.plan.screen import PlanScreen
from screens.root import Workbench
from screens.widgets.typed_confirm import TypedConfirm
from screens.workbench.screen import WorkbenchScreen
from tests.screens.conftest import OpenDesk
from tests.screens.fakes import ScriptedCommands
from tests.screens.seed import NOW, PAYMENTS, SHOP, WEB, XVDA, acquisitions, add_events, event


def focused(app: Workbench) -> str:
    return next(pane.word for pane in app.workbench.panes if pane.has_focus_within)


async def test_four_panes_under_the_context_bar(desk: OpenDesk) -> None:
    async with desk() as d:
        assert d.lines[0].startswith(" IR-42")
        for word in (
            "ex-07",
            "READ-ONLY",
            "detached",
            "L-0003",
            "11 min",
            "weak key",
            "endpoint",
            "14:03:21Z",
        ):
            assert word in d.lines[0]
        for title in ("1 Accounts", "2 Resources", "3 Acquisitions", "4 Custody"):
            assert title in d.text
        assert "role missing" in d.text and "5/11" in d.text  # why an account is out of reach; eligible of all
        assert "# not tagged" in d.text and "● eligible" in d.text
        assert d.commands.called("session.attach") == [{"examiner": "ex-07", "kind": "ui"}]


async def test_the_panes_are_reached_by_number_and_by_tab(desk: OpenDesk) -> None:
    async with desk() as d:
        assert focused(d.app) == "Accounts"
        for key, word in (
            ("3", "Acquisitions"),
            ("tab", "Custody"),
            ("tab", "Accounts"),
            ("shift+tab", "Custody"),
            ("2", "Resources"),
        ):
            await d.press(key)
            assert focused(d.app) == word


async def test_a_narrow_terminal_shows_one_pane_and_marks_the_tab_that_needs_a_person(desk: OpenDesk) -> None:
    async with desk(size=(80, 24)) as d:
        assert "[1 Acc]  2 Res   3 Acq▲   4 Cus" in d.text
        assert "2 Resources" not in d.text
        await d.press("3")
        assert "[3 Acq▲]" in d.text and "3 Acquisitions" in d.text and "1 Accounts" not in d.text
        assert "A-0006 waits" in d.text  # and the strip says it whichever pane is open
        assert len(d.lines) == 24 and all(len(line) == 80 for line in d.lines)


async def test_a_tiny_terminal_shows_one_line_and_comes_back(desk: OpenDesk) -> None:
    async with desk(size=(50, 12)) as d:
        assert "needs 60x15" in d.lines[0] and "L-0003" in d.lines[0]
        assert not "".join(d.lines[1:]).strip()
        await d.pilot.resize_terminal(132, 40)
        await d.sees("1 Accounts", "4 Custody")
        await d.press("j")
        assert focused(d.app) == "Accounts"


async def test_zoom_shows_the_focused_pane_alone(desk: OpenDesk) -> None:
    async with desk() as d:
        await d.press("4", "z")
        assert "4 Custody" in d.text and "1 Accounts" not in d.text
        await d.press("escape")
        assert "1 Accounts" in d.text


async def test_the_filter_shows_in_the_title_and_escape_clears_it(desk: OpenDesk) -> None:
    async with desk() as d:
        await d.press("2", "slash", *"web")
        await d.sees("/web", "of 61")
        assert "cron-01" not in d.app.workbench.resources.rows.source.row(0, 90)[0][1][0]
        await d.press("enter")
        assert "/web" in d.text and d.app.focused is d.app.workbench.resources.rows
        await d.press("escape")
        await d.sees("61, 9 eligible")


async def test_letters_typed_into_the_filter_trigger_nothing(desk: OpenDesk) -> None:
    async with desk() as d:
        await d.press("2", "slash", *"qaxz?", "1")
        assert isinstance(d.app.screen, WorkbenchScreen)
        assert d.app.workbench.resources.text == "qaxz?1"
        assert d.commands.called("plan") == []
        await d.press("escape")
        assert d.app.workbench.resources.text == ""


async def test_enter_on_an_account_shows_it_alone_and_scans_it_the_first_time(desk: OpenDesk) -> None:
    async with desk() as d:
        accounts = d.app.workbench.accounts.rows
        accounts.go_to(f"account\0aws\0{SHOP}")
        await d.press("enter")
        await d.sees("2 Resources · shop-prod · 48, 4 eligible")
        assert d.commands.called("inventory.refresh") == []  # it has been scanned
        await d.press("escape")
        await d.sees("61, 9 eligible")
        await d.press("1")
        accounts.go_to(f"account\0aws\0{'5' * 12}")
        await d.press("enter")  # out of reach: says why, asks nothing
        await d.sees("out of reach", "role missing", "asks again")
        assert d.commands.called("inventory.refresh") == []


async def test_refresh_asks_for_what_is_in_front(desk: OpenDesk) -> None:
    async with desk() as d:
        await d.press("R", "2", "R")
        await d.press("1")
        d.app.workbench.accounts.rows.go_to(f"account\0aws\0{PAYMENTS}")
        await d.press("enter", "R")
        assert d.commands.called("inventory.refresh") == [
            {"scope": "accounts", "accounts": None, "wait": False},
            {"scope": "resources", "accounts": None, "wait": False},
            {"scope": "resources", "accounts": [PAYMENTS], "wait": False},
        ]


async def test_units_fold(desk: OpenDesk) -> None:
    async with desk() as d:
        d.app.workbench.accounts.rows.go_to("unit\0aws\0Workloads/Prod")
        await d.press("space")
        assert "▸ Workloads/Prod" in d.text and "payments-prod   " not in d.text.split("2 Resources")[0]
        await d.press("space")
        assert "▾ Workloads/Prod" in d.text


async def test_a_locked_row_says_why_and_who_could_change_it(desk: OpenDesk) -> None:
    async with desk() as d:
        await d.press("2", "slash", *"cron", "enter", "j", "enter")
        await d.sees("cron-01 /dev/xvda", "# not tagged", "the account's owner can add the tag")
        await d.press("escape")
        assert isinstance(d.app.screen, WorkbenchScreen)


@pytest.mark.parametrize(("row", "kind"), [(WEB, "instance"), (XVDA, "disk")])
async def test_disks_and_instances_are_planned(desk: OpenDesk, row: str, kind: str) -> None:
    async with desk() as d:
        await d.press("2")
        d.put_cursor_on(row)
        await d.press("a")
        assert isinstance(d.app.screen, PlanScreen)
        assert d.commands.called("plan") == [
            {"kind": kind, "target": f"aws:{PAYMENTS}:{row}", "route": "auto", "lock_days": 0}
        ]


async def test_a_snapshot_is_not_planned_and_says_what_is(desk: OpenDesk) -> None:
    async with desk() as d:
        await d.press("2")
        d.put_cursor_on("snap-09aa11bb22cc33dd4")
        await d.press("a")
        await d.sees("This is a snapshot", "then press a")
        assert d.commands.called("plan") == []


async def test_the_strip_of_one_that_waits_has_its_keys(desk: OpenDesk) -> None:
    async with desk() as d:
        await d.sees(
            "A-0006 waits: your AWS SSO session ended 14:01. Nothing was lost: 60 % is on disk and verified.",
            "run aws sso login",
            "s try again now",
        )
        await d.press("d")
        assert d.screen_name == "AcquisitionScreen" and "A-0006" in d.app.screen.crumbs  # type: ignore[attr-defined]
        await d.press("s")
        assert d.commands.called("acquisition.resume") == [{"acquisition": "A-0006", "reason": ""}]
        await d.sees("A-0006 asks again")


async def test_without_anything_that_waits_the_keys_say_so(desk: OpenDesk) -> None:
    async with desk() as d:
        d.model.acquisition(msgspec.structs.replace(acquisitions(NOW)[2], state="running", error=None, next=None))
        await d.until(lambda: "A-0006 waits" not in d.text)
        await d.press("s", "d")
        await d.sees("Nothing waits for credentials")
        assert d.commands.called("acquisition.resume") == [] and isinstance(d.app.screen, WorkbenchScreen)


@pytest.mark.parametrize(
    ("state", "key", "method"),
    [
        ("running", "p", "acquisition.pause"),
        ("paused", "p", "acquisition.resume"),
        ("failed", "r", "acquisition.resume"),
        ("interrupted", "r", "acquisition.resume"),
        ("waiting_for_credentials", "r", "acquisition.resume"),
        ("running", "r", ""),
        ("done", "p", ""),
        ("failed", "p", ""),
        ("done", "x", ""),
    ],
)
async def test_pause_and_resume(desk: OpenDesk, state: Any, key: str, method: str) -> None:
    async with desk() as d:
        d.model.acquisition(msgspec.structs.replace(acquisitions(NOW)[3], state=state))
        await d.until(
            lambda: any(one.state == state and one.id == "A-0007" for one in d.app.snapshot.acquisitions)
        )
        await d.press("3")
        d.app.workbench.acquisitions.rows.go_to("A-0007")
        await d.press(key)
        sent = [call for call in d.commands.calls if call[0].startswith("acquisition.")]
        assert sent == ([(method, {"acquisition": "A-0007", "reason": ""})] if method else [])


async def test_cancel_needs_the_id_typed(desk: OpenDesk) -> None:
    async with desk() as d:
        await d.press("3", "j", "x")
        confirm = d.app.screen
        assert isinstance(confirm, TypedConfirm)
        assert isinstance(d.app.focused, Button) and d.app.focused.id == "no"
        await d.press("enter")  # Enter on the focused button does nothing to the evidence
        assert isinstance(d.app.screen, WorkbenchScreen) and d.commands.called("acquisition.cancel") == []
        await d.press("x", "right", "enter")  # the action cannot be reached before the word is there
        assert d.commands.called("acquisition.cancel") == []
        await d.press("escape", "x")
        d.app.screen.query_one("#reason").focus()
        await d.pilot.pause()
        await d.type("wrong disk")
        await d.press("enter")
        await d.type("A-0007")
        await d.press("enter", "enter")
        assert isinstance(d.app.screen, WorkbenchScreen)
        assert d.commands.called("acquisition.cancel") == [{"acquisition": "A-0007", "reason": "wrong disk"}]


async def test_a_refused_command_is_told_in_plain_words(desk: OpenDesk) -> None:
    fault = Denied("forensics-collect may not be assumed in payments-prod", next="ask its owner for the trust")
    async with desk(commands=ScriptedCommands(acquisition_pause=fault)) as d:
        await d.press("3", "j", "p")
        await d.sees("may not be assumed in payments-prod", "ask its owner for the trust")


async def test_custody_follows_its_tail_and_holds_still_further_up(desk: OpenDesk) -> None:
    async with desk() as d:
        rows = d.app.workbench.custody.rows
        await d.until(lambda: rows.cursor == 213)

        def grow(last: int) -> None:
            add_events(d.model, last, last, NOW)
            d.model.fact("custody", CustodyFacts(events=last, lines=last, checkpointed_to=200))

        grow(215)
        await d.until(lambda: rows.cursor == 214)
        await d.press("4", "k", "k")
        top = rows.scroll_offset.y
        grow(216)
        await d.until(lambda: len(rows.source) == 216)
        assert (rows.current, rows.scroll_offset.y) == ("213", top)
        await d.press("G")
        grow(217)
        await d.until(lambda: rows.cursor == 216)


async def test_enter_shows_the_whole_event(desk: OpenDesk) -> None:
    async with desk() as d:
        await d.press("4", "enter")
        await d.sees("machine_id_hash", "about to share".capitalize(), "corr")
        assert json.dumps(event(214, NOW))[:5]  # the page is made from the body, not from the row
        await d.press("minus")
        assert isinstance(d.app.screen, WorkbenchScreen)


async def test_a_fragment_is_shown_as_what_it_is(desk: OpenDesk) -> None:
    async with desk() as d:
        d.model.event(215, None, "{half a line")
        d.model.fact("custody", CustodyFacts(events=214, lines=215, checkpointed_to=200))
        await d.sees("line 215", "1 fragment")
        await d.press("4", "enter")
        await d.sees("is no event", "{half a line")


async def test_steps_of_an_acquisition(desk: OpenDesk) -> None:
    async with desk() as d:
        await d.press("3")
        d.app.workbench.acquisitions.rows.go_to("A-0007")
        await d.press("enter")
        await d.sees("snapshot the volume", "ec2:CreateSnapshot", "✔ done", "5f2c91aa", "62 %", "evidence.read")
        await d.press("escape")
        assert isinstance(d.app.screen, WorkbenchScreen)


async def test_leases_count_down_and_are_revoked_by_name(desk: OpenDesk) -> None:
    async with desk() as d:
        await d.press("l")
        await d.sees("3 live of 5 leases", "11 min", "assumed-role")
        d.clock.advance(11.7 * 60 - 100)
        d.app.screen.tick()  # type: ignore[attr-defined]
        await d.sees("1:40 expiring")
        await d.press("x")
        d.app.screen.query_one("#word").focus()
        await d.pilot.pause()
        await d.type("L-0003")
        await d.press("enter", "enter")
        assert d.commands.called("lease.revoke") == [{"lease": "L-0003"}]


async def test_verify_says_what_is_proven_and_what_is_not(desk: OpenDesk) -> None:
    async with desk() as d:
        await d.press("4", "v")
        await d.sees("everything promised is proven", "Self-custodied", "E-0005")


async def test_a_failed_verification_names_the_line(desk: OpenDesk) -> None:
    broken = {
        "ok": False,
        "reason": "line 17: prev does not match",
        "first_bad_line": 17,
        "chain": False,
        "signatures": True,
        "events": 214,
        "lines": 214,
        "items": [{"id": "E-0005", "ok": False, "reason": "data/disk.raw differs"}],
    }
    async with desk(commands=ScriptedCommands(verify=broken)) as d:
        await d.press("4", "v")
        await d.sees("something is wrong", "prev does not match", "17", "data/disk.raw differs")


async def test_help_is_made_from_the_registry(desk: OpenDesk) -> None:
    async with desk(size=(132, 200)) as d:
        await d.press("question_mark")
        for command in COMMANDS:
            await d.sees(command.help[:30])
            if command.names:
                assert f":{command.names[0]}" in d.text
