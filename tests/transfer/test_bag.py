"""Hashing at rest and the bag, held against sha256sum, an independent computation and the verifier."""

from __future__ import annotations

import asyncio
import hashlib
import threading
from pathlib import Path

import msgspec
import pytest

from app import faults
from app.custody.verify_bag import check_bag
from app.transfer.bag import BagInfo, close_bag, write_bag
from app.transfer.hashing import ImageDigests, Stopped, hash_image, packed_blocks
from app.transfer.transfer import expected_digests
from tests.tools import need
from tests.transfer.conftest import MakeRig
from tests.transfer.kit import BLOCK, Rig, make_disk, until

INFO = BagInfo(
    organization="Example CERT",
    item="E-0001",
    date="2026-11-23",
    case="CASE-1",
    acquisition="A-0001",
    cloud="aws",
    account="222222222222",
    region="eu-west-1",
    source="vol-1\nPayload-Oxum: 1.1\r\x1b]52;c;aGk=\x07\u202e",
    snapshot="snap-0a1b2c3d",
    version="0.1.0",
)


async def downloaded(make_rig: MakeRig) -> Rig:
    blocks = make_disk(300, zero={3, 40}, holes=set(range(60, 290)))
    blocks[299] = blocks[299][:777]
    rig = make_rig(blocks, 299 * BLOCK + 777)
    await asyncio.wait_for(rig.transfer().run(), 20)
    return rig


def hashed(rig: Rig, stop: threading.Event | None = None) -> ImageDigests:
    known = expected_digests(rig.work, rig.shape)
    progress: list[int] = []
    try:
        digests = hash_image(
            rig.image, rig.shape, known, progress.append, stop or threading.Event(), blocks_file=rig.work / "rest"
        )
    finally:
        known.close()
    assert progress == sorted(progress) and progress[-1] == rig.shape.size_bytes
    return digests


def merkle(leaves: list[bytes]) -> bytes:
    """RFC 6962 section 2.1, as it is written there."""
    if len(leaves) == 1:
        return hashlib.sha256(b"\0" + leaves[0]).digest()
    split = 1
    while split * 2 < len(leaves):
        split *= 2
    return hashlib.sha256(b"\1" + merkle(leaves[:split]) + merkle(leaves[split:])).digest()


async def test_digests_are_those_of_an_independent_computation(make_rig: MakeRig) -> None:
    rig = await downloaded(make_rig)
    digests = hashed(rig)
    image = rig.expected()
    pieces = [image[at : at + BLOCK] for at in range(0, len(image), BLOCK)]
    leaves = [hashlib.sha256(piece).digest() for piece in pieces]
    assert digests.sha256 == hashlib.sha256(image).hexdigest()
    assert digests.root == merkle(leaves).hex()
    data = [(index, leaves[index]) for index, piece in enumerate(pieces) if any(piece)]
    assert list(packed_blocks(Path(digests.blocks_file))) == data
    assert (digests.block_count, digests.data_blocks) == (300, len(data))
    assert msgspec.convert(msgspec.to_builtins(digests), ImageDigests) == digests


@pytest.mark.parametrize(
    ("index", "data", "match"),
    [
        (9, b"changed", "block 9 .* is not what was downloaded"),
        (40, b"zero no more", "block 40 .* is not what was downloaded"),
        (200, b"out of nowhere", "block 200 .* where none was downloaded"),
        (299, b"the short one", "block 299 .* is not what was downloaded"),
    ],
)
async def test_what_differs_from_the_journal_is_named(
    make_rig: MakeRig, index: int, data: bytes, match: str
) -> None:
    rig = await downloaded(make_rig)
    with rig.image.open("r+b") as image:
        image.seek(index * BLOCK)
        image.write(data)
    with pytest.raises(faults.Broken, match=match):
        hashed(rig)
    assert not list(rig.work.glob("rest*"))


async def test_data_that_became_a_hole_is_named(make_rig: MakeRig) -> None:
    rig = await downloaded(make_rig)
    size = rig.image.stat().st_size
    with rig.image.open("r+b") as image:
        image.truncate(0)
        image.truncate(size)
    with pytest.raises(faults.Broken, match=r"block 0 .* is a hole"):
        hashed(rig)


async def test_hashing_can_be_stopped_and_does_not_read_what_is_being_written(make_rig: MakeRig) -> None:
    rig = await downloaded(make_rig)
    stop = threading.Event()
    stop.set()
    with pytest.raises(Stopped):
        hashed(rig, stop)
    rig.server.faults.hold = {0}
    rig.work.joinpath("blocks.journal").unlink()
    task = asyncio.create_task(rig.transfer().run())
    await until(lambda: any(seen.index == 0 and not seen.served for seen in rig.server.seen))
    with pytest.raises(faults.Refused, match="being written"):
        hashed(rig)
    rig.server.faults.hold = set()
    await asyncio.wait_for(task, 20)


async def test_the_bag_can_be_checked_with_sha256sum(make_rig: MakeRig) -> None:
    sha256sum = need("sha256sum", "coreutils")
    rig = await downloaded(make_rig)
    digests = hashed(rig)
    sealed = write_bag(rig.bag, INFO, digests)
    assert write_bag(rig.bag, INFO, digests) == sealed, "an interrupted seal is run again"
    final = rig.home / "E-0001"
    close_bag(rig.bag, final)
    close_bag(rig.bag, final)
    for manifest, lines in (("manifest-sha256.txt", 1), ("tagmanifest-sha256.txt", 4)):
        done = await asyncio.create_subprocess_exec(
            sha256sum, "-c", "--strict", manifest, cwd=final, stdout=asyncio.subprocess.PIPE
        )
        out, _ = await done.communicate()
        assert done.returncode == 0 and out.count(b": OK") == lines
    files = {str(path.relative_to(final)) for path in final.rglob("*") if path.is_file()}
    tags = {"bagit.txt", "bag-info.txt", "manifest-sha256.txt", "blocks.tsv", "tagmanifest-sha256.txt"}
    assert files == {"data/disk.raw", *tags}
    assert {path.stat().st_mode & 0o777 for path in final.rglob("*") if path.is_file()} == {0o400}
    assert {path.stat().st_mode & 0o777 for path in (final, final / "data")} == {0o500}
    custody = {entry["of"]: entry for entry in sealed.custody()}
    for name in ("data/disk.raw", "blocks.tsv", "tagmanifest-sha256.txt"):
        data = (final / name).read_bytes()
        assert custody[name] == {
            "of": name,
            "alg": "sha256",
            "hex": hashlib.sha256(data).hexdigest(),
            "bytes": str(len(data)),
            "stage": "rest",
        }
    assert check_bag(final) is None


async def test_bag_info_has_every_field_on_one_line(make_rig: MakeRig) -> None:
    rig = await downloaded(make_rig)
    digests = hashed(rig)
    write_bag(rig.bag, msgspec.structs.replace(INFO, organization="  "), digests)
    lines = (rig.bag / "bag-info.txt").read_text().splitlines()
    info = dict(line.split(": ", 1) for line in lines)
    assert len(info) == len(lines) == 15
    assert info["Payload-Oxum"] == f"{299 * BLOCK + 777}.1"
    assert info["Jumpbag-Source"] == "vol-1\\x0aPayload-Oxum: 1.1\\x0d\\x1b]52;c;aGk=\\x07\\u202e"
    assert info["Source-Organization"] == "-"
    assert info["Jumpbag-Block-Size"] == str(BLOCK) and info["Jumpbag-Block-Count"] == "300"
    assert info["Jumpbag-Block-Root"] == digests.root
    rows = [line.split("\t") for line in (rig.bag / "blocks.tsv").read_text().splitlines()]
    assert [(int(index), bytes.fromhex(digest)) for index, digest in rows] == list(
        packed_blocks(Path(digests.blocks_file))
    )


async def test_what_does_not_belong_into_a_bag_is_not_sealed(make_rig: MakeRig) -> None:
    rig = await downloaded(make_rig)
    digests = hashed(rig)
    (rig.bag / "data" / "blocks.tsv.tmp").write_bytes(b"left over")
    write_bag(rig.bag, INFO, digests)
    assert not (rig.bag / "data" / "blocks.tsv.tmp").exists()
    strays = [rig.bag / "note.txt", rig.bag / "data" / "more.raw", rig.bag / "link"]
    strays[0].write_text("a note")
    strays[1].write_text("more")
    for stray in strays[:2]:
        with pytest.raises(faults.Broken, match=r"does not belong"):
            write_bag(rig.bag, INFO, digests)
        stray.unlink()
    strays[2].symlink_to("/etc/passwd")
    with pytest.raises(faults.Broken, match="link does not belong"):
        write_bag(rig.bag, INFO, digests)
    strays[2].unlink()
    (rig.bag / "empty").mkdir()
    with pytest.raises(faults.Broken, match="empty does not belong"):
        write_bag(rig.bag, INFO, digests)
    (rig.bag / "empty").rmdir()
    with rig.image.open("ab") as image:
        image.write(b"x")
    with pytest.raises(faults.Broken, match="bytes instead of"):
        write_bag(rig.bag, INFO, digests)


async def test_a_bag_is_not_put_over_another(make_rig: MakeRig) -> None:
    rig = await downloaded(make_rig)
    write_bag(rig.bag, INFO, hashed(rig))
    final = rig.home / "E-0001"
    final.mkdir()
    with pytest.raises(faults.Broken, match="in the way"):
        close_bag(rig.bag, final)
    final.rmdir()
    with pytest.raises(faults.Broken, match="there is no bag"):
        close_bag(rig.home / ".E-0002.partial", rig.home / "E-0002")
