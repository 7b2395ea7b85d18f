"""Disks: the same bytes everywhere, a partition, files with owners and times, deleted files that come back."""

from __future__ import annotations

import hashlib
import importlib.util
import os
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest

from providers.emulators.range import DEFAULT_SCENARIO
from providers.emulators.scenario import Disk, DiskStore, ScenarioError, load
from providers.emulators.scenario.disks import cache_folder
from tests.tools import need

SECTOR = "2048"


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """A small tree with a sheet over a base, made in an order that is not alphabetical."""
    base, top = tmp_path / "disks" / "base", tmp_path / "disks" / "web"
    for path, text in (
        (base / "etc/hostname", "base\n"),
        (base / "etc/motd", "hello\n"),
        (top / "tmp/dropper.sh", "#!/bin/sh\n" + "echo planted\n" * 2000),
        (top / "etc/hostname", "web\n"),
        (top / "etc/cron.d/job", "* * * * * root true\n"),
    ):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    (tmp_path / "disks/base.toml").write_text('directories = ["proc"]\n[links]\nbin = "usr/bin"\n')
    (tmp_path / "disks/web.toml").write_text(
        'base = "base"\nepoch = "2026-10-01T00:00:00Z"\nremoved = "2026-11-20T03:00:00Z"\n'
        '[[file]]\npath = "etc/cron.d/job"\ntime = "2026-11-20T02:00:00Z"\nmodified = "2026-01-01T00:00:00Z"\n'
        'mode = "0640"\nowner = "33:4"\n'
        '[[generate]]\npath = "var/log/access.log"\nkind = "access-log"\nsize_mib = 0.25\n'
        '[[generate]]\npath = "var/noise"\nkind = "noise"\nsize_mib = 1\n'
    )
    return top


def disk(tree: Path) -> Disk:
    return Disk(device="/dev/xvda", size_gib=1, tree=tree, deleted=("tmp/dropper.sh",))


def built(tree: Path, folder: Path, seed: int = 7) -> Path:
    need("mke2fs", "e2fsprogs")
    image = DiskStore(seed, folder).image(disk(tree))
    assert image is not None
    return image


def sleuth(tool: str, image: Path, *arguments: str) -> str:
    command = [need(tool, "sleuthkit"), *arguments[:-1], "-o", SECTOR, str(image), *arguments[-1:]]
    return subprocess.run([part for part in command if part], capture_output=True, text=True, check=True).stdout


def digest(image: Path) -> str:
    with image.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def test_two_builds_in_two_places_are_the_same_bytes(
    tree: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    one = built(tree, tmp_path / "here")
    # Another umask, another time zone, a copy of the tree with other times made in another order.
    copy = tmp_path / "there" / "disks"
    files = sorted((path for path in tree.parent.rglob("*") if path.is_file()), reverse=True)
    old = os.umask(0o077)
    try:
        for file in files:
            target = copy / file.relative_to(tree.parent)
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(file.read_bytes())
            os.utime(target, (1, 1))
        monkeypatch.setenv("TZ", "Pacific/Auckland")
        other = built(copy / tree.name, tmp_path / "elsewhere")
    finally:
        os.umask(old)
    assert digest(one) == digest(other)
    assert one.name == other.name
    assert one.stat().st_size == 2**30
    assert one.stat().st_blocks * 512 < 32 * 2**20


def test_a_changed_tree_or_seed_is_another_disk(tree: Path, tmp_path: Path) -> None:
    first = built(tree, tmp_path / "cache")
    assert built(tree, tmp_path / "cache", seed=8) != first
    (tree / "etc/hostname").write_text("renamed\n")
    assert built(tree, tmp_path / "cache") != first
    assert len(list((tmp_path / "cache").glob("*.raw"))) == 3
    assert not list((tmp_path / "cache").glob("build-*"))


def test_the_file_system_is_sound_and_holds_the_tree(tree: Path, tmp_path: Path) -> None:
    image = built(tree, tmp_path / "cache")
    e2fsck = need("e2fsck", "e2fsprogs")
    check = subprocess.run([e2fsck, "-fn", f"{image}?offset=1048576"], capture_output=True, text=True, check=False)
    assert check.returncode == 0, check.stdout
    listing = sleuth("fls", image, "-r", "-p", "")
    for name in ("etc/hostname", "etc/motd", "etc/cron.d/job", "proc", "var/log/access.log"):
        assert re.search(rf"\t{re.escape(name)}$", listing, re.MULTILINE), name
    inode = re.search(r"r/r (\d+):\tetc/cron.d/job", listing)
    assert inode
    facts = sleuth("istat", image, inode[1])
    assert "uid / gid: 33 / 4" in facts
    assert "File Modified:\t2026-01-01 00:00:00" in facts
    assert "Inode Modified:\t2026-11-20 02:00:00" in facts
    hostname = re.search(r"r/r (\d+):\tetc/hostname", listing)
    assert hostname
    assert sleuth("icat", image, hostname[1]) == "web\n"


def test_a_deleted_file_can_be_recovered(tree: Path, tmp_path: Path) -> None:
    image = built(tree, tmp_path / "cache")
    deleted = sleuth("fls", image, "-r", "-d", "-p", "")
    match = re.search(r"r/r \* (\d+):\ttmp/dropper.sh", deleted)
    assert match, deleted
    assert sleuth("icat", image, match[1]) == (tree / "tmp/dropper.sh").read_text()
    assert "2026-11-20 03:00:00" in sleuth("istat", image, match[1])


def test_a_missing_mke2fs_is_one_clear_line(tree: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("providers.emulators.scenario.disks.shutil.which", lambda *_, **__: None)
    with pytest.raises(ScenarioError) as caught:
        DiskStore(7, tmp_path / "cache").image(disk(tree))
    assert "mke2fs is not installed" in caught.value.message
    assert "e2fsprogs" in caught.value.next
    assert "\n" not in str(caught.value)


def test_a_wrong_sheet_is_refused_by_name_and_line(tree: Path, tmp_path: Path) -> None:
    sheet = tree.parent / "web.toml"
    sheet.write_text('[[file]]\npath = "etc/none"\n')
    with pytest.raises(ScenarioError, match=r"web\.toml line 2.*etc/none"):
        DiskStore(7, tmp_path / "cache").image(disk(tree))


def test_the_cache_is_in_the_users_cache_directory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", "/somewhere/cache")
    assert cache_folder() == Path("/somewhere/cache/jumpbag/disks")
    monkeypatch.setenv("XDG_CACHE_HOME", "relative")
    monkeypatch.setenv("HOME", "/home/one")
    assert cache_folder() == Path("/home/one/.cache/jumpbag/disks")


@pytest.mark.slow
def test_dissect_opens_the_shipped_web_server(tmp_path: Path) -> None:
    need("mke2fs", "e2fsprogs")
    if importlib.util.find_spec("dissect.extfs") is None:
        reason = "dissect.extfs is not installed (dissect.target reads ext4 with it)"
        if os.environ.get("CI"):
            pytest.fail(reason)
        pytest.skip(reason)
    from dissect.target import Target

    scenario = load(DEFAULT_SCENARIO)
    assert scenario.aws is not None
    web = next(one for one in scenario.aws.instances if one.name == "web-01")
    image = DiskStore(scenario.seed, tmp_path).image(web.volumes[0])
    target: Any = Target.open(str(image))
    assert target.hostname == "web-01"
    assert target.version.startswith("Debian GNU/Linux 12")
    assert {user.name for user in target.users() if user.uid == 0} == {"root", "sysbackup"}
    assert any("/usr/local/sbin/.sysupd" in job.command for job in target.cronjobs() if hasattr(job, "command"))
