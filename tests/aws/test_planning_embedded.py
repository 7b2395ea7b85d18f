"""Plans, run step by step under the session policies that they ask for, against the embedded cloud's rules."""

from __future__ import annotations

import asyncio
import json
import tomllib
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest
from botocore.exceptions import ClientError

from app.credentials.policy import session_policy, with_leases
from app.faults import Broken, CloudFault, Denied, Refused
from app.model import Account, Plan, Resource, Step
from app.ports import Grant, LeaseRequest, PlanRequest, Provider, Scope, StepContext
from providers.aws.plugin import open_provider
from providers.emulators.range import Range, RangeThread
from tests.aws.acting import QuickClock
from tests.emulators.clients import Clients
from tests.emulators.packs import instance, volume, write_image, write_pack

FORENSICS, SOURCE, BARE, REGION, ELSEWHERE = (
    "111111111111",
    "222222222222",
    "333333333333",
    "eu-west-1",
    "eu-central-1",
)
CASE = "IR-42"
TAGS: dict[str, Any] = {"tags": {"Forensics": "Enabled"}}


@pytest.fixture(scope="module")
def embedded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Range]:
    """One instance for each kind of key, one with a disk under each, an account without evidence key."""
    folder = tmp_path_factory.mktemp("pack")
    write_image(folder / "disk.raw", {0: b"boot", 3: b"evidence"}, 8 * 524288)

    def disk(device: str = "/dev/xvda", **keys: Any) -> dict[str, Any]:
        return volume(device, image="disk.raw", **keys)

    write_pack(
        folder,
        speed=200000.0,
        accounts=[
            {"id": FORENSICS, "name": "forensics", "forensics": True},
            {"id": SOURCE, "name": "payments"},
            {"id": BARE, "name": "bare", "evidence_key": False},
        ],
        instances=[
            *(instance(kms, disk(kms=kms), **TAGS) for kms in ("none", "default", "customer", "private")),
            instance("triple", disk(kms="default"), disk("/dev/sdf", kms="customer"),
                     disk("/dev/sdg", kms="private"), profile="web", autoscaling_group="shop", spot=True,
                     shutdown="terminate", **TAGS),
            instance("mixed", disk(), volume("/dev/sdf", image="disk.raw", tags={}), termination_protection=True,
                     **TAGS),
            instance("bare", disk(kms="default"), account=BARE, **TAGS),
            instance("far", disk(), **{**TAGS, "region": ELSEWHERE}),
        ],
    )  # fmt: skip
    with RangeThread(folder, tmp_path_factory.mktemp("range")) as running:
        yield running


@dataclass
class Field:
    """The provider under the shipped collect role."""

    provider: Provider
    embedded: Range
    number: int = 0
    looks: dict[str, Grant] = field(default_factory=dict)

    async def lease(self, policy: str, account: str) -> Grant:
        role = self.provider.identity.role(account)
        request = LeaseRequest(lease="L-0001", account=account, role=role, policy=policy, seconds=3600)
        return await self.provider.identity.issue(request)

    async def observe(self, account: str) -> Grant:
        if account not in self.looks:
            policy = session_policy(self.provider.inventory.permissions())
            self.looks[account] = await self.lease(policy, account)
        return self.looks[account]

    async def find(self, name: str, account: str = SOURCE) -> list[Resource]:
        """The instance of that name, then its volumes."""
        pages = self.provider.inventory.resources(account, REGION, await self.observe(account))
        found = [one async for page in pages for one in page]
        holder = next(one for one in found if one.kind == "instance" and one.name == name)
        return [holder, *(v for v in found if v.attached_to and v.attached_to.id == holder.id)]

    async def plan(
        self, name: str, route: str, *, kind: str = "disk", account: str = SOURCE, lock: int = 0
    ) -> Plan:
        holder, first, *_ = await self.find(name, account)
        request = PlanRequest(
            kind=kind,
            account=Account(cloud="aws", id=account, name="n"),
            region=REGION,
            target=first.id if kind == "disk" else holder.id,
            route=route,
            lock_days=lock,
        )
        plan = await self.provider.planner.plan(request, self.observe)
        return with_leases(plan, self.provider.identity.role, 3600)

    async def run(self, plan: Plan) -> dict[str, dict[str, Any]]:
        """All cloud steps, each under its own lease; the outputs."""
        self.number += 1
        leases = {spec.key: await self.lease(spec.policy, spec.account) for spec in plan.leases}
        heads = {f"{int(step.id):064x}": datetime.now(UTC) for step in plan.steps}
        context = StepContext(CASE, f"A-{self.number:04d}", "", {}, heads)
        act = self.provider.actuator
        for step in plan.steps:
            grant = leases.get(step.lease)
            if grant is None:
                continue
            if step.kind == "rehearse":
                await act.rehearse(step, plan.step(step.of), context, grant)
            elif step.kind == "act":
                made = await act.find(step, context, grant)
                if made is None:
                    context = replace(context, head=f"{int(step.id):064x}")
                    made = await act.perform(step, context, grant)
                    context = replace(context, head="")
                context = replace(context, outputs={**context.outputs, step.id: made.output})
            elif step.kind == "wait":
                await self._wait(step, context, grant)
            elif step.kind == "collect":
                await self._collect(step, context, grant)
            else:
                await self._read(step, context, grant)
        return {step: dict(output) for step, output in context.outputs.items()}

    async def _wait(self, step: Step, context: StepContext, grant: Grant) -> None:
        async with asyncio.timeout(40):
            while True:
                _, ready = await self.provider.actuator.probe(step, context, grant)
                if ready is not None:
                    return
                await asyncio.sleep(0.02)

    async def _collect(self, step: Step, context: StepContext, grant: Grant) -> None:
        parts = [one async for one in self.provider.collector.collect(step, context, lambda: grant)]
        assert {"ec2/describe-instances.json", "ec2/describe-volumes.json"} <= {one.name for one in parts}

    async def _read(self, step: Step, context: StepContext, grant: Grant) -> None:
        """The index, and one block of it as a worker would fetch it."""
        pages = self.provider.blocks.index(step, context, lambda: grant)
        blocks = [one async for page in pages for one in page.blocks]
        assert [index for index, _ in blocks] == [0, 3]
        secret = grant.secret
        keys = {
            "AccessKeyId": secret["access_key"],
            "SecretAccessKey": secret["secret_key"],
            "SessionToken": secret["session_token"],
        }
        client = Clients(self.embedded)("ebs", keys, step.region)
        snapshot = self.provider.blocks.snapshot(step, context)
        try:
            answer = await asyncio.to_thread(
                client.get_snapshot_block, SnapshotId=snapshot, BlockIndex=3, BlockToken=blocks[1][1]
            )
        except ClientError as error:
            assert error.response["Error"]["Code"] == "AccessDeniedException"
            raise Denied("ebs:GetSnapshotBlock") from None
        assert answer["BlockData"].read(8) == b"evidence"


@pytest.fixture
async def ground(embedded: Range) -> AsyncIterator[Field]:
    table = tomllib.loads(embedded.config_path.read_text("utf-8"))["aws"]

    async def pace(_account: str, _service: str) -> None:
        return None

    provider = open_provider(table, Scope(case=CASE, examiner="ex-07", clock=QuickClock(), pace=pace))
    yield Field(provider, embedded)
    await provider.close()


@pytest.mark.parametrize("kms", ["none", "default", "customer", "private"])
@pytest.mark.parametrize("route", ["auto", "copy", "preserve"])
async def test_every_plan_runs_under_what_it_asks_for(ground: Field, kms: str, route: str) -> None:
    plan = await ground.plan(kms, route)
    anew = kms in ("default", "private") and route != "auto"
    assert any(step.effect == "destroy" for step in plan.steps) is anew
    assert "key-unknown" not in {w.code for w in plan.warnings}
    outputs = await ground.run(plan)
    copies = [s for s in plan.steps if s.op == "snapshot.copy" and s.account == FORENSICS]
    for copy in copies:
        assert outputs[copy.id]["kms_key_id"] == copy.params["key"]


@pytest.mark.parametrize("route", ["direct", "copy"])
async def test_an_instance_with_three_disks_under_three_keys(ground: Field, route: str) -> None:
    plan = await ground.plan("triple", route, kind="instance", lock=3)
    assert len([s for s in plan.steps if s.kind == "download"]) == 3
    assert {"auto-scaling", "spot", "shutdown-terminates", "lock"} <= {w.code for w in plan.warnings}
    assert any("iam:GetPolicy" in spec.policy or "iam:GetRole" in spec.policy for spec in plan.leases)
    await ground.run(plan)


async def test_what_is_left_out_stays_alone(ground: Field) -> None:
    plan = await ground.plan("mixed", "direct", kind="instance")
    (left,) = [w.text for w in plan.warnings if w.code == "left-out"]
    assert "termination-unprotected" not in {w.code for w in plan.warnings}
    outputs = await ground.run(plan)
    assert list(outputs["2"]["snapshots"]) == plan.step("2").params["volume_ids"]
    assert not any(volume in left for volume in outputs["2"]["snapshots"])


async def test_without_an_evidence_key_the_copy_is_refused_and_preserve_stays(ground: Field) -> None:
    with pytest.raises(Refused, match="no evidence key"):
        await ground.plan("bare", "copy", account=BARE)
    plan = await ground.plan("bare", "preserve", account=BARE)
    assert "cannot leave it" in plan.why
    await ground.run(plan)


async def test_a_disabled_key_is_seen_before_the_start(ground: Field) -> None:
    await asyncio.to_thread(lambda: ground.embedded.faults(disabled_keys=[f"{SOURCE}:{REGION}:customer"]))
    try:
        with pytest.raises(Refused, match="is disabled"):
            await ground.plan("customer", "direct")
    finally:
        await asyncio.to_thread(lambda: ground.embedded.faults(disabled_keys=[]))


@pytest.mark.parametrize("kms", ["customer", "private"])
async def test_no_pair_of_action_and_resource_can_be_spared(ground: Field, kms: str) -> None:
    assert await spared(ground, await ground.plan(kms, "copy", lock=1)) == []


async def test_nothing_that_collecting_is_allowed_can_be_spared(ground: Field) -> None:
    plan = await ground.plan("triple", "preserve-direct", kind="instance")
    step = next(step for step in plan.steps if step.kind == "collect")
    lease = next(spec for spec in plan.leases if spec.key == step.lease)
    assert "iam:GetPolicyVersion" in lease.policy or "iam:GetRolePolicy" in lease.policy
    assert await spared(ground, msgspec.structs.replace(plan, steps=(step,), leases=(lease,))) == []


async def spared(ground: Field, plan: Plan) -> list[tuple[str, ...]]:
    """What each lease allows although the plan runs without it."""
    found: list[tuple[str, ...]] = []
    for place, spec in enumerate(plan.leases):
        for narrower, pair in thinned(spec.policy):
            leases = [*plan.leases]
            leases[place] = msgspec.structs.replace(spec, policy=narrower)
            try:
                await ground.run(msgspec.structs.replace(plan, leases=tuple(leases)))
            except (Denied, Broken):
                continue
            except CloudFault as fault:
                # A copy that failed for its key cannot be locked.
                assert (fault.provider_code, "error state" in fault.message) == ("IncorrectState", True)
                continue
            found.append((spec.key, *pair))
    await ground.run(plan)  # whole, it works: what failed above failed for what was taken away
    return found


NOTHING = {"Effect": "Deny", "Action": "*", "Resource": "*"}
"""A policy has one statement at least."""


def thinned(policy: str) -> Iterator[tuple[str, tuple[str, str, str]]]:
    """The policy without each (action, resource) of each statement."""
    document = json.loads(policy)
    for at, statement in enumerate(document["Statement"]):
        actions, resources = listed(statement["Action"]), listed(statement["Resource"])
        for action in actions:
            for resource in resources:
                kept = [
                    {**statement, "Action": [one for one in actions if one != action]},
                    {**statement, "Action": action, "Resource": [one for one in resources if one != resource]},
                ]
                kept = [one for one in kept if one["Action"] and one["Resource"]]
                rest = [*document["Statement"][:at], *kept, *document["Statement"][at + 1 :]] or [NOTHING]
                yield (
                    json.dumps({**document, "Statement": rest}, separators=(",", ":")),
                    (action, resource, json.dumps(statement.get("Condition"))),
                )


def listed(value: str | list[str]) -> list[str]:
    return value if isinstance(value, list) else [value]
