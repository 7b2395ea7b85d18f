"""Judging what a cloud answered to the request for one block. Pure: bytes in, verdict out."""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
import re
from collections.abc import Mapping
from typing import NamedTuple

from app.ports import FetchSpec
from app.transfer.shape import zero_digest

_CODE = re.compile(r"[A-Za-z0-9_.-]{1,64}")
_REQUEST_ID = re.compile(r"[\x21-\x7e]{1,128}")
_FINAL = ("denied", "gone", "untrusted")
KINDS = ("throttled", "expired", "denied", "gone", "relist", "unavailable")


class Good(NamedTuple):
    """A block that may be written: SHA-256 of what the image will hold, and whether that is wholly zero."""

    digest: bytes
    zero: bool


class Refusal(NamedTuple):
    """``kind`` is one of KINDS, or "mismatch" (worth another try) or "untrusted" (not worth one)."""

    kind: str
    text: str
    provider_code: str = ""

    @property
    def final(self) -> bool:
        """No other try of this block will end better."""
        return self.kind in _FINAL


def request_id(headers: Mapping[str, str], spec: FetchSpec) -> str | None:
    """The provider's request id, None when it is absent or not a sane one."""
    value = headers.get(spec.request_id_header.lower(), "")
    return value if _REQUEST_ID.fullmatch(value) else None


def judge_block(
    body: memoryview, headers: Mapping[str, str], spec: FetchSpec, *, block_size: int, length: int
) -> Good | Refusal:
    """Whether a body answered with 200 is the block that was asked for.

    ``length`` is what the image holds of it. A provider sends whole blocks also where the image ends within
    one: then the surplus must be zero. Header names in ``headers`` are lower case.
    """
    if len(body) not in (block_size, length):
        return Refusal("mismatch", f"{len(body)} bytes came instead of {length}")
    if spec.length_header:
        said = headers.get(spec.length_header.lower(), "")
        if said != str(len(body)):
            return Refusal("mismatch", "the body does not have the length that its header says")
    expected = _checksum(headers.get(spec.checksum_header.lower(), ""), spec.checksum_encoding)
    if expected is None:
        return Refusal("mismatch", "no usable SHA-256 checksum came with the block")
    digest = hashlib.sha256(body).digest()
    if digest != expected:
        return Refusal("mismatch", "the block does not match its SHA-256 checksum")
    if len(body) > length:
        if any(body[length:]):
            return Refusal("untrusted", "the block has data beyond the end of the disk")
        digest = hashlib.sha256(body[:length]).digest()
    return Good(digest, digest == zero_digest(length))


def judge_error(status: int, headers: Mapping[str, str], body: bytes, spec: FetchSpec) -> Refusal:
    """What any other status means, by the codes of the fetch spec (see :class:`app.ports.FetchSpec`).

    A 429 without a known code is throttling, as RFC 6585 has it; redirects are never followed.
    """
    if status < 400:
        what = "a redirect, which is not followed" if 300 <= status < 400 else "an unexpected success"
        return Refusal("untrusted", f"the answer was HTTP {status}: {what}")
    codes = _codes(headers, body, spec)
    for code in codes:
        kind = spec.faults.get(code)
        if kind in KINDS:
            return Refusal(kind, f"the cloud answered {code} (HTTP {status})", code)
    known = codes[0] if codes else ""
    named = f"{known} (HTTP {status})" if known else f"HTTP {status}"
    kind = "throttled" if status == 429 else "unavailable" if status >= 500 else "denied"
    return Refusal(kind, f"the cloud answered {named}", known)


def _codes(headers: Mapping[str, str], body: bytes, spec: FetchSpec) -> list[str]:
    """Error codes in the order in which they count, reduced to their plain names."""
    try:
        parsed = json.loads(body)
    except (ValueError, RecursionError):
        parsed = None
    fields = parsed if isinstance(parsed, dict) else {}
    raw = [fields.get("Reason"), headers.get(spec.error_header.lower()), fields.get("__type"), fields.get("code")]
    plain: list[str] = []
    for value in raw:
        if isinstance(value, str):
            # "com.amazonaws.ebs#ValidationException" and "ValidationException:http://…" are both in use
            code = value.split(":", 1)[0].rsplit("#", 1)[-1].strip()
            if _CODE.fullmatch(code):
                plain.append(code)
    return plain


def _checksum(value: str, encoding: str) -> bytes | None:
    try:
        raw = bytes.fromhex(value) if encoding == "hex" else base64.b64decode(value, validate=True)
    except (ValueError, binascii.Error):
        return None
    return raw if len(raw) == hashlib.sha256().digest_size else None
