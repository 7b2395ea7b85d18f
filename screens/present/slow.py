"""What is painted less often on a slow line, or while nobody seems to look."""

from __future__ import annotations

import math
from collections.abc import Sequence
from datetime import datetime

import msgspec

from app.model import Acquisition
from app.model.view import CaseSnapshot
from screens.present import leases
from screens.present.durations import left

SOON_S = 120
"""A countdown that ends this soon is painted each second however slow the line is."""


def ends_soon(snapshot: CaseSnapshot, now: datetime) -> bool:
    """Whether a lease or the write window is in its last two minutes."""
    ends = [one.expires for one in leases.live(snapshot.leases)]
    if snapshot.agent.armed_until:
        ends.append(snapshot.agent.armed_until)
    rests = [left(end, now) for end in ends]
    return any(rest is not None and 0 <= rest <= SOON_S for rest in rests)


def only_beat(old: CaseSnapshot, new: CaseSnapshot) -> bool:
    """Whether the two differ in the agent's heartbeat alone: nothing that a person waits for."""
    if msgspec.structs.replace(old.agent, beat="") != msgspec.structs.replace(new.agent, beat=""):
        return False
    names = [name for name in CaseSnapshot.__struct_fields__ if name != "agent"]
    return all(
        getattr(old, name) is getattr(new, name) or getattr(old, name) == getattr(new, name) for name in names
    )


class Coarse:
    """Snapshots with rates of one significant figure and without the curve of the last minutes."""

    def __init__(self) -> None:
        self._from: Sequence[Acquisition] = ()
        self._made: tuple[Acquisition, ...] = ()

    def __call__(self, snapshot: CaseSnapshot) -> CaseSnapshot:
        if snapshot.acquisitions is not self._from:
            self._from = snapshot.acquisitions
            self._made = tuple(
                msgspec.structs.replace(one, rate=coarse_rate(one.rate), pace=()) for one in snapshot.acquisitions
            )
        return msgspec.structs.replace(snapshot, acquisitions=self._made)


def coarse_rate(per_second: int | None) -> int | None:
    """Bytes a second, one significant figure of the binary unit that it is shown in.

    >>> coarse_rate(412 * 2**20) == 400 * 2**20, coarse_rate(None)
    (True, None)
    """
    if not per_second or per_second < 1:
        return per_second
    unit = 1
    while per_second / unit >= 1000:
        unit *= 1024
    value = per_second / unit
    step = 10.0 ** math.floor(math.log10(value)) if value >= 1 else 0.1
    return max(1, round(round(value / step) * step * unit))
