"""Steps divided over leases so that every session policy fits into what STS takes.

One lease per account and effect is the rule ("222222222222/collect"). Where its policy would be too long (many
disks, each under a key of its own), the later steps run under another of the same kind ("222222222222/collect-2").
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence

import msgspec

from app.credentials.policy import POLICY_LIMIT, session_policy
from app.model import Permission, Step

_PARENT = "ec2:ParentVolume"


def fitted(steps: Sequence[Step]) -> tuple[Step, ...]:
    """The same steps; within a lease, statements that differ in the parent volume alone have become one."""
    out: dict[str, Step] = {}
    for key in dict.fromkeys(step.lease for step in steps if step.lease):
        for number, group in enumerate(_groups([step for step in steps if step.lease == key]), 1):
            joined = _joined(permission for step in group for permission in step.permissions)
            for step in group:
                out[step.id] = msgspec.structs.replace(
                    step,
                    lease=key if number == 1 else f"{key}-{number}",
                    permissions=tuple(joined[_shape(permission)] for permission in step.permissions),
                )
    return tuple(out.get(step.id, step) for step in steps)


def _groups(steps: Sequence[Step]) -> list[list[Step]]:
    """Consecutive steps, each group as long as its policy allows. A single step may still be too long alone."""
    groups: list[list[Step]] = [[]]
    for step in steps:
        wider = [*groups[-1], step]
        if groups[-1] and size(wider) > POLICY_LIMIT:
            groups.append([step])
        else:
            groups[-1] = wider
    return groups


def size(steps: Iterable[Step]) -> int:
    """Characters of the session policy that these steps need together."""
    return len(session_policy(_joined(p for step in steps for p in step.permissions).values()))


def fits(permissions: Iterable[Permission]) -> bool:
    """Whether they go into one session policy."""
    return len(session_policy(permissions)) <= POLICY_LIMIT


def _joined(permissions: Iterable[Permission]) -> dict[str, Permission]:
    """Permissions by their shape, the parent volumes of equal shapes put together."""
    parents: dict[str, dict[str, None]] = {}
    found: dict[str, Permission] = {}
    for permission in permissions:
        shape = _shape(permission)
        found.setdefault(shape, permission)
        named = permission.condition.get("ArnEquals", {}).get(_PARENT, [])
        parents.setdefault(shape, {}).update(dict.fromkeys([named] if isinstance(named, str) else named))
    for shape, volumes in parents.items():
        if volumes:
            names = list(volumes)
            arn: dict[str, str | list[str]] = {_PARENT: names[0] if len(names) == 1 else names}
            found[shape] = msgspec.structs.replace(
                found[shape], condition={**found[shape].condition, "ArnEquals": arn}
            )
    return found


def _shape(permission: Permission) -> str:
    """All of a permission but which parent volumes it names."""
    condition = {
        operator: {key: "" if key == _PARENT else value for key, value in keys.items()}
        for operator, keys in permission.condition.items()
    }
    return json.dumps([permission.actions, permission.resources, condition], sort_keys=True)
