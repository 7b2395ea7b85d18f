"""What surrounds an instance, read as a collect session or an administrator would, through the SDK."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import aiobotocore.session
import pytest

from providers.emulators.aws.identities import Document, User
from providers.emulators.range import RangeThread
from tests.emulators.clients import Clients, refused
from tests.emulators.conftest import make_pack
from tests.emulators.packs import OTHER, REGION, WORKLOAD, instance, volume

SCRIPT = "#!/bin/sh\nhostnamectl set-hostname box\n"
BOX = instance(
    "box",
    volume(size_gib=1),
    volume("/dev/sdf", size_gib=2, keep=True),
    tags={"Forensics": "Enabled"},
    profile="shop-web",
    user_data=SCRIPT,
    autoscaling_group="shop workers",
    spot=True,
    shutdown="terminate",
    termination_protection=True,
)
OLD = instance("old", volume("/dev/sda1", size_gib=1), type="m4.large")
ODD = instance("Box <1>", volume(size_gib=1))
FULL: Document = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]}


def user(clients: Clients, policy: Document = FULL, account: str = WORKLOAD) -> dict[str, str]:
    """The access key of a new user with one policy."""
    cloud = clients.range.aws
    assert cloud is not None
    made = cloud.world.identities.add_user(User(account, "someone", (policy,)))
    return {"AccessKeyId": made.access_key, "SecretAccessKey": made.secret}


@pytest.fixture(scope="module")
def around(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Clients]:
    folder = tmp_path_factory.mktemp("around")
    with RangeThread(make_pack(folder / "pack", more=[BOX, OLD, ODD]), folder / "state") as embedded:
        yield Clients(embedded)


@pytest.fixture(scope="module")
def ec2(around: Clients) -> Any:
    return around("ec2", user(around))


def find(ec2: Any, name: str = "box") -> dict[str, Any]:
    found = ec2.describe_instances(Filters=[{"Name": "tag:Name", "Values": [name]}])["Reservations"]
    one: dict[str, Any] = found[0]["Instances"][0]
    return one


def test_an_instance_shows_what_endangers_it(ec2: Any) -> None:
    box, plain = find(ec2), find(ec2, "web-01")
    assert (box["InstanceLifecycle"], box["SpotInstanceRequestId"][:4]) == ("spot", "sir-")
    assert {"Key": "aws:autoscaling:groupName", "Value": "shop workers"} in box["Tags"]
    kept = {one["DeviceName"]: one["Ebs"]["DeleteOnTermination"] for one in box["BlockDeviceMappings"]}
    assert kept == {"/dev/xvda": True, "/dev/sdf": False}
    assert box["IamInstanceProfile"]["Arn"] == f"arn:aws:iam::{WORKLOAD}:instance-profile/shop-web"
    for absent in ("InstanceLifecycle", "IamInstanceProfile", "SpotInstanceRequestId"):
        assert absent not in plain
    assert all(tag["Key"] != "aws:autoscaling:groupName" for tag in plain["Tags"])


def test_attributes(ec2: Any) -> None:
    box, plain = find(ec2)["InstanceId"], find(ec2, "web-01")["InstanceId"]

    def attribute(instance_id: str, name: str) -> Any:
        answer = ec2.describe_instance_attribute(InstanceId=instance_id, Attribute=name)
        assert answer["InstanceId"] == instance_id
        return answer[name[0].upper() + name[1:]]

    # As EC2 does: what was passed at launch comes back in base64, and nothing where there was nothing.
    assert base64.b64decode(attribute(box, "userData")["Value"]).decode() == SCRIPT
    assert attribute(plain, "userData") == {}
    assert attribute(box, "disableApiTermination") == {"Value": True}
    assert attribute(plain, "disableApiTermination") == {"Value": False}
    assert attribute(box, "instanceInitiatedShutdownBehavior") == {"Value": "terminate"}
    assert attribute(plain, "instanceInitiatedShutdownBehavior") == {"Value": "stop"}
    mapped = ec2.describe_instance_attribute(InstanceId=box, Attribute="blockDeviceMapping")
    assert mapped["BlockDeviceMappings"] == find(ec2)["BlockDeviceMappings"]
    assert refused(ec2.terminate_instances, InstanceIds=[box])["Code"] == "OperationNotPermitted"
    missing = refused(ec2.describe_instance_attribute, InstanceId="i-0123456789abcdef0", Attribute="userData")
    assert missing["Code"] == "InvalidInstanceID.NotFound"


def test_the_console_is_that_host_s_own(ec2: Any) -> None:
    box = find(ec2)
    posted = ec2.get_console_output(InstanceId=box["InstanceId"])
    assert "Hostname set to <box>" in posted["Output"]
    assert "nvme1n1: 4194304 512-byte logical blocks" in posted["Output"]
    assert box["PrivateIpAddress"] in posted["Output"]
    assert posted["Output"].endswith("box login: ")
    latest = ec2.get_console_output(InstanceId=box["InstanceId"], Latest=True)
    assert latest["Output"].startswith(posted["Output"])
    assert len(latest["Output"]) > len(posted["Output"])
    assert box["LaunchTime"] < posted["Timestamp"] < latest["Timestamp"]
    # A name that is no host name: EC2's own is used, and nothing else of it gets into the console.
    output = ec2.get_console_output(InstanceId=find(ec2, ODD["name"])["InstanceId"])["Output"]
    assert "Hostname set to <ip-" in output
    assert ODD["name"] not in output


def test_the_latest_console_needs_nitro(ec2: Any) -> None:
    old = find(ec2, "old")["InstanceId"]
    output = ec2.get_console_output(InstanceId=old)["Output"]
    assert "root=/dev/xvda1" in output and "virtualization xen" in output
    assert refused(ec2.get_console_output, InstanceId=old, Latest=True)["Code"] == "UnsupportedOperation"
    assert (
        refused(ec2.get_console_output, InstanceId="i-0123456789abcdef0")["Code"] == "InvalidInstanceID.NotFound"
    )
    assert refused(ec2.get_console_output, InstanceId=old, DryRun=True)["Code"] == "DryRunOperation"


def test_a_screenshot_is_a_picture_of_a_running_instance(ec2: Any) -> None:
    one = find(ec2, "full-01")["InstanceId"]
    answer = ec2.get_console_screenshot(InstanceId=one, WakeUp=True)
    picture = base64.b64decode(answer["ImageData"], validate=True)
    assert answer["InstanceId"] == one
    assert dimensions(picture) == (128, 96)
    ec2.stop_instances(InstanceIds=[one])
    assert refused(ec2.get_console_screenshot, InstanceId=one)["Code"] == "IncorrectInstanceState"
    assert "login:" in ec2.get_console_output(InstanceId=one)["Output"]
    # Status is told of running instances, and of all when asked so.
    assert ec2.describe_instance_status(InstanceIds=[one])["InstanceStatuses"] == []
    every = ec2.describe_instance_status(InstanceIds=[one], IncludeAllInstances=True)["InstanceStatuses"]
    assert every[0]["InstanceState"]["Name"] == "stopped"
    stopped = find(ec2, "full-01")
    assert stopped["StateReason"]["Code"] == "Client.UserInitiatedShutdown"
    ec2.start_instances(InstanceIds=[one])


def dimensions(jpeg: bytes) -> tuple[int, int]:
    """Width and height of a baseline JPEG, whose segments are walked to the scan."""
    assert jpeg[:2] == b"\xff\xd8"
    assert jpeg[-2:] == b"\xff\xd9"
    at, size = 2, (0, 0)
    while jpeg[at + 1] != 0xDA:
        assert jpeg[at] == 0xFF
        if jpeg[at + 1] == 0xC0:
            size = (int.from_bytes(jpeg[at + 7 : at + 9]), int.from_bytes(jpeg[at + 5 : at + 7]))
        at += 2 + int.from_bytes(jpeg[at + 2 : at + 4])
    return size


def test_what_belongs_to_an_instance_is_described(ec2: Any) -> None:
    box = find(ec2)
    interface = box["NetworkInterfaces"][0]
    by_id = ec2.describe_network_interfaces(NetworkInterfaceIds=[interface["NetworkInterfaceId"]])
    filters = [{"Name": "attachment.instance-id", "Values": [box["InstanceId"]]}]
    by_instance = ec2.describe_network_interfaces(Filters=filters)
    assert by_id["NetworkInterfaces"] == by_instance["NetworkInterfaces"]
    seen = by_id["NetworkInterfaces"][0]
    assert (seen["PrivateIpAddress"], seen["PrivateDnsName"]) == (box["PrivateIpAddress"], box["PrivateDnsName"])
    assert seen["Attachment"]["InstanceId"] == box["InstanceId"]
    groups = [group["GroupId"] for group in box["SecurityGroups"]]
    assert groups == [group["GroupId"] for group in seen["Groups"]]
    described = ec2.describe_security_groups(GroupIds=groups)["SecurityGroups"]
    assert (described[0]["OwnerId"], described[0]["VpcId"]) == (WORKLOAD, box["VpcId"])
    status = ec2.describe_instance_status(InstanceIds=[box["InstanceId"]])["InstanceStatuses"][0]
    assert (status["InstanceStatus"]["Status"], status["SystemStatus"]["Status"]) == ("ok", "ok")
    image = ec2.describe_images(ImageIds=[box["ImageId"]])["Images"][0]
    assert (image["Public"], image["State"], image["RootDeviceName"]) == (True, "available", "/dev/xvda")
    assert image["OwnerId"] != WORKLOAD


@pytest.mark.parametrize(
    ("operation", "parameters", "code"),
    [
        ("describe_network_interfaces", {"NetworkInterfaceIds": ["eni-0123456789abcdef0"]}, "NetworkInterfaceID"),
        ("describe_security_groups", {"GroupIds": ["sg-0123456789abcdef0"]}, "InvalidGroup.NotFound"),
        ("describe_images", {"ImageIds": ["ami-0123456789abcdef0"]}, "InvalidAMIID.NotFound"),
        ("describe_images", {"ImageIds": ["x"]}, "InvalidAMIID.Malformed"),
        ("describe_instance_status", {"InstanceIds": ["i-0123456789abcdef0"]}, "InvalidInstanceID.NotFound"),
        ("describe_instance_status", {"MaxResults": 4}, "InvalidParameterValue"),
        ("describe_instance_status", {"InstanceIds": ["i-1"], "MaxResults": 5}, "InvalidParameterCombination"),
        ("describe_network_interfaces", {"NextToken": "?"}, "InvalidPaginationToken"),
    ],
)
def test_what_is_not_there_is_said(ec2: Any, operation: str, parameters: dict[str, Any], code: str) -> None:
    assert code in refused(getattr(ec2, operation), **parameters)["Code"]


@pytest.mark.parametrize(
    ("operation", "key"),
    [("describe_network_interfaces", "NetworkInterfaces"), ("describe_instance_status", "InstanceStatuses")],
)
def test_these_are_paged_too(ec2: Any, operation: str, key: str) -> None:
    pages = ec2.get_paginator(operation).paginate(PaginationConfig={"PageSize": 5})
    sizes = [len(page[key]) for page in pages]
    assert len(sizes) == 2
    assert sizes[0] == 5
    assert sum(sizes) == len(getattr(ec2, operation)()[key])


@pytest.mark.parametrize(
    ("action", "call"),
    [
        (
            "ec2:DescribeInstanceAttribute",
            lambda ec2, i: ec2.describe_instance_attribute(InstanceId=i, Attribute="userData"),
        ),
        ("ec2:GetConsoleOutput", lambda ec2, i: ec2.get_console_output(InstanceId=i)),
        ("ec2:GetConsoleScreenshot", lambda ec2, i: ec2.get_console_screenshot(InstanceId=i)),
    ],
)
def test_one_instance_may_be_granted_alone(around: Clients, action: str, call: Callable[..., Any]) -> None:
    admin = around("ec2", user(around))
    box, plain = find(admin)["InstanceId"], find(admin, "plain-01")["InstanceId"]
    tagged = {"StringEquals": {"aws:ResourceTag/Forensics": "Enabled"}}
    for statement in (
        {"Resource": f"arn:aws:ec2:{REGION}:{WORKLOAD}:instance/{box}"},
        {"Resource": f"arn:aws:ec2:*:{WORKLOAD}:instance/*", "Condition": tagged},
    ):
        policy = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": action, **statement}]}
        ec2 = around("ec2", user(around, policy))
        assert call(ec2, box)["InstanceId"] == box
        error = refused(lambda ec2=ec2: call(ec2, plain))
        assert error["Code"] == "UnauthorizedOperation"
        assert f"instance/{plain}" in error["Message"]
        entry = around.last_call()
        assert (entry["action"], entry["decision"], entry["mutating"]) == (action, "deny", False)


def test_lists_are_not_granted_by_resource(around: Clients) -> None:
    policy = {
        "Version": "2012-10-17",
        "Statement": [{"Effect": "Allow", "Action": "ec2:*", "Resource": f"arn:aws:ec2:*:{WORKLOAD}:*"}],
    }
    ec2 = around("ec2", user(around, policy))
    for call in (ec2.describe_images, ec2.describe_security_groups, ec2.describe_network_interfaces):
        assert refused(call)["Code"] == "UnauthorizedOperation"
    assert refused(ec2.describe_instance_status)["Code"] == "UnauthorizedOperation"


def test_the_asynchronous_sdk_reads_the_same(around: Clients) -> None:
    keys = user(around)
    box = find(around("ec2", keys))["InstanceId"]

    async def read() -> tuple[Any, Any]:
        session = aiobotocore.session.get_session()
        common = {
            "endpoint_url": around.range.endpoint,
            "verify": str(Path(around.range.ca_bundle)),
            "aws_access_key_id": keys["AccessKeyId"],
            "aws_secret_access_key": keys["SecretAccessKey"],
        }
        async with (
            session.create_client("ec2", region_name=REGION, **common) as ec2,
            session.create_client("iam", region_name="us-east-1", **common) as iam,
        ):
            return await ec2.get_console_output(InstanceId=box), await iam.get_role(RoleName="shop-web")

    console, role = asyncio.run(read())
    assert "box login:" in console["Output"]
    assert role["Role"]["AssumeRolePolicyDocument"]["Statement"][0]["Principal"] == {
        "Service": "ec2.amazonaws.com"
    }


def test_nobody_sees_another_account_s_instance(around: Clients) -> None:
    admin, stranger = around("ec2", user(around)), around("ec2", user(around, account=OTHER))
    box = find(admin)["InstanceId"]
    assert refused(stranger.get_console_output, InstanceId=box)["Code"] == "InvalidInstanceID.NotFound"
