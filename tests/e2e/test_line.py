"""The whole line, every program a process of its own: range, case, acquire, verify, and a stranger's tools."""

from __future__ import annotations

import importlib.util
import json
import os
import shutil
import stat
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.cloud import Cloud
from tests.e2e.packs import BLOCK, DELETED, GIB, PLANTED, Pack, padded_sha256
from tests.e2e.runner import Answer, Case, Jumpbag
from tests.e2e.waiting import until
from tests.tools import need

NAMES = ("odd", "bare", "whole")
PARTITION = 2**20


@dataclass
class Line:
    """Three disks, acquired side by side from other processes."""

    case: Case
    cloud: Cloud
    answers: dict[str, Answer]
    sources: dict[str, Path]

    def told(self, name: str) -> dict[str, Any]:
        found: dict[str, Any] = self.answers[name].ok().json
        return found

    def image(self, name: str) -> Path:
        return Path(self.told(name)["path"]) / "data" / "disk.raw"


@pytest.fixture(scope="module")
def line(jumpbag: Jumpbag, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Line]:
    need("mke2fs", "e2fsprogs")
    pack = Pack(tmp_path_factory.mktemp("own") / "pack", speed=200.0)
    sources = {
        "odd": pack.random_image("odd.raw", 5 * BLOCK + 77_777),
        "bare": pack.ext4_image("bare.raw"),
    }
    pack.tree("root", {"opt/skim.sh": PLANTED, "opt/dropper.exe": DELETED, "etc/hostname": b"e2e\n"})
    pack.volume("odd", image="odd.raw")
    pack.volume("bare", image="bare.raw")
    pack.volume("whole", tree="root", deleted=("opt/dropper.exe",))
    ready = tmp_path_factory.mktemp("ready") / "ready.json"
    serving = jumpbag.start("range", "serve", "--scenario", str(pack.write()), "--ready-file", str(ready))
    try:
        until("the range is ready", lambda: ready.exists() or serving.poll() is not None)
        assert serving.poll() is None, serving.communicate()
        told = json.loads(ready.read_text("utf-8"))
        assert set(told) == {"config", "endpoints", "ca_bundle", "pid"}
        assert set(told["endpoints"]) == {"aws", "azure", "gcp"} and told["pid"] == serving.pid
        cloud = Cloud(Path(told["config"]))
        assert cloud.state() == {"calls": [], "blocks": []}
        case = jumpbag.create("IR-1", cloud)
        try:
            volumes = case.volumes()
            asked = {
                name: jumpbag.start("acquire", str(case.path), "disk", volumes[name], "--wait", "--json")
                for name in NAMES
            }
            answers = {}
            for name, process in asked.items():
                out, err = process.communicate(timeout=120)
                answers[name] = Answer((f"acquire {name}",), process.returncode, out, err)
            # The tree's disk was built and cached in the home of the range.
            built = list((jumpbag.home / ".cache" / "jumpbag" / "disks").glob("*.raw"))
            assert len(built) == 1
            yield Line(case, cloud, answers, {**sources, "whole": built[0]})
        finally:
            case.put_down()
    finally:
        serving.terminate()
        assert serving.wait(10) == 0, "the range did not end well at SIGTERM"


@pytest.mark.parametrize("name", NAMES)
def test_the_image_is_the_source_padded_to_the_volume(line: Line, name: str) -> None:
    told, image = line.told(name), line.image(name)
    assert set(told) == {"acquisition", "state", "item", "items", "sha256", "bytes", "path"}
    assert told["state"] == "done" and told["bytes"] == GIB == image.stat().st_size
    assert told["sha256"] == padded_sha256(line.sources[name], GIB)
    manifest = (Path(told["path"]) / "manifest-sha256.txt").read_text("utf-8")
    assert manifest == f"{told['sha256']}  data/disk.raw\n"  # held against the image further down
    assert line.sources[name].stat().st_size % BLOCK != 0 or name != "odd"
    assert image.stat().st_blocks * 512 < GIB // 8, "the image is not sparse"


@pytest.mark.parametrize(("name", "offset"), [("bare", 0), ("whole", PARTITION)])
def test_sleuthkit_reads_the_planted_and_the_deleted_file(line: Line, name: str, offset: int) -> None:
    fls, icat = need("fls", "sleuthkit"), need("icat", "sleuthkit")
    at = ["-o", str(offset // 512), str(line.image(name))]
    listed = subprocess.run([fls, "-r", "-p", *at], capture_output=True, text=True, check=True).stdout
    rows = {path: entry for entry, _, path in (row.partition(":\t") for row in listed.splitlines())}
    planted = rows["opt/skim.sh"].split()[1]
    assert subprocess.run([icat, *at, planted], capture_output=True, check=True).stdout == PLANTED
    deleted = rows["opt/dropper.exe"]
    assert "*" in deleted.split(), deleted
    inode = deleted.split("*")[1].split("(")[0].strip()
    read = subprocess.run([icat, "-r", *at, inode], capture_output=True, check=True).stdout
    # ext4 forgets where the blocks of a removed file were; its bytes are still in the image.
    assert read == DELETED or DELETED in line.image(name).read_bytes()[: 64 * 2**20]


@pytest.mark.parametrize("name", ["bare", "whole"])
def test_dissect_reads_the_planted_file(line: Line, name: str) -> None:
    if importlib.util.find_spec("dissect.extfs") is None:
        reason = "dissect.extfs is not installed (dissect.target reads ext4 with it)"
        if os.environ.get("CI"):
            pytest.fail(reason)
        pytest.skip(reason)
    from dissect.extfs.extfs import ExtFS
    from dissect.util.stream import RangeStream

    offset = PARTITION if name == "whole" else 0
    with line.image(name).open("rb") as stream:
        system = ExtFS(RangeStream(stream, offset, GIB - offset))
        assert system.get("opt/skim.sh").open().read() == PLANTED
        assert "dropper.exe" not in system.get("opt").listdir()


def test_dissect_finds_the_partition(line: Line) -> None:
    from dissect.volume.disk import Disk

    with line.image("whole").open("rb") as stream:
        partitions = Disk(stream).partitions
        assert [(found.offset, found.type) for found in partitions] == [(PARTITION, 0x83)]


def test_verify_has_nothing_to_say(line: Line, jumpbag: Jumpbag) -> None:
    report = line.case.verified()
    assert report["chain"] is True and report["signatures"] is True and report["open_intents"] == []
    assert {item["id"] for item in report["items"]} == {line.told(name)["item"] for name in NAMES}
    assert all(item["ok"] for item in report["items"])
    line.case.settled()
    first = line.case.events("case.open")[0]["params"]["key"]["id"]
    assert jumpbag("verify", str(line.case.path), "--key", first, "--json").ok().json["trust"] == "pinned"
    assert jumpbag("verify", str(line.case.path), "--key", "0" * 16, "--json").code == 1
    assert jumpbag("verify", str(line.case.path), "--log-only", "--json").code == 2


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
def test_a_bag_stands_alone(line: Line, name: str, jumpbag: Jumpbag) -> None:
    bag = Path(line.told(name)["path"])
    report = jumpbag("verify", str(bag), "--json").ok().json
    assert report["ok"] is None and report["chain"] is None and report["signatures"] is None
    assert [item["ok"] for item in report["items"]] == [True]
    for manifest in ("manifest-sha256.txt", "tagmanifest-sha256.txt"):
        subprocess.run(["sha256sum", "-c", "--quiet", "--strict", manifest], cwd=bag, check=True)
    modes = {stat.S_IMODE(path.lstat().st_mode) for path in (bag, *bag.rglob("*"))}
    assert modes == {0o500, 0o400}, "the bag can be written to"


def test_the_verdict_on_a_bag_in_words(line: Line, jumpbag: Jumpbag) -> None:
    said = jumpbag("verify", line.told("odd")["path"]).ok().out
    assert said.splitlines()[0].split() == ["verdict", "OK"], said


@pytest.mark.slow
def test_a_flipped_bit_in_a_copy_is_found(line: Line, jumpbag: Jumpbag, tmp_path: Path) -> None:
    copy = tmp_path / "a copy of bag é"
    shutil.copytree(line.told("odd")["path"], copy, copy_function=_sparse)
    image = copy / "data" / "disk.raw"
    image.chmod(0o600)
    with image.open("r+b") as stream:
        byte = stream.read(1)
        stream.seek(0)
        stream.write(bytes([byte[0] ^ 1]))
    answer = jumpbag("verify", str(copy), "--json")
    assert answer.code == 1 and "disk.raw" in answer.json["reason"]


def _sparse(source: str, target: str) -> None:
    subprocess.run(["cp", "--sparse=always", source, target], check=True)


def test_the_script_of_the_case_agrees(line: Line) -> None:
    """verify.sh needs a shell, awk, openssl and sha256sum, and comes to the same verdict."""
    need("openssl", "openssl")
    script = line.case.path / "custody" / "verify.sh"
    assert script.stat().st_size > 0
    line.case.stop()
    done = subprocess.run(["sh", str(script), str(line.case.path)], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
