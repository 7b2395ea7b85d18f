"""The blocks of a snapshot: EBS direct APIs."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from typing import Any

from app.faults import Fault, Gone, Untrusted
from app.model import Step
from app.ports import FetchSpec, Grant, IndexPage, Scope, StepContext
from providers.aws import arns
from providers.aws.clients import Clients, keys_of
from providers.aws.faults import KEY_REASONS, Call, key_next
from providers.aws.outputs import snapshot_of
from providers.aws.settings import Settings

PAGE = 10000
"""Blocks a page, the most that ListSnapshotBlocks gives (EBS direct APIs Reference, MaxResults)."""
_LAG_WAITS = (1.0, 2.0, 4.0, 8.0, 8.0, 8.0)
"""Seconds: EC2 may call a snapshot completed before these APIs know it (awslabs/coldsnap issue 141)."""
_EMPTY_PAGES, _RESTARTS = 1000, 5
_LONGEST_TOKEN = 1024

_FAULTS = {
    # ValidationException and its reasons (EBS direct APIs Reference, "ValidationException")
    "INVALID_BLOCK_TOKEN": "relist",
    "INVALID_SNAPSHOT_ID": "gone",
    "INVALID_BLOCK": "denied",
    "ValidationException": "denied",
    "AccessDeniedException": "denied",
    "UNAUTHORIZED_ACCOUNT": "denied",
    # What KMS says of the key: no other lease mends it.
    "DEPENDENCY_ACCESS_DENIED": "denied",
    "DEPENDENCY_RESOURCE_NOT_FOUND": "denied",
    "GRANT_NOT_FOUND": "denied",
    "INVALID_CUSTOMER_KEY": "denied",
    "INVALID_DEPENDENCY_REQUEST": "denied",
    "INVALID_GRANT_TOKEN": "denied",
    "ResourceNotFoundException": "gone",
    "SNAPSHOT_NOT_FOUND": "gone",
    "RequestThrottledException": "throttled",
    "RequestThrottled": "throttled",
    "ACCOUNT_THROTTLED": "throttled",
    "RESOURCE_LEVEL_THROTTLE": "throttled",
    "DEPENDENCY_REQUEST_THROTTLED": "throttled",
    "ServiceQuotaExceededException": "throttled",
    "DEPENDENCY_SERVICE_QUOTA_EXCEEDED": "throttled",
    "ThrottlingException": "throttled",
    "Throttling": "throttled",
    "TooManyRequestsException": "throttled",
    "ExpiredTokenException": "expired",
    "ExpiredToken": "expired",
    "RequestExpired": "expired",
    "UnrecognizedClientException": "expired",
    "InvalidClientTokenId": "expired",
    "InvalidSignatureException": "expired",
    "SignatureDoesNotMatch": "expired",
    "IncompleteSignature": "expired",
    "MissingAuthenticationTokenException": "expired",
    "RequestTimeout": "unavailable",
    "RequestTimeoutException": "unavailable",
    "InternalServerException": "unavailable",
    "InternalServerError": "unavailable",
    "InternalFailure": "unavailable",
    "ServiceUnavailable": "unavailable",
    "ServiceUnavailableException": "unavailable",
}


class AwsBlocks:
    """The port ``BlockSource``."""

    def __init__(self, settings: Settings, scope: Scope, clients: Clients) -> None:
        self._settings = settings
        self._scope = scope
        self._clients = clients

    def snapshot(self, step: Step, context: StepContext) -> str:
        """The snapshot that the step named in ``snapshot_step`` made, of the step's own volume."""
        return snapshot_of(step, context)

    def fetch_spec(self, step: Step, context: StepContext) -> FetchSpec:
        """GetSnapshotBlock: ``GET /snapshots/{id}/blocks/{index}?blockToken={token}``, signed for ``ebs``."""
        region = arns.region(step.region)
        endpoint = self._settings.public_endpoint("ebs", region)
        return FetchSpec(
            url=f"{endpoint}/snapshots/{snapshot_of(step, context)}/blocks/{{index}}?blockToken={{token}}",
            sigv4=f"aws:amz:{region}:ebs",
            ca_bundle=self._settings.path("ca_bundle"),
            checksum_header="x-amz-checksum",
            checksum_encoding="base64",
            length_header="x-amz-data-length",
            request_id_header="x-amzn-requestid",
            error_header="x-amzn-errortype",
            faults=dict(_FAULTS),
            hints=dict.fromkeys(KEY_REASONS, key_next(step.account)),
        )

    async def index(
        self, step: Step, context: StepContext, grant: Callable[[], Grant]
    ) -> AsyncIterator[IndexPage]:
        """Pages of ListSnapshotBlocks; when a page token has aged (60 min), listed anew after the last block."""
        snapshot = snapshot_of(step, context)
        size, block = int(step.params["size_bytes"]), int(step.params["block_size"])
        call = Call("ebs", "ListSnapshotBlocks", step.account, step.region, snapshot)
        count = -(-size // block)
        last, empty, restarts = -1, 0, 0
        token: str | None = None
        while True:
            place: dict[str, Any] = {"NextToken": token} if token else {"StartingBlockIndex": last + 1}
            try:
                answer = await self._page(call, snapshot, place, grant, may_lag=last < 0 and not token)
            except Fault as fault:
                if fault.provider_code != "INVALID_PAGE_TOKEN" or not token or restarts >= _RESTARTS:
                    raise
                restarts += 1
                token = None
                continue
            _same_shape(call, answer, size, block)
            blocks = _blocks(call, answer, last, count)
            if blocks:
                last, empty = blocks[-1][0], 0
                yield IndexPage(blocks=blocks)
            else:
                empty += 1
            following = answer.get("NextToken")
            if not following or last + 1 >= count:
                return
            if following == token or empty > _EMPTY_PAGES:
                raise Untrusted(f"{call}: the pages do not end", next="check the endpoint in the context bar")
            token = following

    async def _page(
        self, call: Call, snapshot: str, place: dict[str, Any], grant: Callable[[], Grant], *, may_lag: bool
    ) -> dict[str, Any]:
        for wait in _LAG_WAITS if may_lag else ():
            try:
                return await self._clients.read(
                    call, keys_of(grant()), SnapshotId=snapshot, MaxResults=PAGE, **place
                )
            except Gone:
                await self._scope.clock.sleep(wait)
        return await self._clients.read(call, keys_of(grant()), SnapshotId=snapshot, MaxResults=PAGE, **place)


def _same_shape(call: Call, answer: dict[str, Any], size: int, block: int) -> None:
    gib, found = answer.get("VolumeSize"), answer.get("BlockSize")
    if found != block:
        raise Untrusted(
            f"{call}: blocks of {str(found)[:20]} bytes, not {block}", next="plan the acquisition again"
        )
    if not isinstance(gib, int) or gib * arns.GIB != size:
        raise Untrusted(
            f"{call}: a volume of {str(gib)[:20]} GiB, but the plan says {size // arns.GIB}",
            next="plan the acquisition again: the volume was resized, or this is another one",
        )


def _blocks(call: Call, answer: dict[str, Any], last: int, count: int) -> list[tuple[int, str]]:
    blocks: list[tuple[int, str]] = []
    for entry in answer.get("Blocks") or []:
        index, token = entry.get("BlockIndex"), entry.get("BlockToken")
        if not isinstance(index, int) or not last < index < count:
            raise Untrusted(
                f"{call}: block {str(index)[:20]} after block {last} of {count}",
                next="check the endpoint in the context bar",
            )
        if not isinstance(token, str) or not 0 < len(token) <= _LONGEST_TOKEN:
            raise Untrusted(
                f"{call}: no usable token for block {index}", next="check the endpoint in the context bar"
            )
        blocks.append((index, token))
        last = index
    if len(blocks) > PAGE:
        raise Untrusted(f"{call}: {len(blocks)} blocks on one page", next="check the endpoint in the context bar")
    return blocks
