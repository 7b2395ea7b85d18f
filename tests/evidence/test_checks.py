"""Checking sealed items again: what agrees, what does not and where, and every way to end half-way."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

import pytest

from app.agent import recover
from app.custody import verify
from app.faults import Refused, Usage
from screens.command.catalogue import DEFAULT
from screens.evidence.lines import check_lines, check_word
from screens.present.look import UNICODE
from tests.custody import bags
from tests.evidence.sealed import Sealed, flip, until


def _files(top: Path) -> dict[str, tuple[bytes, int]]:
    return {str(p): (p.read_bytes(), p.stat().st_mtime_ns) for p in sorted(top.rglob("*")) if p.is_file()}


@pytest.mark.parametrize("item", [Sealed.DISK, Sealed.LOGS])
async def test_a_sound_item_is_read_whole_under_custody(sealed: Sealed, item: str) -> None:
    before = _files(sealed.bag(item))
    row = await sealed.checked(item)
    size = sum(len(content) for content, _ in before.values())
    assert (row.state, row.bytes_done, row.bytes_total, row.reason) == ("ok", size, size, None)
    intent, result = sealed.events(item)
    assert (intent["phase"], result["phase"], intent["corr"]) == ("intent", "result", result["corr"])
    assert intent["actor"]["id"] == "ex-07" and intent["acq"] == result["acq"] == "A-0001"
    assert result["digests"] == [one | {"stage": "reverify"} for one in bags.digests(sealed.bag(item))]
    assert _files(sealed.bag(item)) == before
    again = {digest.hex for digest in sealed.item(item).digests if digest.stage == "reverify"}
    assert again == {one["hex"] for one in result["digests"]}
    found = verify(sealed.path)
    assert found.exit_code == 0, found


def _other_bag(bag: Path) -> None:
    shutil.rmtree(bag)
    bags.build(bag, data=bags.image(9))


def _link(bag: Path) -> None:
    moved = bag.parent.parent / "elsewhere"
    bag.rename(moved)
    bag.symlink_to(moved)


TAMPERED: dict[str, tuple[Callable[[Path], object], str]] = {
    "a byte of the image": (lambda bag: flip(bag / "data" / "disk.raw", 100), "data/disk.raw"),
    "its last byte": (lambda bag: flip(bag / "data" / "disk.raw", len(bags.image()) - 1), "data/disk.raw"),
    "a byte in a hole": (lambda bag: flip(bag / "data" / "disk.raw", bags.BLOCK * 5), "block 5"),
    "a block's digest": (lambda bag: flip(bag / "blocks.tsv", 10), "blocks.tsv"),
    "what it says of itself": (lambda bag: flip(bag / "bag-info.txt", 25), "bag-info.txt"),
    "a file that is gone": (lambda bag: (bag / "blocks.tsv").unlink(), "blocks.tsv"),
    "a file more": (lambda bag: (bag / "data" / "more.bin").write_bytes(b"x"), "data/more.bin"),
    "an image cut short": (lambda bag: os.truncate(bag / "data" / "disk.raw", 4096), "Block-Count"),
    "another bag that agrees with itself": (_other_bag, "tagmanifest-sha256.txt"),
    "no bag": (shutil.rmtree, "E-0001 is missing"),
    "a link": (_link, "E-0001 is not a directory"),
}


@pytest.mark.parametrize("what", TAMPERED)
async def test_what_was_changed_since_the_seal_is_named(sealed: Sealed, what: str) -> None:
    tamper, named = TAMPERED[what]
    tamper(sealed.bag(Sealed.DISK))
    row = await sealed.checked(Sealed.DISK)
    assert row.state == "bad" and named in (row.reason or "")
    outcome = sealed.events(Sealed.DISK)[-1]
    assert outcome["phase"] == "failed" and outcome["outcome"]["code"] == "broken"
    assert named in outcome["outcome"]["error"] and "digests" not in outcome
    assert sealed.sound()
    assert (await sealed.checked(Sealed.LOGS)).state == "ok"  # the others are judged by themselves


async def test_a_file_that_is_not_of_the_seal_is_told_and_no_fault(sealed: Sealed) -> None:
    bag = sealed.bag(Sealed.DISK)
    (bag / "data" / "planted.tmp").write_text("evil evidence")
    row = await sealed.checked(Sealed.DISK)
    assert row.state == "ok" and row.reason is not None
    assert row.reason.startswith("data/planted.tmp, ending in .tmp, stands in the bag and was neither sealed")
    result = sealed.events(Sealed.DISK)[-1]
    assert result["params"]["not_sealed"] == {"files": 1, "names": ["data/planted.tmp"]}
    assert "But data/planted.tmp" in result["summary"] and len(result["digests"]) == 3
    word, tone = check_word(row, sealed.clock.now(), UNICODE, when=False)
    assert (word, tone) == (f"{UNICODE.warn} extra file", "need")
    lines = check_lines(row, sealed.clock.now(), 80, UNICODE, DEFAULT.key)
    said = "".join(text for line in lines for text, _ in line)
    assert "data/planted.tmp" in said
    found = verify(sealed.path)
    assert found.exit_code == 0 and any("data/planted.tmp" in warning for warning in found.warnings)
    sealed.close()
    sealed.open()
    assert sealed.row(Sealed.DISK) == row  # the next agent says the same
    for number in range(30):
        (bag / os.fsdecode(b"\xff\x1b[31m%d.tmp" % number)).write_text("x")
    row = await sealed.checked(Sealed.DISK)
    assert row.state == "ok" and row.reason is not None and row.reason.startswith("31 files (")
    assert row.reason.isprintable() and len(sealed.events(Sealed.DISK)[-1]["params"]["not_sealed"]["names"]) == 20
    (bag / "data" / "planted.tmp").unlink()


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
async def test_what_cannot_be_read_is_not_called_changed(sealed: Sealed) -> None:
    (sealed.bag(Sealed.DISK) / "data" / "disk.raw").chmod(0)
    row = await sealed.checked(Sealed.DISK)
    assert row.state == "failed" and "data/disk.raw" in (row.reason or "")
    assert sealed.events(Sealed.DISK)[-1]["outcome"]["code"] == "unreadable"


async def _reading(sealed: Sealed) -> str:
    """A check in the middle of a vast image."""
    item = sealed.vast()
    sealed.checks.start(item, "ex-07")
    await until(lambda: (row := sealed.row(item)) is not None and row.bytes_done > 1 << 20)
    return item


async def test_a_check_can_be_stopped(sealed: Sealed) -> None:
    item = await _reading(sealed)
    ended = await sealed.checks.stop(item, "ex-09")
    assert (ended.state, ended.reason) == ("stopped", "ex-09 stopped it")
    assert sealed.row(item) == ended and 0 < ended.bytes_done < ended.bytes_total
    outcome = sealed.events(item)[-1]
    assert outcome["phase"] == "abandoned" and outcome["outcome"]["code"] == "stopped"
    assert outcome["params"]["bytes"] == str(ended.bytes_done)
    assert not sealed.checks.busy and sealed.sound()
    with pytest.raises(Usage, match="no check of E-0003"):
        await sealed.checks.stop(item, "ex-09")


async def test_checks_run_one_after_the_other(sealed: Sealed) -> None:
    item = await _reading(sealed)
    first = sealed.checks.start(Sealed.DISK, "ex-07")
    assert (first.state, first.started) == ("running", "")  # it waits: the log knows nothing of it yet
    sealed.checks.start(Sealed.LOGS, "ex-07")
    assert sealed.checks.start(item, "ex-09").bytes_done > 0  # it runs already
    assert sealed.checks.busy == 3 and not sealed.events(Sealed.DISK)
    await sealed.checks.stop(item, "ex-07")
    await until(lambda: not sealed.checks.busy)
    states = [row.state for name in (Sealed.DISK, Sealed.LOGS) if (row := sealed.row(name))]
    assert states == ["ok", "ok"]
    assert sealed.events(Sealed.DISK)[-1]["seq"] < sealed.events(Sealed.LOGS)[0]["seq"]


async def test_one_that_had_not_begun_leaves_no_trace(sealed: Sealed) -> None:
    before = await sealed.checked(Sealed.DISK)
    item = await _reading(sealed)
    sealed.checks.start(Sealed.DISK, "ex-07")
    sealed.checks.start(Sealed.LOGS, "ex-07")
    assert (await sealed.checks.stop(Sealed.DISK, "ex-07")).state == "stopped"
    assert (await sealed.checks.stop(Sealed.LOGS, "ex-07")).state == "stopped"
    assert sealed.row(Sealed.DISK) == before and len(sealed.events(Sealed.DISK)) == 2
    left = sealed.row(Sealed.LOGS)
    assert left is not None and left.state == "stopped" and sealed.events(Sealed.LOGS) == []
    await sealed.checks.stop(item, "ex-07")


async def test_the_agent_ends_its_checks_when_it_stops(sealed: Sealed) -> None:
    item = await _reading(sealed)
    sealed.checks.start(Sealed.DISK, "ex-07")
    await sealed.checks.close()
    outcome = sealed.events(item)[-1]
    assert (outcome["phase"], outcome["outcome"]["code"]) == ("abandoned", "interrupted")
    assert sealed.events(Sealed.DISK) == [] and not sealed.record.open_intents()
    with pytest.raises(Refused):
        sealed.checks.start(Sealed.DISK, "ex-07")


async def test_after_a_crash_the_open_check_is_closed_and_shown_as_stopped(sealed: Sealed) -> None:
    sealed.record.intent("evidence.verify", "again", item=Sealed.DISK, acq="A-0001", params={"bytes": "9000"})
    sealed.close()
    sealed.open()
    row = sealed.row(Sealed.DISK)
    assert row is not None and row.state == "stopped"
    recover.announce(sealed.record, sealed.clock, True, sealed.record.last_ts)
    await recover.close_intents(sealed.record, cast(Any, None), sealed.clock)
    outcome = sealed.events(Sealed.DISK)[-1]
    assert (outcome["phase"], outcome["outcome"]["code"]) == ("abandoned", "interrupted")
    row = sealed.row(Sealed.DISK)
    assert row is not None and row.state == "stopped" and row.bytes_total == 9000
    assert (await sealed.checked(Sealed.DISK)).state == "ok"
    assert verify(sealed.path).exit_code == 0


async def test_rows_that_were_lost_are_written_again(sealed: Sealed) -> None:
    await sealed.checked(Sealed.DISK)
    item = await _reading(sealed)
    sealed.model.clear("evidence_check")
    sealed.checks.repaint()
    one, two = sealed.row(Sealed.DISK), sealed.row(item)
    assert one is not None and one.state == "ok" and two is not None and two.state == "running"
    await sealed.checks.stop(item, "ex-07")


async def test_only_what_is_sealed_is_checked(sealed: Sealed) -> None:
    with pytest.raises(Usage, match="not a sealed item"):
        sealed.checks.start("E-0\x1b]52", "ex-07")
