"""The verification of the whole case, as the record has it: each item that was read, and how that ended."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import pytest

from app.acquisition.record import Record
from app.agent import recover
from app.agent.verifying import Verified, Verifying
from app.custody import Signer, Verification, verify
from app.custody.disk import Wrong
from app.custody.verify_bag import Progress
from app.custody.verify_evidence import Inspect
from app.faults import AgentGone
from tests.custody import bags, cases
from tests.evidence.sealed import Sealed, flip, until
from tests.evidence.test_checks import TAMPERED

BOTH = (Sealed.DISK, Sealed.LOGS)


def verifying(sealed: Sealed, how: Callable[..., Verification] = verify) -> Verifying:
    """As the agent has it once it is up."""
    one = Verifying(sealed.path, sealed.clock, how)
    one.keep(sealed.record, sealed.checks)
    return one


async def verified(sealed: Sealed) -> Verified:
    return await verifying(sealed).verified("ex-07")


def phases(sealed: Sealed, item: str) -> list[str]:
    return [event["phase"] for event in sealed.events(item)]


def next_agent(sealed: Sealed) -> None:
    sealed.close()
    sealed.open()


async def test_each_item_is_read_between_its_intent_and_its_outcome(sealed: Sealed) -> None:
    before, bytes_of = sealed.record.lines, {}
    for item in BOTH:
        files = [path for path in sealed.bag(item).rglob("*") if path.is_file()]
        bytes_of[item] = str(sum(path.stat().st_size for path in files))
    done = await verified(sealed)
    assert done.found.exit_code == 0 and done.found.warnings == [] and done.found.open_intents == []
    assert done.found.lines == before, "what it wrote itself is no part of what it verified"
    assert done.recorded == sealed.record.lines - before > 0
    for item in BOTH:
        intent, result = sealed.events(item)
        assert (intent["phase"], result["phase"], intent["corr"]) == ("intent", "result", result["corr"])
        assert intent["params"] == {"bytes": bytes_of[item], "whole_case": True}
        assert intent["actor"]["id"] == "ex-07" and intent["acq"] == result["acq"] == "A-0001"
        assert result["digests"] == [one | {"stage": "reverify"} for one in bags.digests(sealed.bag(item))]
        row = sealed.row(item)
        assert row is not None and (row.state, row.reason, str(row.bytes_done)) == ("ok", None, bytes_of[item])
    one, two = sealed.events(Sealed.DISK), sealed.events(Sealed.LOGS)
    assert one[-1]["seq"] < two[0]["seq"], "one item is read at a time"
    later = verify(sealed.path)
    assert later.exit_code == 0 and later.lines == sealed.record.lines


async def test_several_who_ask_at_once_leave_one_reading_in_the_record(sealed: Sealed) -> None:
    one = verifying(sealed)
    first, second = await asyncio.gather(one.verified("ex-07"), one.verified("ex-09"))
    assert first is second
    assert [phases(sealed, item) for item in BOTH] == [["intent", "result"]] * 2
    await one.verified("ex-09")
    assert phases(sealed, Sealed.DISK) == ["intent", "result"] * 2
    assert sealed.events(Sealed.DISK)[-2]["actor"]["id"] == "ex-09"


async def test_what_it_finds_is_the_newest_that_is_known_for_the_next_agent_too(sealed: Sealed) -> None:
    image = sealed.bag(Sealed.DISK) / "data" / "disk.raw"
    flip(image, 100)
    assert (await sealed.checked(Sealed.DISK)).state == "bad"
    flip(image, 100)
    assert (await verified(sealed)).found.ok
    row = sealed.row(Sealed.DISK)
    assert row is not None and row.state == "ok"
    next_agent(sealed)
    assert sealed.row(Sealed.DISK) == row
    flip(image, 100)
    assert not (await verified(sealed)).found.ok
    next_agent(sealed)
    row, other = sealed.row(Sealed.DISK), sealed.row(Sealed.LOGS)
    assert row is not None and row.state == "bad" and other is not None and other.state == "ok"


@pytest.mark.parametrize("what", TAMPERED)
async def test_it_judges_as_the_verb_does_and_records_what_a_check_of_the_item_would(
    sealed: Sealed, what: str
) -> None:
    tamper, named = TAMPERED[what]
    tamper(sealed.bag(Sealed.DISK))
    before = verify(sealed.path)
    done = await verified(sealed)
    assert done.found == before and not before.ok
    outcome, row = sealed.events(Sealed.DISK)[-1], sealed.row(Sealed.DISK)
    assert phases(sealed, Sealed.DISK) == ["intent", "failed"] and outcome["outcome"]["code"] == "broken"
    assert named in outcome["outcome"]["error"] and "digests" not in outcome
    assert phases(sealed, Sealed.LOGS) == ["intent", "result"]
    alone = await sealed.checked(Sealed.DISK)
    assert row is not None and alone.state == row.state == "bad"
    assert (alone.reason, alone.disagree) == (row.reason, row.disagree)
    assert sealed.sound()


async def test_a_file_that_is_not_of_the_seal_is_told_and_no_fault(sealed: Sealed) -> None:
    (sealed.bag(Sealed.DISK) / "data" / "planted.tmp").write_text("evil evidence")
    done = await verified(sealed)
    assert done.found.ok and any("data/planted.tmp" in said for said in done.found.warnings)
    row = sealed.row(Sealed.DISK)
    assert row is not None and row.state == "ok" and row.reason and "data/planted.tmp" in row.reason


# -- ended half-way ------------------------------------------------------------------------------------


async def in_a_vast_image(sealed: Sealed) -> tuple[Verifying, asyncio.Task[Verified], str]:
    """A verification that has read two items, and is in the middle of a third."""
    item, reached = sealed.vast(), asyncio.Event()
    loop = asyncio.get_running_loop()

    def how(case: Path, progress: Progress, inspect: Inspect) -> Verification:
        def tell(name: str, done: int, total: int) -> None:
            progress(name, done, total)
            if name == f"evidence/{item}/data/disk.raw":
                loop.call_soon_threadsafe(reached.set)

        return verify(case, progress=tell, inspect=inspect)

    one = verifying(sealed, how)
    asked = asyncio.create_task(one.verified("ex-07"))
    await asyncio.wait_for(reached.wait(), 30)
    return one, asked, item


async def test_the_agent_that_stops_closes_the_item_that_is_being_read(sealed: Sealed) -> None:
    one, asked, item = await in_a_vast_image(sealed)
    assert phases(sealed, item) == ["intent"]
    await one.close()
    outcome, row = sealed.events(item)[-1], sealed.row(item)  # the record is closed next
    with pytest.raises(AgentGone):
        await asked
    assert (outcome["phase"], outcome["outcome"]["code"]) == ("abandoned", "interrupted")
    assert row is not None and (row.state, row.reason) == ("stopped", "the agent stopped")
    assert [phases(sealed, name) for name in BOTH] == [["intent", "result"]] * 2
    assert not sealed.record.open_intents() and sealed.sound()


async def test_an_item_that_was_left_open_is_closed_by_the_next_agent(sealed: Sealed) -> None:
    one, asked, item = await in_a_vast_image(sealed)
    copy = sealed.path.parent / "killed"  # as the files are where an agent is killed now
    shutil.copytree(sealed.path / "custody", copy / "custody")
    await one.close()
    with pytest.raises(AgentGone):
        await asked
    sealed.close()
    shutil.rmtree(sealed.path / "custody")
    (copy / "custody").rename(sealed.path / "custody")
    sealed.open()
    left = sealed.row(item)
    assert phases(sealed, item) == ["intent"] and left is not None and left.state == "stopped"
    recover.announce(sealed.record, sealed.clock, True, sealed.record.last_ts)
    await recover.close_intents(sealed.record, cast(Any, None), sealed.clock)
    outcome = sealed.events(item)[-1]
    assert (outcome["phase"], outcome["outcome"]["code"]) == ("abandoned", "interrupted")
    rows = [row for name in BOTH if (row := sealed.row(name))]
    assert [row.state for row in rows] == ["ok", "ok"] and not sealed.record.open_intents() and sealed.sound()


# -- the log -------------------------------------------------------------------------------------------


async def test_a_case_without_evidence_leaves_no_event(tmp_path: Path) -> None:
    case = Sealed(tmp_path / "case", Signer.generate())
    case.close()
    shutil.rmtree(case.path)
    cases.new_ledger(case.path, case.signer).close()
    case.open()
    before = case.record.lines
    done = await verified(case)
    assert done.found.ok and done.recorded == 0 and case.record.lines == before
    case.close()


async def test_before_the_agent_is_up_it_judges_and_says_what_is_not_recorded(sealed: Sealed) -> None:
    done = await Verifying(sealed.path, sealed.clock).verified("ex-07")
    assert done.found.ok and done.recorded == 0 and [phases(sealed, item) for item in BOTH] == [[], []]
    said = f"the check of {Sealed.DISK} is not in the record: the agent was not ready"
    assert said in done.found.warnings and len(done.found.warnings) == 2


async def test_a_log_that_takes_no_line_does_not_keep_the_answer_back(sealed: Sealed) -> None:
    flip(sealed.bag(Sealed.DISK) / "data" / "disk.raw", 100)
    sealed.ledger.close()
    done = await verified(sealed)
    states = {one.id: one.ok for one in done.found.items}
    assert states == {Sealed.DISK: False, Sealed.LOGS: True} and done.found.exit_code == 1
    unsaid = [said for said in done.found.warnings if "is not in the record: " in said]
    assert len(unsaid) == 2 and done.recorded == 0


async def test_in_a_broken_log_the_items_are_judged_as_the_verb_does(sealed: Sealed) -> None:
    log = sealed.path / "custody" / "events.jsonl"
    flip(log, log.read_bytes().index(b"Seal E-0002"))  # an intent's line
    before = verify(sealed.path)
    assert before.exit_code == 1 and before.signatures is False
    done = await verified(sealed)
    assert done.found == before
    expected = ["intent", "result"] if before.items[0].ok else []
    assert phases(sealed, Sealed.DISK) == expected != []


async def test_an_item_whose_seal_in_the_file_cannot_be_read_is_not_called_changed(sealed: Sealed) -> None:
    log = sealed.path / "custody" / "events.jsonl"
    flip(log, log.read_bytes().index(b"E-0001 is sealed"))
    done = await verified(sealed)
    assert done.found.exit_code == 1
    assert phases(sealed, Sealed.DISK) == [] and phases(sealed, Sealed.LOGS) == ["intent", "result"]


async def test_a_seal_in_the_file_that_the_agent_does_not_know_says_nothing_of_the_item(sealed: Sealed) -> None:
    """Whoever has the key may write another log under the agent, and another bag to go with it."""
    known = sealed.record.seal(Sealed.DISK)
    other = replace(known, digests=sealed.record.seal(Sealed.LOGS).digests)

    def how(case: Path, progress: Progress, inspect: Inspect) -> Verification:
        with suppress(Wrong):
            inspect(sealed.bag(Sealed.DISK), other, cases.CASE, progress)
        return verify(case, log_only=True)

    done = await verifying(sealed, how).verified("ex-07")
    assert phases(sealed, Sealed.DISK) == [] and done.recorded == 0
    assert any("another seal of it than the agent knows" in said for said in done.found.warnings)


async def test_a_bag_in_another_place_says_nothing_of_the_item(sealed: Sealed, tmp_path: Path) -> None:
    """The case keeps its evidence elsewhere, and somebody has put a bag where it would be otherwise."""
    elsewhere = tmp_path / "volume"
    shutil.copytree(sealed.path / "evidence", elsewhere)
    object.__setattr__(sealed.case, "evidence", elsewhere)
    done = await verified(sealed)
    assert any("the bag that was read is not the one of this case" in said for said in done.found.warnings)
    assert [phases(sealed, item) for item in BOTH] == [[], []]


# -- beside checks of single items ---------------------------------------------------------------------


def only(item: str, sealed: Sealed) -> Callable[..., Verification]:
    """A verification that gets no further than that item."""

    def how(case: Path, progress: Progress, inspect: Inspect) -> Verification:
        inspect(sealed.bag(item), sealed.record.seal(item), cases.CASE, progress)
        return verify(case, log_only=True)

    return how


async def test_a_check_that_waits_goes_on_waiting_on_the_screen(sealed: Sealed) -> None:
    vast = sealed.vast()
    for item in (vast, Sealed.DISK):
        sealed.checks.start(item, "ex-07")
    await verifying(sealed, only(Sealed.DISK, sealed)).verified("ex-09")
    waits, read = sealed.row(Sealed.DISK), phases(sealed, Sealed.DISK)
    await sealed.checks.stop(vast, "ex-07")
    await until(lambda: not sealed.checks.busy)
    assert read == ["intent", "result"]
    assert waits is not None and (waits.state, waits.started) == ("running", "")
    assert phases(sealed, Sealed.DISK) == ["intent", "result"] * 2


def test_two_readings_of_an_item_at_once_are_told_apart(sealed: Sealed) -> None:
    record: Record = sealed.record
    first = record.intent("evidence.verify", "again", item=Sealed.DISK, params={"bytes": "9000"})
    second = record.intent("evidence.verify", "again", item=Sealed.DISK, params={"bytes": "9000"})
    assert sealed.row(Sealed.DISK) is None
    record.result(first, "agrees", params={"bytes": "9000"})
    one = sealed.row(Sealed.DISK)
    record.result(second, "agrees", params={"bytes": "9000"})
    two = sealed.row(Sealed.DISK)
    assert (
        one is not None and two is not None and one.started < two.started and (one.ended or "") < (two.ended or "")
    )
    next_agent(sealed)
    assert sealed.row(Sealed.DISK) == two
