"""A bag by itself: whatever is wrong with it is found and named."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from app.custody import check_bag, inspect_bag, verify
from tests.custody import bags


@pytest.fixture
def bag(tmp_path: Path) -> Path:
    path = tmp_path / "E-0001"
    bags.build(path)
    return path


def rewrite(path: Path, old: str, new: str) -> None:
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new, 1))


def fresh(change: Callable[[Path], object]) -> Callable[[Path], None]:
    """A change under manifests that fit it: only what the manifests cannot see is left wrong."""

    def apply(path: Path) -> None:
        change(path)
        bags.write_manifests(path)

    return apply


def info(old: str, new: str) -> Callable[[Path], None]:
    return fresh(lambda path: rewrite(path / "bag-info.txt", old, new))


def rows(change: Callable[[list[str]], list[str]]) -> Callable[[Path], None]:
    def apply(path: Path) -> None:
        table = (path / "blocks.tsv").read_text().splitlines(keepends=True)
        (path / "blocks.tsv").write_text("".join(change(table)))

    return fresh(apply)


def manifest(change: Callable[[str], str]) -> Callable[[Path], None]:
    return lambda path: (path / "tagmanifest-sha256.txt").write_text(  # type: ignore[return-value]
        change((path / "tagmanifest-sha256.txt").read_text())
    )


def test_a_sound_bag(bag: Path) -> None:
    seen: list[tuple[str, int, int]] = []
    report = inspect_bag(bag, progress=lambda name, done, total: seen.append((name, done, total)))
    data = bags.image()
    assert report.digests["data/disk.raw"] == (hashlib.sha256(data).hexdigest(), len(data))
    assert report.image and report.info["Jumpbag-Snapshot"] == "snap-0a"
    assert ("data/disk.raw", len(data), len(data)) in seen
    assert check_bag(bag) is None
    found = verify(bag)
    assert (found.exit_code, found.ok, found.chain, found.signatures, found.key) == (0, None, None, None, None)
    assert [(item.id, item.ok) for item in found.items] == [("E-0001", True)]
    assert any("custody" in sentence for sentence in found.not_proven)


def test_the_sample_disk_has_holes_and_an_allocated_block_of_zeros(bag: Path) -> None:
    with (bag / "data" / "disk.raw").open("rb") as image:
        start = os.lseek(image.fileno(), bags.BLOCK, os.SEEK_DATA)
    assert start == 3 * bags.BLOCK, "this file system keeps no holes"
    assert [row.split("\t")[0] for row in (bag / "blocks.tsv").read_text().splitlines()] == ["0", "7", "11"]


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    blocks=st.lists(st.sampled_from([0, 0, 0, 1, 255]), max_size=20),
    tail=st.integers(0, 5000),
    block_size=st.sampled_from([512, 1000, 4096, 1 << 20, 3 << 20]),
)
def test_disks_of_many_shapes(tmp_path: Path, blocks: list[int], tail: int, block_size: int) -> None:
    path = tmp_path / hashlib.sha256(repr((blocks, tail, block_size)).encode()).hexdigest()[:12]
    if path.exists():
        return
    bags.build(
        path, data=b"".join(bytes([value]) * 4096 for value in blocks) + bytes([3]) * tail, block_size=block_size
    )
    assert check_bag(path) is None


def test_a_bag_without_an_image(tmp_path: Path) -> None:
    bags.build_logs(tmp_path / "E-0002")
    report = inspect_bag(tmp_path / "E-0002")
    assert not report.image
    (tmp_path / "E-0002" / "data" / "trail" / "one.json").write_bytes(b"[]\n")
    assert "one.json" in (check_bag(tmp_path / "E-0002") or "")


def linked_image(path: Path) -> None:
    (path / "data/disk.raw").rename(path.parent / "x")
    (path / "data/disk.raw").symlink_to(path.parent / "x")


WRONG: dict[str, tuple[Callable[[Path], object], str]] = {
    "no bagit.txt": (lambda p: (p / "bagit.txt").unlink(), "bagit.txt"),
    "no tag manifest": (lambda p: (p / "tagmanifest-sha256.txt").unlink(), "tagmanifest-sha256.txt"),
    "no image": (lambda p: (p / "data/disk.raw").unlink(), "data/disk.raw"),
    "another version": (fresh(lambda p: rewrite(p / "bagit.txt", "1.0", "0.97")), "bagit.txt"),
    "an extra tag file": (lambda p: (p / "notes.txt").touch(), "notes.txt"),
    "an extra payload file": (lambda p: (p / "data/more").touch(), "data/more"),
    "an extra hidden file": (lambda p: (p / ".hidden").touch(), ".hidden"),
    "an empty directory": (lambda p: (p / "data/deep/er").mkdir(parents=True), "data/deep/er"),
    "a link": (lambda p: (p / "data/link").symlink_to("disk.raw"), "data/link"),
    "a linked image": (linked_image, "symbolic link"),
    "a pipe": (lambda p: os.mkfifo(p / "data/pipe"), "data/pipe"),
    "fetch.txt": (fresh(lambda p: (p / "fetch.txt").touch()), "fetch.txt"),
    "another manifest": (fresh(lambda p: (p / "manifest-md5.txt").touch()), "manifest-md5.txt"),
    "a manifest with one blank": (manifest(lambda t: t.replace("  ", " ", 1)), "tagmanifest-sha256.txt: line 1"),
    "a manifest in upper case": (manifest(lambda t: t.upper()), "tagmanifest-sha256.txt: line 1"),
    "a manifest that climbs": (manifest(lambda t: t + "0" * 64 + "  ../x\n"), "tagmanifest-sha256.txt: line 5"),
    "a manifest of standard input": (manifest(lambda t: t + "0" * 64 + "  -\n"), "tagmanifest-sha256.txt: line 5"),
    "a manifest that says it twice": (manifest(lambda t: t + t.splitlines()[0] + "\n"), "twice"),
    "a manifest cut short": (manifest(lambda t: t[:-1]), "line feed"),
    "a manifest that lists itself": (
        manifest(lambda t: t + "0" * 64 + "  tagmanifest-sha256.txt\n"),
        "tagmanifest-sha256.txt is missing",
    ),
    "no label": (info("Jumpbag-Snapshot: snap-0a\n", ""), "Jumpbag-Snapshot is missing"),
    "a label twice": (info("Jumpbag-Cloud: aws\n", "Jumpbag-Cloud: aws\nJumpbag-Cloud: gcp\n"), "twice"),
    "no label at all": (info("Jumpbag-Cloud: aws\n", "hello\n"), "no label"),
    "a wrong count of bytes": (info(f"Oxum: {len(bags.image())}.1", "Oxum: 5.1"), "Payload-Oxum"),
    "a wrong count of files": (info(f"{len(bags.image())}.1", f"{len(bags.image())}.2"), "Payload-Oxum"),
    "no date": (info("2026-11-23", "yesterday"), "Bagging-Date"),
    "no block size": (info("Block-Size: 4096", "Block-Size: 0"), "Block-Size"),
    "another block size": (info("Block-Size: 4096", "Block-Size: 2048"), "Block-Count"),
    "a huge block size": (info("Block-Size: 4096", "Block-Size: 99999999999999999999999"), "Block-Size"),
    "another block count": (info("Block-Count: 12", "Block-Count: 13"), "Block-Count"),
    "another root": (info("Block-Root: ", "Block-Root: 00"), "Block-Root"),
    "a root of zeros": (
        fresh(
            lambda p: (p / "bag-info.txt").write_text(
                "".join(
                    line if "Root" not in line else f"Jumpbag-Block-Root: {'0' * 64}\n"
                    for line in (p / "bag-info.txt").read_text().splitlines(keepends=True)
                )
            )
        ),
        "Block-Root",
    ),
    "a block not listed": (rows(lambda r: [r[0], r[2]]), "does not list block 7"),
    "the last block not listed": (rows(lambda r: r[:2]), "does not list block 11"),
    "a hole listed": (
        rows(lambda r: [r[0], f"3\t{hashlib.sha256(bytes(4096)).hexdigest()}\n", *r[1:]]),
        "lists block 3",
    ),
    "a block that is not there": (rows(lambda r: [*r, f"12\t{'0' * 64}\n"]), "lists block 12"),
    "a block of another digest": (rows(lambda r: [f"0\t{'0' * 64}\n", *r[1:]]), "block 0"),
    "blocks out of order": (rows(lambda r: [r[1], r[0], r[2]]), "blocks.tsv"),
    "a block twice": (rows(lambda r: [r[0], r[0], *r[1:]]), "blocks.tsv: line 2"),
    "an index with a zero before": (rows(lambda r: ["0" + r[0], *r[1:]]), "blocks.tsv: line 1"),
    "rows without a line feed": (rows(lambda r: [*r[:2], r[2][:-1]]), "line feed"),
    "no table": (fresh(lambda p: (p / "blocks.tsv").unlink()), "blocks.tsv"),
    "a table without an image": (
        fresh(lambda p: (p / "data/disk.raw").rename(p / "data/other.raw")),
        "blocks.tsv",
    ),
    "a byte in the last block": (
        lambda p: (p / "data/disk.raw").write_bytes(bags.image()[:-1] + b"X"),
        "data/disk.raw: block 11",
    ),
    "a byte in a hole": (
        lambda p: (p / "data/disk.raw").write_bytes(bags.image()[:5000] + b"X" + bags.image()[5001:]),
        "does not list block 1",
    ),
    "a block blanked": (
        lambda p: (p / "data/disk.raw").write_bytes(bytes(4096) + bags.image()[4096:]),
        "lists block 0",
    ),
    "a longer image": (lambda p: (p / "data/disk.raw").write_bytes(bags.image() + b"\0"), "data/disk.raw"),
    "binary rubbish": (lambda p: (p / "manifest-sha256.txt").write_bytes(os.urandom(500) + b"\n"), "manifest"),
    "rubbish in bag-info.txt": (fresh(lambda p: (p / "bag-info.txt").write_bytes(b"\xff\xfe: x\n")), "UTF-8"),
}


@pytest.mark.parametrize("name", WRONG)
def test_what_is_wrong_is_named(bag: Path, name: str) -> None:
    change, reason = WRONG[name]
    change(bag)
    found = check_bag(bag)
    assert found is not None and reason in found
    whole = verify(bag)
    assert whole.exit_code == 1 and [item.ok for item in whole.items] == [False]


def test_temporary_files_are_ignored(bag: Path) -> None:
    (bag / "data" / "x.tmp").touch()
    assert check_bag(bag) is None
    assert verify(bag).warnings


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_any_changed_byte(bag: Path, data: st.DataObject) -> None:
    """A bag alone cannot vouch for its tag manifest; a digest changed there no longer fits its file."""
    path = data.draw(st.sampled_from(sorted(path for path in bag.rglob("*") if path.is_file())))
    content = path.read_bytes()
    at = data.draw(st.integers(0, len(content) - 1))
    try:
        path.write_bytes(content[:at] + bytes([content[at] ^ data.draw(st.integers(1, 255))]) + content[at + 1 :])
        assert check_bag(bag) is not None
    finally:
        path.write_bytes(content)
