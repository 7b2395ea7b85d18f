"""Two screens on one case: both live, one leaves, the other goes on."""

from __future__ import annotations

import pytest

from tests.e2e.cloud import Cloud
from tests.e2e.runner import Case, Jumpbag
from tests.e2e.terminal import Terminal
from tests.e2e.waiting import until

pytestmark = pytest.mark.slow


def test_one_leaves_and_the_other_goes_on(case: Case, cloud: Cloud, jumpbag: Jumpbag) -> None:
    volume = case.volumes()["small"]
    with Terminal(jumpbag, str(case.path), "--low-bandwidth") as one, Terminal(jumpbag, str(case.path)) as other:
        until("both are attached", lambda: len(case.events("session.attach")) == 2, within=30)
        agent = case.agent()
        one.type("q")
        one.reap()
        until("the agent notices", lambda: len(case.events("session.detach")) == 1)
        seen = len(other.drawn)
        acq = case.acquire(volume)
        case.reached(acq, "done")
        until("the other shows it", lambda: b"E-0001" in other.drawn[seen:], within=30)
        assert len(case.events("session.detach")) == 1
        other.type("q")
        other.reap()
    until("the agent notices", lambda: len(case.events("session.detach")) == 2)
    assert case.agent() == agent, "one agent served both, and nobody ended it"
    assert b"Traceback" not in one.drawn + other.drawn
