"""What the case of the bench holds. The same in every run: all chance comes from seeds."""

from __future__ import annotations

import random
from datetime import datetime, timedelta
from typing import Any, cast

from app.clock import stamp, stamp_us
from app.model import Account, Acquisition, Attachment, Effect, Lease, Resource, ResourceKind
from app.model.view import StepRow

MANY = 100_000
RUNNING = 20
COUNTDOWNS = 10
FILTER = "zephyr"
"""What is typed into the filter. Its first letter stands in nothing else of a resource, so that the names alone
decide what is found."""
HITS = (64_000, 16_000, 4_000, 800, 160, 16)
"""How many resources the first letter of :data:`FILTER` finds, the first two, and so on."""
GIB = 1024**3
_ACCOUNTS, _REGIONS = 40, ("eu-central-1", "eu-west-1", "us-east-1", "us-west-2")
_WHY = "not tagged Forensics=Enabled; the account's owner can add the tag"
_STEPS = (
    ("snapshot the volume", "ec2:CreateSnapshot", "collect"),
    ("wait until the snapshot is complete", "ec2:DescribeSnapshots", "observe"),
    ("share with the forensics account", "ec2:ModifySnapshotAttribute", "share"),
    ("copy under the forensics key", "ec2:CopySnapshot", "collect"),
    ("download the blocks", "ebs:GetSnapshotBlock", "observe"),
    ("unshare and delete the copy on the way", "ec2:DeleteSnapshot", "modify"),
    ("seal the evidence bag", "local:bagit", "collect"),
)


def account_id(number: int) -> str:
    """The account of that number."""
    return f"{210_000_000_000 + number * 7919:012d}"


def accounts() -> list[Account]:
    """Forty accounts in five units."""
    return [
        Account(
            cloud="aws",
            id=account_id(number),
            name=f"{('payments', 'shop', 'data', 'batch', 'edge')[number % 5]}-{number:02d}",
            path=f"Workloads/Unit-{number % 5}",
            forensics=number == 0,
            reachable=True,
        )
        for number in range(_ACCOUNTS)
    ]


def letters(pairs: int) -> list[int]:
    """For each pair of resources, with how many letters of the filter its names begin."""
    shares = [hits // 2 * pairs // (MANY // 2) for hits in HITS]
    out = [sum(place < share for share in shares) for place in range(pairs)]
    random.Random(1).shuffle(out)
    return out


def resources(count: int) -> list[Resource]:
    """``count`` is even: instances, each with a disk or, every tenth, a snapshot; one in fifty is tagged."""
    chance = random.Random(2)
    out: list[Resource] = []
    for number, kept in enumerate(letters(count // 2)):
        name = f"{FILTER[:kept] or 'node'}-{number:06d}"
        tagged = number % 50 == 0

        def one(
            kind: ResourceKind,
            prefix: str,
            own: str,
            number: int = number,
            name: str = name,
            tagged: bool = tagged,
            **more: Any,
        ) -> Resource:
            tags = {"Name": name, "app": f"app-{number % 97}", "env": "prod", "owner": f"team-{number % 23}"}
            return Resource(
                cloud="aws",
                account=account_id(number % _ACCOUNTS),
                region=_REGIONS[number // _ACCOUNTS % len(_REGIONS)],
                kind=kind,
                id=f"{prefix}-0{number:016x}",
                name=own,
                tags=tags | ({"Forensics": "Enabled"} if tagged else {}),
                eligible=tagged,
                reason=None if tagged else _WHY,
                **more,
            )

        ran = {"type": "m6i.large", "state": "running", "launched": "2026-03-02T08:11:00Z"}
        held = {"type": "gp3", "state": "in-use", "encrypted": "true", "kms": "customer"}
        size = chance.choice((8, 20, 50, 120, 500)) * GIB
        instance = one("instance", "i", name, attributes=ran)
        out.append(instance)
        if number % 10 == 9:
            out.append(one("snapshot", "snap", f"nightly {name}", size_bytes=size))
        else:
            at = Attachment(id=instance.id, name=name, device="/dev/xvda")
            out.append(one("volume", "vol", f"{name}:/dev/xvda", size_bytes=size, attached_to=at, attributes=held))
    return out


def leases(now: datetime) -> list[Lease]:
    """Ten, all in their last ten minutes: each of them is shown to the second."""
    return [
        Lease(
            id=f"L-{number + 1:04d}",
            cloud="aws",
            account=account_id(number % _ACCOUNTS),
            principal=f"arn:aws:sts::{account_id(number)}:assumed-role/forensics-collect/IR-42.L-{number + 1:04d}",
            scope=f"A-{number + 1:04d} collect",
            issued=stamp(now - timedelta(minutes=50)),
            expires=stamp(now + timedelta(seconds=460 + 13 * number)),
            state="live",
        )
        for number in range(COUNTDOWNS)
    ]


class Work:
    """Twenty acquisitions that run for about twenty minutes each, as a function of the seconds since the start."""

    def __init__(self, now: datetime) -> None:
        chance = random.Random(3)
        self._start = now
        self._size = [chance.choice((8, 20, 50, 120)) * GIB for _ in range(RUNNING)]
        self._speed = [size / (1200 * chance.uniform(0.8, 1.25)) for size in self._size]
        self._done = [size * chance.uniform(0.05, 0.6) for size in self._size]
        self._jitter = random.Random(4)

    def rows(self, seconds: float) -> list[Acquisition]:
        """The acquisitions as they stand then."""
        return [self._row(number, seconds) for number in range(RUNNING)]

    def _row(self, number: int, seconds: float) -> Acquisition:
        size, speed = self._size[number], self._speed[number] * self._jitter.uniform(0.97, 1.03)
        done = min(size, int(self._done[number] + self._speed[number] * seconds))
        return Acquisition(
            id=f"A-{number + 1:04d}",
            kind="disk",
            target=f"vol-0{number:016x}",
            target_name=f"node-{number:02d} /dev/xvda",
            cloud="aws",
            account=account_id(number),
            route="copy",
            state="running",
            step=_STEPS[4][0],
            step_no=5,
            step_count=len(_STEPS),
            bytes_done=done,
            bytes_total=size,
            rate=int(speed),
            eta_s=int((size - done) / self._speed[number]),
            lease=f"L-{number % COUNTDOWNS + 1:04d}",
            updated=stamp(self._start + timedelta(seconds=seconds)),
            pace=tuple(int(speed * (0.9 + 0.02 * (place % 10))) for place in range(36)),
        )

    def steps(self, number: int, seconds: float) -> list[tuple[int, StepRow]]:
        """The steps of one acquisition; the present one tells how often it was tried again."""
        began = self._start - timedelta(minutes=9)
        return [
            (
                place,
                StepRow(
                    acquisition=f"A-{number + 1:04d}",
                    id=f"s{place + 1}",
                    title=title,
                    call=call,
                    effect=cast(Effect, effect),
                    state="done" if place < 4 else "running" if place == 4 else "todo",
                    request_id=f"5f2c91aa-77b0-4c1e-9d3e-{number:06d}{place:06d}" if place < 4 else None,
                    started=stamp_us(began + timedelta(minutes=place)) if place <= 4 else None,
                    ended=stamp_us(began + timedelta(minutes=place + 1)) if place < 4 else None,
                    retries=int(seconds) // 5 if place == 4 else 0,
                ),
            )
            for place, (title, call, effect) in enumerate(_STEPS)
        ]
