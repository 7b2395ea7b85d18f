"""STS and Organizations through real clients: signatures, trust, session tags, session policies, chaining."""

from __future__ import annotations

import json
import ssl
import urllib.error
import urllib.request
from datetime import UTC, datetime, timedelta
from typing import Any

import botocore.session
import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.config import Config
from botocore.credentials import Credentials

from tests.emulators.clients import CASE, Clients, Keys, refused
from tests.emulators.packs import FORENSICS, OTHER, REGION, WORKLOAD


def test_a_caller_sees_who_he_is(quiet: Clients, keys: Keys) -> None:
    who = quiet("sts").get_caller_identity()
    assert (who["Account"], who["Arn"]) == (FORENSICS, f"arn:aws:iam::{FORENSICS}:user/examiner")
    who = quiet("sts", keys).get_caller_identity()
    assert who["Arn"] == f"arn:aws:sts::{WORKLOAD}:assumed-role/jumpbag-collect/L-0001"
    assert who["UserId"].endswith(":L-0001")
    assert who["Account"] == WORKLOAD


@pytest.mark.parametrize(
    ("service", "operation", "parameters", "wrong_key", "wrong_secret"),
    [
        ("sts", "get_caller_identity", {}, "InvalidClientTokenId", "SignatureDoesNotMatch"),
        ("ec2", "describe_volumes", {}, "AuthFailure", "AuthFailure"),
        ("organizations", "list_accounts", {}, "UnrecognizedClientException", "InvalidSignatureException"),
        ("kms", "describe_key", {"KeyId": "k"}, "UnrecognizedClientException", "InvalidSignatureException"),
        (
            "ebs",
            "list_snapshot_blocks",
            {"SnapshotId": "snap-0"},
            "UnrecognizedClientException",
            "InvalidSignatureException",
        ),
    ],
)
def test_wrong_keys_are_refused_in_each_services_words(
    quiet: Clients, service: str, operation: str, parameters: dict[str, Any], wrong_key: str, wrong_secret: str
) -> None:
    unknown = {**quiet.user, "AccessKeyId": "AKIAAAAAAAAAAAAAAAAA"}
    assert refused(getattr(quiet(service, unknown), operation), **parameters)["Code"] == wrong_key
    fresh = Clients(quiet.range)
    forged = {**quiet.user, "SecretAccessKey": "x" * 40}
    assert refused(getattr(fresh(service, forged), operation), **parameters)["Code"] == wrong_secret
    assert quiet.last_call()["decision"] == "error"
    assert quiet.last_call()["code"] == wrong_secret


def test_a_session_token_must_be_the_sessions_own(quiet: Clients, keys: Keys) -> None:
    other = quiet.keys()
    mixed = {**keys, "SessionToken": other["SessionToken"]}
    assert refused(Clients(quiet.range)("sts", mixed).get_caller_identity)["Code"] == "InvalidClientTokenId"
    without = {key: value for key, value in keys.items() if key != "SessionToken"}
    assert refused(Clients(quiet.range)("ec2", without).describe_volumes)["Code"] == "AuthFailure"


def test_an_unsigned_call_is_refused(quiet: Clients) -> None:
    context = ssl.create_default_context(cafile=str(quiet.range.ca_bundle))
    body = b"Action=GetCallerIdentity&Version=2011-06-15"
    with pytest.raises(urllib.error.HTTPError) as caught:
        urllib.request.urlopen(str(quiet.range.endpoint), data=body, context=context, timeout=10)
    with caught.value as answer:
        text = answer.read().decode()
    assert caught.value.code == 403
    assert "<Code>MissingAuthenticationToken</Code>" in text
    assert caught.value.headers["x-amzn-RequestId"] in text


def send(clients: Clients, body: bytes, signed: bytes, moment: datetime) -> tuple[int, str]:
    """Sends ``body`` under a signature over ``signed`` made at ``moment``; (status, answer)."""
    keys = clients.user
    stamp = moment.strftime("%Y%m%dT%H%M%SZ")
    headers = {"Content-Type": "application/x-www-form-urlencoded; charset=utf-8", "X-Amz-Date": stamp}
    request = AWSRequest(method="POST", url=f"{clients.range.endpoint}/", data=signed, headers=headers)
    request.context["timestamp"] = stamp
    auth = SigV4Auth(Credentials(keys["AccessKeyId"], keys["SecretAccessKey"]), "sts", REGION)
    text = auth.string_to_sign(request, auth.canonical_request(request))
    scope, names = auth.scope(request), auth.signed_headers(auth.headers_to_sign(request))
    headers["Authorization"] = (
        f"AWS4-HMAC-SHA256 Credential={scope}, SignedHeaders={names}, Signature={auth.signature(text, request)}"
    )
    context = ssl.create_default_context(cafile=str(clients.range.ca_bundle))
    sent = urllib.request.Request(f"{clients.range.endpoint}/", data=body, headers=headers)
    try:
        with urllib.request.urlopen(sent, context=context, timeout=10) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read().decode()


def test_signatures_cover_the_body_and_the_clock(quiet: Clients) -> None:
    body = b"Action=GetCallerIdentity&Version=2011-06-15"
    now = datetime.now(UTC)
    assert send(quiet, body, body, now)[0] == 200
    for other, moment in ((body + b"&Extra=1", now), (body, now - timedelta(minutes=20))):
        status, text = send(quiet, other, body, moment)
        assert status == 403
        assert "<Code>SignatureDoesNotMatch</Code>" in text
    assert "Signature expired" in text


def test_a_lease_carries_tags_and_source_identity(quiet: Clients) -> None:
    answer = quiet.assume()
    assert answer["AssumedRoleUser"]["Arn"].endswith("assumed-role/jumpbag-collect/L-0001")
    assert answer["SourceIdentity"] == "ex-07"
    assert 0 < answer["PackedPolicySize"] <= 100
    left = answer["Credentials"]["Expiration"] - datetime.now(UTC)
    assert timedelta(minutes=59) < left <= timedelta(hours=1)
    call = quiet.last_call()
    assert (call["action"], call["mutating"], call["decision"]) == ("sts:AssumeRole", True, "allow")
    assert call["resources"] == [f"arn:aws:iam::{WORKLOAD}:role/jumpbag-collect"]
    assert call["request_id"] == answer["ResponseMetadata"]["RequestId"]


@pytest.mark.parametrize(
    "changes",
    [
        {"ExternalId": None},
        {"ExternalId": "another"},
        {"SourceIdentity": None},
        {"Tags": None, "TransitiveTagKeys": None},
        {"Tags": [{"Key": "team", "Value": "x"}], "TransitiveTagKeys": None},
        {"Tags": [{"Key": "ir-case", "Value": ""}]},
        {"RoleArn": f"arn:aws:iam::{OTHER}:role/jumpbag-collect"},
        {"RoleArn": f"arn:aws:iam::{WORKLOAD}:role/other"},
        {"RoleArn": "arn:aws:iam::999999999999:role/jumpbag-collect"},
    ],
)
def test_a_role_that_does_not_trust_is_not_assumed(quiet: Clients, changes: dict[str, Any]) -> None:
    error = refused(quiet.assume, **changes)
    assert (error["Code"], error["Status"]) == ("AccessDenied", 403)
    assert "is not authorized to perform: sts:" in error["Message"]
    call = quiet.last_call()
    assert (call["decision"], call["code"], call["request_id"]) == ("deny", "AccessDenied", error["RequestId"])


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"DurationSeconds": 899}, "ValidationError"),
        ({"DurationSeconds": 43201}, "ValidationError"),
        ({"DurationSeconds": 14401}, "ValidationError"),
        ({"RoleSessionName": "a b"}, "ValidationError"),
        ({"SourceIdentity": "a/b"}, "ValidationError"),
        ({"TransitiveTagKeys": ["other"]}, "ValidationError"),
        ({"Policy": "x" * 2049}, "ValidationError"),
        ({"Policy": '{"Version":"2012-10-17","Statement":[]}'}, "MalformedPolicyDocument"),
        ({"Tags": [{"Key": "ir-case", "Value": "a"}, {"Key": "IR-CASE", "Value": "b"}]}, "InvalidParameterValue"),
    ],
)
def test_parameters_have_the_vendors_bounds(quiet: Clients, changes: dict[str, Any], code: str) -> None:
    error = refused(Unchecked(quiet).assume, **changes)
    assert (error["Code"], error["Status"]) == (code, 400)


class Unchecked(Clients):
    """Clients that send what the SDK's own validation would hold back."""

    def __init__(self, other: Clients) -> None:
        super().__init__(other.range)

    def __call__(self, service: str, keys: Keys | None = None, region: str = REGION) -> Any:
        keys = keys or self.user
        session = botocore.session.get_session()
        return session.create_client(
            service,
            region_name=region,
            endpoint_url=self.range.endpoint,
            verify=str(self.range.ca_bundle),
            aws_access_key_id=keys["AccessKeyId"],
            aws_secret_access_key=keys["SecretAccessKey"],
            aws_session_token=keys.get("SessionToken"),
            config=Config(parameter_validation=False, retries={"total_max_attempts": 1}),
        )


def test_a_lease_may_last_four_hours(quiet: Clients) -> None:
    left = quiet.assume(DurationSeconds=14400)["Credentials"]["Expiration"] - datetime.now(UTC)
    assert left > timedelta(hours=3, minutes=59)


def test_a_chained_session_ends_after_an_hour_and_keeps_what_was_set(quiet: Clients) -> None:
    responder = quiet.keys(FORENSICS, role="jumpbag-responder", ExternalId=None)
    error = refused(quiet.assume, by=responder, DurationSeconds=3601)
    assert error["Code"] == "ValidationError"
    assert "role chaining" in error["Message"]
    # The tag is inherited, and neither it nor the source identity can be set anew to something else.
    again = {"Tags": [{"Key": "ir-case", "Value": "other"}], "TransitiveTagKeys": None}
    assert refused(quiet.assume, by=responder, **again)["Code"] == "InvalidParameterValue"
    team = {"Tags": [{"Key": "team", "Value": "x"}], "TransitiveTagKeys": None}
    assert refused(quiet.assume, by=responder, SourceIdentity="ex-08", **team)["Code"] == "AccessDenied"


def test_a_collect_session_cannot_go_further(quiet: Clients, keys: Keys) -> None:
    error = refused(quiet.assume, account=FORENSICS, by=keys, Tags=None, TransitiveTagKeys=None)
    assert error["Code"] == "AccessDenied"


def test_a_chained_session_works_and_inherits_the_source_identity(quiet: Clients) -> None:
    plain = {"Tags": None, "TransitiveTagKeys": None, "ExternalId": None}
    responder = quiet.keys(FORENSICS, role="jumpbag-responder", **plain)
    answer = quiet.assume(by=responder, SourceIdentity=None, DurationSeconds=3600)
    assert answer["SourceIdentity"] == "ex-07"
    assert quiet("ec2", answer["Credentials"]).describe_volumes()["Volumes"]


def test_a_session_policy_bounds_the_lease(quiet: Clients) -> None:
    policy = {
        "Version": "2012-10-17",
        "Statement": [{"Effect": "Allow", "Action": "ec2:DescribeVolumes", "Resource": "*"}],
    }
    narrow = quiet.keys(Policy=json.dumps(policy))
    assert quiet("ec2", narrow).describe_volumes()["Volumes"]
    error = refused(quiet("ec2", narrow).describe_instances)
    assert error["Code"] == "UnauthorizedOperation"
    assert "no session policy allows the ec2:DescribeInstances action" in error["Message"]
    # A session policy never gives what the role has not.
    wide = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]}
    error = refused(quiet("ec2", quiet.keys(Policy=json.dumps(wide))).stop_instances, InstanceIds=["i-0"])
    assert error["Code"] == "UnauthorizedOperation"


def test_the_organisation_can_be_walked(quiet: Clients, keys: Keys) -> None:
    organizations = quiet("organizations")
    accounts = organizations.list_accounts()["Accounts"]
    assert [account["Id"] for account in accounts] == [FORENSICS, WORKLOAD, OTHER]
    assert organizations.describe_organization()["Organization"]["Id"].startswith("o-demo")
    path: list[str] = []
    child = WORKLOAD
    while True:
        parent = organizations.list_parents(ChildId=child)["Parents"][0]
        if parent["Type"] == "ROOT":
            break
        unit = organizations.describe_organizational_unit(OrganizationalUnitId=parent["Id"])
        path.insert(0, unit["OrganizationalUnit"]["Name"])
        child = parent["Id"]
    assert path == ["Workloads", "Prod"]
    root = organizations.list_roots()["Roots"][0]["Id"]
    below = organizations.list_organizational_units_for_parent(ParentId=root)["OrganizationalUnits"]
    assert sorted(unit["Name"] for unit in below) == ["Sandbox", "Workloads"]
    assert [a["Id"] for a in organizations.list_accounts_for_parent(ParentId=root)["Accounts"]] == [FORENSICS]
    first = organizations.list_accounts(MaxResults=2)
    rest = organizations.list_accounts(MaxResults=2, NextToken=first["NextToken"])
    assert [len(page["Accounts"]) for page in (first, rest)] == [2, 1]
    assert "NextToken" not in rest
    assert refused(organizations.list_parents, ChildId="123456789012")["Code"] == "ChildNotFoundException"
    assert refused(quiet("organizations", keys).list_accounts)["Code"] == "AccessDeniedException"


def test_operations_beyond_the_embedded_cloud_say_so(quiet: Clients, keys: Keys) -> None:
    error = refused(quiet("sts").get_session_token)
    assert (error["Code"], error["Status"]) == ("NotImplementedInEmbeddedCloud", 400)
    # Unknown actions are denied, whatever a policy allows.
    error = refused(quiet("ec2", keys).allocate_address)
    assert error["Code"] == "UnauthorizedOperation"
    assert CASE not in error["Message"]
