"""KMS as responders read it: DescribeKey, GetKeyPolicy, ListGrants.

Source: AWS KMS API Reference, the page of each operation (required permissions, cross-account use, errors); Key
states page of the Developer Guide: a disabled key's metadata, policy and grants stay readable.
"""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Mapping
from typing import Any

from providers.emulators.aws.errors import ApiError, refusal
from providers.emulators.aws.identities import Principal
from providers.emulators.aws.kms_access import decide_key, disabled, question
from providers.emulators.aws.kms_keys import Key
from providers.emulators.aws.world import World, denial

OPERATIONS = ("DescribeKey", "GetKeyPolicy", "ListGrants")


def answer(
    world: World, principal: Principal, region: str, name: str, params: Mapping[str, Any], resources: list[str]
) -> dict[str, Any]:
    """One of :data:`OPERATIONS`; ApiError with the service's codes. ``resources`` becomes the key's ARN."""
    wanted = str(params.get("KeyId", ""))
    key = _find(world, principal, region, wanted, aliases=name == "DescribeKey")
    resources[:] = [key.arn]
    alias = key.alias if wanted in (key.alias, key.alias_arn) else ""
    request = question(world, principal, key, f"kms:{name}", alias=alias)
    decision = decide_key(world, principal, key, request)
    if not decision.allowed:
        raise refusal("kms", "denied", denial("kms", principal, request, decision))
    if name == "GetKeyPolicy":
        return _policy(principal, key, params)
    return {"KeyMetadata": _metadata(world, key)} if name == "DescribeKey" else _grants(world, key, params)


def _find(world: World, principal: Principal, region: str, wanted: str, *, aliases: bool) -> Key:
    """A key by id or ARN, and by alias where the operation takes one; NotFoundException otherwise."""
    parts = wanted.split(":")
    if len(parts) > 3 and parts[3] != region:
        raise ApiError("NotFoundException", f"Invalid arn {parts[3]}")
    key = world.ring.resolve(principal.account, region, wanted)
    if key is None:
        kind = "Alias" if "alias/" in wanted else "Key"
        name = (
            wanted
            if parts[0] == "arn"
            else f"arn:aws:kms:{region}:{principal.account}:" + (wanted if kind == "Alias" else f"key/{wanted}")
        )
        raise ApiError(
            "NotFoundException",
            f"{kind} {name} is not found." if kind == "Alias" else f"Key '{name}' does not exist",
        )
    if not aliases and wanted in (key.alias, key.alias_arn):
        raise ApiError("NotFoundException", f"Invalid keyId '{wanted}'")
    return key


def _metadata(world: World, key: Key) -> dict[str, Any]:
    off = disabled(world, key)
    return {
        "AWSAccountId": key.account,
        "KeyId": key.id,
        "Arn": key.arn,
        "CreationDate": world.started.timestamp(),
        "Enabled": not off,
        "Description": key.description,
        "KeyUsage": "ENCRYPT_DECRYPT",
        "KeyState": "Disabled" if off else "Enabled",
        "Origin": "AWS_KMS",
        "KeyManager": key.manager,
        "CustomerMasterKeySpec": "SYMMETRIC_DEFAULT",
        "KeySpec": "SYMMETRIC_DEFAULT",
        "EncryptionAlgorithms": ["SYMMETRIC_DEFAULT"],
        "MultiRegion": False,
    }


def _policy(principal: Principal, key: Key, params: Mapping[str, Any]) -> dict[str, Any]:
    """``default`` is the only name of a key policy; no other account may read it, whatever the policy says."""
    if key.account != principal.account:
        text = f"User: {principal.arn} is not authorized to perform: kms:GetKeyPolicy on resource: {key.arn}"
        raise refusal("kms", "denied", f"{text} because the key is in another account")
    if params.get("PolicyName", "default") != "default":
        raise ApiError("NotFoundException", "No such policy exists")
    return {"Policy": json.dumps(key.policy, indent=2), "PolicyName": "default"}


def _grants(world: World, key: Key, params: Mapping[str, Any]) -> dict[str, Any]:
    """Paged by ``Limit`` (1 to 100, by default 50) and ``Marker``, filtered by grant id or grantee."""
    limit = params.get("Limit", 50)
    if not isinstance(limit, int) or not 1 <= limit <= 100:
        raise ApiError("ValidationException", "Value at 'limit' failed to satisfy constraint: 1 to 100")
    found = [grant.entry() for grant in world.ring.grants if grant.key == key.arn]
    for name in ("GrantId", "GranteePrincipal"):
        if params.get(name):
            found = [entry for entry in found if entry[name] == params[name]]
    start = 0
    if params.get("Marker"):
        try:
            start = int(base64.b64decode(str(params["Marker"]), validate=True))
        except (ValueError, binascii.Error):
            raise ApiError("InvalidMarkerException", "The marker is not valid.") from None
    more = start + limit < len(found)
    marker = {"NextMarker": base64.b64encode(str(start + limit).encode()).decode()} if more else {}
    return {"Grants": found[start : start + limit], "Truncated": more, **marker}
