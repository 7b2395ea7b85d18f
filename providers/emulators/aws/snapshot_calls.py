"""The EC2 operations on snapshots, over moto's response class.

moto 5.2.5 makes snapshots complete at once, shares them with nobody, copies within one account and knows no locks.
Sources: EC2 API Reference, the page of each operation; EBS User Guide, "Share an Amazon EBS snapshot".
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from moto.core.responses import ActionResult, EmptyResult
from moto.ec2.exceptions import EC2ClientError
from moto.ec2.responses import EC2Response

from providers.emulators.aws import snapshot_copies, snapshot_locks

if TYPE_CHECKING:
    from providers.emulators.aws.compute import Ec2State
    from providers.emulators.aws.identities import Principal
    from providers.emulators.aws.snapshots import SnapshotStore, TimedSnapshot

# They look at their parameters before DryRun answers; for the others Compute.call answers at once.
CHECKED = frozenset(
    {
        "CreateSnapshot",
        "CreateSnapshots",
        "CopySnapshot",
        "DeleteSnapshot",
        "LockSnapshot",
        "ModifySnapshotAttribute",
        "ResetSnapshotAttribute",
        "UnlockSnapshot",
    }
)


class SnapshotCalls(EC2Response):
    """``made`` gets the ids of the snapshots that a call made."""

    store: SnapshotStore
    state: Ec2State
    principal: Principal
    made: list[str]

    if TYPE_CHECKING:

        def _page(self, name: str, items: list[Any], default: int, most: int) -> ActionResult: ...

    # Reading

    def describe_snapshots(self) -> ActionResult:
        """One's own, those shared with one, and public ones."""
        self.error_on_dryrun()
        found = self.store.visible(
            self.state, self._get_param("SnapshotIds", []), self._filters_from_querystring()
        )
        for name, keep in (("OwnerIds", self._owned), ("RestorableByUserIds", self._restorable)):
            wanted = self._get_param(name, [])
            if wanted:
                found = [snapshot for snapshot in found if keep(snapshot, wanted)]
        return self._page("Snapshots", found, 1000, 1000)

    def _owned(self, snapshot: TimedSnapshot, owners: list[str]) -> bool:
        account = self.state.account_id
        return snapshot.owner_id in [account if owner == "self" else owner for owner in owners]

    def _restorable(self, snapshot: TimedSnapshot, users: list[str]) -> bool:
        shared = {*snapshot.create_volume_permission_userids, snapshot.owner_id}
        account = self.state.account_id
        return any((account if user == "self" else user) in shared for user in users) or (
            "all" in users and "all" in snapshot.create_volume_permission_groups
        )

    def describe_snapshot_attribute(self) -> ActionResult:
        """Its owner alone sees with whom it is shared."""
        self.error_on_dryrun()
        snapshot = self._own()
        if self._get_param("Attribute") == "productCodes":
            return ActionResult({"SnapshotId": snapshot.id, "ProductCodes": []})
        groups = [{"Group": one} for one in sorted(snapshot.create_volume_permission_groups)]
        users = [{"UserId": one} for one in sorted(snapshot.create_volume_permission_userids)]
        return ActionResult({"SnapshotId": snapshot.id, "CreateVolumePermissions": groups + users})

    def describe_locked_snapshots(self) -> ActionResult:
        self.error_on_dryrun()
        ids = self._get_param("SnapshotIds", [])
        found = self.store.visible(self.state, ids, {})
        states = self._filters_from_querystring().get("lock-state")
        shown = [
            {"OwnerId": one.owner_id, **one.lock.shown(one)}
            for one in found
            if one.lock is not None and one.owner_id == self.state.account_id
        ]
        return self._page("Snapshots", [s for s in shown if not states or s["LockState"] in states], 1000, 1000)

    # Making and deleting

    def create_snapshot(self) -> ActionResult:
        volume_id = self._get_param("VolumeId")
        tags = self._parse_tag_specification().get("snapshot", {})
        volume = self.state.get_volume(volume_id)
        self.error_on_dryrun()
        snapshot = self.store.create(self.state, volume, self._get_param("Description") or "", tags)
        self.made.append(snapshot.id)
        return ActionResult(snapshot)

    def create_snapshots(self) -> ActionResult:
        """All of them or none, at one point in time: they share their start."""
        spec = self._get_param("InstanceSpecification", {})
        tags = self._parse_tag_specification().get("snapshot", {})
        instance = self.state.get_instance(spec.get("InstanceId"))
        no_boot = str(spec.get("ExcludeBootVolume", False)).lower() == "true"
        excluded = spec.get("ExcludeDataVolumeIds", [])
        attached = dict(instance.get_block_device_mapping)
        root = attached.get(instance.root_device_name)
        known = {mapping.volume_id for mapping in attached.values()}
        for one in excluded:
            if one not in known:
                raise EC2ClientError("InvalidVolume.NotFound", f"The volume '{one}' is not attached.")
            if root is not None and one == root.volume_id:
                text = f"{one} is the root volume; use ExcludeBootVolume to exclude it."
                raise EC2ClientError("InvalidParameterValue", text)
        if no_boot and root is not None:
            excluded = [*excluded, root.volume_id]
        volumes = [self.state.get_volume(one.volume_id) for one in attached.values()]
        volumes = [volume for volume in volumes if volume.id not in excluded]
        if not volumes:
            raise EC2ClientError("InvalidParameterValue", "No volume is left to make a snapshot of.")
        self.error_on_dryrun()
        copied = self._get_param("CopyTagsFromSource") == "volume"
        description = self._get_param("Description") or ""
        made: list[TimedSnapshot] = []
        for volume in volumes:
            own = dict(self.state.tags.get(volume.id, {})) if copied else {}
            made.append(self.store.create(self.state, volume, description, {**own, **tags}))
        for snapshot in made:
            snapshot.start_time, snapshot.begun = made[0].start_time, made[0].begun
        self.made += [snapshot.id for snapshot in made]
        return ActionResult({"Snapshots": made})

    def copy_snapshot(self) -> ActionResult:
        tags = self._parse_tag_specification().get("snapshot", {})
        source = self.store.get(
            self._get_param("SourceRegion"), self.state.account_id, self._get_param("SourceSnapshotId")
        )
        self.error_on_dryrun()
        snapshot = snapshot_copies.copy(
            self.store.world,
            self.principal,
            self.state,
            source,
            self._get_param("Description") or "",
            tags,
            self._get_bool_param("Encrypted", False),
            self._get_param("KmsKeyId"),
        )
        self.made.append(snapshot.id)
        return ActionResult({"SnapshotId": snapshot.id, "Tags": snapshot.tag_set})

    def delete_snapshot(self) -> EmptyResult:
        snapshot = self._own()
        self.error_on_dryrun()
        snapshot_locks.deletable(snapshot)
        self.store.delete(self.state, snapshot)
        return EmptyResult()

    # Sharing

    def modify_snapshot_attribute(self) -> EmptyResult:
        """Either form of the parameters. A single call adds or removes, never both."""
        snapshot = self._own()
        self.error_on_dryrun()
        adding, removing = self._permissions("Add"), self._permissions("Remove")
        if any(adding) and any(removing):
            text = "Permissions cannot be added and removed in one operation."
            raise EC2ClientError("InvalidParameterCombination", text)
        if any(adding):
            self._shareable(snapshot, everybody=bool(adding[1]))
        snapshot.create_volume_permission_userids |= adding[0]
        snapshot.create_volume_permission_groups |= adding[1]
        snapshot.create_volume_permission_userids -= removing[0]
        snapshot.create_volume_permission_groups -= removing[1]
        return EmptyResult()

    def reset_snapshot_attribute(self) -> EmptyResult:  # type: ignore[override]  # moto has no such operation
        snapshot = self._own()
        self.error_on_dryrun()
        snapshot.create_volume_permission_userids.clear()
        snapshot.create_volume_permission_groups.clear()
        return EmptyResult()

    def _permissions(self, verb: str) -> tuple[set[str], set[str]]:
        """(accounts, groups) to add or to remove."""
        listed = self._get_param("CreateVolumePermission", {}).get(verb, [])
        users = {str(one["UserId"]) for one in listed if "UserId" in one}
        groups = {str(one["Group"]) for one in listed if "Group" in one}
        if self._get_param("OperationType") == verb.lower():
            users |= set(self._get_param("UserIds", []))
            groups |= set(self._get_param("GroupNames", []))
        return users, groups

    def _shareable(self, snapshot: TimedSnapshot, *, everybody: bool) -> None:
        """ModifySnapshotAttribute: under the default key it cannot be shared, encrypted it cannot be public."""
        key = self.store.world.find_key(snapshot.kms_key_id)
        if key is not None and key.manager == "AWS":
            text = f"Cannot modify snapshot {snapshot.id}: it is encrypted with the default key."
            raise EC2ClientError("InvalidParameter", text)
        if everybody and snapshot.encrypted:
            text = f"Cannot modify snapshot {snapshot.id}: encrypted snapshots cannot be made public."
            raise EC2ClientError("InvalidParameter", text)

    # Locking

    def lock_snapshot(self) -> ActionResult:
        snapshot = self._own()
        self.error_on_dryrun()
        days, hours = self._get_param("LockDuration"), self._get_param("CoolOffPeriod")
        until = self._get_param("ExpirationDate")
        if isinstance(until, str):
            until = datetime.fromisoformat(until.replace("Z", "+00:00"))
        if until is not None and until.tzinfo is None:
            until = until.replace(tzinfo=UTC)
        lock = snapshot_locks.lock(
            snapshot,
            str(self._get_param("LockMode")),
            None if days is None else int(days),
            until,
            None if hours is None else int(hours),
        )
        return ActionResult(lock.shown(snapshot))

    def unlock_snapshot(self) -> ActionResult:
        snapshot = self._own()
        self.error_on_dryrun()
        snapshot_locks.unlock(snapshot)
        return ActionResult({"SnapshotId": snapshot.id})

    def _own(self) -> TimedSnapshot:
        return self.store.owned(self.state, self._get_param("SnapshotId"))
