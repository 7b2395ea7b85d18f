"""A new case: its folder, its signing key, the first event of its log."""

from __future__ import annotations

import hashlib
import os
import uuid
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import tomli_w

from app import config
from app.case.folder import CaseFolder, free, read
from app.clock import Clock, SystemClock, stamp
from app.custody import Ledger, create_key
from app.locations import Locations, private_directory

_PATHS = ("credentials_file", "config_file", "ca_bundle")


@dataclass(frozen=True, slots=True)
class Created:
    """``fingerprint`` is to be noted somewhere else: it is what ``verify --key`` pins."""

    case: CaseFolder
    fingerprint: str


def create(
    case_id: str,
    *,
    title: str,
    ticket: str,
    config_file: Path | None,
    evidence_dir: Path | None,
    cases: Path,
    locations: Locations,
    passphrase: str | None = None,
    clock: Clock | None = None,
) -> Created:
    """Make the case ``cases/case_id``. Usage if it exists or the configuration is wrong.

    What the configuration says is copied into ``case.toml``: from then on the case stands alone.
    """
    clock = clock or SystemClock()
    path = free(case_id, cases)
    source = config_file or (locations.config_file if locations.config_file.exists() else None)
    table: dict[str, Any] = config.read_table(source) if source else {}
    settings = config.check(table, str(source or "defaults"))
    private_directory(cases)
    evidence = _evidence(evidence_dir, settings, case_id)
    if evidence is not None:  # before the case is there: a path that cannot be made leaves nothing behind
        evidence.mkdir(mode=0o700, parents=True, exist_ok=True)
    signer = create_key(private_directory(locations.keys), settings.signing.protection, passphrase)
    log = str(uuid.uuid4())
    document = _document(table, settings, source)
    document["case"] = {
        "id": case_id,
        "title": title,
        "ticket": ticket,
        "opened": stamp(clock.now()),
        "log": log,
        "key": signer.keyid,
        "organization": settings.case.organization,
        "evidence_dir": str(evidence) if evidence else "evidence",
    }
    document["roster"] = dict.fromkeys(settings.examiner.everyone, "")
    text = tomli_w.dumps(document).encode()
    path.mkdir(mode=0o700)
    _write_durably(path / "case.toml", text)
    if evidence is None:
        (path / "evidence").mkdir(mode=0o700)
    ledger = Ledger.create(
        path,
        case_id=case_id,
        log=log,
        signer=signer,
        actor=settings.examiner.id,
        case_toml_sha256=hashlib.sha256(text).hexdigest(),
        clock=clock,
    )
    ledger.close()
    return Created(read(path), signer.fingerprint)


def _evidence(chosen: Path | None, settings: config.Config, case_id: str) -> Path | None:
    """Bags of a case share one directory with no other case."""
    if chosen is not None:
        return chosen.expanduser().resolve() / case_id
    if settings.case.evidence_dir:
        return Path(settings.case.evidence_dir).expanduser().resolve() / case_id
    return None


def _document(table: dict[str, Any], settings: config.Config, source: Path | None) -> dict[str, Any]:
    document = {name: dict(value) for name, value in table.items() if name != "case"}
    others = list(settings.examiner.everyone[1:])
    document["examiner"] = {"id": settings.examiner.id, **({"roster": others} if others else {})}
    document["signing"] = {"protection": settings.signing.protection}
    if "aws" in document and source is not None:
        for name in _PATHS:
            if document["aws"].get(name):
                document["aws"][name] = str((source.parent / Path(document["aws"][name]).expanduser()).resolve())
    return document


def _write_durably(path: Path, data: bytes) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        os.write(descriptor, data)
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
