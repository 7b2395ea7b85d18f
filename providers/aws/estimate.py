"""How long and how much, roughly. AWS states no rate for snapshots and copies; these are for orientation alone."""

from __future__ import annotations

import math
from collections.abc import Sequence

from app.model import Estimate
from providers.aws import arns
from providers.aws.routes import Disk, Route

# Bytes a second. Reading: 0.95 of 1,000 blocks/s a snapshot, a quota that cannot be raised (Service Quotas, EBS
# direct APIs). Hashing: SHA-256 on one core. The others are guesses on the slow side of what is seen.
_READ_RATE = 0.95 * 1000 * arns.BLOCK_SIZE
_HASH_RATE = 1.5e9
_SNAPSHOT_RATE, _COPY_RATE, _REGION_RATE = 200e6, 100e6, 50e6
_LEAST = 60


def estimate(disks: Sequence[Disk], route: Route, source_region: str) -> Estimate:
    """Snapshots and copies run side by side, so the largest counts; disks are read one after another."""
    largest = max(disk.bytes for disk in disks)
    seconds = max(_LEAST, largest / _SNAPSHOT_RATE)
    if route.reencrypted:
        seconds += copying(max(disk.bytes for disk in disks if disk.id in route.reencrypted))
    if route.copies:
        rate = _COPY_RATE if route.region == source_region else _REGION_RATE
        seconds += max(_LEAST, largest / rate)
    total = sum(disk.bytes for disk in disks) if route.downloads else 0
    return Estimate(bytes=total, seconds=math.ceil(seconds + total / _READ_RATE + total / _HASH_RATE))


def copying(size: int) -> float:
    """Seconds of a full copy within a region."""
    return max(_LEAST, size / _COPY_RATE)


def hours(seconds: float) -> str:
    """ "4 minutes", "2.5 hours"."""
    minutes = math.ceil(seconds / 60)
    if minutes < 100:
        return f"{minutes} minute{'s' if minutes != 1 else ''}"
    return f"{minutes / 60:.1f} hours"
