"""Runs the steps of a plan in order, each under the session of its lease, straight on the provider's ports.

What the agent adds (custody, workers, hashing, bags) is left out: here it is about what the cloud allows.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from botocore.exceptions import ClientError

from app.faults import Denied
from app.model import Plan, Step
from app.ports import Grant, Made, StepContext
from tests.policies.bench import CASE, Bench
from tests.policies.generated import Desk

_HEAD = "0" * 64
_LOOKS = 2000


class QuickClock:
    """Wall time, and sleeps a hundred times as short: the embedded cloud does not lag as AWS may."""

    def now(self) -> datetime:
        return datetime.now(UTC)

    def monotonic(self) -> float:
        return asyncio.get_running_loop().time()

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds / 100)


class Run:
    """One acquisition. ``policies`` replaces session policies by lease key; ``twice``: every act is looked for
    again once it is done."""

    def __init__(
        self,
        bench: Bench,
        desk: Desk,
        plan: Plan,
        acquisition: str,
        policies: Mapping[str, str],
        *,
        twice: bool = False,
    ) -> None:
        self._bench = bench
        self._desk = desk
        self._plan = plan
        self._acquisition = acquisition
        self._policies = policies
        self._twice = twice
        self._outputs: dict[str, dict[str, Any]] = {}
        self._begun = datetime.now(UTC)
        self.done: list[str] = []

    async def go(self) -> None:
        """Every step; the fault of the first that fails, and ``done`` says how far it came."""
        for step in self._plan.steps:
            if step.lease:
                await self._step(step, await self._grant(step))
            self.done.append(step.id)

    async def _grant(self, step: Step) -> Grant:
        spec = self._plan.lease(step.lease)
        return await self._desk.session(spec.account, self._policies.get(spec.key, spec.policy))

    async def _step(self, step: Step, grant: Grant) -> None:
        actuator, made = self._desk.provider.actuator, None
        match step.kind:
            case "rehearse":
                await actuator.rehearse(step, self._plan.step(step.of), self._context(), grant)
            case "act":
                made = await actuator.find(step, self._context(), grant)
                assert made is None, f"step {step.id} has happened before it was performed"
                made = await actuator.perform(step, self._context(_HEAD), grant)
                if self._twice:
                    # As after a crash: it must be found, and not done again.
                    assert await actuator.find(step, self._context(_HEAD), grant) is not None
            case "wait":
                made = await self._wait(step, grant)
            case "collect":
                parts = [
                    part
                    async for part in self._desk.provider.collector.collect(step, self._context(), lambda: grant)
                ]
                assert parts
            case "download":
                await self._read(step, grant)
        if made is not None:
            self._outputs[step.id] = made.output

    async def _wait(self, step: Step, grant: Grant) -> Made:
        for _ in range(_LOOKS):
            _, made = await self._desk.provider.actuator.probe(step, self._context(), grant)
            if made is not None:
                return made
            await asyncio.sleep(0.005)
        raise AssertionError(f"step {step.id} does not end")

    async def _read(self, step: Step, grant: Grant) -> None:
        """The whole index, and one block as a transfer worker would fetch it."""
        blocks = self._desk.provider.blocks
        found = [one async for page in blocks.index(step, self._context(), lambda: grant) for one in page.blocks]
        assert [index for index, _ in found] == [0, 3]
        names = {"AccessKeyId": "access_key", "SecretAccessKey": "secret_key", "SessionToken": "session_token"}
        ebs = self._bench.clients("ebs", {key: grant.secret[ours] for key, ours in names.items()}, step.region)
        snapshot = blocks.snapshot(step, self._context())
        try:
            answer = await asyncio.to_thread(
                ebs.get_snapshot_block, SnapshotId=snapshot, BlockIndex=found[1][0], BlockToken=found[1][1]
            )
        except ClientError as error:
            assert error.response["Error"]["Code"] == "AccessDeniedException", error
            raise Denied(str(error)) from None
        assert answer["BlockData"].read().startswith(b"evidence")

    def _context(self, head: str = "") -> StepContext:
        heads = {_HEAD: self._begun}
        return StepContext(CASE, self._acquisition, head, self._outputs, heads)
