"""``events.jsonl`` as its one writer holds it: locked, appended to, synced; and the reserve beside it."""

from __future__ import annotations

import errno
import fcntl
import os
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from app.custody.disk import pieces
from app.faults import Refused, Usage

RESERVE_BYTES = 4 << 20
_FULL = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})


class Torn(Exception):
    """A write failed or was cut short. ``full``: there is no room. ``why`` is the system's word for it."""

    def __init__(self, number: int | None) -> None:
        super().__init__(os.strerror(number) if number else "the write was cut short")
        self.full = number in _FULL
        self.why = str(self)


class SyncFailed(Exception):
    """fsync failed: what the disk holds is not known any more."""


@dataclass(frozen=True, slots=True)
class System:
    """The calls that put bytes on disk; tests hand in ones that fail."""

    write: Callable[[int, bytes], int] = os.write
    sync: Callable[[int], None] = os.fsync


class LogFile:
    """The locked log. The descriptor is close-on-exec, and the lock goes with it."""

    def __init__(self, path: Path, *, create: bool, system: System) -> None:
        """Refused if another process holds the lock, Usage if the file is not there (or is, on create)."""
        self.path = path
        self._system = system
        flags = os.O_RDWR | os.O_APPEND | os.O_CLOEXEC | os.O_NOFOLLOW | (os.O_CREAT | os.O_EXCL if create else 0)
        try:
            self.descriptor = os.open(path, flags, 0o600)
        except OSError as error:
            raise Usage(
                f"{path}: {error.strerror}",
                next="the folder holds a log already" if create else "name the folder of a case",
            ) from None
        try:
            fcntl.flock(self.descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            os.close(self.descriptor)
            raise Refused(
                f"another process writes the log {path}", next="use the agent that runs, or stop it"
            ) from None

    @property
    def size(self) -> int:
        """Bytes in the file."""
        return os.fstat(self.descriptor).st_size

    def append(self, data: bytes) -> None:
        """One write and one fsync. Torn if the write was not whole, SyncFailed if the sync failed."""
        try:
            written = self._system.write(self.descriptor, data)
        except OSError as error:
            raise Torn(error.errno) from None
        if written != len(data):
            raise Torn(None)
        try:
            self._system.sync(self.descriptor)
        except OSError as error:
            raise SyncFailed(error.strerror) from None

    def read(self, start: int) -> Iterator[bytes]:
        """The bytes from ``start`` to the end of the file as it is now."""
        return pieces(self.descriptor, start, self.size)

    def close(self) -> None:
        """Give the lock back."""
        os.close(self.descriptor)


class Reserve:
    """Room set aside, so that a record can be closed when the disk is full: ``custody/reserve.tmp``."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / "reserve.tmp"

    def hold(self) -> bool:
        """Set the room aside if it is not yet; False if there is none."""
        try:
            descriptor = os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
        except OSError:
            return False
        try:
            about = os.fstat(descriptor)
            if about.st_size < RESERVE_BYTES or about.st_blocks * 512 < RESERVE_BYTES:
                os.posix_fallocate(descriptor, 0, RESERVE_BYTES)
        except OSError:
            self.release()
            return False
        finally:
            os.close(descriptor)
        return True

    def release(self) -> bool:
        """Give the room back to the file system; False if none was set aside."""
        try:
            size = self._path.lstat().st_size
            self._path.unlink()
        except OSError:
            return False
        sync_folder(self._path.parent)
        return size > 0


def write_durably(path: Path, data: bytes, system: System) -> None:
    """Put a small file in its place: temporary file, fsync, rename, fsync of the folder. Torn if that fails."""
    temporary = path.with_name(path.name + ".tmp")
    try:
        descriptor = os.open(
            temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600
        )
        try:
            if system.write(descriptor, data) != len(data):
                raise Torn(None)
            system.sync(descriptor)
        finally:
            os.close(descriptor)
        temporary.rename(path)
        sync_folder(path.parent)
    except OSError as error:
        with suppress(OSError):
            temporary.unlink()
        raise Torn(error.errno) from None


def sync_folder(path: Path) -> None:
    """fsync of a directory."""
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
