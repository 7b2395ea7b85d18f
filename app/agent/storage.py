"""The evidence volume: what a plan and the doctor say of it."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

_NETWORK = frozenset({"nfs", "nfs4", "cifs", "smb3", "fuse.sshfs", "9p", "ceph", "glusterfs"})


@dataclass(frozen=True, slots=True)
class Volume:
    """``encrypted`` is None where it cannot be told (a network or virtual file system)."""

    mount: str
    kind: str
    free_bytes: int
    encrypted: bool | None

    @property
    def network(self) -> bool:
        return self.kind in _NETWORK


def volume_of(path: Path) -> Volume:
    """The file system that holds ``path`` (or its nearest existing parent)."""
    while not path.exists():
        path = path.parent
    device = path.stat().st_dev
    number = f"{os.major(device)}:{os.minor(device)}"
    mount, kind = "/", "unknown"
    for line in Path("/proc/self/mountinfo").read_text("utf-8").splitlines():  # proc_pid_mountinfo(5)
        fields = line.split()
        if fields[2] == number:
            mount, kind = fields[4], fields[fields.index("-") + 1]
    space = os.statvfs(path)
    return Volume(mount, kind, space.f_bavail * space.f_frsize, _encrypted(number, kind))


def _encrypted(number: str, kind: str) -> bool | None:
    """Whether a dm-crypt layer lies anywhere below the block device (sysfs, ABI/stable/sysfs-block)."""
    device = Path("/sys/dev/block", number)
    if kind in _NETWORK or not device.exists():
        return None
    waiting = [device.resolve()]
    while waiting:
        current = waiting.pop()
        uuid = current / "dm" / "uuid"
        if uuid.exists() and uuid.read_text("utf-8").startswith("CRYPT-"):
            return True
        slaves = current / "slaves"
        waiting += [child.resolve() for child in slaves.iterdir()] if slaves.is_dir() else []
    return False


def storage_report(evidence: Path, size_bytes: int) -> list[str]:
    """Sentences for the plan screen: where images go, whether they fit and are encrypted at rest."""
    volume = volume_of(evidence)
    said = [f"evidence goes to {evidence} ({volume.kind}, {volume.free_bytes / 2**30:.1f} GiB free)"]
    if volume.free_bytes < size_bytes * 1.05:
        said.append("it may not fit if every block is in use: blocks never written cost no space")
    if volume.encrypted is False:
        said.append("the evidence volume is not encrypted at rest: consider the route preserve")
    elif volume.encrypted is None:
        said.append("whether the evidence volume is encrypted at rest cannot be told")
    if volume.network:
        said.append("the evidence volume is a network file system: sparse images and locks may not hold there")
    return said
