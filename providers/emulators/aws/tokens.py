"""Block and page tokens of EBS direct: opaque, signed, dated.

Source: EBS User Guide, "Read EBS snapshots" (block tokens live 7 days and differ at each list) and EBS direct
APIs Reference, ListSnapshotBlocks (page tokens live 60 minutes; 100 to 10,000 results; at most 256 characters).
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import struct
import time
from collections.abc import Mapping

from providers.emulators.aws.errors import ApiError

BLOCK_TOKEN_SECONDS = 7 * 86400
PAGE_TOKEN_SECONDS = 3600
NONCE = 8
_HEAD, _SEAL = 16, 20


class Tokens:
    """Makes and checks tokens under the cloud's secret."""

    def __init__(self, secret: bytes) -> None:
        self._secret = secret

    def _seal(self, *parts: bytes) -> bytes:
        return hmac.new(self._secret, b"\0".join(parts), hashlib.sha256).digest()[:_SEAL]

    def _open(self, token: str, kind: bytes, scope: str) -> bytes | None:
        """The head of a token that was made here for ``scope``, else None."""
        try:
            raw = base64.b64decode(token, validate=True)
        except (ValueError, binascii.Error):
            return None
        head = raw[:_HEAD]
        fits = len(raw) == _HEAD + _SEAL and hmac.compare_digest(
            raw[_HEAD:], self._seal(kind, scope.encode(), head)
        )
        return head if fits else None

    def block(self, snapshot: str, index: int, expiry: int, nonce: bytes) -> str:
        """The token of one block; ``nonce`` is fresh for each list, so tokens are too."""
        head = struct.pack(">Q", expiry) + nonce
        return base64.b64encode(head + self._seal(b"block", f"{snapshot}:{index}".encode(), head)).decode()

    def check_block(self, snapshot: str, index: int, token: str) -> None:
        """ValidationException with INVALID_BLOCK_TOKEN unless the token is this block's and not too old."""
        head = self._open(token, b"block", f"{snapshot}:{index}")
        if head is None:
            raise ApiError("ValidationException", "The block token is not valid.", 400, "INVALID_BLOCK_TOKEN")
        if struct.unpack(">Q", head[:8])[0] < time.time():
            raise ApiError("ValidationException", "The block token has expired.", 400, "INVALID_BLOCK_TOKEN")

    def page(self, scope: str, start: int) -> str:
        """The token of the page of ``scope`` that begins at block ``start``."""
        head = struct.pack(">QQ", int(time.time()) + PAGE_TOKEN_SECONDS, start)
        return base64.b64encode(head + self._seal(b"page", scope.encode(), head)).decode()

    def position(self, scope: str, params: Mapping[str, str]) -> tuple[int, int]:
        """(first block, most results) that a list request asks for; a page token outweighs the start."""
        count = _whole(params.get("maxResults", "10000"))
        if count is None or not 100 <= count <= 10000:
            text = "MaxResults must be between 100 and 10000."
            raise ApiError("ValidationException", text, 400, "INVALID_PARAMETER_VALUE")
        token = params.get("pageToken")
        if token is None:
            start = _whole(params.get("startingBlockIndex", "0"))
            if start is None:
                text = "StartingBlockIndex must be a whole number from 0."
                raise ApiError("ValidationException", text, 400, "INVALID_PARAMETER_VALUE")
            return start, count
        head = self._open(token, b"page", scope)
        if head is None:
            raise ApiError("ValidationException", "The page token is not valid.", 400, "INVALID_PAGE_TOKEN")
        expiry, first = struct.unpack(">QQ", head)
        if expiry < time.time():
            raise ApiError("ValidationException", "The page token has expired.", 400, "INVALID_PAGE_TOKEN")
        return int(first), count


def _whole(text: str) -> int | None:
    return int(text) if text.isascii() and text.isdigit() else None
