"""Real SDK clients against a running range."""

from __future__ import annotations

import configparser
import time
from collections.abc import Callable, Mapping
from typing import Any

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

from providers.emulators.aws.identities import User
from providers.emulators.range import Range
from tests.emulators.packs import REGION, WORKLOAD

Keys = Mapping[str, str]
CASE = "IR-2026-042"
CASE_TAGS = [{"Key": "ir-case", "Value": CASE}]
_CONFIG = Config(retries={"mode": "standard", "total_max_attempts": 1}, connect_timeout=5, read_timeout=20)


class Clients:
    """Clients of one range: as the examiner's user, or with keys that STS gave."""

    def __init__(self, embedded: Range) -> None:
        self.range = embedded
        parser = configparser.ConfigParser()
        parser.read(embedded.credentials_path)
        self.user: Keys = {
            "AccessKeyId": parser["forensics"]["aws_access_key_id"],
            "SecretAccessKey": parser["forensics"]["aws_secret_access_key"],
        }
        self._made: dict[tuple[str, str, str], Any] = {}

    def __call__(self, service: str, keys: Keys | None = None, region: str = REGION) -> Any:
        keys = keys or self.user
        # Making a client parses the service's model; tests use the same one again.
        name = (service, keys["AccessKeyId"], region)
        if name not in self._made:
            self._made[name] = boto3.client(
                service,
                endpoint_url=self.range.endpoint,
                verify=str(self.range.ca_bundle),
                region_name=region,
                aws_access_key_id=keys["AccessKeyId"],
                aws_secret_access_key=keys["SecretAccessKey"],
                aws_session_token=keys.get("SessionToken"),
                config=_CONFIG,
            )
        return self._made[name]

    def assume(
        self, account: str = WORKLOAD, by: Keys | None = None, role: str = "jumpbag-collect", **changes: Any
    ) -> dict[str, Any]:
        """AssumeRole as the product would do it; ``changes`` replace parameters, None leaves one out."""
        parameters: dict[str, Any] = {
            "RoleArn": f"arn:aws:iam::{account}:role/{role}",
            "RoleSessionName": "L-0001",
            "ExternalId": f"jumpbag-{self.range.scenario.name}",
            "SourceIdentity": "ex-07",
            "Tags": CASE_TAGS,
            "TransitiveTagKeys": ["ir-case"],
            **changes,
        }
        given = {key: value for key, value in parameters.items() if value is not None}
        answer: dict[str, Any] = self("sts", by).assume_role(**given)
        return answer

    def keys(self, account: str = WORKLOAD, **changes: Any) -> dict[str, str]:
        """The credentials of a collect session."""
        credentials: dict[str, str] = self.assume(account, **changes)["Credentials"]
        return credentials

    def volume(self, keys: Keys, name: str, device: str = "/dev/xvda", region: str = REGION) -> str:
        """The id of the volume at ``device`` of the instance called ``name``."""
        filters = [{"Name": "tag:Name", "Values": [name]}]
        found = self("ec2", keys, region).describe_instances(Filters=filters)["Reservations"]
        for mapping in found[0]["Instances"][0]["BlockDeviceMappings"]:
            if mapping["DeviceName"] == device:
                return str(mapping["Ebs"]["VolumeId"])
        raise AssertionError(f"{name} has no {device}")

    def snapshot(self, keys: Keys, volume_id: str, tags: list[dict[str, str]] | None = None) -> str:
        """A completed snapshot of this case."""
        answer = self("ec2", keys).create_snapshot(
            VolumeId=volume_id, TagSpecifications=[{"ResourceType": "snapshot", "Tags": tags or CASE_TAGS}]
        )
        snapshot_id = str(answer["SnapshotId"])
        await_until(lambda: self.state(keys, snapshot_id) == "completed")
        return snapshot_id

    def state(self, keys: Keys, snapshot_id: str) -> str:
        found = self("ec2", keys).describe_snapshots(SnapshotIds=[snapshot_id])["Snapshots"]
        return str(found[0]["State"])

    def last_call(self) -> dict[str, Any]:
        """The journal's newest entry."""
        call: dict[str, Any] = self.range.state()["calls"][-1]
        return call


EVERYTHING: dict[str, Any] = {"Effect": "Allow", "Action": "*", "Resource": "*"}


def admin(clients: Clients, account: str, *statements: dict[str, Any]) -> Keys:
    """Keys of a user with the policy of ``statements``, else one that may do everything."""
    aws = clients.range.aws
    assert aws is not None
    policy = {"Version": "2012-10-17", "Statement": list(statements) or [EVERYTHING]}
    user = aws.world.identities.add_user(User(account, "admin", (policy,)))
    return {"AccessKeyId": user.access_key, "SecretAccessKey": user.secret}


def permission(*accounts: str) -> dict[str, Any]:
    return {
        "Attribute": "createVolumePermission",
        "CreateVolumePermission": {"Add": [{"UserId": account} for account in accounts]},
    }


def await_until(condition: Callable[[], bool], seconds: float = 20.0) -> None:
    """Returns when ``condition`` holds; fails after ``seconds``."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "the condition did not come true in time"
        time.sleep(0.02)


def refused(call: Callable[..., Any], **parameters: Any) -> dict[str, Any]:
    """The ``Error`` of a call that must fail, with ``Status`` and ``RequestId`` added."""
    with pytest.raises(ClientError) as caught:
        call(**parameters)
    meta = caught.value.response["ResponseMetadata"]
    return {
        **caught.value.response["Error"],
        "Status": meta["HTTPStatusCode"],
        "RequestId": meta.get("RequestId"),
        "Reason": caught.value.response.get("Reason"),
    }
