"""Hashing an image at rest: one pass over the file for the whole-image SHA-256 and every block's own.

What was checked in transfer is here checked on the disk: each block against the journal, and that nothing
stands where nothing was downloaded. Holes are not read, but hashed as the zeros that they are.
"""

from __future__ import annotations

import errno
import fcntl
import hashlib
import os
import struct
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import msgspec

from app import faults
from app.custody.merkle import blocks_root
from app.model import TransferSpec
from app.text import visible
from app.transfer.digests import DigestMap
from app.transfer.shape import block_count, block_length, zero_digest

_RECORD = struct.Struct("<I32s")
_STRIDE = 8 * 1024 * 1024
_READ_RECORDS = 8192


class Stopped(Exception):
    """Hashing ended because it was asked to."""


class ImageDigests(msgspec.Struct, frozen=True, kw_only=True):
    """Digests of an image as it lies on disk; plain data, so that it can be a step's output.

    ``sha256`` is of the whole image, holes as zeros; ``root`` is the RFC 6962 root over all blocks' SHA-256:
    never call one the other. ``blocks_file`` is a packed file of ``u32 index, 32-byte digest`` of the
    ``data_blocks`` that are not wholly zero, ascending; the other ``block_count - data_blocks`` are holes.
    """

    sha256: str
    root: str
    size_bytes: int
    block_size: int
    block_count: int
    data_blocks: int
    blocks_file: str


def hash_image(
    image: Path,
    shape: TransferSpec,
    expected: DigestMap,
    on_progress: Callable[[int], None],
    stop: threading.Event,
    *,
    blocks_file: Path,
) -> ImageDigests:
    """Hash ``image``; run it in a thread. ``on_progress(bytes)`` is called from there, every 8 MiB or so.

    Broken, naming the block, when the image does not agree with ``expected`` (the journal's digests);
    Refused while a transfer still writes; Stopped after ``stop`` was set. ``blocks_file`` is written
    beside (outside the bag) and replaced.
    """
    part = blocks_file.with_name(blocks_file.name + ".tmp")
    fd = _open(image, shape)
    try:
        with part.open("wb") as out:
            walk = _Walk(fd, image, shape, expected, stop)
            count = 0
            with ThreadPoolExecutor(1, "whole-image-sha256") as second:
                for index, digest in walk.blocks(second, on_progress):
                    out.write(_RECORD.pack(index, digest))
                    count += 1
            out.flush()
            os.fsync(out.fileno())
        part.replace(blocks_file)
    finally:
        part.unlink(missing_ok=True)
        os.close(fd)
    blocks = block_count(shape)
    root = blocks_root(blocks, shape.block_size, shape.size_bytes, packed_blocks(blocks_file))
    return ImageDigests(
        sha256=walk.whole.hexdigest(),
        root=root.hex(),
        size_bytes=shape.size_bytes,
        block_size=shape.block_size,
        block_count=blocks,
        data_blocks=count,
        blocks_file=str(blocks_file),
    )


def packed_blocks(path: Path) -> Iterator[tuple[int, bytes]]:
    """``(index, digest)`` of the blocks that are not holes, as :func:`hash_image` left them."""
    with path.open("rb") as file:
        while chunk := file.read(_READ_RECORDS * _RECORD.size):
            if len(chunk) % _RECORD.size:
                raise faults.Broken(f"{visible(path)} is cut short", next="hash the image again")
            yield from _RECORD.iter_unpack(chunk)


class _Walk:
    """One pass. The whole-image hash runs in a second thread: hashlib lets the interpreter go meanwhile."""

    def __init__(
        self, fd: int, image: Path, shape: TransferSpec, expected: DigestMap, stop: threading.Event
    ) -> None:
        self._fd = fd
        self._image = image
        self._shape = shape
        self._expected = expected
        self._stop = stop
        self._stride = max(1, _STRIDE // shape.block_size)  # in blocks
        self._data_at = 0  # no data between here and where we are
        self.whole = hashlib.sha256()

    def blocks(
        self, second: ThreadPoolExecutor, on_progress: Callable[[int], None]
    ) -> Iterator[tuple[int, bytes]]:
        buffer = bytearray(min(self._stride * self._shape.block_size, self._shape.size_bytes))
        zeros = bytes(len(buffer))
        count = block_count(self._shape)
        for first in range(0, count, self._stride):
            if self._stop.is_set():
                raise Stopped
            end = min(first + self._stride, count)
            start = first * self._shape.block_size
            size = min(end * self._shape.block_size, self._shape.size_bytes) - start
            if self._next_data(start) >= start + size:
                self._expect_zeros(first, end)
                self.whole.update(memoryview(zeros)[:size])
            else:
                view = memoryview(buffer)[:size]
                if os.preadv(self._fd, [view], start) != size:
                    raise faults.Broken(
                        f"{visible(self._image)} could not be read whole at byte {start}", next=_NEXT
                    )
                pending = second.submit(self.whole.update, view)
                found = list(self._read_blocks(first, end, view))
                pending.result()
                yield from found
            on_progress(start + size)

    def _read_blocks(self, first: int, end: int, view: memoryview) -> Iterator[tuple[int, bytes]]:
        at = 0
        for index in range(first, end):
            length = block_length(self._shape, index)
            digest = hashlib.sha256(view[at : at + length]).digest()
            at += length
            zero = digest == zero_digest(length)
            expected = self._expected.get(index)
            if expected is None and not zero:
                raise self._broken(index, "holds data where none was downloaded")
            if expected is not None and expected != digest:
                raise self._broken(index, "is not what was downloaded")
            if not zero:
                yield index, digest

    def _expect_zeros(self, first: int, end: int) -> None:
        for index, digest in self._expected.items(first, end):
            if digest != zero_digest(block_length(self._shape, index)):
                raise self._broken(index, "is a hole, but data was downloaded for it")

    def _next_data(self, offset: int) -> int:
        """Where data next stands at or after ``offset``."""
        if self._data_at <= offset:
            try:
                self._data_at = os.lseek(self._fd, offset, os.SEEK_DATA)
            except OSError as error:
                if error.errno != errno.ENXIO:
                    raise
                self._data_at = self._shape.size_bytes
        return self._data_at

    def _broken(self, index: int, what: str) -> faults.Broken:
        where = f"block {index} (byte offset {index * self._shape.block_size})"
        return faults.Broken(f"{where} of {visible(self._image)} {what}", next=_NEXT)


def _open(image: Path, shape: TransferSpec) -> int:
    try:
        fd = os.open(image, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
    except OSError as error:
        raise faults.Broken(
            f"{visible(image)} cannot be opened: {os.strerror(error.errno or 0)}", next=_NEXT
        ) from None
    try:
        fcntl.flock(fd, fcntl.LOCK_SH | fcntl.LOCK_NB)
        size = os.fstat(fd).st_size
        if size != shape.size_bytes:
            raise faults.Broken(f"{visible(image)} has {size} bytes instead of {shape.size_bytes}", next=_NEXT)
    except BlockingIOError:
        os.close(fd)
        raise faults.Refused(
            f"{visible(image)} is still being written", next="wait for the transfer to end"
        ) from None
    except BaseException:
        os.close(fd)
        raise
    return fd


_NEXT = "do not seal it; check the evidence volume and download again"
