"""From a route to the ordered steps of a plan, each with its call, its permissions and its undo."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from app.model import Permission, Step
from providers.aws import arns, leases, permissions
from providers.aws.look import Holder, Profile
from providers.aws.routes import Disk, Route
from providers.aws.settings import Settings
from providers.aws.sheet import CONFIG, LOOKS, READS, Sheet, facts

_ORIGINAL = "kept: it is the original"


@dataclass(frozen=True, slots=True)
class Whole:
    """An instance as a target; ``left`` are its volumes that are not taken."""

    holder: Holder
    profile: Profile
    left: tuple[str, ...]


def build(
    settings: Settings,
    account: str,
    region: str,
    disks: Sequence[Disk],
    route: Route,
    lock_days: int,
    whole: Whole | None = None,
) -> tuple[Step, ...]:
    """All steps in order, over leases whose policies fit."""
    building = _Building(settings, account, region, disks, route, lock_days)
    building.snapshots(whole)
    if route.copies:
        building.copies()
    elif lock_days:
        for disk in disks:
            building.lock(disk, account, region)
    if route.downloads:
        for disk in disks:
            building.download(disk)
    return leases.fitted(building.steps)


class _Building(Sheet):
    """The stages of a plan."""

    def snapshots(self, whole: Whole | None) -> None:
        """The originals, rehearsed first; with an instance, its configuration while they are made."""
        ids = [disk.id for disk in self.disks]
        if whole is None:
            disk = self.disks[0]
            subject, title, call = disk.id, f"Snapshot {disk.id}", "CreateSnapshot"
            needed = permissions.create(self.settings, self.account, self.region, disk.id)
            params = facts(disk)
        else:
            holder = whole.holder
            subject, call = holder.resource.id, "CreateSnapshots"
            title = f"Snapshot {_count(ids, 'disk')} of {subject} at one point in time"
            needed = permissions.create_all(self.settings, self.account, self.region, subject, ids)
            params = {
                "instance_id": subject,
                "volume_ids": ids,
                "boot": holder.root in ids or not holder.root,
                "excluded": [volume for volume in whole.left if volume != holder.root],
            }
        making = {"resource": subject, "call": f"ec2:{call}", "lease": self.lease("collect"), "params": params}
        self.put(
            title=f"Ask AWS whether {call} would be allowed",
            kind="rehearse",
            effect="observe",
            undo="nothing to undo: AWS only answers",
            of="2",
            permissions=needed,
            **making,
        )
        made = self.put(
            title=title,
            kind="act",
            effect="collect",
            undo=_ORIGINAL,
            op="snapshot.create",
            permissions=(*needed, permissions.LOOK),
            **making,
        )
        self.maker = dict.fromkeys(ids, made)
        if whole is None:
            self.wait(self.disks[0], "the snapshot")
            return
        self._configuration(whole)
        self.put(
            title=f"Wait until {'all snapshots are' if len(ids) > 1 else 'the snapshot is'} complete",
            kind="wait",
            effect="observe",
            call="ec2:DescribeSnapshots",
            resource=f"the snapshots of {subject}",
            undo=LOOKS,
            lease=self.lease("observe"),
            of=made,
            permissions=(permissions.LOOK,),
            params={"snapshot_step": made},
        )

    def copies(self) -> None:
        """Stage by stage over the disks, so that AWS copies them side by side."""
        route = self.route
        anew = [disk for disk in self.disks if disk.id in route.reencrypted]
        transports = {disk.id: self.reencrypt(disk) for disk in anew}
        self.maker |= transports
        for disk in anew:
            self.wait(disk, "the re-encrypted copy")
        shares = {disk.id: self.share(disk) for disk in self.disks}
        shared = dict(self.maker)
        self.maker = {disk.id: self.copy(disk) for disk in self.disks}
        self.place = (self.forensics, route.region)
        for disk in self.disks:
            self.wait(disk, "the copy", " in the forensics account")
        if self.lock_days:
            for disk in self.disks:
                self.lock(disk, self.forensics, route.region)
        for disk in self.disks:
            self.unshare(disk, shares[disk.id], shared[disk.id])
        for disk in anew:
            self.delete(disk, transports[disk.id])

    def download(self, disk: Disk) -> None:
        account, region = self.place
        of = self.of(disk)
        key = self.route.key if self.route.copies else disk.key.arn if disk.key else None
        self.put(
            title=f"Read {f'the blocks{of}' if of else 'its blocks'} onto the jump host",
            kind="download",
            effect="observe",
            call="ebs:GetSnapshotBlock",
            resource=self.what(disk),
            undo=READS,
            op="evidence.read",
            account=account,
            region=region,
            lease=f"{account}/observe",
            of=self.maker[disk.id],
            item=disk.id,
            permissions=permissions.read(region, key),
            params=self.params(disk),
        )
        self.local(f"Hash the whole image{of}", "hash", "local:sha256", READS, disk.id)
        self.local(f"Seal the evidence bag{of}", "seal", "local:bagit", "kept: it is the evidence", disk.id)

    def _configuration(self, whole: Whole) -> None:
        holder, profile = whole.holder, whole.profile
        params: dict[str, Any] = {
            "instance_id": holder.resource.id,
            "volume_ids": list(holder.volumes),
            "inline": bool(profile.inline),
            "policies": list(profile.policies),
        }
        params |= {"profile": profile.arn} if profile.arn else {}
        params |= {"role": profile.role} if profile.role else {}
        self.put(
            title="Collect the configuration of the instance",
            kind="collect",
            effect="observe",
            call="ec2:DescribeInstances",
            resource=holder.resource.id,
            undo=READS,
            op="config.collect",
            lease=self.lease("inspect"),
            item=CONFIG,
            permissions=self._collecting(holder.resource.id, profile),
            params=params,
        )
        self.local("Seal the configuration", "seal", "local:bagit", "kept: it is evidence", CONFIG)

    def _collecting(self, instance: str, profile: Profile) -> tuple[Permission, ...]:
        """The attached policies by name while that fits into a session policy, else every policy."""
        named = list(profile.policies)
        partition = arns.partition(self.region)
        every = [f"arn:{partition}:iam::{owner}:policy/*" for owner in (self.account, "aws")]
        for policies in (named, every):
            needed = permissions.collect(
                self.account,
                self.region,
                instance,
                profile=profile.arn,
                role=profile.role,
                inline=bool(profile.inline),
                policies=policies,
            )
            if leases.fits(needed):
                break
        return needed


def _count(things: Sequence[object], word: str) -> str:
    return f"{len(things)} {word}{'s' if len(things) != 1 else ''}"
