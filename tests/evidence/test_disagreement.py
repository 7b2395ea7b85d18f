"""What a check tells of a damaged bag beyond its first finding: files, blocks, and how much still agrees."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from app.custody import verify
from app.model.disagreement import MOST, ByteRange, Disagreement
from tests.custody import bags
from tests.evidence.sealed import Sealed, flip, until
from tests.evidence.test_checks import TAMPERED

SIZE, BLOCK = len(bags.image()), bags.BLOCK
BLOCKS = -(-SIZE // BLOCK)
IMAGE = "data/disk.raw"


async def found(sealed: Sealed, item: str = Sealed.DISK) -> Disagreement:
    """What a check finds; the record holds it as the screens have it, and so does the next agent."""
    row = await sealed.checked(item)
    assert row.state == "bad" and row.disagree is not None
    outcome = sealed.events(item)[-1]
    told = outcome["params"]["disagree"]
    assert told["files"] == row.disagree.files and outcome["phase"] == "failed"
    assert told["names"] == [{"name": one.name, "how": one.how} for one in row.disagree.names]
    assert sealed.sound()
    sealed.close()
    sealed.open()
    assert sealed.row(item) == row
    return row.disagree


def summary(sealed: Sealed, item: str = Sealed.DISK) -> str:
    return str(sealed.events(item)[-1]["summary"])


def odd(one: Disagreement) -> dict[str, str]:
    return {file.name: file.how for file in one.names}


def image_of(sealed: Sealed, item: str = Sealed.DISK) -> Path:
    return sealed.bag(item) / IMAGE


async def test_blocks_far_apart_are_told_by_their_bytes(sealed: Sealed) -> None:
    for at in (3, 5 * BLOCK, 7 * BLOCK - 1, SIZE - 1):  # data, two holes side by side, the short last block
        flip(image_of(sealed), at)
    one = await found(sealed)
    assert (one.files, odd(one), one.unjudged, one.blind, one.ended) == (1, {IMAGE: "changed"}, 0, "", "")
    assert one.image is not None
    ranges = (
        ByteRange(offset=0, bytes=BLOCK),
        ByteRange(offset=5 * BLOCK, bytes=2 * BLOCK),
        ByteRange(offset=11 * BLOCK, bytes=SIZE - 11 * BLOCK),
    )
    assert (one.image.blocks, one.image.of_blocks, one.image.runs, one.image.ranges) == (4, BLOCKS, 3, ranges)
    assert one.image.agree_bytes == SIZE - sum(each.bytes for each in ranges)
    told = sealed.events(Sealed.DISK)[-1]["params"]["disagree"]["image"]
    assert told["blocks"] == 4 and told["agree_bytes"] == str(one.image.agree_bytes)
    assert told["ranges"][1] == {"offset": str(5 * BLOCK), "bytes": str(2 * BLOCK)}
    assert summary(sealed) == (
        "E-0001 does not agree with the record: 4 of 12 blocks of data/disk.raw differ "
        "(bytes 0-4,095, 20,480-28,671, 45,056-45,074); everything else agrees."
    )


async def test_the_bag_is_read_once_whatever_is_found(sealed: Sealed) -> None:
    sizes = [file.stat().st_size for file in sealed.bag(Sealed.DISK).rglob("*") if file.is_file()]
    flip(image_of(sealed), 3)
    row = await sealed.checked(Sealed.DISK)
    assert row.bytes_done == row.bytes_total == sum(sizes)


async def test_blocks_that_were_lost_are_zeros_now(sealed: Sealed) -> None:
    with image_of(sealed).open("r+b") as file:
        file.seek(7 * BLOCK)
        file.write(bytes(BLOCK))
    one = await found(sealed)
    assert one.image is not None and one.image.ranges == (ByteRange(offset=7 * BLOCK, bytes=BLOCK),)


@pytest.mark.parametrize(("length", "whole"), [(7 * BLOCK + 10, 7), (7 * BLOCK, 7), (SIZE - 1, 11), (0, 0)])
async def test_an_image_cut_short_still_agrees_up_to_there(sealed: Sealed, length: int, whole: int) -> None:
    os.truncate(image_of(sealed), length)
    one = await found(sealed)
    assert odd(one) == {IMAGE: "shorter"} and one.image is not None
    assert (one.image.found_bytes, one.image.sealed_bytes) == (length, SIZE)
    assert one.image.ranges == (ByteRange(offset=whole * BLOCK, bytes=SIZE - whole * BLOCK),)
    assert (one.image.blocks, one.image.agree_bytes) == (BLOCKS - whole, whole * BLOCK)
    assert f"data/disk.raw has {length:,} bytes instead of {SIZE:,}" in summary(sealed)


@pytest.mark.parametrize("more", [b"x", bytes(10), bytes(BLOCK * 3) + b"x"])
async def test_an_image_that_grew_still_holds_what_was_sealed(sealed: Sealed, more: bytes) -> None:
    with image_of(sealed).open("ab") as file:
        file.write(more)
    one = await found(sealed)
    assert odd(one) == {IMAGE: "longer"} and one.image is not None
    assert (one.image.blocks, one.image.ranges, one.image.agree_bytes) == (0, (), SIZE)
    assert one.image.found_bytes == SIZE + len(more)


async def test_without_its_image_the_rest_is_still_judged(sealed: Sealed) -> None:
    image_of(sealed).unlink()
    (sealed.bag(Sealed.DISK) / "note.txt").write_text("x")
    one = await found(sealed)
    assert odd(one) == {IMAGE: "missing", "note.txt": "extra"} and one.image is None and not one.blind
    assert summary(sealed).endswith("data/disk.raw is missing, note.txt is extra; everything else agrees.")


async def test_files_of_every_kind_are_named_at_once(sealed: Sealed) -> None:
    bag = sealed.bag(Sealed.LOGS)
    (bag / "data/trail/two words.json").unlink()
    flip(bag / "data/trail/one.json", 0)
    (bag / "data/more.bin").write_bytes(b"x")
    (bag / "data/\x1b[31mred").write_bytes(b"x")
    (bag / "data/way").symlink_to("/etc/passwd")
    (bag / "data/nothing").mkdir()
    one = await found(sealed, Sealed.LOGS)
    assert one.files == 6 and odd(one) == {
        "data/trail/two words.json": "missing",
        "data/trail/one.json": "changed",
        "data/more.bin": "extra",
        "data/\\x1b[31mred": "extra",
        "data/way": "not a file",
        "data/nothing": "an empty directory",
    }
    assert one.image is None and one.unjudged == 0


async def test_a_directory_left_empty_by_what_is_missing_is_not_counted(sealed: Sealed) -> None:
    for file in (sealed.bag(Sealed.LOGS) / "data/trail").iterdir():
        file.unlink()
    one = await found(sealed, Sealed.LOGS)
    assert odd(one) == {"data/trail/one.json": "missing", "data/trail/two words.json": "missing"}


def _rows(bag: Path) -> None:
    """A table of blocks that is one still, and calls another block changed."""
    text = (bag / "blocks.tsv").read_text()
    (bag / "blocks.tsv").write_text(text.replace(text[2:10], "00000000", 1))


SPOILT: dict[str, tuple[Callable[[Path], object], dict[str, str], int]] = {
    "blocks.tsv": (_rows, {"blocks.tsv": "changed"}, 0),
    "blocks.tsv, no table": (lambda bag: (bag / "blocks.tsv").write_text("?"), {"blocks.tsv": "shorter"}, 0),
    "blocks.tsv, gone": (lambda bag: (bag / "blocks.tsv").unlink(), {"blocks.tsv": "missing"}, 0),
    "bag-info.txt": (lambda bag: flip(bag / "bag-info.txt", 25), {"bag-info.txt": "changed"}, 0),
    "tagmanifest-sha256.txt": (
        lambda bag: flip(bag / "tagmanifest-sha256.txt", 0),
        {"tagmanifest-sha256.txt": "changed"},
        3,
    ),
    "tagmanifest-sha256.txt, gone": (
        lambda bag: (bag / "tagmanifest-sha256.txt").unlink(),
        {"tagmanifest-sha256.txt": "missing"},
        3,
    ),
}


@pytest.mark.parametrize("also", [False, True], ids=["alone", "and the image"])
@pytest.mark.parametrize("what", SPOILT)
async def test_no_block_is_blamed_on_what_is_not_as_sealed(sealed: Sealed, what: str, also: bool) -> None:
    spoil, files, unjudged = SPOILT[what]
    spoil(sealed.bag(Sealed.DISK))
    if also:
        flip(image_of(sealed), 3)
    one = await found(sealed)
    # The seal names the image itself: whether it agrees as a whole is known all the same.
    assert odd(one) == ({IMAGE: "changed"} if also else {}) | files
    assert one.image is None and one.blind == (what.partition(",")[0] if also else "")
    assert one.unjudged == unjudged
    assert ("everything else agrees" in summary(sealed)) is (unjudged == 0)


async def test_another_bag_that_agrees_with_itself_vouches_for_nothing(sealed: Sealed) -> None:
    bag = sealed.bag(Sealed.DISK)
    shutil.rmtree(bag)
    bags.build(bag, data=bags.image(9))
    one = await found(sealed)
    assert odd(one) == {IMAGE: "changed", "blocks.tsv": "changed", "tagmanifest-sha256.txt": "changed"}
    assert one.image is None and one.blind == "blocks.tsv" and one.unjudged == 3
    assert "3 files cannot be judged" in summary(sealed)


async def test_what_is_recorded_is_bounded(sealed: Sealed) -> None:
    item, data = "E-0003", os.urandom(BLOCK * 100)
    bags.build(sealed.bag(item), item=item, data=data)
    sealed.seal(item)
    for block in range(0, 100, 2):
        flip(image_of(sealed, item), block * BLOCK)
    for number in range(50):
        (sealed.bag(item) / f"data/{'x' * 200}{number}").write_bytes(b"x")
    one = await found(sealed, item)
    assert one.files == 51 and len(one.names) == MOST and one.names[0].name == IMAGE
    assert one.image is not None and (one.image.blocks, one.image.runs, len(one.image.ranges)) == (50, 50, MOST)
    assert one.image.ranges[-1] == ByteRange(offset=(MOST - 1) * 2 * BLOCK, bytes=BLOCK)
    assert one.image.agree_bytes == 50 * BLOCK
    assert len(str(sealed.events(item)[-1])) < 20_000


async def test_what_was_found_stays_when_the_check_is_stopped(sealed: Sealed) -> None:
    item = sealed.vast()
    flip(sealed.bag(item) / "manifest-sha256.txt", 0)
    sealed.checks.start(item, "ex-07")
    await until(lambda: (row := sealed.row(item)) is not None and row.bytes_done > 1 << 20)
    running = sealed.row(item)
    assert running is not None and running.state == "running" and "manifest-sha256.txt" in (running.reason or "")
    ended = await sealed.checks.stop(item, "ex-09")
    assert ended.state == "bad" and ended.disagree is not None
    assert odd(ended.disagree) == {"manifest-sha256.txt": "changed"} and ended.disagree.ended == "ex-09 stopped it"
    assert ended.disagree.unjudged == 1  # the image, which was not read to its end
    assert summary(sealed, item).endswith("it was not read to its end, ex-09 stopped it.")
    assert sealed.events(item)[-1]["phase"] == "failed" and sealed.sound()


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
async def test_what_was_found_stays_when_the_rest_cannot_be_read(sealed: Sealed) -> None:
    flip(sealed.bag(Sealed.DISK) / "manifest-sha256.txt", 0)
    image_of(sealed).chmod(0)
    one = await found(sealed)
    assert odd(one) == {"manifest-sha256.txt": "changed"} and one.unjudged == 1 and one.image is None
    assert one.ended.startswith("it could not be read further: data/disk.raw")


@pytest.mark.parametrize("what", [name for name in TAMPERED if name not in ("no bag", "a link")])
async def test_the_first_finding_is_the_one_that_verify_names(sealed: Sealed, what: str) -> None:
    TAMPERED[what][0](sealed.bag(Sealed.DISK))
    row = await sealed.checked(Sealed.DISK)
    judged = verify(sealed.path)
    assert judged.exit_code == 1 and judged.items[0].reason == row.reason


@pytest.mark.parametrize("told", [{"files": "many"}, [], {"files": 1, "names": [{"name": 4}]}, None])
async def test_an_outcome_in_another_form_is_a_verdict_without_findings(sealed: Sealed, told: Any) -> None:
    flip(image_of(sealed), 3)
    await sealed.checked(Sealed.DISK)
    body = sealed.events(Sealed.DISK)[-1]
    body["params"] = {"bytes": "4"} if told is None else {"bytes": "4", "disagree": told}
    sealed.record.evidence.checked(body)
    row = sealed.record.evidence.checks[Sealed.DISK]
    assert row.state == "bad" and row.disagree is None and row.reason


async def test_a_bag_that_was_sealed_as_another_blames_no_file(sealed: Sealed) -> None:
    item = "E-0003"
    bags.build(sealed.bag(item), item="E-0009")
    sealed.seal(item)
    one = await found(sealed, item)
    assert (one.files, one.names, one.image, one.unjudged) == (0, (), None, 0)
    assert summary(sealed, item) == (
        "E-0003 does not agree with the record: bag-info.txt: External-Identifier is E-0009, not E-0003; "
        "each file is as it was sealed."
    )


async def test_a_table_of_blocks_that_was_sealed_wrong_blames_no_block(sealed: Sealed) -> None:
    item = "E-0003"
    bags.build(sealed.bag(item), item=item)
    _rows(sealed.bag(item))
    bags.write_manifests(sealed.bag(item))
    sealed.seal(item)
    one = await found(sealed, item)
    assert one.files == 0 and one.image is None and "block 0" in summary(sealed, item)
