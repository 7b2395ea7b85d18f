"""The journal: which blocks are durable in the image, and their digests. It is what a resume trusts, after a look.

Append-only, fixed-size records, written by the transfer after a worker made the blocks durable. Little endian:
a header that names image shape and snapshot, then ``u32 index, u8 flags, 3 zero bytes, SHA-256, u32 CRC``. The
CRC is seeded with the header's, so records of another journal do not count. The last record of a block wins.
"""

from __future__ import annotations

import hashlib
import os
import struct
import threading
import zlib
from collections.abc import Iterable
from pathlib import Path

from app import faults
from app.model import TransferSpec
from app.transfer.digests import DigestMap
from app.transfer.durable import sync_directory
from app.transfer.shape import block_count

RECORD_BYTES = 44
ZERO = 1
"""Flag: the block is wholly zero."""

_HEADER = struct.Struct("<20sQI32sI")
_MAGIC = b"jumpbag-journal/1\n\0\0"
_BODY = struct.Struct("<IB3x32s")
_CRC = struct.Struct("<I")
_CHUNK = 16384


class Journal:
    """Opened for one image; Broken when the file is of another shape or snapshot.

    ``snapshot`` None takes the one that the file names; the file must then exist (Usage).
    ``damaged`` counts records that :meth:`load` skipped; their blocks are fetched again.
    """

    def __init__(self, path: Path, shape: TransferSpec, snapshot: str | None) -> None:
        self._path = path
        self._blocks = block_count(shape)
        self._dirty = False
        self._closed = False
        self._syncing = threading.Lock()  # sync() may run in a thread; close() waits for it
        self.damaged = 0
        if snapshot is not None and not path.exists():
            _create(path, _header(shape, snapshot))
        try:
            self._fd = os.open(path, os.O_RDWR | os.O_APPEND | os.O_NOFOLLOW | os.O_CLOEXEC)
        except FileNotFoundError:
            raise faults.Usage(
                f"there is no transfer journal {path.name}", next="download the disk first"
            ) from None
        found = os.pread(self._fd, _HEADER.size, 0)
        fits = found == _header(shape, snapshot) if snapshot is not None else _shape_of(found) == _astuple(shape)
        if not fits:
            os.close(self._fd)
            what = "belongs to another snapshot or disk size" if _shape_of(found) else "is damaged"
            raise faults.Broken(
                f"the transfer journal {path.name} {what}",
                next="move the partial bag and its work directory away, then start the download again",
            )
        self._seed = zlib.crc32(found)

    def load(self, into: DigestMap, stop: threading.Event | None = None) -> int:
        """Put all sound records into ``into``; returns how many blocks it then holds. Ends early when stopped.

        A torn tail is cut off, so that the next record starts where a record should.
        """
        size = os.fstat(self._fd).st_size
        whole = (size - _HEADER.size) // RECORD_BYTES
        end = _HEADER.size + whole * RECORD_BYTES
        if end != size:
            os.ftruncate(self._fd, end)
        at = _HEADER.size
        self.damaged = 0
        while at < end and not (stop and stop.is_set()):
            data = os.pread(self._fd, min(_CHUNK * RECORD_BYTES, end - at), at)
            if not data:
                break
            for start in range(0, len(data) - RECORD_BYTES + 1, RECORD_BYTES):
                body = data[start : start + _BODY.size]
                index, _flags, digest = _BODY.unpack(body)
                crc = _CRC.unpack_from(data, start + _BODY.size)[0]
                if crc != zlib.crc32(body, self._seed) or index >= self._blocks:
                    self.damaged += 1
                    continue
                into.put(index, digest)
            at += len(data)
        return len(into)

    def append(self, blocks: Iterable[tuple[int, bytes, bool]]) -> None:
        """Record durable blocks: ``(index, SHA-256, wholly zero)``. OSError when the disk will not have it."""
        out = bytearray()
        for index, digest, zero in blocks:
            body = _BODY.pack(index, ZERO if zero else 0, digest)
            out += body + _CRC.pack(zlib.crc32(body, self._seed))
        start = os.fstat(self._fd).st_size
        view = memoryview(out)
        try:
            while view:
                view = view[os.write(self._fd, view) :]
        except OSError:
            os.ftruncate(self._fd, start)  # a torn record in the middle would shift all that follow
            raise
        self._dirty = self._dirty or bool(out)

    def sync(self) -> None:
        """Make what was appended durable; called at least once a second while there is something new."""
        with self._syncing:
            if not self._dirty or self._closed:
                return
            self._dirty = False
            try:
                os.fdatasync(self._fd)
            except OSError:
                self._dirty = True
                raise

    def close(self) -> None:
        with self._syncing:
            self._closed = True
            os.close(self._fd)


def _create(path: Path, header: bytes) -> None:
    part = path.with_name(path.name + ".tmp")
    fd = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    try:
        os.write(fd, header)
        os.fsync(fd)
    finally:
        os.close(fd)
    part.replace(path)
    sync_directory(path.parent)


def _header(shape: TransferSpec, snapshot: str) -> bytes:
    name = hashlib.sha256(snapshot.encode("utf-8", "surrogatepass")).digest()
    plain = _HEADER.pack(_MAGIC, shape.size_bytes, shape.block_size, name, 0)[: -_CRC.size]
    return plain + _CRC.pack(zlib.crc32(plain))


def _shape_of(header: bytes) -> tuple[int, int] | None:
    """Size and block size that a header names, None if it is not a sound one."""
    if len(header) != _HEADER.size:
        return None
    magic, size, block_size, _name, crc = _HEADER.unpack(header)
    return (size, block_size) if magic == _MAGIC and crc == zlib.crc32(header[: -_CRC.size]) else None


def _astuple(shape: TransferSpec) -> tuple[int, int]:
    return shape.size_bytes, shape.block_size
