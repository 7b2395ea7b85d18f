"""A case on disk: where its parts are, and what its ``case.toml`` says."""

from __future__ import annotations

import hashlib
import re
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from app import config
from app.faults import Usage
from app.locations import Locations
from app.text import visible

VERBS = frozenset(
    {
        *("demo", "range", "case", "accounts", "resources", "plan", "acquire", "acquisitions", "pause", "resume"),
        *("cancel", "leases", "lease", "custody", "evidence", "verify", "agent", "doctor", "info", "help"),
    }
)
_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")


@dataclass(frozen=True, slots=True)
class CaseFolder:
    """``settings`` is the case's own configuration; ``log`` the id of its custody log.

    ``toml_sha256`` is the hash of the very bytes that were read: the log says which ones are in force.
    """

    path: Path
    id: str
    title: str
    ticket: str
    opened: str
    log: str
    key: str
    evidence: Path
    settings: config.Config
    toml_sha256: str

    @property
    def toml(self) -> Path:
        return self.path / "case.toml"

    @property
    def events(self) -> Path:
        return self.path / "custody" / "events.jsonl"

    @property
    def read_model(self) -> Path:
        return self.path / "case.sqlite"

    @property
    def engine(self) -> Path:
        return self.path / "engine.sqlite"

    def bag(self, item: str) -> Path:
        """The sealed bag of an item; beside it stands its partial while it is made."""
        return self.evidence / item

    def partial(self, item: str) -> Path:
        return self.evidence / f".{item}.partial"


def check_id(case_id: str) -> str:
    """The id if it is one; Usage otherwise."""
    if not _ID.fullmatch(case_id) or case_id in VERBS:
        raise Usage(
            f"{visible(case_id)!r} cannot be a case id",
            next="use up to 64 letters, digits, dots, dashes and underscores, not a verb's name",
        )
    return case_id


def free(case_id: str, cases: Path) -> Path:
    """Where that case would be made; Usage if it is no case id, or taken."""
    path = cases / check_id(case_id)
    if path.exists():
        raise Usage(f"{path} is there already", next=f"choose another id, or open it with `jumpbag {case_id}`")
    return path


def find(reference: str, locations: Locations, cases: Path | None = None) -> CaseFolder:
    """The case of that id in the cases directory, or at that path; Usage if there is none."""
    directory = cases or locations.cases
    if _ID.fullmatch(reference) and (directory / reference / "case.toml").exists():
        return read(directory / reference)
    path = Path(reference).expanduser()
    if (path / "case.toml").exists():
        return read(path.resolve())
    raise Usage(
        f"no case {visible(reference)!r} in {directory}",
        next="`jumpbag case list` shows the cases, `jumpbag case create` makes one",
    )


def listing(cases: Path) -> list[CaseFolder]:
    """The readable cases of a directory, by id."""
    found = []
    for entry in sorted(cases.iterdir()) if cases.is_dir() else []:
        if (entry / "case.toml").is_file():
            try:
                found.append(read(entry))
            except Usage:
                continue  # one broken case does not hide the others; `case show` says what is wrong with it
    return found


def read(path: Path) -> CaseFolder:
    """The case in that directory; Usage naming what is wrong."""
    toml = path / "case.toml"
    try:
        data = toml.read_bytes()
        table = tomllib.loads(data.decode("utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise Usage(
            f"cannot read {toml}: {error}", next="`jumpbag verify` says whether the case was changed"
        ) from None
    head = table.pop("case", None)
    table.pop("roster", None)
    if not isinstance(head, dict):
        raise Usage(f"{toml}: no [case] table", next="`jumpbag verify` says whether the case was changed")
    settings = config.check({**table, "case": _defaults(head)}, str(toml))
    try:
        values = {name: str(head[name]) for name in ("id", "title", "ticket", "opened", "log", "key")}
    except KeyError as error:
        raise Usage(f"{toml}: case.{error.args[0]} is missing", next="restore case.toml from a copy") from None
    evidence = Path(str(head.get("evidence_dir", "evidence")))
    digest = hashlib.sha256(data).hexdigest()
    return CaseFolder(path=path, evidence=path / evidence, settings=settings, toml_sha256=digest, **values)


def _defaults(head: dict[str, Any]) -> dict[str, Any]:
    return {name: head[name] for name in ("organization", "evidence_dir") if name in head}
