"""The ledger: what it writes is sound, whatever happens to its writes."""

from __future__ import annotations

import errno
import fcntl
import hashlib
import json
import os
import resource
import shutil
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from app.custody import Entry, Ledger, Signer, verify
from app.custody.log_file import System
from app.faults import Broken, Refused, StorageFull, Usage
from tests.custody import bags, cases


def events(case: Path) -> Path:
    return case / "custody" / "events.jsonl"


def lines(case: Path) -> list[bytes]:
    return events(case).read_bytes().splitlines(keepends=True)


def ops(case: Path) -> list[str]:
    return [
        json.loads(line)["b"]["op"] if line.startswith(b'{"b"') and b'"s":[' in line else "-"
        for line in lines(case)
    ]


def sound(case: Path) -> None:
    found = verify(case)
    assert found.exit_code == 0, found.faults


def note(ledger: Ledger, summary: str = "A note") -> Entry:
    return ledger.fact("case.note", actor="examiner-1", summary=summary)


def act(ledger: Ledger, **members: Any) -> Entry:
    return ledger.intent("snapshot.create", actor="examiner-1", summary="A snapshot is made", **members)


def test_a_new_case(tmp_path: Path, signer: Signer) -> None:
    case = tmp_path / "case"
    ledger = cases.new_ledger(case, signer)
    assert (ledger.lines, ledger.events_count, ledger.checkpointed_to, ledger.keyid) == (1, 1, 0, signer.keyid)
    assert ledger.head == hashlib.sha256(lines(case)[0]).hexdigest()
    custody = case / "custody"
    for folder in (custody, custody / "keys", custody / "checkpoints"):
        assert folder.stat().st_mode & 0o777 == 0o700
    for file in custody.rglob("*"):
        assert file.is_dir() or file.stat().st_mode & 0o777 == 0o600, file
    digest = hashlib.sha256((custody / "verify.sh").read_bytes()).hexdigest()
    assert digest in (custody / "VERIFY.md").read_text()
    assert (custody / "keys" / f"{signer.keyid}.pem").read_bytes() == signer.pem
    ledger.close()
    sound(case)
    with pytest.raises(Usage):
        cases.new_ledger(case, signer)


@pytest.mark.parametrize("case_id", ["", "-x", "a/b", "verify", "x" * 65, "a\n"])
def test_ids_that_no_case_may_have(tmp_path: Path, signer: Signer, case_id: str) -> None:
    with pytest.raises(Usage):
        Ledger.create(tmp_path, case_id=case_id, signer=signer, actor="e", case_toml_sha256="0" * 64)


def test_an_act_and_its_outcome(tmp_path: Path, signer: Signer) -> None:
    case = tmp_path / "case"
    told: list[tuple[int, dict[str, Any] | None, str]] = []
    ledger = cases.new_ledger(case, signer)
    ledger.on_append = lambda line, body, text: told.append((line, body, text))
    intent = act(
        ledger,
        cloud="aws",
        account="1",
        region="",
        resource="vol-1",
        acq="A-0001",
        params={"x_bytes": 5, "n": None},
    )
    assert intent.sha256 == hashlib.sha256(lines(case)[-1]).hexdigest() == ledger.head
    assert [entry.corr for entry in ledger.open_intents()] == [intent.corr]
    assert ledger.open_intents()[0].sha256 == intent.sha256
    result = ledger.outcome(intent, "result", summary="It is made", resource="snap-1", request_id="r-1")
    assert ledger.open_intents() == []
    assert (result.corr, result.op, result.line) == (intent.corr, intent.op, 3)
    body = json.loads(lines(case)[-1])["b"]
    assert body["prev"] == intent.sha256
    assert body["outcome"] == {"code": "ok", "error": None}
    assert (body["cloud"], body["acq"], body["resource"]) == ("aws", "A-0001", "snap-1")
    assert body["actor"] == {"id": "examiner-1"}
    assert "region" not in intent.body and intent.body["params"] == {"x_bytes": "5"}
    assert [(line, json.loads(text)) for line, _, text in told] == [(2, intent.body), (3, result.body)]
    with pytest.raises(Refused):
        ledger.outcome(intent.corr, "failed", summary="Again")
    failed = ledger.outcome(act(ledger), "failed", summary="It failed", error="no \ud800")
    assert failed.body["outcome"] == {"code": "failed", "error": "no \\ud800"}
    ledger.close()
    sound(case)


def test_what_may_not_be_written(tmp_path: Path, signer: Signer) -> None:
    ledger = cases.new_ledger(tmp_path / "case", signer)
    for op in ("moon.phase", "snapshot.create", "log.checkpoint", "case.open", "key.rotate"):
        with pytest.raises(ValueError, match=op):
            ledger.fact(op, actor="e", summary="s")
    with pytest.raises(ValueError, match=r"case.note"):
        ledger.intent("case.note", actor="e", summary="s")
    for members in ({"moon": 1}, {"acq": "7"}, {"params": {"size": "big"}}, {"summary": ""}):
        with pytest.raises(Refused, match="cannot be recorded"):
            ledger.fact("case.note", **{"actor": "e", "summary": "s"} | members)
    act(ledger)
    with pytest.raises(Refused, match="open intents"):
        ledger.fact("case.close", actor="e", summary="s")
    assert ledger.lines == 2
    ledger.close()
    with pytest.raises(Broken):
        note(ledger)


def test_checkpoints_come_by_themselves(tmp_path: Path, signer: Signer) -> None:
    case = tmp_path / "case"
    ledger = cases.new_ledger(case, signer)
    for _ in range(120):
        note(ledger)
    assert ledger.checkpointed_to == 101
    ledger.fact("custody.offer", actor="e", summary="s")
    assert ledger.checkpointed_to == ledger.lines - 1
    export = ledger.intent("evidence.export", actor="e", summary="s")
    ledger.outcome(export, "abandoned", summary="s")
    ledger.fact("agent.recover", actor="agent", summary="s")
    before = ledger.lines
    ledger.checkpoint()
    assert ledger.lines == before
    note(ledger)
    ledger.checkpoint()
    assert ledger.lines == before + 2
    ledger.close()
    written = ops(case)
    for number, op in enumerate(written):
        if op in ("custody.offer", "agent.recover"):
            assert written[number + 1] == "log.checkpoint"
    assert written[50] == written[101] == "log.checkpoint"
    sound(case)


def test_seals_are_held_back_while_the_item_has_open_intents(tmp_path: Path, signer: Signer) -> None:
    case = tmp_path / "case"
    ledger = cases.new_ledger(case, signer)
    reading = ledger.intent("evidence.read", actor="agent", summary="s", item="E-0001")
    bag = case / "evidence" / "E-0001"
    bags.build(bag)
    with pytest.raises(Refused, match="open intent"):
        cases.seal(ledger, bag, "E-0001")
    ledger.outcome(reading, "abandoned", summary="s", params={})
    (seal,) = ledger.open_intents()
    ledger.outcome(seal, "abandoned", summary="s")
    cases.seal(ledger, bag, "E-0001")
    with pytest.raises(Refused, match="sealed already"):
        cases.seal(ledger, bag, "E-0001")
    assert list(ledger.seals()) == ["E-0001"]
    ledger.outcome(ledger.open_intents()[0], "abandoned", summary="s")
    ledger.close()
    sound(case)


def test_rotation_and_further_keys(tmp_path: Path, signer: Signer) -> None:
    case, new = tmp_path / "case", Signer.generate()
    ledger = cases.new_ledger(case, signer)
    second = Signer.generate()
    ledger.fact(
        "key.add", actor="e", summary="s", params={"key": {"id": second.keyid, "pub": second.public_base64}}
    )
    ledger.rotate(new, actor="e", summary="The log has a new key")
    assert ledger.keyid == new.keyid
    with pytest.raises(Refused):
        ledger.rotate(signer, actor="e", summary="Back")
    for _ in range(60):
        note(ledger)
    ledger.close()
    sound(case)
    assert {path.stem for path in (case / "custody" / "keys").iterdir()} == {signer.keyid, second.keyid, new.keyid}
    with pytest.raises(Usage, match=new.keyid):
        Ledger.open(case, signer)
    Ledger.open(case, new).close()


def test_one_writer(tmp_path: Path, signer: Signer) -> None:
    case = tmp_path / "case"
    ledger = cases.new_ledger(case, signer)
    with pytest.raises(Refused, match="another process writes"):
        Ledger.open(case, signer)
    flags = fcntl.fcntl(ledger._file.descriptor, fcntl.F_GETFD)
    assert flags & fcntl.FD_CLOEXEC
    holding = [sys.executable, "-c", "import time; print(flush=True); time.sleep(60)"]
    child = subprocess.Popen(holding, stdout=subprocess.PIPE, close_fds=False)
    try:
        assert child.stdout is not None and child.stdout.readline()
        ledger.close()
        again = Ledger.open(case, signer)  # the child did not inherit the lock
        again.close()
    finally:
        child.kill()
        child.communicate()


def test_threads_write_one_after_the_other(tmp_path: Path, signer: Signer) -> None:
    case = tmp_path / "case"
    ledger = cases.new_ledger(case, signer)

    def work() -> None:
        for _ in range(20):
            ledger.outcome(act(ledger), "result", summary="s")

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    ledger.close()
    assert ops(case).count("snapshot.create") == 160
    sound(case)


def test_reading_back(tmp_path: Path, signer: Signer) -> None:
    case = tmp_path / "case"
    ledger = cases.new_ledger(case, signer)
    intent = act(ledger, params={"plan": "p"})
    ledger.close()
    with events(case).open("ab") as log:
        log.write(b"torn \x1b[2J")
    ledger = Ledger.open(case, signer)
    read = list(ledger.events())
    assert [line for line, _, _, _ in read] == [1, 2, 3, 4]
    assert read[2][:3] == (3, None, "torn \\x1b[2J")
    assert read[1][3] == intent.sha256
    assert json.loads(read[1][2]) == read[1][1] == intent.body
    body = read[3][1]
    assert body is not None and body["op"] == "log.recovered"
    (left,) = ledger.open_intents()
    assert (left.corr, left.line, left.sha256) == (intent.corr, intent.line, intent.sha256)
    ledger.outcome(left, "abandoned", summary="s", actor="agent", code="restart", error="the agent was killed")
    ledger.close()
    sound(case)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(where=st.floats(0, 1), junk=st.binary(max_size=40))
def test_a_log_cut_anywhere_recovers(
    tmp_path: Path, original: Path, signer: Signer, where: float, junk: bytes
) -> None:
    """After the newest checkpoint a crash may leave any prefix, and whatever the disk put behind it."""
    case = tmp_path / "cut"
    shutil.rmtree(case, ignore_errors=True)
    ledger = cases.new_ledger(case, signer)
    ledger.fact("agent.start", actor="agent", summary="s")
    ledger.checkpoint()
    keep = events(case).stat().st_size
    for _ in range(3):
        ledger.outcome(act(ledger), "result", summary="s")
    ledger.fact("custody.accept", actor="e", summary="s")
    ledger.close()
    whole = events(case).read_bytes()
    at = keep + int(where * (len(whole) - keep))
    events(case).write_bytes(whole[:at] + junk)
    for path in (case / "custody" / "checkpoints").iterdir():
        if int(path.stem) > whole[:at].count(b"\n"):
            path.unlink()  # a note is written after the lines that it covers are on disk
    ledger = Ledger.open(case, signer, clock=cases.StepClock())
    assert ledger.crashed
    ledger.fact("agent.start", actor="agent", summary="s")
    for left in ledger.open_intents():
        ledger.outcome(left, "abandoned", summary="s", actor="agent")
    ledger.fact("agent.recover", actor="agent", summary="s")
    ledger.close()
    sound(case)


def test_an_unsound_log_is_not_written_to(original: Path, case: Path, signer: Signer) -> None:
    good = lines(case)
    changes: list[Callable[[], list[bytes]]] = [
        lambda: [*good[:3], *good[4:]],
        lambda: [*good[:3], b"torn\n", *good[3:]],
        lambda: good[:4],
        list,
    ]
    for change in changes:
        events(case).write_bytes(b"".join(change()))
        with pytest.raises(Broken):
            Ledger.open(case, signer)
        assert events(case).read_bytes() == b"".join(change())
    events(case).unlink()
    with pytest.raises(Usage):
        Ledger.open(case, signer)


# -- writes that fail --------------------------------------------------------------------------------


class Disk:
    """A disk on which chosen writes fail. ``plan`` maps the number of a log write to what befalls it."""

    def __init__(self) -> None:
        self.plan: dict[int, int | OSError] = {}
        self.writes = 0
        self.sync_error: OSError | None = None

    def write(self, descriptor: int, data: bytes) -> int:
        self.writes += 1
        fate = self.plan.get(self.writes)
        if isinstance(fate, OSError):
            raise fate
        return os.write(descriptor, data if fate is None else data[:fate])

    def sync(self, descriptor: int) -> None:
        if self.sync_error is not None:
            raise self.sync_error
        os.fsync(descriptor)

    def fail(self, *fates: int | OSError | None) -> None:
        """What befalls the next writes."""
        for ahead, fate in enumerate(fates, 1):
            if fate is not None:
                self.plan[self.writes + ahead] = fate


@contextmanager
def on_disk(tmp_path: Path, signer: Signer) -> Iterator[tuple[Ledger, Disk, Path]]:
    case, disk = tmp_path / "case", Disk()
    cases.new_ledger(case, signer).close()
    ledger = Ledger.open(case, signer, clock=cases.StepClock(), system=System(disk.write, disk.sync))
    try:
        yield ledger, disk, case
    finally:
        ledger.close()


def full() -> OSError:
    return OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


@pytest.mark.parametrize("kept", [0, 1, 200])
def test_a_short_write_is_closed_declared_and_written_again(tmp_path: Path, signer: Signer, kept: int) -> None:
    with on_disk(tmp_path, signer) as (ledger, disk, case):
        told: list[int] = []
        ledger.on_append = lambda line, body, text: told.append(line)
        disk.fail(kept)
        entry = note(ledger, "It counts once")
        expected = ["case.open", "-", "log.recovered", "case.note"] if kept else ["case.open", "case.note"]
        assert ops(case) == expected
        assert entry.line == len(expected) and told == list(range(2, len(expected) + 1))
        assert events(case).read_bytes().count(b"It counts once") <= 1
        note(ledger)
    sound(case)


def test_a_write_that_lacks_its_line_feed_alone_is_an_event(tmp_path: Path, signer: Signer) -> None:
    with on_disk(tmp_path, signer) as (ledger, disk, case):
        size = len(lines(case)[0])
        real = disk.write

        def all_but_the_end(descriptor: int, data: bytes) -> int:
            return os.write(descriptor, data[:-1]) if len(data) > 1 else real(descriptor, data)

        ledger._file._system = System(all_but_the_end, os.fsync)
        entry = act(ledger)
        assert ops(case) == ["case.open", "snapshot.create"]
        assert entry.sha256 == hashlib.sha256(lines(case)[1]).hexdigest() == ledger.head
        assert size < events(case).stat().st_size
    sound(case)


def test_no_room_refuses_acts_and_still_records_outcomes(tmp_path: Path, signer: Signer) -> None:
    with on_disk(tmp_path, signer) as (ledger, disk, case):
        reserve = case / "custody" / "reserve.tmp"
        assert reserve.stat().st_blocks * 512 >= 4 << 20
        begun = act(ledger)
        disk.fail(100, full(), full())  # a torn intent, and no room for the line feed either
        with pytest.raises(StorageFull):
            act(ledger)
        assert not reserve.exists()
        assert [entry.corr for entry in ledger.open_intents()] == [begun.corr]
        ledger.outcome(begun, "result", summary="It was made")
        assert ledger.open_intents() == []
        reserve.mkdir()  # the reserve cannot be held
        with pytest.raises(StorageFull):
            act(ledger)
        reserve.rmdir()
        act(ledger)
        assert reserve.stat().st_blocks * 512 >= 4 << 20
        assert ops(case) == ["case.open", "snapshot.create", "-", "log.recovered", *["snapshot.create"] * 2]
    sound(case)


def test_an_outcome_is_written_from_the_reserve(tmp_path: Path, signer: Signer) -> None:
    with on_disk(tmp_path, signer) as (ledger, disk, case):
        begun = act(ledger)
        disk.fail(full())
        ledger.outcome(begun, "result", summary="It was made")
        assert ledger.open_intents() == []
        disk.fail(30, full(), full())
        with pytest.raises(StorageFull):
            note(ledger)
        note(ledger)  # somebody made room
        assert ops(case) == ["case.open", *["snapshot.create"] * 2, "-", "log.recovered", "case.note"]
    sound(case)


def test_a_disk_that_does_not_sync_ends_the_ledger(tmp_path: Path, signer: Signer) -> None:
    with on_disk(tmp_path, signer) as (ledger, disk, case):
        disk.sync_error = OSError(errno.EIO, "Input/output error")
        with pytest.raises(Broken):
            note(ledger)
        disk.sync_error = None
        with pytest.raises(Broken):
            note(ledger)
    Ledger.open(case, signer).close()
    sound(case)


def test_an_input_output_error_is_not_retried_for_ever(tmp_path: Path, signer: Signer) -> None:
    with on_disk(tmp_path, signer) as (ledger, disk, case):
        disk.fail(*[OSError(errno.EIO, "Input/output error")] * 20)
        with pytest.raises(Broken, match="Input/output"):
            note(ledger)
        disk.plan.clear()
        note(ledger)
    sound(case)


def test_a_note_that_cannot_be_written_is_due_before_the_next_event(tmp_path: Path, signer: Signer) -> None:
    with on_disk(tmp_path, signer) as (ledger, disk, case):
        disk.fail(None, full(), full())
        ledger.fact("custody.offer", actor="e", summary="s")
        assert ops(case) == ["case.open", "custody.offer"]
        note(ledger)
        assert ops(case) == ["case.open", "custody.offer", "log.checkpoint", "case.note"]
    sound(case)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    fates=st.dictionaries(
        st.integers(1, 60), st.one_of(st.integers(0, 900), st.just("full"), st.just("io")), max_size=25
    )
)
def test_whatever_befalls_the_writes_the_log_stays_sound(
    tmp_path: Path, signer: Signer, fates: dict[int, int | str]
) -> None:
    shutil.rmtree(tmp_path / "case", ignore_errors=True)
    acknowledged: list[Entry] = []
    with on_disk(tmp_path, signer) as (ledger, disk, case):
        start = disk.writes
        for ahead, fate in fates.items():
            error = full() if fate == "full" else OSError(errno.EIO, "Input/output error")
            disk.plan[start + ahead] = fate if isinstance(fate, int) else error
        steps: list[Callable[[], Entry]] = [lambda: note(ledger), lambda: act(ledger)]
        steps += [lambda: ledger.fact("custody.offer", actor="e", summary="s")]
        for step in steps * 6:
            try:
                acknowledged.append(step())
            except (StorageFull, Broken):
                continue
        disk.plan.clear()
        acknowledged.append(note(ledger))
    on_record = {hashlib.sha256(line).hexdigest() for line in lines(case)}
    assert {entry.sha256 for entry in acknowledged} <= on_record
    sound(case)


def test_a_file_size_limit(tmp_path: Path, signer: Signer) -> None:
    """The real thing: the kernel cuts the write short, then refuses."""
    case = tmp_path / "case"
    ledger = cases.new_ledger(case, signer)
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    size = events(case).stat().st_size
    resource.setrlimit(resource.RLIMIT_FSIZE, (size + 500, hard))
    try:
        with pytest.raises(StorageFull):
            act(ledger)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert ledger.open_intents() == []
    ledger.outcome(act(ledger), "result", summary="s")
    ledger.close()
    assert ops(case)[:3] == ["case.open", "-", "log.recovered"]
    sound(case)
