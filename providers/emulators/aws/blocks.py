"""The 512 KiB blocks of a raw image, sparse ones left out."""

from __future__ import annotations

import errno
import hashlib
import os
from collections.abc import Iterator
from pathlib import Path

BLOCK = 524288
GIB = 2**30
_ZEROS = bytes(BLOCK)


class BlockImage:
    """An image as EBS direct serves it. ``path`` None is a blank disk.

    Every block is 524,288 bytes; what the file lacks at its end reads as zeros. ``names`` are the names under
    which faults know the disk. The file must not change while it is served: a read raises OSError if it did.
    """

    def __init__(self, path: Path | None, size_gib: int, names: tuple[str, ...], writable: bool = False) -> None:
        self.size_gib = size_gib
        self.count = size_gib * (GIB // BLOCK)
        self.names = names
        self.writable = writable
        self._file = (
            None if path is None else os.open(path, (os.O_RDWR if writable else os.O_RDONLY) | os.O_CLOEXEC)
        )
        self._stamp = self._stat()
        self._digests: dict[int, bytes] = {}

    def _stat(self) -> tuple[int, int]:
        if self._file is None:
            return 0, 0
        stat = os.fstat(self._file)
        return stat.st_size, stat.st_mtime_ns

    def seal(self) -> None:
        """No more writes: from now on the content does not change."""
        self.writable = False
        self._stamp = self._stat()

    def allocated(self, start: int) -> Iterator[int]:
        """Indexes of blocks with data from ``start`` on, ascending (the file system's own map of holes)."""
        if self._file is None:
            return
        index, offset = start, start * BLOCK
        while True:
            try:
                data = os.lseek(self._file, offset, os.SEEK_DATA)
            except OSError as error:
                if error.errno == errno.ENXIO:
                    return
                raise
            end = os.lseek(self._file, data, os.SEEK_HOLE)
            index = max(index, data // BLOCK)
            while index * BLOCK < end and index < self.count:
                yield index
                index += 1
            offset = max(end, index * BLOCK)

    def read(self, index: int) -> bytes:
        """One block; OSError if the file was changed since it was opened."""
        if self._file is None:
            return _ZEROS
        if not self.writable and self._stat() != self._stamp:
            raise OSError("the image was changed while it was served")
        data = os.pread(self._file, BLOCK, index * BLOCK)
        return data if len(data) == BLOCK else data + bytes(BLOCK - len(data))

    def digest(self, index: int, data: bytes) -> bytes:
        """SHA-256 of a block that was read, remembered while the content cannot change."""
        found = self._digests.get(index)
        if found is None:
            found = hashlib.sha256(data).digest()
            if not self.writable:
                if len(self._digests) >= 262144:
                    self._digests.clear()
                self._digests[index] = found
        return found

    def write(self, index: int, data: bytes) -> None:
        assert self._file is not None and self.writable
        os.pwrite(self._file, data, index * BLOCK)

    def close(self) -> None:
        if self._file is not None:
            os.close(self._file)
            self._file = None
