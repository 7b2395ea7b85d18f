"""Cases to be checked: one that the ledger writes, and logs forged line by line."""

from __future__ import annotations

import base64
import hashlib
import json
import uuid
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import rfc8785

from app.custody import Ledger, Signer
from tests.custody import bags

CASE = "IR-7"
SETTINGS = b'[case]\nid = "IR-7"\ntitle = "An intrusion"\nevidence_dir = "evidence"\n'


class StepClock:
    """A second goes by with every look."""

    def __init__(self, start: datetime = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)) -> None:
        self._start = start
        self.ticks = 0

    def now(self) -> datetime:
        self.ticks += 1
        return self._start + timedelta(seconds=self.ticks)

    def monotonic(self) -> float:
        return 1000.0 + self.ticks

    async def sleep(self, seconds: float) -> None:
        self.ticks += int(seconds)


def new_ledger(path: Path, signer: Signer) -> Ledger:
    """A fresh case with its settings and an empty evidence folder."""
    path.mkdir(parents=True, exist_ok=True)
    (path / "case.toml").write_bytes(SETTINGS)
    (path / "evidence").mkdir(exist_ok=True)
    return Ledger.create(
        path,
        case_id=CASE,
        signer=signer,
        actor="examiner-1",
        case_toml_sha256=hashlib.sha256(SETTINGS).hexdigest(),
        clock=StepClock(),
    )


def seal(ledger: Ledger, bag: Path, item: str, acq: str = "A-0001") -> None:
    """Seal a bag that lies in its place."""
    intent = ledger.intent("evidence.seal", actor="agent", summary=f"Seal {item}", item=item, acq=acq)
    members: dict[str, Any] = {"digests": bags.digests(bag)}
    if (bag / "data" / "disk.raw").exists():
        size = (bag / "data" / "disk.raw").stat().st_size
        members["coverage"] = {"expected_bytes": size, "read_bytes": size, "unreadable": []}
    ledger.outcome(intent, "result", summary=f"{item} is sealed", **members)


def acquire(ledger: Ledger, path: Path) -> None:
    """One disk, from its plan to its sealed bag."""
    ledger.fact(
        "plan.approve",
        actor="examiner-1",
        summary="The plan was approved",
        acq="A-0001",
        authority={"ticket": "T-1", "approved_by": "lead", "scope": "disk", "valid_until": "2026-11-24T00:00:00Z"},
        params={"plan": {"size_bytes": 1 << 40, "tags": ["ünï", 'a","s":["b'], "none": None}},
    )
    ledger.fact("acquisition.start", actor="agent", summary="A-0001 starts", acq="A-0001")
    intent = ledger.intent(
        "evidence.read", actor="agent", summary="Blocks are read", acq="A-0001", item="E-0001", lease="L-0001"
    )
    ledger.outcome(
        intent,
        "result",
        summary="Blocks were read",
        params={"blocks": 3, "bytes": 8211, "retries": 0, "first_request_id": "a", "last_request_id": "c"},
    )
    bags.build(path / "evidence" / "E-0001")
    seal(ledger, path / "evidence" / "E-0001", "E-0001")
    ledger.fact("acquisition.finish", actor="agent", summary="A-0001 is done", acq="A-0001")


def sample(path: Path, signer: Signer) -> None:
    """A case with one disk and one bag of logs, in good order."""
    ledger = new_ledger(path, signer)
    ledger.fact("agent.start", actor="agent", summary="The agent starts")
    acquire(ledger, path)
    bags.build_logs(path / "evidence" / "E-0002")
    seal(ledger, path / "evidence" / "E-0002", "E-0002")
    ledger.fact("agent.stop", actor="agent", summary="The agent stops")
    ledger.close()


class Forge:
    """Writes any log at all, properly signed: what the holder of a key could do. No product code but the key."""

    def __init__(self, path: Path, signer: Signer) -> None:
        self.path = path
        self.signer = signer
        self.signers = [signer]
        self.log = str(uuid.UUID(int=7))
        self.lines: list[bytes] = []
        self.seq = 0
        (path / "custody" / "checkpoints").mkdir(parents=True)
        (path / "custody" / "keys").mkdir()
        (path / "case.toml").write_bytes(SETTINGS)

    @property
    def events(self) -> Path:
        return self.path / "custody" / "events.jsonl"

    def open(self, **changes: Any) -> dict[str, Any]:
        pub = base64.b64encode(self.signer.public).decode()
        params = {
            "case": CASE,
            "case_toml_sha256": hashlib.sha256(SETTINGS).hexdigest(),
            "key": {"id": self.signer.keyid, "pub": pub},
        }
        return self.event("case.open", params=params, **changes)

    def event(self, op: str, phase: str = "fact", /, *, write: bool = True, **changes: Any) -> dict[str, Any]:
        self.seq += 1
        prev = hashlib.sha256(
            self.lines[-1] if self.seq > 1 else f"jumpbag-log/1\n{self.log}\n".encode()
        ).hexdigest()
        body: dict[str, Any] = {
            "v": 1,
            "log": self.log,
            "seq": self.seq,
            "prev": prev,
            "ts": f"2026-11-23T09:{self.seq // 60:02d}:{self.seq % 60:02d}.000000Z",
            "mono_ns": str(self.seq * 1000),
            "boot_id": "boot",
            "clk": {"sync": True, "max_err_us": None},
            "op": op,
            "phase": phase,
            "corr": f"c{self.seq}",
            "actor": {"id": "examiner-1"},
            "host": {"name": "jump", "machine_id_hash": "0" * 64, "uid": 1000, "ssh_client": None},
            "tool": {"name": "jumpbag", "version": "0.1.0", "python": "3.11"},
            "summary": "Something happened",
        }
        if phase in ("result", "failed", "abandoned"):
            code = "ok" if phase == "result" else phase
            body["outcome"] = {"code": code, "error": None}
        body |= changes
        body = {name: value for name, value in body.items() if value is not ...}
        if write:
            self.append(self.signed(rfc8785.dumps(body)))
        return body

    def signed(self, body: bytes) -> bytes:
        signatures = ",".join(
            json.dumps({"k": s.keyid, "v": base64.b64encode(s.sign(b"jumpbag-event-v1\n" + body)).decode()})
            for s in self.signers
        ).replace(" ", "")
        return b'{"b":' + body + b',"s":[' + signatures.encode() + b"]}\n"

    def append(self, line: bytes) -> bytes:
        self.lines.append(line)
        self.events.write_bytes(b"".join(self.lines))
        return line

    def sign_with(self, *signers: Signer) -> None:
        self.signers = list(signers)

    def root(self, size: int) -> bytes:
        return _root(self.lines[:size])

    def note(self, size: int, *, root: bytes | None = None, signer: Signer | None = None) -> bytes:
        signer = signer or self.signer
        name = f"jumpbag/{CASE}/{self.log}"
        text = f"{name}\n{size}\n{base64.b64encode(root or self.root(size)).decode()}\n".encode()
        hint = hashlib.sha256(name.encode() + b"\n\x01" + signer.public).digest()[:4]
        payload = base64.b64encode(hint + signer.sign(text)).decode()
        data = text + f"\n— {name} {payload}\n".encode()
        (self.path / "custody" / "checkpoints" / f"{size}.note").write_bytes(data)
        return data

    def checkpoint(self, size: int | None = None, /, **changes: Any) -> dict[str, Any]:
        size = len(self.lines) if size is None else size
        note = self.note(size)
        params = {
            "size": size,
            "root": base64.b64encode(self.root(size)).decode(),
            "note_sha256": hashlib.sha256(note).hexdigest(),
        }
        return self.event("log.checkpoint", params=params | changes)

    def fragments(self, *numbers: int) -> list[dict[str, Any]]:
        found = []
        for number in numbers:
            bare = self.lines[number - 1][:-1]
            found.append({"line": number, "bytes": str(len(bare)), "sha256": hashlib.sha256(bare).hexdigest()})
        return found

    def add_key(self, op: str, signer: Signer) -> None:
        self.event(op, params={"key": {"id": signer.keyid, "pub": base64.b64encode(signer.public).decode()}})


def _root(lines: list[bytes]) -> bytes:
    if len(lines) == 1:
        return hashlib.sha256(b"\x00" + lines[0]).digest()
    split = 1 << ((len(lines) - 1).bit_length() - 1)
    return hashlib.sha256(b"\x01" + _root(lines[:split]) + _root(lines[split:])).digest()
