"""Disks of a scenario as raw images, built at first use and cached.

A tree becomes a partitioned disk: an MBR with one Linux partition at 1 MiB that holds an ext4 file system.
``mke2fs`` makes the empty file system and ``debugfs`` writes the files in sorted order. (``mke2fs -d`` takes
them in the order in which the host's directory lists them, and two hosts differ.) UUIDs, hash seed, owners
and times are set, so the same pack and the same e2fsprogs give the same bytes, and so the same SHA-256,
on every machine.
Deleted files are removed last, so that nothing is written over them: their blocks and inodes stay.

The cache is ``$XDG_CACHE_HOME/jumpbag/disks/<hash of the inputs>.raw`` (else ``~/.cache``). Images are sparse.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
import stat
import struct
import subprocess
import tempfile
import uuid
from pathlib import Path

from providers.emulators.scenario.generate import content
from providers.emulators.scenario.layout import Entry, Layout, read_layout
from providers.emulators.scenario.model import Disk, ScenarioError

GIB = 2**30
PARTITION = 2**20
_RECIPE = "jumpbag-disk/1"
_FEATURES = (
    "has_journal,ext_attr,resize_inode,dir_index,filetype,extent,64bit,flex_bg,sparse_super,large_file,"
    "huge_file,dir_nlink,extra_isize,metadata_csum"
)
# The system's mke2fs.conf differs between distributions; this one replaces it.
_CONFIG = """[defaults]
base_features = none
enable_periodic_fsck = 0
blocksize = 4096
inode_size = 256
inode_ratio = 65536
[fs_types]
ext4 = {
features = none
}
"""


class DiskStore:
    """Builds and keeps disks. ``seed`` is the scenario's; ``folder`` defaults to the user's cache."""

    def __init__(self, seed: int, folder: Path | None = None) -> None:
        self.seed = seed
        self.folder = folder or cache_folder()

    def image(self, disk: Disk) -> Path | None:
        """The raw image of ``disk``, built if need be; None for a blank disk. May take seconds.

        An image may be shorter than ``size_gib``: what lies beyond its end reads as zeros.
        """
        if disk.tree is None:
            return disk.image
        layout = read_layout(disk.tree)
        key = self._key(disk, layout)
        path = self.folder / f"{key}.raw"
        if path.is_file():
            return path
        mke2fs, debugfs = tool("mke2fs"), tool("debugfs")
        self.folder.mkdir(parents=True, exist_ok=True)
        with (self.folder / f"{key}.lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            if not path.is_file():
                with tempfile.TemporaryDirectory(dir=self.folder, prefix="build-") as work:
                    built = _Build(Path(work), disk, layout, key, mke2fs, debugfs, f"{self.seed}").run()
                    built.chmod(0o444)
                    built.rename(path)
        return path

    def _key(self, disk: Disk, layout: Layout) -> str:
        digest = hashlib.sha256()

        def add(*parts: object) -> None:
            for part in parts:
                raw = part if isinstance(part, bytes) else str(part).encode()
                digest.update(struct.pack(">Q", len(raw)) + raw)

        add(_RECIPE, self.seed, disk.size_gib, *disk.deleted, "|", layout.epoch, layout.removed)
        for entry in layout.entries:
            add(
                entry.path,
                entry.mode,
                entry.uid,
                entry.gid,
                entry.time,
                entry.modified,
                entry.link,
                entry.generate,
                entry.host,
            )
            add(entry.size)
            if entry.source is not None:
                add(entry.source.read_bytes())
        return digest.hexdigest()


def cache_folder() -> Path:
    """Where built disks are kept."""
    base = os.environ.get("XDG_CACHE_HOME") or ""
    root = Path(base) if base.startswith("/") else Path.home() / ".cache"
    return root / "jumpbag" / "disks"


def tool(name: str) -> str:
    """The path of an e2fsprogs program; /sbin is not always on the PATH of a user."""
    found = shutil.which(name, path=os.pathsep.join([os.environ.get("PATH", ""), "/usr/sbin", "/sbin"]))
    if found is None:
        raise ScenarioError(
            f"{name} is not installed, and disks are built with it", "install the package e2fsprogs"
        )
    return found


class _Build:
    def __init__(
        self, work: Path, disk: Disk, layout: Layout, key: str, mke2fs: str, debugfs: str, seed: str
    ) -> None:
        self.work = work
        self.disk = disk
        self.layout = layout
        self.key = key
        self.mke2fs = mke2fs
        self.debugfs = debugfs
        self.seed = seed
        self.image = work / "disk.raw"

    def run(self) -> Path:
        size = self.disk.size_gib * GIB
        with self.image.open("wb") as file:
            file.truncate(size)
            file.write(self._boot_record(size))
        self._format((size - PARTITION) // 4096)
        self._write_files()
        self._remove_files()
        return self.image

    def _boot_record(self, size: int) -> bytes:
        """An MBR: disk signature, one entry (type 0x83, LBA only), the mark 55 AA."""
        start, sectors = PARTITION // 512, (size - PARTITION) // 512
        entry = struct.pack("<B3sB3sII", 0x80, b"\xfe\xff\xff", 0x83, b"\xfe\xff\xff", start, sectors)
        return bytes(440) + bytes.fromhex(self.key[:8]) + bytes(2) + entry + bytes(48) + b"\x55\xaa"

    def _run(self, command: list[str], clock: int) -> None:
        config = self.work / "mke2fs.conf"
        config.write_text(_CONFIG)
        environment = {
            "PATH": os.environ.get("PATH", ""),
            "LC_ALL": "C",
            "MKE2FS_CONFIG": str(config),
            "E2FSPROGS_FAKE_TIME": str(clock),
            "SOURCE_DATE_EPOCH": str(clock),
        }
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
        # debugfs goes on after an error and still ends with 0; what it says besides its name is the error.
        said = [
            line
            for line in done.stderr.splitlines()
            if line.strip() and not line.startswith(("debugfs ", "mke2fs "))
        ]
        if done.returncode or said:
            why = said[-1] if said else f"it ended with {done.returncode}"
            raise ScenarioError(
                f"{Path(command[0]).name} could not build {self.disk.tree} ({why})",
                "check the tree and the room in the cache directory",
            )

    def _format(self, blocks: int) -> None:
        identity = uuid.uuid5(uuid.NAMESPACE_OID, f"{_RECIPE}:{self.key}")
        seed = uuid.uuid5(identity, "hash seed")
        extended = f"offset={PARTITION},hash_seed={seed},root_owner=0:0,lazy_itable_init=1,nodiscard"
        self._run(
            [
                self.mke2fs,
                *("-q", "-F", "-t", "ext4", "-b", "4096", "-I", "256", "-i", "65536", "-m", "1", "-J", "size=4"),
                *("-O", _FEATURES, "-U", str(identity), "-E", extended, str(self.image), str(blocks)),
            ],
            self.layout.epoch,
        )

    def _debugfs(self, commands: list[str], clock: int) -> None:
        script = self.work / "commands"
        script.write_text("\n".join(commands) + "\n", encoding="utf-8")
        self._run([self.debugfs, "-w", "-f", str(script), f"{self.image}?offset={PARTITION}"], clock)

    def _write_files(self) -> None:
        commands: list[str] = []
        stage = self.work / "stage"
        stage.mkdir()
        for number, entry in enumerate(self.layout.entries):
            parent, _, name = entry.path.rpartition("/")
            commands.append(f'cd "/{parent}"')
            if stat.S_ISDIR(entry.mode):
                if entry.path != "lost+found":
                    commands.append(f'mkdir "{name}"')
            elif stat.S_ISLNK(entry.mode):
                commands.append(f'symlink "{name}" "{entry.link}"')
            else:
                # A staged copy has a plain name of ours, whatever the tree's path looks like.
                staged = stage / str(number)
                staged.write_bytes(self._content(entry))
                commands.append(f'write "{staged}" "{name}"')
        self._debugfs(commands + self._attributes(), self.layout.epoch)
        shutil.rmtree(stage)

    def _content(self, entry: Entry) -> bytes:
        if entry.source is not None:
            return entry.source.read_bytes()
        return content(entry.generate, entry.size, f"{self.seed}:{entry.path}", entry.time, entry.host)

    def _attributes(self) -> list[str]:
        commands = []
        for entry in self.layout.entries:
            commands += [
                f'sif "/{entry.path}" mode 0{entry.mode:o}',
                f'sif "/{entry.path}" uid {entry.uid}',
                f'sif "/{entry.path}" gid {entry.gid}',
                *(f'sif "/{entry.path}" {field} @{entry.time}' for field in ("atime", "ctime", "crtime")),
                f'sif "/{entry.path}" mtime @{entry.modified or entry.time}',
            ]
        return commands

    def _remove_files(self) -> None:
        if self.disk.deleted:
            self._debugfs([f'rm "/{name}"' for name in self.disk.deleted], self.layout.removed)
