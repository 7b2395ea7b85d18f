"""Every key situation by every route, by verb: bytes equal, read where the route says, nothing left behind."""

from __future__ import annotations

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

KEYS = ("none", "customer", "default", "private")


@dataclass
class Field:
    """A cloud with a volume under each kind of key; a volume's Name tag is the kind."""

    embedded: Range
    cloud: Cloud
    images: dict[str, Path]


@pytest.fixture(scope="module")
def field(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Field]:
    pack = Pack(tmp_path_factory.mktemp("routes") / "pack", speed=2000.0)
    images = {}
    for seed, key in enumerate(KEYS):
        images[key] = pack.random_image(f"{key}.raw", 9 * BLOCK + 4321 * seed, seed=40 + seed)
        pack.volume(key, image=f"{key}.raw", kms=key)
    with RangeThread(pack.write(), tmp_path_factory.mktemp("routes-range")) as embedded:
        yield Field(embedded, Cloud(embedded.config_path), images)


@pytest.fixture
def case(field: Field, new_case: NewCase) -> Case:
    field.cloud.well()
    return new_case(field.cloud, workers=1)


def read_by(field: Field, case: Case) -> set[str]:
    """The accounts under which blocks were read for that case."""
    return {call["account"] for call in field.cloud.of_case(case.id, "ebs:GetSnapshotBlock", "allow")}


def kept(field: Field, case: Case) -> list[tuple[str, bool]]:
    """(account, is it shared or only for transport) of every snapshot of the case that stands."""
    return [
        (one.account, bool(one.shared_with) or "jumpbag:transport" in one.tags)
        for one in standing(field.embedded, case.id)
    ]


def acquired(field: Field, case: Case, key: str, route: str) -> dict[str, Any]:
    told: dict[str, Any] = (
        case.run("acquire", "disk", case.volumes()[key], "--route", route, "--yes", "--wait").ok().json
    )
    case.settled()
    case.verified()
    return told


SLOW = pytest.mark.slow


@pytest.mark.parametrize(
    ("key", "route"),
    [
        pytest.param("none", "direct", marks=SLOW),
        pytest.param("customer", "direct", marks=SLOW),
        pytest.param("default", "direct", marks=SLOW),
        pytest.param("private", "direct", marks=SLOW),
        pytest.param("none", "copy", marks=SLOW),
        pytest.param("customer", "copy", marks=SLOW),
        ("default", "copy"),
        pytest.param("private", "copy", marks=SLOW),
    ],
)
def test_the_image_is_the_disk(field: Field, case: Case, key: str, route: str) -> None:
    told = acquired(field, case, key, route)
    assert told["sha256"] == padded_sha256(field.images[key], GIB) == case.image_sha256()
    if route == "direct":
        assert read_by(field, case) == {PAYMENTS}
        assert kept(field, case) == [(PAYMENTS, False)]
        assert not field.cloud.of_case(case.id, "ec2:ModifySnapshotAttribute")
    else:
        assert read_by(field, case) == {FORENSICS}
        assert kept(field, case) == [(PAYMENTS, False), (FORENSICS, False)]
        copies = len(field.cloud.of_case(case.id, "ec2:CopySnapshot", "allow"))
        assert copies == (2 if key in ("default", "private") else 1)
        shares = [body["phase"] for body in case.events("snapshot.share")]
        assert shares == [body["phase"] for body in case.events("snapshot.unshare")] == ["intent", "result"]


@pytest.mark.parametrize(
    ("key", "route", "where"),
    [
        pytest.param("none", "preserve", FORENSICS, marks=SLOW),
        pytest.param("customer", "preserve", FORENSICS, marks=SLOW),
        ("default", "preserve", FORENSICS),
        pytest.param("none", "preserve-copy", FORENSICS, marks=SLOW),
        pytest.param("customer", "preserve-copy", FORENSICS, marks=SLOW),
        pytest.param("default", "preserve-copy", FORENSICS, marks=SLOW),
        ("none", "preserve-direct", PAYMENTS),
        pytest.param("customer", "preserve-direct", PAYMENTS, marks=SLOW),
        pytest.param("default", "preserve-direct", PAYMENTS, marks=SLOW),
    ],
)
def test_preserve_keeps_and_reads_nothing(field: Field, case: Case, key: str, route: str, where: str) -> None:
    told = acquired(field, case, key, route)
    assert told["state"] == "done" and told["item"] is None and told["sha256"] is None
    assert read_by(field, case) == set()
    assert (where, False) in kept(field, case) and not any(loose for _, loose in kept(field, case))
    assert case.run("evidence").ok().json == []


def test_every_mutating_call_has_its_intent_and_its_outcome(field: Field, case: Case) -> None:
    """The cloud's own record against custody, by request id."""
    acquired(field, case, "default", "copy")
    recorded = {body["request_id"] for body in case.events(phase="result") if "request_id" in body}
    changed = [
        call
        for call in field.cloud.of_case(case.id, decision="allow")
        if call["mutating"] and not call["action"].startswith("kms:")
    ]
    assert {call["action"] for call in changed} == {
        "ec2:CreateSnapshot",
        "ec2:CopySnapshot",
        "ec2:ModifySnapshotAttribute",
        "ec2:DeleteSnapshot",
    }
    assert {call["request_id"] for call in changed} <= recorded
    heads = {one.tags["jumpbag:head"] for one in standing(field.embedded, case.id)}
    assert len(heads) == 2 and all(len(head) == 64 for head in heads)


def test_what_each_lease_allowed_is_held_against_what_was_used(field: Field, case: Case) -> None:
    acquired(field, case, "customer", "copy")
    (finish,) = case.events("acquisition.finish")
    leases = finish["params"]["leases"]
    accounts = {
        body["lease"]: (body["account"], body["params"]["scope"])
        for body in case.events("lease.issue", phase="result")
    }
    assert {accounts[told["lease"]] for told in leases} >= {
        (PAYMENTS, "A-0001 collect"),
        (PAYMENTS, "A-0001 observe"),
        (PAYMENTS, "A-0001 share"),
        (FORENSICS, "A-0001 collect"),
        (FORENSICS, "A-0001 observe"),
    }
    for told in leases:
        assert set(told["used"]) <= set(told["granted"]), told
        not_seen = [name for name in told["not_seen"] if not name.startswith("kms:") and name != "ec2:CreateTags"]
        assert not_seen == [], told


def test_a_lock_is_set_on_what_stays(field: Field, case: Case) -> None:
    volume = case.volumes()["none"]
    refused = case.run("acquire", "disk", volume, "--route", "preserve-direct", "--lock", "7").refused(3)
    assert "modify" in refused["message"]
    case.run("acquire", "disk", volume, "--route", "preserve-direct", "--lock", "7", "--yes", "--wait").ok()
    assert [one.locked for one in standing(field.embedded, case.id)] == [True]
    assert [body["phase"] for body in case.events("snapshot.lock")] == ["intent", "result"]
    case.verified()


def test_rehearsing_changes_nothing_and_a_refusal_comes_before_any_change(field: Field, case: Case) -> None:
    volume = case.volumes()["none"]
    field.cloud.faults(deny=["ec2:CreateSnapshot"])
    error = case.run("acquire", "disk", volume, "--wait").refused_with("failed", 1)
    assert "ec2:CreateSnapshot" in error["message"] and error["next"]
    assert case.events("snapshot.create") == [], "the refusal was not foreseen"
    field.cloud.well()
    case.run("resume", "A-0001").ok()
    case.reached("A-0001", "done")
    notes = [body for body in case.events("case.note") if body["params"].get("note") == "rehearsed"]
    assert notes and notes[0]["request_id"]
    case.verified()


@pytest.mark.parametrize("verb", ["plan", "acquire"])
def test_a_disabled_key_is_refused_in_the_plan(field: Field, case: Case, verb: str) -> None:
    volume = case.volumes()["customer"]
    field.cloud.faults(disabled_keys=[f"{PAYMENTS}:eu-west-1:customer"])
    for route in ("direct", "copy"):
        error = case.run(
            verb, "disk", volume, "--route", route, *(["--yes"] if verb == "acquire" else [])
        ).refused(3)
        assert "isabled" in error["message"] and error["next"]
    assert case.events("plan.approve") == []


def test_the_doctor_says_which_accounts_are_prepared(field: Field, case: Case) -> None:
    def keys() -> dict[str, dict[str, Any]]:
        rows = case.run("doctor").json
        return {row["detail"].partition(",")[0]: row for row in rows if row["check"] == "evidence key"}

    assert {account: row["ok"] for account, row in keys().items()} == {FORENSICS: True, PAYMENTS: True}
    field.cloud.faults(disabled_keys=[f"{PAYMENTS}:eu-west-1:evidence"])
    found = keys()[PAYMENTS]
    assert not found["ok"] and "Disabled" in found["detail"] and found["fix"]
