"""Answers of the cloud as bytes of a file: the same answer gives the same bytes."""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from app.faults import Untrusted

LONGEST = 16 << 20
"""Bytes of one document. The largest answers about one instance are a few hundred KiB."""


def canonical(answer: Mapping[str, Any], call: str) -> bytes:
    """ASCII JSON, keys sorted, two spaces, a final line feed.

    Times are RFC 3339 in UTC; bytes are base64 under their name with ``_base64`` added. ASCII, so that a
    terminal that shows the file meets no control character. Untrusted if it is longer than :data:`LONGEST`.
    """
    text = json.dumps(_plain(answer), sort_keys=True, indent=2, ensure_ascii=True, allow_nan=False)
    if len(text) > LONGEST:
        raise Untrusted(f"{call}: an answer of {len(text)} bytes", next="check the endpoint in the context bar")
    return text.encode("ascii") + b"\n"


def decoded(value: object, call: str, most: int) -> bytes:
    """The bytes that came as base64; Untrusted if it is none, or more than ``most`` bytes."""
    try:
        content = base64.b64decode("".join(str(value).split()), validate=True)
    except (ValueError, binascii.Error):
        raise Untrusted(
            f"{call}: the content is not base64", next="check the endpoint in the context bar"
        ) from None
    if len(content) > most:
        raise Untrusted(
            f"{call}: {len(content)} bytes, more than the {most} there may be",
            next="check the endpoint in the context bar",
        )
    return content


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return dict(_member(str(name), inner) for name, inner in value.items())
    if isinstance(value, list | tuple):
        return [_plain(inner) for inner in value]
    if isinstance(value, datetime):
        moment = value.astimezone(UTC)
        return moment.strftime("%Y-%m-%dT%H:%M:%S.%fZ" if moment.microsecond else "%Y-%m-%dT%H:%M:%SZ")
    if isinstance(value, bytes | bytearray):
        return base64.b64encode(value).decode("ascii")
    if value is None or isinstance(value, str | int | float | bool):
        return value
    raise TypeError(f"no JSON for {type(value).__name__}")


def _member(name: str, value: Any) -> tuple[str, Any]:
    if isinstance(value, bytes | bytearray):
        name += "_base64"
    return name, _plain(value)
