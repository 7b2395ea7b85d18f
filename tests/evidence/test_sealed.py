"""What the signed log says of sealed evidence, read back."""

from __future__ import annotations

import hashlib
from typing import Any

import pytest

from app.acquisition.sealed import SealedEvidence
from app.faults import Broken, Fault
from app.model import Coverage, Digest, Gap
from tests.custody import bags
from tests.evidence.sealed import Sealed

SIZE = len(bags.image())


def test_a_seal_gives_its_digests_and_how_much_of_the_source_there_is(sealed: Sealed) -> None:
    disk, logs = sealed.item(Sealed.DISK), sealed.item(Sealed.LOGS)
    image = hashlib.sha256(bags.image()).hexdigest()
    assert [digest.of for digest in disk.digests] == ["tagmanifest-sha256.txt", "data/disk.raw", "blocks.tsv"]
    assert Digest(of="data/disk.raw", alg="sha256", hex=image, bytes=SIZE, stage="rest") in disk.digests
    assert disk.coverage == Coverage(expected_bytes=SIZE, read_bytes=SIZE)
    assert (disk.kind, disk.sha256, disk.bytes, disk.acquisition) == ("disk", image, SIZE, "A-0001")
    assert logs.kind == "config" and logs.coverage is None and logs.sha256 is None
    assert [digest.of for digest in logs.digests] == ["tagmanifest-sha256.txt"]


def test_what_could_not_be_read_is_listed(sealed: Sealed) -> None:
    read = SealedEvidence(sealed.case.evidence)
    gaps = [{"offset": "4096", "bytes": "512"}, {"offset": "8192", "bytes": "1024"}]
    read.sealed(
        {
            "item": "E-0009",
            "ts": "2026-11-23T09:00:00.000000Z",
            "digests": bags.digests(sealed.bag(Sealed.DISK)),
            "coverage": {"expected_bytes": "20000", "read_bytes": "18464", "unreadable": gaps},
        }
    )
    assert read.items["E-0009"].coverage == Coverage(
        expected_bytes=20000,
        read_bytes=18464,
        unreadable=(Gap(offset=4096, bytes=512), Gap(offset=8192, bytes=1024)),
    )


def _again(sealed: Sealed, item: str = Sealed.DISK) -> list[dict[str, Any]]:
    return [digest | {"stage": "reverify"} for digest in bags.digests(sealed.bag(item))]


def test_each_check_adds_what_it_read_and_says_when(sealed: Sealed) -> None:
    record = sealed.record
    for _ in range(2):
        intent = record.intent("evidence.verify", "again", item=Sealed.DISK, params={"bytes": "9000"})
        record.result(intent, "agrees", digests=_again(sealed), params={"bytes": "9000"})
    stages = [digest.stage for digest in sealed.item(Sealed.DISK).digests]
    assert stages == ["rest"] * 3 + ["reverify"] * 3  # the same digest is no news the second time
    row = sealed.row(Sealed.DISK)
    assert row is not None and row.state == "ok" and row.reason is None
    assert row.bytes_done == row.bytes_total == 9000
    last = sealed.events(Sealed.DISK)[-1]
    assert row.ended is not None and row.ended[:19] == last["ts"][:19] and row.started < row.ended


@pytest.mark.parametrize(
    ("fault", "state"),
    [(Broken("data/disk.raw: block 1"), "bad"), (Fault("an I/O error", provider_code="unreadable"), "failed")],
)
def test_a_check_that_failed_says_which_way(sealed: Sealed, fault: Fault, state: str) -> None:
    intent = sealed.record.intent("evidence.verify", "again", item=Sealed.DISK, params={"bytes": "9000"})
    sealed.record.failed(intent, "no", fault, params={"bytes": "4096"})
    row = sealed.row(Sealed.DISK)
    assert row is not None and (row.state, row.reason) == (state, fault.message)
    assert (row.bytes_done, row.bytes_total) == (4096, 9000)
    assert all(digest.stage == "rest" for digest in sealed.item(Sealed.DISK).digests)


def test_a_new_agent_reads_the_same(sealed: Sealed) -> None:
    intent = sealed.record.intent("evidence.verify", "again", item=Sealed.DISK, params={"bytes": "9000"})
    sealed.record.result(intent, "agrees", digests=_again(sealed), params={"bytes": "9000"})
    sealed.record.intent("evidence.verify", "again", item=Sealed.LOGS, params={"bytes": "40"})
    before = sealed.item(Sealed.DISK), sealed.item(Sealed.LOGS), sealed.row(Sealed.DISK)
    sealed.close()
    sealed.open()
    assert (sealed.item(Sealed.DISK), sealed.item(Sealed.LOGS), sealed.row(Sealed.DISK)) == before
    left = sealed.row(Sealed.LOGS)  # its intent is open: nobody reads any more
    assert left is not None and left.state == "stopped" and left.reason


def test_an_event_of_an_item_that_is_not_sealed_is_nothing(sealed: Sealed) -> None:
    intent = sealed.record.intent("evidence.verify", "again", item="E-0099")
    sealed.record.result(intent, "agrees")
    assert "E-0099" not in sealed.record.evidence.checks and sealed.row("E-0099") is None
