"""The block index on disk: which blocks are allocated, and the token that fetches each.

A listing is streamed into the file page by page, so memory does not grow with the disk but for eight bytes per
run of 16 blocks (17 MiB for 16 TiB in 512 KiB blocks). Layout, little endian: the magic; records
``u32 index, u16 length, token``; the offset of every run as u64; a footer with counts. A file without
its footer was never finished and is not opened. Tokens change with every listing, so a file is replaced,
never amended.
"""

from __future__ import annotations

import os
import struct
from array import array
from collections.abc import Iterable
from pathlib import Path
from types import TracebackType

from app import faults
from app.model import TransferSpec
from app.transfer.shape import block_count

RUN = 16
TOKEN_CAP = 1024
"""Longest token in bytes; EBS's have at most 256 (EBS direct API reference, data type Block)."""

_MAGIC = b"jumpbag-index/1\n"
_RECORD = struct.Struct("<IH")
_FOOTER = struct.Struct("<QQQ16s")  # records, start of the run table, runs, the magic again
_OFFSET = struct.Struct("<Q")
_SPILL = 1024 * 1024


class IndexWriter:
    """Takes pages in order and checks them; the file stands under its name only after :meth:`finish`.

    Use as a context manager: left without ``finish`` it removes what it wrote.
    """

    def __init__(self, path: Path, shape: TransferSpec) -> None:
        self._path = path
        self._part = path.with_name(path.name + ".tmp")
        flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW | os.O_CLOEXEC
        self._file = os.fdopen(os.open(self._part, flags, 0o600), "wb", buffering=_SPILL)
        self._file.write(_MAGIC)
        self._at = len(_MAGIC)
        self._limit = block_count(shape)
        self._last = -1
        self._runs = array("Q")
        self._finished = False
        self.count = 0

    @property
    def last(self) -> int:
        """The highest index so far, -1 before the first."""
        return self._last

    def add(self, blocks: Iterable[tuple[int, str]]) -> None:
        """Append a page. Untrusted when an index descends, repeats or is out of range, or a token is not sane."""
        for index, token in blocks:
            if index <= self._last:
                raise faults.Untrusted(
                    f"the block listing goes back from block {self._last} to {index}", next=_NEXT
                )
            if index >= self._limit:
                raise faults.Untrusted(
                    f"the block listing names block {index}, but the disk has only {self._limit}", next=_NEXT
                )
            raw = token.encode("utf-8", "surrogatepass")
            if not 0 < len(raw) <= TOKEN_CAP or not token.isascii():
                raise faults.Untrusted(
                    f"the block listing has an impossible token for block {index} ({len(raw)} bytes)", next=_NEXT
                )
            if self.count % RUN == 0:
                self._runs.append(self._at)
            self._file.write(_RECORD.pack(index, len(raw)))
            self._file.write(raw)
            self._at += _RECORD.size + len(raw)
            self._last = index
            self.count += 1

    def finish(self) -> BlockIndex:
        """Write the run table and footer, put the file in place and open it."""
        table = self._at
        for offset in self._runs:
            self._file.write(_OFFSET.pack(offset))
        self._file.write(_FOOTER.pack(self.count, table, len(self._runs), _MAGIC))
        self._file.close()
        self._part.replace(self._path)
        self._finished = True
        return BlockIndex(self._path)

    def __enter__(self) -> IndexWriter:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if not self._finished:
            self._file.close()
            self._part.unlink(missing_ok=True)


class BlockIndex:
    """A finished index, read run by run with pread. Broken when the file is not one."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._fd = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
        try:
            size = os.fstat(self._fd).st_size
            footer = os.pread(self._fd, _FOOTER.size, max(0, size - _FOOTER.size))
            if len(footer) != _FOOTER.size or os.pread(self._fd, len(_MAGIC), 0) != _MAGIC:
                raise self._broken()
            self.count, self._table, self.runs, magic = _FOOTER.unpack(footer)
            whole = self._table + self.runs * _OFFSET.size + _FOOTER.size
            if magic != _MAGIC or whole != size or self.runs != -(-self.count // RUN):
                raise self._broken()
        except BaseException:
            os.close(self._fd)
            raise

    def _broken(self) -> faults.Broken:
        return faults.Broken(f"the block index {self._path.name} is damaged", next="list the blocks again")

    def run(self, number: int) -> list[tuple[int, str]]:
        """The blocks of run ``number`` (0 … runs - 1): at most 16 of ``(index, token)``, ascending."""
        if not 0 <= number < self.runs:
            raise IndexError(number)
        pair = os.pread(self._fd, 2 * _OFFSET.size, self._table + number * _OFFSET.size)
        start = _OFFSET.unpack_from(pair)[0]
        end = _OFFSET.unpack_from(pair, _OFFSET.size)[0] if number + 1 < self.runs else self._table
        if not len(_MAGIC) <= start < end <= self._table or end - start > RUN * (_RECORD.size + TOKEN_CAP):
            raise self._broken()
        data = os.pread(self._fd, end - start, start)
        blocks: list[tuple[int, str]] = []
        at = 0
        while at + _RECORD.size <= len(data):
            index, length = _RECORD.unpack_from(data, at)
            at += _RECORD.size
            blocks.append((index, data[at : at + length].decode("ascii", "replace")))
            at += length
        if at != len(data) or len(blocks) != min(RUN, self.count - number * RUN):
            raise self._broken()
        return blocks

    def close(self) -> None:
        os.close(self._fd)


_NEXT = "check the snapshot and the endpoint; the answer was not used"
