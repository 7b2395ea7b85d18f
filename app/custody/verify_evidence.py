"""The evidence of a case: every sealed item has its bag, every bag its seal, and they say the same."""

from __future__ import annotations

import os
import re
import tomllib
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from app.custody.body import is_id
from app.custody.chain import Chain
from app.custody.disk import CannotRead, Wrong, kind_of, names, read_small, walk
from app.custody.record import Finding, Seal
from app.custody.verify_bag import BagReport, Progress, inspect_bag
from app.text import visible

Inspect = Callable[[Path, Seal, str | None, Progress], BagReport]
"""How a sealed bag is checked, as :func:`inspect_sealed` does: the bag, its seal, the case's id."""

_PARTIAL = re.compile(r"\.(E-[0-9]{4,18})\.partial")


@dataclass(frozen=True, slots=True)
class ItemState:
    """One evidence item: ``ok`` is None where nothing was promised or nothing was checked."""

    id: str
    ok: bool | None
    reason: str | None
    file: str


@dataclass(slots=True)
class EvidenceReading:
    """What was found. ``unread`` names what could not be read; ``skipped`` counts items left out on request."""

    items: list[ItemState] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    unread: list[str] = field(default_factory=list)
    skipped: int = 0


@dataclass(frozen=True, slots=True)
class _Place:
    """Where bags lie: ``label`` is how it is called in messages."""

    path: Path
    label: str
    inside: bool


def other_place(case: Path, case_toml: bytes | None) -> Path | None:
    """The directory that ``case.toml`` names with ``evidence_dir``, None if it names none."""
    if case_toml is None:
        return None
    try:
        table = tomllib.loads(case_toml.decode("utf-8"))
    except (UnicodeDecodeError, tomllib.TOMLDecodeError, RecursionError):
        return None
    section = table.get("case")
    named = section.get("evidence_dir") if isinstance(section, dict) else None
    if not isinstance(named, str):
        named = table.get("evidence_dir")
    if not isinstance(named, str) or not named or "\0" in named:
        return None
    path = case / named
    return None if os.path.normpath(path) == os.path.normpath(case / "evidence") else path


def bags_now(case: Path) -> frozenset[str]:
    """The names in all places of evidence, looked at before the log is read: what comes later is not judged."""
    try:
        toml = read_small(case / "case.toml", 4 << 20)
    except (Wrong, CannotRead):
        toml = None
    found: set[str] = set()
    for place in (case / "evidence", other_place(case, toml)):
        try:
            found.update(names(place) if place is not None else ())
        except (Wrong, CannotRead):
            continue  # read_evidence names it
    return frozenset(found)


def read_evidence(
    case: Path,
    chain: Chain,
    other: Path | None,
    *,
    earlier: frozenset[str] | None,
    log_only: bool,
    progress: Progress | None,
    inspect: Inspect,
) -> EvidenceReading:
    """Check all bags, those that are sealed with ``inspect``.

    ``earlier`` is given while a process writes the log: the names that stood there before the log was read
    (:func:`bags_now`). A bag that came later, or whose seal is being written, is then not judged.
    """
    reading = EvidenceReading()
    places = [_Place(case / "evidence", "evidence", True)]
    if other is not None:
        places.append(_Place(other, visible(other), False))
    bags: dict[str, _Place] = {}
    for place in places:
        for item in _list(place, chain, reading):
            if item in bags:
                _wrong(reading, item, f"{place.label}/{item}", "the item has a second bag")
            else:
                bags[item] = place
    for item in sorted(chain.seals.keys() | bags.keys(), key=lambda text: (len(text), text)):
        seal, found = chain.seals.get(item), bags.get(item)
        if found is None:
            assert seal is not None
            _wrong(
                reading, item, f"evidence/{item}", f"its bag is missing (sealed in line {seal.line})", seal.line
            )
        elif seal is None:
            _unsealed(reading, chain, item, f"{found.label}/{item}", earlier)
        elif log_only:
            reading.skipped += 1
            _no_links(found.path / item, f"{found.label}/{item}", reading)
            reading.items.append(ItemState(item, None, "not checked (--log-only)", f"{found.label}/{item}"))
        else:
            _bag(reading, chain, found, seal, progress, inspect)
    return reading


def _list(place: _Place, chain: Chain, reading: EvidenceReading) -> list[str]:
    """The bags in one place. Whatever else stands there is named."""
    found: list[str] = []
    try:
        if place.inside and kind_of(place.path) == "link":
            raise Wrong("it is a symbolic link")
        for name in names(place.path):
            file, kind = f"{place.label}/{visible(name)}", kind_of(place.path / name)
            partial = _PARTIAL.fullmatch(name)
            if kind == "link":
                reading.findings.append(Finding("it is a symbolic link", "file", file=file))
            elif kind == "dir" and partial:
                _partial(place.path / name, partial[1], file, chain, reading)
            elif kind == "dir" and is_id(name, "E"):
                found.append(name)
            elif kind == "file" and name.endswith(".tmp"):
                continue
            elif kind == "dir" and place.inside:
                reading.findings.append(Finding("a bag that no event seals", "file", file=file))
            elif place.inside:
                reading.findings.append(Finding("an unknown file", "file", file=file))
            else:
                reading.warnings.append(f"{file} is not part of the case")
    except Wrong as error:
        reading.findings.append(Finding(str(error), "file", file=place.label))
    except CannotRead as error:
        reading.unread.append(f"{place.label}: {error}")
    return found


def _partial(path: Path, item: str, file: str, chain: Chain, reading: EvidenceReading) -> None:
    _no_links(path, file, reading)
    if chain.closed is not None:
        _wrong(reading, item, file, "a bag was never sealed, and the case is closed")
    else:
        reading.items.append(ItemState(item, None, "partial: not sealed yet", file))


def _no_links(path: Path, file: str, reading: EvidenceReading) -> None:
    try:
        for name, kind in walk(path):
            if kind == "link":
                reading.findings.append(Finding("it is a symbolic link", "file", file=f"{file}/{visible(name)}"))
    except (Wrong, CannotRead) as error:
        reading.unread.append(f"{file}: {error}")


def _unsealed(
    reading: EvidenceReading, chain: Chain, item: str, file: str, earlier: frozenset[str] | None
) -> None:
    being_sealed = any(
        intent.op == "evidence.seal" and intent.body.get("item") == item for intent in chain.open.values()
    )
    if earlier is not None and (being_sealed or item not in earlier):
        reading.items.append(ItemState(item, None, "it is being sealed", file))
        reading.warnings.append(f"{file}: it is being sealed")
        return
    _wrong(reading, item, file, "the bag was never sealed")


def _bag(
    reading: EvidenceReading,
    chain: Chain,
    place: _Place,
    seal: Seal,
    progress: Progress | None,
    inspect: Inspect,
) -> None:
    item, file = seal.item, f"{place.label}/{seal.item}"

    def report_progress(name: str, done: int, total: int) -> None:
        if progress:
            progress(f"{file}/{name}", done, total)

    try:
        report = inspect(place.path / item, seal, chain.case_id, report_progress)
    except Wrong as error:
        _wrong(reading, item, file, str(error))
    except CannotRead as error:
        reading.unread.append(f"{file}: {error}")
        reading.items.append(ItemState(item, None, f"it could not be read: {error}", file))
    else:
        reading.warnings += [f"{file}: {warning}" for warning in report.warnings]
        reading.items.append(ItemState(item, True, None, file))


def inspect_sealed(path: Path, seal: Seal, case_id: str | None, progress: Progress | None = None) -> BagReport:
    """Check every byte of a bag, and that it is the one that was sealed. Wrong names what does not agree,
    CannotRead what could not be read."""
    report = inspect_bag(path, progress=progress)
    bound(report, seal, case_id)
    return report


def bound(report: BagReport, seal: Seal, case_id: str | None) -> None:
    """The bag is the one that was sealed: digests and sizes, and what it says of itself."""
    where = f"the seal of line {seal.line}"
    for name, (hexdigest, size) in seal.digests.items():
        found = report.digests.get(name)
        if found is None:
            report.wrong(f"{name} is missing, but {where} names it")
            continue
        if found[0] != hexdigest:
            report.wrong(f"{name} does not have the SHA-256 of {where}")
        if found[1] != size:
            report.wrong(f"{name} has {found[1]} bytes, {where} says {size}")
    if report.image and len(seal.digests) == 1:
        report.wrong(f"it holds an image that {where} does not name")
    if report.image and seal.expected_bytes not in (None, report.digests["data/disk.raw"][1]):
        report.wrong(f"data/disk.raw does not have the {seal.expected_bytes} bytes that {where} expects")
    claims = {"External-Identifier": seal.item, "Jumpbag-Case": case_id, "Jumpbag-Acquisition": seal.acq}
    for label, expected in claims.items():
        if expected is not None and label in report.info and report.info[label] != expected:
            report.wrong(f"bag-info.txt: {label} is {visible(report.info[label], cap=80)}, not {expected}")


def _wrong(reading: EvidenceReading, item: str, file: str, reason: str, line: int | None = None) -> None:
    reading.findings.append(Finding(reason, "file", line=line, file=file))
    reading.items.append(ItemState(item, False, reason, file))
