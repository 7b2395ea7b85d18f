"""Faults in force, switchable while the cloud runs. Shares are drawn from the scenario's seed."""

from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec

from providers.emulators.scenario.model import Faults, ScenarioError
from providers.emulators.scenario.parse import read_faults
from providers.emulators.scenario.reader import Source, Table


class FaultBox:
    """The faults of a running cloud. ``corrupt`` maps a disk's name to its corrupted block indexes."""

    def __init__(self, faults: Faults, seed: int) -> None:
        self._chance = random.Random(f"{seed}:faults")  # noqa: S311 - repeatable, not secret
        self.set(faults)

    def set(self, faults: Faults) -> None:
        self.now = faults
        self.corrupt: dict[str, set[int]] = {}
        for block in faults.corrupt_blocks:
            disk, _, index = block.rpartition(":")
            self.corrupt.setdefault(disk, set()).add(int(index))

    def change(self, body: Any) -> dict[str, Any]:
        """``POST /_range/faults``: the keys given replace, null puts a key back to off.

        ScenarioError for an unknown key or a value that does not fit; nothing is changed then.
        """
        if not isinstance(body, dict):
            raise ScenarioError("the body must be a JSON object", "use the keys of [faults]")
        merged = {**self.as_dict(), **body}
        known = set(Faults.__struct_fields__)
        wanted = {key: value for key, value in merged.items() if value is not None or key not in known}
        self.set(read_faults(Table(Source(Path("faults"), {}), wanted, (), "the faults")))
        return self.as_dict()

    def as_dict(self) -> dict[str, Any]:
        value: dict[str, Any] = msgspec.to_builtins(self.now)
        return {key: list(item) if isinstance(item, tuple) else item for key, item in value.items()}

    def clock(self) -> datetime:
        """What time the cloud takes it to be."""
        return datetime.now(UTC) + timedelta(seconds=self.now.clock_skew_s)

    def hits(self, share: float) -> bool:
        """Whether a fault with this share strikes now."""
        return share > 0 and self._chance.random() < share

    def throttles(self, service: str) -> bool:
        """Whether this call to ``service`` is throttled."""
        among = self.now.throttle_services
        return (not among or service in among) and self.hits(self.now.throttle)

    def delay(self) -> float:
        """Seconds that this call is held back."""
        low, high = self.now.latency_ms
        return self._chance.uniform(low, high) / 1000

    def denies(self, action: str) -> bool:
        return action.lower() in (name.lower() for name in self.now.deny)
