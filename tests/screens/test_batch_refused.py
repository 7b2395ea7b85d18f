"""A batch of which some, or all, have no plan or could not be started."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from app.faults import AgentGone, Fault, PlanChanged, Refused, Unavailable
from screens.plan.batch import BatchScreen
from screens.plan.batch_drafts import AT_ONCE
from tests.screens.conftest import OpenDesk
from tests.screens.fakes import ScriptedCommands
from tests.screens.test_batch import APPROVE, SIZES, approve, disk, disks, open_batch, planned


async def test_at_most_four_are_planned_at_once_and_the_count_is_seen(desk: OpenDesk) -> None:
    commands = ScriptedCommands()
    under_way, most, hold = 0, 0, asyncio.Event()
    theirs = commands.call

    async def call(method: str, params: dict[str, Any]) -> Any:
        nonlocal under_way, most
        if method != "plan":
            return await theirs(method, params)
        under_way += 1
        most = max(most, under_way)
        await hold.wait()
        under_way -= 1
        return planned(params)

    async with desk(commands=commands) as d:
        commands.call = call  # type: ignore[method-assign]
        d.app.push_screen(BatchScreen(disks(12)))
        await d.sees("planning 1 of 12", "waits to be planned")
        assert under_way == AT_ONCE and approve(d).disabled
        hold.set()
        await d.settled()
        assert most == AT_ONCE and not approve(d).disabled


async def test_what_was_refused_is_planned_again_and_the_rest_is_left(desk: OpenDesk) -> None:
    tagged = False

    def answer(params: dict[str, Any]) -> Any:
        if params["target"] == disk(2).target and not tagged:
            raise Refused("it is not tagged")
        return planned(params)

    async with desk(commands=ScriptedCommands(plan=answer)) as d:
        await open_batch(d, disks(3))
        assert "R plan again" in d.lines[-1]
        tagged = True
        await d.press("R")
        await d.until(lambda: "refused" not in d.text)
        assert [call["target"] for call in d.commands.called("plan")][3:] == [disk(2).target]
        assert "R plan again" not in d.lines[-1]


@pytest.mark.parametrize("size", SIZES)
async def test_where_no_target_has_a_plan_nothing_invites_to_approve(
    desk: OpenDesk, size: tuple[int, int]
) -> None:
    async with desk(size=size, commands=ScriptedCommands(plan=Unavailable("no route to host"))) as d:
        await open_batch(d, disks(2), armed=False)
        await d.sees("2 not planned", "not planned: no route to host", "[ Cancel ]", "R plan again")
        assert not [word for word in ("Approve", "Reason", "READ-ONLY:", "refused") if word in d.text]
        await d.press("m")
        await d.sees("nothing to approve here")
        d.commands.answers["plan"] = planned
        await d.press("R")
        await d.sees("Reason for custody", "Approve 2", "READ-ONLY:")


async def test_how_long_the_plans_take_is_seen(desk: OpenDesk) -> None:
    async with desk(size=(80, 24)) as d:
        d.commands.hold("plan")
        d.app.push_screen(BatchScreen(disks(3)))
        await d.sees("planning 1 of 3, ")
        d.clock.advance(14)
        await d.sees("planning 1 of 3, 14 s, Esc leaves")
        assert "[ Approve" not in d.text
        d.commands.release("plan")
        await d.sees("[ Approve 3")


async def test_a_plan_that_changed_is_planned_again_and_named(desk: OpenDesk) -> None:
    def answer(params: dict[str, Any]) -> Any:
        if d.commands.called("acquire.batch")[1:]:
            return {"started": [{"target": one["target"], "acquisition": "A-1"} for one in params["plans"]]}
        changed = PlanChanged("that plan has changed since it was shown", next="read the new plan")
        changed.targets = (disk(2).target,)
        raise changed

    async with desk(commands=ScriptedCommands(plan=planned, acquire_batch=answer)) as d:
        out = await open_batch(d, disks(3))
        await d.press("r", *APPROVE)
        await d.sees("Nothing was started", "that plan has changed")
        await d.sees("Planned again: host-02 /dev/xvda.")
        asked = [call["target"] for call in d.commands.called("plan")]
        assert asked[6:] == [disk(2).target] and out == []
        await d.press(*APPROVE)
        assert out == [("A-1", "A-1", "A-1")]


async def test_a_change_without_a_name_plans_all_again(desk: OpenDesk) -> None:
    fault = PlanChanged("a plan has changed since it was shown", next="read the new plans")
    async with desk(commands=ScriptedCommands(plan=planned, acquire_batch=fault)) as d:
        await open_batch(d, disks(3))
        await d.press("r", *APPROVE)
        await d.sees("Planned again")
        assert len(d.commands.called("plan")) == 9


async def test_a_refusal_that_speaks_of_targets_and_of_change_is_read_by_its_kind_alone(desk: OpenDesk) -> None:
    fault = Refused(f"the roster has changed: {disk(1).target} is read-only", next="ask ex-11")
    async with desk(commands=ScriptedCommands(plan=planned, acquire_batch=fault)) as d:
        await open_batch(d, disks(2))
        await d.press("r", *APPROVE)
        await d.sees("Nothing was started", "the roster has changed", "ask ex-11")
        assert len(d.commands.called("plan")) == 4


@pytest.mark.parametrize("size", SIZES)
async def test_those_refused_at_the_start_are_listed_and_the_others_kept(
    desk: OpenDesk, size: tuple[int, int]
) -> None:
    refused = {"target": disk(2).target, "error": Refused("another acquisition holds it", next="wait").data()}
    started = [{"target": disk(n).target, "acquisition": f"A-{n:04d}"} for n in (1, 3)]
    answer = {"started": started, "refused": [refused]}
    async with desk(size=size, commands=ScriptedCommands(plan=planned, acquire_batch=answer)) as d:
        out = await open_batch(d, disks(3))
        await d.press("r", *APPROVE)
        await d.sees("2 of 3 started, 1 refused", "started as A-0001", "started as A-0003", "refused: another")
        await d.sees("[ Close ]", "2 started")
        assert approve(d).disabled and out == []
        await d.press("r", "l", "x")
        assert len(d.commands.called("plan")) == 6
        await d.press("enter")
        assert out == [("A-0001", "A-0003")]


@pytest.mark.parametrize("fault", [AgentGone("the agent closed the connection"), Fault("it fell over")])
async def test_without_an_answer_nothing_is_claimed(desk: OpenDesk, fault: Fault) -> None:
    async with desk(commands=ScriptedCommands(plan=planned, acquire_batch=fault)) as d:
        await open_batch(d, disks(2))
        await d.press("r", *APPROVE)
        await d.sees("Whether anything was started is not known", "Look at the acquisitions")


async def test_an_answer_that_cannot_be_read_claims_nothing(desk: OpenDesk) -> None:
    async with desk(commands=ScriptedCommands(plan=planned, acquire_batch={"started": [7]})) as d:
        await open_batch(d, disks(2))
        await d.press("r", *APPROVE)
        await d.sees("Whether anything was started is not known", "cannot be read by this version")
