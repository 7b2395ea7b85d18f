"""One pass over a disk image: its SHA-256, the digests of its blocks, and that ``blocks.tsv`` says the same."""

from __future__ import annotations

import errno
import hashlib
import os
import re
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import chain

from app.custody.body import SEALED_BLOCKS, SEALED_IMAGE
from app.custody.disk import PIECE, CannotRead, Wrong, pieces
from app.custody.line import LineReader
from app.custody.merkle import block_count, blocks_root

_ROW = re.compile(rb"(0|[1-9][0-9]{0,18})\t([0-9a-f]{64})")
_ZEROS = bytes(PIECE)
_AHEAD = 4


Row = tuple[int, bytes]
"""A block's index and its SHA-256."""
Differs = Callable[[str, int | None], None]
"""``(what is wrong, index of the block that differs)``, in ascending order; None where a line of ``blocks.tsv`` is
none, and those after it are not read. What it raises ends the pass and reaches the caller."""


def check_image(
    image: int,
    size: int,
    block_size: int,
    table: int,
    progress: Callable[[str, int, int], None] | None,
    differs: Differs,
) -> tuple[str, str]:
    """The hex SHA-256 of the first ``size`` bytes of the image and the hex root over their blocks.

    ``differs`` is called where ``blocks.tsv`` does not list exactly the blocks that are not wholly zero, with
    their digests.
    """
    whole = _Follower()
    with whole:
        blocks = _compared(_rows(table, differs), _digests(image, size, block_size, whole, progress), differs)
        root = blocks_root(block_count(block_size, size), block_size, size, blocks)
        return whole.hexdigest(), root.hex()


def _compared(rows: Iterator[Row], blocks: Iterator[Row], differs: Differs) -> Iterator[Row]:
    """The blocks as they are, each held against its row."""
    row: Row | None = None
    for index, digest in blocks:
        row = row or next(rows, None)
        while row is not None and row[0] < index:
            differs(_listed(row), row[0])
            row = next(rows, None)
        if row is None or row[0] > index:
            differs(f"{SEALED_BLOCKS} does not list block {index}, which is not zero", index)
        else:
            if row[1] != digest:
                differs(f"{SEALED_IMAGE}: block {index} does not have the SHA-256 of {SEALED_BLOCKS}", index)
            row = None
        yield index, digest
    for left in chain([row] if row else [], rows):
        differs(_listed(left), left[0])


def _listed(row: Row) -> str:
    return f"{SEALED_BLOCKS} lists block {row[0]}, which is wholly zero or not in the image"


class _Follower:
    """SHA-256 of everything fed to it, on a thread beside: hashlib lets go of the interpreter lock."""

    def __init__(self) -> None:
        self._digest = hashlib.sha256()
        self._thread = ThreadPoolExecutor(1, "image-sha256")
        self._under_way: list[Future[None]] = []

    def __enter__(self) -> None:
        return None

    def __exit__(self, *_: object) -> None:
        self._thread.shutdown(cancel_futures=True)

    def feed(self, piece: bytes) -> None:
        self._under_way.append(self._thread.submit(self._digest.update, piece))
        if len(self._under_way) > _AHEAD:
            self._under_way.pop(0).result()

    def hexdigest(self) -> str:
        for update in self._under_way:
            update.result()
        return self._digest.hexdigest()


def _rows(table: int, differs: Differs) -> Iterator[Row]:
    reader, last = LineReader(), -1
    for piece in pieces(table, 0, os.fstat(table).st_size):
        for line in reader.feed(piece):
            row = _ROW.fullmatch(line.data or b"")
            if row is None:
                differs(f"{SEALED_BLOCKS}: line {line.number} is not an index, a tab and a SHA-256", None)
                return
            index = int(row[1])
            if index <= last:
                differs(f"{SEALED_BLOCKS}: line {line.number} does not ascend", None)
                return
            last = index
            yield index, bytes.fromhex(row[2].decode("ascii"))
    if reader.tail_size:
        differs(f"{SEALED_BLOCKS} does not end in a line feed", None)


def _digests(
    image: int, size: int, block_size: int, whole: _Follower, progress: Callable[[str, int, int], None] | None
) -> Iterator[Row]:
    """``(index, digest)`` of every block that is not wholly zero, while the whole is hashed beside."""
    position = 0
    for start, end in _data(image, size):
        # A block is looked at whole, so data regions widen to block boundaries.
        start = max(position, start - start % block_size)
        end = min(size, end + -end % block_size)
        for piece in _zeros(start - position):
            whole.feed(piece)
            position += len(piece)
            if progress:
                progress(SEALED_IMAGE, position, size)
        while position < end:
            digest, blank, index = hashlib.sha256(), True, position // block_size
            stop = min(position + block_size, size)
            for piece in pieces(image, position, stop):
                whole.feed(piece)
                digest.update(piece)
                blank = blank and piece == (_ZEROS if len(piece) == PIECE else _ZEROS[: len(piece)])
                position += len(piece)
                if progress:
                    progress(SEALED_IMAGE, position, size)
            if position != stop:
                raise Wrong(f"{SEALED_IMAGE} grew shorter while it was read")
            if not blank:
                yield index, digest.digest()
    for piece in _zeros(size - position):
        whole.feed(piece)
        position += len(piece)
        if progress:
            progress(SEALED_IMAGE, position, size)


def _zeros(count: int) -> Iterator[bytes]:
    while count > 0:
        yield _ZEROS[: min(count, PIECE)]
        count -= PIECE


def _data(image: int, size: int) -> Iterator[tuple[int, int]]:
    """The regions of the file that are not holes, ascending; the whole file where that cannot be asked."""
    position = 0
    while position < size:
        try:
            start = os.lseek(image, position, os.SEEK_DATA)
            end = os.lseek(image, start, os.SEEK_HOLE)
        except OSError as error:
            if error.errno == errno.ENXIO:  # nothing but a hole up to the end
                return
            if error.errno != errno.EINVAL:
                raise CannotRead(error.strerror or "it cannot be read") from None
            start, end = position, size
        yield start, min(end, size)
        position = end
