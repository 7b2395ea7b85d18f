"""Signature Version 4 as a server sees it: parse the header, compute the signature, compare.

Source: IAM User Guide, "Create a signed AWS API request" (canonical request, string to sign, signing key).
Presigned URLs are not part of the embedded cloud.
"""

from __future__ import annotations

import functools
import hashlib
import hmac
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from urllib.parse import quote, unquote

import msgspec

_HEADER = re.compile(
    r"AWS4-HMAC-SHA256 +Credential=(?P<key>[^/,\s]+)/(?P<date>[0-9]{8})/(?P<region>[a-z0-9-]+)"
    r"/(?P<service>[a-z0-9-]+)/aws4_request"
    r", *SignedHeaders=(?P<headers>[a-z0-9;-]+), *Signature=(?P<signature>[0-9a-f]{64})"
)


class Signed(msgspec.Struct, frozen=True, kw_only=True):
    """What an Authorization header says."""

    access_key: str
    date: str
    region: str
    service: str
    headers: tuple[str, ...]
    signature: str


def parse(header: str) -> Signed | None:
    """The parts of an Authorization header, or None if it is not one of Signature Version 4."""
    match = _HEADER.fullmatch(header.strip())
    if match is None:
        return None
    return Signed(
        access_key=match["key"],
        date=match["date"],
        region=match["region"],
        service=match["service"],
        headers=tuple(match["headers"].split(";")),
        signature=match["signature"],
    )


def moment(headers: Mapping[str, str]) -> datetime | None:
    """When the request says it was signed."""
    try:
        return datetime.strptime(headers.get("X-Amz-Date", ""), "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)
    except ValueError:
        return None


def matches(
    signed: Signed, secret: str, method: str, target: str, headers: Mapping[str, str], body: bytes
) -> bool:
    """Whether the signature fits. ``target`` is path and query as they came; ``headers`` ignore case."""
    # The host and every x-amz-* header sent must be signed.
    names = {name.lower() for name in headers}
    required = {"host"} | {name for name in names if name == "x-amz-security-token" or name == "x-amz-date"}
    if not required <= set(signed.headers) or not set(signed.headers) <= names:
        return False
    digest = hashlib.sha256(body).hexdigest()
    if headers.get("x-amz-content-sha256", digest) not in (digest, "UNSIGNED-PAYLOAD"):
        return False
    path, _, query = target.partition("?")
    canonical = "\n".join(
        [
            method,
            quote(path or "/", safe="/-_.~"),
            _canonical_query(query),
            *(f"{name}:{' '.join(headers[name].split())}" for name in signed.headers),
            "",
            ";".join(signed.headers),
            headers.get("x-amz-content-sha256", digest),
        ]
    )
    scope = f"{signed.date}/{signed.region}/{signed.service}/aws4_request"
    stamp = headers.get("X-Amz-Date", "")
    if not stamp.startswith(signed.date):
        return False
    text = "\n".join(["AWS4-HMAC-SHA256", stamp, scope, hashlib.sha256(canonical.encode()).hexdigest()])
    key = _signing_key(secret, signed.date, signed.region, signed.service)
    return hmac.compare_digest(hmac.new(key, text.encode(), hashlib.sha256).hexdigest(), signed.signature)


def _canonical_query(query: str) -> str:
    pairs = []
    for part in query.split("&") if query else ():
        name, _, value = part.partition("=")
        pairs.append((quote(unquote(name), safe="-_.~"), quote(unquote(value), safe="-_.~")))
    return "&".join(f"{name}={value}" for name, value in sorted(pairs))


@functools.lru_cache(maxsize=256)
def _signing_key(secret: str, date: str, region: str, service: str) -> bytes:
    key = b"AWS4" + secret.encode()
    for part in (date, region, service, "aws4_request"):
        key = hmac.new(key, part.encode(), hashlib.sha256).digest()
    return key
