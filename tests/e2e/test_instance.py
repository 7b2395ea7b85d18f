"""A whole instance: three disks at one point in time, and what describes it, by each route."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from providers.emulators.range import Range, RangeThread
from tests.e2e.cloud import Cloud
from tests.e2e.conftest import NewCase
from tests.e2e.leftovers import standing
from tests.e2e.packs import BLOCK, FORENSICS, GIB, PAYMENTS, Pack, padded_sha256
from tests.e2e.runner import Case
from tests.e2e.waiting import until

DISKS = {"root": "customer", "logs": "default", "tables": "none"}


@dataclass
class Host:
    """A cloud with an instance of three volumes, each under another kind of key, and one without the tag."""

    embedded: Range
    cloud: Cloud
    images: dict[str, Path]


@pytest.fixture(scope="module")
def host(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Host]:
    pack = Pack(tmp_path_factory.mktemp("instance") / "pack", speed=2000.0)
    images = {name: pack.random_image(f"{name}.raw", (5 + n) * BLOCK, seed=90 + n) for n, name in enumerate(DISKS)}
    pack.host(
        "app",
        *((name, f"{name}.raw", key) for name, key in DISKS.items()),
        keys='profile = "app"\nuser_data = "#!/bin/sh\\necho started"\nautoscaling_group = "app-asg"\nspot = true',
    )
    pack.host("half", ("kept", "root.raw", "none"), ("left", "logs.raw", "none"), untagged=("left",))
    with RangeThread(pack.write(), tmp_path_factory.mktemp("instance-range")) as embedded:
        yield Host(embedded, Cloud(embedded.config_path), images)


@pytest.fixture
def case(host: Host, new_case: NewCase) -> Case:
    host.cloud.well()
    return new_case(host.cloud, workers=1)


def instances(case: Case) -> dict[str, str]:
    return {row["name"]: row["id"] for row in case.run("resources", "--kind", "instance").ok().json}


def acquired(case: Case, name: str, route: str) -> dict[str, Any]:
    target = instances(case)[name]
    told: dict[str, Any] = (
        case.run("acquire", "instance", target, "--route", route, "--yes", "--wait", within=180).ok().json
    )
    case.settled()
    case.verified()
    return told


@pytest.mark.parametrize("route", [pytest.param("direct", marks=pytest.mark.slow), "copy"])
def test_every_disk_and_what_describes_it(host: Host, case: Case, route: str) -> None:
    told = acquired(case, "app", route)
    items = {row["id"]: row for row in case.run("evidence").ok().json}
    assert [item["item"] for item in told["items"]] == list(items) == ["E-0001", "E-0002", "E-0003", "E-0004"]
    names = {id_: name for name, id_ in case.volumes().items()}
    disks = {names[row["source"]]: row for row in items.values() if row["kind"] == "disk"}
    assert set(disks) == set(DISKS)
    for name, row in disks.items():
        assert row["sha256"] == padded_sha256(host.images[name], GIB) == case.image_sha256(row["id"])
    accounts = {call["account"] for call in host.cloud.of_case(case.id, "ebs:GetSnapshotBlock", "allow")}
    assert accounts == ({PAYMENTS} if route == "direct" else {FORENSICS})
    loose = [one for one in standing(host.embedded, case.id) if one.shared_with or "jumpbag:transport" in one.tags]
    assert loose == []
    assert len(host.cloud.of_case(case.id, "ec2:CreateSnapshots", "allow")) == 1
    described(case, next(row["id"] for row in items.values() if row["kind"] == "config"), instances(case)["app"])


def described(case: Case, item: str, instance: str) -> None:
    """The bag of the configuration holds what the order of volatility asks for."""
    data = case.bag(item) / "data"
    files = {str(path.relative_to(data)) for path in data.rglob("*") if path.is_file()}
    text = "\n".join(path.read_text("utf-8", "replace") for path in data.rglob("*") if path.is_file())
    assert instance in text and "app-asg" in text and "echo started" in text
    for part in ("instances", "volumes", "interface", "security", "image", "console", "profile", "polic"):
        assert any(part in name for name in files), (part, files)
    for path in data.rglob("*.json"):
        json.loads(path.read_text("utf-8"))
    (collected,) = case.events("config.collect", phase="result")
    assert collected["item"] == item and collected["params"]["files"] == len(files)


@pytest.mark.slow
def test_preserve_keeps_the_disks_and_still_describes_the_instance(host: Host, case: Case) -> None:
    acquired(case, "app", "preserve")
    assert [row["kind"] for row in case.run("evidence").ok().json] == ["config"]
    assert host.cloud.of_case(case.id, "ebs:GetSnapshotBlock") == []
    kept = [one.account for one in standing(host.embedded, case.id)]
    assert kept.count(FORENSICS) == 3 and kept.count(PAYMENTS) == 3


def test_the_plan_says_what_threatens_the_instance_and_what_is_left_out(case: Case) -> None:
    found = instances(case)
    warnings = " ".join(case.run("plan", "instance", found["app"]).ok().json["warnings"]).lower()
    for word in ("auto scaling", "spot", "crash-consistent", "deleted when", "point in time"):
        assert word in warnings, word
    plan = case.run("plan", "instance", found["half"]).ok().json
    left = case.volumes()["left"]
    assert any(left in text for text in plan["warnings"])
    assert not any(left in step["resource"] for step in plan["steps"])


@pytest.mark.slow
def test_killed_while_a_later_disk_is_read(host: Host, case: Case) -> None:
    host.cloud.faults(latency_ms=[80, 100])
    target = instances(case)["app"]
    acq = str(case.run("acquire", "instance", target, "--yes").ok().json["acquisition"])
    # The log keeps what a state shows for a moment only; the long answers hold the second disk where it is.
    until("the first disk is sealed", lambda: case.events("evidence.seal", phase="result"), within=60)
    host.cloud.faults(latency_ms=[1500, 1600])
    until("a second disk is read", lambda: len(case.events("evidence.read", phase="intent")) >= 2, within=60)
    case.kill_agent()
    assert not case.events("acquisition.finish", acq=acq), "it was over before it was killed"
    host.cloud.well()
    case.acquisitions()
    case.reached(acq, "done", within=90)
    assert len(host.cloud.of_case(case.id, "ec2:CreateSnapshots", "allow")) == 1
    assert len(case.run("evidence").ok().json) == 4
    case.settled()
    case.verified()
