"""An embedded cloud with everything that the decisions are about: accounts, disks, snapshots of two cases."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from providers.emulators.aws.identities import Role, User
from providers.emulators.range import Range
from tests.emulators.clients import Clients, Keys, await_until
from tests.emulators.packs import instance, volume, write_image, write_pack
from tests.policies.asks import CASE_TAG, TRANSPORT_TAG, Document, Standing, Thing

FORENSICS, SOURCE, STRANGER, GUARDED = "111111111111", "222222222222", "333333333333", "444444444444"
REGION, ELSEWHERE = "eu-west-1", "eu-central-1"
CASE, OTHER_CASE = "IR-2026-042", "IR-2026-007"
WIDE = "jumpbag-wide"
EVERYTHING: Document = {
    "Version": "2012-10-17",
    "Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}],
}
GUARD: Document = {
    "Version": "2012-10-17",
    "Statement": [
        {
            "Effect": "Deny",
            "Action": ["ec2:CreateSnapshot", "ec2:ModifySnapshotAttribute"],
            "Resource": "*",
            "Condition": {"ArnNotLike": {"aws:PrincipalArn": "arn:aws:iam::*:user/admin"}},
        }
    ],
}

_BLOCKS = {0: b"boot", 3: b"evidence"}


def write_bench(folder: Path) -> Path:
    """The scenario pack: one small raw image for every disk."""
    folder.mkdir(parents=True)
    write_image(folder / "disk.raw", _BLOCKS, 8 * 524288)
    (folder / "guard.json").write_text(json.dumps(GUARD))

    def disk(device: str = "/dev/xvda", **keys: Any) -> dict[str, Any]:
        return volume(device, image="disk.raw", **keys)

    tagged: dict[str, Any] = {"tags": {"Forensics": "Enabled"}}
    return write_pack(
        folder,
        accounts=[
            {"id": FORENSICS, "name": "forensics", "forensics": True},
            {"id": SOURCE, "name": "payments"},
            {"id": STRANGER, "name": "stranger"},
            {"id": GUARDED, "name": "guarded", "scp": "guard.json"},
        ],
        instances=[
            instance("plain", disk(), **tagged),
            instance("customer", disk(kms="customer"), disk("/dev/sdf", kms="customer"), **tagged),
            instance("default", disk(kms="default"), **tagged),
            instance("private", disk(kms="private"), **tagged),
            instance(
                "triple",
                disk(),
                disk("/dev/sdf", kms="customer"),
                disk("/dev/sdg", kms="default"),
                profile="web",
                user_data="#!/bin/sh\nexec shop\n",
                **tagged,
            ),
            instance("untagged", {"device": "/dev/xvda", "image": "disk.raw"}),
            instance("withdrawn", disk(), **tagged),
            instance("mistagged", {"device": "/dev/xvda", "image": "disk.raw", "tags": {"Forensics": "Disabled"}}),
            instance("home", disk(), account=FORENSICS, **tagged),
            instance("stranger", disk(), account=STRANGER, **tagged),
            instance("guarded", disk(), account=GUARDED, **tagged),
            instance("far", disk(), region=ELSEWHERE, **tagged),
        ],
    )


class Bench:
    """The things of one running cloud by name, and sessions in it."""

    def __init__(self, embedded: Range) -> None:
        assert embedded.aws is not None
        self.range = embedded
        self.clients = Clients(embedded)
        self.world = embedded.aws.world
        self.things: dict[str, Thing] = {}
        self._admins: dict[str, Keys] = {}
        self._sessions: dict[str, Keys] = {}
        self._tokens: dict[str, str] = {}
        everyone = self.world.identities.role(f"arn:aws:iam::{SOURCE}:role/jumpbag-collect")
        assert everyone is not None
        for account in (FORENSICS, SOURCE, STRANGER, GUARDED):
            # The same door as the collect role's, and behind it everything: what is left is the session policy.
            self.world.identities.add_role(Role(account, WIDE, everyone.trust, (EVERYTHING,), 14400))
        self._find_disks()
        self._find_keys()
        self._make_snapshots()

    def admin(self, account: str) -> Keys:
        """Keys of somebody who may do everything in ``account``."""
        if account not in self._admins:
            user = self.world.identities.add_user(User(account, "admin", (EVERYTHING,)))
            self._admins[account] = {"AccessKeyId": user.access_key, "SecretAccessKey": user.secret}
        return self._admins[account]

    def session(self, role: str, account: str, policy: Document | None, case: str) -> Mapping[str, str]:
        """AssumeRole as the product calls it, through STS; the same question gets the same session again."""
        text = None if policy is None else json.dumps(policy, separators=(",", ":"))
        name = json.dumps([role, account, text, case])
        if name not in self._sessions:
            arn = f"arn:aws:iam::{account}:role/{role}"
            tags = [{"Key": CASE_TAG, "Value": case}]
            self._sessions[name] = self.clients.keys(account, RoleArn=arn, Policy=text, Tags=tags)
        return self._sessions[name]

    def standing(self, role: str, account: str, policy: Document | None, case: str) -> Standing:
        """The same session for judges that are asked directly. ``case`` "": it carries no session tag."""
        found = self.world.identities.role(f"arn:aws:iam::{account}:role/{role}")
        assert found is not None
        guard = (EVERYTHING, GUARD) if account == GUARDED else (EVERYTHING,)
        context = {"aws:PrincipalTag/" + CASE_TAG: case} if case else {}
        principal = f"arn:aws:sts::{account}:assumed-role/{role}/L-0001"
        return Standing(
            principal,
            account,
            tuple(found.policies),
            policy,
            guard,
            {**context, "aws:PrincipalArn": found.arn, "aws:PrincipalAccount": account},
        )

    def examiner(self) -> Standing:
        """The base identity: a user with long-term keys in the forensics account."""
        principal = self.world.identities.find(self.clients.user["AccessKeyId"])
        assert principal is not None
        context = {"aws:PrincipalArn": principal.arn, "aws:PrincipalAccount": FORENSICS}
        policies = tuple(principal.entity.policies)
        return Standing(principal.arn, FORENSICS, policies, None, (EVERYTHING,), context)

    def token(self, name: str) -> str:
        """A good token for block 0 of a snapshot, as its owner's administrator got it."""
        if name not in self._tokens:
            found = self.things[name]
            ebs = self.clients("ebs", self.admin(found.account), found.region)
            self._tokens[name] = ebs.list_snapshot_blocks(SnapshotId=found.id)["Blocks"][0]["BlockToken"]
        return self._tokens[name]

    def withdraw(self) -> None:
        """The owner takes the forensics tag off again: after the plan, before the acquisition."""
        for name in ("instance withdrawn", "volume withdrawn"):
            found = self.things[name]
            ec2 = self.clients("ec2", self.admin(found.account), found.region)
            ec2.delete_tags(Resources=[found.id], Tags=[{"Key": "Forensics"}])
            rest = {key: value for key, value in found.shown.items() if key != "Forensics"}
            self.things[name] = replace(found, shown=rest)

    def thing(self, name: str) -> Thing:
        return self.things[name]

    def _find_disks(self) -> None:
        home = [(account, REGION) for account in (FORENSICS, SOURCE, STRANGER, GUARDED)]
        for account, region in [*home, (SOURCE, ELSEWHERE)]:
            ec2 = self.clients("ec2", self.admin(account), region)
            for reservation in ec2.describe_instances()["Reservations"]:
                for found in reservation["Instances"]:
                    self._instance(account, region, found)

    def _instance(self, account: str, region: str, found: Mapping[str, Any]) -> None:
        tags = {tag["Key"]: tag["Value"] for tag in found.get("Tags", [])}
        name = tags["Name"]
        base = f"arn:aws:ec2:{region}:{account}"
        instance_id = found["InstanceId"]
        self.things[f"instance {name}"] = Thing(
            instance_id, f"{base}:instance/{instance_id}", account, region, shown=tags
        )
        ec2 = self.clients("ec2", self.admin(account), region)
        ids = [mapping["Ebs"]["VolumeId"] for mapping in found["BlockDeviceMappings"]]
        for number, one in enumerate(ec2.describe_volumes(VolumeIds=ids)["Volumes"]):
            number = ids.index(one["VolumeId"])
            own = {tag["Key"]: tag["Value"] for tag in one.get("Tags", [])}
            self.things[f"volume {name}" + (f" {number}" if number else "")] = Thing(
                one["VolumeId"],
                f"{base}:volume/{one['VolumeId']}",
                account,
                region,
                {"ec2:Encrypted": str(one["Encrypted"]).lower()},
                own,
            )

    def _find_keys(self) -> None:
        kinds = {"alias/aws/ebs": "default", "alias/jumpbag-volumes": "customer"}
        kinds |= {"alias/jumpbag-private": "private", "alias/jumpbag-evidence": "evidence"}
        for key in self.world.keys:
            name = f"key {key.account} {kinds[key.alias]}" + ("" if key.region == REGION else f" {key.region}")
            kms = self.clients("kms", self.admin(key.account), key.region)
            policy = json.loads(kms.get_key_policy(KeyId=key.arn, PolicyName="default")["Policy"])
            self.things[name] = Thing(key.id, key.arn, key.account, key.region, policy=policy)

    def _make_snapshots(self) -> None:
        ours, theirs = {CASE_TAG: CASE}, {CASE_TAG: OTHER_CASE}
        transport = {TRANSPORT_TAG: "yes"}
        for name, disk, tags in (
            ("plain", "volume plain", ours),
            ("customer", "volume customer", ours),
            ("customer 1", "volume customer 1", ours),
            ("default", "volume default", ours),
            ("of another case", "volume customer", theirs),
            ("untagged", "volume plain", {}),
            ("transport", "volume plain", ours | transport),
            ("transport of another case", "volume plain", theirs | transport),
            ("of a stranger", "volume stranger", ours),
            ("of the guarded account", "volume guarded", ours),
            ("in the forensics account", "volume home", ours),
            ("of another case in the forensics account", "volume home", theirs),
        ):
            self._snapshot(name, self.things[disk], tags)
        self._share("of a stranger", SOURCE, FORENSICS)
        for name in ("plain", "customer", "customer 1", "of another case"):
            self._share(name, FORENSICS)

    def _share(self, name: str, *accounts: str) -> None:
        found = self.things[f"snapshot {name}"]
        self.clients("ec2", self.admin(found.account)).modify_snapshot_attribute(
            SnapshotId=found.id,
            Attribute="createVolumePermission",
            OperationType="add",
            UserIds=list(accounts),
        )

    def _snapshot(self, name: str, disk: Thing, tags: Mapping[str, str]) -> None:
        keys = self.admin(disk.account)
        ec2 = self.clients("ec2", keys, disk.region)
        pairs = [{"Key": key, "Value": value} for key, value in tags.items()]
        wanted = {"TagSpecifications": [{"ResourceType": "snapshot", "Tags": pairs}]} if pairs else {}
        made = ec2.create_snapshot(VolumeId=disk.id, **wanted)["SnapshotId"]
        await_until(lambda: self.clients.state(keys, made) == "completed")
        self.things[f"snapshot {name}"] = Thing(
            made,
            f"arn:aws:ec2:{disk.region}::snapshot/{made}",
            disk.account,
            disk.region,
            {
                "ec2:Owner": disk.account,
                "ec2:ParentVolume": disk.arn,
                "ec2:SnapshotID": made,
                "ec2:Encrypted": disk.context["ec2:Encrypted"],
            },
            dict(tags),
        )
