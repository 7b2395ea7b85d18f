"""Reading a case or a bag as found: nothing is followed, nothing is waited for, everything is bounded."""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Iterator
from pathlib import Path

from app.custody.line import LineReader, RawLine

PIECE = 1 << 20


class Wrong(Exception):
    """The file is missing or is not what it must be: a fault of the case. The text says what."""


class CannotRead(Exception):
    """Permission or an I/O error: it could not be checked. The text says what."""


def kind_of(path: Path) -> str:
    """``file``, ``dir``, ``link``, ``other`` or ``none``; CannotRead if that cannot be told."""
    try:
        mode = os.lstat(path).st_mode
    except (FileNotFoundError, NotADirectoryError):
        return "none"
    except OSError as error:
        raise CannotRead(error.strerror or "it cannot be read") from None
    if stat.S_ISLNK(mode):
        return "link"
    if stat.S_ISDIR(mode):
        return "dir"
    return "file" if stat.S_ISREG(mode) else "other"


def open_file(path: Path) -> int:
    """A descriptor of a regular file. Wrong if it is missing, a symbolic link or something else."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError as error:
        if error.errno in (errno.ENOENT, errno.ENOTDIR):
            raise Wrong("it is missing") from None
        if error.errno == errno.ELOOP:
            raise Wrong("it is a symbolic link") from None
        if error.errno == errno.ENXIO:
            raise Wrong("it is not a regular file") from None
        raise CannotRead(error.strerror or "it cannot be opened") from None
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise Wrong("it is not a regular file")
    return descriptor


def read_small(path: Path, limit: int) -> bytes:
    """The whole of a file of at most ``limit`` bytes; Wrong if it is larger."""
    descriptor = open_file(path)
    try:
        data = b"".join(pieces(descriptor, 0, limit + 1))
    finally:
        os.close(descriptor)
    if len(data) > limit:
        raise Wrong(f"it is larger than {limit} bytes")
    return data


def pieces(descriptor: int, start: int, end: int) -> Iterator[bytes]:
    """The bytes from ``start`` to ``end``, or to where the file ends; CannotRead on an I/O error."""
    position = start
    while position < end:
        try:
            piece = os.pread(descriptor, min(PIECE, end - position), position)
        except OSError as error:
            raise CannotRead(error.strerror or "it cannot be read") from None
        if not piece:
            return
        position += len(piece)
        yield piece


def lines(descriptor: int, end: int, reader: LineReader) -> Iterator[RawLine]:
    """The complete lines of the first ``end`` bytes; ``reader.tail_size`` is then what follows the last LF."""
    for piece in pieces(descriptor, 0, end):
        yield from reader.feed(piece)


def names(path: Path) -> list[str]:
    """The sorted names in a directory; empty if there is none. Wrong if it is not a directory."""
    try:
        return sorted(entry.name for entry in path.iterdir())
    except FileNotFoundError:
        return []
    except NotADirectoryError:
        raise Wrong("it is not a directory") from None
    except OSError as error:
        raise CannotRead(error.strerror or "it cannot be listed") from None


def walk(top: Path) -> Iterator[tuple[str, str]]:
    """Everything under ``top`` as ``(path relative to it, kind)``, directories before what they hold."""
    waiting = [""]
    while waiting:
        inside = waiting.pop()
        for name in names(top / inside if inside else top):
            relative = f"{inside}/{name}" if inside else name
            kind = kind_of(top / relative)
            yield relative, kind
            if kind == "dir":
                waiting.append(relative)


def locked(descriptor: int, table: Path = Path("/proc/locks")) -> bool:
    """Whether a process holds a ``flock`` on the file. Looked up, never taken; False where that is unknown."""
    about = os.fstat(descriptor)
    device = f"{os.major(about.st_dev):02x}:{os.minor(about.st_dev):02x}"
    try:
        entries = table.read_text("ascii", "replace").splitlines()
    except OSError:
        return False
    for entry in entries:
        words = [word for word in entry.split() if word != "->"]
        # 1: FLOCK ADVISORY WRITE <pid> <major>:<minor>:<inode> <start> <end>; a waiter has "->" in it
        if len(words) < 6 or words[1] != "FLOCK" or words[3] != "WRITE" or "->" in entry:
            continue
        where, _, inode = words[5].rpartition(":")
        if inode == str(about.st_ino) and (where == device or _holds(words[4], about)):
            return True
    return False


def _holds(pid: str, about: os.stat_result) -> bool:
    """Whether the process has that very file open: on some file systems /proc/locks names another device."""
    try:
        for found in Path(f"/proc/{pid}/fd").iterdir():
            if os.path.samestat(found.stat(), about):
                return True
    except OSError:
        return False
    return False
