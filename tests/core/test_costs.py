"""The cost of a plan: what it does to the plan's digest, and how it is said."""

from __future__ import annotations

import hashlib
from typing import Any

import msgspec
import pytest

from app.acquisition.record import plan_text
from app.model import Cost, Estimate, Plan, costs
from tests.screens.sample_plan import plan

SIGNED = (
    '{"kind":"disk","target":{"cloud":"aws","account":"222222222222","account_name":"payments-prod",'
    '"region":"eu-west-1","id":"vol-0123456789abcdef0","name":"web-01","size_bytes":8589934592,"attached_to":""},'
    '"route":"preserve","why":"it was asked for","steps":[],"leases":[],"estimate":{"bytes":0,"seconds":60},'
    '"warnings":[],"items":[]}'
)
"""A plan as custody held it before plans had a cost, and the digest that was approved with it."""
DIGEST = "a3b6a612ece03c207d535a2315f83e8297e4e09e22108bb4b69fcca8acf179c3"
COST = Cost(
    reading=49_154, crossing=0, passing=14_286, monthly=800_000, prices="of a list", uncounted=("traffic", "KMS")
)


def priced(cost: Cost | None) -> Plan:
    return msgspec.structs.replace(plan(), estimate=Estimate(bytes=8, seconds=60, cost=cost))


def test_a_plan_that_was_signed_before_there_were_costs_keeps_its_digest() -> None:
    old = msgspec.json.decode(SIGNED, type=Plan)
    assert old.estimate.cost is None
    assert plan_text(old) == (SIGNED, DIGEST)
    assert hashlib.sha256(SIGNED.encode()).hexdigest() == DIGEST


def test_the_cost_is_approved_with_the_plan_and_holds_no_fraction() -> None:
    text, digest = plan_text(priced(COST))
    assert msgspec.json.decode(text, type=Plan) == priced(COST)
    assert digest != plan_text(priced(None))[1]
    assert digest != plan_text(priced(msgspec.structs.replace(COST, monthly=800_001)))[1]

    def fractions(value: Any) -> bool:
        if isinstance(value, dict | list):
            return any(map(fractions, value.values() if isinstance(value, dict) else value))
        return isinstance(value, float)

    assert '"cost":' in text and not fractions(msgspec.json.decode(text))


@pytest.mark.parametrize(
    ("micros", "words"),
    [
        (0, "$0.00"),
        (1, "$0.01"),
        (10_000, "$0.01"),
        (10_001, "$0.02"),
        (1_234_560_000, "$1,235"),
        (99_990_001, "$100.00"),
        (100_000_000, "$100.00"),
        (100_000_001, "$101"),
    ],
)
def test_dollars_are_never_rounded_down(micros: int, words: str) -> None:
    assert costs.dollars(micros) == words


def test_what_costs_nothing_is_not_said() -> None:
    assert costs.in_words(COST) == [
        "at most $0.05 to read",
        "$0.02 for copies on the way",
        "$0.80 a month for what is kept",
        "of a list",
        "not counted: traffic, KMS",
    ]
    assert costs.brief(COST) == "$0.07 + $0.80/mo"  # 63,440 millionths in one sum
    kept = Cost(reading=0, crossing=0, passing=0, monthly=400_000, prices="of a list")
    assert costs.in_words(kept) == ["at most $0.40 a month for what is kept", "of a list"]
    assert costs.brief(kept) == "$0.40/mo"
    free = msgspec.structs.replace(kept, monthly=0)
    assert costs.amounts(free) == ["at most $0.00"]


def test_plans_are_summed_before_they_are_rounded_and_only_if_each_has_a_cost() -> None:
    far = Cost(reading=1, crossing=160_000, passing=0, monthly=5, prices="of a list", uncounted=("KMS", "tax"))
    both = costs.together([priced(COST), priced(far)])
    assert both == Cost(
        reading=49_155,
        crossing=160_000,
        passing=14_286,
        monthly=800_005,
        prices="of a list",
        uncounted=("traffic", "KMS", "tax"),
    )
    assert costs.together([priced(COST), priced(None)]) is None
    assert costs.together([]) is None
