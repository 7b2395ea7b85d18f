"""The sheet on which a plan's steps are written, and the single steps that follow the first snapshot."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec

from app.model import Step
from providers.aws import arns, permissions
from providers.aws.routes import Disk, Route
from providers.aws.settings import Settings

CONFIG = "config"
"""Key of the item that holds an instance's configuration."""

LOOKS = "nothing to undo: it only looks"
READS = "nothing to undo: it only reads"
_EVIDENCE = "kept in the forensics account: it is the evidence"


class Sheet:
    """The steps so far, and each kind of step that may follow.

    ``maker``: volume id -> the step that made the snapshot which the next step works on; ``place``: account and
    region where that snapshot is.
    """

    def __init__(
        self,
        settings: Settings,
        account: str,
        region: str,
        disks: Sequence[Disk],
        route: Route,
        lock_days: int,
    ) -> None:
        self.steps: list[Step] = []
        self.settings = settings
        self.account, self.region = account, region
        self.forensics = settings.aws.forensics_account
        self.disks = disks
        self.route = route
        self.lock_days = lock_days
        self.maker: dict[str, str] = {}
        self.place = (account, region)

    def lock(self, disk: Disk, account: str, region: str) -> None:
        days = f"{self.lock_days} day{'s' if self.lock_days != 1 else ''}"
        what = "copy" if self.route.copies else "snapshot"
        self.put(
            title=f"Lock the {what}{self.of(disk)} for {days}",
            kind="act",
            effect="modify",
            call="ec2:LockSnapshot",
            resource=self.what(disk),
            undo=f"kept: the lock ends by itself after {days}",
            op="snapshot.lock",
            account=account,
            region=region,
            lease=f"{account}/modify",
            of=self.maker[disk.id],
            permissions=permissions.lock(region),
            params=self.params(disk, days=self.lock_days),
        )

    def reencrypt(self, disk: Disk) -> str:
        assert disk.key is not None
        key = self.route.reencrypted[disk.id]
        return self.put(
            title=f"Copy the snapshot{self.of(disk)} under the evidence key of its account",
            kind="act",
            effect="collect",
            call="ec2:CopySnapshot",
            resource=self.what(disk),
            undo="",
            op="snapshot.copy",
            lease=self.lease("collect"),
            of=self.maker[disk.id],
            permissions=(
                *permissions.copy(
                    owner=self.account,
                    parents=[arns.volume(self.region, self.account, disk.id)],
                    source_region=self.region,
                    source_key=disk.key.arn,
                    region=self.region,
                    key=key,
                ),
                permissions.LOOK,
            ),
            params=self.params(disk, key=key, transport=True, source_region=self.region),
        )

    def share(self, disk: Disk) -> str:
        return self.put(
            title=f"Share the {self._shared(disk)}{self.of(disk)} with the forensics account",
            kind="act",
            effect="share",
            call="ec2:ModifySnapshotAttribute",
            resource=self.what(disk),
            undo="",
            op="snapshot.share",
            lease=self.lease("share"),
            of=self.maker[disk.id],
            permissions=permissions.share(self.region, self.forensics),
            params=self.params(disk, **{"with": self.forensics}),
        )

    def copy(self, disk: Disk) -> str:
        route = self.route
        source = route.reencrypted.get(disk.id) or (disk.key.arn if disk.key else None)
        # A copy names no parent volume. With one such source, the owner alone has to say what may be copied;
        # a second, narrower statement beside it would allow nothing more.
        parents = [] if route.reencrypted else [arns.volume(self.region, self.account, disk.id)]
        place = f"the forensics account{_to(self.region, route.region)}"
        return self.put(
            title=f"Copy the shared snapshot{self.of(disk)} into {place}",
            kind="act",
            effect="collect",
            call="ec2:CopySnapshot",
            resource=self.what(disk),
            undo=_EVIDENCE,
            op="snapshot.copy",
            account=self.forensics,
            region=route.region,
            lease=f"{self.forensics}/collect",
            of=self.maker[disk.id],
            permissions=(
                *permissions.copy(
                    owner=self.account,
                    parents=parents,
                    source_region=self.region,
                    source_key=source,
                    region=route.region,
                    key=route.key,
                ),
                permissions.LOOK,
            ),
            params=self.params(disk, key=route.key, source_region=self.region, owner=self.account),
        )

    def wait(self, disk: Disk, what: str, where: str = "") -> None:
        account, region = self.place
        self.put(
            title=f"Wait until {what}{self.of(disk)}{where} is complete",
            kind="wait",
            effect="observe",
            call="ec2:DescribeSnapshots",
            resource=self.what(disk),
            undo=LOOKS,
            account=account,
            region=region,
            lease=f"{account}/observe",
            of=self.maker[disk.id],
            permissions=(permissions.LOOK,),
            params=self.params(disk),
        )

    def unshare(self, disk: Disk, share: str, maker: str) -> None:
        of = f" of the {self._shared(disk)}{self.of(disk)}" if self.of(disk) else ""
        number = self.put(
            title=f"Take the share{of} back",
            kind="act",
            effect="share",
            call="ec2:ModifySnapshotAttribute",
            resource=self.steps[int(share) - 1].resource,
            undo=f"nothing to undo: it takes back step {share}",
            op="snapshot.unshare",
            lease=self.lease("share"),
            undoes=share,
            permissions=permissions.share(self.region, self.forensics, back=True),
            params={**facts(disk), "snapshot_step": maker, "with": self.forensics},
        )
        self._says(share, f"unshared in step {number}")

    def delete(self, disk: Disk, maker: str) -> None:
        number = self.put(
            title=f"Delete the re-encrypted copy{self.of(disk)}",
            kind="act",
            effect="destroy",
            call="ec2:DeleteSnapshot",
            resource=f"the re-encrypted copy of {disk.id}",
            undo="cannot be undone: it was made for transport alone, the original stays",
            op="snapshot.delete",
            lease=self.lease("destroy"),
            undoes=maker,
            permissions=permissions.delete(self.region),
            params={**facts(disk), "snapshot_step": maker},
        )
        self._says(maker, f"deleted in step {number}")

    # -- parts -------------------------------------------------------------------------------------

    def put(self, **fields: Any) -> str:
        number = str(len(self.steps) + 1)
        place = {"account": self.account, "region": self.region}
        self.steps.append(Step(id=number, **(place | fields)))
        return number

    def _says(self, number: str, undo: str) -> None:
        index = int(number) - 1
        self.steps[index] = msgspec.structs.replace(self.steps[index], undo=undo)

    def local(self, title: str, kind: str, call: str, undo: str, item: str) -> None:
        self.put(
            title=title,
            kind=kind,
            effect="observe",
            call=call,
            account="",
            region="",
            resource="data/disk.raw" if item != CONFIG else "data",
            undo=undo,
            op="evidence.seal" if kind == "seal" else "",
            item=item,
        )

    def lease(self, effect: str) -> str:
        return f"{self.account}/{effect}"

    def what(self, disk: Disk) -> str:
        maker = self.steps[int(self.maker[disk.id]) - 1]
        if maker.call != "ec2:CopySnapshot":
            return f"the snapshot of {disk.id}"
        return f"the {'re-encrypted' if 'transport' in maker.params else 'evidence'} copy of {disk.id}"

    def _shared(self, disk: Disk) -> str:
        return "re-encrypted copy" if disk.id in self.route.reencrypted else "snapshot"

    def of(self, disk: Disk) -> str:
        """ " of vol-…" where there are several disks to tell apart."""
        return f" of {disk.id}" if len(self.disks) > 1 else ""

    def params(self, disk: Disk, **more: Any) -> dict[str, Any]:
        return {**facts(disk), "snapshot_step": self.maker[disk.id], **more}


def facts(disk: Disk) -> dict[str, Any]:
    return {"volume_id": disk.id, "size_bytes": disk.bytes, "block_size": arns.BLOCK_SIZE}


def _to(source: str, destination: str) -> str:
    return "" if source == destination else f" in {destination}"
