"""The cases of a directory: also the broken and the hostile ones."""

from __future__ import annotations

import os
import socket
from datetime import UTC, datetime
from pathlib import Path

import pytest

from app.case.create import create
from app.case.overview import overview
from app.locations import Locations, private_directory
from tests.core.clocks import HandClock


@pytest.fixture
def locations(tmp_path: Path) -> Locations:
    file = tmp_path / ".config/jumpbag/config.toml"
    file.parent.mkdir(parents=True)
    file.write_text('[signing]\nprotection = "file"\n')
    return Locations({"HOME": str(tmp_path)})


def made(locations: Locations, ident: str, day: int, title: str = "t") -> Path:
    clock = HandClock(datetime(2026, 11, day, 9, 0, tzinfo=UTC))
    return create(
        ident,
        title=title,
        ticket="T-1",
        config_file=None,
        evidence_dir=None,
        cases=locations.cases,
        locations=locations,
        clock=clock,
    ).case.path


def test_no_directory_is_no_case(locations: Locations) -> None:
    assert overview(locations.cases, locations) == []


def test_the_newest_is_first_and_each_has_its_log(locations: Locations) -> None:
    made(locations, "IR-1", 3)
    made(locations, "IR-3", 5)
    path = made(locations, "IR-2", 9)
    rows = overview(locations.cases, locations)
    assert [row.id for row in rows] == ["IR-2", "IR-3", "IR-1"]
    assert rows[0].log_bytes == (path / "custody/events.jsonl").stat().st_size
    assert rows[0].written is not None and rows[0].agent == "none" and not rows[0].problem


def test_an_agent_that_listens_is_seen_and_not_spoken_to(locations: Locations) -> None:
    path = made(locations, "IR-1", 3)
    log = next(line for line in (path / "case.toml").read_text().splitlines() if line.startswith("log"))
    place = locations.socket(log.split('"')[1])
    private_directory(place.parent)
    with socket.socket(socket.AF_UNIX) as agent:
        agent.bind(str(place))
        assert overview(locations.cases, locations)[0].agent == "none"  # bound, but nobody listens
        agent.listen()
        assert overview(locations.cases, locations)[0].agent == "running"
        seen, _ = agent.accept()
        with seen:
            assert seen.recv(1) == b""
    place.unlink()
    place.write_text("no socket")
    assert overview(locations.cases, locations)[0].agent == "unknown"


def test_what_cannot_be_opened_is_listed_with_its_reason(locations: Locations) -> None:
    good = made(locations, "IR-9", 9)
    cases = locations.cases

    def broken(name: str, toml: bytes | None) -> None:
        (cases / name / "custody").mkdir(parents=True)
        if toml is not None:
            (cases / name / "case.toml").write_bytes(toml)

    whole = (good / "case.toml").read_bytes()
    broken("a-missing", None)
    broken("b-toml", b"case = [")
    broken("c-deep", b"x = " + b"[" * 5000)
    broken("d-bytes", b"\xff\xfe")
    broken("e-part", b'[case]\nid = "IR-9"\n')
    broken("f-huge", b"#" * (2 << 20))
    broken("g-nolog", whole)
    broken("h-pipe", None)
    os.mkfifo(cases / "h-pipe" / "case.toml")
    broken("i-link", None)
    (cases / "i-link" / "case.toml").symlink_to("/dev/zero")
    broken("j-folder", None)
    (cases / "j-folder" / "case.toml").mkdir()
    broken("k-path", whole.replace(b'log = "', b'log = "../../'))
    (cases / "k-path/custody/events.jsonl").write_bytes(b"")
    (cases / "notes").mkdir()
    (cases / "file").write_text("no case")
    rows = overview(cases, locations)
    assert [row.path.name for row in rows if not row.problem] in (["IR-9", "k-path"], ["k-path", "IR-9"])
    bad = {row.path.name: row for row in rows if row.problem}
    assert " ".join(sorted(bad)) == (
        "a-missing b-toml c-deep d-bytes e-part f-huge g-nolog h-pipe i-link j-folder"
    )
    assert all(row.todo for row in bad.values())
    assert "missing" in bad["a-missing"].problem and "log is missing" in bad["g-nolog"].problem
    copied = next(row for row in rows if row.path.name == "k-path")
    assert copied.agent == "unknown"  # its log id is a path: no socket is looked for there


@pytest.mark.skipif(os.geteuid() == 0, reason="root may look into everything")
def test_a_directory_that_may_not_be_seen_is_listed(locations: Locations) -> None:
    path = made(locations, "IR-1", 3)
    path.chmod(0)
    try:
        (row,) = overview(locations.cases, locations)
    finally:
        path.chmod(0o700)
    assert "cannot be read" in row.problem
