"""SHA-256 of blocks by block index, in a sparse file, so that a 16 TiB disk costs no gigabyte of memory.

The file is derived from the journal and rebuilt on every start; it is never fsynced. A slot of
32 zero bytes is an unknown block: no known data has such a digest.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from pathlib import Path

_SLOT = 32
_NONE = bytes(_SLOT)
_CHUNK = 4096


class DigestMap:
    """A new, empty map at ``path``, which it replaces. In memory it keeps one bit per block (4 MiB for 16 TiB)."""

    def __init__(self, path: Path, blocks: int) -> None:
        path.unlink(missing_ok=True)
        self.blocks = blocks
        self._fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
        os.ftruncate(self._fd, blocks * _SLOT)
        self._bits = bytearray(blocks // 8 + 1)
        self._known = 0

    def __len__(self) -> int:
        return self._known

    def __contains__(self, index: int) -> bool:
        return bool(self._bits[index >> 3] & (1 << (index & 7)))

    def put(self, index: int, digest: bytes) -> bool:
        """Set the digest of a block; True if it had none before."""
        if len(digest) != _SLOT or not 0 <= index < self.blocks:
            raise ValueError(index)
        os.pwrite(self._fd, digest, index * _SLOT)
        if index in self:
            return False
        self._bits[index >> 3] |= 1 << (index & 7)
        self._known += 1
        return True

    def drop(self, index: int) -> None:
        """Forget a block."""
        if index in self:
            os.pwrite(self._fd, _NONE, index * _SLOT)
            self._bits[index >> 3] &= ~(1 << (index & 7))
            self._known -= 1

    def get(self, index: int) -> bytes | None:
        """The digest of a block, None if unknown."""
        return os.pread(self._fd, _SLOT, index * _SLOT) if index in self else None

    def items(self, first: int = 0, end: int | None = None) -> Iterator[tuple[int, bytes]]:
        """``(index, digest)`` of the known blocks from ``first`` up to but not including ``end``, ascending."""
        stop = self.blocks if end is None else min(end, self.blocks)
        at = first
        while at < stop:
            try:
                at = max(at, os.lseek(self._fd, at * _SLOT, os.SEEK_DATA) // _SLOT)
            except OSError as error:
                if error.errno == errno.ENXIO:  # only a hole follows
                    return
                raise
            if at >= stop:
                return
            data = os.pread(self._fd, min(_CHUNK, stop - at) * _SLOT, at * _SLOT)
            for offset in range(0, len(data), _SLOT):
                digest = data[offset : offset + _SLOT]
                if digest != _NONE:
                    yield at + offset // _SLOT, digest
            at += max(1, len(data) // _SLOT)

    def close(self) -> None:
        os.close(self._fd)
