"""Scenario packs of our own, written at test time: raw images, an ext4 file system, a tree."""

from __future__ import annotations

import hashlib
import json
import random
import subprocess
from dataclasses import dataclass, field
from pathlib import Path

from tests.tools import need

FORENSICS, PAYMENTS = "111111111111", "222222222222"
REGION = "eu-west-1"
BLOCK = 512 * 1024
GIB = 2**30
PLANTED = b"#!/bin/sh\n# planted: reads the card table\n"
DELETED = b"MZ this was removed before the disk was taken\n" * 40


@dataclass
class Pack:
    """A pack being written into ``path``; :meth:`write` makes its ``scenario.toml``."""

    path: Path
    speed: float = 500.0
    _volumes: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        (self.path / "disks").mkdir(parents=True)

    def volume(
        self,
        name: str,
        *,
        image: str | None = None,
        tree: str | None = None,
        size_gib: int = 1,
        eligible: bool = True,
        kms: str = "none",
        deleted: tuple[str, ...] = (),
    ) -> None:
        """A volume whose Name tag is ``name``, attached to an instance of its own."""
        tags = {"Name": name} | ({"Forensics": "Enabled"} if eligible else {})
        lines = [
            "[[aws.instances]]",
            f'account = "{PAYMENTS}"',
            f'region = "{REGION}"',
            f"name = {json.dumps('host-' + name)}",
            'type = "m6i.large"',
            'tags = { Forensics = "Enabled" }',
            "[[aws.instances.volumes]]",
            'device = "/dev/xvda"',
            f"size_gib = {size_gib}",
            f'kms = "{kms}"',
            f"tags = {{ {', '.join(f'{key} = {json.dumps(value)}' for key, value in tags.items())} }}",
        ]
        lines += [f'image = "disks/{image}"'] if image else []
        lines += [f'tree = "disks/{tree}"'] if tree else []
        lines += [f"deleted = {json.dumps(list(deleted))}"] if deleted else []
        self._volumes.append("\n".join(lines))

    def host(
        self, name: str, *volumes: tuple[str, str, str], keys: str = "", untagged: tuple[str, ...] = ()
    ) -> None:
        """A tagged instance with volumes (Name tag, image, kind of key); ``keys`` are lines of its own table."""
        lines = [
            "[[aws.instances]]",
            f'account = "{PAYMENTS}"',
            f'region = "{REGION}"',
            f"name = {json.dumps(name)}",
            'type = "m6i.large"',
            'tags = { Forensics = "Enabled" }',
            keys,
        ]
        for number, (volume, image, kms) in enumerate(volumes):
            tag = "" if volume in untagged else ', Forensics = "Enabled"'
            lines += [
                "[[aws.instances.volumes]]",
                f'device = "/dev/xvd{chr(ord("a") + number)}"',
                "size_gib = 1",
                f'kms = "{kms}"',
                f'image = "disks/{image}"',
                f"tags = {{ Name = {json.dumps(volume)}{tag} }}",
            ]
        self._volumes.append("\n".join(lines))

    def write(self) -> Path:
        head = f"""[scenario]
name = "e2e"
summary = "A pack of the end-to-end tests."
tag = "Forensics=Enabled"
seed = 11
speed = {self.speed}
[[aws.accounts]]
id = "{FORENSICS}"
name = "forensics"
forensics = true
[[aws.accounts]]
id = "{PAYMENTS}"
name = "payments"
"""
        (self.path / "scenario.toml").write_text(head + "\n".join(self._volumes) + "\n", "utf-8")
        return self.path

    # -- disks ------------------------------------------------------------------------------------

    def random_image(self, name: str, size: int, seed: int = 1) -> Path:
        """``size`` bytes that no two runs differ in; no block of them is zero."""
        path = self.path / "disks" / name
        path.write_bytes(random.Random(seed).randbytes(size))
        return path

    def sparse_image(self, name: str, size: int, every: int, seed: int = 2) -> Path:
        """A sparse image: one random block at each multiple of ``every`` bytes, holes between."""
        path = self.path / "disks" / name
        source = random.Random(seed)
        with path.open("wb") as stream:
            stream.truncate(size)
            for offset in range(0, size, every):
                stream.seek(offset)
                stream.write(source.randbytes(min(BLOCK, size - offset)))
        return path

    def ext4_image(self, name: str, mib: int = 24) -> Path:
        """An ext4 file system on the bare device, with a planted file and one that was deleted."""
        path = self.path / "disks" / name
        with path.open("wb") as stream:
            stream.truncate(mib * 2**20)
        mke2fs, debugfs = need("mke2fs", "e2fsprogs"), need("debugfs", "e2fsprogs")
        subprocess.run([mke2fs, "-q", "-F", "-t", "ext4", str(path)], check=True, capture_output=True)
        planted, gone = self.path / "planted", self.path / "gone"
        planted.write_bytes(PLANTED)
        gone.write_bytes(DELETED)
        commands = f"mkdir opt\nwrite {planted} opt/skim.sh\nwrite {gone} opt/dropper.exe\nrm opt/dropper.exe\n"
        subprocess.run(
            [debugfs, "-w", "-f", "-", str(path)], input=commands.encode(), check=True, capture_output=True
        )
        return path

    def tree(self, name: str, files: dict[str, bytes]) -> None:
        for inside, content in files.items():
            path = self.path / "disks" / name / inside
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
            path.chmod(0o644)


def padded_sha256(image: Path, size: int) -> str:
    """The SHA-256 of ``image`` followed by zeros up to ``size`` bytes."""
    digest = hashlib.sha256()
    with image.open("rb") as stream:
        while chunk := stream.read(1 << 20):
            digest.update(chunk)
        left = size - stream.tell()
    zeros = bytes(1 << 20)
    while left > 0:
        digest.update(zeros[: min(left, len(zeros))])
        left -= len(zeros)
    return digest.hexdigest()
