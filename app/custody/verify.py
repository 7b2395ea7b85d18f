"""``jumpbag verify``: what a case or a bag proves, what it does not, and what is wrong with it.

It only reads: no agent, key, configuration or network, and a copy under any name will do. Whatever is
malformed becomes a named finding; nothing of it is an exception, however hostile it is.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable
from pathlib import Path

import msgspec

from app.custody.disk import CannotRead, Wrong, kind_of, locked, names, read_small, walk
from app.custody.record import Finding
from app.custody.record_files import own_text
from app.custody.verify_bag import INFO, Progress, inspect_bag, looks_like_bag, read_info
from app.custody.verify_evidence import (
    EvidenceReading,
    Inspect,
    bags_now,
    inspect_sealed,
    other_place,
    read_evidence,
)
from app.custody.verify_log import EVENTS, LogReading, anchor_findings, read_log
from app.faults import Usage
from app.text import visible

_CASE_TOML_LIMIT = 4 << 20
_KNOWN = frozenset({"events.jsonl", "keys", "checkpoints", "anchors", "VERIFY.md", "verify.sh"})


class OpenIntent(msgspec.Struct, frozen=True):
    """An act that was begun and has no outcome."""

    line: int
    op: str
    corr: str


class CheckedItem(msgspec.Struct, frozen=True):
    """One evidence item; ``ok`` is None where it is partial, skipped or could not be read."""

    id: str
    ok: bool | None
    reason: str | None


class Fault(msgspec.Struct, frozen=True):
    """One thing that is wrong; ``file`` is named from the case's folder."""

    line: int | None
    file: str | None
    reason: str


class Verification(msgspec.Struct, frozen=True, kw_only=True):
    """The JSON of ``jumpbag verify``. Line numbers are 1-based or None.

    ``ok``, ``chain`` and ``signatures`` are None for a bag verified alone: it proves integrity, not custody.
    ``proven`` and ``not_proven`` say the same in sentences. ``exit_code`` is not part of the JSON's promise.
    """

    ok: bool | None
    key: str | None
    trust: str | None
    events: int | None
    lines: int | None
    chain: bool | None
    signatures: bool | None
    checkpointed_to: int | None
    anchored_to: int | None
    live: bool
    open_intents: list[OpenIntent]
    items: list[CheckedItem]
    first_bad_line: int | None
    reason: str | None
    first_bad_file: str | None = None
    fingerprint: str | None = None
    faults: list[Fault] = []
    unchecked: list[str] = []
    warnings: list[str] = []
    proven: list[str] = []
    not_proven: list[str] = []
    exit_code: int = 0


def verify(
    path: Path,
    key: str | None = None,
    *,
    log_only: bool = False,
    progress: Progress | None = None,
    lock_held: Callable[[int], bool] = locked,
    inspect: Inspect = inspect_sealed,
) -> Verification:
    """Check a case's folder or one bag's. Usage only if ``key`` is neither 16 nor 64 hex digits.

    The log is read to the size at open; after that come the bags, each checked by ``inspect``.

    ``exit_code``: 0 everything promised is proven, 1 something is wrong, 2 it could not be checked.
    """
    pin = key.lower() if key is not None else None
    if pin is not None and not re.fullmatch(r"[0-9a-f]{16}([0-9a-f]{48})?", pin):
        raise Usage(f"{visible(key)} is no key id", next="give the 16 or 64 hex digits that `case create` printed")
    try:
        custody = kind_of(path / "custody")
        if custody == "none":
            if kind_of(path) == "dir" and looks_like_bag(path):
                return _lone_bag(path, log_only, progress)
            return _unchecked(f"{visible(path)}: there is no custody/ there, and it is no bag")
    except CannotRead as error:
        return _unchecked(f"{visible(path)}: {error}")
    return _case(path, custody, pin, log_only, progress, lock_held, inspect)


def _case(
    path: Path,
    custody: str,
    pin: str | None,
    log_only: bool,
    progress: Progress | None,
    lock_held: Callable[[int], bool],
    inspect: Inspect,
) -> Verification:
    if custody != "dir":
        return _broken(Finding("it is not a directory", "file", file="custody"))
    try:
        earlier = bags_now(path)
        reading = read_log(path, lock_held, progress)
    except Wrong as error:
        return _broken(Finding(str(error), "file", file=EVENTS))
    except CannotRead as error:
        return _unchecked(f"{EVENTS}: {error}")
    chain = reading.chain
    case_toml = _settings(path, reading)
    _record(path, reading)
    anchor_findings(path, reading)
    trust = _trust(pin, reading)
    evidence = read_evidence(
        path,
        chain,
        other_place(path, case_toml),
        earlier=earlier if reading.live else None,
        log_only=log_only,
        progress=progress,
        inspect=inspect,
    )
    findings = sorted(reading.findings + evidence.findings, key=lambda f: (f.line is None, f.line or 0))
    unchecked = reading.unread + evidence.unread
    if evidence.skipped:
        unchecked.append(f"the evidence of {evidence.skipped} item(s) was not read (--log-only)")
    first = findings[0] if findings else None
    exit_code = 1 if findings else 2 if unchecked else 0
    kinds = chain.broken | {finding.kind for finding in reading.findings}
    return Verification(
        ok=exit_code == 0,
        key=_keyid(chain.first_key),
        fingerprint=hashlib.sha256(chain.first_key).hexdigest() if chain.first_key else None,
        trust=trust,
        events=chain.events,
        lines=chain.lines,
        chain="chain" not in kinds,
        signatures="signature" not in kinds,
        checkpointed_to=reading.checkpointed_to,
        anchored_to=None,
        live=reading.live,
        open_intents=[OpenIntent(o.line, visible(o.op), visible(o.corr)) for o in chain.open.values()],
        items=[CheckedItem(item.id, item.ok, item.reason) for item in evidence.items],
        first_bad_line=first.line if first else None,
        first_bad_file=first.file if first else None,
        reason=_sentence(first) if first else ("; ".join(unchecked) or None),
        faults=[Fault(f.line, f.file, f.reason) for f in findings],
        unchecked=unchecked,
        warnings=reading.warnings + evidence.warnings,
        proven=_proven(reading, evidence, trust) if not findings else [],
        not_proven=_not_proven(reading, evidence, trust, findings),
        exit_code=exit_code,
    )


def _settings(path: Path, reading: LogReading) -> bytes | None:
    """``case.toml`` as the log has it last."""
    try:
        data = read_small(path / "case.toml", _CASE_TOML_LIMIT)
    except Wrong as error:
        reading.findings.append(Finding(str(error), "file", file="case.toml"))
        return None
    except CannotRead as error:
        reading.unread.append(f"case.toml: {error}")
        return None
    bound = reading.chain.case_toml_sha256
    if bound is not None and hashlib.sha256(data).hexdigest() != bound:
        reading.findings.append(Finding("it is not what the log has recorded last", "file", file="case.toml"))
    return data


def _record(path: Path, reading: LogReading) -> None:
    """Symbolic links anywhere under ``custody/``, and files that nobody promised."""
    try:
        for name, kind in walk(path / "custody"):
            if kind == "link":
                reading.findings.append(Finding("it is a symbolic link", "file", file=f"custody/{visible(name)}"))
        for name in names(path / "custody"):
            if name not in _KNOWN and not name.endswith(".tmp"):
                reading.warnings.append(f"custody/{visible(name)} is not part of the record and was not looked at")
        script = path / "custody" / "verify.sh"
        if kind_of(script) == "file" and read_small(script, 1 << 20) != own_text("verify.sh"):
            reading.warnings.append("custody/verify.sh is not the one of this version: use your own copy")
    except Wrong as error:
        reading.warnings.append(f"custody: {error}")
    except CannotRead as error:
        reading.unread.append(f"custody: {error}")


def _trust(pin: str | None, reading: LogReading) -> str:
    first = reading.chain.first_key
    if pin is None or first is None:
        return "self-asserted"
    fingerprint = hashlib.sha256(first).hexdigest()
    if fingerprint.startswith(pin) and len(pin) in (16, 64):
        return "pinned"
    reading.findings.append(
        Finding(f"the log begins under the key {fingerprint[:16]}, not under the one given", "signature", line=1)
    )
    return "self-asserted"


def _keyid(public: bytes | None) -> str | None:
    return hashlib.sha256(public).hexdigest()[:16] if public else None


def _sentence(finding: Finding) -> str:
    where = [f"line {finding.line}"] if finding.line is not None else []
    where += [finding.file] if finding.file is not None else []
    return f"{', '.join(where)}: {finding.reason}" if where else finding.reason


def _proven(reading: LogReading, evidence: EvidenceReading, trust: str) -> list[str]:
    chain = reading.chain
    said = [f"chain and signatures hold to line {chain.lines} ({chain.events} events)"]
    if reading.checkpointed_to is not None:
        said.append(f"signed checkpoints hold to line {reading.checkpointed_to}")
    if trust == "pinned":
        said.append(f"the log begins under the key given, {_keyid(chain.first_key)}")
    sound = sum(1 for item in evidence.items if item.ok)
    if sound:
        said.append(f"{sound} evidence item(s) are, byte for byte, what was sealed")
    return said


def _not_proven(reading: LogReading, evidence: EvidenceReading, trust: str, findings: list[Finding]) -> list[str]:
    chain = reading.chain
    if findings:
        return ["nothing is proven beyond what is wrong: see the faults"]
    key = _keyid(chain.log_key)
    said = [
        f"self-custodied: whoever holds key {key} could have rewritten this; that nothing was cut after "
        f"line {chain.lines} is not proven without an outside copy of a checkpoint"
    ]
    if trust != "pinned":
        said.append(
            f"that {_keyid(chain.first_key)} is the key of this case: compare it with what was noted elsewhere"
        )
    if reading.checkpointed_to is None:
        said.append("nothing is checkpointed")
    elif reading.checkpointed_to < chain.lines:
        said.append(f"lines after {reading.checkpointed_to} are signed, but not checkpointed")
    said.append("nothing is anchored outside: no time stamp of a third party was checked")
    said += [f"the outcome of the {visible(o.op)} begun in line {o.line}" for o in chain.open.values()]
    said += [f"{item.id}: {item.reason}" for item in evidence.items if not item.ok]
    if reading.live:
        said.append("a process is writing this log: what it writes after the time of reading was not seen")
    return said


def _lone_bag(path: Path, log_only: bool, progress: Progress | None) -> Verification:
    """A bag by itself: ``ok``, ``chain`` and ``signatures`` stay null, the item says whether it is sound."""
    warnings: list[str] = []
    ok: bool | None = None
    reason: str | None
    try:
        if log_only:
            reason = "a bag has no log: nothing was checked (--log-only)"
        else:
            warnings, ok, reason = inspect_bag(path, progress=progress).warnings, True, None
    except Wrong as error:
        ok, reason = False, str(error)
    except CannotRead as error:
        reason = f"it could not be read: {error}"
    return Verification(
        ok=None,
        key=None,
        trust=None,
        events=None,
        lines=None,
        chain=None,
        signatures=None,
        checkpointed_to=None,
        anchored_to=None,
        live=False,
        open_intents=[],
        items=[CheckedItem(_bag_name(path), ok, reason)],
        first_bad_line=None,
        reason=reason,
        faults=[Fault(None, None, reason)] if ok is False and reason else [],
        unchecked=[reason] if ok is None and reason else [],
        warnings=warnings,
        proven=["the bag is whole: every byte is what its manifests say"] if ok else [],
        not_proven=["custody: a bag alone does not say who made it, or when; verify the case"],
        exit_code=2 if ok is None else 0 if ok else 1,
    )


def _bag_name(path: Path) -> str:
    try:
        return visible(read_info(read_small(path / INFO, 1 << 20))["External-Identifier"], cap=64)
    except (Wrong, CannotRead, KeyError):
        return visible(path.name, cap=64)


def _empty(reason: str, exit_code: int, finding: Finding | None) -> Verification:
    return Verification(
        ok=False,
        key=None,
        trust=None,
        events=None,
        lines=None,
        chain=False if finding else None,
        signatures=False if finding else None,
        checkpointed_to=None,
        anchored_to=None,
        live=False,
        open_intents=[],
        items=[],
        first_bad_line=None,
        first_bad_file=finding.file if finding else None,
        reason=reason,
        faults=[Fault(None, finding.file, finding.reason)] if finding else [],
        unchecked=[] if finding else [reason],
        not_proven=["nothing"],
        exit_code=exit_code,
    )


def _unchecked(reason: str) -> Verification:
    return _empty(reason, 2, None)


def _broken(finding: Finding) -> Verification:
    return _empty(_sentence(finding), 1, finding)
