"""RFC 6962 Merkle trees, streaming.

A tree keeps one hash for each set bit of its size (O(log n) state). Runs of equal leaves, the holes of a
disk, are appended in O(log n) by whole subtrees.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable

_ZERO_PIECE = bytes(1 << 20)


def leaf_hash(data: bytes) -> bytes:
    """RFC 6962 §2.1: SHA-256(0x00 ‖ data)."""
    return hashlib.sha256(b"\x00" + data).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """RFC 6962 §2.1: SHA-256(0x01 ‖ left ‖ right)."""
    return hashlib.sha256(b"\x01" + left + right).digest()


def zeros_digest(size: int) -> bytes:
    """SHA-256 of ``size`` zero bytes."""
    digest = hashlib.sha256()
    whole, rest = divmod(size, len(_ZERO_PIECE))
    for _ in range(whole):
        digest.update(_ZERO_PIECE)
    digest.update(_ZERO_PIECE[:rest])
    return digest.digest()


class Tree:
    """A Merkle tree that only grows."""

    def __init__(self) -> None:
        self._peaks: list[tuple[int, bytes]] = []  # (height, hash), heights strictly falling
        self._size = 0

    @property
    def size(self) -> int:
        """The number of leaves."""
        return self._size

    def append(self, data: bytes) -> None:
        """Add one leaf by its data."""
        self.append_hash(leaf_hash(data))

    def append_hash(self, leaf: bytes) -> None:
        """Add one leaf by its leaf hash."""
        self._push(0, leaf)

    def append_run(self, subtrees: Run, count: int) -> None:
        """Add ``count`` equal leaves, O(log n)."""
        left = count
        while left:
            # The tallest subtree that starts at the present size and is not longer than what is left.
            aligned = (self._size & -self._size).bit_length() - 1 if self._size else left.bit_length() - 1
            height = min(aligned, left.bit_length() - 1)
            self._push(height, subtrees.at(height))
            left -= 1 << height

    def root(self) -> bytes:
        """The root over all leaves so far; of no leaf, SHA-256 of nothing."""
        if not self._peaks:
            return hashlib.sha256(b"").digest()
        root = self._peaks[-1][1]
        for _, peak in reversed(self._peaks[:-1]):
            root = node_hash(peak, root)
        return root

    def _push(self, height: int, subtree: bytes) -> None:
        self._size += 1 << height
        peaks = self._peaks
        while peaks and peaks[-1][0] == height:
            subtree = node_hash(peaks.pop()[1], subtree)
            height += 1
        peaks.append((height, subtree))


class Run:
    """The perfect subtrees over one repeated leaf, made once each."""

    def __init__(self, data: bytes) -> None:
        self._heights = [leaf_hash(data)]

    def at(self, height: int) -> bytes:
        """The hash of the subtree of ``2**height`` such leaves."""
        while len(self._heights) <= height:
            last = self._heights[-1]
            self._heights.append(node_hash(last, last))
        return self._heights[height]


def block_count(block_size: int, size_bytes: int) -> int:
    """How many blocks an image of that size has; the last one may be short."""
    return -(-size_bytes // block_size)


def blocks_root(count: int, block_size: int, size_bytes: int, digests: Iterable[tuple[int, bytes]]) -> bytes:
    """The root over all blocks' 32-byte SHA-256 digests.

    ``digests`` holds ``(index, digest)`` of the blocks that are not holes, ascending; every other block is a
    hole, whose digest is that of as many zeros. ValueError if the count does not fit the size or an index
    descends or is out of range.
    """
    if block_size < 1 or size_bytes < 0 or count != block_count(block_size, size_bytes):
        raise ValueError(f"{count} blocks of {block_size} bytes do not make {size_bytes} bytes")
    tree = Tree()
    full = size_bytes // block_size
    hole = Run(zeros_digest(block_size)) if full else None

    def holes_up_to(index: int) -> None:
        whole = min(index, full) - tree.size
        if hole is not None and whole > 0:
            tree.append_run(hole, whole)
        if index > full and tree.size == full:
            tree.append(zeros_digest(size_bytes - full * block_size))

    for index, digest in digests:
        if not tree.size <= index < count:
            raise ValueError(f"block index {index} is out of order or not below {count}")
        if len(digest) != 32:
            raise ValueError(f"the digest of block {index} is not 32 bytes long")
        holes_up_to(index)
        tree.append(digest)
    holes_up_to(count)
    return tree.root()
