"""What a look takes for our own: anybody in the account may set our tags, nobody the hash of an intent in doubt
and the time. And what a deletion takes for its own."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from app.faults import Refused, Untrusted
from app.model import Step
from tests.aws.conftest import ACCOUNT, BEGUN, Desk, context, lease
from tests.aws.scripted import Scripted, snapshot_fields, snapshots, tags

FORENSICS = "111111111111"
A, B = "vol-0123456789abcdef0", "vol-0123456789abcdef1"
NO_VOLUME = "vol-ffffffff"
MINE, MINE_B = "snap-0123456789abcdefa", "snap-0123456789abcdefb"
OTHER, OTHER_B = "snap-0123456789abcdef1", "snap-0123456789abcdef2"
HEAD = "ab" * 32
KEY = "arn:aws:kms:eu-west-1:111111111111:key/11111111-2222-3333-4444-555555555555"
MADE = {"1": {"snapshot_id": "snap-0123456789abcdef0"}, "4": {"snapshot_id": MINE}}


def _step(number: str, call: str, account: str = ACCOUNT, **more: Any) -> Step:
    return Step(
        id=number,
        title="t",
        kind="act",
        effect="observe",
        call=call,
        account=account,
        region="eu-west-1",
        resource="r",
        undo="none",
        undoes=more.pop("undoes", ""),
        params=more,
    )


FACTS: dict[str, Any] = {"volume_id": A, "size_bytes": 8 << 30, "block_size": 524288}
CREATE = _step("1", "ec2:CreateSnapshot", **FACTS)
ALL = _step("1", "ec2:CreateSnapshots", instance_id="i-0123456789abcdef0", volume_ids=[A, B], boot=True)
COPY = _step("4", "ec2:CopySnapshot", FORENSICS, snapshot_step="1", key=KEY, source_region="eu-west-1", **FACTS)
DELETE = _step("9", "ec2:DeleteSnapshot", snapshot_step="4", undoes="4", **FACTS)


def entry(
    snapshot: str,
    volume: str = A,
    *,
    step: str = "1",
    state: str = "pending",
    late: timedelta = timedelta(),
    **marks: str,
) -> str:
    """A snapshot with all marks of ours; ``marks`` are those that differ ("" is left out)."""
    ours = {"ir-case": "c-1", "jumpbag:acquisition": "A-0001", "jumpbag:step": step, "jumpbag:head": HEAD}
    ours |= {f"jumpbag:{name}" if name != "case" else "ir-case": value for name, value in marks.items()}
    fields = snapshot_fields(
        snapshot, volume, state=state, with_tags=tags({name: value for name, value in ours.items() if value})
    )
    fields = fields.replace("2026-11-23T09:00:00.000Z", (BEGUN + late).strftime("%Y-%m-%dT%H:%M:%S.000Z"))
    if volume == NO_VOLUME:
        return fields.replace(
            "<encrypted>false</encrypted>", f"<encrypted>true</encrypted><kmsKeyId>{KEY}</kmsKeyId>"
        )
    return fields


async def found(desk: Desk, script: Scripted, step: Step, *fields: str, **more: Any) -> str | None:
    script.always = snapshots(*fields)
    made = await desk.provider.actuator.find(step, context(MADE, **more), lease(step.account))
    return None if made is None else made.resource


PLANTED = {
    "no head": entry(OTHER, head=""),
    "a head that is no intent's": entry(OTHER, head="cd" * 32),
    "an old snapshot, tagged now": entry(OTHER, late=-timedelta(days=3)),
    "another case": entry(OTHER, case="c-2"),
    "another acquisition": entry(OTHER, acquisition="A-0002"),
    "another step": entry(OTHER, step="2"),
    "another volume": entry(OTHER, B),
    "failed": entry(OTHER, state="error"),
}


@pytest.mark.parametrize("planted", PLANTED.values(), ids=PLANTED)
async def test_what_lacks_one_mark_is_passed_over(desk: Desk, script: Scripted, planted: str) -> None:
    assert await found(desk, script, CREATE, planted) is None
    assert await found(desk, script, CREATE, planted, entry(MINE), planted) == MINE


@pytest.mark.parametrize(
    ("late", "ours"),
    [
        (-timedelta(minutes=5), True),
        (-timedelta(minutes=5, seconds=1), False),
        (timedelta(minutes=10), True),
        (timedelta(minutes=10, seconds=1), False),
    ],
)
async def test_it_was_begun_about_when_its_own_intent_was_written(
    desk: Desk, script: Scripted, late: timedelta, ours: bool
) -> None:
    heads = {HEAD: BEGUN, "later": BEGUN + timedelta(hours=1)}
    assert (await found(desk, script, CREATE, entry(MINE, late=late), heads=heads) == MINE) is ours
    # The time of one intent does not speak for the hash of another.
    late += timedelta(hours=1)
    assert await found(desk, script, CREATE, entry(MINE, late=late), heads=heads) is None
    assert (await found(desk, script, CREATE, entry(MINE, late=late, head="later"), heads=heads) == MINE) is ours


async def test_without_an_intent_in_doubt_nothing_is_ours(desk: Desk, script: Scripted) -> None:
    for head in (HEAD, ""):
        assert await found(desk, script, CREATE, entry(MINE, head=head), heads={}) is None


def whole(one: str, two: str, **more: Any) -> list[str]:
    return [entry(one, A, **more), entry(two, B, **more)]


@pytest.mark.parametrize(
    ("step", "fields", "named"),
    [
        (CREATE, [entry(OTHER), entry(MINE, head="two")], f"{OTHER}, {MINE}"),
        (COPY, [entry(one, NO_VOLUME, step="4") for one in (MINE, OTHER)], f"{OTHER}, {MINE}"),
        (ALL, [*whole(MINE, MINE_B), *whole(OTHER, OTHER_B, head="two")], f"{OTHER}, {OTHER_B}, {MINE}, {MINE_B}"),
        (ALL, [*whole(MINE, MINE_B), entry(OTHER, A)], f"{OTHER}, {MINE}"),
    ],
    ids=["snapshots", "copies", "sets", "twice in a set"],
)
async def test_several_that_claim_to_be_it_are_named_and_none_is_taken(
    desk: Desk, script: Scripted, step: Step, fields: list[str], named: str
) -> None:
    for order in (fields, fields[::-1]):
        with pytest.raises(Untrusted) as caught:
            await found(desk, script, step, *order)
        assert caught.value.message.startswith(f"{named} all carry the marks of step {step.id}")
        assert "CloudTrail" in caught.value.next


async def test_a_whole_set_is_taken_beside_one_that_failed_or_was_planted(desk: Desk, script: Scripted) -> None:
    failed = [entry(OTHER, A, head="two"), entry(OTHER_B, B, head="two", state="error")]
    planted = whole("snap-0123456789abcde01", "snap-0123456789abcde02", head="three")
    fields = [*failed, *planted, *whole(MINE, MINE_B)]
    assert await found(desk, script, ALL, *fields) == f"{MINE}, {MINE_B}"
    assert await found(desk, script, ALL, *failed, *planted) is None


async def test_a_copy_that_shows_the_volume_is_an_original(desk: Desk, script: Scripted) -> None:
    original = entry(OTHER, A, step="4")
    assert await found(desk, script, COPY, original) is None
    script.always = snapshots(original, entry(MINE, NO_VOLUME, step="4"))
    made = await desk.provider.actuator.find(COPY, context(MADE), lease(FORENSICS))
    assert made is not None
    assert (made.resource, made.output["volume_id"], made.output["kms_key_id"]) == (MINE, A, KEY)


@pytest.mark.parametrize(
    ("volume", "step", "transport"),
    [(NO_VOLUME, "5", "yes"), (A, "4", "yes"), (NO_VOLUME, "4", "")],
    ids=["of another step", "the disk's own", "not for transport"],
)
async def test_only_what_the_undone_step_made_for_transport_is_deleted(
    desk: Desk, script: Scripted, volume: str, step: str, transport: str
) -> None:
    script.always = snapshots(entry(MINE, volume, step=step, transport=transport))
    with pytest.raises(Refused, match=MINE):
        await desk.provider.actuator.perform(DELETE, context(MADE), lease())
    assert script.actions() == ["DescribeSnapshots"]
