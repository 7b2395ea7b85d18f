"""The embedded cloud as the tests see it: its own record of what arrived, and its faults."""

from __future__ import annotations

import json
import ssl
import tomllib
import urllib.request
from pathlib import Path
from typing import Any

import tomli_w

OFF: dict[str, Any] = {
    "latency_ms": None,
    "throttle": None,
    "drop_connections": None,
    "deny": None,
    "corrupt_blocks": None,
    "lease_ttl_s": None,
    "expire_leases_after_s": None,
    "throttle_services": None,
    "fail_copies_at": None,
    "disabled_keys": None,
    "lose_snapshots_after_s": None,
    "left_accounts": None,
    "clock_skew_s": None,
}


class Cloud:
    """Reached over the wire alone, so it may run in a thread here or in a process of its own."""

    def __init__(self, config: Path) -> None:
        self.config = config
        self.aws: dict[str, Any] = tomllib.loads(config.read_text("utf-8"))["aws"]
        self.endpoint: str = self.aws["endpoints"]["ec2"]
        self.credentials = Path(self.aws["credentials_file"])
        self._context = ssl.create_default_context(cafile=self.aws["ca_bundle"])

    def configured(self, name: str, **tables: dict[str, Any]) -> Path:
        """A configuration of that name beside the ready-made one, with these tables replaced."""
        table = tomllib.loads(self.config.read_text("utf-8")) | tables
        path = self.config.with_name(f"{name}.toml")
        path.write_text(tomli_w.dumps(table), "utf-8")
        return path

    def state(self) -> dict[str, Any]:
        return self._ask("/_range/state", None)

    def calls(self, action: str = "", decision: str = "") -> list[dict[str, Any]]:
        """What arrived, in order; all of it or that action and decision."""
        found: list[dict[str, Any]] = self.state()["calls"]
        return [
            call
            for call in found
            if (not action or call["action"] == action) and (not decision or call["decision"] == decision)
        ]

    def of_case(self, case: str, action: str = "", decision: str = "") -> list[dict[str, Any]]:
        """What arrived under the sessions of that case (their names begin with ``jumpbag-<case>-``)."""
        return [
            call for call in self.calls(action, decision) if (call["session"] or "").startswith(f"jumpbag-{case}-")
        ]

    def blocks(self, snapshot: str) -> tuple[int, int]:
        """(block reads answered, different blocks among them) of a snapshot."""
        rows = [row for row in self.state()["blocks"] if row["snapshot"] == snapshot]
        return sum(row["reads"] for row in rows), sum(row["distinct"] for row in rows)

    def faults(self, **keys: Any) -> None:
        self._ask("/_range/faults", keys)

    def well(self) -> None:
        """Every fault off."""
        self.faults(**OFF)

    def _ask(self, path: str, body: dict[str, Any] | None) -> dict[str, Any]:
        data = None if body is None else json.dumps(body).encode()
        opener = urllib.request.build_opener(
            urllib.request.ProxyHandler({}), urllib.request.HTTPSHandler(context=self._context)
        )
        with opener.open(urllib.request.Request(self.endpoint + path, data=data), timeout=30) as answer:
            value: dict[str, Any] = json.load(answer)
        return value
