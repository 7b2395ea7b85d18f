"""Snapshots: how long they take, who sees them, and the blocks that they hold."""

from __future__ import annotations

import time
from concurrent.futures import Future
from pathlib import Path
from typing import TYPE_CHECKING, Any

from moto.ec2.exceptions import EC2ClientError, InvalidSnapshotIdError
from moto.ec2.models.elastic_block_store import Snapshot

from providers.emulators.aws.blocks import BlockImage

if TYPE_CHECKING:
    from providers.emulators.aws.compute import Ec2State
    from providers.emulators.aws.world import World
    from providers.emulators.scenario.model import Disk

GIB = 2**30
# A snapshot takes this long at speed 1: about the order of a small volume's first snapshot.
BASE_SECONDS = 40.0
SECONDS_PER_GIB = 10.0


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


class TimedSnapshot(Snapshot):
    """moto's snapshot whose state and progress follow the clock: it completes after ``seconds``.

    ``written`` is the set of blocks put so far while it is being written through EBS direct, else None.
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
        super().__init__(state, snapshot_id, volume, description, encrypted, key)

    @property
    def status(self) -> str:
        if self.written is not None or not self.content.done():
            return "pending"
        if self.content.exception() is not None:
            return "error"
        return "completed" if time.monotonic() - self.begun >= self.seconds else "pending"

    @status.setter
    def status(self, value: str) -> None:
        """moto assigns "completed" when it makes a snapshot; time decides here."""

    @property
    def state_message(self) -> str | None:
        failure = self.content.exception() if self.content.done() else None
        return str(failure) if failure else None

    @property
    def progress(self) -> str:
        if self.status == "completed":
            return "100%"
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

    def create(self, state: Ec2State, volume: Any, description: str, tags: dict[str, str]) -> TimedSnapshot:
        source = self.sources.get(volume.id)
        if source is None:
            raise EC2ClientError("IncorrectState", f"Volume {volume.id} has no content in the embedded cloud.")
        snapshot = self._new(state, volume, description, source.ready(), volume.encrypted, volume.kms_key_id)
        snapshot.add_tags(tags)
        return snapshot

    def _new(
        self,
        state: Ec2State,
        volume: Any,
        description: str,
        content: Future[BlockImage],
        encrypted: bool,
        key: str | None,
    ) -> TimedSnapshot:
        seconds = (BASE_SECONDS + SECONDS_PER_GIB * volume.size) / self.world.scenario.speed
        new_id = self.world.new_id("snap")
        snapshot = TimedSnapshot(state, new_id, volume, description, encrypted, key, content, seconds)
        state.snapshots[snapshot.id] = snapshot
        self._found[snapshot.id] = snapshot
        return snapshot

    def copy(
        self,
        state: Ec2State,
        source: TimedSnapshot,
        description: str,
        tags: dict[str, str],
        encrypted: bool,
        key: str | None,
    ) -> TimedSnapshot:
        """CopySnapshot. A copy of an encrypted snapshot stays encrypted (EC2 API Reference)."""
        if source.status != "completed":
            raise EC2ClientError("IncorrectState", f"Snapshot {source.id} is not in the completed state.")
        encrypted = encrypted or source.encrypted
        if encrypted and not key:
            default = self.world.key(state.account_id, state.region_name, "default")
            key = default.arn if default else None
        known = self.world.find_key(key)
        if encrypted and known is None:
            raise EC2ClientError("InvalidKmsKey.NotFound", f"The KMS key {key} does not exist.")
        snapshot = self._new(state, source.volume, description, source.content, encrypted, key)
        snapshot.parent = source.id
        snapshot.add_tags(tags)
        return snapshot

    def get(self, region: str, account: str, snapshot_id: str) -> TimedSnapshot:
        """A snapshot that ``account`` may see; InvalidSnapshot.NotFound otherwise."""
        snapshot = self._found.get(snapshot_id)
        if snapshot is None or snapshot.ec2_backend.region_name != region or not _sees(account, snapshot):
            raise InvalidSnapshotIdError()
        return snapshot

    def owned(self, state: Ec2State, snapshot_id: str) -> TimedSnapshot:
        """A snapshot of this very account; InvalidSnapshot.NotFound otherwise."""
        snapshot = self._found.get(snapshot_id)
        if snapshot is None or snapshot.ec2_backend is not state:
            raise InvalidSnapshotIdError()
        return snapshot

    def find(self, region: str, snapshot_id: str) -> TimedSnapshot | None:
        """A snapshot by id, whoever owns it."""
        snapshot = self._found.get(snapshot_id)
        return snapshot if snapshot is not None and snapshot.ec2_backend.region_name == region else None

    def visible(self, state: Ec2State, ids: list[str], filters: dict[str, Any]) -> list[TimedSnapshot]:
        """The account's own snapshots and those shared with it, in order of creation."""
        region, account = state.region_name, state.account_id
        if ids:
            found = [self.get(region, account, one) for one in ids]
        else:
            everywhere = self._found.values()
            found = [s for s in everywhere if s.ec2_backend.region_name == region and _sees(account, s)]
        if filters:
            from moto.ec2.utils import generic_filter

            found = generic_filter(filters, found)
        return found

    def shareable(self, snapshot: TimedSnapshot) -> None:
        """Refuses what EC2 refuses: a snapshot under the default EBS key cannot be shared (EBS User Guide)."""
        key = self.world.find_key(snapshot.kms_key_id)
        if key is not None and key.manager == "AWS":
            raise EC2ClientError(
                "InvalidParameter", f"Cannot modify snapshot {snapshot.id}: it is encrypted with the default key."
            )

    def delete(self, state: Ec2State, snapshot: TimedSnapshot) -> None:
        del state.snapshots[snapshot.id]
        del self._found[snapshot.id]
        state.tags.pop(snapshot.id, None)

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
        volume = _Unattached(size_gib)
        snapshot = self._new(state, volume, description, content, key is not None, key)
        snapshot.written, snapshot.seconds, snapshot.parent = set(), 0.0, parent
        snapshot.add_tags(tags)
        return snapshot

    def close(self) -> None:
        for snapshot in self._found.values():
            if snapshot.content.done() and snapshot.content.exception() is None:
                snapshot.content.result().close()


class _Unattached:
    """The volume of a snapshot that was written directly: EC2 shows the id vol-ffffffff."""

    def __init__(self, size_gib: int) -> None:
        self.id = "vol-ffffffff"
        self.size = size_gib


def _sees(account: str, snapshot: TimedSnapshot) -> bool:
    return (
        snapshot.owner_id == account
        or account in snapshot.create_volume_permission_userids
        or "all" in snapshot.create_volume_permission_groups
    )
