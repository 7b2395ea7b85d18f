"""What the verbs of an acquisition ask for, print and refuse; no agent is needed for any of it."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

import msgspec
import pytest

from app import config
from app.case.folder import CaseFolder
from app.cli import acquire, plan
from app.cli.custody import sealed
from app.cli.main import parser
from app.cli.session import Session
from app.faults import Broken, Refused, Usage
from app.model import EvidenceItem
from app.model.view import CaseSnapshot
from tests.screens.hostile import RAW, bad_plan
from tests.screens.sample_plan import CLAMPED, instance_plan
from tests.screens.sample_plan import plan as disk_plan
from tests.screens.seed import GIB, HOME, PAYMENTS
from tests.screens.seed_instance import acquisition, items

NAMES = {HOME: "forensics", PAYMENTS: "payments-prod"}


def options(*words: str) -> argparse.Namespace:
    defaults = argparse.Namespace(json=False, cases_dir=None, passphrase_fd=None, case=None)
    return parser().parse_args(list(words), namespace=defaults)


def session(*words: str) -> Session:
    return Session(options("acquire", "IR-1", "disk", "vol-1", *words))


@pytest.mark.parametrize("kind", ["disk", "instance"])
@pytest.mark.parametrize("route", ["auto", "direct", "copy", "preserve", "preserve-direct", "preserve-copy"])
def test_kinds_routes_and_locks_are_passed_on(kind: str, route: str) -> None:
    asked = options("plan", "IR-1", kind, "aws:2:x-1", "--route", route, "--lock", "30")
    assert plan.wanted(Session(asked)) == {"kind": kind, "target": "aws:2:x-1", "route": route, "lock_days": 30}
    assert plan.wanted(session())["lock_days"] == 0 and plan.wanted(session())["route"] == "auto"


@pytest.mark.parametrize(
    "words",
    [
        ("--lock", "-1"),
        ("--lock", "36501"),
        ("--lock", "soon"),
        ("--lock", "9" * 5000),
        ("--lock", "٣"),
        ("--route", "x"),
    ],
)
def test_what_is_no_lock_or_route_is_refused(words: tuple[str, str]) -> None:
    with pytest.raises(Usage):
        session(*words)
    with pytest.raises(Usage):
        options("plan", "IR-1", "memory", "i-1")


def test_a_plan_for_people(capsys: pytest.CaptureFixture[str]) -> None:
    made = instance_plan(lock=7)
    plan.show(made, NAMES)
    told = capsys.readouterr().out
    assert f"copy, because {made.why}" in told and CLAMPED in told and "78.0 GiB" in told
    for step in made.steps:
        (row,) = [line for line in told.split("\n") if line.startswith(f"{step.id} ")]
        where = NAMES[step.account] if step.account else "jump host"
        assert all(word in row for word in (step.title, step.call, step.undo, where))
    assert "SHARE" in told and "DESTROY" in told and "MODIFY" in told and "  observe  " in told
    assert all(warning.text in told for warning in made.warnings)
    assert [line.split()[0] for line in told.split("\n") if "60 min" in line].count("forensics") == 3
    (cost,) = [line for line in told.split("\n") if line.startswith("cost ")]
    assert "at most $0.48 to read; $0.02 for copies on the way; $7.80 a month for what is kept; list pri" in cost
    assert cost.endswith("not counted: traffic out of eu-west-1, KMS requests")
    assert told.count(CLAMPED) == 1 and told.index("DANGER") < told.index("\nstep ") < told.index("\nnote ")


def test_a_hostile_plan_writes_no_control_byte(capsys: pytest.CaptureFixture[str]) -> None:
    for made in (disk_plan(), instance_plan(lock=7)):
        plan.show(bad_plan(made), {HOME: RAW[0], PAYMENTS: RAW[4]})
        told = capsys.readouterr().out
        assert not any(raw in told for raw in RAW) and told.replace("\n", "").isprintable()


def test_the_document_of_a_plan_has_the_keys_of_the_contract() -> None:
    told = plan.document(instance_plan())
    assert set(told) == {"kind", "target", "route", "why", "steps", "leases", "estimate", "warnings"}
    assert [step["id"] for step in told["steps"]] == [str(number) for number in range(1, 32)]
    assert told["estimate"]["cost"] == {
        "unit": "USD/1000000",
        "reading": 479_234,
        "crossing": 0,
        "passing": 14_286,
        "once": 493_520,
        "monthly": 7_800_000,
        "prices": "list prices of us-east-1 (2025)",
        "uncounted": ["traffic out of eu-west-1", "KMS requests"],
    }


def test_a_plan_without_a_cost_says_none(capsys: pytest.CaptureFixture[str]) -> None:
    made = disk_plan("direct")
    made = msgspec.structs.replace(made, estimate=msgspec.structs.replace(made.estimate, cost=None))
    assert plan.document(made)["estimate"] == {"bytes": 8 * GIB, "seconds": 840, "cost": None}
    plan.show(made, NAMES)
    assert "cost" not in capsys.readouterr().out


@pytest.mark.parametrize(
    ("route", "lock", "word"),
    [("direct", 0, ""), ("direct", 7, "MODIFY"), ("copy", 0, "DESTROY"), ("preserve", 0, "")],
)
def test_a_plan_that_shares_modifies_or_destroys_needs_yes(route: str, lock: int, word: str) -> None:
    made = disk_plan(route, lock)
    assert plan.gravest(made) == word
    acquire._agreed(session("--yes"), made, NAMES)
    if not word:
        acquire._agreed(session("--json"), made, NAMES)
        return
    effects = {"direct": "modify", "copy": "share and destroy"}[route]
    with pytest.raises(Refused, match=f"steps that {effects}$") as refused:
        acquire._agreed(session("--json"), made, NAMES)
    assert "--yes" in refused.value.next and refused.value.exit == 3


@pytest.mark.parametrize(
    ("route", "typed", "goes"),
    [
        ("copy", "DESTROY", True),
        ("copy", "yes", False),
        ("copy", None, False),
        ("direct", "yes", True),
        ("direct", "", False),
    ],
)
def test_at_a_terminal_the_word_is_typed(
    route: str, typed: str | None, goes: bool, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def answer(prompt: str) -> str:
        assert ("DESTROY" if route == "copy" else "yes") in prompt
        if typed is None:
            raise EOFError
        return typed

    monkeypatch.setattr("sys.stdin.isatty", lambda: True)
    monkeypatch.setattr("builtins.input", answer)
    if goes:
        acquire._agreed(session(), disk_plan(route), NAMES)
    else:
        with pytest.raises(Refused, match="not approved"):
            acquire._agreed(session(), disk_plan(route), NAMES)
    assert "because" in capsys.readouterr().out  # it was read first


def ended(*found: EvidenceItem) -> dict[str, Any]:
    return acquire.result(acquisition(state="done"), found)


def test_the_single_keys_speak_of_the_only_disk() -> None:
    config, disk = items()
    other = msgspec.structs.replace(disk, id="E-0012", sha256="ab" * 32)
    one = ended(config, disk)
    assert (one["item"], one["bytes"], one["sha256"]) == ("E-0011", 8 * GIB, "77c0" * 16)
    assert one["path"] == disk.path and [row["item"] for row in one["items"]] == ["E-0010", "E-0011"]
    assert one["items"][0]["sha256"] is None and one["items"][0]["kind"] == "config"
    for several in (ended(config, disk, other), ended(config)):
        assert several["item"] == "E-0010"
        assert several["sha256"] is several["bytes"] is several["path"] is None
    none = ended()
    assert none["items"] == [] and none["item"] is none["sha256"] is none["bytes"] is none["path"] is None
    assert set(one["items"][0]) == {"item", "kind", "source", "sha256", "bytes", "path"}


def test_the_board_names_items_once_they_are_sealed() -> None:
    (row,) = acquire._rows(CaseSnapshot(acquisitions=(acquisition(),), items=tuple(items())))
    assert row["item"] == "E-0010" and row["items"] == ["E-0010", "E-0011"]
    (row,) = acquire._rows(CaseSnapshot(acquisitions=(acquisition(),)))
    assert row["item"] is None and row["items"] == []


def test_evidence_without_an_image_has_no_hash_and_its_files_size(tmp_path: Path) -> None:
    def seal(item: str, source: str, *files: str) -> dict[str, Any]:
        one = {"alg": "sha256", "hex": "ab" * 32, "bytes": "4096", "stage": "rest"}
        digests = [one | {"of": name} for name in files]
        return {"op": "evidence.seal", "phase": "result", "item": item, "acq": "A-0001", "resource": source,
                "digests": digests, "ts": "2026-11-23T14:03:21.000001Z"}  # fmt: skip

    collected = {"op": "config.collect", "phase": "result", "item": "E-0001", "params": {"bytes": "48213"}}
    case = CaseFolder(
        path=tmp_path,
        id="IR-1",
        title="",
        ticket="",
        opened="",
        log="",
        key="",
        evidence=tmp_path / "evidence",
        settings=config.Config(),
        toml_sha256="",
    )
    events = [
        collected,
        seal("E-0001", "i-1", "tagmanifest-sha256.txt"),
        seal("E-0002", "vol-1", "data/disk.raw", "blocks.tsv", "tagmanifest-sha256.txt"),
    ]
    files, disk = sealed(events, case)
    assert (files["kind"], files["source"], files["bytes"], files["sha256"]) == ("config", "i-1", 48213, None)
    assert (disk["kind"], disk["source"], disk["bytes"], disk["sha256"]) == ("disk", "vol-1", 4096, "ab" * 32)
    with pytest.raises(Broken):
        sealed([{**events[1], "digests": None}], case)
