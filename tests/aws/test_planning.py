"""Eligibility, readings, and plans of disks: what is asked, what is refused, what is said."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.faults import CredentialNeeded, Gone, Refused, Untagged, Untrusted, Usage
from app.text import visible
from providers.aws import readings
from providers.aws.eligibility import judge
from providers.aws.settings import Settings
from tests.aws.conftest import ACCOUNT, Desk
from tests.aws.planned import FORENSICS, INSTANCE, VOLUME, FakeKey, FakeVolume, Planned, Table, arn, own_keys, root
from tests.aws.scripted import Scripted, ec2_error

SETTINGS = Settings.of({"forensics_account": "111111111111", "role": "jumpbag", "home_region": "eu-west-1"})


@pytest.mark.parametrize(
    ("found", "eligible", "words"),
    [
        ({"Forensics": "Enabled"}, True, ""),
        ({"Forensics": "enabled"}, False, 'is "enabled", not "Enabled"'),
        ({"Forensics": "Enabled "}, False, "not"),
        ({"Forensics": ""}, False, 'is ""'),
        ({"forensics": "Enabled"}, False, "written forensics"),
        ({"Name": "x"}, False, "no tag Forensics"),
        ({}, False, "no tag Forensics"),
        ({"Forensics": "\x1b]52;c;eA\x07"}, False, "\\x1b]52"),
    ],
)
def test_the_tag_decides_exactly_and_the_reason_helps(found: dict[str, str], eligible: bool, words: str) -> None:
    yes, reason = judge(SETTINGS, found, ACCOUNT)
    assert yes is eligible
    assert (reason is None) is eligible
    if reason is not None:
        assert words in reason
        assert ACCOUNT in reason
        assert "ec2:CreateTags" in reason


@given(st.dictionaries(st.text(max_size=20), st.text(max_size=300), max_size=5))
def test_reasons_never_hold_a_character_that_steers_a_terminal(found: dict[str, str]) -> None:
    _, reason = judge(SETTINGS, found, ACCOUNT)
    if reason is not None:
        assert reason == visible(reason, cap=len(reason) + 1)


@pytest.mark.parametrize(
    ("kind", "stored"),
    [
        ("m6i.large", ""),
        ("m5d.24xlarge", "likely"),
        ("i4i.large", "likely"),
        ("c6gd.medium", "likely"),
        ("r5dn.metal", "likely"),
        ("t3.micro", ""),
        ("g5.xlarge", "likely"),
        ("c6i.2xlarge", ""),
        ("im4gn.large", "likely"),
        ("u-6tb1.metal", ""),
        ("x2idn.metal", "likely"),
        ("r6i.large", ""),
    ],
)
def test_instance_store_is_told_from_the_type(kind: str, stored: str) -> None:
    assert readings.instance_store({"InstanceType": kind}) == stored


@pytest.mark.parametrize("gib", [0, -1, 65537, "8", None, True, 1.5])
def test_impossible_sizes_are_not_believed(gib: Any) -> None:
    with pytest.raises(Untrusted):
        readings.size_of({"Size": gib}, "Size")


@pytest.fixture
def plans(desk: Desk, script: Scripted) -> Table:
    aws = Planned(volumes=[FakeVolume()], keys=list(own_keys().values()))
    script.always = aws.answer
    return Table(desk.provider, aws, script)


async def test_auto_is_direct_and_says_why(plans: Table) -> None:
    plans.aws.kind = "m5d.large"
    made = await plans.plan()
    assert (made.route, made.target.name, made.target.attached_to) == ("direct", "web-01:/dev/xvda", INSTANCE)
    assert made.target.size_bytes == made.estimate.bytes == made.image_bytes == 8 << 30
    (item,) = made.items
    assert (item.key, item.kind, item.source, item.name) == (VOLUME, "disk", VOLUME, "web-01:/dev/xvda")
    assert item.shape is not None and item.shape.block_size == 524288
    assert "not encrypted" in made.why and "one snapshot" in made.why
    observe, collect = f"{ACCOUNT}/observe", f"{ACCOUNT}/collect"
    assert [(s.id, s.kind, s.call, s.effect, s.op, s.lease, s.of, s.item) for s in made.steps] == [
        ("1", "rehearse", "ec2:CreateSnapshot", "observe", "", collect, "2", ""),
        ("2", "act", "ec2:CreateSnapshot", "collect", "snapshot.create", collect, "", ""),
        ("3", "wait", "ec2:DescribeSnapshots", "observe", "", observe, "2", ""),
        ("4", "download", "ebs:GetSnapshotBlock", "observe", "evidence.read", observe, "2", VOLUME),
        ("5", "hash", "local:sha256", "observe", "", "", "", VOLUME),
        ("6", "seal", "local:bagit", "observe", "evidence.seal", "", "", VOLUME),
    ]
    assert made.steps[1].undo == "kept: it is the original"
    assert {w.code for w in made.warnings} == {
        "visible",
        "crash-consistent",
        "instance-store",
        "delete-on-termination",
        "upper-bound",
    }
    # What needs no other account asks none, and a disk without encryption asks no KMS.
    assert plans.aws.observed == [ACCOUNT]
    assert {action for _, action in plans.aws.asked} == {
        "DescribeVolumes",
        "DescribeInstances",
        "DescribeInstanceAttribute",
    }


async def test_the_same_situation_gives_the_same_plan(plans: Table) -> None:
    plans.aws.volumes[0].key = arn(3)
    assert await plans.plan("copy") == await plans.plan("copy")


@pytest.mark.parametrize(
    ("change", "codes"),
    [
        ({}, set()),
        ({"instance_tags": {"aws:autoscaling:groupName": "shop"}}, {"auto-scaling"}),
        ({"instance": "<instanceLifecycle>spot</instanceLifecycle>"}, {"spot"}),
        ({"attributes": {"instanceInitiatedShutdownBehavior": "terminate", "disableApiTermination": "false"}},
         {"shutdown-terminates", "termination-unprotected"}),
        ({"denied": {"ec2:DescribeInstanceAttribute"}}, {"termination-unknown"}),
        ({"state": "stopped"}, {"-crash-consistent"}),
    ],
)  # fmt: skip
async def test_what_could_end_the_source_is_said_before(
    plans: Table, change: dict[str, Any], codes: set[str]
) -> None:
    for name, value in change.items():
        setattr(plans.aws, name, value)
    usual = {"visible", "crash-consistent", "delete-on-termination", "upper-bound"}
    wanted = (usual | {c for c in codes if c[0] != "-"}) - {c[1:] for c in codes if c[0] == "-"}
    assert {w.code for w in (await plans.plan()).warnings} == wanted


async def test_a_volume_that_stays_and_hangs_on_nothing_has_no_such_warning(plans: Table) -> None:
    plans.aws.volumes[0].attached = False
    made = await plans.plan()
    assert {w.code for w in made.warnings} == {"visible", "upper-bound"}
    assert (made.target.attached_to, made.target.name) == ("", VOLUME)


async def test_a_lock_comes_once_what_stays_is_complete_and_says_what_it_means(plans: Table) -> None:
    made = await plans.plan(lock_days=30)
    lock = made.step("4")
    assert (lock.call, lock.effect, lock.op, lock.of, lock.lease) == (
        "ec2:LockSnapshot", "modify", "snapshot.lock", "2", f"{ACCOUNT}/modify",
    )  # fmt: skip
    assert lock.params["days"] == 30
    (warning,) = [w for w in made.warnings if w.code == "lock"]
    assert "governance" in warning.text and "ec2:UnlockSnapshot" in warning.text and ACCOUNT in warning.text
    copied = await plans.plan("copy", lock_days=1)
    (at,) = [s for s in copied.steps if s.call == "ec2:LockSnapshot"]
    assert (at.account, copied.step(at.of).call, copied.step(str(int(at.id) - 1)).call) == (
        FORENSICS, "ec2:CopySnapshot", "ec2:DescribeSnapshots",
    )  # fmt: skip


async def test_untagged_is_refused_with_the_reason(plans: Table) -> None:
    plans.aws.volumes[0].tags = {"Forensics": "Disabled"}
    with pytest.raises(Untagged) as caught:
        await plans.plan()
    assert caught.value.exit == 3
    assert '"Disabled", not "Enabled"' in caught.value.message
    assert "Forensics=Enabled" in caught.value.next


async def test_the_instance_tag_does_not_make_its_volume_eligible(plans: Table) -> None:
    plans.aws.volumes[0].tags = {}
    with pytest.raises(Untagged):
        await plans.plan()


@pytest.mark.parametrize(
    ("change", "kind"),
    [
        ({"route": "teleport"}, Usage),
        ({"kind": "memory"}, Usage),
        ({"target": "snap-0123456789abcdef0"}, Usage),
        ({"target": "vol-0123456789abcdef0\n"}, Usage),
        ({"target": VOLUME, "kind": "instance"}, Usage),
        ({"region": "us-east-1"}, Refused),
        ({"region": "../etc"}, Usage),
        ({"lock_days": -1}, Usage),
        ({"lock_days": 36501}, Usage),
    ],
)
async def test_what_has_no_meaning_is_refused_before_any_call(
    plans: Table, change: dict[str, Any], kind: type[Exception]
) -> None:
    with pytest.raises(kind):
        await plans.plan(**change)
    assert plans.script.seen == []
    assert plans.aws.observed == []


@pytest.mark.parametrize("route", ["copy", "preserve-copy"])
async def test_the_forensics_account_copies_nothing_to_itself(plans: Table, route: str) -> None:
    with pytest.raises(Usage) as caught:
        await plans.plan(route, account=FORENSICS)
    assert "forensics account itself" in caught.value.message
    made = await plans.plan("preserve", account=FORENSICS)
    assert [s.call for s in made.steps] == ["ec2:CreateSnapshot", "ec2:CreateSnapshot", "ec2:DescribeSnapshots"]
    assert "forensics account itself" in made.why


async def test_a_volume_that_is_being_deleted_is_gone(plans: Table) -> None:
    plans.aws.volumes[0].state = "deleting"
    with pytest.raises(Gone):
        await plans.plan()


async def test_expired_credentials_are_not_taken_for_an_unknown(plans: Table, script: Scripted) -> None:
    script.answers = [ec2_error("RequestExpired")]
    with pytest.raises(CredentialNeeded):
        await plans.plan()


async def test_hostile_names_pass_as_data_and_are_harmless_in_sentences(plans: Table) -> None:
    hostile = "\u202e[@click=app.quit]x[/]\u009b2J"
    plans.aws.instance_tags = {"Name": hostile, "aws:autoscaling:groupName": hostile}
    key = FakeKey(arn(7), [{**root(FORENSICS), "Condition": {hostile: {hostile: "x"}}}, root(ACCOUNT)])
    key.state = ""
    plans.aws.keys += [key]
    plans.aws.volumes[0].key = key.arn
    made = await plans.plan("copy")
    assert made.target.name == f"{hostile}:/dev/xvda"
    sentences = [made.why, *(w.text for w in made.warnings), *(s.title + s.undo + s.resource for s in made.steps)]
    assert all(text == visible(text, cap=len(text) + 1) for text in sentences)
    assert any("\\u202e" in text for text in sentences)


async def test_an_answer_that_cannot_be_right_is_not_believed(plans: Table) -> None:
    plans.aws.volumes[0].key = "arn:aws:s3:::not-a-key"
    with pytest.raises(Untrusted):
        await plans.plan()
