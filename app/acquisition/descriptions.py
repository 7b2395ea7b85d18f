"""Steps that store what describes a resource and is in none of its disks: collected, sealed."""

from __future__ import annotations

import asyncio
from typing import Any

from app.acquisition.desk import CatchUp, Desk
from app.acquisition.evidence import close_sealed, measure, whole
from app.acquisition.record import History
from app.clock import stamp
from app.custody import Entry
from app.faults import CredentialExpired, Fault
from app.model import Step
from app.ports import Part
from app.text import visible
from app.transfer.bag import BagDigests
from app.transfer.file_bag import FileBag, FileBagInfo, write_file_bag


class Descriptions:
    """The configuration of an instance, as files in a bag of its own."""

    def __init__(self, desk: Desk, catch_up: CatchUp) -> None:
        self._desk = desk
        self._catch_up = catch_up
        self._sealable: dict[str, BagDigests] = {}

    async def collect(self, history: History, step: Step) -> dict[str, Any]:
        """Ask everything anew each time: what an interrupted try left is not known to be whole."""
        desk, item = self._desk, history.items[step.item]
        if item in desk.record.items:
            return {"item": item}
        desk.own_ground(history, step.item)
        if desk.places(history, step.item).final.exists():
            return {"item": item}
        await self._catch_up(history, step)
        holding = desk.holding(history, step)
        async with holding.kept():
            grant = await holding.ensure()
            try:
                gaps = await whole(self._collected(history, step))
            except CredentialExpired as fault:
                await holding.expired(grant.lease, fault)
                gaps = await whole(self._collected(history, step))
        if gaps:
            missing = "; ".join(f"{visible(gap.name)}: {visible(gap.gap)}" for gap in gaps)
            desk.board.step(history.id, step.id, note=f"not there: {missing}")
        return {"item": item}

    async def _collected(self, history: History, step: Step) -> list[Part]:
        """From the intent to its outcome."""
        desk, item = self._desk, history.items[step.item]
        desk.permit(history, step)
        holding = desk.holding(history, step)
        intent = desk.record.intent(
            "config.collect",
            f"{step.title}, into {item}.",
            item=item,
            params={"step": step.id},
            principal=holding.current().principal,
            lease=holding.current().lease,
            authority=desk.record.authority(history, history.approved_by),
            **desk.where(history, step),
        )
        bag = FileBag(desk.places(history, step.item).partial, self._info(history, step))
        gaps: list[Part] = []
        try:
            await asyncio.to_thread(bag.begin)
            async for part in desk.provider(history).collector.collect(
                step, desk.context(history, step), holding.current
            ):
                if part.gap:
                    gaps.append(part)
                else:
                    await asyncio.to_thread(bag.add, part.name, part.content)
                desk.board.progress(history.id, lease=holding.current().lease)
            await asyncio.to_thread(bag.add, "gaps.txt", _gaps(gaps))
        except Exception as error:
            fault = error if isinstance(error, Fault) else Fault(f"collecting ended in {type(error).__name__}")
            desk.record.failed(intent, f"{step.title} failed: {fault.message}", fault)
            raise
        self._done(intent, step, bag, gaps)
        self._sealable[item] = await asyncio.to_thread(write_file_bag, bag)
        return gaps

    def _done(self, intent: Entry, step: Step, bag: FileBag, gaps: list[Part]) -> None:
        said = f" {len(gaps)} parts do not exist or cannot be had now." if gaps else ""
        self._desk.record.result(
            intent,
            f"{step.title}: {len(bag.files)} files.{said}",
            params={
                "step": step.id,
                "files": len(bag.files),
                "bytes": str(bag.size_bytes),
                "gaps": [{"part": gap.name, "call": gap.call, "why": gap.gap} for gap in gaps],
            },
        )

    def _info(self, history: History, step: Step) -> FileBagInfo:
        desk, target = self._desk, history.plan.target
        return FileBagInfo(
            organization=desk.case.settings.case.organization,
            item=history.items[step.item],
            date=stamp(desk.clock.now())[:10],
            case=desk.case.id,
            acquisition=history.id,
            cloud=target.cloud,
            account=target.account,
            region=target.region,
            source=history.plan.item(step.item).source,
            version=desk.version,
        )

    async def seal(self, history: History, step: Step) -> dict[str, Any]:
        desk, item = self._desk, history.items[step.item]
        if item in desk.record.items:
            return {"item": item}
        places = desk.places(history, step.item)
        desk.own_ground(history, step.item)
        if places.final.exists():
            digests = await asyncio.to_thread(measure, places.final, history.sealing.get(item, ""))
        else:
            if item not in self._sealable:
                maker = next(s for s in history.plan.steps if s.kind == "collect" and s.item == step.item)
                await self.collect(history, maker)
            digests = self._sealable[item]
        return await whole(self._close(history, step, digests))

    async def _close(self, history: History, step: Step, digests: BagDigests) -> dict[str, Any]:
        desk, item, source = self._desk, history.items[step.item], history.plan.item(step.item).source
        desk.permit(history, step)
        await close_sealed(
            desk.record,
            history,
            {**desk.where(history, step), "resource": source},
            item,
            desk.places(history, step.item),
            digests,
            f"Seal {item}: close the bag that describes {source}.",
            f"{item} is sealed: what describes {source}.",
            None,
        )
        self._sealable.pop(item, None)
        return {"item": item}


def _gaps(gaps: list[Part]) -> bytes:
    """What is not in the bag, and why: a line each, for people."""
    if not gaps:
        return b"Everything that was asked for was answered.\n"
    return "".join(f"{visible(gap.name)}: {visible(gap.call)}: {visible(gap.gap)}\n" for gap in gaps).encode()
