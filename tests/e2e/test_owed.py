"""What an acquisition owes: shares and transport copies are taken back, late if need be; when not, it is said."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import pytest

from app.clock import SystemClock, stamp
from providers.emulators.range import Range, RangeThread
from tests.e2e.cloud import Cloud
from tests.e2e.conftest import NewCase
from tests.e2e.leftovers import Standing, standing
from tests.e2e.packs import BLOCK, GIB, Pack, padded_sha256
from tests.e2e.runner import Case
from tests.e2e.waiting import until


@dataclass
class Field:
    """A cloud with one volume under the default key, which is re-encrypted on its way."""

    embedded: Range
    cloud: Cloud
    image: Path


@pytest.fixture(scope="module")
def field(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Field]:
    pack = Pack(tmp_path_factory.mktemp("owed") / "pack", speed=60.0)
    image = pack.random_image("default.raw", 9 * BLOCK, seed=55)
    pack.volume("default", image="default.raw", kms="default")
    with RangeThread(pack.write(), tmp_path_factory.mktemp("owed-range")) as embedded:
        yield Field(embedded, Cloud(embedded.config_path), image)


@pytest.fixture
def case(field: Field, new_case: NewCase) -> Case:
    field.cloud.well()
    return new_case(field.cloud, workers=1)


def started(case: Case, route: str = "copy") -> str:
    return case.acquire(case.volumes()["default"], "--route", route, "--yes")


def loose(field: Field, case: Case) -> list[Standing]:
    return [one for one in standing(field.embedded, case.id) if one.shared_with or "jumpbag:transport" in one.tags]


def whole(field: Field, case: Case, acq: str) -> None:
    case.reached(acq, "done", within=60)
    assert case.image_sha256() == padded_sha256(field.image, GIB)
    assert loose(field, case) == []
    assert len(case.events("snapshot.create", phase="result")) == 1
    case.settled()
    case.verified()


@pytest.mark.slow
def test_a_download_that_failed_goes_on_after_the_transport_copy_is_gone(field: Field, case: Case) -> None:
    field.cloud.faults(deny=["ebs:GetSnapshotBlock"])
    acq = started(case)
    case.reached(acq, "failed", within=60)
    field.cloud.well()
    case.run("resume", acq).ok()
    whole(field, case, acq)
    assert [body for body in case.events("case.note") if body["params"].get("note") == "unusable"] == []
    assert len(case.events("snapshot.copy", phase="result")) == 2


@pytest.mark.slow
def test_what_may_not_be_deleted_does_not_keep_the_evidence_hostage(field: Field, case: Case) -> None:
    field.cloud.faults(deny=["ec2:DeleteSnapshot"])
    acq = started(case)
    row = case.reached(acq, "failed", within=60)
    assert row.error and "sealed: E-0001" in row.error and "ec2:DeleteSnapshot" in row.error
    assert row.step.startswith("Delete") and row.step in row.error, "the step that could not be done is named"
    case.stop()
    shown = case.acquisitions()[acq]
    assert (shown["state"], shown["step"]) == ("failed", row.step)
    assert case.image_sha256() == padded_sha256(field.image, GIB)
    assert len(loose(field, case)) == 1
    field.cloud.well()
    case.run("resume", acq).ok()
    whole(field, case, acq)


def test_what_could_not_be_taken_back_is_said_and_tried_again(field: Field, case: Case) -> None:
    acq = started(case)
    until("it is shared", lambda: case.events("snapshot.share", phase="result"))
    field.cloud.faults(deny=["ec2:ModifySnapshotAttribute"])
    case.run("cancel", acq).ok()
    row = case.reached(acq, "cancelled")
    assert row.error == "not everything could be taken back" and row.next and "cancel" in row.next
    assert "Not taken back: step" in case.events("acquisition.finish")[-1]["summary"]
    case.stop()
    field.cloud.well()
    shown = case.acquisitions()[acq]
    assert shown["state"] == "cancelled" and shown["error"] == "not everything could be taken back"
    case.run("cancel", acq).ok()
    until("nothing is loose", lambda: not loose(field, case))
    until("it is told", lambda: "Not taken" not in case.events("acquisition.finish")[-1]["summary"])
    assert case.run("cancel", acq).refused(3)["message"].endswith("is cancelled")
    case.settled()
    case.verified()


@pytest.mark.slow
def test_cancelled_after_its_approval_it_takes_back_and_nobody_approved_the_plan(
    field: Field, new_case: NewCase
) -> None:
    field.cloud.well()
    case = new_case(field.cloud, workers=1, approval_seconds=6)
    field.cloud.faults(deny=["ec2:ModifySnapshotAttribute"])
    acq = started(case)
    ends = case.events("plan.approve")[0]["authority"]["valid_until"]
    case.reached(acq, "failed", "interrupted")
    assert len(loose(field, case)) == 1, "the transport copy"
    until("the approval has ended", lambda: stamp(SystemClock().now()) > ends)
    field.cloud.well()
    case.run("cancel", acq).ok()
    case.reached(acq, "cancelled")
    assert loose(field, case) == []
    assert len(case.events("plan.approve")) == 1
    (cancel,) = case.events("acquisition.cancel")
    assert cancel["authority"]["scope"] == f"{acq}: take back what is in force"
    assert cancel["authority"]["valid_until"] > ends
    (undone,) = case.events("snapshot.delete", phase="intent")
    assert undone["authority"] == cancel["authority"] and undone["seq"] > cancel["seq"]
    case.settled()
    case.verified()


@pytest.mark.slow
def test_a_share_of_which_no_answer_came_is_looked_for_before_it_is_forgotten(field: Field, case: Case) -> None:
    acq = started(case)
    until("the copy is made", lambda: case.events("snapshot.copy", phase="result"))
    field.cloud.faults(latency_ms=[700, 800])
    until("the share is begun", lambda: case.events("snapshot.share", phase="intent"))
    case.kill_agent()
    field.cloud.well()
    field.cloud.faults(deny=["ec2:DescribeSnapshotAttribute"])
    case.run("acquisitions").ok()
    case.run("cancel", acq).ok()
    case.reached(acq, "cancelled")
    if loose(field, case):
        summary = case.events("acquisition.finish")[-1]["summary"]
        assert "took effect is not known" in summary or "Not taken back" in summary
    field.cloud.well()
    if case.row(acq) is not None and case.acquisitions()[acq]["error"]:
        case.run("cancel", acq).ok()
    until("nothing is loose", lambda: not loose(field, case))
    case.settled()
    case.verified()


@pytest.mark.slow
def test_rows_of_the_engine_do_not_make_an_acquisition_done(field: Field, case: Case) -> None:
    """Only the signed log says what was copied and taken back."""
    acq = started(case, "preserve-copy")
    until("it is shared", lambda: case.events("snapshot.share", phase="result"))
    case.run("pause", acq).ok()
    case.reached(acq, "paused")
    case.stop()
    with closing(sqlite3.connect(case.path / "engine.sqlite")) as engine, engine:
        engine.row_factory = sqlite3.Row
        rows = [dict(row) for row in engine.execute("SELECT * FROM operation_outputs ORDER BY function_id")]
        done = next(row for row in rows if row["function_name"] == "step 3")
        known = {row["function_id"] for row in rows}
        for step in range(1, 11):
            forged = done | {"function_id": done["function_id"] - 3 + step, "function_name": f"step {step}"}
            if forged["function_id"] not in known:
                marks = ", ".join("?" * len(forged))
                engine.execute(
                    f"INSERT INTO operation_outputs ({', '.join(forged)}) VALUES ({marks})", list(forged.values())
                )
    case.run("resume", acq).ok()
    row = case.reached(acq, "failed", "done", within=60)
    if row.state == "failed":
        case.run("resume", acq).ok()
        case.reached(acq, "done", within=60)
    assert loose(field, case) == []
    assert len(standing(field.embedded, case.id)) == 2
    case.settled()
    case.verified()


@pytest.mark.slow
def test_after_a_restart_the_screens_say_what_the_log_says(field: Field, case: Case) -> None:
    acq = started(case)
    whole(field, case, acq)
    sealed = case.events("evidence.seal", phase="result")[0]["ts"]
    case.stop()
    case.acquisitions()
    with closing(sqlite3.connect(case.path / "case.sqlite")) as model:
        steps = [row[0] for row in model.execute("SELECT body FROM step ORDER BY position")]
        leases = [row[0] for row in model.execute("SELECT body FROM lease")]
    assert steps and all('"state":"done"' in body for body in steps)
    assert sealed[:19] in steps[-1]
    assert leases and all('"state":"lost"' in body or '"state":"live"' in body for body in leases)
