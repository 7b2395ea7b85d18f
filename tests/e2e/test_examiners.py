"""Who gives an order: the examiner of the session, or whom a verb names; nobody who has left."""

from __future__ import annotations

import pytest

from app.faults import Refused, Usage
from tests.e2e.cloud import Cloud
from tests.e2e.conftest import NewCase
from tests.e2e.runner import Case
from tests.e2e.sessions import Roster, Sit, sitting

pytestmark = pytest.mark.slow


@pytest.fixture
def case(new_case: NewCase, cloud: Cloud) -> Case:
    """A case of two examiners, ex-07 and ex-11."""
    return new_case(Roster(cloud), workers=1)


@pytest.fixture
def sit(case: Case, cloud: Cloud) -> Sit:
    case.volumes()  # starts the agent
    return sitting(case, cloud)


async def test_only_verbs_open_it_for_one_plan(case: Case, sit: Sit) -> None:
    volume = case.volumes()["small"]
    async with sit() as session:
        shown = await session.planned(volume)
        for method, asked in (("acquire", shown), ("acquisition.resume", {"acquisition": "A-0001"})):
            with pytest.raises(Refused, match="only a verb"):
                await session(method, **asked, arm=True)
    assert case.events("plan.approve") == case.events("session.arm") == []


async def test_who_has_left_orders_nothing_until_they_are_back(case: Case, sit: Sit) -> None:
    volumes = case.volumes()
    async with sit("ex-11") as session:
        shown = await session.planned(volumes["small"])
        await session("session.detach")
        before = len(case.events())
        for method, asked in (
            ("acquire", {**shown, "arm": True}),
            ("acquire.batch", {"plans": [shown]}),
            ("acquisition.cancel", {"acquisition": "A-0001"}),
            ("evidence.verify", {"item": "E-0001"}),
            ("playbook.start", {"playbook": "preserve-now"}),
            ("session.arm", {}),
            ("stop", {}),
        ):
            with pytest.raises(Refused, match="has left the case"):
                await session(method, **asked)
        assert len(case.events()) == before
        assert (await session("status"))["state"] != "locked"
        await session("plan", kind="disk", target=volumes["small"])
        await session("session.attach", examiner="ex-07", kind="ui")
        await session("session.arm")
        acq = (await session("acquire", **shown))["acquisition"]
        case.reached(acq, "done")
    assert [body["actor"]["id"] for body in case.events("plan.approve")] == ["ex-07"]
    case.settled()
    case.verified()


def test_verbs_act_as_whoever_is_named(case: Case) -> None:
    volume = case.volumes()["many"]
    before = len(case.events())
    for verb in (("acquire", "disk", volume), ("pause", "A-0001"), ("agent stop",)):
        refused = case.run(verb[0], *verb[1:], "--examiner", "ex-99").refused(2)
        assert "'ex-99' is not an examiner of this case" in refused["message"] and "ex-11" in refused["next"]
    assert "--examiner" in case.run("evidence", "--examiner", "ex-11").refused(2)["message"]
    assert len(case.events()) == before
    acq = case.acquire(volume, "--examiner", "ex-11")
    case.run("pause", acq).ok()
    case.run("resume", acq, "--examiner", "ex-11").ok()
    case.run("cancel", acq, "--examiner", "ex-11").ok()
    case.reached(acq, "cancelled")
    case.run("agent stop", "--examiner", "ex-11").ok()
    who = {op: [body["actor"]["id"] for body in case.events(op)] for op in ("plan.approve", "session.arm")}
    assert who == {"plan.approve": ["ex-11"], "session.arm": ["ex-11"]}
    assert case.events("plan.approve")[0]["authority"]["approved_by"] == "ex-11"
    assert case.events("acquisition.pause")[0]["actor"]["id"] == "ex-07"
    for op in ("acquisition.resume", "acquisition.cancel", "agent.stop"):
        assert case.events(op)[-1]["actor"]["id"] == "ex-11", op
    case.settled()
    case.verified()


async def test_parameters_of_the_wrong_kind_are_said_to_be(case: Case, sit: Sit) -> None:
    async with sit() as session:
        for method, asked in (
            ("inventory.refresh", {"scope": "resources", "accounts": 5}),
            ("inventory.refresh", {"scope": "resources", "accounts": [{}]}),
            ("session.arm", {"reason": "\ud800"}),
            ("plan", {"kind": "disk", "target": "aws:\ud800:x"}),
            ("acquire", {"kind": "disk", "target": "vol-1", "digest": []}),
        ):
            with pytest.raises(Usage):
                await session(method, **asked)
