"""Faults: set in the scenario, switched while running, each in the vendor's own words."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Any

import pytest
from botocore.exceptions import BotoCoreError, ClientError

from providers.emulators.scenario import ScenarioError
from tests.emulators.clients import CASE_TAGS, Clients, await_until, refused

Serve = Callable[..., Clients]


@pytest.mark.parametrize(
    ("service", "operation", "parameters", "code", "status"),
    [
        ("ec2", "describe_volumes", {}, "RequestLimitExceeded", 503),
        ("sts", "get_caller_identity", {}, "Throttling", 400),
        ("ebs", "list_snapshot_blocks", {"SnapshotId": "snap-0"}, "RequestThrottledException", 400),
        ("organizations", "list_accounts", {}, "TooManyRequestsException", 400),
        ("kms", "describe_key", {"KeyId": "k"}, "ThrottlingException", 400),
        ("resourcegroupstaggingapi", "get_resources", {}, "ThrottledException", 400),
    ],
)
def test_throttling(
    serve: Serve, service: str, operation: str, parameters: dict[str, Any], code: str, status: int
) -> None:
    clients = serve(faults={"throttle": 1.0})
    error = refused(getattr(clients(service), operation), **parameters)
    assert (error["Code"], error["Status"]) == (code, status)
    call = clients.last_call()
    assert (call["decision"], call["code"], call["request_id"]) == ("error", code, error["RequestId"])


def test_a_share_of_calls_is_throttled(serve: Serve) -> None:
    clients = serve(faults={"throttle": 0.3})
    outcomes = []
    for _ in range(60):
        try:
            clients("sts").get_caller_identity()
            outcomes.append(True)
        except ClientError:
            outcomes.append(False)
    assert 5 <= outcomes.count(False) <= 35


@pytest.mark.parametrize(
    ("service", "operation", "parameters", "code"),
    [
        ("ec2", "describe_volumes", {}, "RequestExpired"),
        ("sts", "get_caller_identity", {}, "ExpiredToken"),
        ("ebs", "list_snapshot_blocks", {"SnapshotId": "snap-0"}, "ExpiredTokenException"),
        ("kms", "describe_key", {"KeyId": "k"}, "ExpiredTokenException"),
    ],
)
def test_leases_are_refused_early(
    serve: Serve, service: str, operation: str, parameters: dict[str, Any], code: str
) -> None:
    clients = serve()
    keys = clients.keys()
    clients("ec2", keys).describe_volumes()
    clients.range.faults(expire_leases_after_s=0)
    error = refused(getattr(clients(service, keys), operation), **parameters)
    assert error["Code"] == code
    # The user's own key does not expire, and without the fault the lease is good again.
    clients("sts").get_caller_identity()
    clients.range.faults(expire_leases_after_s=None)
    clients("ec2", keys).describe_volumes()


def test_leases_really_end(serve: Serve) -> None:
    clients = serve(faults={"lease_ttl_s": 2})
    answer = clients.assume()["Credentials"]
    assert answer["Expiration"] - datetime.now(UTC) <= timedelta(seconds=2)
    ec2 = clients("ec2", answer)

    def ended() -> bool:
        try:
            ec2.describe_volumes()
        except ClientError as error:
            assert error.response["Error"]["Code"] == "RequestExpired"
            assert datetime.now(UTC) >= answer["Expiration"]
            return True
        return False

    await_until(ended)


@pytest.mark.parametrize("number", [True, False])
def test_a_corrupt_block_does_not_match_its_checksum(serve: Serve, number: bool) -> None:
    clients = serve()
    keys = clients.keys()
    volume = clients.volume(keys, "web-01")
    snapshot = clients.snapshot(keys, volume)
    ebs = clients("ebs", keys)
    clients.range.faults(corrupt_blocks=["vol:0:17" if number else f"{volume}:17"])

    def sound() -> dict[int, bool]:
        result = {}
        for block in ebs.list_snapshot_blocks(SnapshotId=snapshot)["Blocks"]:
            answer = ebs.get_snapshot_block(
                SnapshotId=snapshot, BlockIndex=block["BlockIndex"], BlockToken=block["BlockToken"]
            )
            digest = base64.b64encode(hashlib.sha256(answer["BlockData"].read()).digest()).decode()
            result[block["BlockIndex"]] = digest == answer["Checksum"]
        return result

    assert sound() == {0: True, 1: True, 17: False, 900: True, 1500: True}
    clients.range.faults(corrupt_blocks=None)
    assert all(sound().values())


def test_actions_are_denied_by_name(serve: Serve) -> None:
    clients = serve(faults={"deny": ["ec2:CreateSnapshot", "ebs:ListSnapshotBlocks"]})
    keys = clients.keys()
    tags = [{"ResourceType": "snapshot", "Tags": CASE_TAGS}]
    error = refused(
        clients("ec2", keys).create_snapshot, VolumeId=clients.volume(keys, "web-01"), TagSpecifications=tags
    )
    assert (error["Code"], error["Status"]) == ("UnauthorizedOperation", 403)
    assert clients.last_call()["decision"] == "deny"
    error = refused(clients("ebs", keys).list_snapshot_blocks, SnapshotId="snap-0")
    assert error["Code"] == "AccessDeniedException"


def test_connections_are_dropped_before_and_after_the_call(serve: Serve) -> None:
    clients = serve(faults={"drop_connections": 1.0})
    for _ in range(12):
        with pytest.raises(BotoCoreError):
            clients("sts").get_caller_identity()
    decisions = [(call["decision"], call["code"]) for call in clients.range.state()["calls"]]
    assert set(decisions) == {("allow", None), ("error", "ConnectionDropped")}
    clients.range.faults(drop_connections=0)
    clients("sts").get_caller_identity()


def test_a_block_may_be_cut_off(serve: Serve) -> None:
    clients = serve()
    keys = clients.keys()
    snapshot = clients.snapshot(keys, clients.volume(keys, "web-01"))
    ebs = clients("ebs", keys)
    block = ebs.list_snapshot_blocks(SnapshotId=snapshot)["Blocks"][0]
    clients.range.faults(drop_connections=1.0)
    for _ in range(8):
        with pytest.raises((BotoCoreError, OSError)):
            ebs.get_snapshot_block(
                SnapshotId=snapshot, BlockIndex=block["BlockIndex"], BlockToken=block["BlockToken"]
            )["BlockData"].read()


@pytest.mark.parametrize(("skew", "said"), [(1200, "Signature expired: "), (-1200, "Signature not yet current: ")])
def test_a_clock_that_is_apart_refuses_what_is_signed_by_another(serve: Serve, skew: int, said: str) -> None:
    clients = serve(faults={"clock_skew_s": skew})
    for service, operation, code in (
        ("sts", "get_caller_identity", "SignatureDoesNotMatch"),
        ("organizations", "list_roots", "InvalidSignatureException"),
    ):
        error = refused(getattr(clients(service), operation))
        assert error["Code"] == code and error["Message"].startswith(said)
    assert refused(clients("ec2").describe_volumes)["Code"] == "RequestExpired"


def test_a_clock_that_is_a_little_apart_says_so(serve: Serve) -> None:
    clients = serve(faults={"clock_skew_s": 600})
    answer = clients.assume()
    there = parsedate_to_datetime(answer["ResponseMetadata"]["HTTPHeaders"]["date"])
    assert timedelta(seconds=590) < there - datetime.now(UTC) < timedelta(seconds=610)
    ends = answer["Credentials"]["Expiration"] - datetime.now(UTC)
    assert timedelta(seconds=590) < ends % timedelta(seconds=900) < timedelta(seconds=610)


def test_faults_are_switched_while_running(serve: Serve) -> None:
    clients = serve(faults={"latency_ms": [1, 2]})
    assert clients.range.faults() == {
        "lease_ttl_s": None,
        "latency_ms": [1.0, 2.0],
        "throttle": 0.0,
        "expire_leases_after_s": None,
        "corrupt_blocks": [],
        "drop_connections": 0.0,
        "deny": [],
        "throttle_services": [],
        "fail_copies_at": None,
        "disabled_keys": [],
        "lose_snapshots_after_s": None,
        "left_accounts": [],
        "clock_skew_s": 0,
    }
    assert clients.range.faults(throttle=0.5)["latency_ms"] == [1.0, 2.0]
    assert clients.range.faults(latency_ms=None)["latency_ms"] == [0.0, 0.0]
    for wrong in (
        {"gravity": 1},
        {"throttle": 2},
        {"throttle": "much"},
        {"corrupt_blocks": ["x"]},
        {"gravity": None},
    ):
        with pytest.raises(ScenarioError) as caught:
            clients.range.faults(**wrong)
        assert next(iter(wrong)) in caught.value.message
    assert clients.range.faults()["throttle"] == 0.5
    # Switching is no call of the cloud's, and neither is building the scenario.
    assert clients.range.state() == {"calls": [], "blocks": []}
