"""Downloads that go well, and those that are stopped and go on."""

from __future__ import annotations

import asyncio
import os

import msgspec
import pytest

from app import faults
from app.transfer.transfer import TransferResult
from tests.transfer.conftest import MakeRig
from tests.transfer.kit import BLOCK, QUICK, Rig, make_disk, until


async def finished(rig: Rig) -> TransferResult:
    result = await asyncio.wait_for(rig.transfer().run(), 30)
    assert rig.image.read_bytes() == rig.expected()
    return result


async def test_the_image_is_the_disk_byte_for_byte(make_rig: MakeRig) -> None:
    rig = make_rig()
    result = await finished(rig)
    assert (result.blocks, result.zero_blocks, result.bytes) == (92, 2, 92 * BLOCK)
    assert (result.blocks_fetched, result.bytes_fetched, result.retries) == (92, 92 * BLOCK, 0)
    assert set(rig.server.served().values()) == {1}
    [(lease, blocks, requests)] = rig.log.opens
    assert (lease, blocks, requests) == ("L-0001", 92, 0), "the intent comes before the first block"
    closed = rig.log.closes["L-0001"]
    assert closed["phase"] == "result" and closed["error"] is None
    assert (closed["blocks"], closed["bytes"], closed["retries"]) == (92, 92 * BLOCK, 0)
    ids = [seen.request_id for seen in rig.server.seen]
    assert closed["first_request_id"] in ids[:40] and closed["last_request_id"] in ids[-40:]
    last = rig.meters[-1]
    assert (last.phase, last.blocks_done, last.blocks_total) == ("downloading", 92, 92)
    assert (last.bytes_done, last.bytes_total) == (92 * BLOCK, 92 * BLOCK)


async def test_holes_and_zero_blocks_take_no_room(make_rig: MakeRig) -> None:
    zero = set(range(20, 90))
    rig = make_rig(make_disk(96, zero=zero, holes={5, 6, 7, 60} | set(range(91, 95))))
    await finished(rig)
    found = rig.image.stat()
    assert found.st_size == 96 * BLOCK
    assert found.st_blocks * 512 <= 24 * BLOCK
    assert found.st_mode & 0o777 == 0o600


async def test_a_short_last_block_is_cut_to_the_disk(make_rig: MakeRig) -> None:
    blocks = make_disk(4, zero=set(), holes=set())
    blocks[3] = blocks[3][:1000]
    rig = make_rig(blocks, 3 * BLOCK + 1000)
    result = await finished(rig)
    assert result.bytes == 3 * BLOCK + 1000
    assert rig.log.closes["L-0001"]["bytes"] == 3 * BLOCK + 1000


async def test_an_empty_disk_opens_no_run(make_rig: MakeRig) -> None:
    rig = make_rig({})
    result = await finished(rig)
    assert result.blocks == 0
    assert rig.log.opens == [] and rig.server.seen == []


async def test_a_finished_download_is_not_fetched_again(make_rig: MakeRig) -> None:
    rig = make_rig()
    await finished(rig)
    result = await finished(rig)
    assert result.blocks_fetched == 0 and rig.log.opens == []
    assert set(rig.server.served().values()) == {1}
    assert {meter.phase for meter in rig.meters} >= {"checking", "listing", "downloading"}


async def test_damage_at_rest_is_fetched_again(make_rig: MakeRig) -> None:
    rig = make_rig()
    await finished(rig)
    with rig.image.open("r+b") as image:
        image.seek(9 * BLOCK + 5)
        image.write(b"\xee")
        image.seek(40 * BLOCK)
        image.write(b"not zero any more")  # block 40 came as zeros: writing them must not be skipped now
    result = await finished(rig)
    assert result.rechecked == 2 and result.blocks_fetched == 2


async def test_thirty_percent_throttling_is_lived_with(make_rig: MakeRig) -> None:
    rig = make_rig(make_disk(48, zero=set(), holes=set()), 48 * BLOCK)
    rig.server.faults.throttle_every = 3
    result = await finished(rig)
    assert result.throttled >= 20
    assert rig.log.closes["L-0001"]["retries"] == result.retries == result.throttled
    assert rig.meters[-1].throttled == result.throttled


async def test_endless_throttling_ends_in_a_fault(make_rig: MakeRig) -> None:
    rig = make_rig()
    rig.server.faults.throttle_all = True
    task = asyncio.create_task(rig.transfer().run())
    await until(lambda: any(meter.throttled for meter in rig.meters))
    rig.clock.ahead = QUICK.stall_s + 1
    with pytest.raises(faults.Throttled, match="for 15 min"):
        await asyncio.wait_for(task, 20)
    assert rig.log.closes["L-0001"]["phase"] == "failed"
    rig.server.faults.throttle_all = False
    await finished(rig)


async def test_a_server_that_says_nothing_ends_in_a_fault(make_rig: MakeRig) -> None:
    rig = make_rig()
    rig.server.faults.hold = set(range(96))
    task = asyncio.create_task(rig.transfer().run())
    await until(lambda: len(rig.server.seen) > 5)
    rig.clock.ahead = QUICK.stall_s + 1
    with pytest.raises(faults.Unavailable, match="no block came for 15 min"):
        await asyncio.wait_for(task, 20)


async def test_dropped_connections_are_made_again(make_rig: MakeRig) -> None:
    rig = make_rig()
    rig.server.faults.drop = {0, 10, 20, 30, 41, 50}
    result = await finished(rig)
    assert result.retries == 6 and rig.server.faults.drop == set()
    assert set(rig.server.served().values()) == {1}


async def test_stale_tokens_are_listed_again(make_rig: MakeRig) -> None:
    rig = make_rig()
    rig.server.faults.hold = set(range(50, 96))
    task = asyncio.create_task(rig.transfer().run())
    await until(lambda: len(rig.server.served()) > 20)
    rig.server.generation = 2
    rig.server.faults.hold = set()
    await asyncio.wait_for(task, 20)
    assert rig.image.read_bytes() == rig.expected()
    assert rig.source.listings >= 2
    assert len(rig.log.opens) == 1
    assert set(rig.server.served().values()) == {1}


async def test_tokens_that_are_never_accepted_end_in_a_fault(make_rig: MakeRig) -> None:
    rig = make_rig()
    rig.source.pages = lambda: [[(index, "never-good") for index in sorted(rig.server.blocks)]]
    with pytest.raises(faults.Untrusted, match="just listed"):
        await asyncio.wait_for(rig.transfer().run(), 20)


async def test_cancelled_it_stops_and_goes_on_later(make_rig: MakeRig) -> None:
    rig = make_rig()
    rig.server.faults.hold = set(range(48, 96))
    task = asyncio.create_task(rig.transfer().run())
    await until(lambda: any(meter.blocks_done >= 20 for meter in rig.meters))
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asyncio.wait_for(task, 5)
    closed = rig.log.closes["L-0001"]
    assert closed["phase"] == "abandoned" and closed["error"] is None and closed["blocks"] >= 20
    assert closed["bytes"] == closed["blocks"] * BLOCK
    before = rig.server.served()
    rig.server.faults.hold = set()
    result = await finished(rig)
    assert result.blocks_fetched == 92 - closed["blocks"]
    assert result.rechecked == 0
    done_before = {index for index in before if rig.server.served()[index] == before[index]}
    assert len(done_before) >= closed["blocks"], "what was durable is not fetched again"


async def test_two_transfers_of_one_image_exclude_each_other(make_rig: MakeRig) -> None:
    rig = make_rig()
    rig.server.faults.hold = {95}
    first = asyncio.create_task(rig.transfer().run())
    await until(lambda: len(rig.server.served()) > 10)
    with pytest.raises(faults.Refused, match="earlier transfer"):
        await rig.transfer(limits=msgspec.structs.replace(QUICK, lock_wait_s=0.2)).run()
    rig.server.faults.hold = set()
    await asyncio.wait_for(first, 20)
    assert rig.image.read_bytes() == rig.expected()


async def test_no_room_is_said_before_the_first_call(make_rig: MakeRig) -> None:
    rig = make_rig()
    with pytest.raises(faults.StorageFull, match="free"):
        await rig.transfer(limits=msgspec.structs.replace(QUICK, min_free=1 << 60)).run()
    assert rig.source.listings == 0 and rig.server.seen == []


async def test_when_room_runs_out_progress_is_kept(make_rig: MakeRig, monkeypatch: pytest.MonkeyPatch) -> None:
    rig = make_rig()
    rig.server.faults.hold = set(range(48, 96))
    full = False
    real = os.statvfs

    def statvfs(path: str) -> os.statvfs_result:
        found = list(real(path))
        if full:
            found[4] = 0  # f_bavail
        return os.statvfs_result(found)

    monkeypatch.setattr(os, "statvfs", statvfs)
    limits = msgspec.structs.replace(QUICK, min_free=1)
    task = asyncio.create_task(rig.transfer(limits=limits).run())
    await until(lambda: any(meter.blocks_done >= 20 for meter in rig.meters))
    full = True
    with pytest.raises(faults.StorageFull, match="reserve"):
        await asyncio.wait_for(task, 10)
    kept = rig.log.closes["L-0001"]
    assert kept["phase"] == "failed" and isinstance(kept["error"], faults.StorageFull) and kept["blocks"] >= 20
    full = False
    rig.server.faults.hold = set()
    assert (await finished(rig)).blocks_fetched == 92 - kept["blocks"]
