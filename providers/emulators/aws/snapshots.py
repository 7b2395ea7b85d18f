"""Snapshots: how long they take, how they end, who sees them, and the blocks that they hold."""

from __future__ import annotations

import time
from concurrent.futures import Future
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from moto.ec2.exceptions import EC2ClientError, InvalidSnapshotIdError
from moto.ec2.models.elastic_block_store import Snapshot

from providers.emulators.aws.blocks import BlockImage

if TYPE_CHECKING:
    from providers.emulators.aws.compute import Ec2State
    from providers.emulators.aws.snapshot_locks import Lock
    from providers.emulators.aws.world import World
    from providers.emulators.scenario.model import Disk

GIB = 2**30
# A snapshot takes this long at speed 1: about the order of a small volume's first snapshot.
BASE_SECONDS = 40.0
SECONDS_PER_GIB = 10.0
NO_VOLUME = "vol-ffffffff"


class Source:
    """Where a volume's bytes come from. The disk is built when it is first needed, once."""

    def __init__(self, world: World, disk: Disk, names: tuple[str, ...]) -> None:
        self.world = world
        self.disk = disk
        self.names = names
        self._future: Future[BlockImage] | None = None

    def ready(self) -> Future[BlockImage]:
        """The image, built in the background. Called from the EC2 thread alone."""
        if self._future is None:
            self._future = self.world.builders.submit(self._open)
        return self._future

    def _open(self) -> BlockImage:
        path = self.world.disks.image(self.disk)
        return BlockImage(path, self.disk.size_gib, self.names)


class Unattached:
    """The volume of a snapshot that has none: a copy, or one that was written directly.

    EC2 API Reference, CopySnapshot: copies have an arbitrary source volume id, which is vol-ffffffff in practice.
    """

    id = NO_VOLUME

    def __init__(self, size_gib: int) -> None:
        self.size = size_gib


class Copying(Protocol):
    """What may make a copy fail on its way."""

    def failure(self, elapsed: float, percent: float) -> str | None:
        """The StateMessage of a copy that fails now, else None. ``elapsed`` in real seconds."""


class TimedSnapshot(Snapshot):
    """moto's snapshot whose state and progress follow the clock: it completes after ``seconds``.

    ``written`` is the set of blocks put so far while it is being written through EBS direct, else None.
    ``copying`` is set on copies, ``parent`` is the id of the snapshot that it was made from. An end is for good.
    """

    def __init__(
        self,
        state: Ec2State,
        snapshot_id: str,
        volume: Any,
        description: str,
        encrypted: bool,
        key: str | None,
        content: Future[BlockImage],
        seconds: float,
    ) -> None:
        self.content = content
        self.seconds = seconds
        self.begun = time.monotonic()
        self.written: set[int] | None = None
        self.parent = ""
        self.copying: Copying | None = None
        self.lock: Lock | None = None
        self.completed: datetime | None = None
        self.failed: tuple[str, float] | None = None
        super().__init__(state, snapshot_id, volume, description, encrypted, key)

    def settle(self) -> None:
        """Ends the snapshot if its time has come. Cheap; called whenever somebody looks."""
        if self.completed or self.failed or self.written is not None or not self.content.done():
            return
        elapsed = time.monotonic() - self.begun
        percent = min(100.0, elapsed / max(self.seconds, 0.001) * 100)
        broken = self.content.exception()
        message = str(broken) if broken is not None else None
        if message is None and self.copying is not None:
            message = self.copying.failure(elapsed, percent)
        if message is not None:
            self.failed = message, min(percent, 99.0)
        elif percent >= 100:
            self.completed = datetime.now(UTC)

    @property
    def status(self) -> str:
        self.settle()
        return "error" if self.failed else "completed" if self.completed else "pending"

    @status.setter
    def status(self, value: str) -> None:
        """moto assigns "completed" when it makes a snapshot; time decides here."""

    @property
    def state(self) -> str:
        """What CreateSnapshots calls it (EC2 API Reference, SnapshotInfo)."""
        return self.status

    @property
    def state_message(self) -> str | None:
        """Why it failed (EC2 API Reference, Snapshot: StateMessage)."""
        self.settle()
        return self.failed[0] if self.failed else None

    @property
    def completion_time(self) -> datetime | None:
        return self.completed

    @property
    def progress(self) -> str:
        self.settle()
        if self.completed:
            return "100%"
        if self.failed:
            return f"{int(self.failed[1])}%"
        return f"{min(99, int((time.monotonic() - self.begun) / max(self.seconds, 0.001) * 100))}%"


class SnapshotStore:
    """All snapshots of the cloud: moto holds them per account and region, this finds them by id."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.sources: dict[str, Source] = {}
        self._found: dict[str, TimedSnapshot] = {}

    def add_volume(self, volume_id: str, disk: Disk, number: int) -> None:
        """``number`` counts the scenario's disks from 0; faults may name a disk by it."""
        self.sources[volume_id] = Source(self.world, disk, (f"vol:{number}", volume_id))

    # Making

    def create(self, state: Ec2State, volume: Any, description: str, tags: dict[str, str]) -> TimedSnapshot:
        source = self.sources.get(volume.id)
        if source is None:
            raise EC2ClientError("IncorrectState", f"Volume {volume.id} has no content in the embedded cloud.")
        snapshot = self.add(state, volume, description, source.ready(), volume.encrypted, volume.kms_key_id)
        snapshot.add_tags(tags)
        return snapshot

    def add(
        self,
        state: Ec2State,
        volume: Any,
        description: str,
        content: Future[BlockImage],
        encrypted: bool,
        key: str | None,
    ) -> TimedSnapshot:
        """A pending snapshot of ``content``; ``key`` is the ARN of the key that it is encrypted under."""
        seconds = (BASE_SECONDS + SECONDS_PER_GIB * volume.size) / self.world.scenario.speed
        new_id = self.world.new_id("snap")
        snapshot = TimedSnapshot(state, new_id, volume, description, encrypted, key, content, seconds)
        state.snapshots[snapshot.id] = snapshot
        self._found[snapshot.id] = snapshot
        return snapshot

    def start(
        self,
        state: Ec2State,
        size_gib: int,
        description: str,
        tags: dict[str, str],
        file: Path,
        parent: str,
        key: str | None,
    ) -> TimedSnapshot:
        """StartSnapshot of EBS direct: a pending snapshot whose blocks are put into ``file``."""
        content: Future[BlockImage] = Future()
        content.set_result(BlockImage(file, size_gib, (), writable=True))
        snapshot = self.add(state, Unattached(size_gib), description, content, key is not None, key)
        snapshot.written, snapshot.seconds, snapshot.parent = set(), 0.0, parent
        snapshot.add_tags(tags)
        return snapshot

    # Finding

    def find(self, region: str, snapshot_id: str) -> TimedSnapshot | None:
        """A snapshot by id, whoever owns it."""
        snapshot = self._found.get(snapshot_id)
        if snapshot is None or snapshot.ec2_backend.region_name != region or self._lost(snapshot):
            return None
        return snapshot

    def get(self, region: str, account: str, snapshot_id: str) -> TimedSnapshot:
        """A snapshot that ``account`` may see; InvalidSnapshot.NotFound otherwise."""
        snapshot = self.find(region, snapshot_id)
        if snapshot is None or not sees(account, snapshot):
            raise InvalidSnapshotIdError()
        return snapshot

    def owned(self, state: Ec2State, snapshot_id: str) -> TimedSnapshot:
        """A snapshot of this very account; InvalidSnapshot.NotFound otherwise."""
        snapshot = self.find(state.region_name, snapshot_id)
        if snapshot is None or snapshot.ec2_backend is not state:
            raise InvalidSnapshotIdError()
        return snapshot

    def visible(self, state: Ec2State, ids: list[str], filters: dict[str, Any]) -> list[TimedSnapshot]:
        """The account's own snapshots and those shared with it, in order of creation."""
        region, account = state.region_name, state.account_id
        if ids:
            found = [self.get(region, account, one) for one in ids]
        else:
            everywhere = self._found.values()
            found = [s for s in everywhere if s.ec2_backend.region_name == region and sees(account, s)]
        if filters:
            from moto.ec2.utils import generic_filter

            found = generic_filter(filters, found)
        return found

    # Ending

    def delete(self, state: Ec2State, snapshot: TimedSnapshot) -> None:
        del state.snapshots[snapshot.id]
        del self._found[snapshot.id]
        state.tags.pop(snapshot.id, None)

    def settle(self) -> None:
        """Brings every snapshot up to now: the EC2 thread does so before each call and each change of faults."""
        for snapshot in list(self._found.values()):
            snapshot.settle()
            if self._lost(snapshot):
                self.delete(snapshot.ec2_backend, snapshot)

    def _lost(self, snapshot: TimedSnapshot) -> bool:
        """The fault ``lose_snapshots_after_s``: somebody deleted it; a lock holds against that too."""
        after = self.world.faults.now.lose_snapshots_after_s
        if after is None or (snapshot.lock is not None and snapshot.lock.holds(snapshot)):
            return False
        return time.monotonic() - snapshot.begun >= after

    def close(self) -> None:
        for snapshot in self._found.values():
            if snapshot.content.done() and snapshot.content.exception() is None:
                snapshot.content.result().close()


def sees(account: str, snapshot: TimedSnapshot) -> bool:
    """Its owner, those it is shared with, and everybody if it is public (EC2 API Reference, DescribeSnapshots)."""
    return (
        snapshot.owner_id == account
        or account in snapshot.create_volume_permission_userids
        or "all" in snapshot.create_volume_permission_groups
    )
