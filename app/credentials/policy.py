"""From the permissions of a plan's steps to the session policy of each lease."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterable
from typing import Any

import msgspec

from app.faults import Refused
from app.model import EFFECTS, Effect, LeaseSpec, Permission, Plan

POLICY_LIMIT = 2048
"""Characters of a session policy (STS API Reference, AssumeRole, Policy: maximum length 2048)."""


def session_policy(permissions: Iterable[Permission]) -> str:
    """The minified policy document that allows exactly these permissions.

    Statements with equal resources and conditions are merged, then those with equal actions and conditions.
    """
    by_target: dict[tuple[tuple[str, ...], str], set[str]] = {}
    for permission in permissions:
        condition = json.dumps(permission.condition, sort_keys=True)
        key = (tuple(sorted(set(permission.resources))), condition)
        by_target.setdefault(key, set()).update(permission.actions)
    by_action: dict[tuple[tuple[str, ...], str], set[str]] = {}
    for (resources, condition), actions in by_target.items():
        by_action.setdefault((tuple(sorted(actions)), condition), set()).update(resources)
    statements: list[dict[str, Any]] = []
    for (actions_, condition), targets in sorted(by_action.items()):
        statement: dict[str, Any] = {
            "Effect": "Allow",
            "Action": _one_or_many(actions_),
            "Resource": _one_or_many(sorted(targets)),
        }
        if condition != "{}":
            statement["Condition"] = json.loads(condition)
        statements.append(statement)
    document = {"Version": "2012-10-17", "Statement": statements}
    return json.dumps(document, separators=(",", ":"), ensure_ascii=True)


def actions_of(policy: str) -> list[str]:
    """The actions that a session policy allows, in order."""
    found: set[str] = set()
    for statement in json.loads(policy)["Statement"]:
        action = statement["Action"]
        found.update([action] if isinstance(action, str) else action)
    return sorted(found)


def with_leases(plan: Plan, role: Callable[[str], str], seconds: int, note: str = "") -> Plan:
    """The plan with its leases: one for each lease key that its steps name. ``note`` says why ``seconds`` is
    not what was configured.

    Refused when a policy would be longer than STS takes.
    """
    leases = []
    for key in dict.fromkeys(step.lease for step in plan.steps if step.lease):
        steps = [step for step in plan.steps if step.lease == key]
        policy = session_policy(permission for step in steps for permission in step.permissions)
        if len(policy) > POLICY_LIMIT:
            raise Refused(
                f"the session policy of lease {key} has {len(policy)} of {POLICY_LIMIT} characters",
                next="acquire fewer targets in one plan",
            )
        effect: Effect = max((step.effect for step in steps), key=EFFECTS.index)
        busy = plan.estimate.seconds if any(step.kind in ("wait", "download") for step in steps) else 0
        leases.append(
            LeaseSpec(
                key=key,
                cloud=plan.target.cloud,
                account=steps[0].account,
                role=role(steps[0].account),
                effect=effect,
                steps=tuple(step.id for step in steps),
                policy=policy,
                policy_bytes=len(policy),
                seconds=seconds,
                renewals=max(0, math.ceil(busy / (seconds * 2 / 3)) - 1),
                note=note,
            )
        )
    return msgspec.structs.replace(plan, leases=tuple(leases))


def _one_or_many(values: Iterable[str]) -> str | list[str]:
    several = list(values)
    return several[0] if len(several) == 1 else several
