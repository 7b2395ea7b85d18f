"""Answers that no cloud gives on demand: late, partial, wrong, or hostile."""

from __future__ import annotations

from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from app.faults import Broken, Denied, Fault, Gone, Throttled, Unavailable, Untrusted, Usage
from app.model import Step
from tests.aws.conftest import ACCOUNT, LEASE_TOKEN, Desk, context, lease
from tests.aws.scripted import Answer, Scripted, drop, ec2, ec2_error, snapshot_fields, snapshots, tags

FORENSICS = "111111111111"
A, B = "vol-0123456789abcdef0", "vol-0123456789abcdef1"
SNAP_A, SNAP_B, COPY = "snap-0123456789abcdefa", "snap-0123456789abcdefb", "snap-0123456789abcdefc"
INSTANCE = "i-0123456789abcdef0"
KEY = "arn:aws:kms:eu-west-1:111111111111:key/11111111-2222-3333-4444-555555555555"
OTHER_KEY = "arn:aws:kms:eu-west-1:111111111111:key/99999999-2222-3333-4444-555555555555"
MADE = {"1": {"snapshot_id": SNAP_A}}
BOTH = {"1": {"snapshots": {A: {"snapshot_id": SNAP_A}, B: {"snapshot_id": SNAP_B}}}}


def _step(number: str, call: str, *, account: str = ACCOUNT, kind: Any = "act", **params: Any) -> Step:
    return Step(
        id=number,
        title="t",
        kind=kind,
        effect="observe",
        call=call,
        account=account,
        region="eu-west-1",
        resource="r",
        undo="none",
        undoes=params.pop("undoes", ""),
        params=params,
    )


FACTS: dict[str, Any] = {"volume_id": A, "size_bytes": 8 << 30, "block_size": 524288}
ALL = _step("1", "ec2:CreateSnapshots", instance_id=INSTANCE, volume_ids=[A, B], boot=True)
COPYING = _step(
    "4",
    "ec2:CopySnapshot",
    account=FORENSICS,
    snapshot_step="1",
    key=KEY,
    source_region="eu-central-1",
    owner=ACCOUNT,
    **FACTS,
)
WAIT = _step("2", "ec2:DescribeSnapshots", kind="wait", snapshot_step="1", **FACTS)
WAIT_ALL = _step("2", "ec2:DescribeSnapshots", kind="wait", snapshot_step="1")


def ours(step: str, head: str = "") -> str:
    marks = {"ir-case": "c-1", "jumpbag:acquisition": "A-0001", "jumpbag:step": step}
    return tags(marks | {"jumpbag:head": head or "ab" * 32})


def entry(snapshot: str, volume: str, step: str, head: str, *, state: str = "pending") -> str:
    return snapshot_fields(snapshot, volume, state=state, with_tags=ours(step, head))


def created(*fields: str) -> Any:
    return ec2("CreateSnapshots", f"<snapshotSet>{''.join(f'<item>{f}</item>' for f in fields)}</snapshotSet>")


async def test_one_call_makes_all(desk: Desk, script: Scripted) -> None:
    script.answers = [created(snapshot_fields(SNAP_A, A), snapshot_fields(SNAP_B, B))]
    made = await desk.provider.actuator.perform(ALL, context(head="ab" * 32), lease())
    form = script.seen[0].form
    assert form["InstanceSpecification.InstanceId"] == INSTANCE
    assert not [name for name in form if "Exclude" in name]
    assert made.resource == f"{SNAP_A}, {SNAP_B}"
    assert list(made.output["snapshots"]) == [A, B]


async def test_a_part_of_a_set_may_be_lag_and_else_is_said(desk: Desk, script: Scripted) -> None:
    part = snapshots(entry(SNAP_A, A, "1", "one"))
    whole = snapshots(entry(SNAP_A, A, "1", "one"), entry(SNAP_B, B, "1", "one"))
    script.answers = [part, part, whole]
    found = await desk.provider.actuator.find(ALL, context(), lease())
    assert found is not None
    assert desk.clock.slept == [1.0, 2.0]
    script.always = part
    with pytest.raises(Broken, match=f"only 1 of 2.*{B}"):
        await desk.provider.actuator.find(ALL, context(), lease())


async def test_halves_of_two_sets_are_no_set(desk: Desk, script: Scripted) -> None:
    script.always = snapshots(entry(SNAP_A, A, "1", "one"), entry(SNAP_B, B, "1", "two"))
    with pytest.raises(Broken, match="only 1 of 2"):
        await desk.provider.actuator.find(ALL, context(), lease())


async def test_a_set_that_failed_counts_as_none(desk: Desk, script: Scripted) -> None:
    script.always = snapshots(entry(SNAP_A, A, "1", "one"), entry(SNAP_B, B, "1", "one", state="error"))
    assert await desk.provider.actuator.find(ALL, context(), lease()) is None
    assert script.actions() == ["DescribeSnapshots"]


async def test_a_lost_answer_of_a_set_is_followed_by_a_look(desk: Desk, script: Scripted) -> None:
    whole = snapshots(entry(SNAP_A, A, "1", "one"), entry(SNAP_B, B, "1", "one"))
    script.answers = [drop, snapshots(), snapshots(entry(SNAP_A, A, "1", "one")), whole]
    made = await desk.provider.actuator.perform(ALL, context(head="one"), lease())
    assert made.resource == f"{SNAP_A}, {SNAP_B}"
    assert script.actions() == ["CreateSnapshots", *["DescribeSnapshots"] * 3]


@pytest.mark.parametrize(
    ("fields", "kind"),
    [
        ([snapshot_fields(SNAP_A, A)], Broken),
        ([snapshot_fields(SNAP_A, A), snapshot_fields(SNAP_B, "vol-0123456789abcdef9")], Untrusted),
    ],
)
async def test_less_or_more_than_asked_is_not_taken(
    desk: Desk, script: Scripted, fields: list[str], kind: type[Fault]
) -> None:
    script.answers = [created(*fields)]
    with pytest.raises(kind):
        await desk.provider.actuator.perform(ALL, context(head="one"), lease())


async def test_the_least_of_all_is_the_progress(desk: Desk, script: Scripted) -> None:
    half = snapshot_fields(SNAP_A, A)
    script.answers = [
        snapshots(half, snapshot_fields(SNAP_B, B, state="completed")),
        snapshots(half.replace("40%", "70%")),
        snapshots(snapshot_fields(SNAP_A, A, state="completed"), snapshot_fields(SNAP_B, B, state="completed")),
    ]
    looks = [await desk.provider.actuator.probe(WAIT_ALL, context(BOTH), lease()) for _ in range(3)]
    assert looks[:2] == [(40, None), (0, None)]
    assert looks[2][1] is not None
    assert script.seen[0].form["Filter.1.Value.2"] == SNAP_B


async def test_one_that_was_seen_and_is_gone_is_said_sooner(desk: Desk, script: Scripted) -> None:
    script.answers = [snapshots(snapshot_fields(SNAP_A, A))]
    script.always = snapshots()
    looks = 0
    with pytest.raises(Gone, match="somebody deleted it"):
        for _ in range(20):
            await desk.provider.actuator.probe(WAIT, context(MADE), lease())
            looks += 1
    assert looks == 3


@pytest.mark.parametrize(
    ("said", "words"),
    [("Given key ID is not accessible", "key policy"), ("Internal \x1b[2J error", "AWS Support")],
)
async def test_what_failed_says_what_fits(desk: Desk, script: Scripted, said: str, words: str) -> None:
    message = f"<statusMessage>{said}</statusMessage>".replace("\x1b", "&#x9b;")
    script.always = snapshots(snapshot_fields(SNAP_A, A, state="error") + message)
    with pytest.raises(Broken) as caught:
        await desk.provider.actuator.probe(WAIT, context(MADE), lease())
    assert words in caught.value.next and "resume it: the step is done anew" in caught.value.next
    assert "\x9b" not in caught.value.message


def _shared(owner: str = ACCOUNT) -> Any:
    return snapshots(snapshot_fields(SNAP_A, A, state="completed").replace("222222222222", owner))


async def test_a_copy_is_asked_for_in_the_destination_with_a_presigned_request_of_the_source(
    desk: Desk, script: Scripted
) -> None:
    script.answers = [snapshots(), _shared(), ec2("CopySnapshot", f"<snapshotId>{COPY}</snapshotId>")]
    made = await desk.provider.actuator.perform(COPYING, context(MADE, head="cd" * 32), lease(FORENSICS))
    assert script.actions() == ["DescribeSnapshots", "DescribeSnapshots", "CopySnapshot"]
    assert desk.clock.slept == [1.0]
    form = script.seen[-1].form
    assert (form["SourceSnapshotId"], form["SourceRegion"]) == (SNAP_A, "eu-central-1")
    assert (form["Encrypted"], form["KmsKeyId"]) == ("true", KEY)
    assert "jumpbag:transport" not in form.values()
    # Signed with the lease of this call, for the source's region, in our own signer's way.
    query = parse_qs(urlsplit(form["PresignedUrl"]).query)
    assert query["DestinationRegion"] == ["eu-west-1"]
    assert query["X-Amz-Credential"][0].startswith("ASIALEASE00000000001/")
    assert query["X-Amz-Credential"][0].endswith("/eu-central-1/ec2/aws4_request")
    assert query["X-Amz-Security-Token"] == [LEASE_TOKEN]
    assert made.output == {
        "snapshot_id": COPY,
        "volume_id": A,
        "size_bytes": 8 << 30,
        "encrypted": True,
        "kms_key_id": KEY,
    }


async def test_a_presigned_request_that_is_quoted_back_stays_out_of_the_message(
    desk: Desk, script: Scripted
) -> None:
    quoted = f"bad url X-Amz-Security-Token={LEASE_TOKEN[:60]}%2F{LEASE_TOKEN[:60]}&X-Amz-Signature=0a1b2c3d"
    script.answers = [_shared(), ec2_error("InvalidParameterValue", quoted)]
    with pytest.raises(Fault) as caught:
        await desk.provider.actuator.perform(COPYING, context(MADE), lease(FORENSICS))
    assert "bad url" in caught.value.message
    assert LEASE_TOKEN[:20] not in caught.value.message
    assert "0a1b2c3d" not in caught.value.message


async def test_a_shared_snapshot_of_somebody_else_is_not_copied(desk: Desk, script: Scripted) -> None:
    script.answers = [_shared("999999999999")]
    with pytest.raises(Untrusted, match="999999999999"):
        await desk.provider.actuator.perform(COPYING, context(MADE), lease(FORENSICS))
    assert script.actions() == ["DescribeSnapshots"]


async def test_a_copy_under_another_key_is_not_taken_for_ours(desk: Desk, script: Scripted) -> None:
    fields = snapshot_fields(COPY, "vol-ffffffff", with_tags=ours("4")).replace(
        "<encrypted>false</encrypted>", f"<encrypted>true</encrypted><kmsKeyId>{OTHER_KEY}</kmsKeyId>"
    )
    script.always = snapshots(fields)
    with pytest.raises(Untrusted, match=COPY):
        await desk.provider.actuator.find(COPYING, context(MADE), lease(FORENSICS))


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        ("ResourceLimitExceeded", Throttled),
        ("InvalidKmsKey.NotFound", Denied),
        ("KMSKeyDisabledException", Denied),
        ("UnauthorizedOperation", Denied),
        ("InvalidSnapshot.NotFound", Gone),
    ],
)
async def test_refusals_of_a_copy_are_told_apart(
    desk: Desk, script: Scripted, code: str, kind: type[Fault]
) -> None:
    script.answers = [_shared(), ec2_error(code)]
    with pytest.raises(kind) as caught:
        await desk.provider.actuator.perform(COPYING, context(MADE), lease(FORENSICS))
    assert ("KMS key" in caught.value.message) is ("kms" in code.lower())
    assert script.actions() == ["DescribeSnapshots", "CopySnapshot"]


async def test_a_key_that_ec2_tells_of_in_words_alone_is_understood(desk: Desk, script: Scripted) -> None:
    said = "The source snapshot KMS key does not exist, is not enabled or you do not have permissions to access it"
    script.answers = [_shared(), ec2_error("InvalidRequest", said)]
    with pytest.raises(Denied, match="source snapshot KMS key") as caught:
        await desk.provider.actuator.perform(COPYING, context(MADE), lease(FORENSICS))
    assert "enabled" in caught.value.next


@pytest.mark.parametrize("key", ["alias/jumpbag-evidence", "", None])
async def test_a_copy_names_its_key_by_arn(desk: Desk, script: Scripted, key: object) -> None:
    step = _step("4", "ec2:CopySnapshot", snapshot_step="1", key=key, source_region="eu-west-1", **FACTS)
    with pytest.raises(Usage):
        await desk.provider.actuator.perform(step, context(MADE), lease())
    assert script.seen == []


async def test_a_cloud_that_ignores_a_rehearsal_is_not_trusted(desk: Desk, script: Scripted) -> None:
    real = _step("1", "ec2:CreateSnapshot", **FACTS)
    script.answers = [ec2("CreateSnapshot", snapshot_fields(SNAP_A, A))]
    with pytest.raises(Untrusted, match="rehearsal"):
        await desk.provider.actuator.rehearse(WAIT, real, context(), lease())
    assert script.seen[0].form["DryRun"] == "true"
    script.seen.clear()
    script.answers = [
        ec2_error("RequestLimitExceeded", status=503),
        ec2_error("DryRunOperation", "Request would have succeeded, but DryRun flag is set.", status=412),
    ]
    assert await desk.provider.actuator.rehearse(WAIT, real, context(), lease()) == "req-err"
    assert desk.used == [("L-0001", "ec2:CreateSnapshot")] * 3
    with pytest.raises(Usage):
        await desk.provider.actuator.rehearse(WAIT, COPYING, context(MADE), lease())


def _permissions(*users: str) -> Answer:
    items = "".join(f"<item><userId>{user}</userId></item>" for user in users)
    return ec2(
        "DescribeSnapshotAttribute",
        f"<snapshotId>{SNAP_A}</snapshotId><createVolumePermission>{items}</createVolumePermission>",
    )


def _sharing(*, undoes: str = "") -> Step:
    return _step(
        "3", "ec2:ModifySnapshotAttribute", snapshot_step="1", undoes=undoes, **FACTS, **{"with": FORENSICS}
    )


async def test_what_is_taken_back_is_looked_at_until_it_is_so(desk: Desk, script: Scripted) -> None:
    done = ec2("ModifySnapshotAttribute", "<return>true</return>")
    script.answers = [done, _permissions(FORENSICS), _permissions()]
    await desk.provider.actuator.perform(_sharing(undoes="2"), context(MADE), lease())
    assert script.seen[0].form["OperationType"] == "remove"
    script.answers = [done]
    script.always = _permissions("333333333333", FORENSICS)
    with pytest.raises(Unavailable, match="still lists"):
        await desk.provider.actuator.perform(_sharing(undoes="2"), context(MADE), lease())
    script.seen.clear()
    script.answers = [done]
    await desk.provider.actuator.perform(_sharing(), context(MADE), lease())
    assert [seen.form["OperationType"] for seen in script.seen] == ["add"]


async def test_one_look_that_misses_is_not_gone_to_a_deletion(desk: Desk, script: Scripted) -> None:
    delete = _step("9", "ec2:DeleteSnapshot", snapshot_step="1", undoes="1", **FACTS)
    missing = ec2_error("InvalidSnapshot.NotFound")
    script.answers = [missing, missing, snapshots(snapshot_fields(SNAP_A, A))]
    assert await desk.provider.actuator.find(delete, context(MADE), lease()) is None
    # Without its tags before our eyes nothing is sent.
    script.answers = [missing, missing, snapshots(snapshot_fields(SNAP_A, A))]
    with pytest.raises(Unavailable):
        await desk.provider.actuator.perform(delete, context(MADE), lease())
    assert "DeleteSnapshot" not in script.actions()
    script.always = missing
    assert await desk.provider.actuator.find(delete, context(MADE), lease()) is not None


async def test_a_copy_just_made_may_be_unknown_to_the_locks(desk: Desk, script: Scripted) -> None:
    lock = _step("5", "ec2:LockSnapshot", snapshot_step="1", days=7, **FACTS)
    held = ec2(
        "DescribeLockedSnapshots",
        f"<snapshotSet><item><snapshotId>{SNAP_A}</snapshotId><lockState>governance</lockState>"
        "<lockDuration>7</lockDuration><lockExpiresOn>2026-11-30T09:00:00.000Z</lockExpiresOn></item></snapshotSet>",
    )
    script.answers = [ec2_error("InvalidSnapshot.NotFound"), held]
    found = await desk.provider.actuator.find(lock, context(MADE), lease())
    assert found is not None
    assert found.output == {"snapshot_id": SNAP_A, "mode": "governance", "until": "2026-11-30T09:00:00Z"}


@pytest.mark.parametrize("days", [0, -1, 36501, True, "7", None])
async def test_a_lock_has_a_length(desk: Desk, script: Scripted, days: object) -> None:
    with pytest.raises(Usage):
        await desk.provider.actuator.perform(
            _step("5", "ec2:LockSnapshot", snapshot_step="1", days=days, **FACTS), context(MADE), lease()
        )
    assert script.seen == []


def test_a_download_reads_the_snapshot_of_its_own_volume(desk: Desk) -> None:
    reads = _step("7", "ebs:GetSnapshotBlock", kind="download", snapshot_step="1", **{**FACTS, "volume_id": B})
    assert desk.provider.blocks.snapshot(reads, context(BOTH)) == SNAP_B
    for outputs in ({}, {"1": {"snapshots": {A: {"snapshot_id": SNAP_A}}}}, {"1": {"snapshots": {B: None}}}):
        with pytest.raises(Usage):
            desk.provider.blocks.snapshot(reads, context(outputs))
