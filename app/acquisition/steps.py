"""How each kind of step runs. Custody first, then the call, then what came of it."""

from __future__ import annotations

import asyncio
import hashlib
import shutil
import threading
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, TypeVar

from app.acquisition.board import Board
from app.acquisition.record import History, Record
from app.case.folder import CaseFolder
from app.clock import Clock, stamp
from app.credentials.broker import Broker, Holding
from app.custody import check_bag
from app.faults import Broken, CredentialExpired, Fault
from app.model import Step, TransferSpec
from app.ports import Made, Provider, StepContext
from app.transfer.bag import BLOCKS, TAG_MANIFEST, BagDigests, BagInfo, FileDigest, close_bag, write_bag
from app.transfer.hashing import ImageDigests, hash_image
from app.transfer.meter import Meter
from app.transfer.storage import IMAGE
from app.transfer.transfer import Transfer, expected_digests

T = TypeVar("T")
_POLL_S = (0.5, 10.0)


@dataclass(slots=True)
class Places:
    """Where an acquisition's files are."""

    partial: Path
    final: Path
    work: Path

    @property
    def image(self) -> Path:
        return self.partial / "data" / "disk.raw"


class StepRunner:
    """Runs one step of one acquisition. Raises faults; :mod:`app.acquisition.service` decides what follows."""

    def __init__(
        self,
        case: CaseFolder,
        record: Record,
        board: Board,
        broker: Broker,
        providers: dict[str, Provider],
        work: Path,
        clock: Clock,
        version: str,
    ) -> None:
        self._case = case
        self._record = record
        self._board = board
        self._broker = broker
        self._providers = providers
        self._work = work
        self._clock = clock
        self._version = version
        self._sealable: dict[str, BagDigests] = {}

    def places(self, history: History) -> Places:
        item = history.item or history.id
        return Places(self._case.partial(item), self._case.bag(item), self._work / history.id)

    def provider(self, history: History) -> Provider:
        return self._providers[history.plan.target.cloud]

    def holding(self, history: History, step: Step) -> Holding:
        """The lease that the step runs under."""
        spec = history.plan.lease(step.lease)
        return self._broker.holding(
            spec,
            scope=f"{history.id} {spec.effect}",
            acq=history.id,
            authority=self._record.authority(history, history.approved_by),
            actor="agent",
        )

    def context(self, history: History, head: str = "") -> StepContext:
        """What a step may know of the others."""
        outputs = {step: made.output for step, made in history.made.items()}
        return StepContext(self._case.id, history.id, head, outputs)

    async def run(self, history: History, step: Step) -> dict[str, Any]:
        """Run the step; its output."""
        runners: dict[str, Callable[[History, Step], Any]] = {
            "act": self._act,
            "wait": self._wait,
            "download": self._download,
            "hash": self._hash,
            "seal": self._seal,
        }
        output: dict[str, Any] = await runners[step.kind](history, step)
        return output

    # -- act ------------------------------------------------------------------------------------

    async def _act(self, history: History, step: Step) -> dict[str, Any]:
        done = history.made.get(step.id)
        if done is not None:
            return done.output
        holding = self.holding(history, step)
        grant = await holding.ensure()
        actuator = self.provider(history).actuator
        found = await self._again(holding, lambda: actuator.find(step, self.context(history), holding.current()))
        if found is not None:
            self._adopt(history, step, found)
            return found.output
        intent = self._record.intent(
            step.op,
            f"{step.title} ({step.call} on {step.resource}).",
            params={"step": step.id, "call": step.call},
            principal=grant.principal,
            lease=grant.lease,
            authority=self._record.authority(history, history.approved_by),
            **self._where(history, step),
        )
        try:
            made = await actuator.perform(step, self.context(history, intent.sha256), holding.current())
        except Fault as fault:
            self._record.failed(
                intent,
                f"{step.title} failed: {fault.message}",
                fault,
                lease=grant.lease,
                **self._where(history, step),
            )
            if isinstance(fault, CredentialExpired):
                await holding.expired(grant.lease, fault)
                return await self._act(history, step)
            raise
        self._record.result(
            intent,
            f"{step.title}: {made.resource}.",
            params={"step": step.id, "output": made.output},
            principal=grant.principal,
            request_id=made.request_id,
            lease=grant.lease,
            **{**self._where(history, step), "resource": made.resource},
        )
        self._board.step(history.id, step.id, request_id=made.request_id)
        return made.output

    def _adopt(self, history: History, step: Step, found: Made) -> None:
        """What an earlier try made, found after its intent was closed: learnt later, so a note."""
        self._record.fact(
            "case.note",
            f"{found.resource}, made by an earlier try of step {step.id} of {history.id}, was found and is used.",
            params={"note": "adopted", "step": step.id, "output": found.output},
            **{**self._where(history, step), "resource": found.resource},
        )

    async def _again(self, holding: Holding, call: Callable[[], Awaitable[T]]) -> T:
        """A reading call; once more under a new lease when the cloud says that this one is over."""
        lease = holding.current().lease
        try:
            return await call()
        except CredentialExpired as fault:
            await holding.expired(lease, fault)
            return await call()

    def _where(self, history: History, step: Step) -> dict[str, str]:
        return {
            "cloud": history.plan.target.cloud,
            "account": step.account,
            "region": step.region,
            "resource": step.resource,
            "acq": history.id,
        }

    # -- wait -----------------------------------------------------------------------------------

    async def _wait(self, history: History, step: Step) -> dict[str, Any]:
        holding = self.holding(history, step)
        actuator = self.provider(history).actuator
        pause, ceiling = _POLL_S
        async with holding.kept():
            while True:
                percent, made = await self._again(
                    holding, lambda: actuator.probe(step, self.context(history), holding.current())
                )
                self._board.progress(history.id, percent=percent, lease=holding.current().lease)
                if made is not None:
                    history.made[step.id] = made
                    self._board.step(history.id, step.id, request_id=made.request_id)
                    return dict(made.output)
                await self._clock.sleep(pause)
                pause = min(pause * 1.3, ceiling)

    # -- download -------------------------------------------------------------------------------

    async def _download(self, history: History, step: Step) -> dict[str, Any]:
        places, shape = self.places(history), history.plan.transfer
        assert shape is not None and history.item is not None
        if places.final.exists():
            return {"item": history.item}  # sealed already: a seal was interrupted after its rename
        holding = self.holding(history, step)
        acq = history.id

        def meter(seen: Meter) -> None:
            self._board.progress(
                acq,
                step=step.title if seen.phase == "downloading" else f"{step.title}: {seen.phase}",
                bytes_done=seen.bytes_done,
                bytes_total=seen.bytes_total,
                rate=seen.rate,
                eta_s=seen.eta_s,
                percent=100 * seen.blocks_done // seen.blocks_total if seen.blocks_total else None,
                lease=holding.grant.lease if holding.grant else None,
            )

        # The wait step's output is not in the log: a restarted agent asks again rather than trust a file.
        await self._ready(history)
        async with holding.kept():
            transfer = Transfer(
                directory=places.partial,
                work=places.work,
                shape=shape,
                source=self.provider(history).blocks,
                step=step,
                context=self.context(history),
                leases=holding,
                runs=_Runs(self._record, history, step, self._where(history, step), holding),
                on_meter=meter,
                workers=self._case.settings.agent.workers or None,
                clock=self._clock,
            )
            result = await transfer.run()
        self._board.set(acq, rate=None, eta_s=None)
        return {"item": history.item, "blocks": result.blocks}

    async def _ready(self, history: History) -> None:
        for earlier in history.plan.steps:
            if earlier.kind == "wait" and earlier.id not in history.made:
                await self._wait(history, earlier)

    # -- hash and seal ---------------------------------------------------------------------------

    async def _hash(self, history: History, step: Step) -> dict[str, Any]:
        places, shape = self.places(history), history.plan.transfer
        assert shape is not None
        if places.final.exists():
            return {}
        loop = asyncio.get_running_loop()
        began = self._clock.monotonic()

        def progress(done: int) -> None:
            loop.call_soon_threadsafe(self._hashed, history.id, done, shape.size_bytes, began)

        digests = await _in_thread(lambda stop: _hash_at_rest(places, shape, progress, stop))
        info = self._bag_info(history, self._snapshot(history))
        self._sealable[history.id] = await asyncio.to_thread(write_bag, places.partial, info, digests)
        self._board.set(history.id, rate=None, eta_s=None, sha256=digests.sha256)
        return {"sha256": digests.sha256, "root": digests.root}

    def _hashed(self, acq: str, done: int, size: int, began: float) -> None:
        rate = int(done / max(self._clock.monotonic() - began, 0.001))
        self._board.progress(
            acq,
            bytes_done=done,
            bytes_total=size,
            percent=100 * done // size,
            rate=rate,
            eta_s=(size - done) // rate if rate else None,
        )

    def _snapshot(self, history: History) -> str:
        return next(iter(history.made.values())).resource

    def _bag_info(self, history: History, snapshot: str) -> BagInfo:
        target = history.plan.target
        return BagInfo(
            organization=self._case.settings.case.organization,
            item=history.item or "",
            date=stamp(self._clock.now())[:10],
            case=self._case.id,
            acquisition=history.id,
            cloud=target.cloud,
            account=target.account,
            region=target.region,
            source=target.id,
            snapshot=snapshot,
            version=self._version,
        )

    async def _seal(self, history: History, step: Step) -> dict[str, Any]:
        places, shape, item = self.places(history), history.plan.transfer, history.item
        assert shape is not None and item is not None
        if item in self._record.items:
            return {"item": item}
        digests = await self._digests(history, step)
        where = self._where(history, step)
        intent = self._record.intent(
            "evidence.seal",
            f"Seal {item}: close the bag of {history.plan.target.id}.",
            item=item,
            authority=self._record.authority(history, history.approved_by),
            **where,
        )
        try:
            await asyncio.to_thread(close_bag, places.partial, places.final)
        except (Fault, OSError) as error:
            fault = error if isinstance(error, Fault) else Broken(f"the bag cannot be closed: {error}")
            self._record.failed(intent, f"{item} was not sealed: {fault.message}.", fault)
            raise fault from error
        size = str(shape.size_bytes)
        self._record.result(
            intent,
            f"{item} is sealed: {size} bytes of {history.plan.target.id}, SHA-256 {digests.image.sha256}.",
            digests=digests.custody(),
            coverage={"expected_bytes": size, "read_bytes": size, "unreadable": []},
        )
        self._sealable.pop(history.id, None)
        shutil.rmtree(places.work, ignore_errors=True)  # index and journal; the bag has what lasts
        self._board.set(history.id, sha256=digests.image.sha256, bytes_done=shape.size_bytes)
        return {"item": item}

    async def _digests(self, history: History, step: Step) -> BagDigests:
        """What is about to be sealed. After a restart it is measured again, never taken from a file."""
        known = self._sealable.get(history.id)
        if known is not None:
            return known
        places = self.places(history)
        if places.final.exists():
            return await asyncio.to_thread(_measure, places.final)
        await self._hash(history, step)
        return self._sealable[history.id]


def _hash_at_rest(
    places: Places, shape: TransferSpec, progress: Callable[[int], None], stop: threading.Event
) -> ImageDigests:
    known = expected_digests(places.work, shape)
    try:
        return hash_image(places.image, shape, known, progress, stop, blocks_file=places.work / "blocks.packed")
    finally:
        known.close()


def _measure(bag: Path) -> BagDigests:
    """The digests of a bag that a seal left behind after its rename: every byte is read again."""
    reason = check_bag(bag)
    if reason is not None:
        raise Broken(f"the bag {bag.name} is not whole: {reason}", next="keep it as it is and acquire again")

    def digest(name: str) -> FileDigest:
        content = (bag / name).read_bytes()
        return FileDigest(of=name, sha256=hashlib.sha256(content).hexdigest(), bytes=len(content))

    image = bag / IMAGE
    listed = (bag / "manifest-sha256.txt").read_text("utf-8").split()[0]
    return BagDigests(
        tag_manifest=digest(TAG_MANIFEST),
        image=FileDigest(of=IMAGE, sha256=listed, bytes=image.stat().st_size),
        blocks=digest(BLOCKS),
    )


async def _in_thread(work: Callable[[threading.Event], T]) -> T:
    """Run in a thread; cancelled, the thread is told to stop and waited for."""
    stop = threading.Event()
    task = asyncio.create_task(asyncio.to_thread(work, stop))
    try:
        return await asyncio.shield(task)
    except asyncio.CancelledError:
        stop.set()
        await asyncio.wait({task})
        if not task.cancelled():
            task.exception()
        raise


class _Runs:
    """Custody of a download: one ``evidence.read`` for each lease that blocks were read under."""

    def __init__(
        self, record: Record, history: History, step: Step, where: dict[str, str], holding: Holding
    ) -> None:
        self._record = record
        self._history = history
        self._where = where
        self._holding = holding
        self._open: dict[str, Any] = {}

    def opened(self, lease: str, blocks: int) -> None:
        grant = self._holding.current()
        self._open[lease] = self._record.intent(
            "evidence.read",
            f"Read {blocks} blocks of {self._where['resource']} under lease {lease}.",
            item=self._history.item,
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
        params: dict[str, Any] = {"blocks": blocks, "bytes": str(bytes), "retries": retries}
        if first_request_id and last_request_id:
            params |= {"first_request_id": first_request_id, "last_request_id": last_request_id}
        members = {"item": self._history.item, "lease": lease, "params": params, **self._where}
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
