"""What is kept of the log's lines: findings, fragments, open intents, checkpoints, seals."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

Kind = Literal["chain", "signature", "event", "file"]


@dataclass(frozen=True, slots=True)
class Finding:
    """Something that is wrong: at a line, in a file (named from the case's folder), or both."""

    reason: str
    kind: Kind
    line: int | None = None
    file: str | None = None


@dataclass(frozen=True, slots=True)
class Fragment:
    """A line that is no event, and why."""

    line: int
    size: int
    sha256: str
    why: str
    unsigned: bool

    def declared(self) -> dict[str, Any]:
        """As ``log.recovered`` declares it."""
        return {"line": self.line, "bytes": str(self.size), "sha256": self.sha256}


@dataclass(frozen=True, slots=True)
class Open:
    """An intent without its outcome. ``sha256`` is the hash of its whole line, ``body`` what it says."""

    line: int
    op: str
    corr: str
    sha256: str
    body: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """A ``log.checkpoint`` event. ``key`` is the raw log key in force there."""

    line: int
    size: int
    root: bytes
    note_sha256: str
    key: bytes


@dataclass(frozen=True, slots=True)
class Seal:
    """An ``evidence.seal`` result. ``digests`` maps a file of the bag to (hex, bytes)."""

    line: int
    item: str
    acq: str | None
    digests: dict[str, tuple[str, int]]
    expected_bytes: int | None
