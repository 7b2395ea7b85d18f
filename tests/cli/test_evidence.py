"""``jumpbag evidence``: the newest check of each item, as the log alone has it."""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from app.agent.verifying import Verifying
from app.case.folder import CaseFolder
from app.cli.custody import bodies, evidence
from app.cli.main import parser
from app.cli.session import Session
from app.custody import Signer
from app.faults import Broken, Fault
from app.model.view import EvidenceCheck
from tests.evidence.sealed import Sealed, flip


class Here(Session):
    """The verb as it was called, on a case that needs no looking for."""

    def __init__(self, case: CaseFolder, *words: str) -> None:
        defaults = argparse.Namespace(json=False, cases_dir=None, passphrase_fd=None, case=None)
        super().__init__(parser().parse_args(["evidence", case.id, *words], namespace=defaults))
        self._case = case

    def case(self) -> CaseFolder:
        return self._case


@pytest.fixture
def sealed(tmp_path: Path) -> Iterator[Sealed]:
    made = Sealed(tmp_path / "case", Signer.generate())
    yield made
    made.close()


@pytest.fixture
def checks(sealed: Sealed, capsys: pytest.CaptureFixture[str]) -> Any:
    """What the verb tells of the newest check, by item: its document, or with ``table`` the words for people."""

    def tell(*, table: bool = False) -> dict[str, Any]:
        assert evidence(Here(sealed.case, *([] if table else ["--json"]))) == 0
        said = capsys.readouterr().out
        if not table:
            return {row["id"]: row["check"] for row in json.loads(said)}
        head, *rows = said.splitlines()
        begin, end = head.index("check "), head.index("path")
        return {row.split()[0]: row[begin:end].strip() for row in rows}

    return tell


def told(row: EvidenceCheck | None) -> dict[str, Any]:
    assert row is not None and row.ended is not None
    return {"state": row.state, "time": row.ended, "reason": row.reason}


async def test_it_tells_the_newest_check_of_each_item_and_when(sealed: Sealed, checks: Any) -> None:
    assert checks() == {Sealed.DISK: None, Sealed.LOGS: None}
    assert checks(table=True) == {Sealed.DISK: "not checked", Sealed.LOGS: "not checked"}
    image = sealed.bag(Sealed.DISK) / "data" / "disk.raw"
    flip(image, 100)
    bad = told(await sealed.checked(Sealed.DISK))
    assert bad["state"] == "bad" and "data/disk.raw" in bad["reason"]
    assert checks() == {Sealed.DISK: bad, Sealed.LOGS: None}
    assert checks(table=True) == {Sealed.DISK: f"does not agree {bad['time']}", Sealed.LOGS: "not checked"}
    flip(image, 100)
    verifying = Verifying(sealed.path, sealed.clock)
    verifying.keep(sealed.record, sealed.checks)
    await verifying.verified("ex-07")
    disk, logs = told(sealed.row(Sealed.DISK)), told(sealed.row(Sealed.LOGS))
    assert disk["state"] == logs["state"] == "ok" and disk["time"] > bad["time"]
    assert checks() == {Sealed.DISK: disk, Sealed.LOGS: logs}
    assert checks(table=True)[Sealed.DISK] == f"agrees {disk['time']}"


async def test_each_way_to_end_has_its_word(sealed: Sealed, checks: Any) -> None:
    record = sealed.record
    intent = record.intent("evidence.verify", "again", item=Sealed.DISK, params={"bytes": "9000"})
    record.failed(intent, "no", Fault("an I/O error", provider_code="unreadable"), params={"bytes": "1"})
    intent = record.intent("evidence.verify", "again", item=Sealed.LOGS, params={"bytes": "9000"})
    record.abandoned(intent, "stopped", "interrupted", "the agent stopped", params={"bytes": "1"})
    assert [one["state"] for one in checks().values()] == ["failed", "stopped"]
    words = [word.rsplit(" ", 1)[0] for word in checks(table=True).values()]
    assert words == ["check failed", "check stopped"]
    (sealed.bag(Sealed.LOGS) / "data" / "planted.tmp").write_text("x")
    await sealed.checked(Sealed.LOGS)
    assert checks(table=True)[Sealed.LOGS].startswith("agrees, extra file 20")


async def test_a_check_that_is_under_way_leaves_the_one_before_it(sealed: Sealed, checks: Any) -> None:
    good = told(await sealed.checked(Sealed.DISK))
    sealed.record.intent("evidence.verify", "again", item=Sealed.DISK, params={"bytes": "9000"})
    assert checks()[Sealed.DISK] == good


@pytest.mark.parametrize("broken", [{"outcome": 7}, {"ts": "now"}, {"params": []}])
async def test_a_check_that_is_none_is_a_fault_of_the_log(
    sealed: Sealed, checks: Any, broken: dict[str, Any]
) -> None:
    await sealed.checked(Sealed.DISK)
    *_, outcome = bodies(sealed.case.events)
    with sealed.case.events.open("a") as log:
        log.write(json.dumps({"b": outcome | broken, "s": []}) + "\n")
    with pytest.raises(Broken, match="a check that is none"):
        checks()
