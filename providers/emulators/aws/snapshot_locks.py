"""Locks on snapshots.

Sources: EC2 API Reference (LockSnapshot, UnlockSnapshot, DescribeLockedSnapshots, LockedSnapshotsInfo), EBS User
Guide ("Amazon EBS snapshot lock"). Which code a locked snapshot's deletion gets is not documented; here it is
OperationNotPermitted. Of a pending snapshot LockExpiresOn is what it would be if it completed at once.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Literal

import msgspec
from moto.ec2.exceptions import EC2ClientError

if TYPE_CHECKING:
    from providers.emulators.aws.snapshots import TimedSnapshot

State = Literal["compliance", "governance", "compliance-cooloff", "expired"]
MAX_DAYS = 36500
MAX_COOL_OFF_HOURS = 72


class Lock(msgspec.Struct, frozen=True, kw_only=True):
    """One lock. Either ``days`` or ``until`` is set; a duration runs from the snapshot's completion."""

    compliance: bool
    created: datetime
    days: int | None = None
    until: datetime | None = None
    cool_off_hours: int | None = None

    def expires(self, snapshot: TimedSnapshot) -> datetime:
        if self.until is not None:
            return self.until
        return (self._starts(snapshot) or self.created) + timedelta(days=self.days or 0)

    def _starts(self, snapshot: TimedSnapshot) -> datetime | None:
        snapshot.settle()
        return None if snapshot.completed is None else max(self.created, snapshot.completed)

    def _cooling_until(self) -> datetime | None:
        return None if self.cool_off_hours is None else self.created + timedelta(hours=self.cool_off_hours)

    def state(self, snapshot: TimedSnapshot) -> State:
        now = datetime.now(UTC)
        running = self.until is not None or self._starts(snapshot) is not None
        if running and now >= self.expires(snapshot):
            return "expired"
        if not self.compliance:
            return "governance"
        cooling = self._cooling_until()
        return "compliance-cooloff" if cooling is not None and now < cooling else "compliance"

    def holds(self, snapshot: TimedSnapshot) -> bool:
        """Whether the snapshot cannot be deleted now."""
        return self.state(snapshot) != "expired"

    def shown(self, snapshot: TimedSnapshot) -> dict[str, Any]:
        """The elements of LockSnapshot's answer and of LockedSnapshotsInfo."""
        expires, starts = self.expires(snapshot), self._starts(snapshot)
        days = self.days if self.days is not None else -(-(expires - self.created) // timedelta(days=1))
        found = {
            "SnapshotId": snapshot.id,
            "LockState": self.state(snapshot),
            "LockDuration": days,
            "CoolOffPeriod": self.cool_off_hours,
            "CoolOffPeriodExpiresOn": self._cooling_until(),
            "LockCreatedOn": self.created,
            "LockExpiresOn": expires,
            "LockDurationStartTime": starts,
        }
        return {name: value for name, value in found.items() if value is not None}


def lock(
    snapshot: TimedSnapshot, mode: str, days: int | None, until: datetime | None, cool_off_hours: int | None
) -> Lock:
    """Locks, or changes a lock as its mode allows; an EC2 error otherwise."""
    if mode not in ("governance", "compliance"):
        raise EC2ClientError("InvalidParameterValue", f"Value ({mode}) for parameter lockMode is invalid.")
    if (days is None) == (until is None):
        text = "Either LockDuration or ExpirationDate must be specified, and not both."
        raise EC2ClientError("InvalidParameterCombination", text)
    if mode == "governance" and cool_off_hours is not None:
        text = "CoolOffPeriod cannot be specified with the governance mode."
        raise EC2ClientError("InvalidParameterCombination", text)
    for name, value, most in (
        ("lockDuration", days, MAX_DAYS),
        ("coolOffPeriod", cool_off_hours, MAX_COOL_OFF_HOURS),
    ):
        if value is not None and not 1 <= value <= most:
            raise EC2ClientError("InvalidParameterValue", f"Value ({value}) for parameter {name} is invalid.")
    if until is not None and until <= datetime.now(UTC):
        raise EC2ClientError("InvalidParameterValue", "The expiration date is in the past.")
    if snapshot.status == "error":
        raise EC2ClientError("IncorrectState", f"Snapshot {snapshot.id} is in the error state.")
    wanted = Lock(
        compliance=mode == "compliance",
        created=datetime.now(UTC),
        days=days,
        until=until,
        cool_off_hours=cool_off_hours,
    )
    held = snapshot.lock
    if held is not None and held.state(snapshot) == "compliance":
        longer = wanted.compliance and wanted.expires(snapshot) >= held.expires(snapshot)
        if not longer or cool_off_hours is not None:
            text = f"Snapshot {snapshot.id} is locked in compliance mode: its lock can only be extended."
            raise EC2ClientError("OperationNotPermitted", text)
    snapshot.lock = wanted
    return wanted


def unlock(snapshot: TimedSnapshot) -> None:
    """Takes the lock off; refused in compliance mode once the cooling-off period is over."""
    state = None if snapshot.lock is None else snapshot.lock.state(snapshot)
    if state is None or state == "expired":
        raise EC2ClientError("IncorrectState", f"Snapshot {snapshot.id} is not locked.")
    if state == "compliance":
        text = f"Snapshot {snapshot.id} is locked in compliance mode and cannot be unlocked."
        raise EC2ClientError("OperationNotPermitted", text)
    snapshot.lock = None


def deletable(snapshot: TimedSnapshot) -> None:
    """Refuses the deletion of a locked snapshot."""
    if snapshot.lock is not None and snapshot.lock.holds(snapshot):
        until = snapshot.lock.expires(snapshot).strftime("%Y-%m-%dT%H:%M:%SZ")
        text = f"Snapshot {snapshot.id} is locked until {until} and cannot be deleted."
        raise EC2ClientError("OperationNotPermitted", text)
