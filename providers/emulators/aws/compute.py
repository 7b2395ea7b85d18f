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
from moto.core.responses import ActionResult
from moto.ec2.exceptions import EC2ClientError
from moto.ec2.models import EC2Backend

from providers.emulators.aws.envelopes import Answer, xml_clean
from providers.emulators.aws.errors import ApiError, not_embedded
from providers.emulators.aws.instances import InstanceReads
from providers.emulators.aws.snapshot_calls import CHECKED, SnapshotCalls

if TYPE_CHECKING:
    from providers.emulators.aws.identities import Principal
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
        self, principal: Principal, region: str, action: str, form: bytes, request_id: str, dry_run: bool = False
    ) -> tuple[Answer, list[str]]:
        """Runs one EC2 operation; also the ids of snapshots that it made. ApiError if it is not embedded.

        ``dry_run``: the caller is authorised, and nothing is changed (EC2 API Reference, "Common query
        parameters"); an operation that does not heed it is not begun.
        """
        if dry_run and action not in CHECKED:
            raise ApiError("DryRunOperation", "Request would have succeeded, but DryRun flag is set.", 412)
        request = MotoRequest.from_primitives(
            "POST",
            f"https://ec2.{region}.amazonaws.com/",
            {"Content-Type": "application/x-www-form-urlencoded", "x-moto-account-id": principal.account},
            form,
        )
        response = _Response(self, principal, region)
        try:
            status, _, body = response._dispatch(request, request.raw_url, request.headers)
        except NotImplementedError:
            raise not_embedded("ec2", action) from None
        text = body.decode() if isinstance(body, bytes) else str(body)
        text = _REQUEST_ID.sub(rf"<\1>{request_id}</\1>", xml_clean(text))
        headers = {"Content-Type": "text/xml;charset=UTF-8"}
        return Answer(status=int(status), headers=headers, body=text.encode()), response.made


class _Response(SnapshotCalls, InstanceReads):
    """One EC2 call against our own state."""

    def __init__(self, compute: Compute, principal: Principal, region: str) -> None:
        super().__init__()
        self.compute = compute
        self.principal = principal
        self.store = compute.world.snapshots
        self.state = compute.state(principal.account, region)
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
