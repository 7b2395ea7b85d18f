"""Streaming a provider's block listing into the index on disk."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from app import faults
from app.model import Step, TransferSpec
from app.ports import BlockSource, StepContext
from app.transfer.digests import DigestMap
from app.transfer.index import BlockIndex, IndexWriter
from app.transfer.runs import LeaseFeed
from app.transfer.shape import block_count, blocks_bytes

_EMPTY_PAGES = 1000


class Listing:
    """What a finished listing says: the index, and how many blocks and bytes it names."""

    def __init__(self, index: BlockIndex, shape: TransferSpec, last: int) -> None:
        self.index = index
        self.blocks = index.count
        self.bytes = blocks_bytes(shape, index.count, last == block_count(shape) - 1)


async def list_blocks(
    path: Path,
    shape: TransferSpec,
    source: BlockSource,
    step: Step,
    context: StepContext,
    leases: LeaseFeed,
    known: DigestMap,
    on_progress: Callable[[int], None],
    *,
    refused_leases: int,
) -> Listing:
    """List all blocks into ``path``; an expired lease is renewed, and the listing then starts afresh.

    ``known`` are blocks that earlier runs fetched: a listing of the same snapshot names all of them, so
    one that does not is Untrusted. Raises what the source raises.
    """
    refusals = 0
    while True:
        lease = leases.current().lease
        try:
            return await _once(path, shape, source, step, context, leases, known, on_progress)
        except faults.CredentialExpired as fault:
            refusals += 1
            if refusals >= refused_leases:
                raise
            if leases.current().lease == lease:
                await leases.expired(lease, fault)


async def _once(
    path: Path,
    shape: TransferSpec,
    source: BlockSource,
    step: Step,
    context: StepContext,
    leases: LeaseFeed,
    known: DigestMap,
    on_progress: Callable[[int], None],
) -> Listing:
    seen = 0
    empty = 0
    with IndexWriter(path, shape) as writer:
        async for page in source.index(step, context, leases.current):
            empty = 0 if page.blocks else empty + 1
            if empty > _EMPTY_PAGES:
                raise faults.Untrusted(f"the block listing gave {empty} empty pages in a row", next=_NEXT)
            writer.add(page.blocks)
            seen += sum(1 for index, _token in page.blocks if index in known)
            on_progress(writer.count)
        if seen != len(known):
            raise faults.Untrusted(
                f"the block listing leaves out {len(known) - seen} blocks that this snapshot had before",
                next=_NEXT,
            )
        last = writer.last
        return Listing(writer.finish(), shape, last)


_NEXT = "check the snapshot and the endpoint; to start afresh, move the partial bag and its work directory away"
