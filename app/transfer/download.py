"""The download itself: workers claim runs, report durable blocks, and change leases between blocks."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from contextlib import suppress
from pathlib import Path
from typing import Any

from app import faults
from app.clock import Clock
from app.model import TransferSpec
from app.ports import FetchSpec, Grant
from app.transfer.digests import DigestMap
from app.transfer.journal import Journal
from app.transfer.limits import Limits
from app.transfer.listing import Listing
from app.transfer.process import WorkerProcess, proxy_settings, system_ca
from app.transfer.protocol import Expired, Failed, Lease, Left, News, Relist, Report, Run, Start, Stop, Want
from app.transfer.runs import LeaseFeed, Outcome, Runs
from app.transfer.shape import block_length
from app.transfer.storage import check_reserve, storage_fault
from app.transfer.supply import Supply

_NEXT = {
    "untrusted": "what was read is kept; resume to try again, and check the endpoint and the network between",
    "denied": "check the lease's permissions on the snapshot, then resume",
    "gone": "the snapshot is not there any more: make a new one, or ask who deleted it",
    "unavailable": "resume when the service or the network answers again",
    "storage_full": "free space, then resume",
    "broken": "check the evidence volume, then resume",
}


class Download:
    """One go at the blocks that are still missing. Everything runs in the caller's event loop.

    ``relist`` lists the blocks again and returns the new listing. Counters are public for the meter.
    """

    def __init__(
        self,
        *,
        directory: Path,
        image_fd: int,
        shape: TransferSpec,
        spec: FetchSpec,
        listing: Listing,
        relist: Callable[[], Awaitable[Listing]],
        known: DigestMap,
        journal: Journal,
        leases: LeaseFeed,
        runs: Runs,
        workers: int,
        limits: Limits,
        clock: Clock,
    ) -> None:
        self._directory = directory
        self._image_fd = image_fd
        self._shape = shape
        self._spec = spec
        self._supply = Supply(listing, known)
        self._relist = relist
        self._known = known
        self._journal = journal
        self._leases = leases
        self._runs = runs
        self._limits = limits
        self._clock = clock
        self._workers: dict[int, WorkerProcess] = {}
        self._slots = workers
        self._restarted: set[int] = set()
        self._readers: set[asyncio.Task[None]] = set()
        self._asides: set[asyncio.Task[None]] = set()
        self._over: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._grant: Grant = leases.current()
        self._handed: set[str] = set()
        self._refusals = 0
        self._waiting = False  # for a lease, or for a new listing
        self._stale = False
        self._relists = 0
        self._progress = clock.monotonic()
        self._throttled_since = False
        self.listing_now = False
        self.bytes_read = 0
        self.retries = 0
        self.throttled = 0

    @property
    def blocks_done(self) -> int:
        """Durable blocks, earlier runs included."""
        return len(self._known)

    async def run(self) -> None:
        """Returns when every listed block is durable; raises a Fault, or CancelledError when cancelled.

        Whatever the end: workers are gone, what they made durable is in the journal, every run is closed.
        """
        outcome: Outcome = "abandoned"
        error: faults.Fault | None = None
        try:
            self._adopt(self._grant)
            for slot in range(self._slots):
                await self._employ(slot)
            self._aside(self._follow_leases())
            self._aside(self._watch())
            await self._over
            outcome = "result"
        except faults.Fault as fault:
            outcome, error = "failed", fault
            raise
        except Exception as unexpected:
            outcome, error = "failed", faults.Fault(f"internal error {type(unexpected).__name__}")
            raise
        finally:
            try:
                await self._dismiss()
            finally:
                self._runs.close_all(outcome, error)

    # -- workers -----------------------------------------------------------------------------------

    async def _employ(self, slot: int) -> None:
        try:
            worker = await WorkerProcess.start(slot, self._image_fd)
        except OSError as error:
            raise faults.Unavailable(
                f"no transfer worker could be started: {error.strerror}",
                next="look at the memory and the process limit of this host, then resume",
            ) from None
        self._workers[slot] = worker
        ca_file, ca_path = system_ca()
        proxy, no_proxy = proxy_settings()
        worker.tell(
            Start(
                image_fd=self._image_fd,
                size_bytes=self._shape.size_bytes,
                block_size=self._shape.block_size,
                spec=self._spec,
                limits=self._limits,
                rate=self._spec.requests_per_second / self._slots,
                ca_file=ca_file,
                ca_path=ca_path,
                proxy=proxy,
                no_proxy=no_proxy,
            )
        )
        self._hand_lease(worker)
        self._start(self._listen(worker), self._readers)

    async def _listen(self, worker: WorkerProcess) -> None:
        try:
            async for news in worker.news():
                self._hear(worker, news)
        except BaseException:
            worker.kill()
            raise
        status = await worker.ended()
        if not self._over.done():
            await self._replace(worker, status)

    async def _replace(self, worker: WorkerProcess, status: int) -> None:
        """A worker died. Its unfinished blocks go back, and it is replaced, once."""
        self._supply.give_back(worker.owned.items())
        worker.owned.clear()
        for lease in list(self._handed):
            self._runs.left(lease, worker.slot, self._grant.lease)
        if worker.slot in self._restarted:
            how = f"signal {-status}" if status < 0 else f"status {status}"
            self._end(
                faults.Unavailable(
                    f"a transfer worker ended twice, the second time with {how}",
                    next="look at the memory of this host, then resume",
                )
            )
            return
        self._restarted.add(worker.slot)
        await self._employ(worker.slot)
        if self._over.done():  # it came to an end meanwhile, and this one was not told
            self._workers[worker.slot].kill()
        elif self._stale:
            self._relist_when_idle()
        else:
            self._serve()

    async def _dismiss(self) -> None:
        """Stop all workers: they drop what is in flight, flush and report, or are killed after ``stop_s``."""
        if not self._over.done():
            self._over.cancel()
        elif not self._over.cancelled():
            self._over.exception()  # seen: what counts was raised by run()
        for task in self._asides:
            task.cancel()
        for worker in self._workers.values():
            worker.tell(Stop())
            worker.hang_up()
        try:
            await self._gone()
        finally:
            for worker in self._workers.values():
                worker.kill()
            await self._gone()
            for task in self._readers:
                task.cancel()
            with suppress(OSError):  # what is not durable in the journal is fetched again, nothing worse
                await asyncio.shield(asyncio.to_thread(self._journal.sync))

    async def _gone(self) -> None:
        tasks = self._readers | self._asides
        if tasks:
            await asyncio.wait(tasks, timeout=self._limits.stop_s)

    # -- news --------------------------------------------------------------------------------------

    def _hear(self, worker: WorkerProcess, news: News) -> None:
        if isinstance(news, Report):
            self._take(worker, news)
        elif isinstance(news, Want):
            worker.wants = news.blocks
            self._serve()
        elif isinstance(news, Left):
            self._runs.left(news.lease, worker.slot, self._grant.lease)
        elif isinstance(news, Relist):
            worker.owned.pop(news.index, None)
            self._stale = True
            self._relist_when_idle()
        elif isinstance(news, Expired):
            if news.lease == self._grant.lease and not self._over.done():
                self._refused(news)
        elif isinstance(news, Failed):
            self._fail(news)

    def _take(self, worker: WorkerProcess, report: Report) -> None:
        """Blocks are durable: into the journal, the counters and the run that they were read in."""
        blocks: list[tuple[int, bytes, bool]] = []
        size = 0
        for index, digest, zero in report.done:
            if index not in worker.owned:
                raise faults.Broken(
                    f"a transfer worker reported block {index}, which it was not given", next="resume"
                )
            blocks.append((index, bytes.fromhex(digest), zero))
            size += block_length(self._shape, index)
        self._journal.append(blocks)
        for index, value, _zero in blocks:
            self._known.put(index, value)
            del worker.owned[index]
        self.bytes_read += size
        self.retries += report.retries
        self.throttled += report.throttled
        self._throttled_since = self._throttled_since or report.throttled > 0
        run = self._runs.get(report.lease)
        if run is not None:
            run.add(report, size)
        if blocks:
            self._progress = self._clock.monotonic()
            self._throttled_since = False
            self._refusals = 0
            self._relists = 0
        if len(self._known) == self._supply.listing.blocks and not self._over.done():
            self._over.set_result(None)
        elif self._stale:
            self._relist_when_idle()

    def _fail(self, failed: Failed) -> None:
        """A worker gave a block up: the transfer ends, naming it."""
        where = ""
        if failed.index is not None:
            where = f"block {failed.index} (byte offset {failed.index * self._shape.block_size}): "
        self._end(
            faults.from_data(
                {
                    "code": failed.code,
                    "message": where + failed.message,
                    "next": self._spec.hints.get(failed.provider_code or "") or _NEXT.get(failed.code, "resume"),
                    "request_id": failed.request_id,
                    "provider_code": failed.provider_code,
                }
            )
        )

    def _end(self, error: BaseException) -> None:
        if not self._over.done():
            self._over.set_exception(error)

    # -- work --------------------------------------------------------------------------------------

    def _serve(self) -> None:
        """Give every worker that wants blocks some, as long as there are any."""
        if self._over.done() or self._stale:
            return
        for worker in self._workers.values():
            if not worker.wants:
                continue
            blocks, more = self._supply.take(worker.wants)
            if blocks:
                worker.wants = 0
                worker.owned.update(blocks)
                worker.tell(Run(blocks))
            if more:
                asyncio.get_running_loop().call_soon(self._serve)
                return

    def _relist_when_idle(self) -> None:
        """Once no worker holds a block any more, list again and go on with fresh tokens."""
        if self._waiting or self._over.done() or any(worker.owned for worker in self._workers.values()):
            return
        self._relists += 1
        if self._relists > self._limits.relists:
            self._end(
                faults.Untrusted(
                    "the cloud refuses block tokens that it has just listed",
                    next="check the clock of this host and the endpoint, then resume",
                )
            )
            return
        self._waiting = True
        self._aside(self._list_again())

    async def _list_again(self) -> None:
        self.listing_now = True
        try:
            listing = await self._relist()
        finally:
            self.listing_now = False
            self._waiting = False
            self._progress = self._clock.monotonic()
        if listing.blocks != self._supply.listing.blocks:
            raise faults.Untrusted(
                f"the snapshot listed {self._supply.listing.blocks} blocks before and {listing.blocks} now",
                next="a snapshot does not change: check the endpoint",
            )
        self._supply.replace(listing)
        self._stale = False
        self._serve()

    def close(self) -> None:
        """Close the index that is in use at the end."""
        self._supply.close()

    # -- leases ------------------------------------------------------------------------------------

    def _adopt(self, grant: Grant) -> None:
        """Open a run under a new lease and hand it to every worker; the old one's run ends as they leave it."""
        if grant.lease in self._handed:
            return
        run = self._runs.open(grant.lease, self._supply.listing.blocks - len(self._known))
        run.holders.update(self._workers)
        self._handed.add(grant.lease)
        self._grant = grant
        for worker in self._workers.values():
            self._hand_lease(worker)

    def _hand_lease(self, worker: WorkerProcess) -> None:
        run = self._runs.get(self._grant.lease)
        if run is not None:
            run.holders.add(worker.slot)
        worker.tell(Lease(lease=self._grant.lease, secret=dict(self._grant.secret)))

    async def _follow_leases(self) -> None:
        while True:
            grant = await self._leases.changed(self._grant.lease)
            if grant.lease not in self._handed:
                self._adopt(grant)

    def _refused(self, news: Expired) -> None:
        run = self._runs.get(news.lease)
        fault = faults.CredentialExpired(
            f"the cloud refused lease {news.lease}",
            next="renew the lease; the transfer then goes on",
            request_id=news.request_id,
            provider_code=news.provider_code,
        )
        if run is None or run.refused is not None:
            return
        run.refused = fault
        self._refusals += 1
        if self._refusals >= self._limits.refused_leases:
            self._end(fault)
            return
        self._aside(self._renew(news.lease, fault))

    async def _renew(self, lease: str, fault: faults.CredentialExpired) -> None:
        self._waiting = True
        try:
            await self._leases.expired(lease, fault)
            grant = self._leases.current()
            if grant.lease == lease:
                raise fault
            self._adopt(grant)
        finally:
            self._waiting = False
            self._progress = self._clock.monotonic()
        if self._stale:
            self._relist_when_idle()

    # -- beside ------------------------------------------------------------------------------------

    async def _watch(self) -> None:
        """Sync the journal, look at the free space and for a standstill, four times a second."""
        while True:
            await self._clock.sleep(self._limits.tick_s)
            await asyncio.to_thread(self._journal.sync)
            check_reserve(self._directory, self._limits.min_free)
            idle = self._clock.monotonic() - self._progress
            if idle > self._limits.stall_s and not self._waiting:
                minutes = f"{self._limits.stall_s / 60:.0f} min"
                if self._throttled_since:
                    raise faults.Throttled(
                        f"the cloud throttled every block for {minutes}",
                        next="see who else reads with this account's quota, then resume",
                    )
                raise faults.Unavailable(f"no block came for {minutes}", next=_NEXT["unavailable"])

    def _aside(self, work: Coroutine[Any, Any, None]) -> None:
        self._start(work, self._asides)

    def _start(self, work: Coroutine[Any, Any, None], among: set[asyncio.Task[None]]) -> None:
        """Run beside the rest; an error in it ends the download."""

        def ended(task: asyncio.Task[None]) -> None:
            among.discard(task)
            error = None if task.cancelled() else task.exception()
            if isinstance(error, OSError):
                error = storage_fault("the evidence volume or the work directory could not be used", error)
            if error is not None:
                self._end(error)

        task = asyncio.create_task(work)
        among.add(task)
        task.add_done_callback(ended)
