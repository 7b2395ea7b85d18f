"""Pause, resume, cancel, stop: wishes hold across restarts, and there is never more than one agent."""

from __future__ import annotations

import json
import signal

import pytest

from tests.e2e.cloud import Cloud
from tests.e2e.conftest import NewCase
from tests.e2e.processes import Process, gone, naming
from tests.e2e.runner import Case, one_line
from tests.e2e.waiting import until

READING = [200, 240]
"""Milliseconds: 192 blocks, 16 at once, then take about three seconds."""


RESTART = pytest.mark.parametrize(
    "restart",
    [
        pytest.param(False, id="same-agent", marks=pytest.mark.slow),
        pytest.param(True, id="new-agent"),
    ],
)


@pytest.fixture
def volumes(case: Case) -> dict[str, str]:
    return case.volumes()


def reading(case: Case, cloud: Cloud, volume: str) -> str:
    """An acquisition in the middle of its download."""
    cloud.faults(latency_ms=READING)
    acq = case.acquire(volume)
    until(
        "blocks arrive",
        lambda: (row := case.row(acq)) and row.step.startswith("Read its blocks") and (row.bytes_done or 0) > 0,
    )
    return acq


def sound(case: Case, cloud: Cloud) -> None:
    assert len(cloud.of_case(case.id, "ec2:CreateSnapshot", "allow")) <= 1
    case.settled()
    case.verified()


def states(case: Case) -> list[str]:
    return [body["params"]["state"] for body in case.events("acquisition.finish")]


@RESTART
def test_pause_then_resume(case: Case, cloud: Cloud, volumes: dict[str, str], restart: bool) -> None:
    acq = reading(case, cloud, volumes["many"])
    assert case.run("pause", acq).ok().json == {"acquisition": acq, "state": "paused"}
    until("the run is closed", lambda: case.events("evidence.read", phase="abandoned"))
    agent = case.agent()
    assert agent is not None
    until("the workers end", lambda: not agent.children(), within=5)
    if restart:
        case.kill_agent()
    cloud.well()
    before = case.acquisitions()[acq]
    assert before["state"] == "paused" and before["rate"] is None
    assert case.run("pause", acq).ok().json["state"] == "paused"  # twice is once
    assert len(case.events("acquisition.pause")) == 1
    case.run("resume", acq).ok()
    case.reached(acq, "done")
    assert states(case) == ["done"]
    snapshot = case.events("snapshot.create", phase="result")[0]["resource"]
    answered, distinct = cloud.blocks(snapshot)
    assert distinct == 192 and answered <= 192 + 64, "what was there already was fetched again"
    sound(case, cloud)


@RESTART
def test_cancel_while_it_reads(case: Case, cloud: Cloud, volumes: dict[str, str], restart: bool) -> None:
    acq = reading(case, cloud, volumes["many"])
    if restart:
        case.kill_agent()
    assert case.run("cancel", acq).ok().json["acquisition"] == acq
    case.reached(acq, "cancelled")
    cloud.well()
    assert states(case) == ["cancelled"]
    finish = case.events("acquisition.finish")[0]
    assert "snap-" in finish["summary"], "what stays in the cloud is said"
    for verb in ("resume", "pause", "cancel"):
        assert case.run(verb, acq).refused(3)["next"]
    assert case.run("evidence").ok().json == []
    sound(case, cloud)


@pytest.mark.slow
def test_a_cancel_that_the_agent_did_not_live_to_finish(case: Case, cloud: Cloud, volumes: dict[str, str]) -> None:
    """Paused, then the agent is killed; the cancel of the next agent is finished although nothing ran."""
    acq = reading(case, cloud, volumes["many"])
    case.run("pause", acq).ok()
    case.kill_agent()
    cloud.well()
    case.run("cancel", acq).ok()
    case.reached(acq, "cancelled")
    case.kill_agent()
    assert case.acquisitions()[acq]["state"] == "cancelled"
    assert states(case) == ["cancelled"]
    sound(case, cloud)


@pytest.mark.slow
def test_cancel_before_the_snapshot_is_complete(case: Case, cloud: Cloud, volumes: dict[str, str]) -> None:
    cloud.faults(latency_ms=[450, 550])
    acq = case.acquire(volumes["small"])
    until("the snapshot is made", lambda: case.events("snapshot.create", phase="result"))
    case.run("cancel", acq).ok()
    cloud.well()
    case.reached(acq, "cancelled")
    assert case.events("evidence.read") == []
    sound(case, cloud)


@pytest.mark.slow
@RESTART
@pytest.mark.parametrize("verb", [pytest.param("cancel", marks=pytest.mark.slow), "resume"])
def test_after_a_failure(case: Case, cloud: Cloud, volumes: dict[str, str], verb: str, restart: bool) -> None:
    cloud.faults(deny=["ebs:GetSnapshotBlock"])
    case.run("acquire", "disk", volumes["small"], "--wait").refused_with("failed", 1)
    cloud.well()
    if restart:
        case.stop()
        row = case.acquisitions()["A-0001"]
        assert row["state"] == "failed" and row["error"]
    told = case.run(verb, "A-0001").ok().json
    wanted = "cancelled" if verb == "cancel" else "done"
    case.reached("A-0001", wanted)
    assert told["acquisition"] == "A-0001"
    assert states(case) == ["failed", wanted]
    sound(case, cloud)


@pytest.mark.slow
def test_stop_leaves_work_that_the_next_verb_goes_on_with(
    case: Case, cloud: Cloud, volumes: dict[str, str]
) -> None:
    acq = reading(case, cloud, volumes["many"])
    agent = case.agent()
    assert agent is not None
    family = [agent, *agent.children()]
    told = case.run("agent stop").ok().json
    assert set(told) == {"pid", "state", "survives_logout", "leases", "running"}
    assert told["state"] == "stopped" and told["running"] == 1
    gone(family, within=10)
    cloud.well()
    assert case.events("agent.stop") and "A-0001" in case.events("agent.stop")[-1]["summary"]
    assert case.run("agent status").ok().json["state"] == "stopped"
    case.settled()  # a stop in order leaves no intent open
    case.verified()
    assert case.acquisitions()[acq]["state"] != "failed"
    case.reached(acq, "done")
    assert states(case) == ["done"]
    sound(case, cloud)


def test_verbs_that_start_the_agent_at_once_share_one(case: Case) -> None:
    asked = [case.jumpbag.start("acquisitions", str(case.path), "--json") for _ in range(5)]
    for process in asked:
        out, err = process.communicate(timeout=60)
        assert process.returncode == 0 and out.strip() == "[]", (out, err)
    agents = [one for one in naming(str(case.path)) if b"app.agent" in one.arguments()]
    assert len(agents) == 1
    assert len(case.events("agent.start")) == 1


@pytest.mark.slow
def test_it_leaves_when_it_has_been_idle(new_case: NewCase, cloud: Cloud) -> None:
    case = new_case(cloud, idle_forget=1, idle_exit=2)
    volume = case.volumes()["small"]
    agent = case.agent()
    assert agent is not None
    gone([agent], within=15)
    assert case.events("agent.stop")
    case.settled()
    acq = case.acquire(volume)  # and it is started again when it is needed
    case.reached(acq, "done")
    busy = Process.of(case.run("agent status").ok().json["pid"])
    gone([busy], within=15)
    sound(case, cloud)


@pytest.mark.slow
def test_an_approval_that_ended_while_nobody_ran_is_asked_for_again(new_case: NewCase, cloud: Cloud) -> None:
    case = new_case(cloud, approval_seconds=4, workers=1)
    volume = case.volumes()["many"]
    acq = reading(case, cloud, volume)
    until_ends = case.events("plan.approve")[0]["authority"]["valid_until"]
    case.kill_agent()
    cloud.well()
    until("the approval has ended", lambda: _now() > until_ends)
    row = case.acquisitions()[acq]
    assert row["state"] == "interrupted" and "approval" in row["error"]
    reads = len(case.events("evidence.read", phase="intent"))
    case.run("resume", acq).ok()
    case.reached(acq, "done")
    assert len(case.events("plan.approve")) == 2 and len(case.events("evidence.read", phase="intent")) > reads
    assert (
        case.events("plan.approve")[0]["params"]["plan_sha256"]
        == (case.events("plan.approve")[1]["params"]["plan_sha256"])
    )
    sound(case, cloud)


@pytest.mark.slow
@pytest.mark.parametrize(
    "what", [pytest.param("the-agent-is-killed", marks=pytest.mark.slow), "the-verb-is-interrupted"]
)
def test_waiting_ends_but_the_acquisition_does_not(
    case: Case, cloud: Cloud, volumes: dict[str, str], what: str
) -> None:
    cloud.faults(latency_ms=READING)
    verb = case.jumpbag.start("acquire", str(case.path), "disk", volumes["many"], "--wait", "--json")
    until("it reads", lambda: case.events("evidence.read", phase="intent"))
    if what == "the-agent-is-killed":
        case.kill_agent()
    else:
        verb.send_signal(signal.SIGINT)
    out, err = verb.communicate(timeout=10)
    cloud.well()
    if what == "the-agent-is-killed":
        assert verb.returncode == 2 and "A-0001 goes on" in json.loads(out)["error"]["next"]
        one_line(err)
    else:
        assert verb.returncode == 130 and out == err == ""
    case.acquisitions()
    case.reached("A-0001", "done")
    assert len(case.acquisitions()) == 1
    sound(case, cloud)


def _now() -> str:
    from app.clock import SystemClock, stamp

    return stamp(SystemClock().now())
