"""One line's proof, looked up in the record: what holds, and what a change of any part of it makes not hold."""

from __future__ import annotations

import base64
import json
import os
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from app.case.readmodel import ReadModel
from app.client.feed import Feed
from app.client.proof import EventProof, event_proof
from app.custody import Ledger, Signer, verify
from app.custody.exercise import Abandoned
from app.custody.log_file import System
from app.model.view import EventRow
from tests.custody import cases


class Told:
    """A case whose ledger fills a read model, as the agent does."""

    def __init__(self, path: Path, signer: Signer, system: System | None = None) -> None:
        self.path = path
        cases.new_ledger(path, signer).close()
        self.model = ReadModel(path / "case.sqlite")
        self.feed = Feed(path / "case.sqlite")
        self.ledger = Ledger.open(path, signer, clock=cases.StepClock(), on_append=self.model.event, system=system)
        for line, body, text, _ in self.ledger.events():
            self.model.event(line, body, text)

    def shown(self, line: int) -> tuple[EventRow, str] | None:
        rows, text = self.feed.events(line, 1), self.feed.event_body(line)
        return (rows[0], text) if rows and text is not None else None

    def proof(self, line: int, **more: Any) -> EventProof:
        return event_proof(self.path, line, self.shown(line), **more)

    def notes(self, count: int) -> None:
        for number in range(count):
            self.ledger.fact("case.note", actor="ex-07", summary=f"Note {number}")

    @property
    def log(self) -> Path:
        return self.path / "custody" / "events.jsonl"

    def edit(self, line: int, change: Callable[[bytes], bytes]) -> None:
        lines = self.log.read_bytes().splitlines(keepends=True)
        changed = change(lines[line - 1])
        assert changed != lines[line - 1]
        lines[line - 1] = changed
        self.log.write_bytes(b"".join(lines))


@pytest.fixture
def told_case(tmp_path: Path, signer: Signer) -> Told:
    return Told(tmp_path / "case", signer)


def test_every_line_of_a_sound_record_holds(told_case: Told) -> None:
    told_case.notes(120)
    intent = told_case.ledger.intent("snapshot.create", actor="agent", summary="About to snapshot", acq="A-0001")
    told_case.ledger.outcome(intent, "result", summary="Snapshot made")
    told_case.ledger.checkpoint()
    told_case.notes(1)
    total = told_case.ledger.lines
    proofs = [told_case.proof(line) for line in range(1, total + 1)]
    assert all(one.holds and one.signed and one.linked and one.differs == () for one in proofs)
    assert [one.followed for one in proofs] == [True] * (total - 1) + [None]
    sizes = sorted(int(path.stem) for path in (told_case.path / "custody" / "checkpoints").iterdir())
    for one in proofs:
        covering = next((size for size in sizes if size >= one.line), None)
        if covering is None:
            assert one.checkpoint is None  # the newest lines
        else:
            assert one.checkpoint is not None and one.checkpoint.holds is True
            assert (one.checkpoint.size, one.checkpoint.event) == (covering, covering + 1)
    assert proofs[-1].checkpoint is None and proofs[intent.line - 1].checkpoint is not None
    assert (proofs[intent.line - 1].sha256, proofs[intent.line - 1].tag) == (intent.sha256, True)
    assert [one.line for one in proofs if one.tag] == [intent.line]


def test_keys_come_and_go(tmp_path: Path, signer: Signer) -> None:
    case = Told(tmp_path / "case", signer)
    case.notes(1)
    second = Signer.generate()
    case.ledger.rotate(second, actor="ex-07", summary="The key was handed over")
    case.notes(2)
    first_line, handing, last = case.proof(2), case.proof(3), case.proof(5)
    assert [(s.keyid, s.since, s.retired, s.log_key) for s in first_line.signatures] == [
        (signer.keyid, 1, None, True)
    ]
    assert handing.signatures[0].keyid == signer.keyid and handing.holds  # signed by the old one alone
    assert [(s.keyid, s.since, s.log_key) for s in last.signatures] == [(second.keyid, 3, True)]
    assert last.holds


def test_a_retired_key_and_a_stranger_are_told_apart(forge: cases.Forge) -> None:
    second, stranger, witness = Signer.generate(), Signer.generate(), Signer.generate()
    forge.open()
    forge.add_key("key.add", witness)
    forge.sign_with(forge.signer, witness)
    forge.event("case.note")  # 3: two signatures
    forge.sign_with(witness)
    forge.event("case.note")  # 4: the log key's is missing
    forge.sign_with(forge.signer)
    forge.add_key("key.rotate", second)  # 5
    forge.event("case.note")  # 6: by the retired key
    forge.sign_with(stranger)
    forge.event("case.note")  # 7
    forge.add_key("key.add", Signer.generate())  # 8: a stranger admits a friend
    forge.sign_with(second)
    forge.event("case.note")  # 9
    proofs = {line: event_proof(forge.path, line, None) for line in range(1, 10)}
    assert [line for line, one in proofs.items() if one.signed] == [1, 2, 3, 5, 9]
    assert [(s.state, s.log_key, s.since) for s in proofs[3].signatures] == [
        ("valid", True, 1),
        ("valid", False, 2),
    ]
    assert proofs[4].signatures[0].in_force and not proofs[4].signatures[0].log_key
    assert [(s.state, s.in_force, s.retired) for s in proofs[6].signatures] == [("valid", False, 5)]
    assert [(s.state, s.in_force) for s in proofs[7].signatures] == [("key not known", False)]
    assert not proofs[8].holds and all(one.linked for one in proofs.values())
    assert proofs[1].differs is None  # the read model has no such line


def test_a_friend_that_a_stranger_admits_is_not_known(forge: cases.Forge) -> None:
    stranger, friend = Signer.generate(), Signer.generate()
    forge.open()
    forge.sign_with(stranger)
    forge.add_key("key.add", friend)
    forge.sign_with(friend)
    forge.event("case.note")
    assert event_proof(forge.path, 3, None).signatures[0].state == "key not known"


MEMBERS = (
    b'"summary":"Note 3"',
    b'"ts":"2026',
    b'"op":"case.note"',
    b'"id":"ex-07"',
    b'"phase":"fact"',
    b'"uid":',
    b'"name":"jumpbag"',
    b'"mono_ns":"1',
    b'"seq":',
    b'"corr":"',
    b'"v":1}',
)


@pytest.mark.parametrize("member", MEMBERS, ids=[member.decode() for member in MEMBERS])
def test_a_change_of_any_member_is_seen(told_case: Told, member: bytes) -> None:
    told_case.notes(8)
    told_case.ledger.checkpoint()
    line = 5

    def change(data: bytes) -> bytes:
        at = (
            data.rindex(member)
            + len(member)
            - (2 if member.endswith((b'7"', b'3"', b't"', b'e"', b'g"', b"}")) else 0)
        )
        char = data[at : at + 1]
        other = b"0" if char == b"1" else b"1" if char.isdigit() else b"z" if char != b"z" else b"y"
        return data[:at] + other + data[at + 1 :]

    assert told_case.proof(line).holds
    told_case.edit(line, change)
    found = told_case.proof(line)
    assert not found.holds and not found.signed and "does not verify" in found.fragment
    assert found.signatures[0].state == "not valid" and found.declared is None
    assert found.followed is False and found.differs
    assert found.checkpoint is not None and found.checkpoint.holds is False
    assert "root over 9 lines" in found.checkpoint.reason
    after = told_case.proof(line + 1)
    assert after.signed and after.linked is False and not after.holds


def test_a_line_taken_out_or_put_in_is_seen(told_case: Told) -> None:
    told_case.notes(8)
    lines = told_case.log.read_bytes().splitlines(keepends=True)
    told_case.log.write_bytes(b"".join(lines[:4] + lines[5:]))
    found = told_case.proof(5)
    assert found.signed and found.linked is False and "seq" in (found.differs or ()) and not found.holds
    told_case.log.write_bytes(b"".join([*lines[:4], lines[3], *lines[4:]]))
    found = told_case.proof(5)
    assert found.signed and found.linked is False and not found.holds


def test_a_signature_swapped_for_another_is_seen(told_case: Told) -> None:
    told_case.notes(4)
    lines = told_case.log.read_bytes().splitlines(keepends=True)
    cut = b',"s":['
    told_case.edit(4, lambda data: data[: data.rindex(cut)] + lines[2][lines[2].rindex(cut) :])
    assert told_case.proof(4).signatures[0].state == "not valid"
    told_case.edit(3, lambda data: data[: data.rindex(cut)] + b',"s":[]}\n')
    assert "grammar" in told_case.proof(3).fragment


def test_the_first_line_vouches_for_the_key(told_case: Told) -> None:
    told_case.notes(2)
    assert told_case.proof(1).holds
    told_case.edit(1, lambda data: data.replace(b"was opened", b"was 0pened"))
    first, second = told_case.proof(1), told_case.proof(2)
    assert first.signatures[0].state == "not valid" and not first.holds
    assert second.signatures[0].state == "key not known" and not second.holds


def test_a_forged_note_and_a_lost_one_are_seen(told_case: Told, signer: Signer) -> None:
    told_case.notes(3)
    told_case.ledger.checkpoint()
    (note,) = (told_case.path / "custody" / "checkpoints").iterdir()
    good = note.read_bytes()
    note.write_bytes(good.replace(b"\n4\n", b"\n3\n"))
    found = told_case.proof(2).checkpoint
    assert found is not None and found.holds is False and "line 5" in found.reason
    payload = base64.b64decode(good.split()[-1])
    forged = base64.b64encode(payload[:-1] + bytes([payload[-1] ^ 1]))
    note.write_bytes(good.replace(good.split()[-1], forged))
    found = told_case.proof(2).checkpoint
    assert found is not None and found.holds is False and "signature does not verify" in found.reason
    note.unlink()
    found = told_case.proof(2).checkpoint
    assert found is not None and found.holds is False and "missing" in found.reason


BROKEN: dict[str, tuple[dict[str, Any], str]] = {
    "seq": ({"seq": 999}, "seq is 999 where 5 must stand"),
    "log": ({"log": str(uuid.UUID(int=8))}, "log is not the id of this log"),
    "an outcome without its intent": (
        {"op": "evidence.verify", "phase": "result", "outcome": {"code": "ok", "error": None}, "item": "E-0001"},
        "has no open intent of its corr",
    ),
    "a corr that was there": ({"corr": "c-2"}, "corr is that of an earlier event"),
    "a second case.open": ({"op": "case.open"}, "a second case.open"),
}


@pytest.mark.parametrize("which", BROKEN)
def test_whatever_the_verifier_names_is_not_ticked(forge: cases.Forge, which: str) -> None:
    """Signed by the log key and well formed: wrong only beside the lines before it."""
    changes, named = BROKEN[which]
    forge.open()
    forge.event("case.note", corr="c-2")
    forge.event("case.note")
    forge.event("case.note")
    opened = json.loads(forge.lines[0])["b"]["params"]
    op, phase = changes.get("op", "case.note"), changes.get("phase", "fact")
    members = {name: value for name, value in changes.items() if name not in ("op", "phase")}
    forge.event(op, phase, **members, **({"params": opened} if op == "case.open" else {}))
    found = event_proof(forge.path, 5, None)
    assert verify(forge.path, log_only=True).first_bad_line == 5
    assert found.signed and found.linked and named in found.malformed and not found.holds
    assert all(event_proof(forge.path, line, None).holds for line in range(1, 5))


def test_a_line_behind_too_many_is_left_to_verify(forge: cases.Forge) -> None:
    forge.open()
    forge.event("case.note")
    forge.event("case.note", seq=9)
    found = event_proof(forge.path, 3, None, rules=2)
    assert not found.ruled and found.malformed == ""
    assert event_proof(forge.path, 2, None, rules=2).ruled


@pytest.mark.parametrize("wrong", ["note_sha256", "root", "the note is gone"])
def test_a_checkpoint_must_be_the_note_that_its_event_promises(forge: cases.Forge, wrong: str) -> None:
    forge.open()
    forge.event("case.note")
    changes = {"note_sha256": "0" * 64} if wrong == "note_sha256" else {}
    if wrong == "root":
        changes = {"root": base64.b64encode(bytes(32)).decode()}
    forge.checkpoint(**changes)
    if wrong == "the note is gone":
        (forge.path / "custody" / "checkpoints" / "2.note").unlink()
    assert verify(forge.path, log_only=True).faults
    covered, event = event_proof(forge.path, 2, None), event_proof(forge.path, 3, None)
    assert covered.checkpoint is not None and covered.checkpoint.holds is False and not covered.holds
    assert "2.note" in event.malformed and not event.holds


def test_a_tail_that_was_cut_is_seen_by_the_note(told_case: Told) -> None:
    told_case.notes(3)
    told_case.ledger.checkpoint()
    lines = told_case.log.read_bytes().splitlines(keepends=True)
    told_case.log.write_bytes(b"".join(lines[:3]))
    found = told_case.proof(3)
    assert found.checkpoint is not None and found.checkpoint.holds is False
    assert "only 3" in found.checkpoint.reason and not found.holds
    gone = told_case.proof(4)
    assert "only 3 lines" in gone.problem and not gone.holds


def test_a_note_without_its_event_counts_once_its_root_holds(told_case: Told) -> None:
    told_case.notes(3)
    told_case.ledger.checkpoint()
    lines = told_case.log.read_bytes().splitlines(keepends=True)
    told_case.log.write_bytes(b"".join(lines[:4]))
    found = told_case.proof(2).checkpoint
    assert found is not None and (found.size, found.event, found.holds) == (4, None, True)


def test_a_root_over_too_many_lines_is_left_to_verify(told_case: Told) -> None:
    told_case.notes(8)
    told_case.ledger.checkpoint()
    found = told_case.proof(4, most=8)
    assert found.checkpoint is not None and (found.checkpoint.size, found.checkpoint.holds) == (9, None)
    assert found.holds  # nothing that was looked at is wrong


def test_fragments(tmp_path: Path, signer: Signer) -> None:
    torn = [False]

    def write(descriptor: int, data: bytes) -> int:
        half, torn[0] = torn[0], False
        return os.write(descriptor, data[: len(data) // 2] if half else data)

    case = Told(tmp_path / "case", signer, System(write=write))
    torn[0] = True
    case.notes(2)
    found = case.proof(2)
    assert "grammar" in found.fragment and found.declared == 3 and found.holds and found.differs == ()
    assert case.proof(3).holds and case.proof(3).linked
    case.edit(2, lambda data: data[:-5] + b"torn\n")
    found = case.proof(2)
    assert found.declared is None and not found.holds and found.differs == ("the whole text",)
    assert not found.awaited


def test_screens_that_show_something_else_are_told_apart_from_the_record(told_case: Told) -> None:
    told_case.notes(3)
    body = json.loads(told_case.feed.event_body(3) or "")
    told_case.model.event(3, {**body, "summary": "Nothing of note"}, json.dumps(body))
    assert told_case.proof(3).differs == ("the whole text", "summary") and not told_case.proof(3).holds
    raw = told_case.log.read_bytes().splitlines()[2]
    told_case.model.event(
        3, {**body, "actor": {"id": "nobody"}}, raw[len(b'{"b":') : raw.rindex(b',"s":[')].decode()
    )
    assert told_case.proof(3).differs == ("actor",)


@pytest.mark.parametrize("how", ["missing", "link", "folder", "fifo"])
def test_what_cannot_be_read_is_said(told_case: Told, how: str) -> None:
    told_case.ledger.close()
    told_case.log.rename(told_case.log.with_name("away"))
    if how == "link":
        told_case.log.symlink_to(told_case.log.with_name("away"))
    elif how == "folder":
        told_case.log.mkdir()
    elif how == "fifo":
        os.mkfifo(told_case.log)
    found = told_case.proof(1)
    assert found.problem and not found.holds


@pytest.mark.parametrize(
    "line",
    [b"", b"null", b'{"b":null,"s":[]}', b'{"b":' + b"[" * 5000, b"\xff\xfe", b'{"b":{"op":"key.add"},"s":[{}]}'],
)
def test_hostile_lines_raise_nothing(told_case: Told, line: bytes) -> None:
    told_case.notes(2)
    with told_case.log.open("ab") as out:
        out.write(line + b"\n")
    assert told_case.proof(4).fragment and told_case.proof(4).awaited
    assert told_case.proof(3).holds


def test_signed_nonsense_raises_nothing(forge: cases.Forge) -> None:
    forge.open()
    for body in (
        b"[]",
        b"{}",
        b'"x"',
        b'{"op":"key.add"}',
        b'{"op":"key.rotate","params":[]}',
        b'{"op":"log.checkpoint","params":{"size":1}}',
        b'{"op":"log.recovered","params":{"fragments":7}}',
        b'{"op":"case.open","params":{"key":[]}}',
    ):
        forge.append(forge.signed(body))
    for line in range(2, 10):
        found = event_proof(forge.path, line, None)
        assert found.malformed and not found.holds and not found.problem


def test_it_can_be_abandoned(told_case: Told) -> None:
    with told_case.log.open("ab") as out:
        out.write(b"\n" * 5000)
    with pytest.raises(Abandoned):
        told_case.proof(4000, stop=lambda: True)
