"""Checking one BagIt 1.0 bag: its manifests, its image, the blocks of the image and their root.

The image is read once: that pass yields its SHA-256, the digest of every block, and which blocks are holes.
Sources: RFC 8493 (BagIt), RFC 6962 (the root over the blocks).
"""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from app.custody.blocks import check_image
from app.custody.body import SEALED_BLOCKS, SEALED_IMAGE, SEALED_TAGS, is_hex64
from app.custody.disk import CannotRead, Wrong, kind_of, open_file, pieces, read_small, walk
from app.text import visible

Progress = Callable[[str, int, int], None]
"""``(what is read, bytes done, bytes in all)``, called at least once for each MiB that is hashed. What it raises
ends the reading and reaches the caller."""

MANIFEST = "manifest-sha256.txt"
INFO = "bag-info.txt"
_BAGIT = "bagit.txt"
_OTHER_MANIFEST = re.compile(r"(tag)?manifest-[^/]*\.txt")
_SMALL = 1 << 20
_MANIFEST_LIMIT = 256 << 20
_DATE = re.compile(r"[0-9]{4}-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])")
_OXUM = re.compile(r"(0|[1-9][0-9]{0,18})\.(0|[1-9][0-9]{0,18})")
_NUMBER = re.compile(r"0|[1-9][0-9]{0,18}")

LABELS = ("Source-Organization", "External-Identifier", "Bagging-Date", "Payload-Oxum")
"""What ``bag-info.txt`` of every bag has."""

IMAGE_LABELS = tuple(
    f"Jumpbag-{name}"
    for name in [
        "Case",
        "Acquisition",
        "Cloud",
        "Account",
        "Region",
        "Source",
        "Snapshot",
        "Version",
        "Block-Size",
        "Block-Count",
        "Block-Root",
    ]
)
"""What it has besides in the bag of a disk."""


@dataclass(slots=True)
class BagReport:
    """What a sound bag holds. ``digests`` maps files to (hex, bytes), ``info`` the labels of bag-info.txt.

    ``ignored``: files whose names end in ``.tmp``, which are not of the bag and were not read.
    """

    digests: dict[str, tuple[str, int]] = field(default_factory=dict)
    info: dict[str, str] = field(default_factory=dict)
    ignored: list[str] = field(default_factory=list)

    @property
    def warnings(self) -> list[str]:
        """What is no fault, and worth knowing."""
        return [f"the temporary file {visible(name)} is ignored" for name in self.ignored]

    @property
    def image(self) -> bool:
        """Whether it is the bag of a disk."""
        return SEALED_IMAGE in self.digests


def check_bag(path: Path, *, progress: Progress | None = None) -> str | None:
    """What is wrong with the bag, None if nothing is. CannotRead if it could not be read."""
    try:
        inspect_bag(path, progress=progress)
    except Wrong as error:
        return str(error)
    return None


def inspect_bag(path: Path, *, progress: Progress | None = None) -> BagReport:
    """Check every byte of a bag. Wrong names the file and what is wrong with it; CannotRead likewise."""
    report = BagReport()
    tags, payload, empty = _files(path, report)
    _declaration(_named(path, _BAGIT))
    manifest = _manifest(path, MANIFEST)
    tag_manifest = _manifest(path, SEALED_TAGS)
    _same_files(MANIFEST, manifest, payload)
    _same_files(SEALED_TAGS, tag_manifest, tags - {SEALED_TAGS})
    if empty:
        raise Wrong(f"{visible(min(empty))} is an empty directory")
    if not payload:
        raise Wrong("data is missing")
    report.info = read_info(_named(path, INFO))
    for name in sorted(tag_manifest):
        _file(path, name, tag_manifest[name], report, progress)
    report.digests[SEALED_TAGS] = _digest(path, SEALED_TAGS, progress)
    image = SEALED_IMAGE in payload
    if image != (SEALED_BLOCKS in tags):
        raise Wrong(f"{SEALED_BLOCKS} is missing" if image else f"{SEALED_BLOCKS} stands beside no {SEALED_IMAGE}")
    for name in sorted(payload - {SEALED_IMAGE}):
        _file(path, name, manifest[name], report, progress)
    _labels(report.info, image)
    if image:
        report.digests[SEALED_IMAGE] = _image(path, manifest[SEALED_IMAGE], report.info, progress)
    sizes = [report.digests[name][1] for name in payload]
    if report.info["Payload-Oxum"] != f"{sum(sizes)}.{len(sizes)}":
        raise Wrong(f"{INFO}: Payload-Oxum is not {sum(sizes)}.{len(sizes)}")
    return report


def read_info(data: bytes) -> dict[str, str]:
    """The labels of ``bag-info.txt``; Wrong if a line is none or a label stands twice."""
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError:
        raise Wrong(f"{INFO} is not UTF-8") from None
    info: dict[str, str] = {}
    label = ""
    for line in text.removesuffix("\n").split("\n"):
        line = line.removesuffix("\r")
        if line[:1] in (" ", "\t") and label:
            info[label] += " " + line.strip()
            continue
        label, colon, value = line.partition(":")
        if not colon or not label or label != label.strip():
            raise Wrong(f"{INFO}: a line is no label and value")
        if label in info and (label in LABELS or label in IMAGE_LABELS):
            raise Wrong(f"{INFO}: {label} stands twice")
        info[label] = value.strip()
    return info


def _files(path: Path, report: BagReport) -> tuple[set[str], set[str], set[str]]:
    """Tag files, payload files and empty directories. Links and special files are wrong."""
    tags: set[str] = set()
    payload: set[str] = set()
    empty: set[str] = set()
    for name, kind in walk(path):
        if kind == "link":
            raise Wrong(f"{visible(name)} is a symbolic link")
        if kind == "dir":
            empty.add(name)
        elif kind != "file":
            raise Wrong(f"{visible(name)} is not a regular file")
        elif name.endswith(".tmp"):
            report.ignored.append(name)
            continue
        else:
            (payload if name.startswith("data/") else tags).add(name)
        parent = name.rpartition("/")[0]
        empty.discard(parent)
    if "fetch.txt" in tags:
        raise Wrong("fetch.txt: the bag is not complete")
    for name in tags - {MANIFEST, SEALED_TAGS}:
        if _OTHER_MANIFEST.fullmatch(name):
            raise Wrong(f"{visible(name)} is a manifest that is not known here")
    for name in (_BAGIT, INFO, MANIFEST, SEALED_TAGS):
        if name not in tags:
            raise Wrong(f"{name} is missing")
    return tags, payload, empty


def _named(path: Path, name: str, limit: int = _SMALL) -> bytes:
    try:
        return read_small(path / name, limit)
    except Wrong as error:
        raise Wrong(f"{name}: {error}") from None
    except CannotRead as error:
        raise CannotRead(f"{name}: {error}") from None


def _declaration(data: bytes) -> None:
    lines = data.replace(b"\r\n", b"\n").removesuffix(b"\n").split(b"\n")
    if lines != [b"BagIt-Version: 1.0", b"Tag-File-Character-Encoding: UTF-8"]:
        raise Wrong(f"{_BAGIT} does not declare BagIt 1.0 in UTF-8")


def _manifest(path: Path, name: str) -> dict[str, str]:
    """Path to digest. Only what ``sha256sum -c`` and BagIt read alike is accepted."""
    entries: dict[str, str] = {}
    data = _named(path, name, _MANIFEST_LIMIT)
    if data and not data.endswith(b"\n"):
        raise Wrong(f"{name} does not end in a line feed")
    for number, line in enumerate(data.split(b"\n")[:-1], 1):
        try:
            text = line.decode("utf-8")
        except UnicodeDecodeError:
            raise Wrong(f"{name}: line {number} is not UTF-8") from None
        digest, gap, entry = text[:64], text[64:66], text[66:]
        if not is_hex64(digest) or gap != "  " or not entry:
            raise Wrong(f"{name}: line {number} is not a SHA-256, two blanks and a path")
        parts = entry.split("/")
        if entry == "-" or not {"", ".", ".."}.isdisjoint(parts) or re.search(r"[\x00-\x1f\x7f%\\]", entry):
            raise Wrong(f"{name}: line {number} names a path that no bag may hold")
        if entry in entries:
            raise Wrong(f"{name}: {visible(entry)} stands twice")
        entries[entry] = digest
    return entries


def _same_files(manifest: str, listed: dict[str, str], found: set[str]) -> None:
    missing, extra = listed.keys() - found, found - listed.keys()
    if missing:
        raise Wrong(f"{visible(min(missing))} is missing")
    if extra:
        raise Wrong(f"{visible(min(extra))} is not in {manifest}")


def _digest(path: Path, name: str, progress: Progress | None) -> tuple[str, int]:
    try:
        descriptor = open_file(path / name)
    except Wrong as error:
        raise Wrong(f"{visible(name)}: {error}") from None
    except CannotRead as error:
        raise CannotRead(f"{visible(name)}: {error}") from None
    digest, done = hashlib.sha256(), 0
    try:
        size = os.fstat(descriptor).st_size
        for piece in pieces(descriptor, 0, size):
            digest.update(piece)
            done += len(piece)
            if progress:
                progress(name, done, size)
    except CannotRead as error:
        raise CannotRead(f"{visible(name)}: {error}") from None
    finally:
        os.close(descriptor)
    return digest.hexdigest(), done


def _file(path: Path, name: str, expected: str, report: BagReport, progress: Progress | None) -> None:
    report.digests[name] = found = _digest(path, name, progress)
    if found[0] != expected:
        raise Wrong(f"{visible(name)} does not have the SHA-256 of its manifest")


def _labels(info: dict[str, str], image: bool) -> None:
    for label in LABELS + (IMAGE_LABELS if image else ()):
        if label not in info:
            raise Wrong(f"{INFO}: {label} is missing")
    if not _DATE.fullmatch(info["Bagging-Date"]):
        raise Wrong(f"{INFO}: Bagging-Date is not YYYY-MM-DD")
    if not _OXUM.fullmatch(info["Payload-Oxum"]):
        raise Wrong(f"{INFO}: Payload-Oxum is not bytes.files")
    if not image:
        return
    for label in ("Jumpbag-Block-Size", "Jumpbag-Block-Count"):
        if not _NUMBER.fullmatch(info[label]):
            raise Wrong(f"{INFO}: {label} is not a decimal number")
    if int(info["Jumpbag-Block-Size"]) < 1:
        raise Wrong(f"{INFO}: Jumpbag-Block-Size is 0")
    if not is_hex64(info["Jumpbag-Block-Root"]):
        raise Wrong(f"{INFO}: Jumpbag-Block-Root is not 64 hex digits")


def _image(path: Path, expected: str, info: dict[str, str], progress: Progress | None) -> tuple[str, int]:
    block_size, count = int(info["Jumpbag-Block-Size"]), int(info["Jumpbag-Block-Count"])
    image = table = -1
    try:
        image, table = open_file(path / SEALED_IMAGE), open_file(path / SEALED_BLOCKS)
        size = os.fstat(image).st_size
        if count != -(-size // block_size):
            raise Wrong(f"{INFO}: Jumpbag-Block-Count is not {-(-size // block_size)}")
        digest, root = check_image(image, size, block_size, table, progress)
    except CannotRead as error:
        raise CannotRead(f"{SEALED_IMAGE} with {SEALED_BLOCKS}: {error}") from None
    finally:
        for descriptor in (image, table):
            if descriptor >= 0:
                os.close(descriptor)
    if digest != expected:
        raise Wrong(f"{SEALED_IMAGE} does not have the SHA-256 of its manifest")
    if root != info["Jumpbag-Block-Root"]:
        raise Wrong(f"{INFO}: Jumpbag-Block-Root is not the root over the blocks")
    return digest, size


def looks_like_bag(path: Path) -> bool:
    """Whether a directory is meant to be a bag, sound or not."""
    return any(kind_of(path / name) != "none" for name in (_BAGIT, INFO, MANIFEST, SEALED_TAGS))
