"""The record of a case as found on disk: the log, its checkpoints, its public keys."""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from app.custody import checkpoint
from app.custody.chain import Chain
from app.custody.disk import CannotRead, Wrong, kind_of, lines, names, open_file, read_small
from app.custody.line import LineReader
from app.custody.record import Finding
from app.text import visible

EVENTS = "custody/events.jsonl"
_NOTE_NAME = re.compile(r"([1-9][0-9]{0,15})\.note")
_PEM_NAME = re.compile(r"([0-9a-f]{16})\.pem")
_TOKEN_NAME = re.compile(r"([1-9][0-9]{0,15})\.[^/]+\.tsr")

Progress = Callable[[str, int, int], None]


@dataclass(slots=True)
class LogReading:
    """What was read. ``tail`` counts the bytes after the last LF, ``end`` the bytes of complete lines.

    ``unread`` names what could not be read, and why; ``checkpointed_to`` is the largest size proven.
    """

    chain: Chain
    findings: list[Finding]
    warnings: list[str]
    unread: list[str]
    live: bool = False
    tail: int = 0
    end: int = 0
    checkpointed_to: int | None = None


def public_pem(public: bytes) -> bytes:
    """A raw public key as OpenSSL writes it."""
    return Ed25519PublicKey.from_public_bytes(public).public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)


def note_sizes(case: Path) -> set[int]:
    """The sizes that the names of the notes claim."""
    found = (_NOTE_NAME.fullmatch(name) for name in names(case / "custody" / "checkpoints"))
    return {int(match[1]) for match in found if match}


def read_chain(
    descriptor: int, size: int, watch: Iterable[int], progress: Progress | None = None
) -> tuple[Chain, int]:
    """The chain over the first ``size`` bytes of the log, and how many bytes follow the last LF."""
    chain, reader, done = Chain(watch=frozenset(watch)), LineReader(), 0
    for line in lines(descriptor, size, reader):
        chain.feed(line)
        done += line.size + 1
        if progress:
            progress(EVENTS, done, size)
    missing = {point.size for point in chain.checkpoints if point.size < point.line} - chain.roots.keys()
    if missing:  # far behind their events: one more pass, hashes only
        again = Chain(watch=frozenset(missing))
        for line in lines(descriptor, size, LineReader()):
            again.skip(line)
        chain.roots.update(again.roots)
    return chain, reader.tail_size


def read_log(
    case: Path, locked: Callable[[int], bool], progress: Progress | None = None, *, descriptor: int | None = None
) -> LogReading:
    """Read the record. Wrong or CannotRead if there is no log to read; all else becomes findings.

    ``locked`` tells whether a process holds the log's lock. A ledger hands in its own ``descriptor`` and
    judges the end of the log itself.
    """
    try:
        watch = note_sizes(case)  # before the log, so that a live log is never shorter than its notes
    except (Wrong, CannotRead):
        watch = set()  # named by _notes
    own = descriptor is not None
    opened = descriptor if descriptor is not None else open_file(case / EVENTS)
    try:
        live = locked(opened)
        size = os.fstat(opened).st_size
        chain, tail = read_chain(opened, size, watch, progress)
        live = live or locked(opened)
    finally:
        if not own:
            os.close(opened)
    reading = LogReading(chain, [], chain.warnings, [], live, tail, size - tail)
    if not own:
        chain.finish(live=live)
        if tail and not live:
            reading.findings.append(
                Finding(f"the log ends in {tail} bytes without a line feed", "chain", line=chain.lines + 1)
            )
    reading.findings[:0] = chain.findings
    _notes(case, reading)
    _keys(case, reading)
    return reading


def _notes(case: Path, reading: LogReading) -> None:
    chain = reading.chain
    if chain.log is None or chain.case_id is None:
        return
    name = checkpoint.origin(chain.case_id, chain.log)
    promised = {point.size: point for point in chain.checkpoints}
    for point in chain.checkpoints:
        file = f"custody/checkpoints/{point.size}.note"
        if point.size >= point.line:
            continue  # found already
        if chain.root_at(point.size) != point.root:
            reading.findings.append(
                Finding(f"the root is not that of the first {point.size} lines", "event", line=point.line)
            )
            continue
        try:
            data = read_small(case / file, checkpoint.MAX_NOTE)
            if hashlib.sha256(data).hexdigest() != point.note_sha256:
                raise Wrong(f"it is not the note that line {point.line} promises")
            note = checkpoint.parse(data)
            if note.size != point.size or note.root != point.root:
                raise Wrong(f"it does not say what line {point.line} says")
            checkpoint.verify(note, name, point.key)
        except (Wrong, checkpoint.BadNote) as error:
            gone = str(error) == "it is missing"
            line = point.line if gone else None
            reason = f"the checkpoint that line {point.line} promises is missing" if gone else str(error)
            reading.findings.append(Finding(reason, "file", line=line, file=file))
        except CannotRead as error:
            reading.unread.append(f"{file}: {error}")
        else:
            reading.checkpointed_to = max(point.size, reading.checkpointed_to or 0)
    for entry in _entries(case, "custody/checkpoints", reading):
        match = _NOTE_NAME.fullmatch(entry)
        file = f"custody/checkpoints/{visible(entry)}"
        if match is None:
            reading.findings.append(Finding("an unknown file", "file", file=file))
        elif int(match[1]) not in promised:
            _orphan(case, int(match[1]), name, reading)


def _orphan(case: Path, size: int, name: str, reading: LogReading) -> None:
    """A note without an event: its root must hold all the same."""
    chain, file = reading.chain, f"custody/checkpoints/{size}.note"
    try:
        note = checkpoint.parse(read_small(case / file, checkpoint.MAX_NOTE))
        if note.size != size:
            raise Wrong("its size is not that of its name")
        if size > chain.lines:
            cut = f"it is a checkpoint of {size} lines, but the log has {chain.lines}: lines are missing"
            reading.findings.append(Finding(cut, "chain", file=file))
            return
        key = chain.log_key_after(size)
        if key is None:
            raise Wrong("no log key was in force at its size")
        checkpoint.verify(note, name, key)
        if chain.root_at(size) != note.root:
            raise Wrong(f"its root is not that of the first {size} lines")
    except (Wrong, checkpoint.BadNote) as error:
        reading.findings.append(Finding(str(error), "file", file=file))
    except CannotRead as error:
        reading.unread.append(f"{file}: {error}")
    else:
        reading.warnings.append(f"{file}: no event names this checkpoint; its root holds")


def _keys(case: Path, reading: LogReading) -> None:
    chain = reading.chain
    for entry in _entries(case, "custody/keys", reading):
        match = _PEM_NAME.fullmatch(entry)
        file = f"custody/keys/{visible(entry)}"
        if match is None:
            reading.findings.append(Finding("an unknown file", "file", file=file))
            continue
        try:
            data = read_small(case / "custody" / "keys" / entry, 4096)
            if match[1] not in chain.keys:
                raise Wrong("no event introduces this key")
            if data != public_pem(chain.keys[match[1]]):
                raise Wrong("it is not the key that the log introduces")
        except Wrong as error:
            reading.findings.append(Finding(str(error), "file", file=file))
        except CannotRead as error:
            reading.unread.append(f"{file}: {error}")


def _entries(case: Path, folder: str, reading: LogReading) -> list[str]:
    """The names in a folder of the record but temporary files; what is wrong with it becomes a finding."""
    kept: list[str] = []
    try:
        for name in names(case / folder):
            if name.endswith(".tmp") and kind_of(case / folder / name) == "file":
                continue
            kept.append(name)
    except Wrong as error:
        reading.findings.append(Finding(str(error), "file", file=folder))
    except CannotRead as error:
        reading.unread.append(f"{folder}: {error}")
    return kept


def anchor_findings(case: Path, reading: LogReading) -> None:
    """Whether every anchor that an event promises is there. The tokens themselves are not checked here."""
    promised = reading.chain.anchors
    try:
        tokens = {match[1] for match in map(_TOKEN_NAME.fullmatch, names(case / "custody" / "anchors")) if match}
    except Wrong as error:
        reading.findings.append(Finding(str(error), "file", file="custody/anchors"))
        return
    except CannotRead as error:
        reading.unread.append(f"custody/anchors: {error}")
        return
    for line, params in promised:
        size = params.get("size")
        if (str(size) not in tokens) if size is not None else not tokens:
            reading.findings.append(
                Finding(
                    f"the anchor that line {line} promises is missing", "file", line=line, file="custody/anchors"
                )
            )
    if promised and tokens:
        reading.unread.append("custody/anchors: time stamps are not checked here; use `openssl ts -verify`")
