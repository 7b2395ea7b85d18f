"""What an adversary's counsel would try: files that nothing signs changed behind the agent's back, approvals and
leases that end half-way. What is sealed stands on the signed log alone."""

from __future__ import annotations

import hashlib
import json
import shutil
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from datetime import timedelta
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from app.case.folder import read
from app.clock import SystemClock, stamp
from app.custody import Ledger, load
from app.locations import Locations
from tests.e2e.cloud import Cloud
from tests.e2e.conftest import NewCase
from tests.e2e.packs import GIB, padded_sha256
from tests.e2e.runner import Case
from tests.e2e.waiting import until

READING = [200, 240]
"""Milliseconds: 192 blocks, 16 at once, then take about three seconds."""
ENGINE = ("engine.sqlite", "engine.sqlite-wal", "engine.sqlite-shm")


@pytest.fixture
def volumes(case: Case) -> dict[str, str]:
    return case.volumes()


def reading(case: Case, cloud: Cloud, volume: str) -> str:
    """An acquisition in the middle of its download."""
    cloud.faults(latency_ms=READING)
    acq = case.acquire(volume)
    until(
        "blocks arrive",
        lambda: (row := case.row(acq)) and row.step.startswith("Read its blocks") and (row.bytes_done or 0) > 0,
    )
    return acq


def paused(case: Case, cloud: Cloud, volume: str) -> str:
    """A paused acquisition whose run of blocks is closed, and no agent."""
    acq = reading(case, cloud, volume)
    case.run("pause", acq).ok()
    until("the run is closed", lambda: case.events("evidence.read", phase="abandoned"))
    case.stop()
    cloud.well()
    return acq


def line_of(case: Case, wanted: Callable[[dict[str, Any]], bool]) -> list[int]:
    """Numbers of the lines whose body is wanted."""
    return [number for number, line in enumerate(case.lines(), 1) if wanted(json.loads(line)["b"])]


def states(case: Case, acq: str) -> list[str]:
    return [body["params"]["state"] for body in case.events("acquisition.finish", acq=acq)]


source_sha256 = cache(padded_sha256)


def sealed_whole(case: Case, pack: Path, image: str, item: str = "E-0001") -> None:
    """The sealed image is the source to the last byte, and nothing is said against the case."""
    seal = case.events("evidence.seal", phase="result", item=item)
    wanted = [source_sha256(pack / "disks" / image, GIB)]
    assert [digest["hex"] for digest in seal[0]["digests"] if digest["of"] == "data/disk.raw"] == wanted
    case.settled()
    case.verified()


# -- files that nothing signs ------------------------------------------------------------------------------------


@pytest.mark.slow
def test_a_planted_bag_is_not_taken_for_our_own(case: Case, cloud: Cloud, volumes: dict[str, str]) -> None:
    case.acquire(volumes["small"], "--wait")
    sealed, planted = case.bag("E-0001"), case.bag("E-0002")
    replant(sealed, planted, {"E-0001": "E-0002", "A-0001": "A-0002", volumes["small"]: volumes["many"]})
    error = case.run("acquire", "disk", volumes["many"], "--wait").refused_with("failed", 1)
    assert "E-0002 is there already" in error["message"] and error["next"]
    assert case.events("evidence.seal", acq="A-0002") == [] and case.events("evidence.read", acq="A-0002") == []
    snapshot = case.events("snapshot.create", phase="result", acq="A-0002")[0]["resource"]
    assert cloud.blocks(snapshot) == (0, 0)
    assert [row["id"] for row in case.run("evidence").ok().json] == ["E-0001"]
    case.settled()


def replant(bag: Path, planted: Path, words: dict[str, str]) -> None:
    """A copy of a sealed bag that says it is another, with manifests to match."""
    (planted / "data").mkdir(parents=True)
    for file in (path for path in bag.rglob("*") if path.is_file()):
        (planted / file.relative_to(bag)).hardlink_to(file)
    info, tags = planted / "bag-info.txt", planted / "tagmanifest-sha256.txt"
    text, listed = info.read_text("utf-8"), tags.read_text("utf-8")
    before = hashlib.sha256(text.encode()).hexdigest()
    for old, new in words.items():
        assert old in text
        text = text.replace(old, new)
    info.unlink()
    tags.unlink()
    info.write_text(text, "utf-8")
    assert before in listed
    tags.write_text(listed.replace(before, hashlib.sha256(text.encode()).hexdigest()), "utf-8")


@pytest.mark.slow
def test_a_row_of_the_engine_does_not_make_an_image_complete(
    case: Case, cloud: Cloud, volumes: dict[str, str], pack: Path
) -> None:
    acq = paused(case, cloud, volumes["many"])
    snapshot = case.events("snapshot.create", phase="result")[0]["resource"]
    assert cloud.blocks(snapshot)[1] < 192, "nothing is left to skip"
    with closing(sqlite3.connect(case.path / "engine.sqlite")) as engine, engine:
        engine.row_factory = sqlite3.Row
        done = dict(engine.execute("SELECT * FROM operation_outputs WHERE function_name = 'step 3'").fetchone())
        told = json.dumps({"outcome": "ok", "output": {}})
        assert json.loads(done["output"])["outcome"] == "ok", "the row is not what the engine would write"
        forged = done | {"function_id": done["function_id"] + 1, "function_name": "step 4", "output": told}
        marks = ", ".join("?" * len(forged))
        engine.execute(
            f"INSERT INTO operation_outputs ({', '.join(forged)}) VALUES ({marks})",
            list(forged.values()),
        )
    case.run("resume", acq).ok()
    case.reached(acq, "done")
    assert cloud.blocks(snapshot)[1] == 192
    sealed_whole(case, pack, "many.raw")


@pytest.mark.slow
def test_rows_of_the_engine_from_before_a_cancel_start_nothing(
    case: Case, cloud: Cloud, volumes: dict[str, str], tmp_path: Path
) -> None:
    acq = paused(case, cloud, volumes["many"])
    for name in ENGINE:
        if (case.path / name).exists():
            shutil.copy2(case.path / name, tmp_path)
    case.run("cancel", acq).ok()
    case.reached(acq, "cancelled")
    case.stop()
    assert engine_status(case.path, acq) not in ("PENDING", "ENQUEUED")
    for name in ENGINE:
        (case.path / name).unlink(missing_ok=True)
        if (tmp_path / name).exists():
            shutil.copy2(tmp_path / name, case.path)
    assert engine_status(case.path, acq) in ("PENDING", "ENQUEUED"), "the old rows have nothing to run"
    calls = len(cloud.of_case(case.id))
    assert case.acquisitions()[acq]["state"] == "cancelled"
    until("the engine is through", lambda: engine_status(case.path, acq) not in ("PENDING", "ENQUEUED"))
    (finish,) = line_of(case, lambda body: body["op"] == "acquisition.finish")
    assert line_of(case, lambda body: body.get("acq") == acq)[-1] == finish, "something ran after the end"
    assert len(cloud.of_case(case.id)) == calls
    assert states(case, acq) == ["cancelled"]
    case.settled()
    case.verified()


def engine_status(case: Path, acq: str) -> str:
    with closing(sqlite3.connect(case / "engine.sqlite", timeout=5)) as engine:
        rows = engine.execute("SELECT status FROM workflow_status WHERE workflow_uuid LIKE ?", (f"%/{acq}.1",))
        return str(rows.fetchone()[0])


@pytest.mark.slow
def test_without_the_engine_s_rows_it_goes_on_from_the_log(
    case: Case, cloud: Cloud, volumes: dict[str, str], pack: Path
) -> None:
    acq = reading(case, cloud, volumes["many"])
    case.stop()
    cloud.well()
    for name in ENGINE:
        (case.path / name).unlink(missing_ok=True)
    case.acquisitions()
    case.reached(acq, "done")
    assert len(cloud.of_case(case.id, "ec2:CreateSnapshot", "allow")) == 1
    assert states(case, acq) == ["done"]
    sealed_whole(case, pack, "many.raw")


def test_settings_edited_behind_the_log_are_refused(case: Case, cloud: Cloud, volumes: dict[str, str]) -> None:
    case.stop()
    toml = case.path / "case.toml"
    kept, lines, calls = toml.read_bytes(), case.lines(), len(cloud.of_case(case.id))
    toml.write_bytes(kept + b"# an afterthought\n")
    for verb in (
        ("resources",),
        ("acquisitions",),
        ("acquire", "disk", volumes["small"]),
    ):
        error = case.run(*verb).refused(3)
        assert str(toml) in error["message"] and error["next"]
    assert case.lines() == lines
    assert len(cloud.of_case(case.id)) == calls
    toml.write_bytes(kept)


def test_a_link_in_place_of_the_evidence_directory_is_refused(
    case: Case, cloud: Cloud, volumes: dict[str, str], tmp_path: Path
) -> None:
    evidence = case.path / "evidence"
    evidence.rmdir()
    evidence.symlink_to(tmp_path, target_is_directory=True)
    for verb in ("plan", "acquire"):
        error = case.run(verb, "disk", volumes["small"]).refused(3)
        assert str(evidence) in error["message"] and "symbolic link" in error["message"]
    assert case.events("plan.approve") == [] and case.events("acquisition.start") == []
    assert cloud.of_case(case.id, "ec2:CreateSnapshot") == []
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("how", ["garbage", "locked"])
def test_a_read_model_that_cannot_be_written_stops_no_acquisition(
    case: Case, cloud: Cloud, volumes: dict[str, str], pack: Path, how: str
) -> None:
    cloud.faults(latency_ms=[60, 80])
    with spoilt(case.path / "case.sqlite", how):
        acq = case.acquire(volumes["many"])
        if how == "garbage":
            with (case.path / "case.sqlite").open("r+b") as file:
                file.write(b"\xa5" * file.seek(0, 2))
        until("blocks are read", lambda: case.events("evidence.read", phase="intent"))
    cloud.well()
    until("it has ended", lambda: states(case, acq))
    assert states(case, acq) == ["done"]
    sealed_whole(case, pack, "many.raw")


@contextmanager
def spoilt(read_model: Path, how: str) -> Iterator[None]:
    """While inside, ``locked`` holds the write lock of the read model."""
    with closing(sqlite3.connect(read_model, isolation_level=None, timeout=30)) as other:
        if how == "locked":
            other.execute("BEGIN IMMEDIATE")
        yield
        if other.in_transaction:
            other.execute("ROLLBACK")


# -- approvals, wishes and leases that end half-way --------------------------------------------------------------


@pytest.mark.slow
def test_an_approval_that_ends_while_it_reads_holds_it(new_case: NewCase, cloud: Cloud, pack: Path) -> None:
    case = new_case(cloud, approval_seconds=4, workers=1)
    volume = case.volumes()["many"]
    cloud.faults(latency_ms=READING)
    acq = case.acquire(volume)
    until("it reads", lambda: case.events("evidence.read", phase="intent"))
    cloud.faults(latency_ms=[900, 940])  # twelve seconds of blocks
    row = case.reached(acq, "interrupted")
    assert row.error and "approval" in row.error and row.next
    until("the run is closed", lambda: case.events("evidence.read", phase="abandoned"))
    assert len(case.events("plan.approve")) == 1 and states(case, acq) == []
    cloud.well()

    def over() -> bool:
        """On a slow host one more approval may run out while the image is hashed."""
        now = case.row(acq)
        if now is not None and now.state == "interrupted":
            case.run("resume", acq).ok()
        return bool(states(case, acq))

    until("it is done", over)
    assert states(case, acq) == ["done"]
    approvals = [body["params"]["plan_sha256"] for body in case.events("plan.approve")]
    assert len(approvals) >= 2 and len(set(approvals)) == 1
    unapproved = [body for body in case.events(phase="intent", acq=acq) if not body.get("authority")]
    late = [b for b in case.events(phase="intent", acq=acq) if b["ts"] >= b["authority"]["valid_until"]]
    assert unapproved == late == []
    sealed_whole(case, pack, "many.raw")


def test_no_act_begins_after_a_pause(case: Case, cloud: Cloud, volumes: dict[str, str]) -> None:
    cloud.faults(latency_ms=[900, 940])
    acq = case.acquire(volumes["small"])
    case.run("pause", acq).ok()
    case.volumes()  # a look around takes the cloud longer than what the act still had to ask
    assert case.reached(acq, "paused").state == "paused"
    assert case.events("snapshot.create") == [], "the pause came too late to prove anything, or was not heeded"
    assert cloud.of_case(case.id, "ec2:CreateSnapshot") == []
    cloud.well()
    case.run("resume", acq).ok()
    until("the snapshot is made", lambda: case.events("snapshot.create", phase="result"))
    (resumed,) = line_of(case, lambda body: body["op"] == "acquisition.resume")
    (intent,) = line_of(case, lambda body: body["op"] == "snapshot.create" and body["phase"] == "intent")
    assert resumed < intent
    case.run("cancel", acq).ok()
    case.reached(acq, "cancelled")
    case.settled()
    case.verified()


@pytest.mark.slow
def test_an_approval_without_a_start(case: Case, cloud: Cloud, volumes: dict[str, str]) -> None:
    """The agent ended between the two lines of the log; once it is resumed, once cancelled."""
    first = case.acquire(volumes["small"])
    case.run("cancel", first).ok()
    case.reached(first, "cancelled")
    case.stop()
    approve(case, case.events("plan.approve")[0], "A-0002", "A-0003")
    rows = case.acquisitions()
    assert {rows[acq]["state"] for acq in ("A-0002", "A-0003")} == {"interrupted"}
    assert "never started" in rows["A-0002"]["error"]
    assert case.events("acquisition.start", acq="A-0002") == []
    assert case.run("cancel", "A-0003").ok().json == {"acquisition": "A-0003", "state": "cancelled"}
    case.run("resume", "A-0002").ok()
    case.reached("A-0002", "done")
    assert states(case, "A-0002") == ["done"] and states(case, "A-0003") == ["cancelled"]
    assert len(case.events("plan.approve", acq="A-0002")) == 1, "an approval that stands was asked for again"
    assert case.events("acquisition.start", acq="A-0003") == []
    assert case.acquisitions()["A-0003"]["state"] == "cancelled"
    case.settled()
    case.verified()


def approve(case: Case, like: dict[str, Any], *acqs: str) -> None:
    """Write approvals of the plan that another acquisition had, and nothing after them."""
    folder = read(case.path)
    signer = load(Locations(case.jumpbag.env).keys, folder.key, folder.settings.signing.protection)
    ledger = Ledger.open(case.path, signer)
    try:
        for acq in acqs:
            until_then = stamp(SystemClock().now() + timedelta(hours=1))
            scope = like["authority"]["scope"].replace(like["acq"], acq)
            ledger.fact(
                "plan.approve",
                actor=folder.settings.examiner.id,
                summary=f"{acq} is approved.",
                acq=acq,
                authority=like["authority"] | {"scope": scope, "valid_until": until_then},
                params=like["params"],
                **{name: like[name] for name in ("cloud", "account", "region", "resource")},
            )
    finally:
        ledger.close()


@pytest.mark.slow
def test_a_lease_that_is_revoked_while_it_reads(
    case: Case, cloud: Cloud, volumes: dict[str, str], pack: Path
) -> None:
    acq = reading(case, cloud, volumes["many"])
    lease = case.events("evidence.read", phase="intent")[0]["lease"]
    assert case.jumpbag("lease", "revoke", str(case.path), lease, "--json").ok().json["state"] == "revoked"
    assert case.reached(acq, "paused").state == "paused"
    (closed,) = line_of(case, lambda body: body["op"] == "evidence.read" and body["phase"] != "intent")
    (gone,) = line_of(case, lambda body: body["op"] == "lease.revoke" and body["phase"] == "result")
    assert closed < gone, "the lease was dropped while blocks were still read under it"
    cloud.well()
    case.run("resume", acq).ok()
    case.reached(acq, "done")
    reads = case.events("evidence.read", phase="intent")
    assert len(reads) >= 2 and lease not in {body["lease"] for body in reads[1:]}
    after = line_of(case, lambda body: body.get("lease") == lease)
    assert after[-1] == gone, "the revoked lease was used again"
    sealed_whole(case, pack, "many.raw")


@pytest.mark.slow
def test_every_block_is_accounted_for_after_a_kill(
    case: Case, cloud: Cloud, volumes: dict[str, str], pack: Path
) -> None:
    acq = reading(case, cloud, volumes["many"])
    case.kill_agent()
    cloud.well()
    case.acquisitions()
    case.reached(acq, "done")
    told = [body["params"] for body in case.events("evidence.read") if body["phase"] != "intent"]
    assert len(told) == 2 and all(set(params) >= {"blocks", "bytes", "retries"} for params in told), told
    listed = len((case.bag() / "blocks.tsv").read_text("ascii").splitlines())
    assert listed == 192  # none of its blocks is zero
    assert sum(params["blocks"] for params in told) >= listed
    assert told[0]["blocks"] > 0, "what the killed agent had read is not accounted for"
    sealed_whole(case, pack, "many.raw")
