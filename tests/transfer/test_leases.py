"""Credentials change while blocks are under way."""

from __future__ import annotations

import asyncio

import pytest

from app import faults
from tests.transfer.conftest import MakeRig
from tests.transfer.kit import BLOCK, QUICK, Rig, until


def assert_runs_match_the_server(rig: Rig, leases: list[str]) -> None:
    """Each run's counters against what the server saw under that lease's key."""
    assert [lease for lease, _blocks, _requests in rig.log.opens] == leases
    assert sorted(rig.log.closes) == sorted(leases)
    for lease in leases:
        key = f"AKIATEST{int(lease[2:]):08d}"
        seen = [one for one in rig.server.seen if one.key == key]
        closed = rig.log.closes[lease]
        assert closed["blocks"] == sum(one.served for one in seen)
        assert closed["bytes"] == closed["blocks"] * BLOCK
        assert closed["retries"] == sum(not one.served for one in seen)
        ids = {one.request_id for one in seen}
        if ids:
            assert {closed["first_request_id"], closed["last_request_id"]} <= ids


async def test_a_renewed_lease_is_taken_up_between_blocks(make_rig: MakeRig) -> None:
    rig = make_rig()
    rig.server.faults.hold = set(range(30, 96))
    task = asyncio.create_task(rig.transfer().run())
    await until(lambda: any(meter.blocks_done >= 20 for meter in rig.meters))
    await rig.desk.issue()
    await until(lambda: len(rig.log.opens) == 2)
    assert "L-0001" not in rig.log.closes, "its blocks are still under way"
    rig.server.faults.hold = set()
    await asyncio.wait_for(task, 20)
    assert rig.image.read_bytes() == rig.expected()
    assert set(rig.server.served().values()) == {1}, "no block is fetched twice because of it"
    assert_runs_match_the_server(rig, ["L-0001", "L-0002"])
    assert {closed["phase"] for closed in rig.log.closes.values()} == {"result"}
    assert rig.log.closes["L-0001"]["blocks"] >= 20 and rig.log.closes["L-0002"]["blocks"] > 0
    first, second = rig.log.opens
    assert second[1] < first[1] == 92
    assert not any(one.key == "AKIATEST00000002" for one in rig.server.seen[: second[2]])


async def test_a_replaced_run_closes_while_the_next_goes_on(make_rig: MakeRig) -> None:
    rig = make_rig()
    rig.server.faults.hold = set(range(48, 96))
    task = asyncio.create_task(rig.transfer(workers=1).run())  # one: block 95 is not under way yet
    await until(lambda: any(meter.blocks_done >= 20 for meter in rig.meters))
    await rig.desk.issue()
    await until(lambda: len(rig.log.opens) == 2)
    rig.server.faults.hold = {95}
    await until(lambda: "L-0001" in rig.log.closes)
    assert not task.done()
    rig.server.faults.hold = set()
    await asyncio.wait_for(task, 20)
    assert_runs_match_the_server(rig, ["L-0001", "L-0002"])


async def test_refused_early_it_holds_until_there_is_another(make_rig: MakeRig) -> None:
    rig = make_rig()
    rig.desk.automatic = False
    rig.server.faults.hold = set(range(48, 96))
    task = asyncio.create_task(rig.transfer().run())
    await until(lambda: any(meter.blocks_done >= 20 for meter in rig.meters))
    rig.server.faults.expired = {rig.desk.key}
    rig.server.faults.hold = set()
    await until(lambda: rig.desk.refused == ["L-0001"])
    assert not task.done()
    await rig.desk.issue()
    await asyncio.wait_for(task, 20)
    assert rig.image.read_bytes() == rig.expected()
    assert set(rig.server.served().values()) == {1}
    assert_runs_match_the_server(rig, ["L-0001", "L-0002"])
    in_vain = sum(one.key == "AKIATEST00000001" and not one.served for one in rig.server.seen)
    assert 0 < in_vain <= 2 * QUICK.concurrency, "only what was under way met the refusal"
    refused = rig.log.closes["L-0001"]
    assert refused["phase"] == "failed" and isinstance(refused["error"], faults.CredentialExpired)
    assert rig.log.closes["L-0002"]["phase"] == "result"


async def test_without_another_lease_it_ends_and_goes_on_later(make_rig: MakeRig) -> None:
    rig = make_rig()
    rig.server.faults.hold = set(range(48, 96))
    rig.desk.answer = faults.CredentialNeeded("the SSO session is over", next="sign in")
    task = asyncio.create_task(rig.transfer().run())
    await until(lambda: any(meter.blocks_done >= 20 for meter in rig.meters))
    rig.server.faults.expired = {rig.desk.key}
    rig.server.faults.hold = set()
    with pytest.raises(faults.CredentialNeeded, match="SSO"):
        await asyncio.wait_for(task, 10)
    kept = rig.log.closes["L-0001"]
    assert kept["phase"] == "failed" and kept["blocks"] >= 20
    rig.desk.answer = None
    await rig.desk.issue()
    result = await asyncio.wait_for(rig.transfer().run(), 20)
    assert result.blocks_fetched == 92 - kept["blocks"]
    assert rig.image.read_bytes() == rig.expected()


async def test_leases_that_are_all_refused_end_in_a_fault(make_rig: MakeRig) -> None:
    rig = make_rig()
    rig.server.faults.expired = {f"AKIATEST{number:08d}" for number in range(1, 20)}
    rig.source.pages = lambda: [[(index, rig.server.token(index)) for index in sorted(rig.server.blocks)]]
    with pytest.raises(faults.CredentialExpired):
        await asyncio.wait_for(rig.transfer().run(), 20)
    assert len(rig.log.closes) == len(rig.log.opens) == 5
    assert all(closed["blocks"] == 0 for closed in rig.log.closes.values())


async def test_a_listing_that_is_refused_starts_again(make_rig: MakeRig) -> None:
    rig = make_rig()
    rig.server.faults.expired = {rig.desk.key}
    await asyncio.wait_for(rig.transfer().run(), 20)
    assert rig.source.listings == 2 and rig.desk.refused == ["L-0001"]
    assert [lease for lease, _blocks, _requests in rig.log.opens] == ["L-0002"]
