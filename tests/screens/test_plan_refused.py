"""Where there is no plan, or not yet: why, what to do, and nothing to approve."""

from __future__ import annotations

import pytest
from textual.widgets import Input

from app.faults import AgentGone, Denied, Refused, RouteRefused, Unavailable, Untagged
from screens.workbench.screen import WorkbenchScreen
from tests.screens.conftest import OpenDesk
from tests.screens.fakes import ScriptedCommands
from tests.screens.seed import XVDA
from tests.screens.test_plan import TARGET, approve, open_plan


async def test_a_refusal_of_many_words_is_read_whole(desk: OpenDesk) -> None:
    cause = " ".join(f"cause{number}" for number in range(90))
    mend = " ".join(f"mend{number}" for number in range(90))
    async with desk(size=(80, 24), commands=ScriptedCommands(plan=Refused(cause, next=mend))) as d:
        await open_plan(d)
        seen = d.text
        for _ in range(8):
            await d.press("pagedown")
            seen += d.text
        assert all(word in seen.split() for word in f"{cause} {mend}".split())
        await d.press("r")
        assert d.commands.called("plan")[-1]["route"] == "direct"


async def test_a_refused_plan_says_why_and_what_to_do_and_cannot_be_approved(desk: OpenDesk) -> None:
    fault = Refused(
        f"{XVDA} is not tagged Forensics=Enabled", next="ask the account's owner to tag it, then press R"
    )
    async with desk(commands=ScriptedCommands(plan=fault)) as d:
        await open_plan(d)
        await d.sees(
            "refused", "is not tagged Forensics=Enabled", "ask the account's owner", "Nothing was changed"
        )
        assert approve(d).disabled
        await d.press("right", "enter")
        assert d.commands.called("acquire") == []


async def test_where_no_reason_can_be_typed_a_digit_leads_to_its_pane(desk: OpenDesk) -> None:
    async with desk(commands=ScriptedCommands(plan=Untagged(f"{XVDA} is not tagged"))) as d:
        await open_plan(d, armed=False)
        await d.press("4")
        assert isinstance(d.app.screen, WorkbenchScreen) and d.app.workbench.current is d.app.workbench.custody


async def test_a_refused_start_is_shown_in_place(desk: OpenDesk) -> None:
    fault = Denied("the plan changed since it was shown", next="read the new plan: press r")
    async with desk(commands=ScriptedCommands(acquire=fault)) as d:
        await open_plan(d)
        await d.press("r", "right", "enter")
        await d.sees("the plan changed since it was shown", "read the new plan")
        assert approve(d).disabled


@pytest.mark.parametrize("armed", [True, False])
async def test_a_refusal_offers_nothing_to_approve_but_another_try(desk: OpenDesk, armed: bool) -> None:
    fault = Untagged(f"{XVDA} is not tagged", next="have the tag set (routes do not help), then plan again")
    async with desk(size=(80, 24), commands=ScriptedCommands(plan=fault)) as d:
        await open_plan(d, armed=armed)
        await d.sees("refused", "R plans again", "R plan again", "[ Cancel ]")
        gone = (
            "Approve",
            "Reason for custody",
            "READ-ONLY:",
            "another route",
            "another lock",
            "r route",
            "policies",
        )
        assert not [word for word in gone if word in d.text]
        await d.press("P")
        await d.sees("There is no plan, so")
        await d.press("m")
        await d.sees("nothing to approve here")
        await d.press("l")  # now a lock may be what stands in the way
        await d.sees("R plans again · l with another lock")
        del d.commands.answers["plan"]
        await d.press("R")
        await d.sees("Reason for custody", "lock 7 days", "Approve")
        assert [call["lock_days"] for call in d.commands.called("plan")] == [0, 7, 7]


async def test_another_route_is_offered_where_the_route_is_refused(desk: OpenDesk) -> None:
    fault = RouteRefused("route direct cannot work: the key is in another account")
    async with desk(commands=ScriptedCommands(plan=fault)) as d:
        await open_plan(d)
        await d.sees("R plans again · r with another route", "r route")


async def test_a_cloud_that_does_not_answer_refuses_nothing(desk: OpenDesk) -> None:
    fault = Unavailable("ec2:DescribeVolumes: no route to host", next="plan again")
    async with desk(commands=ScriptedCommands(plan=fault)) as d:
        await open_plan(d)
        await d.sees("not planned", "no route to host", "R plans again", "Nothing was changed in any cloud")
        assert "refused" not in d.text and "another route" not in d.text


async def test_a_start_without_an_answer_claims_nothing(desk: OpenDesk) -> None:
    fault = AgentGone("the agent closed the connection")
    async with desk(commands=ScriptedCommands(acquire=fault)) as d:
        await open_plan(d)
        await d.press("m")
        await d.type("SEC-981")
        await d.press("enter", "r", "right", "enter")
        await d.sees("not known whether it was started", "Do not approve it again before")
        assert "Nothing was changed" not in d.text and d.app.focused is d.app.screen.query_one("#cancel")
        await d.press("R")
        assert d.app.screen.query_one("#reason", Input).value == "SEC-981"


@pytest.mark.parametrize("size", [(80, 24), (132, 40)])
async def test_how_long_a_plan_takes_is_seen_and_it_can_be_left(desk: OpenDesk, size: tuple[int, int]) -> None:
    async with desk(size=size) as d:
        d.commands.hold("plan")
        d.app.plan("disk", TARGET, "web-01 /dev/xvda")
        await d.sees("planning: reading what is there", "Esc leaves")
        for seconds in (4, 36):
            d.clock.advance(seconds)
            await d.sees("4 s, Esc leaves" if seconds == 4 else "40 s, Esc leaves")
        assert "[ Approve" not in d.text and approve(d).disabled
        await d.pilot.press("escape")
        await d.until(lambda: isinstance(d.app.screen, WorkbenchScreen))


async def test_an_answer_that_is_no_plan_is_told_as_such(desk: OpenDesk) -> None:
    async with desk(commands=ScriptedCommands(plan={"plan": {"kind": "moon"}, "digest": "00"})) as d:
        await open_plan(d)
        await d.sees("not a plan this version can read")
