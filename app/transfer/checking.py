"""Looking again at blocks that an earlier run wrote: the journal says so, the image must agree."""

from __future__ import annotations

import asyncio
import hashlib
import os
import threading
from collections.abc import Callable
from typing import TypeVar

from app.model import TransferSpec
from app.transfer.digests import DigestMap
from app.transfer.shape import block_length

T = TypeVar("T")


def check_blocks(
    image_fd: int,
    shape: TransferSpec,
    known: DigestMap,
    stop: threading.Event,
    on_progress: Callable[[int, int], None],
) -> list[int]:
    """Hash every known block in the image and forget those that do not match; returns their indexes.

    ``on_progress(blocks, bytes)`` is called after each block, in this thread. Returns early when stopped.
    """
    wrong: list[int] = []
    buffer = bytearray(shape.block_size)
    size = 0
    for done, (index, digest) in enumerate(known.items(), 1):
        if stop.is_set():
            break
        length = block_length(shape, index)
        view = memoryview(buffer)[:length]
        got = os.preadv(image_fd, [view], index * shape.block_size)
        if got != length or hashlib.sha256(view).digest() != digest:
            known.drop(index)
            wrong.append(index)
        size += length
        on_progress(done, size)
    return wrong


async def in_thread(work: Callable[[threading.Event], T]) -> T:
    """Run ``work`` in a thread. Cancelled, it sets the event, waits for the thread to end, and passes it on."""
    stop = threading.Event()
    task = asyncio.ensure_future(asyncio.to_thread(work, stop))
    try:
        return await asyncio.shield(task)
    except asyncio.CancelledError:
        stop.set()
        await asyncio.wait({task})
        if not task.cancelled():
            task.exception()  # the cancellation is what counts
        raise
