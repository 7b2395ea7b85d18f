"""EC2: moto's backends and response class, extended where moto falls short.

moto 5.2.5 holds the state and serialises the answers. Of our own are: paging (moto answers whole lists),
snapshots that take time, sharing, copies, and one set of backends per embedded cloud instead of the process's.
"""

from __future__ import annotations

import base64
import binascii
import os
import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

# The AMIs that moto would load bring 1,291 foreign snapshots into every account.
os.environ["MOTO_EC2_LOAD_DEFAULT_AMIS"] = "false"

from moto.core.request import Request as MotoRequest
from moto.core.responses import ActionResult, EmptyResult
from moto.ec2.exceptions import EC2ClientError
from moto.ec2.models import EC2Backend
from moto.ec2.responses import EC2Response

from providers.emulators.aws.envelopes import Answer, xml_clean
from providers.emulators.aws.errors import ApiError, not_embedded

if TYPE_CHECKING:
    from providers.emulators.aws.world import World

_REQUEST_ID = re.compile(r"<(requestId|RequestId|RequestID)>[^<]*</\1>")


class Ec2State(EC2Backend):
    """moto's state of one account and region, with a tag lookup that does not scan every tag."""

    def describe_tags(self, filters: dict[str, list[str]] | None = None) -> list[dict[str, str]]:
        if (
            filters is None
            or set(filters) != {"resource-id"}
            or any("*" in i or "?" in i for i in filters["resource-id"])
        ):
            found: list[dict[str, str]] = super().describe_tags(filters)
            return found
        return [
            {"resource_id": one, "key": key, "value": value, "resource_type": _kind(one)}
            for one in filters["resource-id"]
            for key, value in self.tags.get(one, {}).items()
        ]


def _kind(resource_id: str) -> str:
    prefix = resource_id.rpartition("-")[0]
    return {"i": "instance", "vol": "volume", "snap": "snapshot"}.get(prefix, prefix)


class Compute:
    """The EC2 states of all accounts and regions."""

    def __init__(self, world: World) -> None:
        self.world = world
        self._states: dict[tuple[str, str], Ec2State] = {}
        self.regions: frozenset[str] = frozenset(region.name for region in EC2Backend.regions)

    def state(self, account: str, region: str) -> Ec2State:
        key = (account, region)
        if key not in self._states:
            self._states[key] = Ec2State(region, account)
        return self._states[key]

    def states(self, region: str) -> list[Ec2State]:
        """What exists in ``region``, of every account."""
        return [state for (_, where), state in self._states.items() if where == region]

    def tags(self, account: str, region: str, resource_id: str) -> dict[str, str]:
        return dict(self.state(account, region).tags.get(resource_id, {}))

    def call(
        self, account: str, region: str, action: str, form: bytes, request_id: str
    ) -> tuple[Answer, list[str]]:
        """Runs one EC2 operation; also the ids of snapshots that it made. ApiError if it is not embedded."""
        request = MotoRequest.from_primitives(
            "POST",
            f"https://ec2.{region}.amazonaws.com/",
            {"Content-Type": "application/x-www-form-urlencoded", "x-moto-account-id": account},
            form,
        )
        response = _Response(self, account, region)
        try:
            status, _, body = response._dispatch(request, request.raw_url, request.headers)
        except NotImplementedError:
            raise not_embedded("ec2", action) from None
        text = body.decode() if isinstance(body, bytes) else str(body)
        text = _REQUEST_ID.sub(rf"<\1>{request_id}</\1>", xml_clean(text))
        headers = {"Content-Type": "text/xml;charset=UTF-8"}
        return Answer(status=int(status), headers=headers, body=text.encode()), response.made


class _Response(EC2Response):
    """One EC2 call against our own state."""

    def __init__(self, compute: Compute, account: str, region: str) -> None:
        super().__init__()
        self.compute = compute
        self.store = compute.world.snapshots
        self.state = compute.state(account, region)
        self.made: list[str] = []

    @property
    def ec2_backend(self) -> Ec2State:
        return self.state

    def describe_volumes(self) -> ActionResult:
        found = self.state.describe_volumes(self._get_param("VolumeIds", []), self._filters_from_querystring())
        return self._page("Volumes", found, 500, 1000)

    def describe_instances(self) -> ActionResult:
        self.error_on_dryrun()
        ids, filters = self._get_param("InstanceIds", []), self._filters_from_querystring()
        if ids:
            found = self.state.get_reservations_by_instance_ids(ids, filters=filters)
        else:
            found = self.state.describe_instances(filters=filters)
        return self._page("Reservations", found, 1000, 1000)

    def describe_snapshots(self) -> ActionResult:
        """EC2 API Reference, DescribeSnapshots: one's own, those shared with one, and public ones."""
        found = self.store.visible(
            self.state, self._get_param("SnapshotIds", []), self._filters_from_querystring()
        )
        for name, keep in (("OwnerIds", self._owned), ("RestorableByUserIds", self._restorable)):
            wanted = self._get_param(name, [])
            if wanted:
                found = [snapshot for snapshot in found if keep(snapshot, wanted)]
        return self._page("Snapshots", found, 1000, 1000)

    def _owned(self, snapshot: Any, owners: list[str]) -> bool:
        account = self.state.account_id
        return snapshot.owner_id in [account if owner == "self" else owner for owner in owners]

    def _restorable(self, snapshot: Any, users: list[str]) -> bool:
        shared = {*snapshot.create_volume_permission_userids, snapshot.owner_id}
        account = self.state.account_id
        return any((account if user == "self" else user) in shared for user in users) or (
            "all" in users and "all" in snapshot.create_volume_permission_groups
        )

    def create_snapshot(self) -> ActionResult:
        volume_id = self._get_param("VolumeId")
        tags = self._parse_tag_specification().get("snapshot", {})
        volume = self.state.get_volume(volume_id)
        self.error_on_dryrun()
        snapshot = self.store.create(self.state, volume, self._get_param("Description") or "", tags)
        self.made.append(snapshot.id)
        return ActionResult(snapshot)

    def create_snapshots(self) -> ActionResult:
        spec = self._get_param("InstanceSpecification", {})
        tags = self._parse_tag_specification().get("snapshot", {})
        instance = self.state.get_instance(spec.get("InstanceId"))
        no_boot = str(spec.get("ExcludeBootVolume", False)).lower() == "true"
        excluded = spec.get("ExcludeDataVolumeIds", [])
        self.error_on_dryrun()
        made = []
        for device, mapping in instance.get_block_device_mapping:
            if (no_boot and device == instance.root_device_name) or mapping.volume_id in excluded:
                continue
            volume = self.state.get_volume(mapping.volume_id)
            own = (
                dict(self.state.tags.get(volume.id, {}))
                if self._get_param("CopyTagsFromSource") == "volume"
                else {}
            )
            made.append(
                self.store.create(self.state, volume, self._get_param("Description") or "", {**own, **tags})
            )
        self.made += [snapshot.id for snapshot in made]
        return ActionResult({"Snapshots": made})

    def copy_snapshot(self) -> ActionResult:
        tags = self._parse_tag_specification().get("snapshot", {})
        source = self.store.get(
            self._get_param("SourceRegion"), self.state.account_id, self._get_param("SourceSnapshotId")
        )
        self.error_on_dryrun()
        snapshot = self.store.copy(
            self.state,
            source,
            self._get_param("Description") or "",
            tags,
            bool(self._get_param("Encrypted", False)),
            self._get_param("KmsKeyId"),
        )
        self.made.append(snapshot.id)
        return ActionResult({"SnapshotId": snapshot.id, "Tags": snapshot.tag_set})

    def delete_snapshot(self) -> EmptyResult:
        snapshot = self.store.owned(self.state, self._get_param("SnapshotId"))
        self.error_on_dryrun()
        self.store.delete(self.state, snapshot)
        return EmptyResult()

    def modify_snapshot_attribute(self) -> ActionResult:
        # moto reads the short form (UserId.N) alone; the SDKs also send CreateVolumePermission.Add.N.UserId.
        wanted = self._get_param("CreateVolumePermission", {})
        snapshot = self.store.owned(self.state, self._get_param("SnapshotId"))
        self.error_on_dryrun()
        adding = {one["UserId"] for one in wanted.get("Add", []) if "UserId" in one}
        if self._get_param("OperationType") == "add":
            adding |= set(self._get_param("UserIds", []))
        if adding:
            self.store.shareable(snapshot)
        snapshot.create_volume_permission_userids.update(adding)
        removing = {one["UserId"] for one in wanted.get("Remove", []) if "UserId" in one}
        snapshot.create_volume_permission_userids.difference_update(removing)
        return super().modify_snapshot_attribute()

    def _page(self, name: str, items: list[Any], default: int, most: int) -> ActionResult:
        """EC2 API Reference, "Pagination": 5 to ``most`` results a page, tokens are opaque."""
        text = self._get_param("MaxResults")
        count = default if text is None else int(text)
        if not 5 <= count <= most:
            raise EC2ClientError(
                "InvalidParameterValue", f"Value ( {count} ) for parameter maxResults is invalid."
            )
        start = 0
        token = self._get_param("NextToken")
        if token:
            try:
                start = int(base64.b64decode(token, validate=True))
            except (ValueError, binascii.Error):
                raise EC2ClientError("InvalidPaginationToken", "The pagination token is not valid.") from None
        result: dict[str, Any] = {name: items[start : start + count]}
        if start + count < len(items):
            result["NextToken"] = base64.b64encode(str(start + count).encode()).decode()
        return ActionResult(result)


def listed(form: Mapping[str, str], name: str) -> list[str]:
    """The values of ``name.1``, ``name.2``, … of a query request."""
    values: list[str] = []
    while f"{name}.{len(values) + 1}" in form:
        values.append(form[f"{name}.{len(values) + 1}"])
    return values


def tag_pairs(form: Mapping[str, str], prefix: str) -> dict[str, str]:
    """The tags of ``prefix.N.Key`` and ``prefix.N.Value``."""
    pairs: dict[str, str] = {}
    number = 1
    while f"{prefix}.{number}.Key" in form:
        pairs[form[f"{prefix}.{number}.Key"]] = form.get(f"{prefix}.{number}.Value", "")
        number += 1
    return pairs


def check_region(region: str, regions: frozenset[str]) -> None:
    if region not in regions:
        raise ApiError("AuthFailure", "AWS was not able to validate the provided access credentials", 401)
