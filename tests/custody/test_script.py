"""verify.sh says what verify says, under dash and mawk, and nothing in a case is ever run by it."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
from collections.abc import Callable
from importlib.resources import files
from pathlib import Path
from typing import NamedTuple

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from app.custody import Ledger, Signer, verify
from tests.custody import bags, cases
from tests.custody.cases import Forge
from tests.tools import need


class Answer(NamedTuple):
    code: int
    first: str
    text: str


def script(case: Path, *options: str) -> Answer:
    """What verify.sh says of a case; ``first`` is the line or file that it names."""
    for program, package in (("dash", "dash"), ("mawk", "mawk"), ("openssl", "openssl")):
        need(program, package)
    with files("app.custody").joinpath("verify.sh").open("rb") as own:
        run = ["dash", "-s", "--", str(case), *options]
        done = subprocess.run(run, stdin=own, capture_output=True, timeout=60, cwd="/")
    text = done.stdout.decode("ascii")
    assert done.stderr == b"", done.stderr
    wrong = next((line for line in text.splitlines() if line.startswith("WRONG ")), "")
    return Answer(done.returncode, wrong.removeprefix("WRONG ").partition(":")[0], text)


def agrees(case: Path) -> Answer:
    """Both say the same, and name the same line or file."""
    ours, theirs = verify(case), script(case)
    assert theirs.code == ours.exit_code, (ours.reason, theirs.text)
    if ours.first_bad_line is not None:
        assert theirs.first == f"line {ours.first_bad_line}", (ours.reason, theirs.text)
    elif ours.first_bad_file is not None:
        assert theirs.first in {fault.file for fault in ours.faults}, (ours.reason, theirs.text)
    return theirs


def lines(case: Path) -> list[bytes]:
    return (case / "custody" / "events.jsonl").read_bytes().splitlines(keepends=True)


def with_lines(change: Callable[[list[bytes]], list[bytes]]) -> Callable[[Path], None]:
    def apply(case: Path) -> None:
        (case / "custody" / "events.jsonl").write_bytes(b"".join(change(lines(case))))

    return apply


def flip(name: str, at: float) -> Callable[[Path], None]:
    def apply(case: Path) -> None:
        path = sorted(case.glob(name))[0]
        data = path.read_bytes()
        where = int(at * len(data))
        path.write_bytes(data[:where] + bytes([data[where] ^ 1]) + data[where + 1 :])

    return apply


def remove(name: str) -> Callable[[Path], None]:
    def apply(case: Path) -> None:
        path = sorted(case.glob(name))[0]
        shutil.rmtree(path) if path.is_dir() else path.unlink()

    return apply


def add(name: str, content: bytes | None = b"x") -> Callable[[Path], None]:
    def apply(case: Path) -> None:
        path = case / name
        path.parent.mkdir(exist_ok=True)
        path.mkdir() if content is None else path.write_bytes(content)

    return apply


def another_image(case: Path) -> None:
    shutil.rmtree(case / "evidence" / "E-0001")
    bags.build(case / "evidence" / "E-0001", data=bags.image(9))


def first_byte(case: Path, byte: bytes) -> None:
    """Put ``byte`` in the place of the log's first."""
    path = case / "custody" / "events.jsonl"
    path.write_bytes(byte + path.read_bytes()[1:])


def pipe_as_settings(case: Path) -> None:
    (case / "case.toml").unlink()
    os.mkfifo(case / "case.toml")


def dropped(number: int) -> Callable[[Path], None]:
    return with_lines(lambda all_: [*all_[:number], *all_[number + 1 :]])


def doubled(number: int) -> Callable[[Path], None]:
    return with_lines(lambda all_: [*all_[: number + 1], *all_[number:]])


def cut(number: int) -> Callable[[Path], None]:
    return with_lines(lambda all_: all_[:number])


def foreign_key(case: Path) -> None:
    (case / "custody/keys/0123456789abcdef.pem").write_bytes(Signer.generate().pem)


FEW: dict[str, Callable[[Path], object]] = {
    "nothing": lambda case: None,
    "a changed byte in the middle": flip("custody/events.jsonl", 0.5),
    "a line dropped": with_lines(lambda all_: [*all_[:4], *all_[5:]]),
    "two lines swapped": with_lines(lambda all_: [*all_[:4], all_[5], all_[4], *all_[6:]]),
    "a tail cut off": with_lines(lambda all_: all_[:9]),
    "no last line feed": with_lines(lambda all_: [*all_[:-1], all_[-1][:-1]]),
    "a note changed": flip("custody/checkpoints/*.note", 0.9),
    "settings changed": flip("case.toml", 0.3),
    "another image under fresh manifests": another_image,
    "a payload byte": flip("evidence/E-0001/data/disk.raw", 0.99),
    "a bag gone": remove("evidence/E-0002"),
    "a bag too many": lambda case: bags.build(case / "evidence" / "E-0009", item="E-0009"),
}
MANY: dict[str, Callable[[Path], object]] = {
    **{f"a changed byte at {at / 40:.1%}": flip("custody/events.jsonl", at / 40) for at in range(40)},
    **{f"line {n} dropped": dropped(n) for n in range(14)},
    **{f"line {n} doubled": doubled(n) for n in range(14)},
    **{f"cut after {n} lines": cut(n) for n in range(14)},
    **{f"a note changed at {at / 15:.0%}": flip("custody/checkpoints/*.note", at / 15) for at in range(15)},
    "an empty line": with_lines(lambda all_: [*all_[:4], b"\n", *all_[4:]]),
    "a line of NULs": with_lines(lambda all_: [*all_[:4], b"\0" * 40 + b"\n", *all_[4:]]),
    "no key file": remove("custody/keys/*.pem"),
    "a changed key file": flip("custody/keys/*.pem", 0.5),
    "a foreign key file": foreign_key,
    "an unknown file among keys": add("custody/keys/x"),
    "an unknown file among notes": add("custody/checkpoints/x.note"),
    "a directory among notes": add("custody/checkpoints/x", None),
    "a note gone": remove("custody/checkpoints/*.note"),
    "no settings": remove("case.toml"),
    "no log": remove("custody/events.jsonl"),
    "an empty log": with_lines(lambda all_: []),
    "no custody": remove("custody"),
    "no evidence": remove("evidence"),
    "a file beside the bags": add("evidence/readme.txt"),
    "a temporary file": add("custody/checkpoints/9.note.tmp"),
    "a directory beside the bags": add("evidence/old", None),
    "a partial bag": add("evidence/.E-0003.partial", None),
    "an empty directory in a bag": add("evidence/E-0001/deep", None),
    "an extra file in a bag": add("evidence/E-0001/more.txt"),
    "an extra payload file": add("evidence/E-0001/data/more"),
    "a temporary file in a bag": add("evidence/E-0001/data/more.tmp"),
    "no image": remove("evidence/E-0001/data/disk.raw"),
    "no tag manifest": remove("evidence/E-0001/tagmanifest-sha256.txt"),
    "a changed tag manifest": flip("evidence/E-0001/tagmanifest-sha256.txt", 0.1),
    "a changed manifest": flip("evidence/E-0001/manifest-sha256.txt", 0.5),
    "a changed path in a manifest": flip("evidence/E-0002/manifest-sha256.txt", 0.95),
    "a changed block table": flip("evidence/E-0001/blocks.tsv", 0.5),
    "a changed bag-info.txt": flip("evidence/E-0001/bag-info.txt", 0.5),
    "a changed bagit.txt": flip("evidence/E-0001/bagit.txt", 0.5),
    "a link in the evidence": lambda case: (case / "evidence/E-0002/data/l").symlink_to("/etc/passwd"),
    "a link in the record": lambda case: (case / "custody/keys/l.pem").symlink_to("/etc/passwd"),
    "a pipe in a bag": lambda case: os.mkfifo(case / "evidence/E-0002/data/pipe"),
    "a pipe as settings": pipe_as_settings,
    "a first byte that awk cannot read": lambda case: first_byte(case, b"\x00"),
    "a first byte of another kind": lambda case: first_byte(case, b"\x01"),
}


@pytest.mark.parametrize("name", FEW)
def test_the_script_agrees(case: Path, name: str) -> None:
    FEW[name](case)
    agrees(case)


@pytest.mark.slow
@pytest.mark.parametrize("name", MANY)
def test_the_script_agrees_on_many_more(case: Path, name: str) -> None:
    MANY[name](case)
    agrees(case)


@pytest.mark.slow
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(where=st.floats(0, 1, exclude_max=True), change=st.integers(1, 255))
def test_the_script_agrees_on_any_changed_byte(case: Path, where: float, change: int) -> None:
    path = case / "custody" / "events.jsonl"
    data = path.read_bytes()
    at = int(where * len(data))
    try:
        path.write_bytes(data[:at] + bytes([data[at] ^ change]) + data[at + 1 :])
        agrees(case)
    finally:
        path.write_bytes(data)


def test_it_says_what_is_proven_and_what_is_not(original: Path, signer: Signer) -> None:
    count = len(lines(original))
    answer = script(original, "--key", signer.fingerprint)
    assert answer.code == 0
    assert f"hold to line {count}" in answer.text and f"checkpoints hold to line {count - 1}" in answer.text
    assert "2 evidence item(s)" in answer.text and "not proven: that nothing was cut" in answer.text
    assert script(original, "--key", signer.keyid).code == 0
    assert script(original, "--key", Signer.generate().keyid).first == "line 1"
    assert script(original, "--key", "xyz").code == 2
    assert script(original / "evidence").code == 2


def test_the_copy_in_the_case_is_the_one_that_verify_md_names(original: Path) -> None:
    ours = files("app.custody").joinpath("verify.sh").read_bytes()
    assert (original / "custody" / "verify.sh").read_bytes() == ours
    text = (original / "custody" / "VERIFY.md").read_text()
    assert hashlib.sha256(ours).hexdigest() in text and "your own copy" in text


def test_long_lines_rare_characters_and_fragments(tmp_path: Path, signer: Signer) -> None:
    case = tmp_path / "a case; with 'quotes' $(touch ran) `touch ran`"
    ledger = cases.new_ledger(case, signer)
    for text in (
        '","s":[{"k":"',
        '\x01\x1f\x7f\t\n\r\\"/',
        "é€\U0001f600\u2028",
        "$(touch ran)`touch ran`;'%s%n\\",
        "x" * 70_000,
    ):
        ledger.fact("case.note", actor="e", summary=text, params={text[:30]: text, "€": [1, {}, [], True, -5]})
    ledger.close()
    with (case / "custody" / "events.jsonl").open("ab") as log:
        log.write(b"\n\0\0torn\0")
    ledger = Ledger.open(case, signer)
    ledger.fact("case.note", actor="e", summary="more")
    ledger.close()
    assert agrees(case).code == 0
    assert not Path("/ran").exists() and not (case / "ran").exists()


def test_keys_that_come_and_go(forge: Forge) -> None:
    old, new, second = forge.signer, Signer.generate(), Signer.generate()
    forge.open()
    forge.add_key("key.add", second)
    forge.signers = [old, second]
    forge.event("case.note")
    forge.signers = [old]
    forge.add_key("key.rotate", new)
    forge.signer, forge.signers = new, [new, second]
    forge.event("case.note")
    forge.checkpoint()
    assert agrees(forge.path).code == 0
    forge.signers = [old]
    forge.event("case.note")
    assert agrees(forge.path).first == "line 7"


def test_a_live_log(case: Path, signer: Signer) -> None:
    ledger = Ledger.open(case, signer)
    try:
        with (case / "custody" / "events.jsonl").open("ab") as log:
            log.write(b'{"b":{"half')
        assert agrees(case).code == 0
    finally:
        ledger.close()
    assert agrees(case).code == 1


def test_evidence_elsewhere(tmp_path: Path, signer: Signer) -> None:
    for number, quote in enumerate("'\""):
        case, other = tmp_path / f"case-{number}", tmp_path / f"the vault {number}"
        other.mkdir()
        text = f"[case]\nid = 'IR-7'\nevidence_dir = {quote}{other}{quote}\n[roster]\nx = ''\n".encode()
        case.mkdir()
        (case / "case.toml").write_bytes(text)
        ledger = Ledger.create(
            case, case_id="IR-7", signer=signer, actor="e", case_toml_sha256=hashlib.sha256(text).hexdigest()
        )
        bags.build(other / "E-0001")
        cases.seal(ledger, other / "E-0001", "E-0001")
        ledger.close()
        assert agrees(case).code == 0
        (other / "E-0001" / "data" / "disk.raw").write_bytes(b"x")
        assert agrees(case).code == 1


HOSTILE = ["$(touch ran)", "`touch ran`", "a\nb", "-rf", "--", "%n%s", "\x1b[2J", "'; touch ran; '", "*", "a b"]


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_name_is_refused_and_not_run(case: Path, name: str) -> None:
    (case / "evidence" / "E-0002" / "data" / name).write_bytes(b"x")
    answer = agrees(case)
    assert answer.code == 1 and "\x1b" not in answer.text
    assert not Path("/ran").exists() and not (case / "ran").exists()


def test_hostile_names_anywhere(case: Path) -> None:
    for where in ("custody/checkpoints", "custody/keys", "evidence"):
        for name in HOSTILE:
            (case / where / name).write_bytes(b"x")
        answer = script(case)
        assert answer.code == 1 and "\x1b" not in answer.text
        for name in HOSTILE:
            (case / where / name).unlink()
    assert not Path("/ran").exists() and not (case / "ran").exists()


def test_hostile_manifests(case: Path) -> None:
    tags = case / "evidence" / "E-0001" / "tagmanifest-sha256.txt"
    whole = tags.read_bytes()
    for row in (
        b"0  ../x",
        b"  /etc/passwd",
        b"  -",
        b"  a\\nb",
        b"  $(touch ran)",
        b"\\",
        b"  \x1b[2J",
        b"  a\0b",
    ):
        tags.write_bytes(whole + b"0" * 64 + row + b"\n")
        assert agrees(case).code == 1
    assert not Path("/ran").exists()


def stranger(forge: Forge) -> None:
    forge.open()
    forge.sign_with(Signer.generate())
    forge.event("case.note")


RULES: dict[str, Callable[[Forge], object]] = {
    "not case.open first": lambda f: f.event("case.note"),
    "a second case.open": lambda f: (f.open(), f.open()),
    "a wrong seq": lambda f: (f.open(), f.event("case.note", seq=7)),
    "a wrong log": lambda f: (f.open(), f.event("case.note", log="00000000-0000-0000-0000-000000000008")),
    "a stranger's key": stranger,
    "an unpaired outcome": lambda f: (f.open(), f.event("tag.set", "result")),
    "an open intent at the close": lambda f: (f.open(), f.event("tag.set", "intent"), f.event("case.close")),
    "no checkpoint after": lambda f: (f.open(), f.event("custody.offer"), f.event("case.note")),
    "fifty-one events": lambda f: (f.open(), [f.event("case.note") for _ in range(50)]),
    "a crash": lambda f: (f.open(), f.event("agent.start"), f.event("acquisition.finish")),
    "an undeclared fragment": lambda f: (f.open(), f.append(b"x\n"), f.event("case.note")),
    "a fragment declared wrongly": lambda f: (
        f.open(),
        f.append(b"x\n"),
        f.event("log.recovered", params={"fragments": []}),
    ),
    "fragments before event one": lambda f: (
        f.append(b"x\n"),
        f.open(),
        f.append(b"\xff\0\n"),
        f.event("log.recovered", params={"fragments": f.fragments(1, 3)}),
    ),
    "a root of zeros": lambda f: (f.open(), f.checkpoint(root="A" * 43 + "=")),
    "a note without an event": lambda f: (f.open(), f.note(1)),
    "a note of another root": lambda f: (f.open(), f.note(1, root=bytes(32))),
    "a note by another key": lambda f: (f.open(), f.note(1, signer=Signer.generate())),
    "a body that is not canonical": lambda f: (f.open(), f.append(f.signed(b'{"b": 1}'))),
    "a body that is no object": lambda f: (f.open(), f.append(f.signed(b"[]"))),
    "bytes that are no UTF-8": lambda f: (f.open(), f.append(f.signed(b'{"a":"\xff"}'))),
    "a large integer": lambda f: (f.open(), f.append(f.signed(b'{"a":9007199254740992}'))),
    "names out of order": lambda f: (f.open(), f.append(f.signed(b'{"b":1,"a":1}'))),
}


@pytest.mark.parametrize("name", RULES)
def test_the_script_knows_the_rules(forge: Forge, name: str) -> None:
    RULES[name](forge)
    agrees(forge.path)
