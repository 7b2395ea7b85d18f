"""READ-ONLY and ARMED: the agent approves nothing outside a write window, and custody says when there was one."""

from __future__ import annotations

from typing import Any

import pytest

from app.client.feed import Feed
from app.client.rpc import AgentClient
from app.clock import SystemClock, stamp
from app.faults import Refused, Usage
from app.locations import Locations
from app.model.view import AgentFacts
from tests.e2e.cloud import Cloud
from tests.e2e.conftest import NewCase
from tests.e2e.runner import Case, Jumpbag
from tests.e2e.sessions import Roster, Sit, log_of, sitting
from tests.e2e.terminal import Terminal
from tests.e2e.waiting import until


@pytest.fixture
def case(jumpbag: Jumpbag, new_case: NewCase, cloud: Cloud) -> Case:
    """A case of two examiners, ex-07 and ex-11."""
    return new_case(Roster(cloud), workers=1)


@pytest.fixture
def sit(case: Case, cloud: Cloud) -> Sit:
    """Opens sessions: as that examiner, or (None) as a connection that attaches as nobody."""
    case.volumes()  # starts the agent
    return sitting(case, cloud)


def facts(case: Case) -> AgentFacts:
    feed = Feed(case.path / "case.sqlite")
    feed.poll()
    feed.close()
    return feed.snapshot.agent


def why(case: Case) -> list[tuple[str, str]]:
    """Who or what closed the case again, in order."""
    return [(body["params"]["why"], body["actor"]["id"]) for body in case.events("session.disarm")]


def sound(case: Case) -> None:
    case.settled()
    case.verified()


async def test_a_read_only_case_approves_nothing(case: Case, sit: Sit) -> None:
    volume = case.volumes()["small"]
    async with sit() as session:
        shown = await session.planned(volume)
        await session.refused("acquire", quiet=True, **shown)
        await session.refused("acquire", quiet=True, kind="disk", target="vol-0123")
        await session.refused("acquire.batch", quiet=True, plans=[shown], reason="")
        assert facts(case).armed_until is None
    assert case.events("plan.approve") == case.events("session.arm") == []
    sound(case)


async def test_a_window_is_opened_used_and_closed(case: Case, sit: Sit) -> None:
    volumes = case.volumes()
    async with sit("ex-11") as session:
        first, second = await session.planned(volumes["small"]), await session.planned(volumes["many"])
        told = await session("session.arm", minutes=20, reason="the web shell")
        assert told["armed_until"] > stamp(SystemClock().now())
        assert (facts(case).armed_until, facts(case).armed_by) == (told["armed_until"], "ex-11")
        acq = (await session("acquire", **first, reason="why"))["acquisition"]
        assert await session("session.disarm") == {"armed_until": None}
        assert facts(case).armed_until is None and facts(case).armed_by == ""
        await session.refused("acquire", **second)
        case.reached(acq, "done")  # what was approved goes on to its end
    (armed,) = case.events("session.arm")
    assert armed["actor"] == {"id": "ex-11"} and armed["phase"] == "fact"
    assert armed["params"] == {"minutes": 20, "until": told["armed_until"], "reason": "the web shell"}
    assert why(case) == [("asked", "ex-11")]
    for op in ("plan.approve", "acquisition.start"):
        assert [body["actor"]["id"] for body in case.events(op)] == ["ex-11"]
    sound(case)


@pytest.mark.parametrize("end", ["detached", "lost"])
async def test_the_window_ends_with_its_session(case: Case, sit: Sit, end: str) -> None:
    volume = case.volumes()["small"]
    async with sit("ex-11") as other:
        shown = await other.planned(volume)
        async with sit() as session:
            await session("session.arm")
            assert facts(case).armed_by == "ex-07"
            if end == "detached":
                await session("session.detach")
        until("it is closed", lambda: why(case) == [("session left", "agent")])
        assert facts(case).armed_until is None
        await other.refused("acquire", **shown)
    order = [body["op"] for body in case.events() if body["op"] in ("session.disarm", "session.detach")]
    assert order[:2] == ["session.disarm", "session.detach"]
    sound(case)


async def test_two_sessions(case: Case, sit: Sit) -> None:
    """The window is the case's: either may use it, and the last who opened it holds it."""
    volume = case.volumes()["small"]
    async with sit("ex-11") as other:
        async with sit() as session:
            await session("session.arm", minutes=1)
            shown = await other.planned(volume)
            acq = (await other("acquire", **shown))["acquisition"]
            later = (await other("session.arm", minutes=60))["armed_until"]
            assert (facts(case).armed_until, facts(case).armed_by) == (later, "ex-11")
        until("the first has left", lambda: case.events("session.detach"))
        assert facts(case).armed_until == later and why(case) == []
        case.reached(acq, "done")
    until("the second has left", lambda: why(case) == [("session left", "agent")])
    assert [body["actor"]["id"] for body in case.events("plan.approve")] == ["ex-11"]
    assert [body["actor"]["id"] for body in case.events("session.arm")] == ["ex-07", "ex-11"]
    sound(case)


async def test_who_may_open_one(case: Case, sit: Sit) -> None:
    async with sit(None) as nobody:
        with pytest.raises(Usage, match="attached session"):
            await nobody("session.arm")
        with pytest.raises(Usage, match="'ex-99' is not an examiner of this case"):
            await nobody("session.attach", examiner="ex-99", kind="ui")
        assert await nobody("session.disarm") == {"armed_until": None}
    async with sit() as session:
        for minutes in (0, 61, -1, True, "15", 1.5, None):
            with pytest.raises(Usage, match="of that length"):
                await session("session.arm", minutes=minutes)
        with pytest.raises(Usage):
            await session("session.arm", reason=7)
    assert case.events("session.arm") == case.events("session.disarm") == []


def test_the_screens_are_opened_as_one_of_the_roster(case: Case, jumpbag: Jumpbag) -> None:
    refused = jumpbag(str(case.path), "--examiner", "ex-99")
    assert refused.code == 2 and "'ex-99' is not an examiner of this case" in refused.err
    assert "ex-07, ex-11" in refused.err and not case.events("session.attach")
    with Terminal(jumpbag, str(case.path), "--examiner", "ex-11") as terminal:
        until("the screen is attached", lambda: case.events("session.attach"), within=20)
        terminal.type("q")
        terminal.reap()
    assert [body["actor"]["id"] for body in case.events("session.attach")] == ["ex-11"]


async def test_the_agent_that_stops_closes_it_first(case: Case, sit: Sit) -> None:
    async with sit("ex-11") as session:
        await session("session.arm")
        await session("stop")
        await session.client.ended()
    until("the agent has ended", lambda: case.events("agent.stop"))
    ends = [body for body in case.events() if body["op"] in ("session.disarm", "agent.stop")]
    assert [body["op"] for body in ends] == ["session.disarm", "agent.stop"]
    assert why(case) == [("agent stops", "agent")] and ends[1]["actor"]["id"] == "ex-11"
    case.volumes()
    assert facts(case).armed_until is None, "the next agent is read-only"
    sound(case)


async def test_no_window_outlives_an_agent_that_is_killed(case: Case, sit: Sit) -> None:
    async with sit() as session:
        await session("session.arm")
        case.kill_agent()
    case.volumes()
    assert why(case) == [("agent stops", "agent")] and facts(case).armed_until is None
    case.kill_agent()
    case.volumes()
    assert len(why(case)) == 1
    sound(case)


async def test_the_verb_opens_it_for_its_one_plan(case: Case, sit: Sit) -> None:
    volumes = case.volumes()
    async with sit() as session:
        shown = await session.planned(volumes["many"])
        acq = case.acquire(volumes["small"], "--reason", "the web shell")
        assert facts(case).armed_until is None
        await session.refused("acquire", **shown)
        case.reached(acq, "done")
    (armed,), (disarmed,) = case.events("session.arm"), case.events("session.disarm")
    (approved,) = case.events("plan.approve")
    assert armed["actor"] == {"id": "ex-07"} and armed["params"]["reason"] == "the web shell"
    scope = armed["params"]["scope"]
    assert volumes["small"] in scope and approved["params"]["plan_sha256"] in scope
    assert disarmed["params"] == {"why": "ended", "scope": scope}
    assert armed["seq"] < approved["seq"] < disarmed["seq"]
    assert "minutes" not in armed["params"] and "until" not in armed["params"]
    sound(case)


async def test_a_batch_starts_whole_or_not_at_all(case: Case, sit: Sit) -> None:
    volumes = case.volumes()
    async with sit() as session:
        await session("session.arm")
        plans = [await session.planned(volumes[name]) for name in ("small", "wide")]
        before = len(case.events())
        other = {**await session.planned(volumes["many"]), "digest": "0" * 64}
        with pytest.raises(
            Refused, match=f"nothing was started, because of {volumes['many']}: the plan has changed"
        ):
            await session("acquire.batch", plans=[*plans, other], reason="")
        swapped = [{**plans[0], "digest": plans[1]["digest"]}]
        with pytest.raises(Refused, match=f"{volumes['small']}: the plan has changed"):
            await session("acquire.batch", plans=swapped, reason="")
        for wrong in ([], [plans[0], plans[0]], [{**plans[0], "digest": ""}], ["small"], "small"):
            with pytest.raises(Usage):
                await session("acquire.batch", plans=wrong, reason="")
        assert len(case.events()) == before and case.row("A-0001") is None

        told = await session("acquire.batch", plans=plans, reason="all of it")
        assert told == {
            "started": [
                {"target": volumes["small"], "acquisition": "A-0001"},
                {"target": volumes["wide"], "acquisition": "A-0002"},
            ],
            "refused": [],
        }
        for acq in ("A-0001", "A-0002"):
            case.reached(acq, "done")
    approved = case.events("plan.approve")
    assert [body["params"]["batch"] for body in approved] == [{"of": 2, "no": 1}, {"of": 2, "no": 2}]
    assert {body["params"]["reason"] for body in approved} == {"all of it"}
    assert [body["params"]["plan_sha256"] for body in approved] == [plan["digest"] for plan in plans]
    sound(case)


@pytest.mark.slow
async def test_one_that_starts_leaves_the_other_plans_as_they_were_shown(case: Case, sit: Sit) -> None:
    volumes = case.volumes()
    async with sit() as session:
        await session("session.arm")
        first, second = await session.planned(volumes["small"]), await session.planned(volumes["wide"])
        await session("acquire", **first)
        looked = len(session.cloud.calls("ec2:DescribeVolumes"))
        await session("acquire", **second)
        assert len(session.cloud.calls("ec2:DescribeVolumes")) == looked, "it was planned anew"
        for acq in ("A-0001", "A-0002"):
            case.reached(acq, "done")


@pytest.mark.slow
async def test_going_on_needs_no_window_but_approving_again_does(cloud: Cloud, new_case: NewCase) -> None:
    case = new_case(cloud, approval_seconds=4, workers=1)
    volume = case.volumes()["small"]
    cloud.faults(deny=["ebs:GetSnapshotBlock"])
    acq = case.acquire(volume)
    case.reached(acq, "failed", "interrupted")
    ends = case.events("plan.approve")[0]["authority"]["valid_until"]
    client = await AgentClient.open(Locations(case.jumpbag.env).socket(log_of(case)))
    try:
        await client.call("session.attach", {"examiner": "ex-07", "kind": "ui"})
        if stamp(SystemClock().now()) < ends:
            await client.call("acquisition.resume", {"acquisition": acq})  # its approval stands
            case.reached(acq, "failed", "interrupted")
        until("the approval has ended", lambda: stamp(SystemClock().now()) > ends)
        case.reached(acq, "failed", "interrupted")
        before = len(case.events("acquisition.resume"))
        with pytest.raises(Refused, match="read-only"):
            await client.call("acquisition.resume", {"acquisition": acq})
        assert len(case.events("plan.approve")) == 1 and len(case.events("acquisition.resume")) == before
        cloud.well()
        await client.call("session.arm", {})
        await client.call("acquisition.resume", {"acquisition": acq})
        assert len(case.events("plan.approve")) == 2
        await client.call("session.disarm", {})
        until("it has ended", lambda: (row := case.row(acq)) and row.state in ("done", "interrupted"))
    finally:
        await client.close()
    if case.acquisitions()[acq]["state"] == "interrupted":  # on a slow host
        case.run("resume", acq).ok()
    case.reached(acq, "done")
    sound(case)


async def test_taking_back_needs_no_window(case: Case, cloud: Cloud, sit: Sit) -> None:
    volume = case.volumes()["many"]
    cloud.faults(latency_ms=[200, 240])
    async with sit() as session:
        await session("session.arm")
        acq = (await session("acquire", **await session.planned(volume)))["acquisition"]
        await session("session.disarm")
        assert (await session("acquisition.pause", acquisition=acq))["state"] == "paused"
        assert (await session("acquisition.resume", acquisition=acq))["acquisition"] == acq
        await session("acquisition.cancel", acquisition=acq)
        cloud.well()
        case.reached(acq, "cancelled")
    for op in ("pause", "resume", "cancel"):
        assert [body["actor"]["id"] for body in case.events(f"acquisition.{op}")] == ["ex-07"]
    sound(case)


@pytest.mark.parametrize(("skew", "said"), [(1000, "ahead"), (-1000, "behind")])
def test_a_clock_that_is_wrong_is_measured_and_said(case: Case, cloud: Cloud, skew: int, said: str) -> None:
    cloud.faults(clock_skew_s=skew)
    error = case.run("accounts").refused(4)
    assert "AWS refuses the time of the request: its clock is " in error["message"]
    assert f" s {said} [" in error["message"]
    assert error["next"].startswith("set the clock of this host")
    measured = facts(case).skew_s
    assert measured is not None and abs(measured - skew) <= 1
    cloud.well()
    case.volumes()
    assert facts(case).skew_s == 0


def test_a_clock_that_is_a_little_wrong_is_measured_too(case: Case, cloud: Cloud) -> None:
    cloud.faults(clock_skew_s=300)
    case.volumes()
    measured = facts(case)
    assert measured.skew_s is not None and 299 <= measured.skew_s <= 301
    clock: dict[str, Any] = case.events("agent.start")[0]["clk"]
    assert measured.clock_synced == (clock["sync"] if clock["max_err_us"] is not None else None)
