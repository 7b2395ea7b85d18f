"""What the form of a new case makes: the same as `jumpbag case create`, with errors told by field."""

from __future__ import annotations

import asyncio
import unicodedata
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from app import config
from app.case.folder import CaseFolder, free
from app.faults import Fault, Usage
from app.locations import Locations

Protection = Literal["keyring", "passphrase", "file"]
_LARGEST_CONFIG = 1 << 20


@dataclass(frozen=True, slots=True)
class Draft:
    """What was typed, but for the passphrase. ``config`` and ``evidence`` are paths or empty: the default."""

    id: str = ""
    title: str = ""
    ticket: str = ""
    config: str = ""
    evidence: str = ""


@dataclass(frozen=True, slots=True)
class Made:
    """A new case. ``fingerprint``: 64 hex digits of its first key. ``passphrase``: so that nobody asks again."""

    case: CaseFolder
    fingerprint: str
    passphrase: str | None = field(default=None, repr=False)


class Wrong(Fault):
    """``field`` of the form has to be changed first."""

    def __init__(self, field: str, message: str, todo: str = "") -> None:
        super().__init__(message, next=todo)
        self.field = field


def protection_of(draft: Draft, locations: Locations) -> Protection:
    """How the configuration keeps the new signing key. Wrong, at "config", if it cannot be used."""
    source = _path(draft.config, "config")
    try:
        if source is None and not locations.config_file.exists():
            return config.Config().signing.protection
        path = source or locations.config_file
        if path.exists() and (not path.is_file() or path.stat().st_size > _LARGEST_CONFIG):
            raise Usage(f"{path} is no configuration file", next="name a TOML file")
        return config.load(path).signing.protection
    except Usage as fault:
        raise Wrong("config", fault.message, fault.next) from None
    except (OSError, ValueError, RecursionError) as error:
        raise Wrong("config", f"it cannot be read ({type(error).__name__})", "check the path") from None


async def make(draft: Draft, passphrase: str, again: str, cases: Path, locations: Locations) -> Made:
    """Make the case. Wrong names the field to change; any other Fault is about the machine."""
    protection = await asyncio.to_thread(_checked, draft, cases, locations)
    secret = None
    if protection == "passphrase":
        _check_passphrase(passphrase, again)
        secret = passphrase
    return await asyncio.to_thread(_make, draft, secret, cases, locations)


def _checked(draft: Draft, cases: Path, locations: Locations) -> Protection:
    try:
        free(draft.id, cases)
    except Usage as fault:
        raise Wrong("id", fault.message, fault.next) from None
    for name, what in (("title", draft.title), ("ticket", draft.ticket)):
        if not what.strip():
            raise Wrong(name, f"the record needs a {name}", "write one")
    protection = protection_of(draft, locations)
    evidence = _path(draft.evidence, "evidence")
    if evidence is not None and not evidence.is_absolute():
        raise Wrong("evidence", "where evidence goes is a whole path", "begin it with / or ~")
    return protection


def _check_passphrase(passphrase: str, again: str) -> None:
    if not passphrase:
        raise Wrong("passphrase", "the signing key needs a passphrase", "type one that you will know again")
    if any(unicodedata.category(char) in ("Cc", "Cs", "Cf", "Cn", "Zl", "Zp") for char in passphrase):
        raise Wrong(
            "passphrase", "it has characters that no keyboard gives", "type it instead of pasting, or change it"
        )
    if passphrase != again:
        raise Wrong("again", "the two passphrases differ", "type it once more")


def _make(draft: Draft, secret: str | None, cases: Path, locations: Locations) -> Made:
    from app.case.create import create  # loads cryptography: only once a case is made

    evidence = _path(draft.evidence, "evidence")
    try:
        made = create(
            draft.id,
            title=draft.title.strip(),
            ticket=draft.ticket.strip(),
            config_file=_path(draft.config, "config"),
            evidence_dir=evidence,
            cases=cases,
            locations=locations,
            passphrase=secret,
        )
    except OSError as error:
        where = str(error.filename or cases)
        at = "evidence" if evidence is not None and Path(where).is_relative_to(evidence) else "id"
        raise Wrong(at, f"{error.strerror or error}: {where}", "check the path and its permissions") from None
    return Made(made.case, made.fingerprint, secret)


def _path(text: str, field: str) -> Path | None:
    try:
        return Path(text).expanduser() if text else None
    except RuntimeError:  # ~somebody, who is not known here
        raise Wrong(field, "that home directory is not known", "write the whole path") from None
