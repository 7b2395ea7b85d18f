"""Every case of a directory at a glance: also those that cannot be read, each with its reason."""

from __future__ import annotations

import os
import socket
import stat
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal
from uuid import UUID

from app.case.folder import read
from app.faults import Usage
from app.locations import Locations

_LARGEST_TOML = 1 << 20
_PATIENCE_S = 0.2


@dataclass(frozen=True, slots=True)
class CaseRow:
    """One case. Its strings come from ``case.toml`` and may be hostile.

    ``opened`` is the RFC 3339 stamp of the case; ``log_bytes`` and ``written`` are size and last change of the
    custody log, None where there is none. ``agent``: "running", "none", or "unknown" where it cannot be told.
    ``problem`` says why the case cannot be opened ("" if it can) and ``todo`` what to do about that.
    """

    path: Path
    id: str
    title: str = ""
    ticket: str = ""
    opened: str = ""
    log_bytes: int | None = None
    written: datetime | None = None
    agent: Literal["running", "none", "unknown"] = "unknown"
    problem: str = ""
    todo: str = ""


def overview(cases: Path, locations: Locations) -> list[CaseRow]:
    """The cases in ``cases``, the newest first, those that cannot be read last; OSError if it cannot be listed."""
    found = [_row(entry, locations) for entry in _candidates(cases)]
    readable = sorted(
        (row for row in found if not row.problem), key=lambda row: (row.opened, row.id), reverse=True
    )
    return readable + sorted((row for row in found if row.problem), key=lambda row: row.id)


def _candidates(cases: Path) -> Iterable[Path]:
    """What looks like a case: a directory with a ``case.toml`` or a custody record, or one nobody lets us see."""
    if not cases.is_dir():
        return
    for entry in cases.iterdir():
        if not entry.is_dir():
            continue
        try:
            names = {child.name for child in entry.iterdir()}
        except OSError:
            names = {"custody"}
        if names & {"case.toml", "custody"}:
            yield entry


def _row(path: Path, locations: Locations) -> CaseRow:
    size, written = _log(path / "custody" / "events.jsonl")
    try:
        kind = (path / "case.toml").stat()
        if not stat.S_ISREG(kind.st_mode) or kind.st_size > _LARGEST_TOML:
            raise Usage(f"{path / 'case.toml'} is no file that jumpbag wrote", next="restore it from a copy")
        case = read(path)
    except Usage as fault:
        return _broken(path, size, written, fault.message, fault.next)
    except FileNotFoundError:
        return _broken(path, size, written, "case.toml is missing", "restore it from a copy")
    except OSError as error:
        return _broken(path, size, written, f"it cannot be read: {error.strerror}", "check who may read it")
    except (ValueError, RecursionError):
        return _broken(path, size, written, "case.toml is not what jumpbag writes", "restore it from a copy")
    if size is None:
        # Without its log there is nothing that custody could go on from.
        return _broken(path, size, written, "its custody log is missing", "restore custody/ from a copy")
    return CaseRow(
        path=path,
        id=case.id,
        title=case.title,
        ticket=case.ticket,
        opened=case.opened,
        log_bytes=size,
        written=written,
        agent=_agent(case.log, locations),
    )


def _broken(path: Path, size: int | None, written: datetime | None, problem: str, todo: str) -> CaseRow:
    return CaseRow(path=path, id=path.name, log_bytes=size, written=written, problem=problem, todo=todo)


def _log(events: Path) -> tuple[int | None, datetime | None]:
    try:
        status = events.stat()
    except OSError:
        return None, None
    return status.st_size, datetime.fromtimestamp(status.st_mtime, UTC)


def _agent(log: str, locations: Locations) -> Literal["running", "none", "unknown"]:
    """Whether somebody listens on the case's socket. Nothing is said there: a look keeps no agent awake."""
    try:
        path = locations.socket(str(UUID(log)))
        status = path.lstat()
    except ValueError:
        return "unknown"  # a log id is a UUID; anything else must not become a path
    except OSError:
        return "none"
    if not stat.S_ISSOCK(status.st_mode) or status.st_uid != os.getuid():
        return "unknown"
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        probe.settimeout(_PATIENCE_S)
        try:
            probe.connect(str(path))
        except (ConnectionError, FileNotFoundError):
            return "none"
        except OSError:
            return "unknown"
    return "running"
