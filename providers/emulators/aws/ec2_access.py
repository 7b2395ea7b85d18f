"""Which resources and condition keys an EC2 action is authorised on.

Source: AWS Service Authorization Reference, "Actions, resources, and condition keys for Amazon EC2" (columns
"Resource types" and "Condition keys"); EC2 User Guide, "Grant permission to tag Amazon EC2 resources during
creation". A call is allowed if every request that :func:`requests` names is.
"""

from __future__ import annotations

from collections.abc import Mapping

from providers.emulators.aws.actions import LEVELS
from providers.emulators.aws.compute import listed, tag_pairs
from providers.emulators.aws.errors import ApiError, refusal
from providers.emulators.aws.evaluate import Request
from providers.emulators.aws.identities import Principal
from providers.emulators.aws.snapshots import TimedSnapshot, sees
from providers.emulators.aws.world import World, tags_of

Context = dict[str, str | list[str]]


def requests(
    world: World, principal: Principal, region: str, action: str, form: Mapping[str, str]
) -> list[Request]:
    """The questions of one EC2 call; ApiError for an action without a rule here."""
    return _Access(world, principal, region, form).requests(action)


class _Access:
    def __init__(self, world: World, principal: Principal, region: str, form: Mapping[str, str]) -> None:
        self.world = world
        self.account = principal.account
        self.region = region
        self.form = form
        self.common = world.context(principal, region)
        self.state = world.compute.state(self.account, region)

    def requests(self, name: str) -> list[Request]:
        action = f"ec2:{name}"
        if action not in LEVELS:
            raise refusal(
                "ec2",
                "denied",
                f"You are not authorized to perform this operation. The embedded cloud has no rule for {action}.",
            )
        if name == "CreateSnapshot":
            volume = self.form.get("VolumeId", "")
            return [
                self._ask(action, *self._volume(volume)),
                self._new_snapshot(action, self._of_volume(volume)),
                *self._tag_on_create("CreateSnapshot"),
            ]
        if name == "CreateSnapshots":
            return self._create_snapshots(action)
        if name == "CopySnapshot":
            return self._copy_snapshot(action)
        if name in ("CreateTags", "DeleteTags"):
            context = self._tag_context(tag_pairs(self.form, "Tag"))
            ids = listed(self.form, "ResourceId")
            return [self._ask(action, arn, {**own, **context}) for arn, own in map(self._any, ids)]
        if name in ("ModifySnapshotAttribute", "ResetSnapshotAttribute"):
            arn, context = self._snapshot(self.form.get("SnapshotId", ""), self.region)
            return [self._ask(action, arn, {**context, **one}) for one in self._sharing()]
        if name == "LockSnapshot":
            arn, context = self._snapshot(self.form.get("SnapshotId", ""), self.region)
            return [self._ask(action, arn, {**context, **self._locking()})]
        ids = [self.form[key] for key in ("SnapshotId", "InstanceId", "VolumeId") if key in self.form]
        if name.startswith("Describe") and name not in ("DescribeSnapshotAttribute", "DescribeInstanceAttribute"):
            ids = []
        else:
            ids += listed(self.form, "InstanceId")
        return [self._ask(action, *self._any(one)) for one in ids] or [self._ask(action, "*", {})]

    def _ask(self, action: str, resource: str, context: Context) -> Request:
        return Request(
            action=action, resource=resource, context={**self.common, "ec2:region": self.region, **context}
        )

    def _any(self, resource_id: str) -> tuple[str, Context]:
        kind = resource_id.partition("-")[0]
        if kind == "snap":
            return self._snapshot(resource_id, self.region)
        if kind == "vol":
            return self._volume(resource_id)
        name = {"i": "instance"}.get(kind, kind)
        return f"arn:aws:ec2:{self.region}:{self.account}:{name}/{resource_id}", self._own(resource_id)

    def _own(self, resource_id: str) -> Context:
        tags = self.state.tags.get(resource_id, {})
        context: Context = {"aws:resourceaccount": self.account}
        return context | tags_of(tags, "aws:resourcetag") | tags_of(tags, "ec2:resourcetag")

    def _volume(self, volume_id: str) -> tuple[str, Context]:
        context = self._own(volume_id)
        volume = self.state.volumes.get(volume_id)
        if volume is not None:
            context |= {
                "ec2:volumeid": volume_id,
                "ec2:volumesize": str(volume.size),
                "ec2:volumetype": volume.volume_type,
                "ec2:encrypted": str(volume.encrypted).lower(),
                "ec2:availabilityzone": volume.zone.name,
            }
            if volume.snapshot_id:
                context["ec2:parentsnapshot"] = f"arn:aws:ec2:{self.region}::snapshot/{volume.snapshot_id}"
        return f"arn:aws:ec2:{self.region}:{self.account}:volume/{volume_id}", context

    def _snapshot(self, snapshot_id: str, region: str) -> tuple[str, Context]:
        """A snapshot that exists; its tags are what it is authorised by, so EC2 must find it first."""
        snapshot = self.world.snapshots.find(region, snapshot_id)
        if snapshot is None or not sees(self.account, snapshot):
            raise ApiError("InvalidSnapshot.NotFound", f"The snapshot '{snapshot_id}' does not exist.")
        return f"arn:aws:ec2:{region}::snapshot/{snapshot_id}", snapshot_context(snapshot, self.account)

    def _new_snapshot(self, action: str, about: Context) -> Request:
        """The snapshot that is made: no id yet, no account in its ARN, no tags but those asked for."""
        context: Context = {"aws:resourceaccount": self.account, **about}
        context |= self._tag_context(self._spec("snapshot"))
        return self._ask(action, f"arn:aws:ec2:{self.region}::snapshot/*", context)

    def _of_volume(self, volume_id: str) -> Context:
        """What a new snapshot of a volume takes over from it."""
        volume = self.state.volumes.get(volume_id)
        if volume is None:
            return {}
        return {
            "ec2:parentvolume": f"arn:aws:ec2:{self.region}:{self.account}:volume/{volume_id}",
            "ec2:volumesize": str(volume.size),
            "ec2:encrypted": str(volume.encrypted).lower(),
        }

    def _copy_snapshot(self, action: str) -> list[Request]:
        """The source and the copy. The source's tags are no condition keys of this action.

        Also AWS Storage Blog, "Enhancing resource-level permissions for copying Amazon EBS snapshots".
        """
        region = self.form.get("SourceRegion", self.region)
        arn, context = self._snapshot(self.form.get("SourceSnapshotId", ""), region)
        context = {key: value for key, value in context.items() if "resourcetag/" not in key}
        encrypted = context["ec2:encrypted"] == "true" or self.form.get("Encrypted", "").lower() == "true"
        about: Context = {
            "ec2:encrypted": str(encrypted).lower(),
            "ec2:parentsnapshot": arn,
            "ec2:volumesize": context["ec2:volumesize"],
        }
        return [
            self._ask(action, arn, context),
            self._new_snapshot(action, about),
            *self._tag_on_create("CopySnapshot"),
        ]

    def _create_snapshots(self, action: str) -> list[Request]:
        instance_id = self.form.get("InstanceSpecification.InstanceId", "")
        instance = self.state.get_instance_by_id(instance_id)
        mapping = dict(instance.get_block_device_mapping) if instance is not None else {}
        if self.form.get("InstanceSpecification.ExcludeBootVolume", "").lower() == "true" and instance is not None:
            mapping.pop(instance.root_device_name, None)
        excluded = listed(self.form, "InstanceSpecification.ExcludeDataVolumeId")
        volumes = [one.volume_id for one in mapping.values() if one.volume_id not in excluded]
        return [
            self._ask(action, *self._any(instance_id)),
            *(self._ask(action, *self._volume(volume)) for volume in volumes),
            *(self._new_snapshot(action, self._of_volume(volume)) for volume in volumes),
            *self._tag_on_create("CreateSnapshots"),
        ]

    def _spec(self, kind: str) -> dict[str, str]:
        pairs: dict[str, str] = {}
        number = 1
        while f"TagSpecification.{number}.ResourceType" in self.form:
            if self.form[f"TagSpecification.{number}.ResourceType"] == kind:
                pairs |= tag_pairs(self.form, f"TagSpecification.{number}.Tag")
            number += 1
        return pairs

    def _tag_context(self, tags: dict[str, str]) -> Context:
        context = tags_of(tags, "aws:requesttag")
        if tags:
            context["aws:tagkeys"] = list(tags)
        return context

    def _tag_on_create(self, creating: str) -> list[Request]:
        tags = self._spec("snapshot")
        if not tags:
            return []
        context: Context = {"ec2:createaction": creating, "aws:resourceaccount": self.account}
        arn = f"arn:aws:ec2:{self.region}::snapshot/*"
        return [self._ask("ec2:CreateTags", arn, {**context, **self._tag_context(tags)})]

    def _sharing(self) -> list[Context]:
        """ec2:Add/userId and its kin, from either form of the parameters: one question for each account or group.

        So a condition on the key holds for every one of them, not for any of them.
        """
        asked: list[Context] = []
        operation = self.form.get("OperationType", "").capitalize()
        for verb in ("Add", "Remove"):
            for kind, short in (("UserId", "UserId"), ("Group", "UserGroup")):
                values = listed(self.form, short) if operation == verb else []
                number = 1
                while any(key.startswith(f"CreateVolumePermission.{verb}.{number}.") for key in self.form):
                    value = self.form.get(f"CreateVolumePermission.{verb}.{number}.{kind}")
                    values += [value] if value else []
                    number += 1
                asked += [{f"ec2:{verb}/{kind}".lower(): value} for value in values]
        attribute: Context = {"ec2:attribute": "CreateVolumePermission"}
        return [{**attribute, **one} for one in asked] or [attribute]

    def _locking(self) -> Context:
        """EBS User Guide, "Control access to Amazon EBS snapshot lock"."""
        names = {"LockDuration": "ec2:snapshotlockduration", "CoolOffPeriod": "ec2:snapshotcooloffperiod"}
        return {key: self.form[name] for name, key in names.items() if name in self.form}


def snapshot_context(snapshot: TimedSnapshot, account: str) -> Context:
    """The condition keys of an existing snapshot. Its tags are seen by its owner alone."""
    owner, region = snapshot.owner_id, snapshot.ec2_backend.region_name
    context: Context = {
        "aws:resourceaccount": owner,
        "ec2:owner": owner,
        "ec2:snapshotid": snapshot.id,
        "ec2:snapshottime": snapshot.start_time.strftime("%Y-%m-%dT%H:%M:%SZ"),
        "ec2:volumesize": str(snapshot.volume_size),
        "ec2:encrypted": str(snapshot.encrypted).lower(),
        "ec2:parentvolume": f"arn:aws:ec2:{region}:{owner}:volume/{snapshot.volume_id}",
    }
    if snapshot.parent:
        context["ec2:parentsnapshot"] = f"arn:aws:ec2:{region}::snapshot/{snapshot.parent}"
    if owner == account:
        tags = snapshot.ec2_backend.tags.get(snapshot.id, {})
        context |= tags_of(tags, "aws:resourcetag")
        context |= tags_of(tags, "ec2:resourcetag")
    return context
