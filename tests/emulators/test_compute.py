"""EC2 through real clients: what is there, who may snapshot what, how snapshots come to be."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from tests.emulators.clients import CASE_TAGS, Clients, Keys, await_until, refused
from tests.emulators.packs import FORENSICS, OTHER, WORKLOAD, instance, volume


def spec(*tags: tuple[str, str]) -> list[dict[str, Any]]:
    return [{"ResourceType": "snapshot", "Tags": [{"Key": key, "Value": value} for key, value in tags]}]


def test_instances_and_volumes_are_those_of_the_scenario(quiet: Clients, keys: Keys) -> None:
    ec2 = quiet("ec2", keys)
    found = [one for r in ec2.describe_instances()["Reservations"] for one in r["Instances"]]
    names = [next(tag["Value"] for tag in one["Tags"] if tag["Key"] == "Name") for one in found]
    assert names == ["web-01", "plain-01", "other-tag", "full-01", "secret-01", "blank-01"]
    web = found[0]
    assert (web["State"]["Name"], web["RootDeviceName"], web["InstanceType"]) == (
        "running",
        "/dev/xvda",
        "t3.medium",
    )
    volumes = {one["VolumeId"]: one for one in ec2.describe_volumes()["Volumes"]}
    assert len(volumes) == 8
    disk = volumes[web["BlockDeviceMappings"][0]["Ebs"]["VolumeId"]]
    assert (disk["Size"], disk["State"], disk["Encrypted"]) == (1, "in-use", False)
    assert disk["Tags"] == [{"Key": "Forensics", "Value": "Enabled"}]
    assert disk["Attachments"][0]["InstanceId"] == web["InstanceId"]
    # An instance's tags do not spread to its volumes.
    plain = volumes[found[1]["BlockDeviceMappings"][0]["Ebs"]["VolumeId"]]
    assert not plain.get("Tags")
    assert (
        quiet("ec2", keys, "eu-central-1").describe_volumes()["Volumes"][0]["AvailabilityZone"] == "eu-central-1a"
    )
    assert quiet("ec2", keys, "us-east-1").describe_volumes()["Volumes"] == []
    assert quiet("ec2", quiet.keys(FORENSICS)).describe_instances()["Reservations"] == []


def test_encryption_shows_whose_key_it_is(quiet: Clients, keys: Keys) -> None:
    managers = {}
    for device in ("/dev/xvda", "/dev/sdf"):
        one = quiet("ec2", keys).describe_volumes(VolumeIds=[quiet.volume(keys, "secret-01", device)])["Volumes"][
            0
        ]
        assert one["Encrypted"]
        key = quiet("kms", keys).describe_key(KeyId=one["KmsKeyId"])["KeyMetadata"]
        assert key["Arn"] == one["KmsKeyId"]
        managers[device] = key["KeyManager"]
    assert managers == {"/dev/xvda": "CUSTOMER", "/dev/sdf": "AWS"}
    assert quiet("kms", keys).describe_key(KeyId="alias/aws/ebs")["KeyMetadata"]["KeyManager"] == "AWS"
    assert refused(quiet("kms", keys).describe_key, KeyId="alias/none")["Code"] == "NotFoundException"


def test_lists_are_paged(quiet: Clients, keys: Keys) -> None:
    ec2 = quiet("ec2", keys)
    first = ec2.describe_volumes(MaxResults=5)
    rest = ec2.describe_volumes(MaxResults=5, NextToken=first["NextToken"])
    assert [len(page["Volumes"]) for page in (first, rest)] == [5, 3]
    assert len({one["VolumeId"] for page in (first, rest) for one in page["Volumes"]}) == 8
    assert "NextToken" not in rest
    assert refused(ec2.describe_volumes, MaxResults=4)["Code"] == "InvalidParameterValue"
    assert refused(ec2.describe_volumes, NextToken="?!")["Code"] == "InvalidPaginationToken"
    assert refused(ec2.describe_volumes, VolumeIds=["vol-0"])["Code"] == "InvalidVolume.NotFound"


def test_regions_and_a_region_that_is_none(quiet: Clients, keys: Keys) -> None:
    names = {region["RegionName"] for region in quiet("ec2", keys).describe_regions()["Regions"]}
    assert {"eu-west-1", "eu-central-1", "us-east-1"} <= names
    assert refused(quiet("ec2", keys, "eu-west-9").describe_volumes)["Code"] == "AuthFailure"


def test_tagged_resources_are_found_by_the_tagging_service(quiet: Clients, keys: Keys) -> None:
    found = quiet("resourcegroupstaggingapi", keys).get_resources(
        TagFilters=[{"Key": "Forensics", "Values": ["Enabled"]}], ResourceTypeFilters=["ec2:volume"]
    )["ResourceTagMappingList"]
    assert len(found) == 6
    assert all(f":{WORKLOAD}:volume/vol-" in one["ResourceARN"] for one in found)


@pytest.mark.parametrize("name", ["plain-01", "other-tag"])
def test_an_untagged_volume_is_not_snapshotted(quiet: Clients, keys: Keys, name: str) -> None:
    error = refused(
        quiet("ec2", keys).create_snapshot,
        VolumeId=quiet.volume(keys, name),
        TagSpecifications=spec(("ir-case", "x")),
    )
    assert (error["Code"], error["Status"]) == ("UnauthorizedOperation", 403)
    assert ":volume/vol-" in error["Message"]
    call = quiet.last_call()
    assert (call["action"], call["decision"], call["mutating"]) == ("ec2:CreateSnapshot", "deny", True)
    assert call["request_id"] == error["RequestId"]


@pytest.mark.parametrize("tags", [(), (("ir-case", "another"),), (("team", "x"),)])
def test_the_new_snapshot_must_carry_the_sessions_case(
    quiet: Clients, keys: Keys, tags: tuple[tuple[str, str], ...]
) -> None:
    parameters = {"TagSpecifications": spec(*tags)} if tags else {}
    error = refused(quiet("ec2", keys).create_snapshot, VolumeId=quiet.volume(keys, "web-01"), **parameters)
    assert error["Code"] == "UnauthorizedOperation"
    assert "::snapshot/*" in error["Message"]


def test_a_snapshot_is_made_and_the_journal_names_it(quiet: Clients, keys: Keys) -> None:
    volume_id = quiet.volume(keys, "web-01")
    answer = quiet("ec2", keys).create_snapshot(
        VolumeId=volume_id,
        Description="for the case",
        TagSpecifications=[{"ResourceType": "snapshot", "Tags": CASE_TAGS}],
    )
    assert (answer["State"], answer["VolumeSize"], answer["OwnerId"]) == ("pending", 1, WORKLOAD)
    call = quiet.last_call()
    assert call["resources"] == [
        f"arn:aws:ec2:eu-west-1:{WORKLOAD}:volume/{volume_id}",
        f"arn:aws:ec2:eu-west-1::snapshot/{answer['SnapshotId']}",
    ]
    assert (call["decision"], call["session"], call["account"]) == ("allow", "L-0001", WORKLOAD)
    assert call["request_id"] == answer["ResponseMetadata"]["RequestId"]
    assert answer["ResponseMetadata"]["HTTPHeaders"]["x-amzn-requestid"] == call["request_id"]
    await_until(lambda: quiet.state(keys, answer["SnapshotId"]) == "completed")
    found = quiet("ec2", keys).describe_snapshots(
        Filters=[{"Name": "tag:ir-case", "Values": [CASE_TAGS[0]["Value"]]}]
    )
    mine = next(one for one in found["Snapshots"] if one["SnapshotId"] == answer["SnapshotId"])
    assert (mine["Progress"], mine["Description"], mine["Tags"]) == ("100%", "for the case", CASE_TAGS)


def test_a_snapshot_takes_time_and_shows_progress(serve: Callable[..., Clients]) -> None:
    # 50 s at speed 1 for this size: 1 s here.
    clients = serve(speed=50.0)
    keys = clients.keys()
    ec2 = clients("ec2", keys)
    made = ec2.create_snapshot(
        VolumeId=clients.volume(keys, "web-01"),
        TagSpecifications=[{"ResourceType": "snapshot", "Tags": CASE_TAGS}],
    )
    assert (made["State"], made["Progress"]) == ("pending", "0%")
    seen: list[int] = []

    def finished() -> bool:
        one = ec2.describe_snapshots(SnapshotIds=[made["SnapshotId"]])["Snapshots"][0]
        seen.append(int(one["Progress"].rstrip("%")))
        assert (one["State"] == "completed") == (seen[-1] == 100)
        return bool(one["State"] == "completed")

    await_until(finished)
    assert seen == sorted(seen)
    assert any(0 < percent < 100 for percent in seen)
    assert (
        refused(clients("ebs", keys).list_snapshot_blocks, SnapshotId="snap-0")["Code"]
        == "ResourceNotFoundException"
    )


def test_a_whole_instance_is_snapshotted_at_once(serve: Callable[..., Clients]) -> None:
    box = instance("box", volume(size_gib=1), volume("/dev/sdf", size_gib=2), tags={"Forensics": "Enabled"})
    clients = serve(more=[box])
    keys = clients.keys()
    ec2 = clients("ec2", keys)
    filters = [{"Name": "tag:Name", "Values": ["box"]}]
    one = ec2.describe_instances(Filters=filters)["Reservations"][0]["Instances"][0]
    made = ec2.create_snapshots(
        InstanceSpecification={"InstanceId": one["InstanceId"]},
        TagSpecifications=[{"ResourceType": "snapshot", "Tags": CASE_TAGS}],
    )["Snapshots"]
    assert sorted(snapshot["VolumeSize"] for snapshot in made) == [1, 2]
    assert len(clients.last_call()["resources"]) == 5
    # An instance with one volume that is not tagged: nothing is made.
    web = clients.volume(keys, "plain-01")
    other = ec2.describe_volumes(VolumeIds=[web])["Volumes"][0]["Attachments"][0]["InstanceId"]
    assert (
        refused(
            ec2.create_snapshots,
            InstanceSpecification={"InstanceId": other},
            TagSpecifications=[{"ResourceType": "snapshot", "Tags": CASE_TAGS}],
        )["Code"]
        == "UnauthorizedOperation"
    )


def test_tagging_afterwards_is_not_allowed(quiet: Clients, keys: Keys) -> None:
    snapshot = quiet.snapshot(keys, quiet.volume(keys, "web-01"))
    tag = [{"Key": "ir-case", "Value": CASE_TAGS[0]["Value"]}]
    for resource in (snapshot, quiet.volume(keys, "plain-01")):
        error = refused(quiet("ec2", keys).create_tags, Resources=[resource], Tags=tag)
        assert error["Code"] == "UnauthorizedOperation"


def test_only_a_transport_copy_of_the_own_case_is_deleted(quiet: Clients, keys: Keys) -> None:
    volume_id = quiet.volume(keys, "web-01")
    original = quiet.snapshot(keys, volume_id)
    assert refused(quiet("ec2", keys).delete_snapshot, SnapshotId=original)["Code"] == "UnauthorizedOperation"
    snapshot = quiet.snapshot(keys, volume_id, [*CASE_TAGS, {"Key": "jumpbag:transport", "Value": "yes"}])
    stranger = quiet.keys(Tags=[{"Key": "ir-case", "Value": "another"}])
    assert refused(quiet("ec2", stranger).delete_snapshot, SnapshotId=snapshot)["Code"] == "UnauthorizedOperation"
    quiet("ec2", keys).delete_snapshot(SnapshotId=snapshot)
    for call in (quiet("ec2", keys).delete_snapshot, quiet("ec2", keys).describe_snapshot_attribute):
        more = {"Attribute": "createVolumePermission"} if "describe" in call.__name__ else {}
        assert refused(call, SnapshotId=snapshot, **more)["Code"] == "InvalidSnapshot.NotFound"
    error = refused(quiet("ec2", keys).describe_snapshots, SnapshotIds=[snapshot])
    assert error["Code"] == "InvalidSnapshot.NotFound"
    error = refused(quiet("ebs", keys).list_snapshot_blocks, SnapshotId=snapshot)
    assert error["Code"] == "ResourceNotFoundException"


def test_sharing_with_anybody_and_stopping_are_beyond_the_role(quiet: Clients, keys: Keys) -> None:
    snapshot = quiet.snapshot(keys, quiet.volume(keys, "web-01"))
    share = {"Attribute": "createVolumePermission", "OperationType": "add"}
    for others in ({"UserIds": [OTHER]}, {"UserIds": [FORENSICS, OTHER]}, {"GroupNames": ["all"]}):
        error = refused(quiet("ec2", keys).modify_snapshot_attribute, SnapshotId=snapshot, **share, **others)
        assert error["Code"] == "UnauthorizedOperation"
        assert quiet.last_call()["mutating"]
    assert refused(quiet("ec2", keys).terminate_instances, InstanceIds=["i-0"])["Code"] == "UnauthorizedOperation"


def test_hostile_names_arrive_as_xml_allows(serve: Callable[..., Clients]) -> None:
    name = "\x1b]52;c;Y2F0\x07[@click=app.quit]x[/]\u202e\n<&>"
    tags = {"long": "x" * 10000, "c1": "\u009d52;c;\u009c", "\u2066k": "\u200b"}
    clients = serve(more=[instance(name, volume(size_gib=1), tags=tags)])
    found = clients("ec2", clients.keys()).describe_instances()["Reservations"][-1]["Instances"][0]["Tags"]
    got = {tag["Key"]: tag["Value"] for tag in found}
    assert got["Name"] == "\ufffd]52;c;Y2F0\ufffd[@click=app.quit]x[/]\u202e\n<&>"
    assert {key: got[key] for key in tags} == tags
    # JSON carries all of it.
    listed = clients("resourcegroupstaggingapi", clients.keys()).get_resources()["ResourceTagMappingList"]
    values = [tag["Value"] for one in listed for tag in one["Tags"] if tag["Key"] == "Name"]
    assert name in values


def test_ids_derive_from_the_seed(serve: Callable[..., Clients]) -> None:
    one, other = serve(), serve()
    ids = [clients.volume(clients.keys(), "web-01") for clients in (one, other)]
    assert ids[0] == ids[1]
    assert ids[0].startswith("vol-0")
    assert len(ids[0]) == len("vol-") + 17
