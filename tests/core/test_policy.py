from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.credentials.policy import session_policy, with_leases
from app.faults import Refused
from app.model import Estimate, Permission, Plan, Step, Target

names = st.sampled_from(["ec2:A", "ec2:B", "ebs:C", "kms:D"])
targets = st.sampled_from(["*", "arn:1", "arn:2"])
conditions = st.sampled_from([{}, {"StringEquals": {"k": "v"}}, {"StringLike": {"k": ["a", "b"]}}])
permissions = st.lists(
    st.builds(
        Permission,
        actions=st.lists(names, min_size=1, max_size=3).map(tuple),
        resources=st.lists(targets, min_size=1, max_size=2).map(tuple),
        condition=conditions,
    ),
    max_size=6,
)


def pairs(actions: object, resources: object, condition: object) -> set[tuple[str, str, str]]:
    def several(value: object) -> list[str]:
        return [value] if isinstance(value, str) else list(value)  # type: ignore[call-overload]

    return {(a, r, json.dumps(condition, sort_keys=True)) for a in several(actions) for r in several(resources)}


@given(permissions)
def test_a_policy_allows_exactly_what_the_steps_ask(asked: list[Permission]) -> None:
    policy = json.loads(session_policy(asked))
    granted = set()
    for statement in policy["Statement"]:
        assert statement["Effect"] == "Allow"
        granted |= pairs(statement["Action"], statement["Resource"], statement.get("Condition", {}))
    wanted = set()
    for permission in asked:
        wanted |= pairs(permission.actions, permission.resources, permission.condition)
    assert granted == wanted


@given(permissions)
def test_order_does_not_matter(asked: list[Permission]) -> None:
    assert session_policy(asked) == session_policy(reversed(asked))


def step(number: str, lease: str, effect: str, resource: str = "arn:1") -> Step:
    return Step(
        id=number,
        title="t",
        kind="act" if effect == "collect" else "wait",
        effect=effect,  # type: ignore[arg-type]
        call="ec2:A",
        account="222222222222",
        region="eu-west-1",
        resource=resource,
        undo="",
        lease=lease,
        permissions=(Permission(actions=("ec2:A",), resources=(resource,)),),
    )


def plan(*steps: Step) -> Plan:
    target = Target(
        cloud="aws",
        account="222222222222",
        account_name="p",
        region="eu-west-1",
        id="vol-1",
        name="x",
        size_bytes=1 << 30,
    )
    return Plan(
        kind="disk",
        target=target,
        route="direct",
        why="",
        steps=steps,
        leases=(),
        estimate=Estimate(bytes=1 << 30, seconds=7200),
    )


def test_one_lease_for_each_account_and_effect() -> None:
    made = with_leases(plan(step("1", "2/collect", "collect"), step("2", "2/observe", "observe")), str, 3600)
    assert [lease.effect for lease in made.leases] == ["collect", "observe"]
    assert [lease.steps for lease in made.leases] == [("1",), ("2",)]
    assert all(lease.policy_bytes == len(lease.policy) for lease in made.leases)
    assert made.lease("2/observe").renewals == 2  # two hours under leases that are renewed after forty minutes


def test_a_policy_that_sts_would_refuse_is_refused_in_the_plan() -> None:
    long = [step(str(n), "2/collect", "collect", f"arn:aws:ec2:eu-west-1:1:volume/{n:050d}") for n in range(40)]
    with pytest.raises(Refused, match="of 2048 characters"):
        with_leases(plan(*long), str, 3600)
