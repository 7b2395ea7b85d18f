"""Answers that cannot be right, and listings that lie."""

from __future__ import annotations

import asyncio
from pathlib import Path

import msgspec
import pytest

from app import faults
from tests.transfer.conftest import MakeRig
from tests.transfer.kit import BLOCK, QUICK, Rig, make_disk

BAD = 17


async def refused(rig: Rig, fault: type[faults.Fault], match: str) -> None:
    with pytest.raises(fault, match=match) as caught:
        await asyncio.wait_for(rig.transfer().run(), 20)
    assert f"block {BAD} (byte offset {BAD * BLOCK})" in caught.value.message
    assert "canary" not in repr(caught.value.data()) and caught.value.next
    assert rig.image.read_bytes()[BAD * BLOCK : (BAD + 1) * BLOCK] == bytes(BLOCK), "it was never written"
    closed = rig.log.closes["L-0001"]
    assert closed["phase"] == "failed" and closed["error"] is caught.value


async def test_a_corrupt_block_is_never_written_and_named(make_rig: MakeRig) -> None:
    rig = make_rig()
    rig.server.faults.corrupt = {BAD}
    await refused(rig, faults.Untrusted, "SHA-256 checksum .5 tries")
    assert rig.server.served()[BAD] == 5
    kept = rig.log.closes["L-0001"]["blocks"]
    rig.server.faults.corrupt = set()
    result = await asyncio.wait_for(rig.transfer().run(), 20)
    assert result.blocks_fetched == 92 - kept
    assert rig.image.read_bytes() == rig.expected()


@pytest.mark.parametrize(
    ("kind", "fault", "match", "tries"),
    [
        ("wrong_length", faults.Untrusted, "bytes came instead", 5),
        ("huge", faults.Untrusted, f"more than {BLOCK} bytes", 5),
        ("redirect", faults.Untrusted, "redirect, which is not followed", 1),
        ("denied", faults.Denied, "UNAUTHORIZED_ACCOUNT|AccessDenied", 1),
        ("unavailable", faults.Unavailable, "InternalServerException.*8 tries", 8),
    ],
)
async def test_bad_answers_end_in_a_fault_that_names_the_block(
    make_rig: MakeRig, kind: str, fault: type[faults.Fault], match: str, tries: int
) -> None:
    rig = make_rig()
    getattr(rig.server.faults, kind).add(BAD)
    await refused(rig, fault, match)
    assert sum(seen.index == BAD for seen in rig.server.seen) == tries


async def test_data_beyond_the_end_of_the_disk_is_refused(make_rig: MakeRig) -> None:
    blocks = make_disk(4, zero=set(), holes=set())
    blocks[3] = blocks[3][:1000]
    rig = make_rig(blocks, 3 * BLOCK + 1000)
    rig.server.faults.surplus = {3}
    with pytest.raises(faults.Untrusted, match="beyond the end"):
        await asyncio.wait_for(rig.transfer().run(), 20)
    assert rig.image.stat().st_size == 3 * BLOCK + 1000
    assert rig.image.read_bytes()[3 * BLOCK :] == bytes(1000)


async def test_a_certificate_of_nobody_is_refused(make_rig: MakeRig) -> None:
    rig = make_rig()
    rig.source.bundle = None  # the system's authorities do not know this server
    with pytest.raises(faults.Untrusted, match="certificate"):
        await asyncio.wait_for(rig.transfer().run(), 20)
    assert rig.server.seen == []


async def test_a_server_that_is_away_is_unavailable(make_rig: MakeRig) -> None:
    rig = make_rig()
    rig.server.port = 1
    with pytest.raises(faults.Unavailable, match="connection could not be made"):
        await asyncio.wait_for(rig.transfer(limits=msgspec.structs.replace(QUICK, failures=2)).run(), 20)


@pytest.mark.parametrize(
    ("pages", "match"),
    [
        ([[(1, "a"), (1, "b")]], "goes back"),
        ([[(5, "a")], [(4, "b")]], "goes back"),
        ([[(96, "a")]], "only 96"),
        ([[(0, "")]], "token"),
        ([[(0, "x" * 5000)]], "token"),
        ([[(0, "tökén")]], "token"),
        ([[]] * 1001, "empty pages"),
    ],
)
async def test_a_listing_that_lies_is_refused(
    make_rig: MakeRig, pages: list[list[tuple[int, str]]], match: str
) -> None:
    rig = make_rig()
    rig.source.pages = lambda: pages
    with pytest.raises(faults.Untrusted, match=match):
        await asyncio.wait_for(rig.transfer().run(), 20)
    assert rig.server.seen == [] and rig.log.opens == []
    assert not list(rig.work.glob("*.tmp"))


async def test_a_listing_that_forgets_blocks_is_refused(make_rig: MakeRig) -> None:
    rig = make_rig()
    await asyncio.wait_for(rig.transfer().run(), 20)
    del rig.server.blocks[BAD]
    with pytest.raises(faults.Untrusted, match="leaves out 1 blocks"):
        await asyncio.wait_for(rig.transfer().run(), 20)


async def test_an_image_that_is_a_link_is_refused(make_rig: MakeRig, tmp_path: Path) -> None:
    rig = make_rig()
    rig.image.parent.mkdir(parents=True)
    other = tmp_path / "other"
    other.write_bytes(b"somebody's file")
    rig.image.symlink_to(other)
    with pytest.raises(faults.Fault):
        await asyncio.wait_for(rig.transfer().run(), 20)
    assert other.read_bytes() == b"somebody's file"


async def test_a_journal_of_another_snapshot_is_refused(make_rig: MakeRig) -> None:
    rig = make_rig()
    await asyncio.wait_for(rig.transfer().run(), 20)
    rig.server.size += BLOCK
    with pytest.raises(faults.Broken, match="another snapshot or disk size"):
        await asyncio.wait_for(rig.transfer().run(), 20)
