"""Whole instances: what is taken, what is left out, in which order, and that every session policy fits."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from app.credentials.policy import POLICY_LIMIT
from app.faults import Gone, Refused, Untagged
from app.model import Plan
from tests.aws.conftest import ACCOUNT, Desk
from tests.aws.planned import FORENSICS, INSTANCE, FakeKey, FakeVolume, Planned, Table, allow, arn, own_keys, root
from tests.aws.scripted import Scripted

MANAGED = [f"arn:aws:iam::{ACCOUNT}:policy/app/web-{n}" for n in range(2)] + [
    "arn:aws:iam::aws:policy/ReadOnlyAccess"
]


def disks(*keys: str | None, **more: Any) -> list[FakeVolume]:
    return [
        FakeVolume(id=f"vol-0123456789abcde{n:02x}", key=key, device=f"/dev/xvd{chr(97 + n)}", **more)
        for n, key in enumerate(keys)
    ]


@pytest.fixture
def plans(desk: Desk, script: Scripted) -> Table:
    aws = Planned(
        volumes=disks(None, arn(2), arn(1)), keys=list(own_keys().values()), profile=list(MANAGED), inline=["x"]
    )
    script.always = aws.answer
    return Table(desk.provider, aws, script)


def order(plan: Plan) -> list[str]:
    return [f"{step.kind}:{step.op or step.call.partition(':')[2]}" for step in plan.steps]


START = [
    "rehearse:CreateSnapshots", "act:snapshot.create", "collect:config.collect", "seal:evidence.seal",
    "wait:DescribeSnapshots",
]  # fmt: skip
READ = ["download:evidence.read", "hash:sha256", "seal:evidence.seal"]


async def test_three_disks_are_taken_at_once_and_read_where_they_are(plans: Table) -> None:
    made = await plans.plan(kind="instance")
    ids = [volume.id for volume in plans.aws.volumes]
    assert (made.kind, made.route, made.target.id, made.target.name) == ("instance", "direct", INSTANCE, "web-01")
    assert made.target.size_bytes == made.image_bytes == made.estimate.bytes == 3 * (8 << 30)
    assert [item.key for item in made.items] == ["config", *ids]
    assert order(made) == START + READ * 3
    create, collect, wait = made.step("2"), made.step("3"), made.step("5")
    assert create.params == {"instance_id": INSTANCE, "volume_ids": ids, "boot": True, "excluded": []}
    assert (wait.of, wait.params) == ("2", {"snapshot_step": "2"})
    assert collect.lease == f"{ACCOUNT}/inspect"
    assert (collect.item, made.step("4").item) == ("config", "config")
    assert collect.params == {
        "instance_id": INSTANCE,
        "volume_ids": ids,
        "inline": True,
        "policies": MANAGED,
        "profile": f"arn:aws:iam::{ACCOUNT}:instance-profile/web/web-profile",
        "role": f"arn:aws:iam::{ACCOUNT}:role/app/web",
    }
    for step in made.steps:
        if step.kind == "download":
            assert step.params["snapshot_step"] == "2" and step.params["volume_id"] == step.item
    assert "one point in time" in next(w.text for w in made.warnings if w.code == "crash-consistent")
    for volume in ids:
        assert volume in made.why
    assert "straight from one snapshot of each disk" in made.why
    assert [w.code for w in made.warnings].count("delete-on-termination") == 3
    assert all(spec.policy_bytes <= POLICY_LIMIT for spec in made.leases)


async def test_each_disk_goes_the_way_that_its_key_needs(plans: Table) -> None:
    made = await plans.plan("copy", kind="instance")
    default = plans.aws.volumes[2].id
    assert order(made) == [
        *START, "act:snapshot.copy", "wait:DescribeSnapshots",
        *["act:snapshot.share"] * 3, *["act:snapshot.copy"] * 3, *["wait:DescribeSnapshots"] * 3,
        *["act:snapshot.unshare"] * 3, "act:snapshot.delete", *READ * 3,
    ]  # fmt: skip
    anew = made.step("6")
    assert (anew.params["volume_id"], anew.account) == (default, ACCOUNT)
    shares = {s.params["volume_id"]: s for s in made.steps if s.op == "snapshot.share"}
    assert {volume: s.params["snapshot_step"] for volume, s in shares.items()} == {
        plans.aws.volumes[0].id: "2", plans.aws.volumes[1].id: "2", default: "6",
    }  # fmt: skip
    undone = {s.undoes for s in made.steps if s.undoes}
    assert undone == {anew.id, *(s.id for s in shares.values())}
    assert {s.account for s in made.steps if s.kind == "download"} == {FORENSICS}


async def test_titles_read_well_for_one_disk_and_for_several(plans: Table) -> None:
    """They go into the signed record."""
    plans.aws.volumes = plans.aws.volumes[1:]
    customer, default = (volume.id for volume in plans.aws.volumes)
    several = [step.title for step in (await plans.plan("copy", kind="instance", lock_days=7)).steps]
    assert several == [
        "Ask AWS whether CreateSnapshots would be allowed",
        f"Snapshot 2 disks of {INSTANCE} at one point in time",
        "Collect the configuration of the instance",
        "Seal the configuration",
        "Wait until all snapshots are complete",
        f"Copy the snapshot of {default} under the evidence key of its account",
        f"Wait until the re-encrypted copy of {default} is complete",
        f"Share the snapshot of {customer} with the forensics account",
        f"Share the re-encrypted copy of {default} with the forensics account",
        f"Copy the shared snapshot of {customer} into the forensics account",
        f"Copy the shared snapshot of {default} into the forensics account",
        f"Wait until the copy of {customer} in the forensics account is complete",
        f"Wait until the copy of {default} in the forensics account is complete",
        f"Lock the copy of {customer} for 7 days",
        f"Lock the copy of {default} for 7 days",
        f"Take the share of the snapshot of {customer} back",
        f"Take the share of the re-encrypted copy of {default} back",
        f"Delete the re-encrypted copy of {default}",
        *(
            title
            for volume in (customer, default)
            for title in (
                f"Read the blocks of {volume} onto the jump host",
                f"Hash the whole image of {volume}",
                f"Seal the evidence bag of {volume}",
            )
        ),
    ]
    plans.aws.volumes = plans.aws.volumes[1:]
    single = [step.title for step in (await plans.plan("copy", target=default, lock_days=1)).steps]
    assert single == [
        "Ask AWS whether CreateSnapshot would be allowed",
        f"Snapshot {default}",
        "Wait until the snapshot is complete",
        "Copy the snapshot under the evidence key of its account",
        "Wait until the re-encrypted copy is complete",
        "Share the re-encrypted copy with the forensics account",
        "Copy the shared snapshot into the forensics account",
        "Wait until the copy in the forensics account is complete",
        "Lock the copy for 1 day",
        "Take the share back",
        "Delete the re-encrypted copy",
        "Read its blocks onto the jump host",
        "Hash the whole image",
        "Seal the evidence bag",
    ]


async def test_preserving_an_instance_still_collects_its_configuration(plans: Table) -> None:
    made = await plans.plan("preserve-direct", kind="instance")
    assert order(made) == START
    assert [item.key for item in made.items] == ["config"]
    assert made.estimate.bytes == 0


async def test_untagged_volumes_are_left_out_by_name(plans: Table) -> None:
    root_disk, data, _ = plans.aws.volumes
    root_disk.tags, data.tags = {}, {"Forensics": "no"}
    made = await plans.plan(kind="instance")
    create = made.step("2")
    assert create.params["volume_ids"] == [plans.aws.volumes[2].id]
    assert (create.params["boot"], create.params["excluded"]) == (False, [data.id])
    left = [w.text for w in made.warnings if w.code == "left-out"]
    assert len(left) == 2 and root_disk.id in left[0] and data.id in left[1]
    assert [item.key for item in made.items] == ["config", plans.aws.volumes[2].id]
    assert root_disk.id not in json.dumps([spec.policy for spec in made.leases])


@pytest.mark.parametrize(
    ("change", "kind", "words"),
    [
        (lambda aws: [v.tags.clear() for v in aws.volumes], Untagged, "none of the volumes"),
        (lambda aws: aws.instance_tags.pop("Forensics"), Untagged, "not tagged for forensics"),
        (lambda aws: aws.volumes.clear(), Refused, "no EBS volume"),
        (lambda aws: setattr(aws, "state", "terminated"), Gone, "any more"),
    ],
)
async def test_nothing_to_take_is_refused(
    plans: Table, change: Callable[[Planned], object], kind: type[Exception], words: str
) -> None:
    change(plans.aws)
    with pytest.raises(kind, match=words):
        await plans.plan(kind="instance")


async def test_one_disk_whose_key_is_out_of_use_is_named(plans: Table) -> None:
    next(key for key in plans.aws.keys if key.arn == arn(2)).state = "Disabled"
    with pytest.raises(Refused) as caught:
        await plans.plan(kind="instance")
    assert plans.aws.volumes[1].id in caught.value.message and "EnableKey" in caught.value.next


async def test_an_instance_without_a_profile_asks_iam_nothing(plans: Table) -> None:
    plans.aws.profile = None
    made = await plans.plan(kind="instance")
    assert not [action for _, action in plans.aws.asked if "Role" in action or "Profile" in action]
    assert "iam:" not in json.dumps([spec.policy for spec in made.leases])
    assert made.step("3").params.keys() == {"instance_id", "volume_ids", "inline", "policies"}


async def test_a_profile_that_cannot_be_read_is_a_warning(plans: Table) -> None:
    plans.aws.denied = {"iam:ListRolePolicies"}
    made = await plans.plan(kind="instance")
    assert "profile-unread" in {w.code for w in made.warnings}
    assert "iam:" not in json.dumps([spec.policy for spec in made.leases])


# -- policies that fit ------------------------------------------------------------------------------


def covered(plan: Plan) -> None:
    """Every lease fits, and every step runs under one lease that holds all of its permissions."""
    for spec in plan.leases:
        assert spec.policy_bytes <= POLICY_LIMIT, (spec.key, spec.policy_bytes)
        allowed = {
            (action, resource)
            for statement in json.loads(spec.policy)["Statement"]
            for action in listed(statement["Action"])
            for resource in listed(statement["Resource"])
        }
        for step in plan.steps:
            if step.id in spec.steps:
                needed = {(a, r) for p in step.permissions for a in p.actions for r in p.resources}
                assert needed <= allowed
    leased = {step for spec in plan.leases for step in spec.steps}
    assert leased == {step.id for step in plan.steps if step.lease}


def listed(value: str | list[str]) -> list[str]:
    return value if isinstance(value, list) else [value]


def situation(plans: Table, count: int, *, shared: bool) -> None:
    """``count`` disks, each under a customer key of its own."""
    policy = [root(ACCOUNT), allow(f"arn:aws:iam::{FORENSICS}:root")] if shared else [root(ACCOUNT)]
    keys = [FakeKey(arn((100 if shared else 200) + n), policy) for n in range(count)]
    plans.aws.keys += keys
    plans.aws.volumes = disks(*(key.arn for key in keys))


@pytest.mark.parametrize("count", [1, 3, 8, 9, 24])
async def test_policies_fit_for_any_number_of_disks_under_keys_of_their_own(plans: Table, count: int) -> None:
    for shared in (True, False):
        situation(plans, count, shared=shared)
        for route in ("direct", "copy"):
            made = await plans.plan(route, kind="instance", lock_days=7)
            covered(made)
            assert len(made.why) <= 600
            named = [
                f"volume/{volume.id}" in statement
                for volume in plans.aws.volumes
                for spec in made.leases
                for statement in map(json.dumps, json.loads(spec.policy)["Statement"])
                if "ec2:CreateSnapshots" in statement
            ]
            assert any(named) is (count <= 8)


async def test_three_disks_under_three_keys_by_copy(plans: Table) -> None:
    plans.aws.volumes = disks(arn(1), arn(2), arn(3))
    made = await plans.plan("copy", kind="instance")
    covered(made)
    keys = {spec.key.partition("/")[2].partition("-")[0] for spec in made.leases}
    assert keys == {"collect", "inspect", "observe", "share", "destroy"}


async def test_many_attached_policies_are_named_by_their_owner_alone(plans: Table) -> None:
    plans.aws.profile = [f"arn:aws:iam::{ACCOUNT}:policy/{'p' * 90}{n}" for n in range(20)]
    made = await plans.plan(kind="instance")
    covered(made)
    (spec,) = [spec for spec in made.leases if spec.key.endswith("/inspect")]
    assert f"arn:aws:iam::{ACCOUNT}:policy/*" in spec.policy and "arn:aws:iam::aws:policy/*" in spec.policy
    assert made.step("3").params["policies"] == plans.aws.profile


async def test_one_disk_fits_into_one_lease_an_effect(plans: Table) -> None:
    plans.aws.volumes = disks(arn(3))
    made = await plans.plan("copy", target=plans.aws.volumes[0].id, lock_days=5)
    covered(made)
    assert sorted(spec.key for spec in made.leases) == sorted(
        [*(f"{ACCOUNT}/{effect}" for effect in ("collect", "observe", "share", "destroy")),
         *(f"{FORENSICS}/{effect}" for effect in ("collect", "modify", "observe"))]
    )  # fmt: skip
