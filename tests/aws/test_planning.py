"""Eligibility, readings and plans, and what the role's session policy becomes."""

from __future__ import annotations

import json
from typing import Any

import pytest
from aiohttp import web
from hypothesis import given
from hypothesis import strategies as st

from app.credentials.policy import POLICY_LIMIT, with_leases
from app.faults import Gone, Refused, Untrusted, Usage
from app.text import visible
from providers.aws import readings
from providers.aws.eligibility import judge
from providers.aws.settings import Settings
from tests.aws.conftest import ACCOUNT, Desk, account, lease
from tests.aws.scripted import Scripted, ec2, tags

VOLUME, INSTANCE = "vol-0123456789abcdef0", "i-0123456789abcdef0"
KEY = f"arn:aws:kms:eu-west-1:{ACCOUNT}:key/12345678-1234-1234-1234-123456789012"
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


def volume(found: dict[str, str], *, attached: bool = False, kms: str | None = None, state: str = "in-use") -> Any:
    holder = (
        f"<attachmentSet><item><volumeId>{VOLUME}</volumeId><instanceId>{INSTANCE}</instanceId><device>/dev/xvda</device>"
        "<status>attached</status><deleteOnTermination>true</deleteOnTermination></item></attachmentSet>"
    )
    return ec2(
        "DescribeVolumes",
        f"<volumeSet><item><volumeId>{VOLUME}</volumeId><size>8</size><status>{state}</status>"
        f"<volumeType>gp3</volumeType><encrypted>{'true' if kms else 'false'}</encrypted>"
        f"{f'<kmsKeyId>{kms}</kmsKeyId>' if kms else ''}{holder if attached else ''}"
        f"{tags(found)}</item></volumeSet>",
    )


def instance(kind: str = "m5d.large", state: str = "running", name: str = "web-01") -> Any:
    return ec2(
        "DescribeInstances",
        f"<reservationSet><item><instancesSet><item><instanceId>{INSTANCE}</instanceId><instanceType>{kind}"
        f"</instanceType><instanceState><code>16</code><name>{state}</name></instanceState>"
        f"{tags({'Name': name})}</item></instancesSet></item></reservationSet>",
    )


def described(manager: str) -> web.Response:
    body = {"KeyMetadata": {"KeyId": "12345678-1234-1234-1234-123456789012", "KeyManager": manager}}
    return web.Response(text=json.dumps(body), content_type="application/x-amz-json-1.1")


async def plan(desk: Desk, route: str = "auto", *, kind: str = "disk", target: str = VOLUME) -> Any:
    return await desk.provider.planner.plan(kind, account(), "eu-west-1", target, route, lease())


async def test_auto_is_direct_and_says_why(desk: Desk, script: Scripted) -> None:
    script.answers = [volume({"Forensics": "Enabled"}, attached=True), instance()]
    made = await plan(desk)
    assert (made.route, made.target.name, made.target.attached_to) == ("direct", "web-01:/dev/xvda", INSTANCE)
    assert made.target.size_bytes == made.estimate.bytes == made.transfer.size_bytes == 8 << 30
    assert made.transfer.block_size == 524288
    assert "one snapshot" in made.why
    assert made.leases == ()
    assert [(s.id, s.kind, s.call, s.effect, s.op, s.lease) for s in made.steps] == [
        ("1", "act", "ec2:CreateSnapshot", "collect", "snapshot.create", f"{ACCOUNT}/collect"),
        ("2", "wait", "ec2:DescribeSnapshots", "observe", "", f"{ACCOUNT}/observe"),
        ("3", "download", "ebs:GetSnapshotBlock", "observe", "evidence.read", f"{ACCOUNT}/observe"),
        ("4", "hash", "local:sha256", "observe", "", ""),
        ("5", "seal", "local:bagit", "observe", "evidence.seal", ""),
    ]
    assert made.steps[0].undo == "kept: it is the original"
    assert {w.code for w in made.warnings} == {
        "visible",
        "crash-consistent",
        "instance-store",
        "delete-on-termination",
        "upper-bound",
    }
    assert {seen.action for seen in script.seen} == {"DescribeVolumes", "DescribeInstances"}


async def test_preserve_downloads_nothing(desk: Desk, script: Scripted) -> None:
    script.answers = [volume({"Forensics": "Enabled"}, attached=True), instance("m6i.large", "stopped")]
    made = await plan(desk, "preserve")
    assert [step.id for step in made.steps] == ["1", "2"]
    assert (made.transfer, made.estimate.bytes) == (None, 0)
    assert {w.code for w in made.warnings} == {"visible", "delete-on-termination"}


@pytest.mark.parametrize(
    ("manager", "code", "word"),
    [("AWS", "encrypted-default", "cannot be shared"), ("CUSTOMER", "encrypted-customer", "kms:Decrypt")],
)
async def test_encryption_is_told_and_the_key_named_exactly(
    desk: Desk, script: Scripted, manager: str, code: str, word: str
) -> None:
    script.answers = [volume({"Forensics": "Enabled"}, kms=KEY), described(manager)]
    made = await plan(desk)
    assert word in next(w.text for w in made.warnings if w.code == code)
    decrypt = [p for p in made.steps[2].permissions if "kms:Decrypt" in p.actions]
    assert [p.resources for p in decrypt] == [(KEY,)]


async def test_a_key_that_cannot_be_described_is_unknown_not_fatal(desk: Desk, script: Scripted) -> None:
    denied = web.Response(
        status=400, text='{"__type":"AccessDeniedException"}', content_type="application/x-amz-json-1.1"
    )
    script.answers = [volume({"Forensics": "Enabled"}, kms=KEY), denied]
    made = await plan(desk)
    assert "encrypted-unknown" in {w.code for w in made.warnings}


async def test_a_key_of_another_account_is_a_customer_key(desk: Desk, script: Scripted) -> None:
    foreign = KEY.replace(ACCOUNT, "999999999999")
    script.answers = [volume({"Forensics": "Enabled"}, kms=foreign)]
    assert "encrypted-customer" in {w.code for w in (await plan(desk)).warnings}
    assert len(script.seen) == 1


async def test_the_session_policy_names_the_volume_and_ties_the_rest_to_the_case(
    desk: Desk, script: Scripted
) -> None:
    script.answers = [volume({"Forensics": "Enabled"}, kms=KEY), described("CUSTOMER")]
    made = with_leases(await plan(desk), desk.provider.identity.role, 3600)
    same = "${aws:PrincipalTag/ir-case}"
    policies = {spec.key: json.loads(spec.policy)["Statement"] for spec in made.leases}
    assert all(spec.policy_bytes <= POLICY_LIMIT // 2 for spec in made.leases)
    snapshot = "arn:aws:ec2:eu-west-1::snapshot/*"
    statements = {
        (json.dumps(s["Action"]), json.dumps(s["Resource"]), json.dumps(s.get("Condition")))
        for s in policies[f"{ACCOUNT}/collect"]
    }
    assert statements == {
        (json.dumps(action), json.dumps(resource), json.dumps(condition))
        for action, resource, condition in (
            (
                "ec2:CreateSnapshot",
                f"arn:aws:ec2:eu-west-1:{ACCOUNT}:volume/{VOLUME}",
                {"StringEquals": {"aws:ResourceTag/Forensics": "Enabled"}},
            ),
            ("ec2:CreateSnapshot", snapshot, {"StringEquals": {"aws:RequestTag/ir-case": same}}),
            ("ec2:CreateTags", snapshot, {"StringEquals": {"ec2:CreateAction": "CreateSnapshot"}}),
            ("ec2:DescribeSnapshots", "*", None),
        )
    }
    reading = {json.dumps(s["Action"]): s for s in policies[f"{ACCOUNT}/observe"]}
    assert reading['["ebs:GetSnapshotBlock", "ebs:ListSnapshotBlocks"]']["Condition"] == {
        "StringEquals": {"aws:ResourceTag/ir-case": same}
    }
    assert reading['"kms:Decrypt"']["Resource"] == KEY
    assert len(reading) == 3


async def test_untagged_is_refused_with_the_reason(desk: Desk, script: Scripted) -> None:
    script.answers = [volume({"Forensics": "Disabled"})]
    with pytest.raises(Refused) as caught:
        await plan(desk)
    assert caught.value.exit == 3
    assert '"Disabled", not "Enabled"' in caught.value.message
    assert "Forensics=Enabled" in caught.value.next


async def test_the_instance_tag_does_not_make_its_volume_eligible(desk: Desk, script: Scripted) -> None:
    script.answers = [volume({}, attached=True), instance()]
    with pytest.raises(Refused):
        await plan(desk)


@pytest.mark.parametrize(
    ("change", "kind"),
    [
        ({"route": "copy"}, Usage),
        ({"route": "teleport"}, Usage),
        ({"kind": "instance"}, Usage),
        ({"target": "snap-0123456789abcdef0"}, Usage),
        ({"target": "vol-0123456789abcdef0\n"}, Usage),
    ],
)
async def test_what_is_not_possible_is_refused_before_any_call(
    desk: Desk, script: Scripted, change: dict[str, Any], kind: type[Exception]
) -> None:
    with pytest.raises(kind):
        await plan(desk, **change)
    assert script.seen == []


async def test_a_volume_that_is_being_deleted_is_gone(desk: Desk, script: Scripted) -> None:
    script.answers = [volume({"Forensics": "Enabled"}, state="deleting")]
    with pytest.raises(Gone):
        await plan(desk)


async def test_hostile_names_pass_as_data_and_are_harmless_in_sentences(desk: Desk, script: Scripted) -> None:
    hostile = "\u202e[@click=app.quit]x[/]\u009b2J"
    script.answers = [volume({"Forensics": "Enabled"}, attached=True), instance(name=hostile)]
    made = await plan(desk)
    assert made.target.name == f"{hostile}:/dev/xvda"
    sentences = [made.why, *(w.text for w in made.warnings), *(s.title + s.undo + s.resource for s in made.steps)]
    assert all(text == visible(text, cap=len(text) + 1) for text in sentences)
