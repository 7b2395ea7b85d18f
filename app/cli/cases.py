"""``jumpbag case create | list | show``."""

from __future__ import annotations

import getpass
import sys
from pathlib import Path
from typing import Any

from app import config
from app.case.create import create
from app.case.folder import CaseFolder, free, listing
from app.cli.output import emit, fields, say, table
from app.cli.session import Session
from app.faults import SigningLocked


def create_case(session: Session) -> int:
    options = session.options
    config_file = Path(options.config).expanduser() if options.config else None
    free(options.id, session.cases)  # before anybody is asked for a passphrase
    made = create(
        options.id,
        title=options.title,
        ticket=options.ticket,
        config_file=config_file,
        evidence_dir=Path(options.evidence_dir) if options.evidence_dir else None,
        cases=session.cases,
        locations=session.locations,
        passphrase=_new_passphrase(session, config_file),
    )
    told = {
        "id": made.case.id,
        "path": str(made.case.path),
        "log": made.case.log,
        "key": made.case.key,
        "fingerprint": made.fingerprint,
    }
    if session.json:
        emit(told)
        return 0
    fields(list(told.items()))
    say("Note the fingerprint somewhere else: `jumpbag verify --key` holds the log against it.")
    if made.case.settings.signing.protection == "file":
        say("The signing key is a plain file, as the configuration asks. Whoever reads it can sign.")
    return 0


def _new_passphrase(session: Session, config_file: Path | None) -> str | None:
    source = config_file or session.locations.config_file
    settings = config.load(source) if config_file or source.exists() else config.Config()
    if settings.signing.protection != "passphrase":
        return None
    given = session.passphrase()
    if given is not None:
        return given
    if not sys.stdin.isatty():
        raise SigningLocked(
            "the new signing key needs a passphrase",
            next="run it on a terminal, give --passphrase-fd N, or set [signing] protection",
        )
    first = getpass.getpass("Passphrase for the case's signing key: ")
    if first != getpass.getpass("Once more: "):
        raise SigningLocked("the two passphrases differ", next="run it again")
    return first


def _row(case: CaseFolder) -> dict[str, Any]:
    return {
        "id": case.id,
        "path": str(case.path),
        "title": case.title,
        "ticket": case.ticket,
        "opened": case.opened,
        "log": case.log,
        "evidence_dir": str(case.evidence),
    }


def list_cases(session: Session) -> int:
    rows = [_row(case) for case in listing(session.cases)]
    if session.json:
        emit(rows)
    else:
        table(
            ("case", "title", "ticket", "opened"),
            [(r["id"], r["title"], r["ticket"], r["opened"]) for r in rows],
            f"No case in {session.cases} yet. `jumpbag demo` shows one, `jumpbag case create` makes one.",
        )
    return 0


def show_case(session: Session) -> int:
    row = _row(session.case())
    if session.json:
        emit(row)
    else:
        fields(list(row.items()))
    return 0
