"""Room on the evidence volume, and the image file with its lock."""

from __future__ import annotations

import errno
import fcntl
import os
from pathlib import Path

from app import faults
from app.clock import Clock
from app.model import TransferSpec
from app.text import visible
from app.transfer.durable import sync_directory
from app.transfer.limits import MIB, Limits

IMAGE = "data/disk.raw"
_LOCK_POLL_S = 0.05


def free_bytes(directory: Path) -> int:
    """Bytes that this user may still write on that file system."""
    found = os.statvfs(directory)
    return found.f_bavail * found.f_frsize


def preflight(
    directory: Path, shape: TransferSpec, allocated_bytes: int | None, *, min_free: int = Limits().min_free
) -> None:
    """StorageFull, with figures, when the image cannot be made in that (existing) directory.

    Needed are ``allocated_bytes`` (those still to be fetched; None while nobody knows) and 5 %, and
    ``min_free`` on top. Whether a file of the image's size is possible at all is found out by making one
    without a name and truncating it to that size: ext4 ends just under 16 TiB, others elsewhere.
    """
    free = free_bytes(directory)
    wanted = (allocated_bytes or 0) * 105 // 100
    if free < wanted + min_free:
        raise faults.StorageFull(
            f"{visible(directory)} has {_mib(free)} free; {_mib(wanted)} (data and 5 %) and a reserve of "
            f"{_mib(min_free)} are needed",
            next="free space or choose another evidence directory, then start or resume",
        )
    probe = directory / ".probe.tmp"
    fd = os.open(probe, os.O_WRONLY | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    try:
        probe.unlink(missing_ok=True)
        os.ftruncate(fd, shape.size_bytes)
    except OSError as error:
        if error.errno not in (errno.EFBIG, errno.EINVAL, errno.ENOSPC, errno.EDQUOT):
            raise
        raise faults.StorageFull(
            f"the file system of {visible(directory)} cannot hold a file of {shape.size_bytes} bytes",
            next="choose an evidence directory on a file system with larger files (XFS, for example)",
        ) from None
    finally:
        os.close(fd)


def check_reserve(directory: Path, min_free: int) -> None:
    """StorageFull when less than ``min_free`` bytes are left."""
    free = free_bytes(directory)
    if free < min_free:
        raise faults.StorageFull(
            f"{visible(directory)} has {_mib(free)} free, less than the reserve of {_mib(min_free)}; "
            "the transfer stopped and kept what it has",
            next="free space, then resume",
        )


async def open_image(directory: Path, shape: TransferSpec, clock: Clock, wait_s: float) -> int:
    """A descriptor of ``data/disk.raw``, at its full size and under an exclusive ``flock``.

    The lock belongs to the open file, and the workers inherit that file: it ends with the last process
    that could still write. So whoever gets it knows that no worker of an earlier run is left.
    Refused when they are still there after ``wait_s`` seconds.
    """
    image = directory / IMAGE
    image.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    try:
        fd = os.open(image, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise _unusable(image, error) from None
    try:
        deadline = clock.monotonic() + wait_s
        while True:
            try:
                fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if clock.monotonic() >= deadline:
                    raise faults.Refused(
                        f"{visible(image)} is still held by a process of an earlier transfer",
                        next="wait until it has ended, or end it, then resume",
                    ) from None
            await clock.sleep(_LOCK_POLL_S)
        size = os.fstat(fd).st_size
        if size > shape.size_bytes:
            raise faults.Broken(
                f"{visible(image)} has {size} bytes, more than the disk's {shape.size_bytes}",
                next="move the partial bag away, then start the download again",
            )
        if size < shape.size_bytes:
            os.ftruncate(fd, shape.size_bytes)
            os.fsync(fd)
        sync_directory(image.parent)
        sync_directory(directory)
    except OSError as error:
        os.close(fd)
        raise _unusable(image, error) from None
    except BaseException:
        os.close(fd)
        raise
    return fd


def storage_fault(what: str, error: OSError) -> faults.Fault:
    """A fault for a write that the evidence volume did not take."""
    if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
        return faults.StorageFull(f"{what}: {os.strerror(error.errno)}", next="free space, then resume")
    return faults.Broken(f"{what}: {os.strerror(error.errno or 0)}", next="check the disk, then resume")


def _unusable(image: Path, error: OSError) -> faults.Fault:
    return storage_fault(f"{visible(image)} cannot be used", error)


def _mib(count: int) -> str:
    return f"{count / MIB:,.0f} MiB"
