"""What an examiner should know before approving: dangers to the source, limits of the evidence, costs."""

from __future__ import annotations

from collections.abc import Sequence

from app.model import PlanWarning, Resource, Step
from app.text import visible
from providers.aws import arns
from providers.aws.estimate import copying, hours
from providers.aws.look import Holder, Profile
from providers.aws.routes import Disk, Route

_NAMED_AT_MOST = 12


def of_plan(
    account: str,
    region: str,
    forensics: str,
    disks: Sequence[Disk],
    route: Route,
    steps: Sequence[Step],
    lock_days: int,
) -> list[PlanWarning]:
    """What follows from the route and the keys."""
    found = [_said("visible", _seen_by(account, forensics, route, disks))]
    found += [
        _said("key-unknown", f"{text}; if AWS refuses it, the acquisition stops there and says so")
        for text in route.doubts
    ]
    found += [warning for disk in disks if (warning := _encryption(disk, account, route)) is not None]
    if route.copies:
        found.append(_window(steps, forensics, disks))
        if route.region != region:
            found.append(
                _said(
                    "cross-region",
                    f"the copy crosses from {region} to {route.region}: evidence leaves the region (see what law "
                    "and contracts say), it takes longer, and AWS bills the transfer between regions",
                )
            )
        anew = [disk for disk in disks if disk.id in route.reencrypted]
        if anew:
            total = sum(disk.bytes for disk in anew)
            found.append(
                _said(
                    "re-encrypted",
                    f"{_names(anew)}: encrypting anew makes a full copy, not an incremental one: roughly "
                    f"{hours(copying(max(disk.bytes for disk in anew)))} more, and up to {total // arns.GIB} GiB "
                    "of snapshot storage billed until it is deleted at the end",
                )
            )
    if lock_days:
        where = forensics if route.copies else account
        found.append(
            _said(
                "lock",
                f"the lock is in governance mode for {lock_days} days: it can be ended early only by principals "
                f"of account {where} that are allowed ec2:UnlockSnapshot; storage is billed as long as it "
                "is kept, and jumpbag neither unlocks nor deletes it",
            )
        )
    if route.downloads:
        found.append(
            _said(
                "upper-bound",
                "the bytes are the size of the disks, an upper bound: blocks never written are not read",
            )
        )
    return found


def of_source(holder: Holder | None, disks: Sequence[Disk], *, whole: bool) -> list[PlanWarning]:
    """What could end the source, and what a snapshot of it does not hold."""
    found: list[PlanWarning] = []
    if holder is not None:
        found += _consistency(holder, whole=whole)
        found += _dangers(holder)
    dying = [disk for disk in disks if disk.volume.attributes.get("delete_on_termination") == "true"]
    found += [
        _said(
            "delete-on-termination",
            f"{disk.id} is deleted when its instance is terminated; the snapshot stays",
        )
        for disk in dying
    ]
    return found


def left_out(volumes: Sequence[Resource]) -> list[PlanWarning]:
    """Volumes of the instance that are not taken, by name and with the reason."""
    return [
        _said("left-out", f"{volume.id} is left out: {volume.reason}") for volume in volumes[:_NAMED_AT_MOST]
    ] + (
        [_said("left-out", f"{_list([v.id for v in volumes[_NAMED_AT_MOST:]])} are left out likewise")]
        if len(volumes) > _NAMED_AT_MOST
        else []
    )


def of_profile(profile: Profile) -> list[PlanWarning]:
    """What of the instance's permissions is not collected."""
    if not profile.unread:
        return []
    return [
        _said(
            "profile-unread",
            f"the instance profile and its policies are not collected, for they cannot be read: {profile.unread}",
        )
    ]


def _seen_by(account: str, forensics: str, route: Route, disks: Sequence[Disk]) -> str:
    several = len(disks) > 1
    if route.copies:
        what = "the snapshots and their" if several else "the snapshot and its"
        return (
            f"{what} sharing show in CloudTrail to whoever watches account {account}, intruders included, and "
            f"with that the number of the forensics account {forensics}"
        )
    what = "the snapshots show" if several else "the snapshot shows"
    return f"{what} in CloudTrail to whoever watches account {account}, intruders included"


def _window(steps: Sequence[Step], forensics: str, disks: Sequence[Disk]) -> PlanWarning:
    shared = [step.id for step in steps if step.op == "snapshot.share"]
    back = [step.id for step in steps if step.op == "snapshot.unshare"]
    return _said(
        "shared-window",
        f"from step {shared[0]} to step {back[-1]} whoever may do so in account {forensics} can copy the shared "
        f"snapshot{'s' if len(disks) > 1 else ''} too; a copy made meanwhile stays after the share is taken back",
    )


def _encryption(disk: Disk, account: str, route: Route) -> PlanWarning | None:
    key = disk.key
    if key is None:
        return None
    reads = " reading it needs kms:Decrypt on that key;" if route.downloads and not route.copies else ""
    if not key.usable:
        return _said(
            "key-out-of-use",
            f"{disk.id} is encrypted under {key}, which is in the state {key.state}: while that is so its "
            "snapshot may fail, and cannot be read",
        )
    if disk.default_key:
        return _said(
            "encrypted-default",
            f"{disk.id} is encrypted under the default aws/ebs key: readable in account {account}, but a snapshot "
            "under that key cannot be shared with another account",
        )
    if key.manager == "CUSTOMER":
        lost = "the original is" if route.copies else "the snapshot is"
        return _said(
            "encrypted-customer",
            f"{disk.id} is encrypted under the customer key {visible(key.arn, cap=120)};{reads} {lost} lost with "
            "the key",
        )
    return _said(
        "encrypted-unknown",
        f"{disk.id} is encrypted under {visible(key.arn, cap=120)};{reads} whether that is the default aws/ebs "
        f"key could not be read ({key.unread})",
    )


def _consistency(holder: Holder, *, whole: bool) -> list[PlanWarning]:
    found = []
    attributes = holder.resource.attributes
    name, state = visible(holder.resource.name, cap=60), attributes.get("state", "unknown")
    if state not in ("stopped", "terminated"):
        what = (
            "all disks are taken at one point in time and are crash-consistent"
            if whole
            else "the image is crash-consistent"
        )
        found.append(
            _said(
                "crash-consistent",
                f"{name} is {visible(state)}: {what}, as after a power cut; what its memory had not yet written "
                "is not in it",
            )
        )
    store = attributes.get("instance_store")
    if store:
        has = "has" if store == "yes" else "may have, by its type,"
        found.append(
            _said(
                "instance-store",
                f"{name} ({visible(attributes.get('type', '?'))}) {has} instance store volumes: they are in no "
                "snapshot, and lost when it stops",
            )
        )
    return found


def _dangers(holder: Holder) -> list[PlanWarning]:
    attributes = holder.resource.attributes
    if attributes.get("state") == "terminated":
        return []
    name = visible(holder.resource.name, cap=60)
    found = []
    if group := attributes.get("autoscaling_group"):
        found.append(
            _said(
                "auto-scaling",
                f"{name} is in the Auto Scaling group {visible(group, cap=80)}, which may terminate it at any "
                "time (stopping or isolating it makes it unhealthy): have it put into standby first",
            )
        )
    if attributes.get("lifecycle") == "spot":
        found.append(_said("spot", f"{name} is a Spot instance: EC2 may take it back with two minutes' notice"))
    if holder.stops == "terminate":
        found.append(
            _said("shutdown-terminates", f"{name} is terminated, not stopped, when it is shut down from inside")
        )
    if holder.protected is False:
        found.append(_said("termination-unprotected", f"{name} has no termination protection: one call ends it"))
    if holder.stops is None or holder.protected is None:
        found.append(
            _said(
                "termination-unknown",
                f"what a shutdown of {name} does, and whether its termination is blocked, could not be read",
            )
        )
    return found


def _names(disks: Sequence[Disk]) -> str:
    return _list([disk.id for disk in disks])


def _list(ids: Sequence[str]) -> str:
    more = f" and {len(ids) - _NAMED_AT_MOST} more" if len(ids) > _NAMED_AT_MOST else ""
    return ", ".join(ids[:_NAMED_AT_MOST]) + more


def _said(code: str, text: str) -> PlanWarning:
    return PlanWarning(code=code, text=text)
