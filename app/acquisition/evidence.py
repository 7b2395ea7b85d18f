"""The evidence side of an acquisition: its files, its hashes at rest, the custody of what is read."""

from __future__ import annotations

import asyncio
import hashlib
import threading
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, TypeVar

from app.acquisition.record import History, Record
from app.credentials.broker import Holding
from app.custody import check_bag
from app.faults import Broken, Fault
from app.model import TransferSpec
from app.transfer.bag import BLOCKS, TAG_MANIFEST, BagDigests, FileDigest, close_bag
from app.transfer.hashing import ImageDigests, hash_image
from app.transfer.storage import IMAGE
from app.transfer.transfer import expected_digests

T = TypeVar("T")


@dataclass(slots=True)
class Places:
    """Where an acquisition's files are."""

    partial: Path
    final: Path
    work: Path

    @property
    def image(self) -> Path:
        return self.partial / "data" / "disk.raw"


def hash_at_rest(
    places: Places, shape: TransferSpec, progress: Callable[[int], None], stop: threading.Event
) -> ImageDigests:
    known = expected_digests(places.work, shape)
    try:
        return hash_image(places.image, shape, known, progress, stop, blocks_file=places.work / "blocks.packed")
    finally:
        known.close()


def measure(bag: Path, sealed: str) -> BagDigests:
    """The digests of a bag that a seal left behind after its rename: every byte is read again.

    ``sealed`` is the tag manifest's hash that the signed intent of that seal named. Broken if it is another bag.
    """
    reason = check_bag(bag)
    if reason is not None:
        raise Broken(f"the bag {bag.name} is not whole: {reason}", next="keep it as it is and acquire again")

    def digest(name: str) -> FileDigest:
        content = (bag / name).read_bytes()
        return FileDigest(of=name, sha256=hashlib.sha256(content).hexdigest(), bytes=len(content))

    if digest(TAG_MANIFEST).sha256 != sealed:
        raise Broken(f"{bag.name} is not the bag that was about to be sealed", next="keep it, and acquire again")
    image = bag / IMAGE
    if not image.exists():
        return BagDigests(tag_manifest=digest(TAG_MANIFEST), image=None, blocks=None)
    listed = (bag / "manifest-sha256.txt").read_text("utf-8").split()[0]
    return BagDigests(
        tag_manifest=digest(TAG_MANIFEST),
        image=FileDigest(of=IMAGE, sha256=listed, bytes=image.stat().st_size),
        blocks=digest(BLOCKS),
    )


async def whole(work: Coroutine[Any, Any, T]) -> T:
    """Run to the end whatever is wished meanwhile: what was begun under an intent gets its outcome."""
    task = asyncio.create_task(work)
    try:
        return await asyncio.shield(task)
    except asyncio.CancelledError:
        await asyncio.wait({task})
        return task.result()


async def close_sealed(
    record: Record,
    history: History,
    where: dict[str, str],
    item: str,
    places: Places,
    digests: BagDigests,
    intended: str,
    done: str,
    coverage: dict[str, Any] | None,
) -> None:
    """Close a bag under custody: from the seal's intent to its outcome."""
    intent = record.intent(
        "evidence.seal",
        intended,
        item=item,
        authority=record.authority(history, history.approved_by),
        params={"tagmanifest_sha256": digests.tag_manifest.sha256},
        **where,
    )
    try:
        await asyncio.to_thread(close_bag, places.partial, places.final)
    except Exception as error:
        fault = error if isinstance(error, Fault) else Broken(f"the bag cannot be closed: {error}")
        record.failed(intent, f"{item} was not sealed: {fault.message}.", fault)
        raise fault from error
    record.result(intent, done, digests=digests.custody(), coverage=coverage)


class ReadRuns:
    """Custody of a download: one ``evidence.read`` for each lease that blocks were read under.

    ``permit`` is asked right before an intent: listing and looking through an image that is there may outlast
    the approval. Blocks are counted under ``call`` as used by their lease.
    """

    def __init__(
        self,
        record: Record,
        history: History,
        item: str,
        where: dict[str, str],
        holding: Holding,
        permit: Callable[[], None],
        call: str,
    ) -> None:
        self._record = record
        self._permit = permit
        self._history = history
        self._item = item
        self._where = where
        self._holding = holding
        self._call = call
        self._open: dict[str, Any] = {}

    def opened(self, lease: str, blocks: int) -> None:
        self._permit()
        grant = self._holding.current()
        self._open[lease] = self._record.intent(
            "evidence.read",
            f"Read {blocks} blocks of {self._where['resource']} under lease {lease}.",
            item=self._item,
            lease=lease,
            principal=grant.principal,
            authority=self._record.authority(self._history, self._history.approved_by),
            params={"blocks": blocks},
            **self._where,
        )

    def closed(
        self,
        lease: str,
        *,
        phase: Literal["result", "failed", "abandoned"],
        blocks: int,
        bytes: int,  # noqa: A002 - the member's name in the custody log
        retries: int,
        first_request_id: str | None,
        last_request_id: str | None,
        error: Fault | None,
    ) -> None:
        intent = self._open.pop(lease)
        self._holding.count(lease, self._call, blocks + retries)
        params: dict[str, Any] = {"blocks": blocks, "bytes": str(bytes), "retries": retries}
        if first_request_id and last_request_id:
            params |= {"first_request_id": first_request_id, "last_request_id": last_request_id}
        members = {"item": self._item, "lease": lease, "params": params, **self._where}
        if phase == "result":
            self._record.result(intent, f"{blocks} blocks were read under lease {lease}.", **members)
        elif phase == "failed" and error is not None:
            self._record.failed(
                intent, f"Reading stopped after {blocks} blocks: {error.message}", error, **members
            )
        else:
            self._record.abandoned(
                intent,
                f"Reading was interrupted after {blocks} blocks.",
                "interrupted",
                "stopped on request or with the agent",
                **members,
            )
