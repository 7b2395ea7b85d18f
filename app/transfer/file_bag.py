"""An evidence bag of plain files, BagIt 1.0 (RFC 8493): what describes a resource and is in no disk."""

from __future__ import annotations

import hashlib
import os
import re
import shutil
from dataclasses import dataclass, field
from pathlib import Path

import msgspec

from app import faults
from app.text import visible
from app.transfer.bag import BAGIT, TAG_MANIFEST, BagDigests, FileDigest, digest_of, entries, one_line
from app.transfer.durable import sync_directory, write_durably

_TAGS = ("bag-info.txt", "bagit.txt", "manifest-sha256.txt")
_NAME = re.compile(r"(?:[a-z0-9][a-z0-9._-]{0,63}/){0,3}[a-z0-9][a-zA-Z0-9._-]{0,127}")
_NEXT = "see what put it there; nothing was sealed"


class FileBagInfo(msgspec.Struct, frozen=True, kw_only=True):
    """What ``bag-info.txt`` says. ``date`` is the bagging date, YYYY-MM-DD; values may be hostile strings."""

    organization: str
    item: str
    date: str
    case: str
    acquisition: str
    cloud: str
    account: str
    region: str
    source: str
    version: str


@dataclass(slots=True)
class FileBag:
    """A bag being filled in ``directory``. ``files`` maps paths under ``data/`` to (SHA-256 in hex, bytes)."""

    directory: Path
    info: FileBagInfo
    files: dict[str, tuple[str, int]] = field(default_factory=dict)

    @property
    def size_bytes(self) -> int:
        return sum(size for _, size in self.files.values())

    def begin(self) -> None:
        """An empty bag. What an interrupted try left in an unsealed one is cleared away."""
        if self.directory.is_symlink():
            raise faults.Broken(f"{visible(self.directory)} is a symbolic link", next="put a real directory there")
        if self.directory.exists():
            shutil.rmtree(self.directory)
        self.directory.mkdir(mode=0o700)
        (self.directory / "data").mkdir(mode=0o700)

    def add(self, name: str, content: bytes) -> None:
        """One file under ``data/``; it is durable on return. Broken for a name that is no plain relative path."""
        if not _NAME.fullmatch(name) or ".." in name or name in self.files:
            raise faults.Broken(f"{visible(name)} cannot be the name of a file in a bag", next=_NEXT)
        path = self.directory / "data" / name
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        write_durably(path, content)
        self.files[name] = (hashlib.sha256(content).hexdigest(), len(content))


def write_file_bag(bag: FileBag) -> BagDigests:
    """Write the tag files around the files. Broken when the bag holds anything that was not put there by us."""
    directory, files = bag.directory, bag.files
    _only(bag)
    write_durably(directory / "bagit.txt", BAGIT)
    write_durably(directory / "bag-info.txt", _bag_info(bag))
    manifest = "".join(f"{digest}  data/{name}\n" for name, (digest, _) in sorted(files.items()))
    write_durably(directory / "manifest-sha256.txt", manifest.encode())
    tags = {name: digest_of(directory, name) for name in _TAGS}
    lines = "".join(f"{tag.sha256}  {name}\n" for name, tag in tags.items())
    write_durably(directory / TAG_MANIFEST, lines.encode())
    for at, folders, _ in os.walk(directory):
        for folder in folders:
            sync_directory(Path(at) / folder)
    sync_directory(directory)
    tag_manifest: FileDigest = digest_of(directory, TAG_MANIFEST)
    return BagDigests(tag_manifest=tag_manifest, image=None, blocks=None)


def _only(bag: FileBag) -> None:
    """Nothing but the files that were added, each as it was added."""
    known = {f"data/{name}" for name in bag.files}
    folders = {"/".join(name.split("/")[:count]) for name in known for count in range(1, name.count("/") + 1)}
    for name, entry in entries(bag.directory):
        if entry.is_dir(follow_symlinks=False):
            fine = name in folders
        elif entry.is_file(follow_symlinks=False):
            fine = name in known or name in (*_TAGS, TAG_MANIFEST)
        else:
            fine = False
        if not fine:
            raise faults.Broken(
                f"{visible(bag.directory / name)} does not belong into an evidence bag", next=_NEXT
            )
    for name, (digest, _) in bag.files.items():
        if digest_of(bag.directory, f"data/{name}").sha256 != digest:
            raise faults.Broken(f"data/{visible(name)} is not what was collected", next=_NEXT)


def _bag_info(bag: FileBag) -> bytes:
    info = bag.info
    fields = {
        "Source-Organization": info.organization,
        "External-Identifier": info.item,
        "Bagging-Date": info.date,
        "Payload-Oxum": f"{bag.size_bytes}.{len(bag.files)}",
        "Jumpbag-Case": info.case,
        "Jumpbag-Acquisition": info.acquisition,
        "Jumpbag-Cloud": info.cloud,
        "Jumpbag-Account": info.account,
        "Jumpbag-Region": info.region,
        "Jumpbag-Source": info.source,
        "Jumpbag-Version": info.version,
    }
    return "".join(f"{label}: {one_line(value)}\n" for label, value in fields.items()).encode("utf-8")
