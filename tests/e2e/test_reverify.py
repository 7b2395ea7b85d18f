"""Sealed items read again by a real agent: what agrees, what was changed since, and an agent that is killed."""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from app.case.folder import find
from app.client.feed import Feed
from app.client.launch import connect
from app.faults import AgentGone
from app.locations import Locations
from app.model import EvidenceItem
from app.model.view import EvidenceCheck
from tests.e2e.runner import Case
from tests.e2e.waiting import until

pytestmark = pytest.mark.slow


def order(case: Case, method: str, item: str = "E-0001") -> dict[str, Any]:
    """One command, as the screens send it."""
    locations = Locations(case.jumpbag.env)

    async def sent() -> Any:
        client = await connect(find(str(case.path), locations), locations)
        try:
            return await client.call(method, {"item": item})
        finally:
            await client.close()

    answer: dict[str, Any] = asyncio.run(sent())
    return answer


def check(case: Case, item: str = "E-0001") -> EvidenceCheck | None:
    feed = Feed(case.path / "case.sqlite")
    feed.poll()
    feed.close()
    return next((one for one in feed.snapshot.checks if one.item == item), None)


def item(case: Case) -> EvidenceItem:
    feed = Feed(case.path / "case.sqlite")
    feed.poll()
    feed.close()
    return next(one for one in feed.snapshot.items if one.id == "E-0001")


def ended(case: Case, runs: int) -> EvidenceCheck:
    """How that many checks of the item have ended by now; the newest of them."""

    def look() -> EvidenceCheck | None:
        found = check(case)
        outcomes = [body for body in case.events("evidence.verify") if body["phase"] != "intent"]
        return found if len(outcomes) == runs and found and found.state != "running" else None

    return until(f"{runs} checks have ended", look)


def flip(case: Case, at: int = 0) -> None:
    """Change one bit of the sealed image, or change it back."""
    with (case.bag() / "data" / "disk.raw").open("r+b") as file:
        file.seek(at)
        byte = file.read(1)
        file.seek(at)
        file.write(bytes([byte[0] ^ 1]))


def test_an_item_is_read_again_and_what_was_changed_is_named(case: Case) -> None:
    case.run("acquire", "disk", case.volumes()["small"], "--wait").ok()
    assert order(case, "evidence.verify") == {"item": "E-0001", "state": "running"}
    good = ended(case, 1)
    assert good.state == "ok" and good.bytes_done == good.bytes_total > 0
    digests = {(one.of, one.stage): one.hex for one in item(case).digests}
    assert digests["data/disk.raw", "reverify"] == digests["data/disk.raw", "rest"] == case.image_sha256()
    coverage = item(case).coverage
    assert coverage is not None and coverage.read_bytes == coverage.expected_bytes and not coverage.unreadable

    flip(case)
    order(case, "evidence.verify")
    bad = ended(case, 2)
    assert bad.state == "bad" and "data/disk.raw" in (bad.reason or "")
    assert case.run("verify").code == 1
    flip(case)  # back; the record of the check stays, and is no fault of the case
    order(case, "evidence.verify")
    assert ended(case, 3).state == "ok"
    phases = [body["phase"] for body in case.events("evidence.verify")]
    assert phases == ["intent", "result", "intent", "failed", "intent", "result"]
    case.settled()
    case.verified()


def test_the_whole_of_the_damage_is_told_by_the_next_agent_too(case: Case) -> None:
    case.run("acquire", "disk", case.volumes()["small"], "--wait").ok()
    bag, block = case.bag(), 512 * 1024
    size = (bag / "data" / "disk.raw").stat().st_size
    count = size // block
    assert count > 4 and size % block == 0
    for number in (1, count - 2, count - 1):
        flip(case, number * block + 77)
    (bag / "note.txt").write_text("x")
    order(case, "evidence.verify")
    bad = ended(case, 1)
    assert bad.disagree is not None and bad.disagree.image is not None
    found, image = bad.disagree, bad.disagree.image
    assert [(one.name, one.how) for one in found.names] == [("data/disk.raw", "changed"), ("note.txt", "extra")]
    assert (image.blocks, image.of_blocks, image.agree_bytes) == (3, count, size - 3 * block)
    ranges = [(one.offset, one.bytes) for one in image.ranges]
    assert ranges == [(block, block), ((count - 2) * block, 2 * block)]
    summary = case.events("evidence.verify")[-1]["summary"]
    assert f"3 of {count:,} blocks of data/disk.raw differ (bytes 524,288-1,048,575, " in summary
    case.kill_agent()
    (case.path / "case.sqlite").unlink()
    case.acquisitions()
    assert check(case) == bad
    case.settled()
    assert case.run("verify").code == 1


def test_an_agent_killed_in_the_middle_of_a_check_says_so_when_it_is_back(case: Case) -> None:
    case.run("acquire", "disk", case.volumes()["wide"], "--wait").ok()
    order(case, "evidence.verify")
    until("it reads", lambda: (row := check(case)) is not None and row.bytes_done > 0, every=0.01)
    case.kill_agent()
    case.acquisitions()
    stopped = ended(case, 1)
    assert stopped.state == "stopped" and stopped.reason
    outcome = case.events("evidence.verify")[-1]
    assert (outcome["phase"], outcome["outcome"]["code"]) == ("abandoned", "interrupted")
    case.settled()
    order(case, "evidence.verify")
    until("it reads", lambda: (row := check(case)) is not None and row.bytes_done > 0, every=0.01)
    assert order(case, "evidence.stop") == {"item": "E-0001", "state": "stopped"}
    case.settled()
    case.verified()


def test_a_verification_of_the_whole_case_is_the_newest_that_is_known(case: Case) -> None:
    case.run("acquire", "disk", case.volumes()["small"], "--wait").ok()
    flip(case)
    order(case, "evidence.verify")
    assert ended(case, 1).state == "bad"
    flip(case)
    answer = order(case, "verify")
    assert answer["ok"] and answer["open_intents"] == [] and answer["warnings"] == []
    assert len(case.lines()) >= answer["lines"] + answer["recorded"] > answer["lines"]
    intent, result = case.events("evidence.verify")[2:]
    assert (intent["phase"], result["phase"], intent["params"]["whole_case"]) == ("intent", "result", True)
    good = check(case)
    assert good is not None and good.state == "ok"
    case.kill_agent()
    (case.path / "case.sqlite").unlink()
    (row,) = case.run("evidence").ok().json
    assert row["check"] == {"state": "ok", "time": good.ended, "reason": None}
    case.acquisitions()
    assert check(case) == good
    case.settled()
    case.verified()


def test_an_agent_killed_in_the_middle_of_a_verification_closes_what_it_left(case: Case) -> None:
    case.run("acquire", "disk", case.volumes()["wide"], "--wait").ok()
    with ThreadPoolExecutor(max_workers=1) as beside:
        asked = beside.submit(order, case, "verify")
        until("it reads an item", lambda: case.events("evidence.verify"), every=0.01)
        case.kill_agent()
        with pytest.raises(AgentGone):
            asked.result(timeout=30)
    assert [body["phase"] for body in case.events("evidence.verify")] == ["intent"]
    case.acquisitions()
    assert ended(case, 1).state == "stopped"
    outcome = case.events("evidence.verify")[-1]
    assert (outcome["phase"], outcome["outcome"]["code"]) == ("abandoned", "interrupted")
    assert order(case, "verify")["ok"]
    assert ended(case, 2).state == "ok"
    case.settled()
    case.verified()
