"""An acquisition as it is shown, and the evidence item that it ends in."""

from __future__ import annotations

from typing import Literal

import msgspec

State = Literal[
    "planned",
    "approved",
    "queued",
    "running",
    "waiting_for_credentials",
    "paused",
    "interrupted",
    "hashing",
    "sealing",
    "done",
    "failed",
    "cancelled",
]
PACE_S = 5
"""Seconds between two values of :attr:`Acquisition.pace`."""
ENDED: frozenset[str] = frozenset({"done", "failed", "cancelled"})


class Acquisition(msgspec.Struct, frozen=True, kw_only=True):
    """One row of the acquisitions pane; ``rate`` is bytes/s, ``eta_s`` whole seconds.

    ``step`` is the title of the present step; ``step_no`` counts from 1; ``percent`` is of the present
    step (0–100) where it reports one. ``error`` is one line, ``next`` what to do about it.
    ``items`` are the ids set aside for what it ends in, ``item`` the first of them; ``sha256`` is of the only
    image, where there is one. ``pace`` is the rate of the last minutes in bytes/s, oldest first, one value per
    :data:`PACE_S` seconds. ``volumes`` are the ids of the disks that its plan takes, downloaded or not.
    """

    id: str
    kind: str
    target: str
    target_name: str
    cloud: str
    account: str
    route: str
    state: State
    step: str
    step_no: int
    step_count: int
    percent: int | None = None
    bytes_done: int | None = None
    bytes_total: int | None = None
    rate: int | None = None
    eta_s: int | None = None
    error: str | None = None
    next: str | None = None
    item: str | None = None
    items: tuple[str, ...] = ()
    sha256: str | None = None
    lease: str | None = None
    updated: str = ""
    pace: tuple[int, ...] = ()
    volumes: tuple[str, ...] = ()


class Digest(msgspec.Struct, frozen=True, kw_only=True):
    """A hash of ``of`` (a path in the bag, or what was read), as custody has it. ``stage`` is "source",
    "transfer", "rest" or "reverify" (spec/custody-log.md); ``bytes`` is the length of what was hashed."""

    of: str
    alg: str
    hex: str
    bytes: int
    stage: str


class Gap(msgspec.Struct, frozen=True, kw_only=True):
    """Bytes of the source that could not be read."""

    offset: int
    bytes: int


class Coverage(msgspec.Struct, frozen=True, kw_only=True):
    """How much of the source is in the item; read and unreadable add up to expected."""

    expected_bytes: int
    read_bytes: int
    unreadable: tuple[Gap, ...] = ()


class EvidenceItem(msgspec.Struct, frozen=True, kw_only=True):
    """A sealed bag. ``sha256`` is the digest of the whole image, None where there is none; ``bytes`` is its
    logical size, or that of all files. ``kind`` is "disk" or "config", ``source`` what it is evidence of.
    ``digests`` are those that its seal recorded, and those of each later check; ``coverage`` is None where the
    item has no image."""

    id: str
    acquisition: str
    kind: str
    path: str
    bytes: int
    sha256: str | None
    sealed: str
    source: str = ""
    digests: tuple[Digest, ...] = ()
    coverage: Coverage | None = None
