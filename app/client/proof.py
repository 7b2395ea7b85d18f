"""What the record itself proves about one of its lines, looked up in ``custody/events.jsonl`` and nowhere else.

It is read by the process that shows it, without the agent, so that neither the agent nor the read model has to be
believed. What the lines before it ask of a line is read by the verifier's own :class:`app.custody.chain.Chain`.
It is one line's proof: that the whole record holds is what :func:`app.custody.verify` says.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from app.client.signers import Signers, read_event
from app.custody import body as form
from app.custody import checkpoint as notes
from app.custody.chain import Chain, origin_hash
from app.custody.disk import CannotRead, Wrong, lines, open_file, read_small
from app.custody.exercise import Abandoned
from app.custody.line import LineReader, RawLine
from app.custody.merkle import Tree
from app.custody.verify_log import EVENTS, note_sizes
from app.custody.writer import told
from app.model.view import EventRow

MERKLE_LINES = 100_000
"""Roots over more lines than that are not computed here: it takes about a second for so many."""

RULED_LINES = 20_000
"""What more lines than that ask of the next is not looked at here: every signature before it is verified for that,
which takes some three seconds for so many."""

_LOOK_UP_EVERY = 256
_FOLLOWING = 128  # roots kept after the line: a checkpoint stands within 51 events
_TAGGED = ("snapshot.create", "snapshot.copy")

SignatureState = Literal["valid", "not valid", "key not known"]


@dataclass(frozen=True, slots=True)
class SignatureProof:
    """One signature of the line. ``since`` is the line that introduced the key, ``retired`` the one that retired
    it before this line; ``log_key``: it was the log key here."""

    keyid: str
    state: SignatureState
    in_force: bool
    log_key: bool
    since: int | None
    retired: int | None


@dataclass(frozen=True, slots=True)
class CheckpointProof:
    """The nearest checkpoint that covers the line. ``event`` is the line that promises it, None for a note that
    no event names; ``holds`` is None where its root was not computed. ``reason`` says what is wrong."""

    size: int
    event: int | None
    holds: bool | None
    reason: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class EventProof:
    """What holds of a line and what does not.

    ``problem``: why nothing could be looked up, "" where it could; then the rest means nothing. ``signed``: every
    signature is valid, by a key in force, the first by the log key. ``linked``: its ``prev`` is the hash of what
    stands before it (None for a fragment, which has none); ``followed`` the same of the next line, None where
    there is none or it is no event. ``fragment`` says why the line is no event, ``declared`` which event declares
    it; ``awaited``: none does, and no event that could stands after it yet. ``malformed`` is what is wrong with
    its members, or with its place after the lines before it (seq, log, corr, what a checkpoint event promises, and
    the other rules that lines alone can show); ``ruled``: that place was looked at. ``sha256`` covers the line
    with its line feed. ``tag``: it is the witness tag of what this intent made. ``differs`` names what the read
    model shows otherwise, None where it has no such line.
    """

    line: int
    problem: str = ""
    sha256: str = ""
    fragment: str = ""
    declared: int | None = None
    awaited: bool = False
    malformed: str = ""
    ruled: bool = True
    signatures: tuple[SignatureProof, ...] = ()
    signed: bool = False
    linked: bool | None = None
    followed: bool | None = None
    checkpoint: CheckpointProof | None = None
    tag: bool = False
    differs: tuple[str, ...] | None = ()

    @property
    def holds(self) -> bool:
        """Nothing that was looked at is wrong."""
        sound = self.signed and not self.malformed and self.linked is not False
        if self.fragment:
            sound = self.declared is not None
        covered = self.checkpoint is None or self.checkpoint.holds is not False
        return not self.problem and sound and self.followed is not False and covered and not self.differs


@dataclass(slots=True)
class _Target:
    """The line as found: what is known of it when it is read, and what the lines after it add."""

    raw: RawLine
    body: dict[str, Any] | None
    fragment: str
    signatures: tuple[SignatureProof, ...]
    signed: bool
    linked: bool | None
    malformed: str = ""
    followed: bool | None = None
    declared: int | None = None
    asked: bool = False  # the first event after it was seen


@dataclass(slots=True)
class _Scan:
    case: Path
    line: int
    most: int
    ruled: bool
    sizes: set[int]
    chain: Chain = field(default_factory=Chain)
    signers: Signers = field(default_factory=Signers)
    tree: Tree = field(default_factory=Tree)
    roots: dict[int, bytes] = field(default_factory=dict)
    before: RawLine | None = None
    target: _Target | None = None
    checkpoint: CheckpointProof | None = None
    read: int = 0


def event_proof(
    case: Path,
    line: int,
    shown: tuple[EventRow, str] | None,
    *,
    most: int = MERKLE_LINES,
    rules: int = RULED_LINES,
    stop: Callable[[], bool] = lambda: False,
) -> EventProof:
    """The proof of a line (1-based) of the case in that folder. ``shown`` is its row and text in the read model.

    Whatever is malformed is said, never raised; only Abandoned is, once ``stop`` says so.
    """
    try:
        sizes = {size for size in note_sizes(case) if size >= line}
    except (Wrong, CannotRead):
        sizes = set()
    scan = _Scan(case, line, most, line <= rules, sizes)
    try:
        descriptor = open_file(case / EVENTS)
        try:
            for raw in lines(descriptor, os.fstat(descriptor).st_size, LineReader()):
                if raw.number % _LOOK_UP_EVERY == 0 and stop():
                    raise Abandoned
                if _take(scan, raw):
                    break
        finally:
            os.close(descriptor)
    except (Wrong, CannotRead) as error:
        return EventProof(line=line, problem=f"{EVENTS}: {error}")
    found = scan.target
    if found is None:
        return EventProof(line=line, problem=f"{EVENTS} has only {scan.read} lines now: this line is not there")
    body = found.body or {}
    return EventProof(
        line=line,
        sha256=found.raw.sha256,
        fragment=found.fragment,
        declared=found.declared,
        awaited=bool(found.fragment) and not found.asked,
        malformed="" if found.fragment else found.malformed,
        ruled=scan.ruled and not found.fragment,
        signatures=found.signatures,
        signed=found.signed,
        linked=found.linked,
        followed=found.followed,
        checkpoint=scan.checkpoint or _orphan(scan),
        tag=not found.fragment and body.get("phase") == "intent" and body.get("op") in _TAGGED,
        differs=_differs(found, shown) if shown is not None else None,
    )


def _take(scan: _Scan, raw: RawLine) -> bool:
    """One more line; True once nothing more is to be learnt."""
    number = scan.read = raw.number
    if number <= scan.most:
        scan.tree.append_hash(raw.leaf)
        if number in scan.sizes or scan.line <= number < scan.line + _FOLLOWING:
            scan.roots[number] = scan.tree.root()
    if number < scan.line and scan.ruled:
        scan.chain.feed(raw)
    elif number == scan.line:
        scan.target = _target(scan, raw)
        scan.target.malformed = _malformed(scan, scan.target)
    elif scan.target is not None:
        _after(scan, scan.target, raw)
    scan.signers.take(raw)
    scan.before = raw
    return scan.checkpoint is not None


def _target(scan: _Scan, raw: RawLine) -> _Target:
    event = read_event(raw)
    if isinstance(event, str):
        return _Target(raw, None, event, (), False, None)
    signers = scan.signers
    found = []
    for signature in event.signatures:
        key = signers.known.get(signature.keyid) or signers.own(event).get(signature.keyid)
        state: SignatureState = "key not known"
        if key is not None:
            state = "valid" if signers.verifies(key, signature, event) else "not valid"
        in_force = signature.keyid in signers.in_force or (not signers.opened and state == "valid")
        found.append(
            SignatureProof(
                keyid=signature.keyid,
                state=state,
                in_force=in_force,
                log_key=signature.keyid == signers.log_key or (not signers.opened and in_force),
                since=signers.since.get(signature.keyid) or (raw.number if key is not None else None),
                retired=signers.retired.get(signature.keyid),
            )
        )
    false = next((one.keyid for one in found if one.state == "not valid"), None)
    fragment = "" if false is None else f"has a signature by {false} that does not verify"
    signed = all(one.state == "valid" and one.in_force for one in found) and found[0].log_key
    return _Target(
        raw, event.body, fragment, tuple(found), signed, None if fragment else _linked(scan, event.body)
    )


def _linked(scan: _Scan, body: dict[str, Any]) -> bool:
    prev = body.get("prev")
    if not scan.signers.opened and body.get("op") == "case.open":
        return bool(prev == origin_hash(str(body.get("log"))))
    return scan.before is not None and prev == scan.before.sha256


def _after(scan: _Scan, target: _Target, raw: RawLine) -> None:
    """What a line after the one asked for says of it."""
    if target.asked and b'"op":"log.checkpoint"' not in (raw.data or b""):
        return
    event = read_event(raw)
    if isinstance(event, str) or not scan.signers.vouch(event):
        return
    body = event.body
    if not target.asked:
        target.asked = True
        if raw.number == scan.line + 1:
            target.followed = body.get("prev") == target.raw.sha256
        if target.fragment and body.get("op") == "log.recovered":
            declares = {"line": scan.line, "bytes": str(target.raw.size), "sha256": target.raw.sha256_bare}
            listed = _params(body).get("fragments")
            if isinstance(listed, list) and declares in listed:
                target.declared = raw.number
    size = _params(body).get("size")
    if body.get("op") == "log.checkpoint" and isinstance(size, int) and scan.line <= size < raw.number:
        scan.checkpoint = _checkpoint(scan, raw.number, size, _params(body))


def _checkpoint(scan: _Scan, event: int, size: int, params: dict[str, Any]) -> CheckpointProof:
    try:
        data = read_small(scan.case / "custody" / "checkpoints" / f"{size}.note", notes.MAX_NOTE)
        note = notes.parse(data)
        if note.size != size or notes.root_text(note.root) != params.get("root"):
            raise Wrong(f"the note does not say what line {event} says")
        notes.verify(note, scan.signers.note_name, scan.signers.log_public)
        if hashlib.sha256(data).hexdigest() != params.get("note_sha256"):
            raise Wrong(f"it is not the note that line {event} promises")
    except (Wrong, CannotRead, notes.BadNote) as error:
        return CheckpointProof(size, event, False, f"{size}.note: {error}")
    return _root(scan, size, note.root, event)


def _orphan(scan: _Scan) -> CheckpointProof | None:
    """The whole log was read and no event names a checkpoint over the line: perhaps a note does all the same."""
    size = min(scan.sizes, default=None)
    if size is None:
        return None
    if size > scan.read:
        cut = f"{size}.note covers {size} lines, but the record has only {scan.read} now: lines are missing"
        return CheckpointProof(size, None, False, cut)
    try:
        note = notes.parse(read_small(scan.case / "custody" / "checkpoints" / f"{size}.note", notes.MAX_NOTE))
        if note.size != size:
            raise Wrong("its size is not that of its name")
        notes.verify(note, scan.signers.note_name, scan.signers.log_public_after(size))
    except (Wrong, CannotRead, notes.BadNote) as error:
        return CheckpointProof(size, None, False, f"{size}.note: {error}")
    return _root(scan, size, note.root, None)


def _root(scan: _Scan, size: int, root: bytes, event: int | None) -> CheckpointProof:
    if size > scan.most or size not in scan.roots:
        return CheckpointProof(size, event, None)
    if scan.roots[size] != root:
        return CheckpointProof(size, event, False, f"the root over {size} lines is not the one that was signed")
    return CheckpointProof(size, event, True)


def _params(body: dict[str, Any]) -> dict[str, Any]:
    params = body.get("params")
    return params if isinstance(params, dict) else {}


def _malformed(scan: _Scan, target: _Target) -> str:
    """What is wrong with an event's members or with its place; "" for nothing, and for a fragment."""
    if target.fragment:
        return ""
    try:
        form.check(target.body)
    except form.Malformed as error:
        return str(error)
    if scan.ruled and (broken := _broken_rule(scan.chain, target.raw)):
        return broken
    body = target.body or {}
    return _broken_promise(scan, target.raw.number, _params(body)) if body["op"] == "log.checkpoint" else ""


def _broken_rule(chain: Chain, raw: RawLine) -> str:
    """The first rule that the verifier finds broken in the next line, of those not told elsewhere."""
    chain.findings.clear()  # it keeps so many at most, and these are of earlier lines
    chain.feed(raw)
    found = (one.reason for one in chain.findings if one.line == raw.number and one.kind != "signature")
    return next((reason for reason in found if not reason.startswith("prev is not")), "")


def _broken_promise(scan: _Scan, line: int, params: dict[str, Any]) -> str:
    """What is wrong with the note of an event ``log.checkpoint`` whose members are in order."""
    size = params["size"]
    root = scan.chain.root_at(size) if scan.ruled else None
    if root is not None:
        scan.roots.setdefault(size, root)
    found = _checkpoint(scan, line, size, params)
    return found.reason if found.holds is False else ""


def _differs(found: _Target, shown: tuple[EventRow, str]) -> tuple[str, ...]:
    """What the read model says otherwise than the record."""
    row, text = shown
    body, disk = told(found.raw, fragment=bool(found.fragment))
    out = ["the whole text"] if text != disk else []
    if body is None:
        return (*out, *(["that it is no event"] if row.seq is not None else []))
    actor = body.get("actor")
    said = {
        "seq": body.get("seq"),
        "ts": body.get("ts"),
        "op": body.get("op"),
        "phase": body.get("phase"),
        "actor": actor.get("id") if isinstance(actor, dict) else None,
        "acq": body.get("acq"),
        "summary": body.get("summary"),
    }
    return (*out, *(name for name, value in said.items() if getattr(row, name) != value))
