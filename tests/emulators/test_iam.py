"""IAM's reads: profiles, roles, the three kinds of policies on them, and who may read which."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from urllib.parse import unquote

import pytest

from providers.emulators.range import RangeThread
from tests.emulators.clients import Clients, refused
from tests.emulators.conftest import make_pack
from tests.emulators.packs import OTHER, WORKLOAD, instance, volume
from tests.emulators.test_instances import FULL, user

PROFILE = f"arn:aws:iam::{WORKLOAD}:instance-profile/shop"
ROLE = f"arn:aws:iam::{WORKLOAD}:role/shop"
CORE = "arn:aws:iam::aws:policy/AmazonSSMManagedInstanceCore"
OWN = f"arn:aws:iam::{WORKLOAD}:policy/shop-assets"
# Operation, parameters, action, the one resource that it is authorised on.
READS: list[tuple[str, dict[str, Any], str, str]] = [
    ("get_instance_profile", {"InstanceProfileName": "shop"}, "iam:GetInstanceProfile", PROFILE),
    ("get_role", {"RoleName": "shop"}, "iam:GetRole", ROLE),
    ("list_role_policies", {"RoleName": "shop"}, "iam:ListRolePolicies", ROLE),
    ("get_role_policy", {"RoleName": "shop", "PolicyName": "shop-parameters"}, "iam:GetRolePolicy", ROLE),
    ("list_attached_role_policies", {"RoleName": "shop"}, "iam:ListAttachedRolePolicies", ROLE),
    ("get_policy", {"PolicyArn": CORE}, "iam:GetPolicy", CORE),
    ("get_policy_version", {"PolicyArn": OWN, "VersionId": "v1"}, "iam:GetPolicyVersion", OWN),
]


@pytest.fixture(scope="module")
def clients(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Clients]:
    folder = tmp_path_factory.mktemp("iam")
    twins = [instance(name, volume(size_gib=1), profile="shop") for name in ("shop-01", "shop-02")]
    with RangeThread(make_pack(folder / "pack", more=twins), folder / "state") as embedded:
        yield Clients(embedded)


@pytest.fixture(scope="module")
def iam(clients: Clients) -> Any:
    return clients("iam", user(clients), "us-east-1")


def test_from_an_instance_to_what_it_may_do(clients: Clients, iam: Any) -> None:
    ec2 = clients("ec2", user(clients))
    filters = [{"Name": "tag:Name", "Values": ["shop-0*"]}]
    found = ec2.describe_instances(Filters=filters)["Reservations"]
    worn = {one["Instances"][0]["IamInstanceProfile"]["Id"] for one in found}
    profile = iam.get_instance_profile(InstanceProfileName="shop")["InstanceProfile"]
    assert len(found) == 2
    assert worn == {profile["InstanceProfileId"]}
    assert (profile["Arn"], [role["Arn"] for role in profile["Roles"]]) == (PROFILE, [ROLE])
    role = iam.get_role(RoleName="shop")["Role"]
    assert (role["Arn"], role["MaxSessionDuration"]) == (ROLE, 3600)
    assert role["AssumeRolePolicyDocument"]["Statement"][0]["Principal"] == {"Service": "ec2.amazonaws.com"}
    assert role["RoleLastUsed"]["Region"] == "eu-west-1"
    listed = iam.list_role_policies(RoleName="shop")
    assert (listed["PolicyNames"], listed["IsTruncated"]) == (["shop-parameters"], False)
    inline = iam.get_role_policy(RoleName="shop", PolicyName="shop-parameters")["PolicyDocument"]
    assert "ssm:GetParameter" in inline["Statement"][0]["Action"]
    attached = [one["PolicyArn"] for one in iam.list_attached_role_policies(RoleName="shop")["AttachedPolicies"]]
    assert attached == [CORE, OWN]
    for arn in attached:
        policy = iam.get_policy(PolicyArn=arn)["Policy"]
        assert (policy["Arn"], policy["AttachmentCount"], policy["IsAttachable"]) == (arn, 1, True)
        version = iam.get_policy_version(PolicyArn=arn, VersionId=policy["DefaultVersionId"])["PolicyVersion"]
        assert version["IsDefaultVersion"]
        assert version["Document"]["Version"] == "2012-10-17"


def test_documents_are_url_encoded_on_the_wire(clients: Clients, iam: Any) -> None:
    seen: list[str] = []

    def note(response_dict: Any, **_: Any) -> None:
        seen.append(response_dict["body"].decode())

    iam.meta.events.register("before-parse.iam.GetRolePolicy", note)
    document = iam.get_role_policy(RoleName="shop", PolicyName="shop-parameters")["PolicyDocument"]
    raw = seen[0].partition("<PolicyDocument>")[2].partition("</PolicyDocument>")[0]
    assert raw.startswith("%7B%0A")
    assert not set(raw) & set('{}" :/')
    assert str(document["Statement"][0]["Resource"]) in unquote(raw)


def test_the_roles_of_the_examiners_are_read_too(iam: Any) -> None:
    role = iam.get_role(RoleName="jumpbag-collect")["Role"]
    assert role["Arn"] == f"arn:aws:iam::{WORKLOAD}:role/jumpbag-collect"
    names = iam.list_role_policies(RoleName="jumpbag-collect")["PolicyNames"]
    assert names
    assert iam.get_role_policy(RoleName="jumpbag-collect", PolicyName=names[0])["PolicyDocument"]["Statement"]


def test_lists_are_paged(iam: Any) -> None:
    pages = iam.get_paginator("list_attached_role_policies").paginate(
        RoleName="shop", PaginationConfig={"PageSize": 1}
    )
    assert [len(page["AttachedPolicies"]) for page in pages] == [1, 1]
    for wrong in ({"MaxItems": 0}, {"MaxItems": 1001}, {"Marker": "?"}):
        with pytest.raises(Exception, match=r"(?i)valid"):
            iam.list_role_policies(RoleName="shop", **wrong)


@pytest.mark.parametrize(
    ("operation", "parameters"),
    [
        ("get_instance_profile", {"InstanceProfileName": "none"}),
        ("get_role", {"RoleName": "none"}),
        ("list_role_policies", {"RoleName": "none"}),
        ("get_role_policy", {"RoleName": "shop", "PolicyName": "none"}),
        ("get_policy", {"PolicyArn": "arn:aws:iam::aws:policy/Nothing"}),
        ("get_policy_version", {"PolicyArn": OWN, "VersionId": "v9"}),
    ],
)
def test_what_is_not_there_is_said(iam: Any, operation: str, parameters: dict[str, str]) -> None:
    error = refused(getattr(iam, operation), **parameters)
    assert (error["Code"], error["Status"]) == ("NoSuchEntity", 404)


@pytest.mark.parametrize(("operation", "parameters", "action", "resource"), READS)
def test_each_read_is_granted_on_its_resource(
    clients: Clients, operation: str, parameters: dict[str, Any], action: str, resource: str
) -> None:
    def keys(**statement: str) -> dict[str, str]:
        return user(clients, {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", **statement}]})

    granted = clients("iam", keys(Action=action, Resource=resource), "us-east-1")
    getattr(granted, operation)(**parameters)
    call = clients.last_call()
    assert (call["action"], call["resources"], call["mutating"]) == (action, [resource], False)
    for statement in (
        {"Action": action, "Resource": f"{resource}-other"},
        {"Action": "iam:GetUser", "Resource": resource},
    ):
        error = refused(getattr(clients("iam", keys(**statement), "us-east-1"), operation), **parameters)
        assert (error["Code"], error["Status"]) == ("AccessDenied", 403)
        assert action in error["Message"] and resource in error["Message"]


def test_whether_a_thing_exists_is_not_told_to_strangers(clients: Clients) -> None:
    nobody = clients("iam", user(clients, {"Version": "2012-10-17", "Statement": []}), "us-east-1")
    assert refused(nobody.get_role, RoleName="none")["Code"] == "AccessDenied"
    abroad = clients("iam", user(clients, FULL, OTHER), "us-east-1")
    assert refused(abroad.get_policy, PolicyArn=OWN)["Code"] == "AccessDenied"
    assert refused(abroad.get_role, RoleName="shop")["Code"] == "NoSuchEntity"
    assert abroad.get_policy(PolicyArn=CORE)["Policy"]["AttachmentCount"] == 0


def test_iam_is_signed_for_its_one_region(clients: Clients) -> None:
    error = refused(clients("iam", user(clients), "eu-west-1").get_role, RoleName="shop")
    assert (error["Code"], error["Status"]) == ("SignatureDoesNotMatch", 403)
    assert "valid region" in error["Message"]


def test_what_is_not_embedded_is_refused(iam: Any) -> None:
    assert refused(iam.list_users)["Code"] == "AccessDenied"
    assert refused(iam.delete_role, RoleName="shop")["Code"] == "AccessDenied"
