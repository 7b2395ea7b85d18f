"""Verify meets anything at all and never stumbles: every malformed thing is a named fault."""

from __future__ import annotations

import base64
import hashlib
import json
import os
import shutil
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from app.custody import Signer, verify
from tests.custody.cases import Forge

loose = st.recursive(
    st.none() | st.booleans() | st.integers(-5, 5) | st.text(max_size=5) | st.sampled_from(["E-0001", "0" * 64]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner, max_size=3),
    max_leaves=6,
)
MEMBERS = [
    "v",
    "log",
    "seq",
    "prev",
    "ts",
    "mono_ns",
    "boot_id",
    "clk",
    "op",
    "phase",
    "corr",
    "actor",
    "host",
    "tool",
]
MEMBERS += ["summary", "cloud", "account", "resource", "authority", "acq", "item", "lease", "params", "outcome"]
MEMBERS += ["digests", "coverage"]
OPS = ["case.open", "case.close", "config.change", "key.add", "key.rotate", "log.recovered", "log.checkpoint"]
OPS += ["evidence.seal", "evidence.read", "log.anchor", "agent.recover", "case.note"]
PARAMS = ["case", "case_toml_sha256", "key", "fragments", "size", "root", "note_sha256", "blocks", "bytes"]


def fresh(tmp_path: Path, signer: Signer) -> Forge:
    shutil.rmtree(tmp_path / "forged", ignore_errors=True)
    return Forge(tmp_path / "forged", signer)


@settings(max_examples=120, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    changes=st.dictionaries(st.sampled_from(MEMBERS), loose | st.just(...), min_size=1, max_size=4),
    op=st.sampled_from(OPS),
    phase=st.sampled_from(["fact", "intent", "result"]),
    params=st.dictionaries(st.sampled_from(PARAMS), loose, max_size=4),
    first=st.booleans(),
)
def test_signed_nonsense(
    tmp_path: Path,
    signer: Signer,
    changes: dict[str, Any],
    op: str,
    phase: str,
    params: dict[str, Any],
    first: bool,
) -> None:
    forge = fresh(tmp_path, signer)
    if not first:
        forge.open()
    forge.event(op, phase, **{"params": params} | changes)
    forge.event("case.note", corr="zz")
    found = verify(forge.path)
    assert found.exit_code in (0, 1)
    assert (found.exit_code == 1) == bool(found.faults)
    json.dumps(found.faults, default=str)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.binary(max_size=400), where=st.floats(0, 1), keep=st.booleans())
def test_unsigned_nonsense(case: Path, data: bytes, where: float, keep: bool) -> None:
    path = case / "custody" / "events.jsonl"
    whole = path.read_bytes()
    at = int(where * len(whole))
    changed = whole[:at] + data + (whole[at:] if keep else b"")
    try:
        path.write_bytes(changed)
        found = verify(case)
    finally:
        path.write_bytes(whole)
    assert found.exit_code == (0 if changed == whole else 1)


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_nonsense_in_any_file(case: Path, data: st.DataObject) -> None:
    files = sorted(
        path for path in case.rglob("*") if path.is_file() and path.name not in ("VERIFY.md", "verify.sh")
    )
    path = data.draw(st.sampled_from([path for path in files if path.suffix != ".tmp"]))
    content = path.read_bytes()
    junk = data.draw(st.binary(max_size=300))
    try:
        path.write_bytes(junk)
        assert verify(case).exit_code == (0 if junk == content else 1)
    finally:
        path.write_bytes(content)


@pytest.mark.parametrize("body", [b"5", b"[]", b'"x"', b"null", b"{}", b'{"op":[]}', b'{"params":5}'])
def test_signed_bodies_that_are_no_events(forge: Forge, body: bytes) -> None:
    forge.open()
    forge.append(forge.signed(body))
    found = verify(forge.path)
    assert (found.exit_code, found.first_bad_line) == (1, 2)
    forge.lines.pop(0)
    forge.append(b"")
    assert verify(forge.path).exit_code == 1


def test_names_that_would_move_the_cursor(case: Path) -> None:
    evil = "\x1b[2J\u202e\n.note"
    (case / "custody" / "checkpoints" / evil).touch()
    (case / "evidence" / evil).mkdir()
    (case / "evidence" / os.fsdecode(b"\xff\xfe")).mkdir()
    found = verify(case)
    assert found.exit_code == 1
    for text in [found.reason or "", *[f"{fault.file}{fault.reason}" for fault in found.faults]]:
        assert "\x1b" not in text and "\n" not in text and "\u202e" not in text
    json.dumps([fault.file for fault in found.faults]).encode("utf-8")


def test_pipes_and_directories_in_the_place_of_files(case: Path) -> None:
    for name in ("custody/events.jsonl", "case.toml", "custody/checkpoints/1.note"):
        path = case / name
        content = path.read_bytes() if path.exists() else None
        for make in (os.mkfifo, Path.mkdir):
            path.unlink(missing_ok=True)
            make(path)
            assert verify(case).exit_code == 1
            path.rmdir() if path.is_dir() else path.unlink()
        if content is not None:
            path.write_bytes(content)


def test_many_empty_lines_do_not_fill_the_memory(forge: Forge) -> None:
    forge.open()
    with forge.events.open("ab") as log:
        log.write(b"\n" * 12_000)
    found = verify(forge.path)
    assert (found.exit_code, found.lines) == (1, 12_001)
    assert len(found.faults) < 500


def test_settings_that_are_no_toml_or_name_odd_places(forge: Forge) -> None:
    for number, text in enumerate(
        (
            b"\xff",
            b"evidence_dir = 5",
            b'evidence_dir = "a\\u0000b"',
            b"[[[",
            b'[case]\nevidence_dir = "/dev/null"',
        )
    ):
        forge.lines.clear()
        forge.seq = 0
        (forge.path / "case.toml").write_bytes(text)
        pub = base64.b64encode(forge.signer.public).decode()
        key = {"id": forge.signer.keyid, "pub": pub}
        digest = hashlib.sha256(text).hexdigest()
        forge.event("case.open", params={"case": "IR-7", "case_toml_sha256": digest, "key": key})
        assert verify(forge.path).exit_code == (1 if number == 4 else 0)
