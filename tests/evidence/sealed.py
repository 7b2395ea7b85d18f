"""A case with sealed bags, its record as the agent keeps it, and its checks."""

from __future__ import annotations

import asyncio
import hashlib
import json
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from app import config
from app.acquisition.record import Record
from app.agent.checks import Checks
from app.case.folder import CaseFolder
from app.case.readmodel import ReadModel
from app.client.feed import Feed
from app.custody import Ledger, Signer, verify
from app.model import EvidenceItem
from app.model.view import EvidenceCheck
from tests.custody import bags, cases

VAST = 1 << 40
"""Bytes of an image that no test reads to its end."""


class Sealed:
    """``DISK`` is the bag of a disk, ``LOGS`` one of files alone."""

    DISK, LOGS = "E-0001", "E-0002"

    def __init__(self, path: Path, signer: Signer) -> None:
        self.path, self.signer = path, signer
        self.clock = cases.StepClock()
        self.case = folder(path)
        cases.new_ledger(path, signer).close()
        self.open()
        bags.build(self.bag(self.DISK))
        self.seal(self.DISK)
        bags.build_logs(self.bag(self.LOGS))
        self.seal(self.LOGS)

    def open(self) -> None:
        """As an agent opens a case."""
        self.model = ReadModel(self.case.read_model)
        listeners: list[Any] = []
        self.ledger = Ledger.open(
            self.path,
            self.signer,
            clock=self.clock,
            on_append=lambda *line: listeners[0](*line) if listeners else None,
        )
        self.record = Record(self.ledger, self.case, self.model, self.clock)
        self.record.load()
        listeners.append(self.record.appended)
        self.checks = Checks(self.record, self.model, self.clock)

    def close(self) -> None:
        """As an agent ends that could not close anything."""
        self.ledger.close()
        self.model.close()

    def bag(self, item: str) -> Path:
        return self.case.bag(item)

    def seal(self, item: str) -> None:
        cases.seal(self.ledger, self.bag(item), item)

    def vast(self, item: str = "E-0003") -> str:
        """Seal a disk of holes that takes minutes to read. Its image's digest is made up: nobody gets there."""
        bag = self.bag(item)
        bags.build(bag, item=item, data=bags.image()[: bags.BLOCK])
        os.truncate(bag / "data" / "disk.raw", VAST)
        info = (bag / "bag-info.txt").read_text().splitlines()
        old = dict(line.split(": ", 1) for line in info)
        count = VAST // bags.BLOCK
        changed = old | {"Payload-Oxum": f"{VAST}.1", "Jumpbag-Block-Count": str(count)}
        (bag / "bag-info.txt").write_text("".join(f"{name}: {value}\n" for name, value in changed.items()))
        names = ("bag-info.txt", "bagit.txt", "blocks.tsv", "manifest-sha256.txt")
        rows = [f"{hashlib.sha256((bag / name).read_bytes()).hexdigest()}  {name}\n" for name in names]
        (bag / "tagmanifest-sha256.txt").write_text("".join(rows))
        digests = [
            {"of": of, "alg": "sha256", "hex": hexdigest, "bytes": str((bag / of).stat().st_size), "stage": "rest"}
            for of, hexdigest in (
                ("tagmanifest-sha256.txt", hashlib.sha256("".join(rows).encode()).hexdigest()),
                ("data/disk.raw", "ab" * 32),
                ("blocks.tsv", hashlib.sha256((bag / "blocks.tsv").read_bytes()).hexdigest()),
            )
        ]
        intent = self.ledger.intent("evidence.seal", actor="agent", summary="Seal", item=item, acq="A-0001")
        self.ledger.outcome(intent, "result", summary="sealed", digests=digests)
        return item

    # -- looking ------------------------------------------------------------------------------------

    def row(self, item: str) -> EvidenceCheck | None:
        """The newest check, as the screens read it."""
        feed = Feed(self.case.read_model)
        feed.poll()
        feed.close()
        return next((row for row in feed.snapshot.checks if row.item == item), None)

    def item(self, item: str) -> EvidenceItem:
        """The item, as the screens read it."""
        feed = Feed(self.case.read_model)
        feed.poll()
        feed.close()
        return next(row for row in feed.snapshot.items if row.id == item)

    def events(self, item: str) -> list[dict[str, Any]]:
        """What the log says of checks of that item."""
        lines = (self.path / "custody" / "events.jsonl").read_bytes().splitlines()
        bodies = [json.loads(line)["b"] for line in lines]
        return [body for body in bodies if body["op"] == "evidence.verify" and body["item"] == item]

    async def checked(self, item: str, actor: str = "ex-07") -> EvidenceCheck:
        """A check, to its end."""
        self.checks.start(item, actor)
        await until(lambda: not self.checks.busy)
        found = self.row(item)
        assert found is not None
        return found

    def sound(self) -> bool:
        """Nothing stands against the log itself, whatever became of the bags."""
        found = verify(self.path, log_only=True)
        return bool(found.chain and found.signatures)


def flip(path: Path, at: int) -> None:
    """Change one bit of a file."""
    with path.open("r+b") as file:
        file.seek(at)
        byte = file.read(1)
        file.seek(at)
        file.write(bytes([byte[0] ^ 1]))


async def until(condition: Callable[[], object]) -> None:
    """Wait for a condition, with a deadline."""
    deadline = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < deadline, "waited in vain"
        await asyncio.sleep(0.005)


def folder(path: Path) -> CaseFolder:
    """A case in that directory with the settings that hold by default."""
    return CaseFolder(
        path=path,
        id=cases.CASE,
        title="t",
        ticket="T-1",
        opened="2026-11-23T09:00:00Z",
        log="",
        key="",
        evidence=path / "evidence",
        settings=config.check({}, "defaults"),
        toml_sha256="",
    )
