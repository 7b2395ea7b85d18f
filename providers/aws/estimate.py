"""How long, how much and for what price, roughly.

AWS states no rate for snapshots and copies; those here are for orientation alone. Prices are those of the case's
configuration: they differ by region, contract and time, so a cost says whose they are. It is an upper bound, as
the bytes are, and it says what it leaves out.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from fractions import Fraction

from app.config import AwsPrices
from app.model import Cost, Estimate
from providers.aws import arns
from providers.aws.blocks import PAGE
from providers.aws.routes import Disk, Route

# Bytes a second. Reading: 0.95 of 1,000 blocks/s a snapshot, a quota that cannot be raised (Service Quotas, EBS
# direct APIs). Hashing: SHA-256 on one core. The others are guesses on the slow side of what is seen.
_READ_RATE = 0.95 * 1000 * arns.BLOCK_SIZE
_HASH_RATE = 1.5e9
_SNAPSHOT_RATE, _COPY_RATE, _REGION_RATE = 200e6, 100e6, 50e6
_LEAST = 60
_DAY, _SHORTEST_MONTH = 86400, 28
_MICRO = 10**6
_LISTED, _OWN = "list prices of us-east-1 (2025)", "prices of this case's configuration"


def estimate(disks: Sequence[Disk], route: Route, source_region: str, prices: AwsPrices) -> Estimate:
    """Snapshots and copies run side by side, so the largest counts; disks are read one after another."""
    largest = max(disk.bytes for disk in disks)
    seconds = max(_LEAST, largest / _SNAPSHOT_RATE)
    if route.reencrypted:
        seconds += copying(max(disk.bytes for disk in disks if disk.id in route.reencrypted))
    if route.copies:
        rate = _COPY_RATE if route.region == source_region else _REGION_RATE
        seconds += max(_LEAST, largest / rate)
    total = sum(disk.bytes for disk in disks) if route.downloads else 0
    lasts = math.ceil(seconds + total / _READ_RATE + total / _HASH_RATE)
    return Estimate(bytes=total, seconds=lasts, cost=_cost(disks, route, source_region, prices, lasts))


def _cost(disks: Sequence[Disk], route: Route, source_region: str, prices: AwsPrices, seconds: int) -> Cost:
    """The original of each disk stays, and so does its copy in the forensics account; what was encrypted anew for
    the way is deleted at the end, and counts for whole days of the shortest month.

    Facts: snapshots are billed for what they store, later ones of a volume for its changed blocks alone, and a
    copy for what crosses regions (AWS, "How AWS Pricing Works", Amazon EBS). A GB of the bill is taken as a GiB.
    """
    store, cross = _exact(prices.store_gib_month), _exact(prices.cross_region_gib)
    size = sum(_gib(disk) for disk in disks)
    anew = sum(_gib(disk) for disk in disks if disk.id in route.reencrypted)
    days = Fraction(math.ceil(seconds / _DAY), _SHORTEST_MONTH)
    blocks = [-(-disk.bytes // arns.BLOCK_SIZE) for disk in disks if route.downloads]
    reads = sum(blocks) * _exact(prices.read_1000_blocks) / 1000
    lists = sum(-(-count // PAGE) for count in blocks) * _exact(prices.list_1000_requests) / 1000
    crosses = route.copies and route.region != source_region
    uncounted = [f"traffic out of {route.region}"] if route.downloads else []
    if route.copies or any(disk.key is not None for disk in disks):
        uncounted.append("KMS requests")
    return Cost(
        reading=_micros(reads + lists),
        crossing=_micros(size * cross) if crosses else 0,
        passing=_micros(anew * store * days),
        monthly=_micros(size * store * (2 if route.copies else 1)),
        prices=_LISTED if prices == AwsPrices() else _OWN,
        uncounted=tuple(uncounted),
    )


def _gib(disk: Disk) -> Fraction:
    return Fraction(disk.bytes, arns.GIB)


def _exact(price: float) -> Fraction:
    """The decimal as it was written, not its nearest binary number."""
    return Fraction(str(price))


def _micros(dollars: Fraction) -> int:
    return math.ceil(dollars * _MICRO)


def copying(size: int) -> float:
    """Seconds of a full copy within a region."""
    return max(_LEAST, size / _COPY_RATE)


def hours(seconds: float) -> str:
    """ "4 minutes", "2.5 hours"."""
    minutes = math.ceil(seconds / 60)
    if minutes < 100:
        return f"{minutes} minute{'s' if minutes != 1 else ''}"
    return f"{minutes / 60:.1f} hours"
