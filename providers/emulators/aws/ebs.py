"""EBS direct APIs, served from the disk images.

Sources: EBS direct APIs Reference (operations, limits, errors), botocore's model of ``ebs`` 2019-11-02; EBS User
Guide, "Use EBS direct APIs" (block tokens live 7 days, page tokens 60 minutes, 524,288 byte blocks).
Which code a snapshot that is not completed gets is not documented; here it is ValidationException with
INVALID_SNAPSHOT_ID.
"""

from __future__ import annotations

import base64
import hashlib
import itertools
import json
import re
import secrets
import time
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import msgspec

from providers.emulators.aws.blocks import BLOCK, BlockImage
from providers.emulators.aws.ec2_access import snapshot_context
from providers.emulators.aws.envelopes import Answer, json_answer
from providers.emulators.aws.errors import ApiError, refusal
from providers.emulators.aws.evaluate import Request
from providers.emulators.aws.identities import Principal
from providers.emulators.aws.kms_access import decide_key, disabled, question
from providers.emulators.aws.snapshots import NO_VOLUME, TimedSnapshot
from providers.emulators.aws.tokens import BLOCK_TOKEN_SECONDS, NONCE, Tokens
from providers.emulators.aws.world import World, denial, tags_of

_ROUTES: tuple[tuple[str, str, re.Pattern[str]], ...] = (
    ("GET", "GetSnapshotBlock", re.compile(r"/snapshots/([^/]+)/blocks/([^/]+)")),
    ("GET", "ListSnapshotBlocks", re.compile(r"/snapshots/([^/]+)/blocks")),
    ("GET", "ListChangedBlocks", re.compile(r"/snapshots/([^/]+)/changedblocks")),
    ("PUT", "PutSnapshotBlock", re.compile(r"/snapshots/([^/]+)/blocks/([^/]+)")),
    ("POST", "CompleteSnapshot", re.compile(r"/snapshots/completion/([^/]+)")),
    ("POST", "StartSnapshot", re.compile(r"/snapshots")),
)


class Route(msgspec.Struct, frozen=True, kw_only=True):
    action: str
    snapshot: str = ""
    block: str = ""


def route(method: str, path: str) -> Route | None:
    """The operation of a request line; None if EBS direct has no such path."""
    for verb, action, pattern in _ROUTES:
        match = pattern.fullmatch(path) if verb == method else None
        if match:
            parts = (*match.groups(), "", "")
            return Route(action=action, snapshot=parts[0], block=parts[1])
    return None


class EbsDirect:
    """The six operations. Runs on the event loop: a block is read, hashed and sent without moto.

    ``folder`` keeps the files of snapshots that are written through StartSnapshot.
    """

    def __init__(self, world: World, folder: Path) -> None:
        self.world = world
        self.folder = folder
        self.tokens = Tokens(world.secret)

    def resources(self, region: str, route: Route) -> list[str]:
        return [f"arn:aws:ec2:{region}::snapshot/{route.snapshot or '*'}"]

    def serve(
        self,
        principal: Principal,
        region: str,
        route: Route,
        query: str,
        headers: Mapping[str, str],
        body: bytes,
        resources: list[str],
    ) -> Answer:
        """One call; ApiError with the service's codes. ``resources`` is amended with what the call touched."""
        pairs = (part.partition("=") for part in query.split("&"))
        params = {unquote(name): unquote(value) for name, _, value in pairs}
        if route.action == "StartSnapshot":
            return self._start(principal, region, body, resources)
        if not re.fullmatch(r"snap-[0-9a-f]{1,59}", route.snapshot):
            raise ApiError("ValidationException", "Invalid snapshot id.", 400, "INVALID_SNAPSHOT_ID")
        snapshot = self._find(principal, region, route.snapshot)
        self._authorise(principal, region, route.action, snapshot)
        if route.action == "PutSnapshotBlock":
            return self._put(snapshot, route, headers, body)
        if route.action == "CompleteSnapshot":
            return self._complete(snapshot, headers)
        image = self._image(snapshot)
        if route.action == "GetSnapshotBlock":
            return self._get(principal, snapshot, image, route, params)
        if route.action == "ListSnapshotBlocks":
            return self._list(snapshot, image, params)
        other = params.get("firstSnapshotId", "")
        first = None
        if other:
            first = self._find(principal, region, other)
            self._authorise(principal, region, route.action, first)
            resources.append(f"arn:aws:ec2:{region}::snapshot/{other}")
        return self._changed(snapshot, image, first, params)

    def _find(self, principal: Principal, region: str, snapshot_id: str) -> TimedSnapshot:
        snapshot = self.world.snapshots.find(region, snapshot_id)
        shared = snapshot is not None and (
            snapshot.owner_id == principal.account
            or principal.account in snapshot.create_volume_permission_userids
        )
        if snapshot is None or not shared:
            text = f"The snapshot '{snapshot_id}' does not exist."
            raise ApiError("ResourceNotFoundException", text, 404, "SNAPSHOT_NOT_FOUND")
        return snapshot

    def _authorise(self, principal: Principal, region: str, name: str, snapshot: TimedSnapshot) -> None:
        context = self.world.context(principal, region) | snapshot_context(snapshot, principal.account)
        arn = f"arn:aws:ec2:{region}::snapshot/{snapshot.id}"
        self.world.authorise("ebs", principal, [Request(action=f"ebs:{name}", resource=arn, context=context)])
        if snapshot.encrypted and name in ("GetSnapshotBlock", "ListSnapshotBlocks", "ListChangedBlocks"):
            self._decrypt(principal, region, snapshot)

    def _decrypt(self, principal: Principal, region: str, snapshot: TimedSnapshot) -> None:
        """The caller itself needs kms:Decrypt, through EC2 (EBS User Guide, "Permissions to use KMS keys").

        The page does not say what a disabled key does; of the API's reasons INVALID_CUSTOMER_KEY fits.
        """
        key = self.world.find_key(snapshot.kms_key_id)
        if key is None or disabled(self.world, key):
            text = f"The KMS key {snapshot.kms_key_id} is disabled or does not exist."
            raise ApiError("ValidationException", text, 400, "INVALID_CUSTOMER_KEY")
        request = question(self.world, principal, key, "kms:Decrypt", via=region)
        decision = decide_key(self.world, principal, key, request)
        if not decision.allowed:
            text = denial("ebs", principal, request, decision)
            raise ApiError("AccessDeniedException", text, 403, "DEPENDENCY_ACCESS_DENIED")

    def _image(self, snapshot: TimedSnapshot) -> BlockImage:
        if snapshot.status != "completed":
            text = f"The snapshot '{snapshot.id}' is not in the completed state."
            raise ApiError("ValidationException", text, 400, "INVALID_SNAPSHOT_ID")
        image: BlockImage = snapshot.content.result()
        return image

    # Reading

    def _list(self, snapshot: TimedSnapshot, image: BlockImage, params: Mapping[str, str]) -> Answer:
        start, count = self.tokens.position(snapshot.id, params)
        expiry, nonce = int(time.time()) + BLOCK_TOKEN_SECONDS, secrets.token_bytes(NONCE)
        found = list(itertools.islice(image.allocated(start), count + 1))
        blocks = [
            {"BlockIndex": index, "BlockToken": self.tokens.block(snapshot.id, index, expiry, nonce)}
            for index in found[:count]
        ]
        result: dict[str, Any] = {
            "Blocks": blocks,
            "ExpiryTime": expiry,
            "VolumeSize": image.size_gib,
            "BlockSize": BLOCK,
        }
        if len(found) > count:
            result["NextToken"] = self.tokens.page(snapshot.id, found[count])
        return json_answer(result, rest=True)

    def _get(
        self,
        principal: Principal,
        snapshot: TimedSnapshot,
        image: BlockImage,
        route: Route,
        params: Mapping[str, str],
    ) -> Answer:
        index = int(route.block) if route.block.isascii() and route.block.isdigit() else -1
        if not 0 <= index < image.count:
            raise ApiError("ValidationException", "The block index is not valid.", 400, "INVALID_BLOCK")
        self.tokens.check_block(snapshot.id, index, params.get("blockToken", ""))
        try:
            data = image.read(index)
        except OSError as error:
            raise refusal("ebs", "internal", str(error)) from error
        digest = base64.b64encode(image.digest(index, data)).decode()
        for name in image.names:
            if index in self.world.faults.corrupt.get(name, ()):
                data = bytes([data[0] ^ 0xFF]) + data[1:]
        self.world.journal.block_read(snapshot.id, principal.account, index)
        headers = {
            "Content-Type": "application/octet-stream",
            "x-amz-Data-Length": str(BLOCK),
            "x-amz-Checksum": digest,
            "x-amz-Checksum-Algorithm": "SHA256",
        }
        return Answer(headers=headers, body=data)

    def _changed(
        self, second: TimedSnapshot, image: BlockImage, first: TimedSnapshot | None, params: Mapping[str, str]
    ) -> Answer:
        """ListChangedBlocks: without a first snapshot every allocated block counts as changed."""
        base = None if first is None else self._image(first)
        if base is not None and first is not None and not self._related(first, second):
            text = "The snapshots are not of the same volume."
            raise ApiError("ValidationException", text, 400, "UNRELATED_SNAPSHOTS")
        scope = f"{first.id if first else ''}>{second.id}"
        start, count = self.tokens.position(scope, params)
        expiry, nonce = int(time.time()) + BLOCK_TOKEN_SECONDS, secrets.token_bytes(NONCE)
        found = list(itertools.islice(_differences(base, image, start), count + 1))
        blocks = []
        for index, in_first, in_second in found[:count]:
            block: dict[str, Any] = {"BlockIndex": index}
            if in_first and first is not None:
                block["FirstBlockToken"] = self.tokens.block(first.id, index, expiry, nonce)
            if in_second:
                block["SecondBlockToken"] = self.tokens.block(second.id, index, expiry, nonce)
            blocks.append(block)
        result: dict[str, Any] = {
            "ChangedBlocks": blocks,
            "ExpiryTime": expiry,
            "VolumeSize": image.size_gib,
            "BlockSize": BLOCK,
        }
        if len(found) > count:
            result["NextToken"] = self.tokens.page(scope, found[count][0])
        return json_answer(result, rest=True)

    def _related(self, first: TimedSnapshot, second: TimedSnapshot) -> bool:
        same = first.volume_id == second.volume_id and first.volume_id != NO_VOLUME
        return same or second.parent == first.id or first.id == second.id

    # Writing

    def _start(self, principal: Principal, region: str, body: bytes, resources: list[str]) -> Answer:
        try:
            params = json.loads(body or b"{}")
            size = int(params["VolumeSize"])
        except (ValueError, KeyError, TypeError):
            text = "VolumeSize is missing."
            raise ApiError("ValidationException", text, 400, "INVALID_PARAMETER_VALUE") from None
        if not 1 <= size <= 65536:
            raise ApiError("ValidationException", "The volume size is not valid.", 400, "INVALID_VOLUME_SIZE")
        tags = {tag["Key"]: tag.get("Value", "") for tag in params.get("Tags", [])}
        context = self.world.context(principal, region) | tags_of(tags, "aws:requesttag")
        context |= {"ebs:volumesize": str(size), "aws:resourceaccount": principal.account}
        if tags:
            context["aws:tagkeys"] = list(tags)
        arn = f"arn:aws:ec2:{region}::snapshot/*"
        asked = [Request(action="ebs:StartSnapshot", resource=arn, context=context)]
        if tags:
            creating: dict[str, str | list[str]] = {**context, "ec2:createaction": "StartSnapshot"}
            asked.append(Request(action="ec2:CreateTags", resource=arn, context=creating))
        self.world.authorise("ebs", principal, asked)
        parent = None
        if params.get("ParentSnapshotId"):
            parent = self._find(principal, region, params["ParentSnapshotId"])
            if params.get("Encrypted"):
                text = "ParentSnapshotId and Encrypted cannot be given together."
                raise ApiError("ValidationException", text, 400, "INVALID_PARAMETER_VALUE")
        key = self._key(principal, region, params, parent)
        file = self.folder / f"{secrets.token_hex(8)}.raw"
        with file.open("wb") as made:
            if parent is not None:
                image = self._image(parent)
                for index in image.allocated(0):
                    made.seek(index * BLOCK)
                    made.write(image.read(index))
        state = self.world.compute.state(principal.account, region)
        described = str(params.get("Description", ""))
        snapshot = self.world.snapshots.start(state, size, described, tags, file, parent.id if parent else "", key)
        resources[:] = [f"arn:aws:ec2:{region}::snapshot/{snapshot.id}"]
        result = {
            "SnapshotId": snapshot.id,
            "OwnerId": principal.account,
            "Status": "pending",
            "StartTime": datetime.now(UTC).timestamp(),
            "VolumeSize": size,
            "BlockSize": BLOCK,
            "Description": described,
            "Tags": [{"Key": name, "Value": value} for name, value in tags.items()],
        }
        result |= {"ParentSnapshotId": parent.id} if parent else {}
        result |= {"KmsKeyArn": key} if key else {}
        return json_answer(result, 201, rest=True)

    def _key(
        self, principal: Principal, region: str, params: Mapping[str, Any], parent: TimedSnapshot | None
    ) -> str | None:
        if parent is not None:
            inherited: str | None = parent.kms_key_id
            return inherited
        if not params.get("Encrypted"):
            return None
        wanted = str(params.get("KmsKeyArn", ""))
        key = self.world.ring.resolve(principal.account, region, wanted)
        key = key or self.world.key(principal.account, region, "default")
        return key.arn if key else None

    def _put(self, snapshot: TimedSnapshot, route: Route, headers: Mapping[str, str], body: bytes) -> Answer:
        image = self._pending(snapshot)
        index = int(route.block) if route.block.isascii() and route.block.isdigit() else -1
        if not 0 <= index < image.count:
            raise ApiError("ValidationException", "The block index is not valid.", 400, "INVALID_BLOCK")
        digest = base64.b64encode(hashlib.sha256(body).digest()).decode()
        if len(body) != BLOCK or headers.get("x-amz-Data-Length") != str(BLOCK):
            text = "The data length must be 524288."
            raise ApiError("ValidationException", text, 400, "INVALID_PARAMETER_VALUE")
        if headers.get("x-amz-Checksum") != digest or headers.get("x-amz-Checksum-Algorithm") != "SHA256":
            text = "The checksum does not match the data."
            raise ApiError("ValidationException", text, 400, "INVALID_PARAMETER_VALUE")
        image.write(index, body)
        assert snapshot.written is not None
        snapshot.written.add(index)
        answer = json_answer({}, 201, rest=True)
        answer.headers |= {"x-amz-Checksum": digest, "x-amz-Checksum-Algorithm": "SHA256"}
        return answer

    def _pending(self, snapshot: TimedSnapshot) -> BlockImage:
        if snapshot.written is None:
            text = f"The snapshot '{snapshot.id}' is not being written."
            raise ApiError("ValidationException", text, 400, "INVALID_SNAPSHOT_ID")
        image: BlockImage = snapshot.content.result()
        return image

    def _complete(self, snapshot: TimedSnapshot, headers: Mapping[str, str]) -> Answer:
        image = self._pending(snapshot)
        assert snapshot.written is not None
        if headers.get("x-amz-ChangedBlocksCount") != str(len(snapshot.written)):
            text = "ChangedBlocksCount does not match the blocks that were written."
            raise ApiError("ValidationException", text, 400, "INVALID_PARAMETER_VALUE")
        if "x-amz-Checksum" in headers:
            parts = [hashlib.sha256(image.read(index)).digest() for index in sorted(snapshot.written)]
            digest = base64.b64encode(hashlib.sha256(b"".join(parts)).digest()).decode()
            if headers["x-amz-Checksum"] != digest:
                text = "The aggregated checksum does not match."
                raise ApiError("ValidationException", text, 400, "INVALID_PARAMETER_VALUE")
        image.seal()
        snapshot.written = None
        return json_answer({"Status": "completed"}, 202, rest=True)


def _differences(first: BlockImage | None, second: BlockImage, start: int) -> Iterator[tuple[int, bool, bool]]:
    """(index, allocated in first, allocated in second) of blocks whose content differs."""
    if first is None:
        yield from ((index, False, True) for index in second.allocated(start))
        return
    if first is second:
        return
    ours, theirs = first.allocated(start), second.allocated(start)
    one, other = next(ours, None), next(theirs, None)
    while one is not None or other is not None:
        index = min(value for value in (one, other) if value is not None)
        in_first, in_second = one == index, other == index
        if first.read(index) != second.read(index):
            yield index, in_first, in_second
        one = next(ours, None) if in_first else one
        other = next(theirs, None) if in_second else other
