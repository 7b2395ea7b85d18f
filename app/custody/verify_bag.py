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

    ``ignored``: files whose names end in ``.tmp``, which are not of the bag and were not read. ``tags`` and
    ``payload`` are the files that stand there, ``strange`` what is neither file nor directory, ``empty`` the
    directories that hold nothing; all of them, once ``walked``. ``manifest`` and ``tag_manifest`` map paths to
    digests, None where they were not read.

    The inspection tells it what is wrong, and this one ends it there; :class:`app.custody.survey.Survey` goes on.
    """

    digests: dict[str, tuple[str, int]] = field(default_factory=dict)
    info: dict[str, str] = field(default_factory=dict)
    ignored: list[str] = field(default_factory=list)
    tags: set[str] = field(default_factory=set)
    payload: set[str] = field(default_factory=set)
    strange: set[str] = field(default_factory=set)
    empty: set[str] = field(default_factory=set)
    walked: bool = False
    manifest: dict[str, str] | None = None
    tag_manifest: dict[str, str] | None = None

    @property
    def warnings(self) -> list[str]:
        """What is no fault, and worth knowing."""
        return [f"the temporary file {visible(name)} is ignored" for name in self.ignored]

    @property
    def image(self) -> bool:
        """Whether it is the bag of a disk."""
        return SEALED_IMAGE in self.digests

    @property
    def named(self) -> frozenset[str]:
        """Files to read besides those that the manifests list."""
        return frozenset()

    def wrong(self, text: str) -> None:
        """Something does not agree. Wrong, unless the inspection is to go on."""
        raise Wrong(text)

    def block(self, text: str, index: int | None) -> None:
        """A block of the image differs: see :data:`app.custody.blocks.Differs`."""
        self.wrong(text)

    def image_to_read(self, size: int, block_size: int) -> int | None:
        """How many of the image's ``size`` bytes are to be compared by blocks; None for none, just read."""
        return size


def check_bag(path: Path, *, progress: Progress | None = None) -> str | None:
    """What is wrong with the bag, None if nothing is. CannotRead if it could not be read."""
    try:
        inspect_bag(path, progress=progress)
    except Wrong as error:
        return str(error)
    return None


def inspect_bag(path: Path, *, progress: Progress | None = None, report: BagReport | None = None) -> BagReport:
    """Check every byte of a bag. Wrong names the file and what is wrong with it; CannotRead likewise.

    ``report`` is filled in, and told what is wrong; without one the first that is ends the inspection.
    """
    report = BagReport() if report is None else report
    _files(path, report)
    _declaration(_named(path, _BAGIT, report), report)
    report.manifest = _manifest(path, MANIFEST, report)
    report.tag_manifest = _manifest(path, SEALED_TAGS, report)
    _same_files(MANIFEST, report.manifest, report.payload, report)
    _same_files(SEALED_TAGS, report.tag_manifest, report.tags - {SEALED_TAGS}, report)
    if report.empty:
        report.wrong(f"{visible(min(report.empty))} is an empty directory")
    if not report.payload:
        report.wrong("data is missing")
    report.info = _info(path, report)
    _read_listed(path, report.tag_manifest, report.tags - {SEALED_TAGS}, report, progress)
    if SEALED_TAGS in report.tags:
        report.digests[SEALED_TAGS] = _digest(path, SEALED_TAGS, progress)
    image = SEALED_IMAGE in report.payload
    if image != (SEALED_BLOCKS in report.tags):
        report.wrong(
            f"{SEALED_BLOCKS} is missing" if image else f"{SEALED_BLOCKS} stands beside no {SEALED_IMAGE}"
        )
    _read_listed(path, report.manifest, report.payload - {SEALED_IMAGE}, report, progress)
    labelled = _labels(report, image)
    if image:
        _image(path, labelled, report, progress)
    sizes = [report.digests[name][1] for name in report.payload & report.digests.keys()]
    if report.info.get("Payload-Oxum") != f"{sum(sizes)}.{len(sizes)}":
        report.wrong(f"{INFO}: Payload-Oxum is not {sum(sizes)}.{len(sizes)}")
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


def _files(path: Path, report: BagReport) -> None:
    """Tag files, payload files and empty directories. Links and special files are wrong."""
    for name, kind in walk(path):
        if kind == "dir":
            report.empty.add(name)
        elif kind != "file":
            report.strange.add(name)
            report.wrong(f"{visible(name)} is {'a symbolic link' if kind == 'link' else 'not a regular file'}")
        elif name.endswith(".tmp"):
            report.ignored.append(name)
            continue
        else:
            (report.payload if name.startswith("data/") else report.tags).add(name)
        report.empty.discard(name.rpartition("/")[0])
    report.walked = True
    if "fetch.txt" in report.tags:
        report.wrong("fetch.txt: the bag is not complete")
    for name in report.tags - {MANIFEST, SEALED_TAGS}:
        if _OTHER_MANIFEST.fullmatch(name):
            report.wrong(f"{visible(name)} is a manifest that is not known here")
    for name in (_BAGIT, INFO, MANIFEST, SEALED_TAGS):
        if name not in report.tags:
            report.wrong(f"{name} is missing")


def _named(path: Path, name: str, report: BagReport, limit: int = _SMALL) -> bytes | None:
    """What the file holds; None where that is wrong already."""
    try:
        return read_small(path / name, limit)
    except Wrong as error:
        report.wrong(f"{name}: {error}")
        return None
    except CannotRead as error:
        raise CannotRead(f"{name}: {error}") from None


def _info(path: Path, report: BagReport) -> dict[str, str]:
    data = _named(path, INFO, report)
    try:
        return {} if data is None else read_info(data)
    except Wrong as error:
        report.wrong(str(error))
        return {}


def _declaration(data: bytes | None, report: BagReport) -> None:
    if data is None:
        return
    lines = data.replace(b"\r\n", b"\n").removesuffix(b"\n").split(b"\n")
    if lines != [b"BagIt-Version: 1.0", b"Tag-File-Character-Encoding: UTF-8"]:
        report.wrong(f"{_BAGIT} does not declare BagIt 1.0 in UTF-8")


def _manifest(path: Path, name: str, report: BagReport) -> dict[str, str] | None:
    """Path to digest; None where it is no manifest."""
    data = _named(path, name, report, _MANIFEST_LIMIT)
    try:
        return None if data is None else _entries(name, data)
    except Wrong as error:
        report.wrong(str(error))
        return None


def _entries(name: str, data: bytes) -> dict[str, str]:
    """Only what ``sha256sum -c`` and BagIt read alike is accepted."""
    entries: dict[str, str] = {}
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


def _same_files(manifest: str, listed: dict[str, str] | None, found: set[str], report: BagReport) -> None:
    if listed is None:
        return
    missing, extra = listed.keys() - found, found - listed.keys()
    if missing:
        report.wrong(f"{visible(min(missing))} is missing")
    if extra:
        report.wrong(f"{visible(min(extra))} is not in {manifest}")


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


def _read_listed(
    path: Path,
    listed: dict[str, str] | None,
    found: set[str],
    report: BagReport,
    progress: Progress | None,
) -> None:
    """Each of the files that is listed, held against its digest; what is ``named`` beside them is read too."""
    expected = listed or {}
    for name in sorted((expected.keys() | report.named) & found):
        report.digests[name] = digest = _digest(path, name, progress)
        if name in expected and digest[0] != expected[name]:
            report.wrong(f"{visible(name)} does not have the SHA-256 of its manifest")


def _labels(report: BagReport, image: bool) -> bool:
    """Whether bag-info.txt says what it must."""
    why = _mislabelled(report.info, image)
    if why:
        report.wrong(why)
    return not why


def _mislabelled(info: dict[str, str], image: bool) -> str:
    for label in LABELS + (IMAGE_LABELS if image else ()):
        if label not in info:
            return f"{INFO}: {label} is missing"
    if not _DATE.fullmatch(info["Bagging-Date"]):
        return f"{INFO}: Bagging-Date is not YYYY-MM-DD"
    if not _OXUM.fullmatch(info["Payload-Oxum"]):
        return f"{INFO}: Payload-Oxum is not bytes.files"
    if not image:
        return ""
    for label in ("Jumpbag-Block-Size", "Jumpbag-Block-Count"):
        if not _NUMBER.fullmatch(info[label]):
            return f"{INFO}: {label} is not a decimal number"
    if int(info["Jumpbag-Block-Size"]) < 1:
        return f"{INFO}: Jumpbag-Block-Size is 0"
    if not is_hex64(info["Jumpbag-Block-Root"]):
        return f"{INFO}: Jumpbag-Block-Root is not 64 hex digits"
    return ""


def _image(path: Path, labelled: bool, report: BagReport, progress: Progress | None) -> None:
    info = report.info
    if not labelled or SEALED_BLOCKS not in report.tags:
        report.digests[SEALED_IMAGE] = _digest(path, SEALED_IMAGE, progress)
        return
    block_size, count = int(info["Jumpbag-Block-Size"]), int(info["Jumpbag-Block-Count"])
    image = table = -1
    try:
        image, table = open_file(path / SEALED_IMAGE), open_file(path / SEALED_BLOCKS)
        size = os.fstat(image).st_size
        if count != -(-size // block_size):
            report.wrong(f"{INFO}: Jumpbag-Block-Count is not {-(-size // block_size)}")
        part = report.image_to_read(size, block_size)
        if part is not None:
            digest, root = check_image(image, part, block_size, table, progress, report.block)
    except CannotRead as error:
        raise CannotRead(f"{SEALED_IMAGE} with {SEALED_BLOCKS}: {error}") from None
    finally:
        for descriptor in (image, table):
            if descriptor >= 0:
                os.close(descriptor)
    if part is None:
        report.digests[SEALED_IMAGE] = _digest(path, SEALED_IMAGE, progress)
        return
    report.digests[SEALED_IMAGE] = digest, size
    if report.manifest is not None and digest != report.manifest.get(SEALED_IMAGE):
        report.wrong(f"{SEALED_IMAGE} does not have the SHA-256 of its manifest")
    if root != info["Jumpbag-Block-Root"]:
        report.wrong(f"{INFO}: Jumpbag-Block-Root is not the root over the blocks")


def looks_like_bag(path: Path) -> bool:
    """Whether a directory is meant to be a bag, sound or not."""
    return any(kind_of(path / name) != "none" for name in (_BAGIT, INFO, MANIFEST, SEALED_TAGS))
