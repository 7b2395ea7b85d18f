"""What a key policy says, told from outside: yes, no, or honestly unknown."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.text import visible
from providers.aws.key_policy import Asker, judge
from providers.aws.keys import DECRYPT, DESTINATION_FROM_ENCRYPTED, SOURCE
from tests.aws.planned import ACCOUNT, DEFAULT_POLICY, FORENSICS, allow, arn, role, root

VIA = "ec2.eu-west-1.amazonaws.com"
OURS = Asker(role=role(ACCOUNT), account=ACCOUNT, via=VIA)
THEIRS = Asker(role=role(FORENSICS), account=FORENSICS, via=VIA)
F_ROOT = f"arn:aws:iam::{FORENSICS}:root"


def deny(principal: Any = "*", action: str = "kms:Decrypt", **more: Any) -> dict[str, Any]:
    return {"Effect": "Deny", "Principal": principal, "Action": action, "Resource": "*", **more}


def when(operator: str, key: str, value: Any) -> dict[str, Any]:
    return {"Condition": {operator: {key: value}}}


@pytest.mark.parametrize(
    ("statements", "asker", "actions", "answer"),
    [
        ([root(ACCOUNT)], OURS, SOURCE, "yes"),
        ([root(ACCOUNT)], THEIRS, DECRYPT, "no"),
        ([allow(ACCOUNT)], OURS, DECRYPT, "yes"),
        ([allow(role(ACCOUNT))], OURS, SOURCE, "yes"),
        ([allow(role(ACCOUNT) + "-other")], OURS, DECRYPT, "no"),
        ([allow(F_ROOT)], THEIRS, SOURCE, "yes"),
        ([allow(F_ROOT, actions=["kms:Decrypt", "kms:DescribeKey"])], THEIRS, SOURCE, "no"),
        ([allow(F_ROOT, actions=["kms:Decrypt", "kms:DescribeKey"])], THEIRS, DECRYPT, "yes"),
        ([allow(F_ROOT, actions="KMS:reencrypt*")], THEIRS, ("kms:ReEncryptFrom", "kms:ReEncryptTo"), "yes"),
        ([allow(f"arn:aws:sts::{ACCOUNT}:assumed-role/jumpbag/somebody")], OURS, DECRYPT, "unknown"),
        ([allow(f"arn:aws:sts::{ACCOUNT}:assumed-role/other/somebody")], OURS, DECRYPT, "no"),
        ([{**root(ACCOUNT), "Resource": arn(9)}], OURS, DECRYPT, "no"),
        ([{**root(ACCOUNT), "Resource": arn(1)}], OURS, DECRYPT, "yes"),
        # the default key: EC2 on behalf of this account, nobody else
        (DEFAULT_POLICY, OURS, SOURCE, "yes"),
        (DEFAULT_POLICY, THEIRS, SOURCE, "no"),
        (DEFAULT_POLICY, Asker(OURS.role, ACCOUNT, "ec2.us-east-1.amazonaws.com"), DECRYPT, "no"),
        # a deny wins, wherever it stands
        ([root(ACCOUNT), deny()], OURS, DECRYPT, "no"),
        ([deny({"AWS": f"arn:aws:iam::{ACCOUNT}:root"}), root(ACCOUNT)], OURS, SOURCE, "no"),
        ([root(ACCOUNT), deny({"AWS": F_ROOT})], OURS, DECRYPT, "yes"),
        ([root(ACCOUNT), deny(**when("StringNotEquals", "kms:ViaService", VIA))], OURS, DECRYPT, "yes"),
        ([root(ACCOUNT), deny(**when("StringNotEquals", "kms:CallerAccount", FORENSICS))], OURS, DECRYPT, "no"),
        # what is known: the service, the account, that the grant is for AWS
        ([allow(F_ROOT, **when("StringLike", "kms:ViaService", "ec2.*.amazonaws.com"))], THEIRS, SOURCE, "yes"),
        ([allow(F_ROOT, **when("StringEquals", "kms:ViaService", ["rds.x", VIA]))], THEIRS, SOURCE, "yes"),
        ([allow(F_ROOT, **when("StringEquals", "kms:ViaService", "rds.x"))], THEIRS, SOURCE, "no"),
        (
            [allow(F_ROOT, actions="kms:CreateGrant", **when("Bool", "kms:GrantIsForAWSResource", True))],
            THEIRS, ("kms:CreateGrant",), "yes",
        ),
        (
            [allow(F_ROOT, **when("Bool", "kms:GrantIsForAWSResource", "true"))],
            THEIRS, DECRYPT, "no",
        ),
        (
            [allow(F_ROOT, **when("BoolIfExists", "kms:GrantIsForAWSResource", "true"))],
            THEIRS, DECRYPT, "yes",
        ),
        ([allow("*", **when("ArnLike", "aws:PrincipalArn", "arn:aws:iam::*:role/jump*"))], THEIRS, DECRYPT, "yes"),
        # what is not known makes it unknown, unless it does not matter
        ([allow("*", **when("StringEquals", "aws:PrincipalOrgID", "o-1"))], THEIRS, DECRYPT, "unknown"),
        ([root(ACCOUNT), allow("*", **when("StringEquals", "aws:PrincipalOrgID", "o-1"))], OURS, DECRYPT, "yes"),
        ([root(ACCOUNT), deny(**when("StringNotEquals", "aws:PrincipalOrgID", "o-1"))], OURS, DECRYPT, "unknown"),
        ([root(ACCOUNT), deny(**when("Bool", "aws:MultiFactorAuthPresent", "false"))], OURS, DECRYPT, "unknown"),
        ([root(ACCOUNT), deny(action="kms:ScheduleKeyDeletion", **when("Bool", "aws:x", "false"))], OURS, DECRYPT,
         "yes"),
        ([allow("*", **when("StringEquals", "kms:ViaService", "${aws:x}"))], OURS, DECRYPT, "unknown"),
        ([allow("*", **when("SoundsLike", "kms:ViaService", VIA))], OURS, DECRYPT, "unknown"),
        ([{"Effect": "Deny", "NotPrincipal": {"AWS": role(ACCOUNT)}, "Action": "*", "Resource": "*"},
          root(ACCOUNT)],
         OURS, DECRYPT, "unknown"),
        ([{"Effect": "Allow", "Principal": {"AWS": F_ROOT}, "NotAction": "kms:Decrypt", "Resource": "*"}],
         THEIRS, DECRYPT, "no"),
        ([{"Effect": "Allow", "Principal": {"Service": "ec2.amazonaws.com"}, "Action": "kms:*", "Resource": "*"}],
         OURS, DECRYPT, "no"),
        ([root(ACCOUNT), "nonsense"], OURS, DECRYPT, "unknown"),
        ([], OURS, DECRYPT, "no"),
    ],
)  # fmt: skip
def test_a_policy_is_read_as_kms_reads_it(statements: Any, asker: Asker, actions: Any, answer: str) -> None:
    verdict = judge({"Statement": statements}, arn(1), asker, actions)
    assert verdict.answer == answer, verdict
    assert (verdict.why == "") is (answer == "yes")


def test_a_refusal_names_what_is_missing() -> None:
    policy = {"Statement": [allow(F_ROOT, actions="kms:ReEncrypt*"), deny(action="kms:CreateGrant")]}
    verdict = judge(policy, arn(1), THEIRS, DESTINATION_FROM_ENCRYPTED)
    assert verdict.why == (
        "its policy denies kms:CreateGrant and does not allow kms:DescribeKey, kms:GenerateDataKeyWithoutPlaintext"
    )
    assert verdict.denied


def test_a_grant_gives_what_the_policy_leaves_open_and_not_what_it_denies() -> None:
    granted = {"kms:Decrypt"}
    assert judge({"Statement": []}, arn(1), OURS, DECRYPT, granted).answer == "yes"
    assert judge({"Statement": [deny()]}, arn(1), OURS, DECRYPT, granted).answer == "no"
    assert judge({"Statement": []}, arn(1), OURS, SOURCE, granted).answer == "no"


_JSON = st.recursive(
    st.none() | st.booleans() | st.text(max_size=20) | st.sampled_from(["Allow", "Deny", "*", ACCOUNT, "kms:*"]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                ["Effect", "Principal", "AWS", "Action", "Resource", "Condition", "StringEquals", "x"]
            ),
            inner,
            max_size=5,
        )
    ),
    max_leaves=20,
)


@given(_JSON)
def test_no_document_brings_it_down_and_reasons_are_harmless(statement: Any) -> None:
    verdict = judge({"Statement": statement}, arn(1), OURS, SOURCE)
    assert verdict.answer in ("yes", "no", "unknown")
    assert verdict.why == visible(verdict.why, cap=len(verdict.why) + 1)
