"""Reading the log line by line: the chain, the signatures, and every rule that lines alone can show.

The verifier and the ledger share this reader, so a ledger never writes what a verifier would refuse.
Memory grows with open intents, checkpoints, items and correlation ids, never with the size of the bodies.
"""

from __future__ import annotations

import hashlib
from collections import deque
from collections.abc import Collection
from dataclasses import dataclass, field
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from app.custody import body as form
from app.custody.line import NotCanonical, Parts, RawLine, decode, signed_bytes, split
from app.custody.merkle import Tree
from app.custody.record import Checkpoint, Finding, Fragment, Kind, Open, Seal
from app.custody.vocabulary import CHECKPOINT_EVERY, OUTCOMES, asks_checkpoint
from app.text import visible

MOST_FINDINGS = 200
MOST_FRAGMENTS = 10_000
"""More undeclared fragments in a row than that are no interrupted writes; they are no longer told apart."""
_RECENT_ROOTS = 64


@dataclass(slots=True)
class _Owed:
    """A checkpoint that must come next: after the event of that line."""

    line: int
    op: str
    restarted: bool = False
    recovered: bool = False


def origin_hash(log: str) -> str:
    """``prev`` of event 1."""
    return hashlib.sha256(f"jumpbag-log/1\n{log}\n".encode()).hexdigest()


@dataclass
class Chain:
    """State after the lines fed so far. ``watch`` names tree sizes whose roots are to be kept."""

    watch: Collection[int] = ()
    lines: int = 0
    events: int = 0
    seq: int = 0
    head: str = ""
    log: str | None = None
    case_id: str | None = None
    first_key: bytes | None = None
    log_key: bytes | None = None
    keys: dict[str, bytes] = field(default_factory=dict)  # every key an event introduced, by id
    tree: Tree = field(default_factory=Tree)
    roots: dict[int, bytes] = field(default_factory=dict)
    fragments: set[int] = field(default_factory=set)
    pending: list[Fragment] = field(default_factory=list)
    open: dict[str, Open] = field(default_factory=dict)
    checkpoints: list[Checkpoint] = field(default_factory=list)
    since_checkpoint: int = 0
    owed: _Owed | None = None
    running: bool = False  # an agent was started and has not stopped
    closed: int | None = None
    case_toml_sha256: str | None = None
    seals: dict[str, Seal] = field(default_factory=dict)
    anchors: list[tuple[int, dict[str, Any]]] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)
    broken: set[Kind] = field(default_factory=set)
    warnings: list[str] = field(default_factory=list)
    last_ts: str = ""

    def __post_init__(self) -> None:
        self._in_force: dict[str, Ed25519PublicKey] = {}
        self._log_keyid: str | None = None
        self._corrs: set[str] = set()
        self._recent: deque[tuple[int, bytes]] = deque(maxlen=_RECENT_ROOTS)
        self._opened = False
        self._periods: list[tuple[int, bytes]] = []

    @property
    def log_keyid(self) -> str | None:
        """The id of the key that must sign the next event."""
        return self._log_keyid

    @property
    def checkpoint_due(self) -> bool:
        """Whether the next event has to be a checkpoint (``log.recovered`` aside)."""
        owed = self.owed
        return self.since_checkpoint >= CHECKPOINT_EVERY or (
            owed is not None and (owed.recovered or not owed.restarted)
        )

    def log_key_after(self, line: int) -> bytes | None:
        """The log key in force once that many lines had been read."""
        key = None
        for start, candidate in self._periods:
            if start <= line:
                key = candidate
        return key

    def root_at(self, size: int) -> bytes | None:
        """The root over the first ``size`` lines if it was watched or is recent."""
        if size in self.roots:
            return self.roots[size]
        return next((root for known, root in self._recent if known == size), None)

    def feed(self, raw: RawLine) -> dict[str, Any] | None:
        """Take the next line; the body of its event, None if it is a fragment."""
        self.lines += 1
        event = self._read(raw)
        self.tree.append_hash(raw.leaf)
        self.head = raw.sha256
        root = self.tree.root()
        self._recent.append((self.lines, root))
        if self.lines in self.watch:
            self.roots[self.lines] = root
        return event

    def skip(self, raw: RawLine) -> None:
        """Take the next line for the tree alone."""
        self.lines += 1
        self.tree.append_hash(raw.leaf)
        if self.lines in self.watch:
            self.roots[self.lines] = self.tree.root()

    def finish(self, *, live: bool) -> None:
        """What the end of the log shows."""
        for fragment in self.pending:
            self._undeclared(fragment, "no event after it declares it")
        if not self._opened:
            self._find("the log has no case.open event", "chain", line=1)
        if self.owed is not None and not live:
            owed = f"line {self.owed.line} ({visible(self.owed.op)}) is not followed by its checkpoint"
            if self.running:
                self._warn(owed + ": the log ends in a crash")
            else:
                self._find(owed, "event", line=self.owed.line + 1)

    # -- one line --------------------------------------------------------------------------------

    def _read(self, raw: RawLine) -> dict[str, Any] | None:
        try:
            parts = _parts(raw)
            body = decode(parts.body)
            outsider = self._outsider(parts, body)
        except NotCanonical as error:
            self._fragment(raw, str(error))
            return None
        except InvalidSignature:
            self._fragment(raw, "has a signature that does not verify", unsigned=True)
            return None
        if outsider is not None:
            self._find(f"signed by the key {outsider}, which is not in force", "signature")
        self._event(raw, body, [signature.keyid for signature in parts.signatures])
        return body if isinstance(body, dict) else {}

    def _fragment(self, raw: RawLine, why: str, *, unsigned: bool = False) -> None:
        if len(self.pending) == MOST_FRAGMENTS:
            self._find(f"more than {MOST_FRAGMENTS} lines in a row are no events", "chain")
            return
        self.fragments.add(raw.number)
        self.pending.append(Fragment(self.lines, raw.size, raw.sha256_bare, why, unsigned))

    def _outsider(self, parts: Parts, body: object) -> str | None:
        """The first signer whose key is not in force, None if all are; InvalidSignature if one is false."""
        keys = self._in_force if self._opened else _own_key(body)
        message = signed_bytes(parts.body)
        outsider = None
        for signature in parts.signatures:
            key = keys.get(signature.keyid)
            if key is None:
                outsider = outsider or signature.keyid
            else:
                key.verify(signature.value, message)
        return outsider

    def _event(self, raw: RawLine, body: Any, signers: list[str]) -> None:
        first = not self._opened
        self._opened = True
        self.events += 1
        problem = ""
        try:
            for warning in form.check(body):
                self._warn(f"line {self.lines}: {warning}")
        except form.Malformed as error:
            problem = str(error)
        if not isinstance(body, dict):
            body = {}
        self._position(body, first)
        if problem:
            self._find(problem, "event")
        self._declares(body, first)
        if problem:
            return
        if not first and signers[0] != self._log_keyid:
            self._find("the first signature is not the log key's", "signature")
        if self.last_ts and body["ts"] < self.last_ts:
            self._warn(f"line {self.lines}: the clock went back from {self.last_ts} to {body['ts']}")
        self.last_ts = body["ts"]
        self._pairs(raw, body)
        self._cadence(body)
        self._meaning(body, first, signers)

    def _position(self, body: dict[str, Any], first: bool) -> None:
        seq, log, prev = body.get("seq"), body.get("log"), body.get("prev")
        if first and isinstance(log, str):
            self.log = log
        if seq != self.seq + 1 or isinstance(seq, bool):
            said = seq if isinstance(seq, int) else "no number"
            self._find(f"seq is {said} where {self.seq + 1} must stand", "chain")
        self.seq = seq if isinstance(seq, int) and not isinstance(seq, bool) else self.seq + 1
        expected = origin_hash(self.log or "") if first else self.head
        if prev != expected:
            what = "the origin of this log" if first else f"line {self.lines - 1}"
            self._find(f"prev is not the hash of {what}", "chain")
        if log != self.log:
            self._find("log is not the id of this log", "chain")

    def _declares(self, body: dict[str, Any], first: bool) -> None:
        params = body.get("params")
        declared = params.get("fragments") if isinstance(params, dict) else None
        if first:
            return  # what stands before event 1 is declared by event 2
        if body.get("op") == "log.recovered":
            expected = [fragment.declared() for fragment in self.pending]
            if declared != expected:
                self._find("log.recovered does not declare exactly the fragments before it", "chain")
        else:
            for fragment in self.pending:
                self._undeclared(fragment, f"line {self.lines} does not declare it")
        self.pending.clear()

    def _undeclared(self, fragment: Fragment, who: str) -> None:
        self._find(f"the line {fragment.why}, and {who}", "chain", line=fragment.line)
        if fragment.unsigned:
            self._find("a signature does not verify", "signature", line=fragment.line)

    def _pairs(self, raw: RawLine, body: dict[str, Any]) -> None:
        corr, op, phase = body["corr"], body["op"], body["phase"]
        if phase in OUTCOMES:
            intent = self.open.get(corr)
            if intent is None:
                self._find(f"{visible(op)} {phase} has no open intent of its corr", "event")
            elif intent.op != op:
                self._find(f"{visible(op)} {phase} has the corr of an intent of {visible(intent.op)}", "event")
            else:
                del self.open[corr]
            return
        if corr in self._corrs:
            self._find("corr is that of an earlier event", "event")
        self._corrs.add(corr)
        if phase == "intent":
            self.open[corr] = Open(self.lines, op, corr, raw.sha256, body)

    def _cadence(self, body: dict[str, Any]) -> None:
        op, phase = body["op"], body["phase"]
        owed = self.owed
        if op == "log.recovered":
            return
        if owed is not None:
            if op == "agent.start":
                owed.restarted, owed.recovered = True, False
            elif op == "agent.recover":
                owed.restarted = owed.recovered = True
            else:
                if op != "log.checkpoint" or (owed.restarted and not owed.recovered):
                    self._find(f"line {owed.line} ({visible(owed.op)}) is not followed by its checkpoint", "event")
                self.owed = None
        if op == "log.checkpoint":
            self._checkpoint(body["params"])
            self.since_checkpoint = 0
            return
        self.since_checkpoint += 1
        if self.since_checkpoint == CHECKPOINT_EVERY + 1:
            self._find(f"more than {CHECKPOINT_EVERY} events stand without a checkpoint", "event")
        if asks_checkpoint(op, phase):
            self.owed = _Owed(self.lines, op)

    def _checkpoint(self, params: dict[str, Any]) -> None:
        size, last = params["size"], self.checkpoints[-1] if self.checkpoints else None
        if size >= self.lines:
            self._find(f"a checkpoint of {size} lines stands in line {self.lines}", "event")
        if last is not None and size <= last.size:
            self._find(f"a checkpoint of {size} lines follows one of {last.size}", "event")
        elif last is not None and size < last.line:
            self._find(f"the checkpoint does not cover that of line {last.line}", "event")
        self.checkpoints.append(
            Checkpoint(
                self.lines, size, form.read_root(params["root"]), params["note_sha256"], self.log_key or b""
            )
        )
        root = self.root_at(size)
        if root is not None:
            self.roots[size] = root

    def _meaning(self, body: dict[str, Any], first: bool, signers: list[str]) -> None:
        op, params = body["op"], body.get("params", {})
        if (op == "case.open") != first:
            self._find("event 1 is not case.open" if first else "a second case.open", "event")
        if op in ("agent.start", "agent.recover"):
            self.running = True
        elif op == "agent.stop":
            self.running = False
        elif op == "case.open" and first:
            self.case_id, self.case_toml_sha256 = params["case"], params["case_toml_sha256"]
            _, self.first_key = form.read_key(params["key"])
            self._introduce(params["key"], log_key=True)
            if signers != [self._log_keyid]:
                self._find("event 1 is not signed by the key that it introduces, alone", "signature")
        elif op == "config.change":
            self.case_toml_sha256 = params["case_toml_sha256"]
        elif op == "key.add":
            self._introduce(params["key"], log_key=False)
        elif op == "key.rotate":
            if signers != [self._log_keyid]:
                self._find("key.rotate is not signed by the old log key alone", "signature")
            self._introduce(params["key"], log_key=True)
        elif op == "case.close":
            self.closed = self.closed or self.lines
            for intent in self.open.values():
                self._find(
                    f"the intent of line {intent.line} ({visible(intent.op)}) is open at case.close", "event"
                )
        elif op == "log.anchor" and body["phase"] == "result":
            self.anchors.append((self.lines, params))
        elif op == "evidence.seal" and body["phase"] == "result":
            self._sealed(body)

    def _sealed(self, body: dict[str, Any]) -> None:
        item = body["item"]
        if item in self.seals:
            self._find(f"{item} is sealed a second time (first in line {self.seals[item].line})", "event")
            return
        for intent in self.open.values():
            if intent.body.get("item") == item:
                self._find(
                    f"{item} is sealed while the intent of line {intent.line} ({visible(intent.op)}) is open",
                    "event",
                )
        coverage = body.get("coverage")
        self.seals[item] = Seal(
            line=self.lines,
            item=item,
            acq=body.get("acq"),
            digests={digest["of"]: (digest["hex"], int(digest["bytes"])) for digest in body["digests"]},
            expected_bytes=int(coverage["expected_bytes"]) if coverage else None,
        )

    def _introduce(self, key: dict[str, Any], *, log_key: bool) -> None:
        keyid, raw = form.read_key(key)
        if self.keys.get(keyid, raw) != raw:
            self._find(f"the key id {keyid} is that of another key", "signature")
        self.keys[keyid] = raw
        self._in_force[keyid] = Ed25519PublicKey.from_public_bytes(raw)
        if not log_key:
            return
        if self._log_keyid is not None and self._log_keyid != keyid:
            del self._in_force[self._log_keyid]
        self._log_keyid, self.log_key = keyid, raw
        self._periods.append((self.lines, raw))

    def _find(self, reason: str, kind: Kind, *, line: int | None = None) -> None:
        self.broken.add(kind)
        if len(self.findings) < MOST_FINDINGS:
            self.findings.append(Finding(reason, kind, line if line is not None else self.lines))

    def _warn(self, text: str) -> None:
        if len(self.warnings) < MOST_FINDINGS:
            self.warnings.append(text)


def _parts(raw: RawLine) -> Parts:
    if raw.data is None:
        raise NotCanonical("is too long to be an event")
    parts = split(raw.data)
    if parts is None:
        raise NotCanonical("does not follow the grammar of a line" if raw.data else "is empty")
    return parts


def _own_key(body: object) -> dict[str, Ed25519PublicKey]:
    """The key that a ``case.open`` introduces: event 1 is the one event that vouches for its own key."""
    if not isinstance(body, dict) or body.get("op") != "case.open" or not isinstance(body.get("params"), dict):
        return {}
    try:
        keyid, raw = form.read_key(body["params"].get("key"))
    except form.Malformed:
        return {}
    return {keyid: Ed25519PublicKey.from_public_bytes(raw)}
