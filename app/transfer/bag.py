"""The evidence bag of a disk: BagIt 1.0 (RFC 8493), checkable with ``sha256sum -c`` alone.

Layout and fields: the custody log's format page, "Evidence bag of a disk". Every write is fsynced and may be
repeated: an interrupted seal is run again over what the first try left.
"""

from __future__ import annotations

import hashlib
import os
import stat
from collections.abc import Iterator
from pathlib import Path

import msgspec

from app import faults
from app.text import visible
from app.transfer.durable import sync_directory, write_durably
from app.transfer.hashing import ImageDigests, packed_blocks
from app.transfer.storage import IMAGE

BLOCKS = "blocks.tsv"
TAG_MANIFEST = "tagmanifest-sha256.txt"
_TAGS = ("bag-info.txt", "bagit.txt", BLOCKS, "manifest-sha256.txt")  # in the order of the tag manifest
_KNOWN = frozenset({*_TAGS, TAG_MANIFEST, IMAGE})
BAGIT = b"BagIt-Version: 1.0\nTag-File-Character-Encoding: UTF-8\n"
_VALUE_CAP = 1024
_LINES = 4096


class BagInfo(msgspec.Struct, frozen=True, kw_only=True):
    """What ``bag-info.txt`` says besides the digests' own figures. ``date`` is the bagging date, YYYY-MM-DD.

    Values may be hostile strings; they are made visible on one line.
    """

    organization: str
    item: str
    date: str
    case: str
    acquisition: str
    cloud: str
    account: str
    region: str
    source: str
    snapshot: str
    version: str


class FileDigest(msgspec.Struct, frozen=True, kw_only=True):
    """A file of the bag: its path in it, SHA-256 in hex, length in bytes."""

    of: str
    sha256: str
    bytes: int


class BagDigests(msgspec.Struct, frozen=True, kw_only=True):
    """What ``evidence.seal`` signs; ``image`` and ``blocks`` are of a disk's bag alone."""

    tag_manifest: FileDigest
    image: FileDigest | None
    blocks: FileDigest | None

    def custody(self) -> list[dict[str, str]]:
        """The ``digests`` member of the seal's result, stage ``rest``; byte counts are decimal strings."""
        return [
            {"of": file.of, "alg": "sha256", "hex": file.sha256, "bytes": str(file.bytes), "stage": "rest"}
            for file in (self.tag_manifest, self.image, self.blocks)
            if file is not None
        ]


def write_bag(partial: Path, info: BagInfo, digests: ImageDigests) -> BagDigests:
    """Write all tag files around ``data/disk.raw``.

    Broken when the image is missing or has another size, or something stands in the bag that does not belong
    there (symbolic links and stray files would be sealed with it); left-over ``.tmp`` files are removed.
    StorageFull when there is no room.
    """
    _sweep(partial)
    image = _file(partial / IMAGE)
    if image.st_size != digests.size_bytes:
        raise faults.Broken(
            f"{visible(partial / IMAGE)} has {image.st_size} bytes instead of {digests.size_bytes}", next=_NEXT
        )
    blocks = _write_blocks(partial, digests)
    if blocks != digests.data_blocks:
        raise faults.Broken(
            f"the block digests in {visible(digests.blocks_file)} are {blocks} instead of {digests.data_blocks}",
            next="hash the image again",
        )
    write_durably(partial / "bagit.txt", BAGIT)
    write_durably(partial / "bag-info.txt", _bag_info(info, digests))
    write_durably(partial / "manifest-sha256.txt", f"{digests.sha256}  {IMAGE}\n".encode())
    tags = {name: digest_of(partial, name) for name in _TAGS}
    write_durably(
        partial / TAG_MANIFEST, "".join(f"{tag.sha256}  {name}\n" for name, tag in tags.items()).encode()
    )
    _sync_image(partial)
    return BagDigests(
        tag_manifest=digest_of(partial, TAG_MANIFEST),
        image=FileDigest(of=IMAGE, sha256=digests.sha256, bytes=digests.size_bytes),
        blocks=tags[BLOCKS],
    )


def close_bag(partial: Path, final: Path) -> None:
    """Make the bag read-only (directories 0500, files 0400) and give it its final name, durably.

    Both lie in the same directory. A bag that already stands under its final name, from a seal that was
    interrupted after its rename, is only made read-only. Broken when both are there, or neither.
    """
    if partial.parent != final.parent:
        raise ValueError("a bag is closed within one directory")
    there = partial.is_dir() and not partial.is_symlink()
    if os.path.lexists(final):
        if there or final.is_symlink() or not final.is_dir():
            raise faults.Broken(f"{visible(final)} is in the way of the bag", next="see what made it; keep both")
        _read_only(final)
    else:
        if not there:
            raise faults.Broken(f"there is no bag {visible(partial)}", next=_NEXT)
        _read_only(partial)
        partial.rename(final)
    sync_directory(final.parent)


def _bag_info(info: BagInfo, digests: ImageDigests) -> bytes:
    fields = {
        "Source-Organization": info.organization,
        "External-Identifier": info.item,
        "Bagging-Date": info.date,
        "Payload-Oxum": f"{digests.size_bytes}.1",
        "Jumpbag-Case": info.case,
        "Jumpbag-Acquisition": info.acquisition,
        "Jumpbag-Cloud": info.cloud,
        "Jumpbag-Account": info.account,
        "Jumpbag-Region": info.region,
        "Jumpbag-Source": info.source,
        "Jumpbag-Snapshot": info.snapshot,
        "Jumpbag-Version": info.version,
        "Jumpbag-Block-Size": str(digests.block_size),
        "Jumpbag-Block-Count": str(digests.block_count),
        "Jumpbag-Block-Root": digests.root,
    }
    return "".join(f"{label}: {one_line(value)}\n" for label, value in fields.items()).encode("utf-8")


def one_line(text: str) -> str:
    """One line, however long: readers of RFC 8493 disagree about the blanks of a folded one."""
    return visible(text, cap=_VALUE_CAP).strip() or "-"


def _write_blocks(partial: Path, digests: ImageDigests) -> int:
    """``blocks.tsv``, streamed; returns its number of lines."""
    part = partial / (BLOCKS + ".tmp")
    count = 0
    fd = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    with os.fdopen(fd, "wb") as out:
        lines: list[str] = []
        for index, digest in packed_blocks(Path(digests.blocks_file)):
            lines.append(f"{index}\t{digest.hex()}\n")
            count += 1
            if len(lines) == _LINES:
                out.write("".join(lines).encode())
                lines.clear()
        out.write("".join(lines).encode())
        out.flush()
        os.fsync(out.fileno())
    part.replace(partial / BLOCKS)
    sync_directory(partial)
    return count


def entries(bag: Path) -> Iterator[tuple[str, os.DirEntry[str]]]:
    """Everything in the bag: path in it, entry. Symbolic links are not followed."""
    todo = [""]
    while todo:
        under = todo.pop()
        with os.scandir(bag / under) as found:
            for entry in found:
                name = f"{under}{entry.name}"
                yield name, entry
                if entry.is_dir(follow_symlinks=False):
                    todo.append(name + "/")


def _sweep(bag: Path) -> None:
    """Remove left-over temporary files; Broken for anything that is no part of a disk's bag."""
    for name, entry in list(entries(bag)):
        if entry.is_dir(follow_symlinks=False):
            fine = name == "data"
        elif entry.is_file(follow_symlinks=False) and name.endswith(".tmp"):
            (bag / name).unlink()
            fine = True
        else:
            fine = name in _KNOWN and entry.is_file(follow_symlinks=False)
        if not fine:
            raise faults.Broken(f"{visible(bag / name)} does not belong into an evidence bag", next=_NEXT)


def _file(path: Path) -> os.stat_result:
    try:
        found = path.lstat()
    except FileNotFoundError:
        raise faults.Broken(f"{visible(path)} is missing", next="resume the download") from None
    if not stat.S_ISREG(found.st_mode):
        raise faults.Broken(f"{visible(path)} is not a regular file", next=_NEXT)
    return found


def digest_of(bag: Path, name: str) -> FileDigest:
    with (bag / name).open("rb") as file:
        digest = hashlib.file_digest(file, "sha256")
        return FileDigest(of=name, sha256=digest.hexdigest(), bytes=file.tell())


def _sync_image(bag: Path) -> None:
    fd = os.open(bag / IMAGE, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)
    sync_directory(bag / "data")
    sync_directory(bag)


def _read_only(bag: Path) -> None:
    for name, entry in list(entries(bag)):
        if entry.is_symlink():
            raise faults.Broken(f"{visible(bag / name)} is a symbolic link", next=_NEXT)
        (bag / name).chmod(0o500 if entry.is_dir(follow_symlinks=False) else 0o400)
        if entry.is_dir(follow_symlinks=False):
            sync_directory(bag / name)
    bag.chmod(0o500)
    sync_directory(bag)


_NEXT = "see what put it there; nothing was sealed"
