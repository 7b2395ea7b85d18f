"""The tampering exercise: the copy's verdict names the changed line, the case is only read."""

from __future__ import annotations

import hashlib
import json
import os
import stat
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from app.custody import Ledger, Signer, verify
from app.custody.exercise import KEPT, Abandoned, tamper
from app.custody.log_file import System
from app.faults import Usage
from tests.custody import bags, cases

NOW = datetime(2026, 11, 23, 14, 3, 21, tzinfo=UTC)


def snapshot(case: Path) -> dict[str, tuple[bytes, float]]:
    return {
        str(path.relative_to(case)): (path.read_bytes(), path.stat().st_mtime)
        for path in sorted(case.rglob("*"))
        if path.is_file()
    }


def test_the_newest_approved_plan_is_changed_and_named(original: Path, tmp_path: Path) -> None:
    before = snapshot(original)
    done = tamper(original, tmp_path / "practice", now=NOW)
    assert snapshot(original) == before
    assert (done.op, done.member) == ("plan.approve", "summary")
    assert done.caught and done.original_sound
    assert done.copy.ok is False and done.copy.first_bad_line == done.line
    assert "signature that does not verify" in (done.copy.reason or "")
    ours = (original / "custody" / "events.jsonl").read_bytes().split(b"\n")
    theirs = (done.path / "custody" / "events.jsonl").read_bytes().split(b"\n")
    assert [place for place, pair in enumerate(zip(ours, theirs, strict=True), 1) if pair[0] != pair[1]] == [
        done.line
    ]
    one, two = ours[done.line - 1], theirs[done.line - 1]
    assert len(one) == len(two) and sum(a != b for a, b in zip(one, two, strict=True)) == 1
    changed = json.loads(two)["b"]
    assert changed["summary"] == done.after and json.loads(one)["b"]["summary"] == done.before
    assert [place for place, (a, b) in enumerate(zip(done.before, done.after, strict=True)) if a != b] == [
        done.position
    ]
    assert verify(done.path, log_only=True).first_bad_line == done.line  # by hand, later


def test_the_copy_is_private_and_holds_no_evidence(original: Path, tmp_path: Path) -> None:
    done = tamper(original, tmp_path / "practice", now=NOW)
    assert done.path == tmp_path / "practice" / "case-20261123T140321Z"
    for path in (tmp_path / "practice", done.path, *done.path.rglob("*")):
        mode = stat.S_IMODE(path.stat().st_mode)
        assert mode == (0o700 if path.is_dir() else 0o600), path
    assert [path for path in (done.path / "evidence").rglob("*") if path.is_file()] == []
    assert not list(done.path.rglob("*.tmp"))


def test_a_log_of_one_line(tmp_path: Path, signer: Signer) -> None:
    ledger = cases.new_ledger(tmp_path / "IR-7", signer)
    done = tamper(tmp_path / "IR-7", tmp_path / "practice", now=NOW)
    ledger.close()
    assert (done.line, done.op) == (1, "case.open") and done.caught
    assert done.original_sound and done.original.live
    assert done.path.name.startswith("IR-7-")


def test_a_fragment_is_never_what_is_changed(tmp_path: Path, signer: Signer) -> None:
    torn = [False]

    def write(descriptor: int, data: bytes) -> int:
        if torn[0]:
            torn[0] = False
            return os.write(descriptor, data[: len(data) // 2])
        return os.write(descriptor, data)

    cases.new_ledger(tmp_path / "case", signer).close()
    ledger = Ledger.open(tmp_path / "case", signer, clock=cases.StepClock(), system=System(write=write))
    torn[0] = True
    ledger.fact("case.note", actor="ex-07", summary="A note")  # lines 2 (torn), 3 (declares it), 4
    ledger.fact("case.note", actor="ex-07", summary="Another")
    ledger.close()
    kinds = [body and body["op"] for body in bodies(tmp_path / "case")]
    assert kinds == ["case.open", None, "log.recovered", "case.note", "case.note"]
    done = tamper(tmp_path / "case", tmp_path / "practice", now=NOW)
    assert done.line == 4 and done.caught and done.original_sound
    (tmp_path / "case" / "custody" / "events.jsonl").write_bytes(
        b"".join((tmp_path / "case" / "custody" / "events.jsonl").read_bytes().splitlines(keepends=True)[:3])
    )
    done = tamper(tmp_path / "case", tmp_path / "practice", now=NOW)  # the middle one is the fragment
    assert done.line == 1 and done.caught


def bodies(case: Path) -> list[dict[str, str] | None]:
    out: list[dict[str, str] | None] = []
    for line in (case / "custody" / "events.jsonl").read_bytes().splitlines():
        try:
            out.append(json.loads(line)["b"])
        except ValueError:
            out.append(None)
    return out


@pytest.mark.parametrize("summary", ["界" * 40, '"s":["', "…", "\x1b]52;c;UFdORUQ=\x07", "z" * 5000, "9"])
def test_whatever_the_summary_is(tmp_path: Path, signer: Signer, summary: str) -> None:
    ledger = cases.new_ledger(tmp_path / "case", signer)
    ledger.fact("plan.approve", actor="ex-07", summary=summary, acq="A-0001", params={"summary": summary})
    ledger.close()
    done = tamper(tmp_path / "case", tmp_path / "practice", now=NOW)
    assert done.line == 2 and done.caught
    assert done.member == ("summary" if any(c.isascii() and c.isalnum() for c in summary) else "ts")
    changed = bodies(done.path)[1]
    assert changed is not None and changed["params"] == {"summary": summary}  # type: ignore[comparison-overlap]


def test_a_record_that_is_wrong_already_is_said_to_be(copy: Callable[[], Path], tmp_path: Path) -> None:
    case = copy()
    log = case / "custody" / "events.jsonl"
    lines = log.read_bytes().splitlines(keepends=True)
    lines[1] = lines[1].replace(b"The agent starts", b"The agent startz")
    log.write_bytes(b"".join(lines))
    done = tamper(case, tmp_path / "practice", now=NOW)
    assert not done.original_sound and done.original.first_bad_line == 2
    assert not done.caught and done.copy.first_bad_line == 2


def test_the_newest_practice_folders_are_kept(original: Path, tmp_path: Path) -> None:
    into = tmp_path / "practice"
    into.mkdir(mode=0o700)
    (into / "notes").mkdir()
    target = tmp_path / "elsewhere"
    target.mkdir()
    (target / "kept.txt").write_text("kept")
    (into / "case-20200101T000000Z").symlink_to(target)
    made = [tamper(original, into, now=NOW + timedelta(hours=hour)).path.name for hour in range(5)]
    made += [tamper(original, into, now=NOW + timedelta(hours=4)).path.name]
    assert made[-1] == made[-2] + "-1"
    left = sorted(path.name for path in into.iterdir())
    assert left == sorted(["notes", "case-20200101T000000Z", *made[-KEPT:]])
    assert (target / "kept.txt").exists()


def test_what_was_not_made_here_is_never_deleted(original: Path, tmp_path: Path) -> None:
    into = tmp_path / "practice"
    into.mkdir(mode=0o700)
    for day in range(1, 6):
        (into / f"IR-9-2020010{day}T000000Z" / "custody").mkdir(parents=True)
    marked = into / "IR-9-20191231T000000Z"
    marked.mkdir()
    (marked / ".jumpbag-practice").symlink_to(original / "case.toml")  # no mark of ours
    before = {path.name for path in into.iterdir()}
    for hour in range(5):
        tamper(original, into, now=NOW + timedelta(hours=hour))
    left = {path.name for path in into.iterdir()}
    assert before <= left and len(left - before) == KEPT


def test_a_link_in_place_of_the_practice_folder_is_refused(original: Path, tmp_path: Path) -> None:
    other = tmp_path / "cases"
    other.mkdir()
    other.chmod(0o755)
    for day in range(1, 6):
        (other / f"IR-9-2020010{day}T000000Z").mkdir()
    (tmp_path / "practice").symlink_to(other)
    before = snapshot(original)
    with pytest.raises(Usage, match="symbolic link"):
        tamper(original, tmp_path / "practice", now=NOW)
    assert stat.S_IMODE(other.stat().st_mode) == 0o755 and len(list(other.iterdir())) == 5
    assert snapshot(original) == before


def test_it_can_be_abandoned_and_leaves_nothing(original: Path, tmp_path: Path) -> None:
    with pytest.raises(Abandoned):
        tamper(original, tmp_path / "practice", now=NOW, stop=lambda: True)
    assert list((tmp_path / "practice").iterdir()) == []


def test_without_a_record_it_is_refused(tmp_path: Path) -> None:
    (tmp_path / "case" / "custody").mkdir(parents=True)
    with pytest.raises(Usage, match="no record to copy"):
        tamper(tmp_path / "case", tmp_path / "practice", now=NOW)
    (tmp_path / "case" / "custody" / "events.jsonl").write_bytes(b"half a line")
    with pytest.raises(Usage, match="no whole line"):
        tamper(tmp_path / "case", tmp_path / "practice", now=NOW)
    (tmp_path / "case" / "custody" / "events.jsonl").write_bytes(b"no event\n")
    (tmp_path / "case" / "case.toml").write_bytes(b"")
    with pytest.raises(Usage, match="no event to change"):
        tamper(tmp_path / "case", tmp_path / "practice", now=NOW)
    assert list((tmp_path / "practice").iterdir()) == []


def test_evidence_kept_elsewhere_is_not_said_to_be_missing(tmp_path: Path, signer: Signer) -> None:
    for place in ("../bags", str(tmp_path / "far")):
        case = tmp_path / place.strip("./").replace("/", "-") / "case"
        case.mkdir(parents=True)
        toml = cases.SETTINGS.replace(b'"evidence"', f'"{place}"'.encode())
        ledger = cases.new_ledger(case, signer)
        (case / "case.toml").write_bytes(toml)
        ledger.fact(
            "config.change",
            actor="ex-07",
            summary="Evidence is kept elsewhere",
            params={"case_toml_sha256": hashlib.sha256(toml).hexdigest()},
        )
        bags.build_logs(case / place / "E-0001")
        cases.seal(ledger, case / place / "E-0001", "E-0001")
        ledger.fact("plan.approve", actor="ex-07", summary="Approved after the seal", acq="A-0002")
        ledger.close()
        done = tamper(case, tmp_path / "practice", now=NOW)
        assert done.original_sound and done.caught, (done.original.faults, done.copy.faults)
