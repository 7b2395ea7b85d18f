"""One snapshot per step ever; waiting for it; listing its blocks. Against scripted answers."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from aiohttp import web

from app.faults import Broken, Denied, Fault, Gone, Throttled, Unavailable, Untrusted, Usage
from app.model import Step
from tests.aws.conftest import ACCOUNT, Desk, context, lease
from tests.aws.scripted import (
    Answer,
    Scripted,
    Seen,
    block_page,
    drop,
    ebs_error,
    ec2,
    ec2_error,
    snapshot_fields,
    snapshots,
    tags,
)

VOLUME, SNAPSHOT = "vol-0123456789abcdef0", "snap-0123456789abcdef0"
FACTS: dict[str, Any] = {"volume_id": VOLUME, "size_bytes": 8 << 30, "block_size": 524288}
MARKS = {"ir-case": "c-1", "jumpbag:acquisition": "A-0001", "jumpbag:step": "1"}
OURS = tags({**MARKS, "jumpbag:head": "ab" * 32})
MADE = {"1": {"snapshot_id": SNAPSHOT}}


def _step(number: str, kind: Any, call: str, **more: Any) -> Step:
    return Step(
        id=number,
        title="t",
        kind=kind,
        effect="observe",
        call=call,
        account=ACCOUNT,
        region="eu-west-1",
        resource=VOLUME,
        undo="none",
        params=FACTS | more,
    )


CREATE = _step("1", "act", "ec2:CreateSnapshot")
WAIT = _step("2", "wait", "ec2:DescribeSnapshots", snapshot_step="1")
READ = _step("3", "download", "ebs:GetSnapshotBlock", snapshot_step="1")


def created(volume: str = VOLUME) -> web.Response:
    return ec2("CreateSnapshot", snapshot_fields(SNAPSHOT, volume))


async def test_create_carries_its_tags_and_answers_plain_json(desk: Desk, script: Scripted) -> None:
    script.answers = [created()]
    made = await desk.provider.actuator.perform(CREATE, context(head="ab" * 32), lease())
    form = script.seen[0].form
    sent = {
        form[f"TagSpecification.1.Tag.{n}.Key"]: form[f"TagSpecification.1.Tag.{n}.Value"] for n in range(1, 6)
    }
    assert form["VolumeId"] == VOLUME
    assert form["TagSpecification.1.ResourceType"] == "snapshot"
    assert sent == {
        "Name": f"jumpbag A-0001 {VOLUME}",
        "ir-case": "c-1",
        "jumpbag:acquisition": "A-0001",
        "jumpbag:step": "1",
        "jumpbag:head": "ab" * 32,
    }
    assert (made.resource, made.request_id) == (SNAPSHOT, "req-CreateSnapshot")
    assert made.output == {
        "snapshot_id": SNAPSHOT,
        "volume_id": VOLUME,
        "size_bytes": 8 << 30,
        "encrypted": False,
        "started": "2026-11-23T09:00:00Z",
    }
    assert desk.paced == [(ACCOUNT, "ec2:write")]


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        (ec2_error("RequestLimitExceeded", status=503), Throttled),
        (ec2_error("UnauthorizedOperation", status=403), Denied),
        (ec2_error("InvalidVolume.NotFound"), Gone),
    ],
)
async def test_a_plain_refusal_is_not_tried_again(
    desk: Desk, script: Scripted, answer: Answer, kind: type[Fault]
) -> None:
    script.always = answer
    with pytest.raises(kind):
        await desk.provider.actuator.perform(CREATE, context(), lease())
    assert script.actions() == ["CreateSnapshot"]


@pytest.mark.parametrize(
    "lost", [drop, ec2_error("InternalError", status=500), web.Response(status=502, text="<html>")]
)
async def test_a_lost_answer_is_followed_by_a_look_and_the_snapshot_adopted(
    desk: Desk, script: Scripted, lost: Answer
) -> None:
    late = snapshots(snapshot_fields(SNAPSHOT, VOLUME, with_tags=OURS))
    script.answers = [lost, snapshots(), snapshots(), late]
    made = await desk.provider.actuator.perform(CREATE, context(), lease())
    assert made.resource == SNAPSHOT
    assert script.actions() == ["CreateSnapshot", *["DescribeSnapshots"] * 3]
    assert sum(desk.clock.slept) == 3.0


async def test_after_doubt_the_next_try_looks_patiently_before_it_makes_one(desk: Desk, script: Scripted) -> None:
    script.answers = [drop]
    script.always = snapshots()
    with pytest.raises(Unavailable) as caught:
        await desk.provider.actuator.perform(CREATE, context(), lease())
    assert "not known" in caught.value.next
    script.seen.clear()
    script.answers = [snapshots(), snapshots(snapshot_fields(SNAPSHOT, VOLUME, with_tags=OURS))]
    found = await desk.provider.actuator.find(CREATE, context(), lease())
    assert found is not None
    assert found.resource == SNAPSHOT
    assert script.actions() == ["DescribeSnapshots"] * 2


async def test_a_call_cut_short_leaves_doubt(desk: Desk, script: Scripted) -> None:
    arrived, over = asyncio.Event(), asyncio.Event()

    async def never(_request: web.Request, _seen: Seen) -> web.StreamResponse:
        arrived.set()
        await over.wait()
        return created()

    script.answers = [never, snapshots(), snapshots(snapshot_fields(SNAPSHOT, VOLUME, with_tags=OURS))]
    acting = asyncio.create_task(desk.provider.actuator.perform(CREATE, context(), lease()))
    async with asyncio.timeout(20):
        await arrived.wait()
    acting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await acting
    over.set()
    found = await desk.provider.actuator.find(CREATE, context(), lease())
    assert found is not None
    assert script.actions() == ["CreateSnapshot", *["DescribeSnapshots"] * 2]


async def test_find_looks_once_where_nothing_is_in_doubt(desk: Desk, script: Scripted) -> None:
    script.always = snapshots()
    assert await desk.provider.actuator.find(CREATE, context(), lease()) is None
    assert script.actions() == ["DescribeSnapshots"]
    form = script.seen[0].form
    filters = {form[f"Filter.{n}.Name"]: form[f"Filter.{n}.Value.1"] for n in range(1, 4)}
    assert filters == {"tag:ir-case": "c-1", "tag:jumpbag:acquisition": "A-0001", "tag:jumpbag:step": "1"}
    assert form["Owner.1"] == "self"


async def test_a_snapshot_of_another_volume_is_not_believed(desk: Desk, script: Scripted) -> None:
    script.answers = [created("vol-0123456789abcdef9")]
    with pytest.raises(Untrusted):
        await desk.provider.actuator.perform(CREATE, context(), lease())


@pytest.mark.parametrize("call", ["ec2:DeleteVolume", "ec2:ModifyVolume", ""])
async def test_unknown_acts_are_refused(desk: Desk, script: Scripted, call: str) -> None:
    with pytest.raises(Usage):
        await desk.provider.actuator.perform(_step("1", "act", call), context(), lease())
    assert script.seen == []


async def test_waiting_reports_percent_then_the_snapshot(desk: Desk, script: Scripted) -> None:
    script.answers = [
        snapshots(snapshot_fields(SNAPSHOT, VOLUME)),
        snapshots(snapshot_fields(SNAPSHOT, VOLUME).replace("40%", "100%")),
        snapshots(snapshot_fields(SNAPSHOT, VOLUME, state="completed")),
    ]
    looks = [await desk.provider.actuator.probe(WAIT, context(MADE), lease()) for _ in range(3)]
    assert looks[:2] == [(40, None), (99, None)]
    percent, made = looks[2]
    assert percent == 100
    assert made is not None
    assert made.output["snapshot_id"] == SNAPSHOT


async def test_a_failed_snapshot_is_broken_and_says_why(desk: Desk, script: Scripted) -> None:
    said = "<statusMessage>key\x9b gone</statusMessage>"
    script.always = snapshots(snapshot_fields(SNAPSHOT, VOLUME, state="error") + said)
    with pytest.raises(Broken) as caught:
        await desk.provider.actuator.probe(WAIT, context(MADE), lease())
    assert "key\\x9b gone" in caught.value.message


async def test_a_fresh_snapshot_may_be_unknown_for_a_while_but_not_for_ever(desk: Desk, script: Scripted) -> None:
    script.answers = [ec2_error("InvalidSnapshot.NotFound"), snapshots()]
    script.always = snapshots(snapshot_fields(SNAPSHOT, VOLUME))
    looks = [await desk.provider.actuator.probe(WAIT, context(MADE), lease()) for _ in range(3)]
    assert looks == [(0, None), (0, None), (40, None)]
    script.always = ec2_error("InvalidSnapshot.NotFound")
    with pytest.raises(Gone):
        for _ in range(20):
            await desk.provider.actuator.probe(WAIT, context(MADE), lease())
    assert len(script.seen) < 20


async def _index(desk: Desk) -> list[int]:
    pages = desk.provider.blocks.index(READ, context(MADE), lease)
    return [index async for page in pages for index, _ in page.blocks]


async def test_the_index_comes_page_by_page(desk: Desk, script: Scripted) -> None:
    script.answers = [
        block_page([0, 1, 7], following="two"),
        block_page([], following="three"),
        block_page([9, 16383]),
    ]
    assert await _index(desk) == [0, 1, 7, 9, 16383]
    assert [seen.query.get("pageToken") for seen in script.seen] == [None, "two", "three"]
    assert script.seen[0].query["maxResults"] == "10000"


@pytest.mark.parametrize(
    "pages",
    [
        [block_page([3, 2])],
        [block_page([3, 3])],
        [block_page([16384])],
        [block_page([-1])],
        [block_page([4], following="x"), block_page([4])],
        [block_page([0], gib=9)],
        [block_page([0], block_size=4096)],
        [block_page([0], following="x"), block_page([1], following="x")],
    ],
)
async def test_an_index_that_cannot_be_right_is_not_believed(
    desk: Desk, script: Scripted, pages: list[Answer]
) -> None:
    script.answers = list(pages)
    with pytest.raises(Untrusted):
        await _index(desk)


async def test_completed_may_lag_behind(desk: Desk, script: Scripted) -> None:
    missing = ebs_error("ResourceNotFoundException", "SNAPSHOT_NOT_FOUND", status=404)
    script.answers = [missing, missing, block_page([5])]
    assert await _index(desk) == [5]
    assert desk.clock.slept == [1.0, 2.0]
    script.always = missing
    with pytest.raises(Gone):
        await _index(desk)
    assert len(script.seen) == 3 + 7


async def test_an_aged_page_token_lists_anew_after_the_last_block(desk: Desk, script: Scripted) -> None:
    script.answers = [
        block_page([0, 5], following="old"),
        ebs_error("ValidationException", "INVALID_PAGE_TOKEN"),
        block_page([6, 8]),
    ]
    assert await _index(desk) == [0, 5, 6, 8]
    assert script.seen[2].query["startingBlockIndex"] == "6"
    assert "pageToken" not in script.seen[2].query


async def test_each_page_is_signed_with_the_lease_in_force(desk: Desk, script: Scripted) -> None:
    script.answers = [block_page([0], following="two"), block_page([1])]
    leases = iter([lease(key="ASIAFIRST0000000001"), lease(key="ASIASECOND000000001")])
    async for _ in desk.provider.blocks.index(READ, context(MADE), lambda: next(leases)):
        pass
    assert [seen.key for seen in script.seen] == ["ASIAFIRST0000000001", "ASIASECOND000000001"]


@pytest.mark.parametrize("wrong", ["snap-../../etc", "", None, "snap-0123456789abcdef0/blocks"])
def test_cloud_strings_never_form_paths(desk: Desk, wrong: object) -> None:
    with pytest.raises(Usage):
        desk.provider.blocks.fetch_spec(READ, context({"1": {"snapshot_id": wrong}}))


@pytest.mark.parametrize(
    ("kind", "reason", "status"),
    [
        ("AccessDeniedException", "DEPENDENCY_ACCESS_DENIED", 403),
        ("ResourceNotFoundException", "DEPENDENCY_RESOURCE_NOT_FOUND", 404),
        ("ResourceNotFoundException", "GRANT_NOT_FOUND", 404),
        ("ValidationException", "INVALID_CUSTOMER_KEY", 400),
        ("ValidationException", "INVALID_DEPENDENCY_REQUEST", 400),
    ],
)
async def test_trouble_with_the_key_is_denied_and_names_the_key(
    desk: Desk, script: Scripted, kind: str, reason: str, status: int
) -> None:
    script.always = ebs_error(kind, reason, status=status)
    with pytest.raises(Denied, match="KMS key") as caught:
        await _index(desk)
    assert (caught.value.provider_code, caught.value.request_id) == (reason, "req-err")
    assert "enabled" in caught.value.next
    assert desk.clock.slept == []  # neither lag nor throttling
    assert desk.provider.blocks.fetch_spec(READ, context(MADE)).faults[reason] == "denied"
