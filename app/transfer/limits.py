"""How patient, how wide and how careful a transfer is. One place, handed to every worker."""

from __future__ import annotations

import msgspec

MIB = 1024 * 1024


class Limits(msgspec.Struct, frozen=True, kw_only=True):
    """Names ending in ``_s`` are seconds.

    ``concurrency`` is requests in flight per worker. ``attempt_s`` bounds one whole attempt, ``idle_s`` how long
    it may crawl below 1 KiB/s. ``mismatches`` and ``failures`` are the tries that a block gets when its body does
    not fit its checksum or length, and when the server or the network fails. Throttling has no such bound:
    it ends when no block became durable for ``stall_s``. ``min_free`` is what stays free on the evidence
    volume, so that the custody log beside it can always be written.
    """

    concurrency: int = 16
    connect_s: float = 10.0
    attempt_s: float = 60.0
    idle_s: float = 20.0
    mismatches: int = 5
    failures: int = 8
    backoff_s: float = 0.25
    backoff_cap_s: float = 20.0
    flush_blocks: int = 64
    flush_s: float = 0.5
    stall_s: float = 900.0
    stop_s: float = 0.6
    lock_wait_s: float = 30.0
    tick_s: float = 0.25
    refused_leases: int = 5
    relists: int = 3
    min_free: int = 512 * MIB
