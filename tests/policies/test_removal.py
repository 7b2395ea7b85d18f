"""Nothing granted is idle: without any single (action, resource) pair an acquisition fails."""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator

import pytest

from app.faults import Broken, CloudFault, Denied
from app.model import Plan
from tests.policies.asks import Document
from tests.policies.bench import Bench
from tests.policies.driver import QuickClock, Run
from tests.policies.generated import WANTED, Desk

Made = tuple[dict[str, Plan], dict[str, Document]]


@pytest.mark.parametrize("name", WANTED)
async def test_the_policies_of_a_plan_suffice(name: str, bench: Bench, made: Made) -> None:
    plan = made[0][name]
    async with Desk(bench, WANTED[name].settings, QuickClock()) as desk:
        run = Run(bench, desk, plan, f"A-{list(WANTED).index(name)}", {}, twice=True)
        await run.go()
    assert run.done == [step.id for step in plan.steps]


@pytest.mark.slow
@pytest.mark.parametrize("name", WANTED)
async def test_no_pair_can_be_spared(name: str, bench: Bench, made: Made) -> None:
    plan = made[0][name]
    spared, odd, tried = [], [], 0
    async with Desk(bench, WANTED[name].settings, QuickClock()) as desk:
        for lease in plan.leases:
            for action, resource, reduced in _reductions(json.loads(lease.policy)):
                tried += 1
                policy = json.dumps(reduced, separators=(",", ":"))
                run = Run(bench, desk, plan, f"A-{list(WANTED).index(name)}-{tried}", {lease.key: policy})
                what = f"{lease.key}: {action} on {resource}"
                try:
                    await run.go()
                except Denied as fault:
                    if action not in str(fault):
                        odd.append(f"{what}: {fault}")
                except Broken as fault:
                    # EC2 begins a copy before it has the keys, and gives it up when it does not get them.
                    if not (action.startswith("kms:") and "key ID is not accessible" in str(fault)):
                        odd.append(f"{what}: {fault}")
                except CloudFault as fault:
                    # A copy given up like that cannot be locked either, and locking comes before waiting.
                    if not (action.startswith("kms:") and fault.provider_code == "IncorrectState"):
                        odd.append(f"{what}: {type(fault).__name__} {fault}")
                else:
                    spared.append(what)
    assert tried
    assert not spared, "granted, and not needed"
    assert not odd, "fails, but not for want of that permission"


# A policy has a statement at least (IAM JSON policy grammar); this one allows what needs no permission anyway.
_NOTHING = {"Effect": "Allow", "Action": "sts:GetCallerIdentity", "Resource": "*"}


def _reductions(document: Document) -> Iterator[tuple[str, str, Document]]:
    """Every (action, resource) pair of a policy, and the policy without it."""
    for number, statement in enumerate(document["Statement"]):
        actions, resources = _listed(statement["Action"]), _listed(statement["Resource"])
        for action in actions:
            for resource in resources:
                reduced = copy.deepcopy(document)
                rest = [
                    {**statement, "Action": [one for one in actions if one != action]},
                    {**statement, "Action": action, "Resource": [one for one in resources if one != resource]},
                ]
                kept = [one for one in rest if one["Action"] and one["Resource"]]
                reduced["Statement"][number : number + 1] = kept
                if not reduced["Statement"]:
                    reduced["Statement"] = [_NOTHING]
                yield action, resource, reduced


def _listed(value: str | list[str]) -> list[str]:
    return value if isinstance(value, list) else [value]
