"""How each kind of step runs. Custody first, then the call, then what came of it."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, TypeVar

from app.acquisition.board import Board
from app.acquisition.evidence import Places, ReadRuns, hash_at_rest, measure, whole
from app.acquisition.record import History, Record
from app.case.folder import CaseFolder
from app.clock import Clock, stamp
from app.credentials.broker import Broker, Holding
from app.faults import Broken, CredentialExpired, Fault
from app.model import Step
from app.ports import Grant, Made, Provider, StepContext
from app.transfer.bag import BagDigests, BagInfo, close_bag, write_bag
from app.transfer.checking import in_thread
from app.transfer.meter import Meter
from app.transfer.transfer import JOURNAL, Transfer, expected_digests

T = TypeVar("T")
_POLL_S = (0.5, 10.0)
_WELL = {"error": None, "next": None}  # what was said of trouble is over: something has moved


class StepRunner:
    """Runs one step of one acquisition. Raises faults; :mod:`app.acquisition.service` decides what follows.

    ``permit`` is asked right before an intent; it raises when somebody has paused or cancelled meanwhile, or
    the approval is over.
    """

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
        permit: Callable[[History], None],
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
        self._complete: set[str] = set()  # acquisitions whose image this process has seen whole
        self._permit = permit

    def release(self, history: History) -> None:
        """The acquisition has ended: its leases are dropped."""
        self._broker.release(history.id)

    def read_so_far(self, history: History) -> dict[str, Any]:
        """What the journal holds beyond the runs whose outcome is known: the account of an interrupted run."""
        places, shape = self.places(history), history.plan.transfer
        if shape is None or not (places.work / JOURNAL).exists():
            return {"blocks": 0, "bytes": "0", "retries": 0}
        known = expected_digests(places.work, shape)
        try:
            blocks = max(0, len(known) - history.blocks)
        finally:
            known.close()
        return {"blocks": blocks, "bytes": str(min(blocks * shape.block_size, shape.size_bytes)), "retries": 0}

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
        try:
            return await whole(self._perform(history, step, holding, grant))
        except CredentialExpired as fault:
            await holding.expired(grant.lease, fault)
            return await self._act(history, step)

    async def _perform(self, history: History, step: Step, holding: Holding, grant: Grant) -> dict[str, Any]:
        """From intent to outcome: never interrupted, so that the one always has the other."""
        self._permit(history)
        where = self._where(history, step)
        intent = self._record.intent(
            step.op,
            f"{step.title} ({step.call} on {step.resource}).",
            params={"step": step.id, "call": step.call},
            principal=grant.principal,
            lease=grant.lease,
            authority=self._record.authority(history, history.approved_by),
            **where,
        )
        try:
            made = await self.provider(history).actuator.perform(step, self.context(history, intent.sha256), grant)
        except Exception as error:
            fault = error if isinstance(error, Fault) else Fault(f"{step.call} ended in {type(error).__name__}")
            self._record.failed(intent, f"{step.title} failed: {fault.message}", fault)
            raise
        self._record.result(
            intent,
            f"{step.title}: {made.resource}.",
            params={"step": step.id, "output": made.output},
            principal=grant.principal,
            request_id=made.request_id,
            **{**where, "resource": made.resource},
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
                self._board.progress(history.id, percent=percent, lease=holding.current().lease, **_WELL)
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
        self._own_ground(history, places)
        if places.final.exists():
            return {"item": history.item}  # a seal was interrupted after its rename
        await self._catch_up(history, step)
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
                **(_WELL if seen.rate else {}),
            )

        async with holding.kept():
            transfer = Transfer(
                directory=places.partial,
                work=places.work,
                shape=shape,
                source=self.provider(history).blocks,
                step=step,
                context=self.context(history),
                leases=holding,
                runs=ReadRuns(self._record, history, self._where(history, step), holding, self._permit),
                on_meter=meter,
                workers=self._case.settings.agent.workers or None,
                clock=self._clock,
            )
            result = await transfer.run()
        self._complete.add(acq)
        self._board.set(acq, rate=None, eta_s=None)
        return {"item": history.item, "blocks": result.blocks}

    async def _catch_up(self, history: History, step: Step) -> None:
        """Do what this step stands on, unless the signed log or this very process has seen it done.

        The engine's rows only say where to go on. They are not signed, so nothing is believed on their word.
        """
        for earlier in history.plan.steps[: history.plan.steps.index(step)]:
            if earlier.kind == "act" and earlier.id not in history.made:
                await self._act(history, earlier)
            elif earlier.kind == "wait" and earlier.id not in history.made:
                await self._wait(history, earlier)
            elif earlier.kind == "download" and history.id not in self._complete:
                await self._download(history, earlier)

    def _own_ground(self, history: History, places: Places) -> None:
        """Nothing that somebody else put there is written through, or taken for our own."""
        for path in (places.final.parent, places.partial, places.image.parent, places.image, places.final):
            if path.is_symlink():
                raise Broken(f"{path} is a symbolic link", next="put a real directory there, then resume")
        if places.final.exists() and history.sealing is None:
            raise Broken(
                f"{places.final} is there already, and nothing in the log made it",
                next="move it away, then resume",
            )

    # -- hash and seal ---------------------------------------------------------------------------

    async def _hash(self, history: History, step: Step) -> dict[str, Any]:
        places, shape = self.places(history), history.plan.transfer
        assert shape is not None
        self._own_ground(history, places)
        if places.final.exists():
            return {}
        await self._catch_up(history, step)
        loop = asyncio.get_running_loop()
        began = self._clock.monotonic()
        self._board.set(history.id, bytes_done=0, bytes_total=shape.size_bytes, percent=0)

        def progress(done: int) -> None:
            loop.call_soon_threadsafe(self._hashed, history.id, done, shape.size_bytes, began)

        digests = await in_thread(lambda stop: hash_at_rest(places, shape, progress, stop))
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
        places = self.places(history)
        if history.item in self._record.items:
            return {"item": history.item}
        digests = await self._digests(history, step)
        return await whole(self._close(history, step, places, digests))

    async def _close(self, history: History, step: Step, places: Places, digests: BagDigests) -> dict[str, Any]:
        """From the seal's intent to its outcome, in one piece."""
        self._permit(history)
        item = history.item
        intent = self._record.intent(
            "evidence.seal",
            f"Seal {item}: close the bag of {history.plan.target.id}.",
            item=item,
            authority=self._record.authority(history, history.approved_by),
            params={"tagmanifest_sha256": digests.tag_manifest.sha256},
            **self._where(history, step),
        )
        try:
            await asyncio.to_thread(close_bag, places.partial, places.final)
        except Exception as error:
            fault = error if isinstance(error, Fault) else Broken(f"the bag cannot be closed: {error}")
            self._record.failed(intent, f"{item} was not sealed: {fault.message}.", fault)
            raise fault from error
        size = str(digests.image.bytes)
        self._record.result(
            intent,
            f"{item} is sealed: {size} bytes of {history.plan.target.id}, SHA-256 {digests.image.sha256}.",
            digests=digests.custody(),
            coverage={"expected_bytes": size, "read_bytes": size, "unreadable": []},
        )
        self._sealable.pop(history.id, None)
        shutil.rmtree(places.work, ignore_errors=True)  # index and journal; the bag has what lasts
        self._board.set(history.id, sha256=digests.image.sha256, bytes_done=digests.image.bytes)
        return {"item": item}

    async def _digests(self, history: History, step: Step) -> BagDigests:
        """What is about to be sealed. After a restart it is measured again, never taken from a file."""
        known = self._sealable.get(history.id)
        if known is not None:
            return known
        places = self.places(history)
        self._own_ground(history, places)
        if places.final.exists():
            return await asyncio.to_thread(measure, places.final, history.sealing or "")
        await self._hash(history, step)
        return self._sealable[history.id]
