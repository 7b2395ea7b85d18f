"""The tagging service's GetResources: a small read over what the scenario made.

Source: Resource Groups Tagging API Reference (GetResources).
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping
from typing import Any

from providers.emulators.aws.errors import ApiError
from providers.emulators.aws.evaluate import Request
from providers.emulators.aws.identities import Principal
from providers.emulators.aws.world import World


def get_resources(world: World, principal: Principal, region: str, params: Mapping[str, Any]) -> dict[str, Any]:
    """Tagged instances, volumes and snapshots of the account and region, filtered by tag and type."""
    context = world.context(principal, region)
    world.authorise("tagging", principal, [Request(action="tag:GetResources", resource="*", context=context)])
    account = principal.account
    filters = params.get("TagFilters", [])
    types = [str(one) for one in params.get("ResourceTypeFilters", [])]
    found = []
    for resource_id, tags in sorted(world.compute.state(account, region).tags.items()):
        kind = {"i": "instance", "vol": "volume", "snap": "snapshot"}.get(resource_id.partition("-")[0])
        if kind is None or not tags or (types and not {"ec2", f"ec2:{kind}"} & set(types)):
            continue
        if all(
            tags.get(f["Key"]) in (f.get("Values") or [tags.get(f["Key"])]) and f["Key"] in tags for f in filters
        ):
            owner = "" if kind == "snapshot" else account
            arn = f"arn:aws:ec2:{region}:{owner}:{kind}/{resource_id}"
            pairs = [{"Key": key, "Value": value} for key, value in tags.items()]
            found.append({"ResourceARN": arn, "Tags": pairs})
    return _page(found, params)


def _page(found: list[dict[str, Any]], params: Mapping[str, Any]) -> dict[str, Any]:
    count = params.get("ResourcesPerPage") or 100
    start = 0
    token = params.get("PaginationToken")
    if token:
        try:
            start = int(base64.b64decode(str(token), validate=True))
        except (ValueError, binascii.Error):
            raise ApiError("PaginationTokenExpiredException", "The pagination token is not valid.") from None
    more = start + count < len(found)
    return {
        "ResourceTagMappingList": found[start : start + count],
        "PaginationToken": base64.b64encode(str(start + count).encode()).decode() if more else "",
    }
