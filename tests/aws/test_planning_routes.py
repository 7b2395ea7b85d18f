"""Every key situation by every route: which way is taken, why, and what is refused with which fix."""

from __future__ import annotations

import json
from typing import Any

import pytest

from app.credentials.policy import POLICY_LIMIT
from app.faults import RouteRefused, Untrusted
from app.model import Plan
from tests.aws.conftest import ACCOUNT, Desk
from tests.aws.planned import (
    FORENSICS,
    REGION,
    VOLUME,
    FakeKey,
    FakeVolume,
    Planned,
    Table,
    allow,
    arn,
    own_keys,
    role,
    root,
)
from tests.aws.scripted import Scripted

CREATE = ["CreateSnapshot", "CreateSnapshot", "DescribeSnapshots"]
COPY = ["ModifySnapshotAttribute", "CopySnapshot", "DescribeSnapshots", "ModifySnapshotAttribute"]
ANEW = ["CopySnapshot", "DescribeSnapshots", *COPY, "DeleteSnapshot"]
READ = ["GetSnapshotBlock", "sha256", "bagit"]
KEYS = {"none": None, "default": arn(1), "customer": arn(2), "private": arn(3)}


@pytest.fixture
def plans(desk: Desk, script: Scripted) -> Table:
    aws = Planned(volumes=[FakeVolume()], keys=list(own_keys().values()))
    script.always = aws.answer
    return Table(desk.provider, aws, script)


def key(plans: Table, number: int) -> FakeKey:
    return next(found for found in plans.aws.keys if found.arn.split("/")[1].startswith(f"{number:08x}"))


def calls(plan: Plan) -> list[str]:
    return [step.call.partition(":")[2] for step in plan.steps]


def codes(plan: Plan) -> set[str]:
    return {warning.code for warning in plan.warnings}


ROUTES = [
    ("auto", "direct", True),
    ("direct", "direct", True),
    ("copy", "copy", False),
    ("preserve", "preserve", False),
    ("preserve-copy", "preserve", False),
    ("preserve-direct", "preserve", True),
]


@pytest.mark.parametrize("kms", list(KEYS))
async def test_each_key_by_each_route(plans: Table, kms: str) -> None:
    plans.aws.volumes[0].key = KEYS[kms]
    anew = kms in ("default", "private")
    for route, name, kept in ROUTES:
        plans.aws.observed.clear()
        made = await plans.plan(route)
        assert made.route == name
        assert calls(made) == (
            CREATE + ([] if kept else ANEW if anew else COPY) + ([] if name == "preserve" else READ)
        )
        assert bool(made.items) is (name != "preserve")
        assert made.estimate.bytes == (0 if name == "preserve" else 8 << 30)
        assert 60 <= made.estimate.seconds < 1000
        assert 40 < len(made.why) < 600
        reading = [step.account for step in made.steps if step.kind == "download"]
        assert reading == ([] if name == "preserve" else [ACCOUNT if kept else FORENSICS])
        assert (FORENSICS in plans.aws.observed) is not kept
        assert all(spec.policy_bytes <= POLICY_LIMIT for spec in made.leases)
        assert all("/" in step.lease and step.lease.startswith(step.account) for step in made.steps if step.lease)
        if not kept:
            copy_steps(made, anew)


def copy_steps(made: Plan, anew: bool) -> None:
    """Every undo names its step, and the wires between the steps are right."""
    by_op: dict[str, list[Any]] = {}
    for step in made.steps:
        by_op.setdefault(step.op, []).append(step)
    (create,), (share,), (unshare,) = (by_op[f"snapshot.{op}"] for op in ("create", "share", "unshare"))
    copies = by_op["snapshot.copy"]
    copy = copies[-1]
    source = copies[0] if anew else create
    assert create.undo == "kept: it is the original"
    assert (share.of, share.undo, unshare.undoes) == (source.id, f"unshared in step {unshare.id}", share.id)
    assert share.params["with"] == unshare.params["with"] == FORENSICS
    assert {s.params["snapshot_step"] for s in (share, unshare, copy)} == {source.id}
    assert (copy.account, copy.of, copy.undo) == (
        FORENSICS, source.id, "kept in the forensics account: it is the evidence",
    )  # fmt: skip
    assert (copy.params["key"], copy.params["owner"], copy.params["source_region"]) == (
        arn(5, FORENSICS), ACCOUNT, REGION,
    )  # fmt: skip
    assert "transport" not in copy.params
    waited = [step.of for step in made.steps if step.kind == "wait"]
    assert waited == [create.id, *([source.id] if anew else []), copy.id]
    assert {step.params["snapshot_step"] for step in made.steps if step.kind == "download"} <= {copy.id}
    if not anew:
        assert "snapshot.delete" not in by_op
        return
    (delete,) = by_op["snapshot.delete"]
    assert (delete.undoes, delete.effect, delete.params["snapshot_step"]) == (source.id, "destroy", source.id)
    assert (source.undo, source.params["transport"], source.params["key"]) == (
        f"deleted in step {delete.id}", True, arn(4),
    )  # fmt: skip
    assert "re-encrypted" in codes(made)
    assert "encrypted anew" in made.why


@pytest.mark.parametrize(
    ("kms", "route", "words"),
    [
        ("none", "auto", "not encrypted"),
        ("default", "auto", "under the default key aws/ebs, which account 222222222222 alone can use"),
        ("customer", "auto", "used inside account 222222222222"),
        ("none", "copy", "not encrypted, so it can be shared as it is"),
        ("default", "copy", "default key aws/ebs can be shared with no other account"),
        ("customer", "copy", "which the forensics account may use"),
        ("private", "copy", "because the forensics account may not use key 00000003…"),
        ("default", "preserve", "safest where an intruder has no account"),
    ],
)
async def test_why_names_the_key_situation(plans: Table, kms: str, route: str, words: str) -> None:
    plans.aws.volumes[0].key = KEYS[kms]
    assert words in (await plans.plan(route)).why


REFUSALS: list[tuple[str, str, dict[str, Any], str, str]] = [
    # no evidence key where one is needed
    ("default", "copy", {"without": [4]},
     "no evidence key alias/jumpbag-evidence in account 222222222222, eu-west-1",
     "have a KMS key with that alias made in account 222222222222"),
    ("private", "preserve-copy", {"without": [4]}, "no evidence key", "allowed to account 111111111111"),
    ("none", "copy", {"without": [5]}, "no evidence key alias/jumpbag-evidence in account 111111111111, eu-west-1",
     "made in account 111111111111, eu-west-1"),
    # keys out of use
    ("customer", "direct", {"state": {2: "Disabled"}}, "is disabled in account 222222222222", "kms:EnableKey"),
    ("customer", "copy", {"state": {2: "Disabled"}}, "is disabled", "kms:EnableKey"),
    ("customer", "auto", {"state": {2: "PendingDeletion"}}, "neither route direct nor route copy can work: ",
     "kms:CancelKeyDeletion"),
    ("customer", "direct", {"state": {2: "PendingDeletion"}}, "is waiting to be deleted", "kms:CancelKeyDeletion"),
    ("customer", "direct", {"without": [2]}, "does not exist any more", "CloudTrail"),
    ("none", "copy", {"state": {5: "Disabled"}}, "evidence key alias/jumpbag-evidence is disabled", "EnableKey"),
    ("default", "copy", {"state": {4: "PendingImport"}}, "in the state PendingImport", "brought back"),
    # keys that may not be used
    ("customer", "direct", {"policy": {2: [root(FORENSICS)]}}, "the role in account 222222222222 may not use key",
     f"allow kms:Decrypt to {role(ACCOUNT)}"),
    ("none", "copy", {"policy": {5: [allow(role(FORENSICS), actions="kms:Decrypt")]}},
     "does not allow kms:DescribeKey", f"to {role(FORENSICS)}"),
    ("default", "copy", {"policy": {4: [root(ACCOUNT)]}}, "the role in account 111111111111 may not use key",
     f"to {role(FORENSICS)} in its key policy"),
    ("private", "auto", {"policy": {3: []}}, "route direct cannot work", "or use preserve-direct: it works"),
    # the key of the copies cannot be seen
    ("none", "copy", {"denied": {f"kms:DescribeKey@{FORENSICS}"}}, "cannot be read", "kms:DescribeKey"),
]  # fmt: skip


@pytest.mark.parametrize(("kms", "route", "change", "words", "fix"), REFUSALS)
async def test_what_is_impossible_is_refused_with_the_fix(
    plans: Table, kms: str, route: str, change: dict[str, Any], words: str, fix: str
) -> None:
    plans.aws.volumes[0].key = KEYS[kms]
    apply(plans, change)
    with pytest.raises(RouteRefused) as caught:
        await plans.plan(route)
    fault = caught.value
    assert words in fault.message
    assert fix in fault.next
    assert "\n" not in fault.message + fault.next
    assert not [action for _, action in plans.aws.asked if action.startswith("Create")]


def apply(plans: Table, change: dict[str, Any]) -> None:
    for number, state in change.get("state", {}).items():
        key(plans, number).state = state
    for number, policy in change.get("policy", {}).items():
        key(plans, number).policy = policy
    for number in change.get("without", []):
        plans.aws.keys.remove(key(plans, number))
    plans.aws.denied |= change.get("denied", set())


@pytest.mark.parametrize(
    ("kms", "change", "words"),
    [
        ("default", {"without": [4]}, "no evidence key"),
        ("customer", {"state": {2: "Disabled"}}, "is disabled"),
        ("none", {"without": [5]}, "in account 111111111111"),
    ],
)
async def test_preserve_keeps_in_the_source_account_what_cannot_leave_it_and_says_why(
    plans: Table, kms: str, change: dict[str, Any], words: str
) -> None:
    plans.aws.volumes[0].key = KEYS[kms]
    apply(plans, change)
    made = await plans.plan("preserve")
    assert calls(made) == CREATE
    assert words in made.why and "cannot leave it" in made.why
    assert made.items == ()
    assert ("key-out-of-use" in codes(made)) is ("state" in change)


async def test_preserve_stays_where_the_forensics_account_cannot_be_entered(plans: Table) -> None:
    from app.faults import Denied
    from app.ports import Grant, PlanRequest
    from tests.aws.conftest import account, lease

    async def observe(wanted: str) -> Grant:
        if wanted == FORENSICS:
            raise Denied("sts:AssumeRole on the role: denied", next="roll the role out there")
        return lease(wanted, f"ASIA{wanted}0000")

    def ask(route: str) -> PlanRequest:
        return PlanRequest(kind="disk", account=account(), region=REGION, target=VOLUME, route=route)

    made = await plans.provider.planner.plan(ask("preserve"), observe)
    assert "roll the role out there" in made.why
    with pytest.raises(RouteRefused) as caught:
        await plans.provider.planner.plan(ask("copy"), observe)
    assert caught.value.next == "roll the role out there"


async def test_auto_copies_when_the_role_may_not_decrypt_and_a_copy_can(plans: Table) -> None:
    plans.aws.volumes[0].key = KEYS["customer"]
    key(plans, 2).policy = [allow(f"arn:aws:iam::{FORENSICS}:root")]
    made = await plans.plan()
    assert made.route == "copy"
    assert "may not use key" in made.why and "which the forensics account may use" in made.why
    assert calls(made) == CREATE + COPY + READ


async def test_a_policy_that_cannot_be_read_is_a_warning_not_a_refusal(plans: Table) -> None:
    plans.aws.volumes[0].key = KEYS["private"]
    plans.aws.denied = {"kms:GetKeyPolicy"}
    for route in ("direct", "copy"):
        made = await plans.plan(route)
        assert "key-unknown" in codes(made)
        assert "snapshot.delete" not in [step.op for step in made.steps]
    text = next(w.text for w in made.warnings if w.code == "key-unknown")
    assert "kms:GetKeyPolicy is not allowed" in text


async def test_a_condition_that_cannot_be_judged_takes_the_surer_way(plans: Table) -> None:
    plans.aws.volumes[0].key = KEYS["customer"]
    organisation: dict[str, Any] = {"Condition": {"StringEquals": {"aws:PrincipalOrgID": "o-1"}}}
    key(plans, 2).policy = [root(ACCOUNT), allow("*", **organisation)]
    made = await plans.plan("copy")
    assert calls(made) == CREATE + ANEW + READ
    assert "cannot be told" in made.why and "key-unknown" not in codes(made)
    plans.aws.keys.remove(key(plans, 4))
    made = await plans.plan("copy")
    assert calls(made) == CREATE + COPY + READ
    assert "key-unknown" in codes(made)


async def test_an_alias_that_leads_to_another_account_is_not_believed(plans: Table) -> None:
    stranger = FakeKey(arn(9, "999999999999"), [])
    plans.aws.keys = [one for one in plans.aws.keys if one.account != FORENSICS] + [stranger]
    plans.aws.aliases[FORENSICS] = stranger.arn
    with pytest.raises(Untrusted):
        await plans.plan("copy")


async def test_a_grant_lets_the_role_decrypt(plans: Table) -> None:
    plans.aws.volumes[0].key = KEYS["private"]
    key(plans, 3).policy = []
    key(plans, 3).grants = [{"GranteePrincipal": role(ACCOUNT), "Operations": ["Decrypt", "DescribeKey"]}]
    assert (await plans.plan("direct")).route == "direct"
    key(plans, 3).grants[0]["Constraints"] = {"EncryptionContextEquals": {"a": "b"}}
    with pytest.raises(RouteRefused):
        await plans.plan("direct")


async def test_a_key_of_a_third_account_is_a_customer_key_whose_policy_is_unknown(plans: Table) -> None:
    foreign = FakeKey(arn(8, "999999999999"), [])
    plans.aws.keys.append(foreign)
    plans.aws.volumes[0].key = foreign.arn
    made = await plans.plan()
    assert {"encrypted-customer", "key-unknown"} <= codes(made)
    assert "account 999999999999 alone" in next(w.text for w in made.warnings if w.code == "key-unknown")


async def test_a_copy_may_go_to_another_region_under_the_key_there(
    script: Scripted, table: dict[str, Any]
) -> None:
    from app.ports import Scope
    from providers.aws.plugin import open_provider
    from tests.aws.conftest import HandClock

    async def pace(_account: str, _service: str) -> None:
        return None

    provider = open_provider(
        {**table, "evidence_region": "us-east-2"}, Scope(case="c", examiner="e", clock=HandClock(), pace=pace)
    )
    aws = Planned(volumes=[FakeVolume(key=KEYS["customer"])], keys=list(own_keys().values()))
    script.always = aws.answer
    plans = Table(provider, aws, script)
    with pytest.raises(RouteRefused, match="account 111111111111, us-east-2"):
        await plans.plan("copy")
    there = arn(6, FORENSICS, "us-east-2")
    aws.keys.append(FakeKey(there, [root(FORENSICS)], alias="alias/jumpbag-evidence"))
    made = await plans.plan("copy")
    (copy,) = [s for s in made.steps if s.call == "ec2:CopySnapshot"]
    assert (copy.region, copy.params["key"], copy.params["source_region"]) == ("us-east-2", there, REGION)
    assert {s.region for s in made.steps if s.account == FORENSICS} == {"us-east-2"}
    assert {s.region for s in made.steps if s.account == ACCOUNT} == {REGION}
    assert "cross-region" in codes(made)
    vias = {
        (statement["Resource"], statement["Condition"]["StringEquals"]["kms:ViaService"])
        for spec in made.leases
        for statement in json.loads(spec.policy)["Statement"]
        if "kms:ViaService" in statement.get("Condition", {}).get("StringEquals", {})
    }
    assert vias == {(KEYS["customer"], "ec2.eu-west-1.amazonaws.com"), (there, "ec2.us-east-2.amazonaws.com")}
    await provider.close()
