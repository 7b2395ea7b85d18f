"""The collector against scripted answers: states of an instance that are hard to meet."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from typing import Any

import pytest
from aiohttp import web

from app.faults import CredentialExpired, Denied, Gone, Unavailable, Untrusted
from app.model import Step
from app.ports import Part
from tests.aws.conftest import ACCOUNT, Desk, context, lease
from tests.aws.scripted import Scripted, Seen, drop, ec2, ec2_error, xml

INSTANCE = "i-0123456789abcdef0"
PROFILE = f"arn:aws:iam::{ACCOUNT}:instance-profile/path/web"
ROLE = f"arn:aws:iam::{ACCOUNT}:role/web"
POLICY = "arn:aws:iam::aws:policy/ReadOnlyAccess"
CONSOLE = bytes(range(256)) * 3


def _iam(action: str, body: str) -> web.Response:
    return xml(
        f'<{action}Response xmlns="https://iam.amazonaws.com/doc/2010-05-08/"><{action}Result>{body}</{action}Result>'
        f"<ResponseMetadata><RequestId>req-{action}</RequestId></ResponseMetadata></{action}Response>"
    )


def _instance(profile: str | None = PROFILE) -> web.Response:
    held = f"<iamInstanceProfile><arn>{profile}</arn><id>AIP</id></iamInstanceProfile>" if profile else ""
    return ec2(
        "DescribeInstances",
        f"<reservationSet><item><instancesSet><item><instanceId>{INSTANCE}</instanceId>"
        f"<imageId>ami-0123456789abcdef0</imageId><launchTime>2026-11-20T01:02:03.000Z</launchTime>{held}"
        "<groupSet><item><groupId>sg-0123456789abcdef0</groupId></item></groupSet>"
        "<tagSet><item><key>Name</key><value>../../etc/\u202epasswd</value></item></tagSet>"
        "</item></instancesSet></item></reservationSet>",
    )


def _encoded(action: str, element: str, content: bytes) -> web.Response:
    return ec2(action, f"<{element}>{base64.b64encode(content).decode()}</{element}>")


ANSWERS: dict[str, web.Response] = {
    "DescribeInstances": _instance(),
    "DescribeInstanceStatus": ec2("DescribeInstanceStatus", "<instanceStatusSet/>"),
    "DescribeInstanceAttribute": ec2("DescribeInstanceAttribute", f"<instanceId>{INSTANCE}</instanceId>"),
    "DescribeVolumes": ec2("DescribeVolumes", "<volumeSet/>"),
    "DescribeNetworkInterfaces": ec2("DescribeNetworkInterfaces", "<networkInterfaceSet/>"),
    "DescribeSecurityGroups": ec2("DescribeSecurityGroups", "<securityGroupInfo/>"),
    "DescribeImages": ec2_error("InvalidAMIID.NotFound"),
    "GetConsoleOutput": _encoded("GetConsoleOutput", "output", CONSOLE),
    "GetConsoleScreenshot": ec2_error("IncorrectInstanceState", status=400),
    "GetInstanceProfile": _iam("GetInstanceProfile", ""),
    "GetRole": _iam("GetRole", ""),
    "ListRolePolicies": _iam("ListRolePolicies", "<PolicyNames/><IsTruncated>false</IsTruncated>"),
    "ListAttachedRolePolicies": _iam("ListAttachedRolePolicies", "<AttachedPolicies/>"),
    "GetPolicy": _iam("GetPolicy", f"<Policy><Arn>{POLICY}</Arn><DefaultVersionId>v3</DefaultVersionId></Policy>"),
    "GetPolicyVersion": _iam(
        "GetPolicyVersion",
        "<PolicyVersion><Document>%7B%22Statement%22%3A%5B%5D%7D</Document><VersionId>v3</VersionId></PolicyVersion>",
    ),
}


async def collect(desk: Desk, script: Scripted, changes: Mapping[str, Any], **params: Any) -> dict[str, Part]:
    answers: dict[str, Any] = {**ANSWERS, **changes}

    async def answer(request: web.Request, seen: Seen) -> web.StreamResponse:
        found = answers[seen.action]
        if callable(found):
            given: web.StreamResponse = await found(request, seen)
            return given
        return web.Response(status=found.status, body=found.body, headers=found.headers)

    script.always = answer
    step = Step(
        id="3",
        title="t",
        kind="collect",
        effect="observe",
        call="ec2:DescribeInstances",
        account=ACCOUNT,
        region="eu-west-1",
        resource=INSTANCE,
        undo="none",
        params={"instance_id": INSTANCE, "volume_ids": []} | params,
    )
    return {one.name: one async for one in desk.provider.collector.collect(step, context(), lease)}


PLANNED = {"profile": PROFILE, "role": ROLE, "policies": [POLICY]}


async def test_bytes_stay_as_they_came(desk: Desk, script: Scripted) -> None:
    parts = await collect(desk, script, {}, **PLANNED)
    assert parts["ec2/console-output.txt"].content == CONSOLE
    assert b"2026-11-20T01:02:03Z" in parts["ec2/describe-instances.json"].content
    assert b"\\u202e" in parts["ec2/describe-instances.json"].content
    assert parts["ec2/describe-images.json"].gap == "EC2 says InvalidAMIID.NotFound"
    assert parts["ec2/console-screenshot.jpg"].gap == "EC2 says IncorrectInstanceState"
    assert b'"DefaultVersionId": "v3"' in parts["iam/policy-1.json"].content
    assert all(".." not in name and name.isascii() for name in parts)
    assert "WakeUp" not in {field for seen in script.seen for field in seen.form}


async def test_iam_is_asked_in_its_own_region_by_name(desk: Desk, script: Scripted) -> None:
    await collect(desk, script, {}, **PLANNED)
    asked = next(seen for seen in script.seen if seen.action == "GetInstanceProfile")
    assert asked.form["InstanceProfileName"] == "web"
    assert "/us-east-1/iam/" in asked.headers["authorization"]
    assert ("L-0001", "iam:GetInstanceProfile") in desk.used


async def test_no_output_yet_and_no_latest_output_are_gaps(desk: Desk, script: Scripted) -> None:
    async def output(_request: web.Request, seen: Seen) -> web.StreamResponse:
        if seen.form.get("Latest"):
            return ec2_error("UnsupportedOperation")
        return ec2("GetConsoleOutput", "<instanceId>i</instanceId>")

    parts = await collect(desk, script, {"GetConsoleOutput": output})
    assert parts["ec2/console-output.txt"].gap == "there is no console output yet"
    assert "UnsupportedOperation" in parts["ec2/console-output-latest.txt"].gap


async def test_a_console_that_ec2_cannot_read_holds_nothing_up(desk: Desk, script: Scripted) -> None:
    broken = ec2_error("InternalError", status=500)
    parts = await collect(desk, script, {"GetConsoleScreenshot": broken, "GetConsoleOutput": broken})
    assert parts["ec2/console-screenshot.jpg"].gap == "EC2 says InternalError"
    assert parts["ec2/console-output.txt"].gap == "EC2 says InternalError"
    with pytest.raises(Unavailable):
        await collect(desk, script, {"GetConsoleScreenshot": drop})


@pytest.mark.parametrize("action", [name for name in ANSWERS if name != "GetRolePolicy"])
async def test_what_is_refused_is_always_raised(desk: Desk, script: Scripted, action: str) -> None:
    denied = xml(
        "<ErrorResponse><Error><Code>AccessDenied</Code><Message>no</Message></Error></ErrorResponse>", status=403
    )
    refusal = denied if action in ("GetRole",) or "Polic" in action or "Profile" in action else None
    with pytest.raises(Denied):
        await collect(desk, script, {action: refusal or ec2_error("UnauthorizedOperation", status=403)}, **PLANNED)


async def test_an_expired_lease_is_raised(desk: Desk, script: Scripted) -> None:
    with pytest.raises(CredentialExpired):
        await collect(desk, script, {"GetConsoleScreenshot": ec2_error("RequestExpired")})


async def test_an_instance_that_is_gone_is_no_gap(desk: Desk, script: Scripted) -> None:
    with pytest.raises(Gone):
        await collect(desk, script, {"DescribeInstances": ec2("DescribeInstances", "<reservationSet/>")})


async def test_pages_are_whole(desk: Desk, script: Scripted) -> None:
    async def volumes(_request: web.Request, seen: Seen) -> web.StreamResponse:
        first = "NextToken" not in seen.form
        more = "<nextToken>two</nextToken>" if first else ""
        name = "vol-0000000a" if first else "vol-0000000b"
        return ec2("DescribeVolumes", f"<volumeSet><item><volumeId>{name}</volumeId></item></volumeSet>{more}")

    async def inline(_request: web.Request, seen: Seen) -> web.StreamResponse:
        first = "Marker" not in seen.form
        more = "<IsTruncated>true</IsTruncated><Marker>two</Marker>" if first else ""
        name = "one" if first else "../two"
        return _iam("ListRolePolicies", f"<PolicyNames><member>{name}</member></PolicyNames>{more}")

    async def policy(_request: web.Request, seen: Seen) -> web.StreamResponse:
        return _iam("GetRolePolicy", f"<PolicyName>{seen.form['PolicyName']}</PolicyName>")

    parts = await collect(
        desk,
        script,
        {"DescribeVolumes": volumes, "ListRolePolicies": inline, "GetRolePolicy": policy},
        **PLANNED,
        inline=True,
    )
    assert b"vol-0000000a" in parts["ec2/describe-volumes.json"].content
    assert b"vol-0000000b" in parts["ec2/describe-volumes.json"].content
    assert b"../two" in parts["iam/inline-policy-2.json"].content


async def test_what_changed_since_planning_is_said(desk: Desk, script: Scripted) -> None:
    attached = _iam(
        "ListAttachedRolePolicies",
        "<AttachedPolicies><member><PolicyName>x</PolicyName>"
        "<PolicyArn>arn:aws:iam::aws:policy/AdministratorAccess</PolicyArn></member></AttachedPolicies>",
    )
    inline = _iam("ListRolePolicies", "<PolicyNames><member>back\u202edoor</member></PolicyNames>")
    other = _instance(f"arn:aws:iam::{ACCOUNT}:instance-profile/other")
    parts = await collect(
        desk,
        script,
        {"ListAttachedRolePolicies": attached, "ListRolePolicies": inline, "DescribeInstances": other},
        **PLANNED,
    )
    assert "instance-profile/other" in parts["iam/instance-profile-now.json"].gap
    assert "AdministratorAccess" in parts["iam/policy-2.json"].gap
    assert "back\\u202edoor" in parts["iam/inline-policy-1.json"].gap
    assert "GetRolePolicy" not in script.actions()


@pytest.mark.parametrize(
    "answer",
    [
        ec2("GetConsoleScreenshot", "<imageData>%%%</imageData>"),
        _encoded("GetConsoleScreenshot", "imageData", b"x" * ((5 << 20) + 1)),
    ],
)
async def test_content_that_cannot_be_right_is_not_stored(
    desk: Desk, script: Scripted, answer: web.Response
) -> None:
    with pytest.raises(Untrusted):
        await collect(desk, script, {"GetConsoleScreenshot": answer})
