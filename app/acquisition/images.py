"""Steps that make the image of a disk: read, hashed, sealed."""

from __future__ import annotations

import asyncio
import shutil
from typing import Any

from app.acquisition.acts import WELL
from app.acquisition.desk import CatchUp, Desk
from app.acquisition.evidence import ReadRuns, close_sealed, hash_at_rest, measure, whole
from app.acquisition.record import History
from app.clock import stamp
from app.model import Step, TransferSpec
from app.transfer.bag import BagDigests, BagInfo, write_bag
from app.transfer.checking import in_thread
from app.transfer.meter import Meter
from app.transfer.transfer import Transfer


class Images:
    """``catch_up`` does what a step stands on, unless the signed log or this very process has seen it done."""

    def __init__(self, desk: Desk, catch_up: CatchUp) -> None:
        self._desk = desk
        self._catch_up = catch_up
        self._sealable: dict[str, BagDigests] = {}
        self.complete: set[str] = set()
        """Items whose image this process has seen whole."""

    async def download(self, history: History, step: Step) -> dict[str, Any]:
        desk, item = self._desk, history.items[step.item]
        places, shape = desk.places(history, step.item), _shape(history, step)
        desk.own_ground(history, step.item)
        if places.final.exists():
            return {"item": item}  # a seal was interrupted after its rename
        await self._catch_up(history, step)
        holding = desk.holding(history, step)
        source = desk.provider(history).blocks
        context = desk.context(history, step)
        where = {**desk.where(history, step), "resource": source.snapshot(step, context)}
        before, total = _before(history, step), history.plan.image_bytes

        def meter(seen: Meter) -> None:
            desk.board.progress(
                history.id,
                step=step.title if seen.phase == "downloading" else f"{step.title}: {seen.phase}",
                bytes_done=before + seen.bytes_done,
                bytes_total=total,
                rate=seen.rate,
                eta_s=seen.eta_s,
                percent=100 * seen.blocks_done // seen.blocks_total if seen.blocks_total else None,
                lease=holding.grant.lease if holding.grant else None,
                **(WELL if seen.rate else {}),
            )

        async with holding.kept():
            transfer = Transfer(
                directory=places.partial,
                work=places.work,
                shape=shape,
                source=source,
                step=step,
                context=context,
                leases=holding,
                runs=ReadRuns(
                    desk.record, history, item, where, holding, lambda: desk.permit(history, step), step.call
                ),
                on_meter=meter,
                workers=desk.case.settings.agent.workers or None,
                clock=desk.clock,
            )
            result = await transfer.run()
        self.complete.add(item)
        desk.board.set(history.id, rate=None, eta_s=None)
        return {"item": item, "blocks": result.blocks}

    async def hash(self, history: History, step: Step) -> dict[str, Any]:
        desk, item = self._desk, history.items[step.item]
        places, shape = desk.places(history, step.item), _shape(history, step)
        desk.own_ground(history, step.item)
        if places.final.exists():
            return {}
        await self._catch_up(history, step)
        loop = asyncio.get_running_loop()
        began = desk.clock.monotonic()
        desk.board.set(history.id, bytes_done=0, bytes_total=shape.size_bytes, percent=0)

        def progress(done: int) -> None:
            loop.call_soon_threadsafe(self._hashed, history.id, done, shape.size_bytes, began)

        digests = await in_thread(lambda stop: hash_at_rest(places, shape, progress, stop))
        info = self._info(history, step)
        self._sealable[item] = await asyncio.to_thread(write_bag, places.partial, info, digests)
        only = digests.sha256 if len(history.plan.items) == 1 else None
        desk.board.set(history.id, rate=None, eta_s=None, sha256=only)
        return {"sha256": digests.sha256, "root": digests.root}

    def _hashed(self, acq: str, done: int, size: int, began: float) -> None:
        rate = int(done / max(self._desk.clock.monotonic() - began, 0.001))
        self._desk.board.progress(
            acq,
            bytes_done=done,
            bytes_total=size,
            percent=100 * done // size,
            rate=rate,
            eta_s=(size - done) // rate if rate else None,
        )

    def _info(self, history: History, step: Step) -> BagInfo:
        desk, target = self._desk, history.plan.target
        reading = next(s for s in history.plan.steps if s.kind == "download" and s.item == step.item)
        return BagInfo(
            organization=desk.case.settings.case.organization,
            item=history.items[step.item],
            date=stamp(desk.clock.now())[:10],
            case=desk.case.id,
            acquisition=history.id,
            cloud=target.cloud,
            account=target.account,
            region=target.region,
            source=history.plan.item(step.item).source,
            snapshot=desk.provider(history).blocks.snapshot(reading, desk.context(history, reading)),
            version=desk.version,
        )

    async def seal(self, history: History, step: Step) -> dict[str, Any]:
        item = history.items[step.item]
        if item in self._desk.record.items:
            return {"item": item}
        digests = await self._digests(history, step)
        return await whole(self._close(history, step, digests))

    async def _close(self, history: History, step: Step, digests: BagDigests) -> dict[str, Any]:
        """From the seal's intent to its outcome, in one piece."""
        assert digests.image is not None
        desk, item, source = self._desk, history.items[step.item], history.plan.item(step.item).source
        size, sha256 = str(digests.image.bytes), digests.image.sha256
        desk.permit(history, step)
        await close_sealed(
            desk.record,
            history,
            {**desk.where(history, step), "resource": source},
            item,
            desk.places(history, step.item),
            digests,
            f"Seal {item}: close the bag of {source}.",
            f"{item} is sealed: {size} bytes of {source}, SHA-256 {sha256}.",
            {"expected_bytes": size, "read_bytes": size, "unreadable": []},
        )
        self._sealable.pop(item, None)
        shutil.rmtree(desk.places(history, step.item).work, ignore_errors=True)  # the bag has what lasts
        done = sum(i.shape.size_bytes for i in history.plan.items if i.shape and self._sealed(history, i.key))
        desk.board.set(history.id, bytes_done=done, bytes_total=history.plan.image_bytes)
        return {"item": item}

    def _sealed(self, history: History, key: str) -> bool:
        return history.items[key] in self._desk.record.items

    async def _digests(self, history: History, step: Step) -> BagDigests:
        """What is about to be sealed. After a restart it is measured again, never taken from a file."""
        item = history.items[step.item]
        known = self._sealable.get(item)
        if known is not None:
            return known
        self._desk.own_ground(history, step.item)
        places = self._desk.places(history, step.item)
        if places.final.exists():
            return await asyncio.to_thread(measure, places.final, history.sealing.get(item, ""))
        await self.hash(history, step)
        return self._sealable[item]


def _shape(history: History, step: Step) -> TransferSpec:
    shape = history.plan.item(step.item).shape
    assert shape is not None
    return shape


def _before(history: History, step: Step) -> int:
    """Bytes of the images that the plan makes before this one."""
    keys = [item.key for item in history.plan.items]
    earlier = history.plan.items[: keys.index(step.item)]
    return sum(item.shape.size_bytes for item in earlier if item.shape is not None)
