"""A transfer: from a provider's block listing to a raw image on disk, resumable at any block."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from app.clock import Clock
from app.model import Step, TransferSpec
from app.ports import BlockSource, StepContext
from app.transfer.checking import check_blocks, in_thread
from app.transfer.digests import DigestMap
from app.transfer.download import Download
from app.transfer.index import RUN
from app.transfer.journal import Journal
from app.transfer.limits import Limits
from app.transfer.listing import Listing, list_blocks
from app.transfer.meter import Meter, Phase, Speed
from app.transfer.runs import LeaseFeed, RunLog, Runs
from app.transfer.shape import block_count, block_length, zero_digest
from app.transfer.storage import open_image, preflight, storage_fault

INDEX = "blocks.index"
JOURNAL = "blocks.journal"
DIGESTS = "blocks.digests"


@dataclass(frozen=True, slots=True)
class TransferResult:
    """``blocks`` are allocated ones, ``zero_blocks`` those of them that turned out wholly zero; the rest of
    the image is holes. ``blocks_fetched`` and ``bytes_fetched`` are of this run alone, earlier ones not included.
    ``rechecked`` blocks of earlier runs no longer matched the journal and were fetched again.
    """

    blocks: int
    zero_blocks: int
    bytes: int
    blocks_fetched: int
    bytes_fetched: int
    retries: int
    throttled: int
    rechecked: int


class Transfer:
    """Makes ``directory/data/disk.raw``. ``directory`` is the partial bag; ``work``, outside of it,
    holds index and journal.

    ``snapshot`` names what is read, so that a resume does not mix two; by default it is the path of the
    fetch address. One call of :meth:`run` per object. Nothing here keeps or logs a secret.
    """

    def __init__(
        self,
        *,
        directory: Path,
        work: Path,
        shape: TransferSpec,
        source: BlockSource,
        step: Step,
        context: StepContext,
        leases: LeaseFeed,
        runs: RunLog,
        on_meter: Callable[[Meter], None],
        workers: int | None,
        clock: Clock,
        limits: Limits | None = None,
        snapshot: str | None = None,
    ) -> None:
        self._directory = directory
        self._work = work
        self._shape = shape
        self._source = source
        self._step = step
        self._context = context
        self._leases = leases
        self._runs = Runs(runs)
        self._on_meter = on_meter
        self._wanted_workers = workers
        self._clock = clock
        self._limits = limits or Limits()
        self._spec = source.fetch_spec(step, context)
        self._snapshot = snapshot if snapshot is not None else urlsplit(self._spec.url).path
        self._phase: Phase = "checking"
        self._speed = Speed()
        self._counted = (0, 0, 0, 0)  # blocks and bytes done, blocks and bytes in all, of the present phase
        self._download: Download | None = None
        self._bytes_before = 0

    async def run(self) -> TransferResult:
        """Fetch what is missing; raises a Fault naming what stopped it.

        Cancelled, it ends within a second or so. Whatever the end, all durable blocks are in the journal and
        the next run goes on from there.
        """
        try:
            self._directory.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._work.mkdir(mode=0o700, parents=True, exist_ok=True)
            preflight(self._directory, self._shape, None, min_free=self._limits.min_free)
            image = await open_image(self._directory, self._shape, self._clock, self._limits.lock_wait_s)
            try:
                return await self._with_image(image)
            finally:
                os.close(image)
        except OSError as error:
            raise storage_fault("the evidence volume or the work directory could not be used", error) from None

    async def _with_image(self, image: int) -> TransferResult:
        known = DigestMap(self._work / DIGESTS, block_count(self._shape))
        try:
            journal = Journal(self._work / JOURNAL, self._shape, self._snapshot)
            try:
                return await self._fetch(image, known, journal)
            finally:
                journal.close()
        finally:
            known.close()

    async def _fetch(self, image: int, known: DigestMap, journal: Journal) -> TransferResult:
        ticker = asyncio.create_task(self._tick())
        try:
            rechecked = await self._check(image, known, journal)
            self._enter("listing")
            listing = await self._list(known)
            fetched = await self._fetch_rest(image, known, journal, listing)
        finally:
            ticker.cancel()
            with suppress(asyncio.CancelledError):
                await ticker
            self._report()
        zero = await in_thread(lambda _stop: self._count_zero(known))
        return TransferResult(
            blocks=listing.blocks,
            zero_blocks=zero,
            bytes=listing.bytes,
            blocks_fetched=fetched,
            bytes_fetched=self._download.bytes_read if self._download else 0,
            retries=self._download.retries if self._download else 0,
            throttled=self._download.throttled if self._download else 0,
            rechecked=rechecked,
        )

    async def _check(self, image: int, known: DigestMap, journal: Journal) -> int:
        """Load the journal and hold it against the image; returns how many blocks did not match."""
        await in_thread(lambda stop: journal.load(known, stop))
        blocks = len(known)
        total = self._known_bytes(known)

        def progress(done: int, size: int) -> None:
            self._counted = (done, size, blocks, total)

        self._counted = (0, 0, blocks, total)
        self._report()
        wrong = await in_thread(lambda stop: check_blocks(image, self._shape, known, stop, progress))
        self._report()
        return len(wrong)

    async def _list(self, known: DigestMap) -> Listing:
        def progress(blocks: int) -> None:
            if self._phase == "listing":
                self._counted = (blocks, 0, 0, 0)

        return await list_blocks(
            self._work / INDEX,
            self._shape,
            self._source,
            self._step,
            self._context,
            self._leases,
            known,
            progress,
            refused_leases=self._limits.refused_leases,
        )

    async def _fetch_rest(self, image: int, known: DigestMap, journal: Journal, listing: Listing) -> int:
        before = len(known)
        missing = listing.blocks - before
        self._bytes_before = self._known_bytes(known)
        self._counted = (before, self._bytes_before, listing.blocks, listing.bytes)
        if not missing:
            listing.index.close()
            self._phase = "downloading"
            return 0
        download = None
        try:
            rest = listing.bytes - self._bytes_before
            preflight(self._directory, self._shape, rest, min_free=self._limits.min_free)
            self._enter("downloading")
            workers = self._wanted_workers or len(os.sched_getaffinity(0))
            download = self._download = Download(
                directory=self._directory,
                image_fd=image,
                shape=self._shape,
                spec=self._spec,
                listing=listing,
                relist=lambda: self._list(known),
                known=known,
                journal=journal,
                leases=self._leases,
                runs=self._runs,
                workers=max(1, min(workers, -(-missing // RUN))),
                limits=self._limits,
                clock=self._clock,
            )
            await download.run()
        finally:
            if download is None:
                listing.index.close()
            else:
                download.close()
        return len(known) - before

    def _known_bytes(self, known: DigestMap) -> int:
        count = block_count(self._shape)
        short = self._shape.block_size - block_length(self._shape, count - 1) if count else 0
        return len(known) * self._shape.block_size - (short if count and count - 1 in known else 0)

    def _count_zero(self, known: DigestMap) -> int:
        count = block_count(self._shape)
        whole = zero_digest(self._shape.block_size)
        last = zero_digest(block_length(self._shape, count - 1)) if count else whole
        return sum(1 for index, digest in known.items() if digest == (last if index == count - 1 else whole))

    # -- meter -------------------------------------------------------------------------------------

    def _enter(self, phase: Phase) -> None:
        self._phase = phase
        self._speed = Speed()
        if phase == "listing":
            self._counted = (0, 0, 0, 0)
        self._report()

    async def _tick(self) -> None:
        while True:
            await self._clock.sleep(self._limits.tick_s)
            self._report()

    def _report(self) -> None:
        done, size, blocks, total = self._counted
        download = self._download
        phase = self._phase
        if download is not None and phase == "downloading":
            done, size = download.blocks_done, self._bytes_before + download.bytes_read
            if download.listing_now:
                phase = "listing"
        rate = self._speed.at(self._clock.monotonic(), size)
        self._on_meter(
            Meter(
                blocks_done=done,
                blocks_total=blocks,
                bytes_done=size,
                bytes_total=total,
                rate=rate,
                eta_s=-(-(total - size) // rate) if rate > 0 and total else None,
                retries=download.retries if download else 0,
                throttled=download.throttled if download else 0,
                phase=phase,
            )
        )


def expected_digests(work: Path, shape: TransferSpec, snapshot: str | None = None) -> DigestMap:
    """The journal's digests of all fetched blocks, for hashing at rest; the caller closes the map.

    ``snapshot`` as :class:`Transfer` was told it, None to take the one that the journal names. Usage when
    nothing was ever downloaded there, Broken when the journal is of another shape.
    """
    known = DigestMap(work / DIGESTS, block_count(shape))
    try:
        journal = Journal(work / JOURNAL, shape, snapshot)
        try:
            journal.load(known)
        finally:
            journal.close()
    except BaseException:
        known.close()
        raise
    return known
