"""Faults that are about an account or a service: who is throttled, and what an account loses that leaves."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from providers.emulators.range import RangeThread
from tests.emulators.clients import Clients, refused
from tests.emulators.conftest import make_pack
from tests.emulators.packs import ACCOUNTS, FORENSICS, OTHER, WORKLOAD
from tests.emulators.test_instances import FULL, user

Serve = Callable[..., Clients]
CALLS: dict[str, tuple[str, str, dict[str, Any]]] = {
    "ec2": ("ec2", "describe_volumes", {}),
    "sts": ("sts", "get_caller_identity", {}),
    "ebs": ("ebs", "list_snapshot_blocks", {"SnapshotId": "snap-0"}),
    "iam": ("iam", "get_role", {"RoleName": "jumpbag-collect"}),
    "kms": ("kms", "describe_key", {"KeyId": "alias/aws/ebs"}),
    "organizations": ("organizations", "list_accounts", {}),
    "tagging": ("resourcegroupstaggingapi", "get_resources", {}),
}
THROTTLED = {
    "ec2": "RequestLimitExceeded",
    "sts": "Throttling",
    "ebs": "RequestThrottledException",
    "iam": "Throttling",
    "kms": "ThrottlingException",
    "organizations": "TooManyRequestsException",
    "tagging": "ThrottledException",
}


def test_only_the_named_services_are_throttled(serve: Serve) -> None:
    clients = serve(faults={"throttle": 1.0, "throttle_services": ["kms"]})
    keys = user(clients)

    def outcome(service: str) -> str | None:
        name, operation, parameters = CALLS[service]
        client = clients(name, keys, "us-east-1" if service == "iam" else "eu-west-1")
        try:
            getattr(client, operation)(**parameters)
        except client.exceptions.ClientError as error:
            return str(error.response["Error"]["Code"])
        return None

    for one in CALLS:
        clients.range.faults(throttle_services=[one])
        for other in CALLS:
            assert (outcome(other) == THROTTLED[other]) is (other == one), (one, other)
    clients.range.faults(throttle_services=None)
    assert {service: outcome(service) for service in CALLS} == THROTTLED


def accounts(clients: Clients) -> set[str]:
    return {one["Id"] for one in clients("organizations").list_accounts()["Accounts"]}


def test_an_account_that_left_is_out_of_the_organisation(serve: Serve) -> None:
    clients = serve()
    organizations = clients("organizations")
    parent = organizations.list_parents(ChildId=WORKLOAD)["Parents"][0]["Id"]
    assert accounts(clients) == {FORENSICS, WORKLOAD, OTHER}
    assert clients.range.faults(left_accounts=[WORKLOAD])["left_accounts"] == [WORKLOAD]
    assert accounts(clients) == {FORENSICS, OTHER}
    assert organizations.list_accounts_for_parent(ParentId=parent)["Accounts"] == []
    assert refused(organizations.describe_account, AccountId=WORKLOAD)["Code"] == "AccountNotFoundException"
    assert refused(organizations.list_parents, ChildId=WORKLOAD)["Code"] == "ChildNotFoundException"
    clients.range.faults(left_accounts=None)
    assert organizations.describe_account(AccountId=WORKLOAD)["Account"]["Id"] == WORKLOAD


def test_its_collect_role_is_gone_and_live_sessions_go_on(serve: Serve) -> None:
    clients = serve()
    keys = clients.keys()
    clients("ec2", keys).describe_volumes()
    clients.range.faults(left_accounts=[WORKLOAD])
    error = refused(clients.assume)
    assert (error["Code"], error["Status"]) == ("AccessDenied", 403)
    # The vendor does not say whether the role exists.
    clients.range.faults(left_accounts=None)
    stranger = refused(clients.assume, account=OTHER)
    assert stranger["Message"].replace(OTHER, WORKLOAD) == error["Message"]
    clients.range.faults(left_accounts=[WORKLOAD])
    clients("ec2", keys).describe_volumes()
    # In the account itself the role is not to be found either.
    iam = clients("iam", user(clients), "us-east-1")
    assert refused(iam.get_role, RoleName="jumpbag-collect")["Code"] == "NoSuchEntity"
    clients.range.faults(left_accounts=[])
    clients.assume()


def guarded(folder: Path) -> list[dict[str, Any]]:
    """The usual accounts; the workload account is under a control that forbids DescribeVolumes."""
    statement = {"Effect": "Deny", "Action": "ec2:DescribeVolumes", "Resource": "*"}
    folder.mkdir()
    control = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    (folder / "scp.json").write_text(control, encoding="utf-8")
    return [{**one, **({"scp": "scp.json"} if one["id"] == WORKLOAD else {})} for one in ACCOUNTS]


def test_its_controls_and_its_organisation_no_longer_hold(tmp_path: Path) -> None:
    pack = make_pack(tmp_path / "pack", accounts=guarded(tmp_path / "pack"))
    with RangeThread(pack, tmp_path / "state") as embedded:
        controls_fall(Clients(embedded))


def controls_fall(clients: Clients) -> None:
    cloud = clients.range.aws
    assert cloud is not None
    inside = {"StringEquals": {"aws:PrincipalOrgID": cloud.world.organization.id}}
    statement = {"Effect": "Allow", "Action": "ec2:DescribeSnapshots", "Resource": "*", "Condition": inside}
    member = clients("ec2", user(clients, {"Version": "2012-10-17", "Statement": [statement]}))
    admin = clients("ec2", user(clients, FULL))
    error = refused(admin.describe_volumes)
    assert "service control policy" in error["Message"]
    member.describe_snapshots()
    clients.range.faults(left_accounts=[WORKLOAD])
    admin.describe_volumes()
    assert refused(member.describe_snapshots)["Code"] == "UnauthorizedOperation"


def test_a_pack_may_start_with_an_account_that_left(serve: Serve) -> None:
    clients = serve(faults={"left_accounts": [OTHER]})
    assert accounts(clients) == {FORENSICS, WORKLOAD}
    clients.assume()
