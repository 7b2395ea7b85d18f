"""What the case has of a plan's disks already, or is about to have: said in the plan, and never in its way."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from app.acquisition.record import History
from app.clock import parse_stamp
from app.model import Acquisition, Plan, PlanWarning

UNDER_WAY, STOPPED = "same-disk-under-way", "same-disk-stopped"
SEALED, KEPT = "same-disk-sealed", "same-disk-kept"
CODES = frozenset({UNDER_WAY, STOPPED, SEALED, KEPT})
_NAMED = 6  # disks of one sentence: with their items and times they stay below what a screen shows of it
_HELD = frozenset({"paused", "interrupted", "waiting_for_credentials"})


def said_of(plan: Plan, standing: Iterable[tuple[History, Acquisition]]) -> tuple[PlanWarning, ...]:
    """At most two sentences for each acquisition that is about a disk of ``plan``: what it sealed, and the rest.

    ``standing``: every acquisition of the case, what the log says of it and how it is shown. Of what was
    cancelled only sealed items are named: nothing else will come of it.
    """
    found: list[PlanWarning] = []
    for history, row in standing:
        if _place(history.plan) != _place(plan):
            continue
        common = sorted(plan.volumes & history.plan.volumes)
        items = {
            item.source: history.items[item.key]
            for item in history.plan.items
            if item.kind == "disk" and item.key in history.items
        }
        sealed = [disk for disk in common if items.get(disk, "") in history.times]
        if sealed:
            each = [f"{disk} as {items[disk]} ({_utc(history.times[items[disk]])})" for disk in sealed]
            found.append(PlanWarning(code=SEALED, text=f"{history.id} has already sealed {_listed(each)}"))
        if rest := [disk for disk in common if disk not in sealed]:
            found += _unsealed(history, row, rest, items)
    return tuple(found)


def _unsealed(
    history: History, row: Acquisition, disks: Sequence[str], items: dict[str, str]
) -> list[PlanWarning]:
    acq = history.id
    what = _listed([f"{disk} as {items[disk]}" if disk in items else disk for disk in disks])
    if history.finished == "done":
        snapshots = "a snapshot" if len(disks) == 1 else "snapshots"
        when = _utc(history.times["finish"])
        return [
            PlanWarning(code=KEPT, text=f"{acq} already keeps {snapshots} of {what} in the cloud (since {when})")
        ]
    if history.finished == "cancelled" or history.wish == "cancel":
        return []
    if history.finished is not None:
        said = (
            f"{acq} was to acquire {what} and failed ({_utc(history.times['finish'])}): `resume` goes on with it"
        )
        return [PlanWarning(code=STOPPED, text=said)]
    if history.attempt == 0:
        said = f"{acq} was approved to acquire {what} and never started: `resume` starts it"
        return [PlanWarning(code=STOPPED, text=said)]
    said = f"{acq} already acquires {what} ({row.state.replace('_', ' ')}, started {_utc(history.started)})"
    if row.state in _HELD:
        said += ": `resume` goes on with it"
    return [PlanWarning(code=UNDER_WAY, text=said)]


def _place(plan: Plan) -> tuple[str, str, str]:
    return plan.target.cloud, plan.target.account, plan.target.region


def _utc(when: str) -> str:
    return f"{parse_stamp(when):%Y-%m-%d %H:%M:%S} UTC"


def _listed(parts: Sequence[str]) -> str:
    if len(parts) > _NAMED:
        return f"{', '.join(parts[:_NAMED])} and {len(parts) - _NAMED} more"
    return parts[0] if len(parts) == 1 else f"{', '.join(parts[:-1])} and {parts[-1]}"
