"""A provider on a small embedded cloud, and steps by hand: what the acts do against rules, not scripts."""

from __future__ import annotations

import asyncio
import json
import tomllib
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from app.clock import SystemClock
from app.model import Step
from app.ports import Grant, LeaseRequest, Made, Part, Provider, Scope, StepContext
from providers.aws.plugin import open_provider
from providers.emulators.aws.identities import Role, User
from providers.emulators.range import Range
from tests.emulators.clients import Clients
from tests.emulators.packs import instance, volume, write_image, write_pack

FORENSICS, SOURCE = "111111111111", "222222222222"
REGION, ELSEWHERE = "eu-west-1", "eu-central-1"
CASE = "IR-42"
WIDE = "jumpbag-wide"
EVERYTHING: dict[str, Any] = {
    "Version": "2012-10-17",
    "Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}],
}
OFF: dict[str, Any] = {
    "throttle": 0.0,
    "drop_connections": 0.0,
    "deny": [],
    "fail_copies_at": None,
    "disabled_keys": [],
}
USER_DATA = "#!/bin/sh\nexec shop\n"


def write_ground(folder: Path) -> Path:
    """Small raw disks, one instance for each kind of key, one with three disks, one in another region."""
    folder.mkdir(parents=True)
    write_image(folder / "disk.raw", {0: b"boot", 3: b"evidence"}, 8 * 524288)

    def disk(device: str = "/dev/xvda", **keys: Any) -> dict[str, Any]:
        return volume(device, image="disk.raw", **keys)

    tags: dict[str, Any] = {"tags": {"Forensics": "Enabled"}}
    return write_pack(
        folder,
        speed=200000.0,
        accounts=[
            {"id": FORENSICS, "name": "forensics", "forensics": True},
            {"id": SOURCE, "name": "payments"},
        ],
        instances=[
            instance("plain", disk(), **tags),
            instance("customer", disk(kms="customer"), **tags),
            instance("default", disk(kms="default"), **tags),
            instance(
                "triple",
                disk(),
                disk("/dev/sdf", kms="customer"),
                disk("/dev/sdg", kms="default"),
                profile="web",
                user_data=USER_DATA,
                **tags,
            ),
            instance("far", disk(), **{**tags, "region": ELSEWHERE}),
        ],
    )


class QuickClock(SystemClock):
    """The machine's clock; what the provider waits between two tries is cut short."""

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds / 100)


@dataclass
class Ground:
    """The provider under a role that may do everything, so that what is refused is refused by a rule."""

    provider: Provider
    embedded: Range
    used: list[tuple[str, str]]
    outputs: dict[str, dict[str, Any]] = field(default_factory=dict)
    acquisition: str = "A-0001"
    begun: datetime = field(default_factory=lambda: datetime.now(UTC))
    _leases: dict[str, Grant] = field(default_factory=dict)

    async def lease(self, account: str) -> Grant:
        if account not in self._leases:
            self._leases[account] = await self.provider.identity.issue(
                LeaseRequest(
                    lease=f"L-{account}",
                    account=account,
                    role=self.provider.identity.role(account),
                    policy=json.dumps(EVERYTHING, separators=(",", ":")),
                    seconds=3600,
                )
            )
        return self._leases[account]

    def context(self, head: str = "") -> StepContext:
        heads = {f"{number:064x}": self.begun for number in range(40)}
        return StepContext(case=CASE, acquisition=self.acquisition, head=head, outputs=self.outputs, heads=heads)

    async def find(self, step: Step) -> Made | None:
        return await self.provider.actuator.find(step, self.context(), await self.lease(step.account))

    async def act(self, step: Step) -> Made:
        """Looked for, then performed, as the engine does; the output is there for later steps."""
        made = await self.find(step)
        if made is None:
            head = f"{int(step.id):064x}"
            made = await self.provider.actuator.perform(step, self.context(head), await self.lease(step.account))
        self.outputs[step.id] = made.output
        return made

    async def wait(self, step: Step) -> Made:
        seen = 0
        async with asyncio.timeout(40):
            while True:
                percent, made = await self.provider.actuator.probe(
                    step, self.context(), await self.lease(step.account)
                )
                assert seen <= percent <= 100
                seen = percent
                if made is not None:
                    assert percent == 100
                    return made
                await asyncio.sleep(0.02)

    async def collect(self, step: Step) -> dict[str, Part]:
        grant = await self.lease(step.account)
        parts = [one async for one in self.provider.collector.collect(step, self.context(), lambda: grant)]
        assert len({one.name for one in parts}) == len(parts)
        return {one.name: one for one in parts}

    async def calls(self, action: str) -> list[dict[str, Any]]:
        state = await asyncio.to_thread(self.embedded.state)
        return [one for one in state["calls"] if one["action"] == action]

    async def faults(self, **faults: Any) -> None:
        await asyncio.to_thread(lambda: self.embedded.faults(**faults))

    async def ec2(self, operation: str, account: str = SOURCE, region: str = REGION, **parameters: Any) -> Any:
        """A call by somebody else, who may do everything in that account."""
        assert self.embedded.aws is not None
        user = self.embedded.aws.world.identities.add_user(User(account, "admin", (EVERYTHING,)))
        keys = {"AccessKeyId": user.access_key, "SecretAccessKey": user.secret}
        client = Clients(self.embedded)("ec2", keys, region)
        return await asyncio.to_thread(lambda: getattr(client, operation)(**parameters))

    async def instance(self, name: str, region: str = REGION) -> tuple[str, list[str]]:
        """Its id and those of its volumes, in order of their devices."""
        found = await self.ec2(
            "describe_instances", region=region, Filters=[{"Name": "tag:Name", "Values": [name]}]
        )
        one = found["Reservations"][0]["Instances"][0]
        disks = sorted(one["BlockDeviceMappings"], key=lambda mapping: str(mapping["DeviceName"] != "/dev/xvda"))
        return one["InstanceId"], [mapping["Ebs"]["VolumeId"] for mapping in disks]

    def key(self, account: str, kind: str, region: str = REGION) -> str:
        assert self.embedded.aws is not None
        found = self.embedded.aws.world.key(account, region, kind)
        assert found is not None
        return str(found.arn)


def open_ground(embedded: Range) -> Ground:
    """The caller closes the provider."""
    assert embedded.aws is not None
    world = embedded.aws.world
    door = world.identities.role(f"arn:aws:iam::{SOURCE}:role/jumpbag-collect")
    assert door is not None
    for account in (FORENSICS, SOURCE):
        world.identities.add_role(Role(account, WIDE, door.trust, (EVERYTHING,), 14400))
    used: list[tuple[str, str]] = []
    table = tomllib.loads(embedded.config_path.read_text("utf-8"))["aws"]

    async def pace(_account: str, _service: str) -> None:
        return None

    scope = Scope(
        case=CASE,
        examiner="ex-07",
        clock=QuickClock(),
        pace=pace,
        used=lambda lease, action: used.append((lease, action)),
    )
    return Ground(open_provider(table | {"role": WIDE}, scope), embedded, used)


def step(number: int, call: str, **keys: Any) -> Step:
    """A step by hand; what is no field of it is a parameter."""
    named = ("account", "region", "kind", "op", "undoes")
    fields: dict[str, Any] = {"kind": "act", "account": SOURCE, "region": REGION}
    fields |= {name: keys.pop(name) for name in named if name in keys}
    volume_id = keys.pop("volume_id", None)
    facts = {"volume_id": volume_id, "size_bytes": 1 << 30, "block_size": 524288} if volume_id else {}
    return Step(
        id=str(number),
        title="t",
        effect="observe",
        call=call,
        resource=volume_id or "several",
        undo="none",
        params=facts | keys,
        **fields,
    )


def create(volume: str, **keys: str) -> Step:
    return step(1, "ec2:CreateSnapshot", volume_id=volume, **keys)


def wait(number: int, of: int, volume: str | None = None, **keys: str) -> Step:
    return step(number, "ec2:DescribeSnapshots", kind="wait", volume_id=volume, snapshot_step=str(of), **keys)


def share(number: int, of: int, volume: str) -> Step:
    return step(
        number,
        "ec2:ModifySnapshotAttribute",
        op="snapshot.share",
        volume_id=volume,
        snapshot_step=str(of),
        **{"with": FORENSICS},
    )


def unshare(number: int, of: int, volume: str, undoes: int) -> Step:
    return step(
        number,
        "ec2:ModifySnapshotAttribute",
        op="snapshot.unshare",
        undoes=str(undoes),
        volume_id=volume,
        snapshot_step=str(of),
        **{"with": FORENSICS},
    )


def copied(number: int, of: int, volume: str, key: str, region: str = REGION) -> Step:
    return step(
        number,
        "ec2:CopySnapshot",
        account=FORENSICS,
        region=region,
        op="snapshot.copy",
        volume_id=volume,
        snapshot_step=str(of),
        key=key,
        source_region=REGION,
        owner=SOURCE,
    )


def transport(number: int, of: int, volume: str, key: str) -> Step:
    return step(
        number,
        "ec2:CopySnapshot",
        op="snapshot.copy",
        volume_id=volume,
        snapshot_step=str(of),
        key=key,
        source_region=REGION,
        transport=True,
    )


def delete(number: int, of: int, volume: str) -> Step:
    return step(number, "ec2:DeleteSnapshot", volume_id=volume, snapshot_step=str(of), undoes=str(of))


def create_all(instance: str, volumes: list[str], **keys: object) -> Step:
    return step(1, "ec2:CreateSnapshots", instance_id=instance, volume_ids=volumes, **keys)
