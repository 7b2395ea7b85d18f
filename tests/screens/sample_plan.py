"""Plans as the planner would make them: of a disk by each route, and of an instance with three disks."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, cast

from app.model import (
    Cost,
    Effect,
    Estimate,
    ItemSpec,
    LeaseSpec,
    Permission,
    Plan,
    PlanWarning,
    Step,
    StepKind,
    Target,
    TransferSpec,
)
from tests.screens.seed import GIB, HOME, PAYMENTS, REGION, ROLE, WEB, XVDA, XVDF

XVDG = "vol-0b0c5e7d9f1a3b5c7"
CLAMPED = "clamped to 3,600 s: the base identity is itself a role"
WHY = {
    "copy": "its key is the account's default aws/ebs key, which cannot be shared",
    "direct": "the snapshot can be read in its own account",
    "preserve": "a snapshot is kept in the account; nothing is downloaded",
}


@dataclass(frozen=True)
class Disk:
    """A disk to acquire; ``default_key``: it has to be encrypted anew before it can be shared."""

    volume: str
    device: str
    gib: int
    default_key: bool = False

    @property
    def item(self) -> ItemSpec:
        shape = TransferSpec(size_bytes=self.gib * GIB, block_size=512 * 1024)
        return ItemSpec(
            key=self.volume, kind="disk", source=self.volume, name=f"web-01:{self.device}", shape=shape
        )


DISKS = (Disk(XVDA, "/dev/xvda", 8, default_key=True), Disk(XVDF, "/dev/xvdf", 50), Disk(XVDG, "/dev/xvdg", 20))
CONFIG = ItemSpec(key="config", kind="config", source=WEB, name="web-01")


@dataclass
class Steps:
    """The steps of one plan, numbered as they are added."""

    route: str
    lock: int
    made: list[Step] = field(default_factory=list)

    def add(self, kind: str, title: str, call: str, effect: str, account: str, undo: str = "", **more: Any) -> str:
        number = str(len(self.made) + 1)
        local = call.startswith("local:")
        self.made.append(
            Step(
                id=number,
                title=title,
                kind=cast(StepKind, kind),
                effect=cast(Effect, effect),
                call=call,
                account="" if local else account,
                region="" if local else REGION,
                resource=more.get("params", {}).get("volume_id", WEB),
                undo=undo,
                lease="" if local else f"{account}/{effect}",
                permissions=() if local else (_needed(call),),
                **more,
            )
        )
        return number

    def on(self, disk: Disk, kind: str, title: str, call: str, effect: str, account: str, **more: Any) -> str:
        more = {"params": {"volume_id": disk.volume, **more.pop("params", {})}, **more}
        return self.add(kind, title, call, effect, account, **more)

    def way(self, disks: Sequence[Disk], create: str) -> None:
        """From the snapshots to what is read, stage by stage."""
        for disk in disks:
            self.on(disk, "wait", "wait until complete", "ec2:DescribeSnapshots", "observe", PAYMENTS, of=create)
        if self.route == "direct":
            self.locked(disks, {disk.volume: create for disk in disks}, PAYMENTS)
            return
        made = {disk.volume: create for disk in disks}
        again = [disk for disk in disks if disk.default_key]
        for disk in again:
            made[disk.volume] = self.on(
                disk, "act", "re-encrypt under a shareable key", "ec2:CopySnapshot", "collect", PAYMENTS, of=create
            )
        for disk in again:
            self.on(
                disk, "wait", "wait for it", "ec2:DescribeSnapshots", "observe", PAYMENTS, of=made[disk.volume]
            )
        shared = {
            disk.volume: self.on(
                disk, "act", "share with the forensics account", "ec2:ModifySnapshotAttribute", "share", PAYMENTS
            )
            for disk in disks
        }
        copied = {
            disk.volume: self.on(
                disk, "act", "copy under the forensics key", "ec2:CopySnapshot", "collect", HOME,
                undo="kept (evidence original)",
            )
            for disk in disks
        }  # fmt: skip
        self.locked(disks, copied, HOME)
        for disk in disks:
            self.on(disk, "wait", "wait for the copy", "ec2:DescribeSnapshots", "observe", HOME)
        for disk in disks:
            self.on(disk, "act", "unshare", "ec2:ModifySnapshotAttribute", "share", PAYMENTS,
                    undoes=shared[disk.volume])  # fmt: skip
        for disk in again:
            self.on(disk, "act", "delete the copy on the way", "ec2:DeleteSnapshot", "destroy", PAYMENTS,
                    undo="cannot be taken back: it exists for transport only",
                    undoes=made[disk.volume])  # fmt: skip

    def locked(self, disks: Sequence[Disk], made: dict[str, str], account: str) -> None:
        for disk in disks if self.lock else ():
            self.on(disk, "act", "lock the snapshot", "ec2:LockSnapshot", "modify", account, op="snapshot.lock",
                    of=made[disk.volume], params={"days": self.lock})  # fmt: skip

    def image(self, disk: Disk) -> None:
        account = PAYMENTS if self.route == "direct" else HOME
        for kind, title, call in (
            ("download", "download the blocks", "ebs:GetSnapshotBlock"),
            ("hash", "hash the whole image", "local:sha256"),
            ("seal", "seal the evidence bag", "local:bagit"),
        ):
            self.on(disk, kind, title, call, "observe", account, item=disk.volume)


def _needed(call: str) -> Permission:
    return Permission(actions=(call,), resources=(f"arn:aws:ec2:{REGION}:{PAYMENTS}:volume/{XVDA}",))


def _leases(steps: Sequence[Step]) -> tuple[LeaseSpec, ...]:
    """One for each account and effect, the reading one long enough to be renewed."""
    policy = json.dumps(
        {
            "Version": "2012-10-17",
            "Statement": [
                {
                    "Effect": "Allow",
                    "Action": ["ec2:CreateSnapshot"],
                    "Resource": [f"arn:aws:ec2:{REGION}:{PAYMENTS}:volume/{XVDA}"],
                }
            ],
        },
        separators=(",", ":"),
    )
    return tuple(
        LeaseSpec(
            key=key,
            cloud="aws",
            account=key.split("/")[0],
            role=ROLE,
            effect=cast(Effect, key.split("/")[1]),
            steps=tuple(step.id for step in steps if step.lease == key),
            policy=policy,
            policy_bytes=len(policy),
            seconds=3600,
            renewals=1 if key == f"{HOME}/observe" else 0,
            note=CLAMPED,
        )
        for key in dict.fromkeys(step.lease for step in steps if step.lease)
    )


def _cost(route: str, gib: int) -> Cost:
    """By the GiB: 2,048 blocks at $0.000003, and $0.05 a month for each snapshot and copy; 8 GiB are made anew."""
    return Cost(
        reading=0 if route == "preserve" else gib * 6144 + 2,
        crossing=0,
        passing=14_286 if route == "copy" else 0,
        monthly=gib * 50_000 * (2 if route == "copy" else 1),
        prices="list prices of us-east-1 (2025)",
        uncounted=() if route == "preserve" else (f"traffic out of {REGION}", "KMS requests"),
    )


def _plan(kind: str, target: Target, route: str, steps: list[Step], items: tuple[ItemSpec, ...], gib: int) -> Plan:
    return Plan(
        kind=cast(Any, kind),
        route=cast(Any, route),
        why=WHY[route],
        steps=tuple(steps),
        leases=_leases(steps),
        target=target,
        estimate=Estimate(bytes=0 if route == "preserve" else gib * GIB, seconds=840, cost=_cost(route, gib)),
        warnings=(
            PlanWarning(code="visible", text="an attacker in payments-prod can see CreateSnapshot in CloudTrail"),
            PlanWarning(code="instance-store", text="instance store /dev/nvme1n1 is not in any snapshot"),
        ),
        items=items,
    )


def plan(route: str = "copy", lock: int = 0) -> Plan:
    """A disk under the default key: encrypted anew, shared, copied and cleaned up again; or read directly."""
    disk = DISKS[0]
    steps = Steps("direct" if route == "preserve" else route, lock)
    steps.on(
        disk, "rehearse", "ask whether a snapshot may be made", "ec2:CreateSnapshot", "observe", PAYMENTS, of="2"
    )
    create = steps.on(
        disk, "act", "snapshot the volume", "ec2:CreateSnapshot", "collect", PAYMENTS, undo="kept (original)"
    )
    steps.way((disk,), create)
    if route != "preserve":
        steps.image(disk)
    target = Target(
        cloud="aws",
        account=PAYMENTS,
        account_name="payments-prod",
        region=REGION,
        id=XVDA,
        name="web-01:/dev/xvda",
        size_bytes=8 * GIB,
        attached_to="web-01 /dev/xvda",
    )
    return _plan("disk", target, route, steps.made, () if route == "preserve" else (disk.item,), 8)


def instance_plan(route: str = "copy", lock: int = 0) -> Plan:
    """web-01 with three disks, one of them under the default key: 31 steps by the route copy."""
    steps = Steps("direct" if route == "preserve" else route, lock)
    steps.add("rehearse", "ask whether snapshots may be made", "ec2:CreateSnapshots", "observe", PAYMENTS, of="2")
    create = steps.add(
        "act", "snapshot all disks at one point in time", "ec2:CreateSnapshots", "collect", PAYMENTS,
        undo="kept (originals)",
    )  # fmt: skip
    steps.add("collect", "store what describes it", "ec2:DescribeInstances", "observe", PAYMENTS, item="config")
    steps.add("seal", "seal the evidence bag", "local:bagit", "observe", PAYMENTS, item="config")
    steps.way(DISKS, create)
    items: tuple[ItemSpec, ...] = (CONFIG,)
    if route != "preserve":
        for disk in DISKS:
            steps.image(disk)
        items += tuple(disk.item for disk in DISKS)
    size = sum(disk.gib for disk in DISKS)
    target = Target(
        cloud="aws",
        account=PAYMENTS,
        account_name="payments-prod",
        region=REGION,
        id=WEB,
        name="web-01",
        size_bytes=size * GIB,
    )
    return _plan("instance", target, route, steps.made, items, size)
