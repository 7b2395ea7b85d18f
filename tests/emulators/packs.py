"""Writes small scenario packs for tests."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

FORENSICS = "111111111111"
WORKLOAD = "222222222222"
OTHER = "333333333333"
REGION = "eu-west-1"
BLOCK = 524288

ACCOUNTS: tuple[Mapping[str, Any], ...] = (
    {"id": FORENSICS, "name": "forensics", "forensics": True},
    {"id": WORKLOAD, "name": "payments", "ou": "Workloads/Prod"},
    {"id": OTHER, "name": "legacy", "ou": "Sandbox", "role": False},
)


def volume(device: str = "/dev/xvda", **keys: Any) -> dict[str, Any]:
    """A volume that carries the tag that makes it eligible; ``keys`` as in the scenario reference."""
    return {"device": device, "tags": {"Forensics": "Enabled"}, **keys}


def instance(name: str, *volumes: Mapping[str, Any], account: str = WORKLOAD, **keys: Any) -> dict[str, Any]:
    return {"account": account, "region": REGION, "name": name, "volumes": list(volumes), **keys}


def write_pack(
    folder: Path,
    *,
    name: str = "test",
    speed: float = 10000.0,
    accounts: Sequence[Mapping[str, Any]] = ACCOUNTS,
    instances: Sequence[Mapping[str, Any]] = (),
    faults: Mapping[str, Any] | None = None,
) -> Path:
    """A pack in ``folder`` (made if need be); returns the folder."""
    folder.mkdir(parents=True, exist_ok=True)
    lines = ["[scenario]", f"name = {_value(name)}", f"speed = {_value(speed)}", "seed = 7"]
    for account in accounts:
        lines += ["[[aws.accounts]]", *_pairs(account)]
    for one in instances:
        plain = {key: value for key, value in one.items() if key != "volumes"}
        lines += ["[[aws.instances]]", *_pairs(plain)]
        for disk in one.get("volumes", ()):
            lines += ["[[aws.instances.volumes]]", *_pairs(disk)]
    if faults:
        lines += ["[faults]", *_pairs(faults)]
    (folder / "scenario.toml").write_text("\n".join(lines) + "\n", encoding="utf-8")
    return folder


def write_image(path: Path, blocks: Mapping[int, bytes], size: int) -> Path:
    """A sparse raw image of ``size`` bytes; ``blocks`` maps 512 KiB block indexes to what they start with."""
    with path.open("wb") as file:
        file.truncate(size)
        for index, content in blocks.items():
            file.seek(index * BLOCK)
            file.write(content)
    return path


def _pairs(table: Mapping[str, Any]) -> list[str]:
    return [f"{key} = {_value(value)}" for key, value in table.items()]


def _value(value: Any) -> str:
    if isinstance(value, Mapping):
        return "{ " + ", ".join(f"{json.dumps(key)} = {_value(item)}" for key, item in value.items()) + " }"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(_value(item) for item in value) + "]"
    return json.dumps(value)
