"""A bag builder of its own, straight from the format's page: it shares no code with the product."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path
from typing import Any

BLOCK = 4096


def image(seed: int = 7) -> bytes:
    """Data, a run of holes, an allocated block of zeros, data, holes, and a short last block."""
    data = hashlib.shake_256(bytes([seed])).digest(BLOCK * 2)
    return data[:BLOCK] + bytes(BLOCK * 6) + data[BLOCK:] + bytes(BLOCK * 3) + b"the end of the disk"


def _tree(hashes: list[bytes]) -> bytes:
    """RFC 6962 §2.1, recursively, as the RFC writes it."""
    if len(hashes) == 1:
        return hashlib.sha256(b"\x00" + hashes[0]).digest()
    split = 1 << ((len(hashes) - 1).bit_length() - 1)
    return hashlib.sha256(b"\x01" + _tree(hashes[:split]) + _tree(hashes[split:])).digest()


def root_over(blocks: list[bytes]) -> bytes:
    return _tree([hashlib.sha256(block).digest() for block in blocks]) if blocks else hashlib.sha256(b"").digest()


def write_sparse(path: Path, data: bytes) -> None:
    """Zero pages become real holes, but for block 3, which stays an allocated block of zeros."""
    with path.open("wb") as file:
        file.truncate(len(data))
        for start in range(0, len(data), BLOCK):
            piece = data[start : start + BLOCK]
            if any(piece) or start == 3 * BLOCK:
                file.seek(start)
                file.write(piece)
        file.flush()
        os.fsync(file.fileno())


def build(
    path: Path,
    *,
    item: str = "E-0001",
    case: str = "IR-7",
    acq: str = "A-0001",
    data: bytes | None = None,
    block_size: int = BLOCK,
) -> None:
    """The bag of a disk."""
    data = image() if data is None else data
    (path / "data").mkdir(parents=True, mode=0o700)
    write_sparse(path / "data" / "disk.raw", data)
    blocks = [data[start : start + block_size] for start in range(0, len(data), block_size)]
    rows = [f"{i}\t{hashlib.sha256(b).hexdigest()}\n" for i, b in enumerate(blocks) if any(b)]
    (path / "blocks.tsv").write_text("".join(rows))
    info = {
        "Source-Organization": "Example CERT",
        "External-Identifier": item,
        "Bagging-Date": "2026-11-23",
        "Payload-Oxum": f"{len(data)}.1",
        "Jumpbag-Case": case,
        "Jumpbag-Acquisition": acq,
        "Jumpbag-Cloud": "aws",
        "Jumpbag-Account": "111122223333",
        "Jumpbag-Region": "eu-west-1",
        "Jumpbag-Source": "vol-0a",
        "Jumpbag-Snapshot": "snap-0a",
        "Jumpbag-Version": "0.1.0",
        "Jumpbag-Block-Size": str(block_size),
        "Jumpbag-Block-Count": str(len(blocks)),
        "Jumpbag-Block-Root": root_over(blocks).hex(),
    }
    (path / "bag-info.txt").write_text("".join(f"{label}: {value}\n" for label, value in info.items()))
    close(path)


def build_logs(path: Path, *, item: str = "E-0002", files: dict[str, bytes] | None = None) -> None:
    """The bag of an item without an image."""
    files = files or {"trail/one.json": b"{}\n", "trail/two words.json": b'{"a":1}\n'}
    for name, content in files.items():
        (path / "data" / name).parent.mkdir(parents=True, exist_ok=True)
        (path / "data" / name).write_bytes(content)
    total = sum(len(content) for content in files.values())
    (path / "bag-info.txt").write_text(
        "Source-Organization: Example CERT\n"
        f"External-Identifier: {item}\nBagging-Date: 2026-11-23\nPayload-Oxum: {total}.{len(files)}\n"
    )
    close(path)


def close(path: Path) -> None:
    """Write the declaration and both manifests over what lies there."""
    (path / "bagit.txt").write_text("BagIt-Version: 1.0\nTag-File-Character-Encoding: UTF-8\n")
    write_manifests(path)


def write_manifests(path: Path) -> None:
    """Fresh manifests over the files as they are now."""
    for name in ("manifest-sha256.txt", "tagmanifest-sha256.txt"):
        (path / name).unlink(missing_ok=True)
    for name, payload in (("manifest-sha256.txt", True), ("tagmanifest-sha256.txt", False)):
        rows = []
        for file in sorted(path.rglob("*")):
            relative = file.relative_to(path).as_posix()
            if file.is_file() and relative.startswith("data/") == payload:
                rows.append(f"{hashlib.sha256(file.read_bytes()).hexdigest()}  {relative}\n")
        (path / name).write_text("".join(rows))


def digests(path: Path) -> list[dict[str, Any]]:
    """What an ``evidence.seal`` result says of that bag."""
    found = []
    for name in ("tagmanifest-sha256.txt", "data/disk.raw", "blocks.tsv"):
        file = path / name
        if file.exists():
            data = file.read_bytes()
            found.append(
                {
                    "of": name,
                    "alg": "sha256",
                    "hex": hashlib.sha256(data).hexdigest(),
                    "bytes": str(len(data)),
                    "stage": "rest",
                }
            )
    return found
