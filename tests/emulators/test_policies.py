"""The evaluator against a table of decisions, each with the vendor's rule behind it."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from providers.emulators.aws.conditions import like
from providers.emulators.aws.evaluate import Request, decide, parse_policy, trusts

VOLUME = "arn:aws:ec2:eu-west-1:222222222222:volume/vol-1"
CONTEXT: dict[str, str | list[str]] = {
    "aws:principaltag/ir-case": "C-1",
    "aws:principalarn": "arn:aws:iam::222222222222:role/jumpbag-collect",
    "aws:resourcetag/forensics": "Enabled",
    "aws:resourcetag/ir-case": "C-1",
    "aws:requestedregion": "eu-west-1",
    "aws:currenttime": "2026-11-23T10:00:00Z",
    "aws:sourceip": "127.0.0.1",
    "aws:securetransport": "true",
    "aws:tagkeys": ["ir-case", "Name"],
    "ec2:volumesize": "8",
}


def statement(effect: str = "Allow", **keys: Any) -> dict[str, Any]:
    return {"Effect": effect, "Action": "ec2:CreateSnapshot", "Resource": "*", **keys}


def document(*statements: dict[str, Any], version: str = "2012-10-17") -> dict[str, Any]:
    return {"Version": version, "Statement": list(statements)}


def ask(resource: str = VOLUME, action: str = "ec2:CreateSnapshot", **context: str | list[str]) -> Request:
    return Request(action=action, resource=resource, context={**CONTEXT, **context})


def condition(operator: str, key: str, value: Any) -> dict[str, Any]:
    return statement(Condition={operator: {key: value}})


@pytest.mark.parametrize(
    ("allowed", "statements"),
    [
        # Actions and resources
        (True, [statement()]),
        (False, []),
        (True, [statement(Action="ec2:createsnapshot")]),
        (True, [statement(Action=["ec2:Describe*", "ec2:Create*"])]),
        (False, [statement(Action="ebs:*")]),
        (True, [statement(Action="*")]),
        (True, [{"Effect": "Allow", "NotAction": "ec2:Delete*", "Resource": "*"}]),
        (False, [{"Effect": "Allow", "NotAction": "ec2:Create*", "Resource": "*"}]),
        (True, [statement(Resource="arn:aws:ec2:*:222222222222:volume/*")]),
        (True, [statement(Resource="arn:aws:ec2:*:*:volume/vol-?")]),
        (False, [statement(Resource="arn:aws:ec2:*::snapshot/*")]),
        (False, [statement(Resource="arn:aws:ec2:*:222222222222:VOLUME/*")]),
        (False, [{"Effect": "Allow", "Action": "ec2:*", "NotResource": "arn:aws:ec2:*:*:volume/*"}]),
        # An explicit deny wins over any allow
        (False, [statement(), statement("Deny")]),
        (True, [statement(), statement("Deny", Action="ec2:DeleteSnapshot")]),
        (False, [statement(), statement("Deny", Condition={"Bool": {"aws:SecureTransport": "true"}})]),
        (True, [statement(), statement("Deny", Condition={"Bool": {"aws:SecureTransport": "false"}})]),
        # Strings, variables
        (True, [condition("StringEquals", "aws:ResourceTag/Forensics", "Enabled")]),
        (True, [condition("StringEquals", "aws:resourceTag/FORENSICS", ["Disabled", "Enabled"])]),
        (False, [condition("StringEquals", "aws:ResourceTag/Forensics", "enabled")]),
        (True, [condition("StringEqualsIgnoreCase", "aws:ResourceTag/Forensics", "enabled")]),
        (False, [condition("StringEquals", "aws:ResourceTag/Forensics", "En*")]),
        (True, [condition("StringLike", "aws:ResourceTag/Forensics", "En*")]),
        (True, [condition("StringEquals", "aws:ResourceTag/ir-case", "${aws:PrincipalTag/ir-case}")]),
        (False, [condition("StringEquals", "aws:ResourceTag/ir-case", "${aws:PrincipalTag/other}")]),
        (True, [condition("StringEquals", "aws:ResourceTag/ir-case", "${aws:PrincipalTag/other, 'C-1'}")]),
        (False, [condition("StringEquals", "aws:RequestTag/ir-case", "C-1")]),
        (True, [condition("StringEqualsIfExists", "aws:RequestTag/ir-case", "C-1")]),
        # A missing key satisfies a negated operator
        (True, [condition("StringNotEquals", "aws:RequestTag/ir-case", "C-1")]),
        (False, [condition("StringNotEquals", "aws:ResourceTag/ir-case", ["C-0", "C-1"])]),
        (True, [condition("Null", "aws:RequestTag/ir-case", "true")]),
        (False, [condition("Null", "aws:ResourceTag/ir-case", True)]),
        # Multivalued keys
        (True, [condition("ForAllValues:StringEquals", "aws:TagKeys", ["ir-case", "Name", "more"])]),
        (False, [condition("ForAllValues:StringEquals", "aws:TagKeys", ["ir-case"])]),
        (True, [condition("ForAnyValue:StringEquals", "aws:TagKeys", ["ir-case"])]),
        (False, [condition("ForAnyValue:StringLike", "aws:TagKeys", ["jumpbag:*"])]),
        (True, [condition("ForAllValues:StringEquals", "sts:TransitiveTagKeys", ["x"])]),
        (False, [condition("ForAnyValue:StringEquals", "sts:TransitiveTagKeys", ["x"])]),
        # Numbers, dates, addresses, ARNs
        (True, [condition("NumericLessThanEquals", "ec2:VolumeSize", "8")]),
        (False, [condition("NumericGreaterThan", "ec2:VolumeSize", 8)]),
        (True, [condition("DateLessThan", "aws:CurrentTime", "2026-11-24T00:00:00Z")]),
        (False, [condition("DateGreaterThan", "aws:CurrentTime", "2026-11-24T00:00:00Z")]),
        (True, [condition("IpAddress", "aws:SourceIp", ["10.0.0.0/8", "127.0.0.0/8"])]),
        (False, [condition("NotIpAddress", "aws:SourceIp", "127.0.0.1")]),
        (True, [condition("ArnLike", "aws:PrincipalArn", "arn:aws:iam::*:role/jumpbag-*")]),
        (False, [condition("ArnLike", "aws:PrincipalArn", "arn:aws:*:role/jumpbag-*")]),
        # What is not known does not allow, and a deny with it denies
        (False, [condition("StringEquals", "ec2:FlavourOfTheDay", "mint")]),
        (False, [condition("StringSounds", "aws:ResourceTag/Forensics", "Enabled")]),
        (False, [statement(), statement("Deny", Condition={"StringEquals": {"ec2:FlavourOfTheDay": "mint"}})]),
        # All conditions of a statement hold together; statements are alternatives
        (
            False,
            [
                statement(
                    Condition={
                        "StringEquals": {
                            "aws:ResourceTag/Forensics": "Enabled",
                            "aws:RequestedRegion": "us-east-1",
                        }
                    }
                )
            ],
        ),
        (True, [condition("StringEquals", "aws:RequestedRegion", "us-east-1"), statement(Action="ec2:*")]),
    ],
)
def test_decisions(allowed: bool, statements: list[dict[str, Any]]) -> None:
    assert decide(ask(), [document(*statements)]).allowed is allowed


def test_a_session_policy_narrows_and_never_widens() -> None:
    role = document(statement(Action=["ec2:CreateSnapshot", "ec2:DeleteSnapshot"]))
    session = document(statement(Action=["ec2:CreateSnapshot", "ec2:TerminateInstances"]))
    assert decide(ask(), [role], session).allowed
    assert "no session policy allows" in decide(ask(action="ec2:DeleteSnapshot"), [role], session).why
    assert "no identity-based policy allows" in decide(ask(action="ec2:TerminateInstances"), [role], session).why
    denied = decide(ask(), [role], document(statement(), statement("Deny")))
    assert (denied.allowed, denied.why) == (False, "with an explicit deny in a session policy")


def test_service_control_policies_bound_the_account() -> None:
    role = document(statement(Action="*"))
    full = document(statement(Action="*"))
    guard = document(statement("Deny", Action="ec2:Delete*"))
    assert decide(ask(), [role], None, [full, guard]).allowed
    assert "service control policy" in decide(ask(action="ec2:DeleteSnapshot"), [role], None, [full, guard]).why
    assert not decide(ask(), [role], None, [guard]).allowed


def test_a_tag_value_is_no_wildcard() -> None:
    wildcard = document(condition("StringLike", "aws:ResourceTag/ir-case", "${aws:PrincipalTag/ir-case}"))
    assert not decide(ask(**{"aws:principaltag/ir-case": "*"}), [wildcard]).allowed
    assert decide(ask(**{"aws:principaltag/ir-case": "*", "aws:resourcetag/ir-case": "*"}), [wildcard]).allowed


def test_variables_in_resources_need_the_new_policy_version() -> None:
    resource = "arn:aws:ec2:*:*:volume/${aws:PrincipalTag/ir-case}"
    wanted = ask("arn:aws:ec2:eu-west-1:1:volume/C-1")
    assert decide(wanted, [document(statement(Resource=resource))]).allowed
    assert not decide(wanted, [document(statement(Resource=resource), version="2008-10-17")]).allowed


TRUST = document(
    {
        "Effect": "Allow",
        "Principal": {"AWS": "arn:aws:iam::111111111111:root"},
        "Action": "sts:AssumeRole",
        "Condition": {"StringEquals": {"sts:ExternalId": "x"}},
    }
)


@pytest.mark.parametrize(
    ("trusted", "account", "context"),
    [
        (True, "111111111111", {"sts:externalid": "x"}),
        (False, "111111111111", {"sts:externalid": "y"}),
        (False, "111111111111", {}),
        (False, "333333333333", {"sts:externalid": "x"}),
    ],
)
def test_trust(trusted: bool, account: str, context: dict[str, str | list[str]]) -> None:
    role = "arn:aws:iam::222222222222:role/r"
    request = Request(action="sts:AssumeRole", resource=role, context=context)
    assert trusts(TRUST, (f"arn:aws:iam::{account}:user/u",), account, request) is trusted


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        "{}",
        "not json",
        json.dumps(document(statement("Maybe"))),
        json.dumps(document({"Effect": "Allow", "Action": "ec2:*"})),
        json.dumps(document({"Effect": "Allow", "Resource": "*"})),
        json.dumps(document(statement(Principal="*"))),
        json.dumps(document(statement(), version="2020-01-01")),
        json.dumps(document(statement(Condition=[]))),
        json.dumps({**document(statement()), "Extra": 1}),
    ],
)
def test_a_malformed_session_policy_is_no_policy(text: str) -> None:
    assert parse_policy(text) is None


@given(st.text(alphabet="ab*?:/", max_size=12))
def test_a_star_matches_everything_and_plain_text_itself(text: str) -> None:
    assert like("*", text)
    assert like(text, text)
    assert like(f"{text}*", text + "tail")
