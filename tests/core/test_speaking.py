"""On whose behalf a command is given."""

from __future__ import annotations

import pytest

from app.agent.server import Peer
from app.agent.speaking import alone, speaker
from app.config import Examiner
from app.faults import Refused, Usage

ROSTER = Examiner(id="ex-07", roster=["ex-11"])
ORDERS = (
    "acquire",
    "acquire.batch",
    "acquisition.cancel",
    "lease.revoke",
    "evidence.verify",
    "playbook.step",
    "stop",
)
READS = ("status", "ready", "plan", "inventory.refresh", "verify")


def attached(examiner: str = "ex-07") -> Peer:
    peer = Peer(0, 1)
    peer.examiner, peer.attached = examiner, True
    return peer


def left() -> Peer:
    peer = Peer(0, 1)
    peer.detached = True
    return peer


@pytest.mark.parametrize("method", ORDERS + READS)
def test_a_verb_names_its_examiner_or_nobody(method: str) -> None:
    peer = Peer(0, 1)
    assert speaker(peer, method, {}, ROSTER).examiner is None
    assert speaker(peer, method, {"examiner": "ex-11"}, ROSTER).examiner == "ex-11"
    assert peer.examiner is None and not peer.attached
    for nobody in ("ex-99", "agent", ""):
        with pytest.raises(Usage, match="is not an examiner of this case"):
            speaker(peer, method, {"examiner": nobody}, ROSTER)
    with pytest.raises(Usage):
        speaker(peer, method, {"examiner": ["ex-11"]}, ROSTER)


@pytest.mark.parametrize("method", ORDERS + READS)
def test_a_session_speaks_as_who_attached(method: str) -> None:
    peer = attached()
    seen = speaker(peer, method, {"examiner": "ex-07"}, ROSTER)
    assert seen.examiner == "ex-07"
    with pytest.raises(Usage, match="of ex-07, not of ex-11"):
        speaker(peer, method, {"examiner": "ex-11"}, ROSTER)
    peer.examiner = None  # it leaves while the command is under way
    assert seen.examiner == "ex-07"


def test_a_session_that_was_left_reads_and_orders_nothing() -> None:
    peer = left()
    for method in READS:
        assert speaker(peer, method, {}, ROSTER).examiner is None
    for method in (*ORDERS, "session.arm", "session.disarm"):
        with pytest.raises(Refused, match="has left"):
            speaker(peer, method, {}, ROSTER)
    assert speaker(peer, "session.attach", {"examiner": "ex-11"}, ROSTER) is peer


def test_only_a_verb_opens_the_case_for_one_plan() -> None:
    assert alone(Peer(0, 1), {"arm": True}) and not alone(Peer(0, 1), {"arm": "yes"})
    assert not alone(attached(), {})
    with pytest.raises(Refused, match="only a verb"):
        alone(attached(), {"arm": True})
