"""The UI dies, or its terminal goes away: the agent goes on, and so does what it runs."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.e2e.cloud import Cloud
from tests.e2e.conftest import NewCase
from tests.e2e.runner import Case, Jumpbag
from tests.e2e.terminal import Terminal
from tests.e2e.waiting import until

ENDS: dict[str, Callable[[Terminal], None]] = {
    "killed": lambda terminal: terminal.process.kill(),
    "terminal-closed": lambda terminal: terminal.close(),
}


@pytest.mark.parametrize("end", [pytest.param("killed", marks=pytest.mark.slow), "terminal-closed"])
def test_the_acquisition_outlives_the_screen(case: Case, cloud: Cloud, jumpbag: Jumpbag, end: str) -> None:
    """The screen itself starts the agent here: even so the agent is nobody's child but its own."""
    volume = case.volumes()["many"]
    case.stop()
    cloud.faults(latency_ms=[200, 240])
    with Terminal(jumpbag, str(case.path)) as terminal:
        until("the screen is attached", lambda: case.events("session.attach"))
        agent = case.agent()
        assert agent is not None
        acq = case.acquire(volume)
        until(
            "blocks arrive",
            lambda: (
                (row := case.row(acq)) and row.step.startswith("Read its blocks") and (row.bytes_done or 0) > 0
            ),
        )
        ENDS[end](terminal)
        terminal.reap()
        until("the agent notices", lambda: case.events("session.detach"))
        assert agent.alive
        cloud.well()
        case.reached(acq, "done")
    assert case.agent() == agent, "another agent had to be started"
    assert not case.events("agent.recover")
    assert len(cloud.of_case(case.id, "ec2:CreateSnapshot", "allow")) == 1
    case.settled()
    case.verified()


def test_the_screen_shows_the_case_and_q_leaves(new_case: NewCase, cloud: Cloud, jumpbag: Jumpbag) -> None:
    case = new_case(cloud)
    with Terminal(jumpbag, str(case.path)) as terminal:
        until("the case is on the screen", lambda: case.id.encode() in terminal.drawn, within=20)
        until("the screen is attached", lambda: case.events("session.attach"), within=20)
        terminal.type("q")
        terminal.reap()
    until("the agent notices", lambda: case.events("session.detach"))
    assert case.agent() is not None, "q must leave the agent alone"
    assert b"Traceback" not in terminal.drawn
