"""Arithmetic of an image cut into blocks."""

from __future__ import annotations

from functools import lru_cache

from app.custody import merkle
from app.model import TransferSpec


def block_count(shape: TransferSpec) -> int:
    """Blocks of the image, a short last one included."""
    return merkle.block_count(shape.block_size, shape.size_bytes)


def block_length(shape: TransferSpec, index: int) -> int:
    """Bytes of that block in the image: the block size, or less for the last one."""
    return min(shape.block_size, shape.size_bytes - index * shape.block_size)


def blocks_bytes(shape: TransferSpec, blocks: int, last_included: bool) -> int:
    """Bytes of so many different blocks, given whether the image's last block is one of them."""
    missing = block_count(shape) * shape.block_size - shape.size_bytes
    return blocks * shape.block_size - (missing if last_included else 0)


@lru_cache(maxsize=8)
def zero_digest(length: int) -> bytes:
    """SHA-256 of that many zero bytes."""
    return merkle.zeros_digest(length)
