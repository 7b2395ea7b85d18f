"""The table of decisions: what is allowed and what is refused, by two judges that know nothing of each other."""

from __future__ import annotations

import copy
from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest

from tests.policies import table, table_roles
from tests.policies.asks import Ask, Document, Standing
from tests.policies.bench import SOURCE, WIDE, Bench
from tests.policies.calls import OPERATIONS, Call
from tests.policies.judge import Judge
from tests.policies.table import Case
from tests.policies.two import directly, over_the_wire

TABLE = [*table.TABLE, *table_roles.TABLE]


def test_the_table_is_large_and_every_name_is_one_case() -> None:
    assert len(TABLE) >= 60
    twice = [name for name, count in Counter(case.name for case in TABLE).items() if count > 1]
    assert not twice
    assert sum(not case.allowed for case in TABLE) >= 40
    assert sum(case.judge == "wire" for case in TABLE) > len(TABLE) / 2
    assert all(case.why for case in TABLE if case.judge == "direct")


@pytest.mark.parametrize("case", TABLE, ids=lambda case: case.name)
def test_both_judges_agree(case: Case, bench: Bench, policies: dict[str, Document], judge: Judge) -> None:
    session = policies[case.policy] if case.policy else None
    call, standing = _asked(bench, case, session)
    unknown = {(ask.action, key) for ask in call.asks for key in judge.ask(ask, standing).ignored}
    assert not unknown, "judge one does not know these condition keys for these actions"
    one = all(judge.ask(ask, standing).allowed for ask in call.asks)
    if case.judge == "wire":
        two = over_the_wire(bench, case, call, session)
    else:
        two = all(directly(ask, standing) for ask in call.asks)
    assert (one, two) == (case.allowed, case.allowed), "judge one, judge two"


def test_taking_a_condition_away_is_caught(bench: Bench, policies: dict[str, Document], judge: Judge) -> None:
    """Every condition of every generated policy is guarded by a case, which would be allowed without it."""
    guarded: set[tuple[str, str]] = set()
    for case in TABLE:
        if not case.guards:
            continue
        actions = {ask.action for ask in OPERATIONS[case.operation](bench, case.by, **case.what).asks}
        call, standing = _asked(bench, case, _without(policies[case.policy], case.guards, actions))
        assert all(judge.ask(ask, standing).allowed for ask in call.asks), f"{case.name}: still refused by one"
        assert all(directly(ask, standing) for ask in call.asks), f"{case.name}: still refused by two"
        guarded |= {(ask.action, case.guards) for ask in call.asks}
    wanted = {pair for name, document in policies.items() for pair in _conditions(document)}
    assert not wanted - guarded, "no case of the table guards these"


def test_the_judges_are_no_rubber_stamps(bench: Bench, judge: Judge) -> None:
    """A condition key that the vendor does not know for an action is reported, and decides nothing."""
    ask = Ask("ec2:CreateSnapshot", bench.thing("volume plain").arn, SOURCE, {"ec2:Add/userId": "1"})
    standing = bench.standing(WIDE, SOURCE, None, "C")
    assert judge.ask(ask, standing).ignored == ("ec2:Add/userId",)
    with pytest.raises(ValueError, match="NoSuchAction"):
        judge.ask(Ask("ec2:NoSuchAction", "*", SOURCE), standing)


def _asked(bench: Bench, case: Case, session: Document | None) -> tuple[Call, Standing]:
    call = OPERATIONS[case.operation](bench, case.by, **case.what)
    if case.role == "examiner":
        return call, bench.examiner()
    return call, bench.standing(case.role, case.by, session, case.case)


def _without(document: Document, key: str, actions: set[str]) -> Document:
    """The policy without that condition key in the statements that are about these actions."""
    reduced = copy.deepcopy(document)
    for statement in reduced["Statement"]:
        if actions & set(_listed(statement["Action"])):
            for operator in list(statement.get("Condition", {})):
                statement["Condition"][operator].pop(key, None)
                if not statement["Condition"][operator]:
                    del statement["Condition"][operator]
            if not statement.get("Condition", True):
                del statement["Condition"]
    return reduced


def _conditions(document: Document) -> Iterator[tuple[str, str]]:
    for statement in document["Statement"]:
        for keys in statement.get("Condition", {}).values():
            for key in keys:
                for action in _listed(statement["Action"]):
                    yield action, key


def _listed(value: Any) -> list[str]:
    return value if isinstance(value, list) else [value]
