"""What verify proves of a sound case, and that whatever is changed in it is found and named."""

from __future__ import annotations

import errno
import hashlib
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from app.custody import Ledger, Signer, verify
from app.custody.disk import locked
from app.faults import Usage
from tests.custody import bags, cases

SPEC_KEYS = [
    "ok",
    "key",
    "trust",
    "events",
    "lines",
    "chain",
    "signatures",
    "checkpointed_to",
    "anchored_to",
    "live",
]
SPEC_KEYS += ["open_intents", "items", "first_bad_line", "reason"]


def events(case: Path) -> Path:
    return case / "custody" / "events.jsonl"


def covered(case: Path) -> list[Path]:
    """Every file whose bytes the record vouches for."""
    custody = case / "custody"
    found = [case / "case.toml", custody / "events.jsonl"]
    found += sorted(custody.glob("keys/*")) + sorted(custody.glob("checkpoints/*"))
    return found + sorted(path for path in case.glob("evidence/**/*") if path.is_file())


def test_a_sound_case(original: Path, signer: Signer) -> None:
    found = verify(original, signer.fingerprint)
    assert found.exit_code == 0, found.faults
    assert (found.ok, found.chain, found.signatures, found.trust) == (True, True, True, "pinned")
    assert found.key == signer.keyid
    assert found.first_bad_line is None and found.reason is None and found.faults == []
    assert found.lines == found.events == len(events(original).read_bytes().splitlines())
    assert found.checkpointed_to == found.lines - 1
    assert [(item.id, item.ok) for item in found.items] == [("E-0001", True), ("E-0002", True)]
    assert any("whoever holds key" in sentence for sentence in found.not_proven)
    assert any(f"to line {found.lines}" in sentence for sentence in found.proven)


def test_the_json_has_the_promised_keys(original: Path) -> None:
    document = msgspec.json.decode(msgspec.json.encode(verify(original)))
    assert list(document)[: len(SPEC_KEYS)] == SPEC_KEYS
    assert document["trust"] == "self-asserted"
    assert document["items"][0] == {"id": "E-0001", "ok": True, "reason": None}


def test_a_copy_under_any_name_verifies(case: Path) -> None:
    shutil.rmtree(case / "custody" / "keys")
    assert verify(case).exit_code == 0


def test_pinning(original: Path, signer: Signer) -> None:
    assert verify(original, signer.keyid).trust == "pinned"
    other = Signer.generate()
    for key in (other.keyid, other.fingerprint, signer.keyid + other.fingerprint[16:]):
        found = verify(original, key)
        assert (found.exit_code, found.ok, found.trust) == (1, False, "self-asserted")
    with pytest.raises(Usage):
        verify(original, "not-a-key")


def test_log_only(original: Path, case: Path, tmp_path: Path, signer: Signer) -> None:
    found = verify(original, log_only=True)
    assert (found.exit_code, found.ok, found.chain) == (2, False, True)
    assert [item.ok for item in found.items] == [None, None]
    assert "--log-only" in (found.reason or "")
    (case / "evidence" / "E-0001" / "data" / "disk.raw").write_bytes(b"x")
    assert verify(case, log_only=True).exit_code == 2
    cases.new_ledger(tmp_path / "bare", signer).close()
    assert verify(tmp_path / "bare", log_only=True).exit_code == 0


def test_nothing_to_check(tmp_path: Path) -> None:
    for path in (tmp_path, tmp_path / "absent"):
        found = verify(path)
        assert (found.exit_code, found.chain) == (2, None)
        assert found.reason


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(where=st.floats(0, 1, exclude_max=True), change=st.integers(1, 255))
def test_a_changed_byte_of_the_log_is_named(case: Path, where: float, change: int) -> None:
    path = events(case)
    data = path.read_bytes()
    at = int(where * len(data))
    try:
        path.write_bytes(data[:at] + bytes([data[at] ^ change]) + data[at + 1 :])
        found = verify(case)
    finally:
        path.write_bytes(data)
    assert found.exit_code == 1 and found.ok is False
    assert found.first_bad_line == data.count(b"\n", 0, at) + 1, found.faults


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_a_changed_byte_of_any_other_file_is_named(case: Path, data: st.DataObject) -> None:
    path = data.draw(st.sampled_from([path for path in covered(case) if path.name != "events.jsonl"]))
    content = path.read_bytes()
    at = data.draw(st.integers(0, len(content) - 1))
    change = data.draw(st.integers(1, 255))
    try:
        path.write_bytes(content[:at] + bytes([content[at] ^ change]) + content[at + 1 :])
        found = verify(case)
    finally:
        path.write_bytes(content)
    assert found.exit_code == 1
    named = path.relative_to(case).as_posix()
    if named.startswith("evidence/"):
        named = "/".join(named.split("/")[:2])
    assert any(fault.file == named for fault in found.faults), found.faults


@pytest.mark.slow
def test_every_single_byte(case: Path) -> None:
    for path in covered(case):
        content = path.read_bytes()
        step = 1 if len(content) < 20_000 else 97
        for at in range(0, len(content), step):
            path.write_bytes(content[:at] + bytes([content[at] ^ 0x01]) + content[at + 1 :])
            assert verify(case).exit_code == 1, (path, at)
        path.write_bytes(content)
    assert verify(case).exit_code == 0


def test_dropped_swapped_and_doubled_lines(case: Path) -> None:
    lines = events(case).read_bytes().splitlines(keepends=True)
    for number in range(len(lines)):
        dropped = lines[:number] + lines[number + 1 :]
        events(case).write_bytes(b"".join(dropped))
        found = verify(case)
        # Without its last line the chain itself is whole; what is missing is the checkpoint after agent.stop.
        assert found.exit_code == 1 and found.chain is (number == len(lines) - 1)
        assert found.first_bad_line == number + 1
        events(case).write_bytes(b"".join(lines[: number + 1] + lines[number:]))
        found = verify(case)
        assert (found.exit_code, found.first_bad_line) == (1, number + 2)
    for number in range(len(lines) - 1):
        swapped = [*lines[:number], lines[number + 1], lines[number], *lines[number + 2 :]]
        events(case).write_bytes(b"".join(swapped))
        found = verify(case)
        assert (found.exit_code, found.first_bad_line) == (1, number + 1)


def test_a_tail_cut_off_at_every_line(case: Path) -> None:
    lines = events(case).read_bytes().splitlines(keepends=True)
    newest = max(int(path.stem) for path in (case / "custody" / "checkpoints").iterdir())
    for keep in range(len(lines)):
        events(case).write_bytes(b"".join(lines[:keep]))
        found = verify(case)
        if keep >= newest:
            continue  # what follows the newest checkpoint: only an outside copy could show it
        assert found.exit_code == 1, keep
        assert any("lines are missing" in fault.reason for fault in found.faults) or keep == 0
    # The last line alone, the event of the newest checkpoint, is missed by agent.stop.
    events(case).write_bytes(b"".join(lines[:-1]))
    found = verify(case)
    assert found.exit_code == 1 and "is not followed by its checkpoint" in (found.reason or "")


def test_a_tail_without_line_feed(case: Path, signer: Signer) -> None:
    whole = events(case).read_bytes()
    events(case).write_bytes(whole[:-1])
    found = verify(case)
    assert (found.exit_code, found.live, found.first_bad_line) == (1, False, whole.count(b"\n"))
    events(case).write_bytes(whole)
    ledger = Ledger.open(case, signer, clock=cases.StepClock())
    try:
        with events(case).open("ab") as log:
            log.write(b'{"b":{"half')
        found = verify(case)
        assert (found.exit_code, found.live, found.ok) == (0, True, True), found.faults
    finally:
        ledger.close()
    assert verify(case).exit_code == 1


def test_a_log_written_anew_under_another_key(tmp_path: Path, signer: Signer) -> None:
    cases.sample(tmp_path / "case", Signer.generate())
    assert verify(tmp_path / "case").exit_code == 0
    found = verify(tmp_path / "case", signer.fingerprint)
    assert (found.exit_code, found.first_bad_line) == (1, 1)


def test_another_image_under_fresh_manifests(case: Path) -> None:
    bag = case / "evidence" / "E-0001"
    shutil.rmtree(bag)
    bags.build(bag, data=bags.image(9))
    assert verify(bag).exit_code == 0
    found = verify(case)
    assert found.exit_code == 1 and found.chain is True
    assert found.first_bad_file == "evidence/E-0001"
    assert [item.ok for item in found.items] == [False, True]
    assert "the seal of line" in (found.reason or "")


def test_a_note_of_a_longer_log(case: Path) -> None:
    lines = events(case).read_bytes().splitlines(keepends=True)
    events(case).write_bytes(b"".join(lines[:4]))
    found = verify(case)
    assert found.chain is False
    assert any(
        fault.file and fault.file.startswith("custody/checkpoints/") and "lines are missing" in fault.reason
        for fault in found.faults
    )


def _replace(path: Path, target: Path) -> None:
    if path.is_dir():
        path.rename(target)
    else:
        target.write_bytes(path.read_bytes())
        path.unlink()
    path.symlink_to(target)


def _link_among_anchors(case: Path) -> None:
    (case / "custody/anchors").mkdir()
    (case / "custody/anchors/link").symlink_to("/etc/passwd")


FOREIGN: dict[str, Callable[[Path], object]] = {
    "custody/keys/readme.txt": lambda case: (case / "custody/keys/readme.txt").touch(),
    "custody/keys/0123456789abcdef.pem": lambda case: (case / "custody/keys/0123456789abcdef.pem").write_bytes(
        Signer.generate().pem
    ),
    "custody/checkpoints/1.note.bak": lambda case: (case / "custody/checkpoints/1.note.bak").touch(),
    "custody/checkpoints/x": lambda case: (case / "custody/checkpoints/x").mkdir(),
    "evidence/E-0009": lambda case: bags.build(case / "evidence/E-0009", item="E-0009"),
    "evidence/notes.txt": lambda case: (case / "evidence/notes.txt").touch(),
    "evidence/other": lambda case: (case / "evidence/other").mkdir(),
    "case.toml": lambda case: (case / "case.toml").unlink(),
    "custody/events.jsonl": lambda case: events(case).unlink(),
    "custody/anchors/link": _link_among_anchors,
    "custody/keys": lambda case: _replace(case / "custody/keys", case / "elsewhere"),
    "custody": lambda case: _replace(case / "custody", case / "elsewhere"),
    "evidence": lambda case: _replace(case / "evidence", case / "elsewhere"),
}


@pytest.mark.parametrize("name", FOREIGN)
def test_foreign_and_missing_files(case: Path, name: str) -> None:
    FOREIGN[name](case)
    found = verify(case)
    assert found.exit_code == 1
    assert name in {fault.file for fault in found.faults}, found.faults


def test_temporary_files_are_ignored(case: Path) -> None:
    for name in ("custody/reserve.tmp", "custody/keys/x.tmp", "custody/checkpoints/9.note.tmp", "evidence/a.tmp"):
        (case / name).write_bytes(b"x")
    assert verify(case).exit_code == 0


def test_missing_notes_and_bags(copy: Callable[[], Path]) -> None:
    case = copy()
    note = min((case / "custody" / "checkpoints").iterdir(), key=lambda path: int(path.stem))
    note.unlink()
    found = verify(case)
    assert found.exit_code == 1 and found.first_bad_file == f"custody/checkpoints/{note.name}"
    assert found.first_bad_line == int(note.stem) + 1
    case = copy()
    shutil.rmtree(case / "evidence" / "E-0002")
    found = verify(case)
    assert found.exit_code == 1 and "bag is missing" in (found.reason or "")
    assert [(item.id, item.ok) for item in found.items] == [("E-0001", True), ("E-0002", False)]


def test_evidence_in_another_directory(tmp_path: Path, signer: Signer) -> None:
    case, other = tmp_path / "case", tmp_path / "vault" / "IR-7"
    other.mkdir(parents=True)
    settings = f"[case]\nevidence_dir = '{other}'\n".encode()
    case.mkdir()
    (case / "case.toml").write_bytes(settings)
    ledger = Ledger.create(
        case,
        case_id="IR-7",
        signer=signer,
        actor="examiner-1",
        case_toml_sha256=hashlib.sha256(settings).hexdigest(),
    )
    bags.build(other / "E-0001")
    cases.seal(ledger, other / "E-0001", "E-0001")
    ledger.close()
    found = verify(case)
    assert found.exit_code == 0, found.faults
    assert [(item.id, item.ok) for item in found.items] == [("E-0001", True)]
    (other / "E-0001" / "data" / "disk.raw").write_bytes(b"gone")
    assert verify(case).exit_code == 1


def test_partial_bags_are_listed_and_wrong_once_the_case_is_closed(case: Path, signer: Signer) -> None:
    (case / "evidence" / ".E-0003.partial").mkdir()
    found = verify(case)
    assert found.exit_code == 0
    assert ("E-0003", None) in {(item.id, item.ok) for item in found.items}
    ledger = Ledger.open(case, signer, clock=cases.StepClock())
    ledger.fact("case.close", actor="examiner-1", summary="The case is closed")
    ledger.close()
    found = verify(case)
    assert found.exit_code == 1 and found.first_bad_file == "evidence/.E-0003.partial"


def test_live_bags_are_not_judged_before_their_seal(case: Path, signer: Signer) -> None:
    ledger = Ledger.open(case, signer, clock=cases.StepClock())
    try:
        ledger.intent("evidence.seal", actor="agent", summary="Seal", item="E-0003", acq="A-0001")
        bags.build(case / "evidence" / "E-0003", item="E-0003")
        found = verify(case)
        assert found.exit_code == 0 and found.live
        assert [(intent.op, intent.line) for intent in found.open_intents] == [("evidence.seal", ledger.lines)]
    finally:
        ledger.close()
    found = verify(case)
    assert found.exit_code == 1 and "never sealed" in (found.reason or "")


def test_what_cannot_be_read_is_neither_right_nor_wrong(case: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A disk that answers with I/O errors for one image: could not check, unless something else is wrong."""
    image = (case / "evidence" / "E-0001" / "data" / "disk.raw").stat()
    pread = os.pread

    def failing(descriptor: int, count: int, offset: int) -> bytes:
        if os.path.samestat(os.fstat(descriptor), image):
            raise OSError(errno.EIO, "Input/output error")
        return pread(descriptor, count, offset)

    monkeypatch.setattr(os, "pread", failing)
    found = verify(case)
    assert (found.exit_code, found.ok, found.chain) == (2, False, True)
    assert [(item.id, item.ok) for item in found.items] == [("E-0001", None), ("E-0002", True)]
    assert "Input/output error" in (found.reason or "")
    assert verify(case / "evidence" / "E-0001").exit_code == 2
    (case / "case.toml").write_bytes(b"")
    assert verify(case).exit_code == 1


def test_a_log_that_cannot_be_read(case: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(descriptor: int, count: int, offset: int) -> bytes:
        raise OSError(errno.EIO, "Input/output error")

    monkeypatch.setattr(os, "pread", refused)
    assert verify(case).exit_code == 2


def test_progress_covers_the_log_and_the_images(original: Path) -> None:
    seen: dict[str, tuple[int, int]] = {}

    def told(what: str, done: int, total: int) -> None:
        assert done >= seen.get(what, (0, 0))[0]
        seen[what] = (done, total)

    verify(original, progress=told)
    assert seen["custody/events.jsonl"][0] == seen["custody/events.jsonl"][1]
    assert seen["evidence/E-0001/data/disk.raw"] == (len(bags.image()), len(bags.image()))


def test_links_in_bags_are_seen_with_log_only_too(case: Path) -> None:
    (case / "evidence" / "E-0001" / "data" / "link").symlink_to("disk.raw")
    assert verify(case, log_only=True).exit_code == 1


@pytest.mark.parametrize("holder", ["WRITE 99 {dev}:{ino}", "READ 99 {dev}:{ino}", "WRITE 99 00:00:{ino}"])
def test_only_a_lock_of_that_file_counts(tmp_path: Path, holder: str) -> None:
    file, table = tmp_path / "log", tmp_path / "locks"
    file.touch()
    about = file.stat()
    device = f"{os.major(about.st_dev):02x}:{os.minor(about.st_dev):02x}"
    row = holder.format(dev=device, ino=about.st_ino)
    table.write_text(f"1: POSIX  ADVISORY  {row} 0 EOF\n2: FLOCK  ADVISORY  {row} 0 EOF\n")
    with file.open("rb") as opened:
        assert locked(opened.fileno(), table) is (device in row and "WRITE" in row)
        table.write_text(f"2: -> FLOCK  ADVISORY  {row} 0 EOF\n")
        assert not locked(opened.fileno(), table)
        assert not locked(opened.fileno(), tmp_path / "absent")
