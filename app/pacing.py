"""Token buckets per account and service: what we ask of a cloud's control plane, shared by all acquisitions."""

from __future__ import annotations

import asyncio

from app.clock import Clock

# Calls per second and burst. EC2 throttles per account and region with its own token buckets
# (EC2 API Reference, "Request throttling": describe actions refill 20/s from a bucket of 100,
# CreateSnapshot and its kind far slower); ListSnapshotBlocks has 50/s an account. We stay below.
_RATES: dict[str, tuple[float, float]] = {
    "ec2": (10.0, 20.0),
    "ec2:write": (2.0, 5.0),
    "ebs": (40.0, 40.0),
    "sts": (10.0, 20.0),
    "organizations": (4.0, 8.0),
    "kms": (10.0, 20.0),
}
_DEFAULT = (5.0, 10.0)


class Pacer:
    """``await pacer(account, service)`` returns when a call may leave. Waiters are served in order."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._buckets: dict[tuple[str, str], tuple[float, float]] = {}
        self._turns: dict[tuple[str, str], asyncio.Lock] = {}

    async def __call__(self, account: str, service: str) -> None:
        key = (account, service)
        rate, burst = _RATES.get(service, _DEFAULT)
        async with self._turns.setdefault(key, asyncio.Lock()):
            tokens, then = self._buckets.get(key, (burst, self._clock.monotonic()))
            now = self._clock.monotonic()
            tokens = min(burst, tokens + (now - then) * rate)
            if tokens < 1.0:
                await self._clock.sleep((1.0 - tokens) / rate)
                now = self._clock.monotonic()
                tokens = 1.0
            self._buckets[key] = (tokens - 1.0, now)
