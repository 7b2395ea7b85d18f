"""What went wrong, where there is little room: the page of one acquisition, accounts, leases, evidence."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import msgspec
import pytest

from app.clock import stamp
from app.model import Account, Acquisition, EvidenceItem
from app.model.view import EvidenceCheck, Scan
from screens.acquisition.steps import StepsScreen
from screens.command.catalogue import DEFAULT
from screens.evidence.checks import checks_of, newest
from screens.page.screen import PageScreen
from screens.present.account_page import account_lines
from screens.present.accounts import UNLISTED, Node, Progress, node_line, outdated, progress_of, scan_failed
from screens.present.acquisition_page import Part, shortened, step_lines
from screens.present.acquisitions import rows
from screens.present.cells import Line, cells
from screens.present.leases import lease_line, live_line
from screens.present.look import UNICODE
from screens.present.reasons import brief
from screens.present.resources import detail
from screens.present.shelf import Shelf
from screens.widgets.page_lines import PageLines
from screens.widgets.strips import Problem, strip
from screens.workbench.resource_page import ResourceScreen
from screens.workbench.steering import offered
from tests.screens.conftest import Desk, OpenDesk
from tests.screens.fakes import VERIFIED, ScriptedCommands
from tests.screens.seed import (
    LEGACY,
    NOW,
    REGION,
    SHOP,
    XVDA,
    accounts,
    acquisitions,
    leases,
    resources,
    step_rows,
)

ROLE = "arn:aws:iam::222222222222:role/forensics-collect"
REFUSED = (
    f"sts:AssumeRole denied by AWS in account 222222222222, eu-west-1, for {ROLE}: User: "
    f"arn:aws:iam::111111111111:user/ex-07 is not authorized to perform: sts:AssumeRole on resource: {ROLE} "
    "[AccessDenied, request 5f2c91aa]"
)
TODO = f"whoever runs account 222222222222 can change it: {ROLE} must exist, and its trust policy must allow me"


def of(ident: str, **more: Any) -> Acquisition:
    one = next(one for one in acquisitions(NOW) if one.id == ident)
    return msgspec.structs.replace(one, **more)


def text(lines: Any) -> str:
    return "\n".join("".join(piece for piece, _ in line).rstrip() for line in lines)


def scan(state: Any, error: str | None = None, region: str = REGION, **more: Any) -> Scan:
    found = Scan(cloud="aws", account=SHOP, region=region, state=state, found=4, error=error, at=stamp(NOW))
    return msgspec.structs.replace(found, **more)


EARLIER = stamp(NOW - timedelta(hours=1, minutes=1))


# Cause, what is left, what to do


def test_a_cause_is_told_without_ids() -> None:
    assert brief(REFUSED) == "denied: sts:AssumeRole"
    assert brief("your AWS SSO session ended 14:01") == "your AWS SSO session ended 14:01"
    assert brief("(only codes)") == "(only codes)"


@pytest.mark.parametrize("width", [80, 132])
@pytest.mark.parametrize("most", [2, 3])
def test_a_strip_keeps_what_is_left_of_the_evidence(width: int, most: int) -> None:
    calm = "Nothing was lost: 60 % is on disk and verified."
    keys = "s try again now · d details"
    problem = Problem("A-0006 waits: denied: sts:AssumeRole", TODO, calm, keys)
    shown = " ".join(text(strip(problem, width, most, UNICODE)).split())
    assert "denied: sts:AssumeRole. Nothing was lost" in shown
    assert "→ whoever runs account 222222222222" in shown and keys in shown


def test_a_row_keeps_enough_of_the_next_step() -> None:
    held = of("A-0006", error=REFUSED, next=TODO)
    assert "denied: sts:AssumeRole · 60 % kept → whoever runs account 22222" in text(
        rows(held, {}, NOW, 100, UNICODE, DEFAULT.key)
    )
    long = msgspec.structs.replace(held, error="why " * 40)
    assert "kept" not in text(rows(long, {}, NOW, 64, UNICODE, DEFAULT.key))


# The page of one acquisition


def part(rank: int, lines: int, whole: tuple[Line, ...] = ()) -> Part:
    return Part(rank, [((f" {rank}.{place}", ""),) for place in range(lines)], whole)


def test_a_head_without_room_keeps_why_and_what_to_do() -> None:
    found = [part(0, 1), part(7, 1), part(2, 5), part(3, 1), part(1, 4), part(8, 1)]
    shown, hidden = shortened(found, 13, 40, UNICODE)
    assert len(shown) == 13 and hidden == []
    shown, hidden = shortened(found, 6, 40, UNICODE)
    assert len(shown) == 6 and "7.0" not in text(shown) and " 7.0" in text(hidden)
    assert " 2.0" in text(shown) and " 1.0" in text(shown) and "…" in text(shown)
    assert text(hidden).count(" 2.") == 5  # what is cut stands whole under the steps
    for most in (0, 1, 2, 3):
        assert len(shortened(found, most, 40, UNICODE)[0]) == max(1, most)
    assert shortened([part(0, 1, (((" all of it", ""),),))], 5, 40, UNICODE)[1] == [((" all of it", ""),)]


async def page_of(d: Desk, ident: str) -> None:
    await d.press("3")
    d.app.workbench.acquisitions.rows.go_to(ident)
    await d.press("enter")
    await d.settled()


@pytest.mark.parametrize("size", [(80, 24), (80, 15), (100, 30), (132, 40)])
async def test_a_page_in_trouble_keeps_its_footer(desk: OpenDesk, size: tuple[int, int]) -> None:
    async with desk(size=size) as d:
        d.model.acquisition(of("A-0007", state="waiting_for_credentials", error=REFUSED, next=TODO))
        await page_of(d, "A-0007")
        await d.sees("denied: sts:AssumeRole", "→ whoever runs account", "Custody", "A-0006 waits")
        assert "Esc back" in d.lines[-1] and "s go on" in d.lines[-1] and "r resume" not in d.lines[-1]
        assert "A-0007 waits" not in d.text  # the page says all of it
        assert sum("╭─ Steps" in line or "╭─ Custody" in line for line in d.lines) == 2
        told = " ".join(d.app.screen.query_one("#steps", PageLines).text.split())
        assert "[AccessDenied, request 5f2c91aa]" in told  # what names the call stands under the steps


async def test_the_footer_of_one_that_is_sealed_names_what_works(desk: OpenDesk) -> None:
    async with desk(size=(80, 24)) as d:
        await page_of(d, "A-0005")
        await d.sees("E evidence")
        assert not any(word in d.lines[-1] for word in ("pause", "resume", "cancel"))


def test_what_is_offered_does_something() -> None:
    assert offered(of("A-0005")) == offered(of("A-0004")) == ()
    assert offered(of("A-0007")) == ("acquisitions.pause", "acquisitions.cancel")
    assert offered(of("A-0007", state="failed")) == ("acquisitions.resume", "acquisitions.cancel")
    assert offered(of("A-0004", error="not everything could be taken back")) == ("acquisitions.cancel",)
    assert offered(of("A-0007", step="undoing: unshare")) == ("acquisitions.pause",)


def test_call_and_request_stand_under_a_step_that_failed() -> None:
    found = [
        msgspec.structs.replace(row, state="failed", request_id="7a1d0000-77b0") if row.id == "s6" else row
        for _, row in step_rows(NOW)
    ]
    for width in (60, 76, 100, 130):
        lines = step_lines(found, NOW, width, UNICODE, "failed")
        assert all(cells(line) <= width for line in lines)
        assert "ebs:GetSnapshotBlock" in text(lines) and "7a1d0000-77b0" in text(lines)


@pytest.mark.parametrize("size", [(80, 24), (132, 40)])
async def test_enter_on_the_steps_opens_all_of_them(desk: OpenDesk, size: tuple[int, int]) -> None:
    async with desk(size=size) as d:
        await page_of(d, "A-0007")
        await d.press("tab")
        await d.sees("Enter whole steps")
        await d.press("enter")
        assert isinstance(d.app.screen, StepsScreen)
        await d.sees(" 6 download the blocks")  # where it is now
        await d.press("g")
        await d.sees("5f2c91aa-77b0-4c1e-9d3e-000000000000", "13:51:21 to 13:51:22 UTC, 1.4 s")
        await d.press("escape")
        await d.sees("Custody")


# Accounts


def test_the_row_of_an_account_says_why() -> None:
    legacy = next(one for one in accounts() if one.id == LEGACY)
    locked = msgspec.structs.replace(legacy, reason="the role cannot be assumed (AccessDenied). More of it.")
    for width, words in ((76, "the role cannot be assumed (AccessDenied)"), (34, "…")):
        line = node_line(Node("k", 2, "legacy", account=locked), {}, {}, None, width, UNICODE)
        assert words in text([line]) and cells(line) == width and "More" not in text([line])
    shop = next(one for one in accounts() if one.id == SHOP)
    failed = progress_of([scan("failed", "ec2:DescribeInstances on it: no answer (timed out)")])
    line = node_line(Node("k", 2, "shop", account=shop), {}, failed, None, 76, UNICODE)
    assert "▲ scan failed: no answer (timed out)" in text([line])
    assert text([node_line(Node("k", 2, "shop", shop), {}, failed, None, 30, UNICODE)]).endswith("scan failed")


def test_a_failed_scan_is_named_with_its_time() -> None:
    assert scan_failed(Progress(done=1), NOW) == ""
    (only,) = progress_of([scan("failed", "why")]).values()
    assert scan_failed(only, NOW) == "last scan failed 14:03"
    (part_of,) = progress_of([scan("failed", "why"), scan("done", region="eu-north-1")]).values()
    assert scan_failed(part_of, NOW) == "last scan partly failed 14:03"


@pytest.mark.parametrize("width", [50, 76, 128])
def test_the_page_of_an_account_keeps_every_word(width: int) -> None:
    why = " ".join(f"word{number}" for number in range(80))
    one = Account(cloud="aws", id=LEGACY, name="legacy", reachable=False, reason=why)
    lines = account_lines(one, [], (0, 0), NOW, width, UNICODE)
    assert all(cells(line) <= width for line in lines)
    assert all(word in text(lines).split() for word in why.split()) and "asks again" in text(lines)
    there = msgspec.structs.replace(one, reachable=True)
    told = text(account_lines(there, [scan("done", region="a"), scan("failed", why)], (1, 4), NOW, width, UNICODE))
    assert told.index("failed") < told.index("seen") and all(word in told.split() for word in why.split())
    assert "Mend the cause" in told


def test_the_page_of_an_account_says_from_when_each_region_is() -> None:
    one = Account(cloud="aws", id=SHOP, name="shop", reachable=True)

    def told(*scans: Scan) -> str:
        lines = account_lines(one, scans, (1, 9), NOW, 110, UNICODE)
        return " ".join(text(lines).split())

    failed = scan("failed", "no answer", good=EARLIER)
    shows = "eu-west-1 shows what was there at 13:02 UTC; the scan of 14:03 failed: no answer"
    assert f"{shows} That scan had seen 4 before it failed: these are newer." in told(failed)
    none = told(msgspec.structs.replace(failed, found=0))
    assert shows in none and "newer" not in none
    yesterday = told(msgspec.structs.replace(failed, good="2026-11-22T16:02:00Z"))
    assert "at 2026-11-22 16:02 UTC; the scan of 14:03" in yesterday
    never = told(scan("failed", "no answer"))
    assert "eu-west-1 failed 14:03 UTC no answer No scan of it was ever complete" in never
    unlisted = told(scan("failed", "refused", region=UNLISTED, found=0), scan("done", at=EARLIER, good=EARLIER))
    assert "the list of regions failed 14:03 UTC refused So no region was scanned" in unlisted
    assert "eu-west-1: 4 seen 13:02 UTC" in unlisted and "ever complete" not in unlisted
    assert "is being read: 4 so far, the rest is as of 13:02 UTC" in told(scan("running", good=EARLIER))


def test_a_title_says_from_when_the_rows_are() -> None:
    mine, older = ("aws", SHOP), stamp(NOW - timedelta(hours=2))
    failed = scan("failed", "why", good=EARLIER)
    assert outdated([scan("done")], mine, NOW) == ("", "") == outdated([], None, NOW)
    assert outdated([failed], mine, NOW) == ("last scan failed 14:03", "as of 13:02")
    assert outdated([scan("failed", "why")], mine, NOW) == ("last scan failed 14:03", "")
    second = scan("failed", "why", "eu-north-1", good=older)
    assert outdated([failed, second], mine, NOW)[1] == "as of 12:03"  # the oldest of them
    assert outdated([second, scan("done")], mine, NOW) == ("last scan partly failed 14:03", "in part as of 12:03")
    unlisted = [scan("failed", "why", UNLISTED), scan("done", at=EARLIER, good=EARLIER)]
    assert outdated(unlisted, mine, NOW) == ("last scan failed 14:03", "as of 13:02")
    other = scan("done", account=LEGACY)
    assert outdated([other, failed], None, NOW) == ("last scan failed 14:03", "in part as of 13:02")
    assert outdated([other, failed], ("aws", LEGACY), NOW) == ("", "")


@pytest.mark.parametrize(("size", "fits"), [((80, 24), True), ((60, 15), False), ((132, 40), True)])
async def test_the_title_of_the_rows_of_an_older_scan(desk: OpenDesk, size: tuple[int, int], fits: bool) -> None:
    async with desk(size=size) as d:
        d.model.scan(scan("done", at=EARLIER))
        d.model.scan(scan("failed", "no answer"))
        await d.press("1")
        await d.until(lambda: any(one.state == "failed" for one in d.app.snapshot.scans))
        d.app.workbench.accounts.rows.go_to(f"account\0aws\0{SHOP}")
        await d.press("enter")
        await d.sees("Last scan failed 14:03")
        await d.press("2", "z")
        await d.sees("last scan failed 14:03")
        pane = d.app.workbench.resources
        await d.until(lambda: str(pane.border_title).endswith("failed 14:03 · as of 13:02") is fits)
        assert ("shop-prod" in str(pane.border_title)) is (size[0] > 80)  # it stands in the last line too


@pytest.mark.parametrize("size", [(80, 24), (132, 40)])
async def test_enter_tells_why_an_account_is_locked_or_its_scan_failed(
    desk: OpenDesk, size: tuple[int, int]
) -> None:
    async with desk(size=size) as d:
        d.model.accounts(
            msgspec.structs.replace(one, reason=f"the role cannot be assumed (AccessDenied). {REFUSED}")
            if one.id == LEGACY
            else one
            for one in accounts()
        )
        d.model.scan(scan("failed", "ec2:DescribeInstances on it: no answer (timed out)"))
        await d.press("1")
        pane = d.app.workbench.accounts
        await d.sees("scan failed")
        pane.rows.go_to(f"account\0aws\0{LEGACY}")
        await d.press("enter")
        assert isinstance(d.app.screen, PageScreen)
        await d.sees("out of reach", "5f2c91aa")
        await d.press("escape")
        pane.rows.go_to(f"account\0aws\0{SHOP}")
        await d.press("o")
        await d.sees("eu-west-1 shows what was there at 14:03 UTC; the scan of 14:03", "timed out")
        d.model.scan(scan("done"))
        await d.sees("4 seen 14:03 UTC")
        d.model.scan(scan("failed", "no answer"))
        await d.until(lambda: "seen 14:03" not in d.text)
        await d.press("escape", "enter")
        await d.sees("Last scan failed 14:03: no answer.", "shop-01")
        await d.press("1")
        pane.rows.go_to("cloud\0aws")
        await d.press("o")
        await d.sees("Put the cursor on an account")


# Leases


def test_the_line_of_leases_names_their_accounts() -> None:
    names = {("aws", "2" * 12): "payments-prod"}
    for width in (80, 100, 132):
        line = text([live_line(leases(NOW), names, NOW, width, UNICODE)])
        assert "L-0003 payments-prod" in line and len(line) <= width
    assert "+1 more" in text([live_line(leases(NOW), names, NOW, 100, UNICODE)])


@pytest.mark.parametrize("width", [58, 78, 98, 130])
def test_what_a_lease_is_for_is_whole(width: int) -> None:
    for lease in leases(NOW):
        line = lease_line(lease, {}, NOW, width, UNICODE)
        assert cells(line) == width
        assert lease.scope in text([line]) or width < 60


# Evidence


def test_the_verification_of_the_case_tells_of_items() -> None:
    result = {"items": [{"id": "E-1", "ok": True}, {"id": "E-2", "ok": False, "reason": "block 3"}, {"ok": 2}]}
    found = checks_of(result, NOW)
    assert {ident: one.state for ident, one in found.items()} == {"E-1": "ok", "E-2": "bad"}
    assert found["E-2"].reason == "block 3" and checks_of({}, NOW) == {}
    before = EvidenceCheck(item="E-1", state="failed", ended=stamp(NOW - timedelta(minutes=1)))
    after = msgspec.structs.replace(before, ended=stamp(NOW + timedelta(minutes=1)))
    runs = msgspec.structs.replace(before, state="running", ended=None)
    assert newest(before, found["E-1"]) == newest(None, found["E-1"]) == found["E-1"]
    assert newest(after, found["E-1"]) is after and newest(runs, found["E-1"]) is runs
    assert newest(None, None) is None


@pytest.mark.parametrize("size", [(80, 24), (80, 15), (132, 40)])
async def test_many_items_are_seen_with_the_place_of_the_cursor(desk: OpenDesk, size: tuple[int, int]) -> None:
    items = [f"E-{number:04d}" for number in range(20, 33)]
    whole = VERIFIED | {"items": [{"id": ident, "ok": True, "reason": None} for ident in items]}
    async with desk(size=size, commands=ScriptedCommands(verify=whole)) as d:
        for ident in items:
            d.model.item(
                EvidenceItem(
                    id=ident, acquisition="A-0005", kind="config", path=f"e/{ident}", bytes=9, sha256=None,
                    sealed=stamp(NOW),
                )
            )  # fmt: skip
        await d.press("E")
        await d.sees("14 items", "1/14", "Esc back")
        assert sum("│ E-00" in line for line in d.lines) >= {15: 2, 24: 6, 40: 14}[size[1]]
        await d.press("j", "j")
        await d.sees("3/14")
        await d.press("escape")
        d.app.verify()
        await d.sees("everything promised is proven")
        await d.press("escape", "E")
        await d.sees("1/14")
        assert "not checked" not in d.text and "agrees" in d.text
        await d.press("j")
        told = " ".join(d.app.screen.query_one("#detail", PageLines).text.split())
        assert "with the whole case, every byte was read again" in told


# The page of a resource


def test_a_disk_says_once_whether_it_is_encrypted_and_what_becomes_of_it() -> None:
    disk = next(one for one in resources() if one.id == XVDA)
    disk = msgspec.structs.replace(disk, attributes={**disk.attributes, "delete_on_termination": "true"})
    lines = text(detail(disk, (), Shelf(), 76, UNICODE)).split("\n")
    assert sum("encrypt" in line for line in lines) == 1
    assert "termination   deletes this disk" in lines
    odd = msgspec.structs.replace(disk, attributes={"a_rather_long_name": "v"})
    told = text(detail(odd, (), Shelf(), 76, UNICODE)).split("\n")
    place = told.index("a rather long name")
    assert told[place + 1] == " " * 14 + "v"


async def test_a_resource_is_acquired_from_its_page(desk: OpenDesk) -> None:
    async with desk() as d:
        disk = next(one for one in resources() if one.id == XVDA)
        shot = next(one for one in resources() if one.kind == "snapshot")
        d.app.push_screen(ResourceScreen(shot, (), "nightly"))
        await d.sees("nightly web-01")
        assert "a acquire" not in d.lines[-1]
        await d.press("a")
        await d.sees("This is a snapshot")
        await d.press("escape")
        d.app.push_screen(ResourceScreen(disk, (), "web-01"))
        await d.sees("a acquire")
        await d.press("a")
        await d.until(lambda: d.screen_name == "PlanScreen", "the plan")
        assert d.commands.called("plan")[0]["kind"] == "disk"
        await d.press("escape")
        assert d.screen_name == "WorkbenchScreen"
