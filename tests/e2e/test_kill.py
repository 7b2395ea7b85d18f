"""kill -9 of the agent, of a worker, of the terminal: the next verb starts an agent, and it goes on by itself."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from providers.emulators.range import RangeThread
from tests.e2e.cloud import Cloud
from tests.e2e.conftest import NewCase
from tests.e2e.packs import BLOCK, Pack
from tests.e2e.runner import Case
from tests.e2e.waiting import until

SLOW_BLOCKS = [200, 240]
"""Milliseconds: 192 blocks, 16 at once, then take about three seconds."""


@pytest.fixture
def volumes(case: Case) -> dict[str, str]:
    return case.volumes()


@pytest.fixture(scope="module")
def slow_cloud(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cloud]:
    """A cloud whose snapshots take five seconds."""
    pack = Pack(tmp_path_factory.mktemp("slow") / "pack", speed=10.0)
    pack.random_image("small.raw", 3 * BLOCK)
    pack.volume("small", image="small.raw")
    with RangeThread(pack.write(), tmp_path_factory.mktemp("slow-range")) as embedded:
        yield Cloud(embedded.config_path)


def recovered(case: Case, cloud: Cloud, acq: str = "A-0001") -> None:
    """What must be true after every crash."""
    case.acquisitions()  # any verb starts the agent
    case.reached(acq, "done", within=90)
    assert len(cloud.of_case(case.id, "ec2:CreateSnapshot", "allow")) == 1, "more than one snapshot was made"
    assert len(case.events("agent.recover")) >= 1
    assert [body["params"]["state"] for body in case.events("acquisition.finish", acq=acq)] == ["done"]
    case.settled()
    case.verified()


def downloading(case: Case, acq: str) -> Callable[[], bool]:
    def look() -> bool:
        row = case.row(acq)
        return row is not None and row.step.startswith("Read its blocks") and (row.bytes_done or 0) > 0

    return look


@pytest.mark.slow
def test_while_the_snapshot_is_awaited(new_case: NewCase, slow_cloud: Cloud) -> None:
    case = new_case(slow_cloud)
    volume = case.volumes()["small"]
    acq = case.acquire(volume)
    until("the snapshot is made", lambda: case.events("snapshot.create", phase="result"))
    row = case.reached(acq, "running")
    assert row.step == "Wait until the snapshot is complete" or row.step_no <= 2
    case.kill_agent()
    recovered(case, slow_cloud)


def test_while_blocks_are_downloaded(case: Case, cloud: Cloud, volumes: dict[str, str]) -> None:
    cloud.faults(latency_ms=SLOW_BLOCKS)
    acq = case.acquire(volumes["many"])
    until("blocks arrive", downloading(case, acq))
    case.kill_agent()
    cloud.well()
    reads = case.events("evidence.read", phase="intent")
    assert len(reads) == 1 and not case.events("evidence.read", phase="result")
    recovered(case, cloud)
    snapshot = case.events("snapshot.create", phase="result")[0]["resource"]
    answered, distinct = cloud.blocks(snapshot)
    assert distinct == 192
    assert answered < 2 * 192, "the resumed download began anew"
    assert [body["phase"] for body in case.events("evidence.read") if body["phase"] != "intent"] == [
        "abandoned",
        "result",
    ]


@pytest.mark.slow
def test_while_the_image_is_hashed(case: Case, cloud: Cloud, volumes: dict[str, str]) -> None:
    acq = case.acquire(volumes["wide"])
    case.reached(acq, "hashing")
    case.kill_agent()
    recovered(case, cloud)
    assert case.image_sha256() == case.events("evidence.seal", phase="result")[0]["digests"][1]["hex"]


@pytest.mark.slow
def test_a_worker(case: Case, cloud: Cloud, volumes: dict[str, str]) -> None:
    cloud.faults(latency_ms=SLOW_BLOCKS)
    acq = case.acquire(volumes["many"])
    until("blocks arrive", downloading(case, acq))
    agent = case.agent()
    assert agent is not None
    workers = agent.children()
    assert workers
    workers[0].kill()
    cloud.well()
    case.reached(acq, "done", within=90)
    assert case.agent() == agent, "the agent did not live through the end of a worker"
    assert len(cloud.of_case(case.id, "ec2:CreateSnapshot", "allow")) == 1
    case.settled()
    case.verified()


@pytest.mark.slow
def test_before_anything_was_answered(case: Case, cloud: Cloud, volumes: dict[str, str]) -> None:
    """The intent of CreateSnapshot is in the log, its answer is not: the snapshot is found and adopted."""
    cloud.faults(latency_ms=[400, 450])
    acq = case.acquire(volumes["small"])
    until("the intent is in the log", lambda: case.events("snapshot.create", phase="intent", acq=acq))
    case.kill_agent()
    cloud.well()
    recovered(case, cloud)


# -- sealing: the two moments that no signal hits reliably are made by hand ------------------------------------


@pytest.fixture(scope="module")
def finished(jumpbag: Any, running: Cloud) -> Iterator[Case]:
    """A finished case; copies of it are cut back to the middle of a seal."""
    case = jumpbag.create("finished", running)
    try:
        case.acquire(case.volumes()["small"], "--wait")
        case.stop()
        yield case
    finally:
        case.put_down()


def cut_back(finished: Case, moved: bool) -> None:
    """Turn the case into what a crash after the seal's intent left: the bag ``moved`` to its name, or not yet."""
    custody = finished.path / "custody"
    lines = finished.lines()
    intent = next(
        number
        for number, line in enumerate(lines, 1)
        if (body := json.loads(line)["b"])["op"] == "evidence.seal" and body["phase"] == "intent"
    )
    (custody / "events.jsonl").write_bytes(b"".join(lines[:intent]))
    for note in (custody / "checkpoints").glob("*.note"):
        if int(note.stem) >= intent or not _has_event(lines[:intent], int(note.stem)):
            note.unlink()
    for name in ("engine.sqlite", "engine.sqlite-wal", "engine.sqlite-shm"):
        (finished.path / name).unlink(missing_ok=True)
    if not moved:
        bag = finished.bag("E-0001")
        bag.chmod(0o700)
        bag.rename(bag.with_name(".E-0001.partial"))
        bag.with_name(".E-0001.partial").chmod(0o500)


def _has_event(lines: list[bytes], size: int) -> bool:
    bodies = [json.loads(line)["b"] for line in lines]
    return any(body["op"] == "log.checkpoint" and body["params"]["size"] == size for body in bodies)


@pytest.mark.parametrize(
    "moved",
    [
        pytest.param(True, id="after-the-rename", marks=pytest.mark.slow),
        pytest.param(False, id="before-the-rename", marks=pytest.mark.slow),
    ],
)
def test_in_the_middle_of_the_seal(finished: Case, running: Cloud, moved: bool, tmp_path: Path) -> None:
    kept = tmp_path / "kept"
    copy(finished.path, kept)
    work = finished.jumpbag.home / ".local" / "state" / "jumpbag" / "work"
    try:
        cut_back(finished, moved)
        if moved:
            assert not any(work.rglob("blocks.journal")), "the crash came after the journal was needed"
        recovered(finished, running)
        seals = [body["phase"] for body in finished.events("evidence.seal")]
        assert seals == ["intent", "abandoned", "intent", "result"]
        finished.stop()
    finally:
        finished.put_down()
        _restore(kept, finished.path)


def _restore(kept: Path, path: Path) -> None:
    for folder in (path / "evidence").rglob("*"):
        if folder.is_dir():
            folder.chmod(0o700)
    for folder in (path / "evidence").iterdir():
        folder.chmod(0o700)
    shutil.rmtree(path)
    copy(kept, path)


def copy(source: Path, target: Path) -> None:
    subprocess.run(["cp", "-a", "--sparse=always", str(source), str(target)], check=True)
