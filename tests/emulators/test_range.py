"""The range as a process and as a context manager: ready file, configuration, certificates, stopping."""

from __future__ import annotations

import json
import os
import signal
import ssl
import stat
import subprocess
import sys
import tomllib
import urllib.request
from pathlib import Path
from typing import Any

import boto3
import pytest
from aiobotocore.session import get_session
from botocore.config import Config
from botocore.exceptions import SSLError

from providers.emulators.range import RangeThread, serve_range
from providers.emulators.scenario import ScenarioError
from tests.emulators.clients import Clients, await_until
from tests.emulators.conftest import make_pack
from tests.emulators.packs import FORENSICS, instance, volume, write_image, write_pack


def run(*arguments: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-I", "-m", "providers.emulators", *arguments]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd="/")


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_process_serves_until_it_is_told_to_stop(tmp_path: Path, number: signal.Signals) -> None:
    pack, ready = make_pack(tmp_path / "pack"), tmp_path / "ready.json"
    process = run("--scenario", str(pack), "--ready-file", str(ready), "--state-dir", str(tmp_path / "state"))
    try:
        await_until(ready.exists, 60)
        said = json.loads(ready.read_text())
        assert process.stdout is not None
        assert json.loads(process.stdout.readline()) == said
        assert set(said) == {"config", "endpoints", "ca_bundle", "pid"}
        assert said["pid"] == process.pid
        assert said["endpoints"]["azure"] is None
        assert said["endpoints"]["gcp"] is None
        context = ssl.create_default_context(cafile=said["ca_bundle"])
        with urllib.request.urlopen(said["endpoints"]["aws"] + "/_range/state", context=context) as answer:
            assert json.load(answer) == {"calls": [], "blocks": []}
        process.send_signal(number)
        _, errors = process.communicate(timeout=20)
        assert (process.returncode, errors) == (0, "")
    finally:
        process.kill()
        process.wait()


def test_a_wrong_scenario_ends_with_one_line(tmp_path: Path) -> None:
    process = run("--scenario", str(tmp_path))
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 2
    assert errors.startswith("jumpbag: ")
    assert len(errors.splitlines()) == 1
    assert "scenario.toml" in errors


def test_the_configuration_is_ready_made_and_holds_no_secret(quiet: Clients) -> None:
    embedded = quiet.range
    text = embedded.config_path.read_text()
    config = tomllib.loads(text)
    assert quiet.user["SecretAccessKey"] not in text
    assert quiet.user["AccessKeyId"] not in text
    assert config["signing"] == {"protection": "file"}
    assert config["examiner"] == {"id": "ex-07", "roster": ["ex-11"]}
    aws = config["aws"]
    assert Path(aws["credentials_file"]).parent == embedded.config_path.parent
    assert aws["tag"] == "Forensics=Enabled"
    assert (aws["profile"], aws["role"], aws["external_id"]) == ("forensics", "jumpbag-collect", "jumpbag-test")
    assert (aws["forensics_account"], aws["home_region"], aws["lease_seconds"]) == (FORENSICS, "eu-west-1", 3600)
    assert aws["regions"] == ["eu-west-1", "eu-central-1"]
    assert aws["endpoints"] == dict.fromkeys(
        ("sts", "ec2", "ebs", "organizations", "kms", "iam"), embedded.endpoint
    )
    assert str(embedded.endpoint).startswith("https://127.0.0.1:")


def test_secrets_are_for_their_owner_alone(quiet: Clients) -> None:
    embedded = quiet.range
    assert mode(embedded.credentials_path) == 0o600
    assert mode(embedded.state_dir / "server.pem") == 0o600
    assert mode(embedded.state_dir) == 0o700
    assert "PRIVATE" not in embedded.ca_bundle.read_text()


def test_a_client_without_the_ca_refuses_the_range(quiet: Clients) -> None:
    client = boto3.client(
        "sts",
        endpoint_url=quiet.range.endpoint,
        region_name="eu-west-1",
        aws_access_key_id="x",
        aws_secret_access_key="x",
        config=Config(retries={"total_max_attempts": 1}),
    )
    with pytest.raises(SSLError):
        client.get_caller_identity()


async def test_an_event_loop_can_hold_a_range(tmp_path: Path) -> None:
    async with serve_range(make_pack(tmp_path / "pack"), tmp_path / "state") as embedded:
        keys = Clients(embedded).user
        session = get_session()
        async with session.create_client(
            "sts",
            region_name="eu-west-1",
            endpoint_url=embedded.endpoint,
            verify=str(embedded.ca_bundle),
            aws_access_key_id=keys["AccessKeyId"],
            aws_secret_access_key=keys["SecretAccessKey"],
        ) as sts:
            assert (await sts.get_caller_identity())["Account"] == FORENSICS


def test_a_pack_that_cannot_start_says_so_in_the_thread_that_asked(tmp_path: Path) -> None:
    with pytest.raises(ScenarioError, match=r"scenario\.toml"), RangeThread(tmp_path, tmp_path / "state"):
        raise AssertionError("it started")


def test_a_single_account_and_an_odd_image_are_enough(tmp_path: Path) -> None:
    """A file system without a partition table that ends in the middle of a block."""
    pack = tmp_path / "pack"
    pack.mkdir()
    write_image(pack / "odd.raw", {0: b"\x53\xef", 2: b"tail"}, 2 * 524288 + 5)
    own = {"id": FORENSICS, "name": "only", "forensics": True}
    write_pack(pack, accounts=[own], instances=[instance("box", volume(image="odd.raw"), account=FORENSICS)])
    with RangeThread(pack, tmp_path / "state") as embedded:
        clients = Clients(embedded)
        keys = clients.keys(FORENSICS)
        snapshot = clients.snapshot(keys, clients.volume(keys, "box"))
        ebs = clients("ebs", keys)
        page = ebs.list_snapshot_blocks(SnapshotId=snapshot)
        assert [block["BlockIndex"] for block in page["Blocks"]] == [0, 2]
        last = page["Blocks"][-1]
        answer = ebs.get_snapshot_block(
            SnapshotId=snapshot, BlockIndex=last["BlockIndex"], BlockToken=last["BlockToken"]
        )
        assert answer["BlockData"].read() == b"tail\0".ljust(524288, b"\0")


def test_an_image_that_changes_while_it_is_served_is_not_served(tmp_path: Path) -> None:
    pack = make_pack(tmp_path / "pack")
    with RangeThread(pack, tmp_path / "state") as embedded:
        clients = Clients(embedded)
        keys = clients.keys()
        snapshot = clients.snapshot(keys, clients.volume(keys, "web-01"))
        ebs = clients("ebs", keys)
        block = ebs.list_snapshot_blocks(SnapshotId=snapshot)["Blocks"][0]
        with (pack / "web.raw").open("r+b") as file:
            file.write(b"changed")
        os.utime(pack / "web.raw", (1, 1))
        with pytest.raises(ebs.exceptions.InternalServerException):
            ebs.get_snapshot_block(
                SnapshotId=snapshot, BlockIndex=block["BlockIndex"], BlockToken=block["BlockToken"]
            )


def test_two_ranges_do_not_see_each_other(tmp_path: Path) -> None:
    packs = [make_pack(tmp_path / name) for name in ("one", "two")]
    with RangeThread(packs[0], tmp_path / "s1") as one, RangeThread(packs[1], tmp_path / "s2") as two:
        first, second = Clients(one), Clients(two)
        keys: dict[str, Any] = first.keys()
        snapshot = first.snapshot(keys, first.volume(keys, "web-01"))
        assert second("ec2", second.keys()).describe_snapshots(OwnerIds=["self"])["Snapshots"] == []
        assert first("ec2", keys).describe_snapshots(SnapshotIds=[snapshot])["Snapshots"]
