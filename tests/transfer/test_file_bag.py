"""A bag of files, held against sha256sum and the verifier; what does not belong into it is never sealed."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from app.custody.verify_bag import inspect_bag
from app.faults import Broken
from app.transfer.bag import close_bag
from app.transfer.file_bag import FileBag, FileBagInfo, write_file_bag
from tests.tools import need

INFO = FileBagInfo(
    organization="Example CERT",
    item="E-0001",
    date="2026-11-23",
    case="CASE-1",
    acquisition="A-0001",
    cloud="aws",
    account="222222222222",
    region="eu-west-1",
    source="i-1\nPayload-Oxum: 1.1\x1b]52;c;aGk=\x07",
    version="0.1.0",
)


def filled(partial: Path) -> FileBag:
    bag = FileBag(partial, INFO)
    bag.begin()
    bag.add("ec2/describe-instances.json", b'{"Reservations":[]}')
    bag.add("ec2/console-output.txt", b"\x00\xff boot")
    bag.add("gaps.txt", b"none\n")
    return bag


def test_a_stranger_checks_it_with_sha256sum_and_so_does_the_verifier(tmp_path: Path) -> None:
    partial, final = tmp_path / ".E-0001.partial", tmp_path / "E-0001"
    digests = write_file_bag(filled(partial))
    close_bag(partial, final)
    for manifest in ("manifest-sha256.txt", "tagmanifest-sha256.txt"):
        subprocess.run([need("sha256sum", "coreutils"), "-c", "--quiet", manifest], cwd=final, check=True)
    report = inspect_bag(final)
    assert not report.image and report.info["Payload-Oxum"] == "31.3"
    assert [file["of"] for file in digests.custody()] == ["tagmanifest-sha256.txt"]
    assert (final / "data" / "ec2" / "console-output.txt").read_bytes() == b"\x00\xff boot"


def test_a_second_try_begins_with_an_empty_bag(tmp_path: Path) -> None:
    partial = tmp_path / ".E-0001.partial"
    filled(partial)
    again = FileBag(partial, INFO)
    again.begin()
    again.add("only.txt", b"x")
    write_file_bag(again)
    assert sorted(p.name for p in (partial / "data").rglob("*")) == ["only.txt"]


@pytest.mark.parametrize(
    "name", ["../x", "/etc/passwd", "a/../../x", "", "a b", "-rf", ".hidden", "a//b", "x\n", "ec2/\x1b.json"]
)
def test_a_name_that_is_no_plain_path_is_refused(tmp_path: Path, name: str) -> None:
    bag = filled(tmp_path / "bag")
    with pytest.raises(Broken):
        bag.add(name, b"x")


def test_nothing_is_stored_under_a_name_twice(tmp_path: Path) -> None:
    bag = filled(tmp_path / "bag")
    with pytest.raises(Broken):
        bag.add("gaps.txt", b"other")


def test_what_was_put_there_or_changed_by_somebody_else_is_not_sealed(tmp_path: Path) -> None:
    ways: list[Callable[[Path], object]] = [
        lambda bag: (bag / "data" / "planted.txt").write_bytes(b"x"),
        lambda bag: (bag / "planted.txt").write_bytes(b"x"),
        lambda bag: (bag / "data" / "ec2" / "link").symlink_to("/etc/passwd"),
        lambda bag: (bag / "data" / "empty").mkdir(),
        lambda bag: (bag / "data" / "gaps.txt").write_bytes(b"changed"),
    ]
    for number, meddle in enumerate(ways):
        bag = filled(tmp_path / f"bag{number}")
        meddle(bag.directory)
        with pytest.raises(Broken):
            write_file_bag(bag)


def test_a_link_in_the_place_of_the_bag_is_refused_before_anything_is_cleared(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "real" / "keep").write_bytes(b"x")
    (tmp_path / "bag").symlink_to(tmp_path / "real")
    with pytest.raises(Broken):
        FileBag(tmp_path / "bag", INFO).begin()
    assert (tmp_path / "real" / "keep").exists()
