"""What the transfer tests share: a snapshot as BlockSource, a desk that hands out leases, a log of runs."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from app import faults
from app.clock import SystemClock
from app.model import Step, TransferSpec
from app.ports import FetchSpec, Grant, IndexPage, StepContext
from app.transfer.limits import Limits
from app.transfer.meter import Meter
from app.transfer.transfer import Transfer
from tests.transfer.server import REGION, SNAPSHOT, BlockServer

BLOCK = 64 * 1024
QUICK = Limits(backoff_s=0.01, backoff_cap_s=0.1, flush_s=0.1, tick_s=0.05, min_free=0, lock_wait_s=5.0)
STEP = Step(
    id="download",
    title="Download",
    kind="download",
    effect="observe",
    call="ebs:GetSnapshotBlock",
    account="222222222222",
    region=REGION,
    resource=SNAPSHOT,
    undo="",
)
CONTEXT = StepContext(case="CASE-1", acquisition="A-0001", head="", outputs={})
FAULTS = {
    "ACCOUNT_THROTTLED": "throttled",
    "RequestThrottledException": "throttled",
    "ExpiredTokenException": "expired",
    "AccessDeniedException": "denied",
    "ResourceNotFoundException": "gone",
    "INVALID_BLOCK_TOKEN": "relist",
    "InternalServerException": "unavailable",
}


def make_disk(count: int, *, zero: set[int], holes: set[int], seed: int = 7) -> dict[int, bytes]:
    """Blocks of a disk: random data, ``zero`` ones allocated but all zero, ``holes`` not allocated."""
    dice = random.Random(seed)
    return {
        index: bytes(BLOCK) if index in zero else dice.randbytes(BLOCK)
        for index in range(count)
        if index not in holes
    }


def image_bytes(blocks: dict[int, bytes], size: int, block_size: int = BLOCK) -> bytes:
    """The image that these blocks make."""
    out = bytearray(size)
    for index, data in blocks.items():
        piece = data[: size - index * block_size]
        out[index * block_size : index * block_size + len(piece)] = piece
    return bytes(out)


async def until(condition: Callable[[], bool], seconds: float = 10.0) -> None:
    """Wait until it holds; AssertionError after the deadline."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not come about in time"
        await asyncio.sleep(0.01)


class LeapingClock(SystemClock):
    """The machine's clock, ``ahead`` seconds later: a test can let a quarter of an hour pass at once."""

    def __init__(self) -> None:
        self.ahead = 0.0

    def monotonic(self) -> float:
        return super().monotonic() + self.ahead


class Source:
    """BlockSource over a BlockServer."""

    def __init__(self, server: BlockServer, bundle: Path | None) -> None:
        self.server = server
        self.bundle = bundle
        self.listings = 0
        self.pages: Callable[[], list[list[tuple[int, str]]]] | None = None

    def snapshot(self, step: Step, context: StepContext) -> str:
        return SNAPSHOT

    def fetch_spec(self, step: Step, context: StepContext) -> FetchSpec:
        base = f"https://127.0.0.1:{self.server.port}"
        return FetchSpec(
            url=f"{base}/snapshots/{SNAPSHOT}/blocks/{{index}}?blockToken={{token}}",
            sigv4=f"aws:amz:{REGION}:ebs",
            ca_bundle=str(self.bundle) if self.bundle else None,
            checksum_header="x-amz-Checksum",
            checksum_encoding="base64",
            length_header="x-amz-Data-Length",
            request_id_header="x-amzn-RequestId",
            error_header="x-amzn-ErrorType",
            faults=FAULTS,
        )

    async def index(
        self, step: Step, context: StepContext, grant: Callable[[], Grant]
    ) -> AsyncIterator[IndexPage]:
        self.listings += 1
        if self.pages is not None:
            for page in self.pages():
                yield IndexPage(page)
            return
        key = grant().secret["access_key"]
        if key in self.server.faults.expired:
            raise faults.CredentialExpired("the listing was refused")
        blocks = [(index, self.server.token(index)) for index in sorted(self.server.blocks)]
        for at in range(0, len(blocks), 10):
            await asyncio.sleep(0)
            yield IndexPage(blocks[at : at + 10])


class Desk:
    """LeaseFeed: leases L-0001, L-0002 … that the server knows; ``issue`` brings a new one into force."""

    def __init__(self, server: BlockServer) -> None:
        self._server = server
        self._grant: Grant | None = None
        self._news = asyncio.Condition()
        self._count = 0
        self.refused: list[str] = []
        self.answer: faults.Fault | None = None  # raised by expired()
        self.automatic = True  # expired() issues a new lease by itself
        self._make()

    def _make(self) -> None:
        self._count += 1
        lease = f"L-{self._count:04d}"
        secret = {
            "access_key": f"AKIATEST{self._count:08d}",
            "secret_key": f"canary/SECRET+{self._count}",
            "session_token": f"canary-SESSION-{self._count}==",
        }
        self._server.secrets[secret["access_key"]] = (secret["secret_key"], secret["session_token"])
        now = datetime.now(UTC)
        self._grant = Grant(lease, "222222222222", "arn", now, now + timedelta(hours=1), None, "", secret)

    @property
    def key(self) -> str:
        """The access key in force."""
        return self.current().secret["access_key"]

    async def issue(self) -> str:
        async with self._news:
            self._make()
            self._news.notify_all()
        return self.current().lease

    def current(self) -> Grant:
        if self._grant is None:
            raise faults.CredentialNeeded("there is no lease")
        return self._grant

    async def changed(self, known: str) -> Grant:
        async with self._news:
            await self._news.wait_for(lambda: self.current().lease != known)
        return self.current()

    async def expired(self, lease: str, fault: faults.Fault) -> None:
        self.refused.append(lease)
        if self.answer is not None:
            raise self.answer
        if self.automatic:
            await self.issue()
        else:
            await self.changed(lease)


@dataclass
class Log:
    """RunLog: what was opened and closed, with the number of requests that the server had seen by then."""

    server: BlockServer
    opens: list[tuple[str, int, int]] = field(default_factory=list)
    closes: dict[str, dict[str, Any]] = field(default_factory=dict)

    def opened(self, lease: str, blocks: int) -> None:
        self.opens.append((lease, blocks, len(self.server.seen)))

    def closed(self, lease: str, **outcome: Any) -> None:
        assert lease not in self.closes, "a run is closed once"
        self.closes[lease] = outcome


@dataclass
class Rig:
    """A server, a directory and everything that a Transfer needs."""

    server: BlockServer
    bundle: Path
    home: Path
    desk: Desk
    source: Source
    log: Log
    meters: list[Meter] = field(default_factory=list)
    clock: LeapingClock = field(default_factory=LeapingClock)

    @property
    def shape(self) -> TransferSpec:
        return TransferSpec(size_bytes=self.server.size, block_size=self.server.block_size)

    @property
    def bag(self) -> Path:
        return self.home / ".E-0001.partial"

    @property
    def work(self) -> Path:
        return self.home / "work"

    @property
    def image(self) -> Path:
        return self.bag / "data" / "disk.raw"

    def expected(self) -> bytes:
        return image_bytes(self.server.blocks, self.server.size, self.server.block_size)

    def transfer(self, *, workers: int = 2, limits: Limits = QUICK) -> Transfer:
        """A new Transfer with a fresh log."""
        self.log = Log(self.server)
        return Transfer(
            directory=self.bag,
            work=self.work,
            shape=self.shape,
            source=self.source,
            step=STEP,
            context=CONTEXT,
            leases=self.desk,
            runs=self.log,
            on_meter=self.meters.append,
            workers=workers,
            clock=self.clock,
            limits=limits,
        )
