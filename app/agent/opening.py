"""What an agent opens as it comes up: the read model, and the providers of its clouds."""

from __future__ import annotations

import sqlite3
from importlib import metadata
from pathlib import Path

import msgspec

from app.case.folder import CaseFolder
from app.case.readmodel import ReadModel
from app.faults import Usage
from app.ports import Provider, Scope


def fresh_model(path: Path) -> ReadModel:
    """The read model; one that cannot be opened is made anew, since nothing in it is original."""
    try:
        return ReadModel(path)
    except sqlite3.DatabaseError:
        for suffix in ("", "-wal", "-shm"):
            path.with_name(path.name + suffix).unlink(missing_ok=True)
        return ReadModel(path)


def open_providers(case: CaseFolder, scope: Scope) -> dict[str, Provider]:
    """The providers that the case's configuration names, found by entry point."""
    found: dict[str, Provider] = {}
    for entry in metadata.entry_points(group="jumpbag.providers"):
        settings = getattr(case.settings, entry.name, None)
        if settings is not None:
            found[entry.name] = entry.load()(msgspec.to_builtins(settings), scope)
    if not found:
        raise Usage(f"{case.path / 'case.toml'} configures no cloud", next="add an [aws] table: see README.md")
    return found
