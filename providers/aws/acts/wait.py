"""Looking at snapshots until all of them are complete."""

from __future__ import annotations

import re
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

from app.faults import Broken, Gone, Usage
from app.model import Step
from app.ports import Grant, Made, StepContext
from app.text import visible
from providers.aws.acts.sending import Sender
from providers.aws.clients import keys_of, request_id
from providers.aws.faults import ANEW, DELETED, Call
from providers.aws.outputs import described, snapshots_of

_MISSES, _MISSES_ONCE_SEEN = 8, 3
"""How often in a row a snapshot may be unknown to DescribeSnapshots before it counts as gone: when it was just
made, and when it had been seen (EC2 API Reference, "Eventual consistency")."""
_FAILED = ("error", "recoverable", "recovering")
_PERCENT = re.compile(r"([0-9]{1,3})%?")
_KEY_TROUBLE = re.compile(r"\b(kms|key|cmk)\b", re.IGNORECASE)


class Wait:
    """One DescribeSnapshots of what the step named in ``snapshot_step`` made, one snapshot or many."""

    def __init__(self, sender: Sender) -> None:
        self._sender = sender
        self._missed: dict[str, int] = {}
        self._seen: set[str] = set()

    async def probe(self, step: Step, context: StepContext, grant: Grant) -> tuple[int, Made | None]:
        """Percent of the one that is least far. Broken when one failed, Gone when one was deleted."""
        if step.call != "ec2:DescribeSnapshots":
            raise Usage(f"step {step.id} waits for {visible(step.call)}, which is unknown here", next="plan again")
        wanted = snapshots_of(step, context)
        several = "volume_id" not in step.params
        subject = ", ".join(wanted.values())
        call = Call("ec2", "DescribeSnapshots", step.account, step.region, subject)
        entries: dict[str, Mapping[str, Any]] = {}
        request = None
        pages = self._sender.clients.pages(
            call,
            keys_of(grant),
            OwnerIds=["self"],
            Filters=[{"Name": "snapshot-id", "Values": list(wanted.values())}],
        )
        with suppress(Gone):  # some answer a filter that finds nothing so
            async for page in pages:
                request = request_id(page)
                entries.update((str(entry.get("SnapshotId")), entry) for entry in page.get("Snapshots") or [])
        # Each is looked at before any is judged, so that one missing does not hide that another failed.
        percents = [self._percent(entries.get(snapshot), volume) for volume, snapshot in wanted.items()]
        self._judge_missing(step, [snapshot for snapshot in wanted.values() if snapshot not in entries])
        self._seen.update(entries)
        percent = min(percents)
        if percent < 100:
            return percent, None
        outputs = {
            volume: described(entries[snapshot], volume, request, copied=True)
            for volume, snapshot in wanted.items()
        }
        output = {"snapshots": outputs} if several else next(iter(outputs.values()))
        return 100, Made(resource=subject, output=output, request_id=request)

    def _percent(self, entry: Mapping[str, Any] | None, volume: str) -> int:
        if entry is None:
            return 0
        self._missed.pop(str(entry["SnapshotId"]), None)
        state = entry.get("State")
        if state in _FAILED:
            raise _failed(entry, volume)
        if state == "completed":
            return 100
        percent = _PERCENT.fullmatch(str(entry.get("Progress") or ""))
        return min(99, int(percent[1])) if percent else 0

    def _judge_missing(self, step: Step, missing: list[str]) -> None:
        for snapshot in missing:
            self._missed[snapshot] = self._missed.get(snapshot, 0) + 1
            known = snapshot in self._seen
            if self._missed[snapshot] >= (_MISSES_ONCE_SEEN if known else _MISSES):
                raise Gone(
                    f"{snapshot} is not in account {step.account}, {step.region}"
                    + (" any more: somebody deleted it" if known else ""),
                    next=f"{DELETED}; if it is deleted again, have that stopped first",
                )


def _failed(entry: Mapping[str, Any], volume: str) -> Broken:
    said = str(entry.get("StateMessage") or "AWS gives no reason")
    if _KEY_TROUBLE.search(said):
        key = visible(entry.get("KmsKeyId") or "its KMS key", cap=120)
        what_next = f"see that {key} is enabled and that its key policy lets the role use it, then {ANEW}"
    else:
        what_next = f"{ANEW}; if it fails again, give AWS Support the snapshot's id"
    return Broken(
        f"{entry['SnapshotId']} of {volume} failed in AWS, state {entry.get('State')}: {visible(said, cap=200)}",
        next=what_next,
    )
