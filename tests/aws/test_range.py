"""The provider against the embedded AWS: its authoriser, its journal, its faults."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import tomllib
from collections.abc import AsyncIterator, Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import boto3
import pytest

from app.clock import SystemClock
from app.credentials.policy import session_policy
from app.faults import CredentialExpired, Denied, Fault, Refused, Throttled
from app.model import Permission
from app.ports import LeaseRequest, Scope, StepContext
from providers.aws.plugin import open_provider
from providers.emulators.range import DEFAULT_SCENARIO, Range, RangeThread
from tests.aws.range_field import CASE, LEGACY, PAYMENTS, SHOP, Field, QuickClock
from tests.tools import need

OFF = {"throttle": 0.0, "drop_connections": 0.0, "deny": [], "expire_leases_after_s": None}


@pytest.fixture(scope="module")
def embedded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Range]:
    need("mke2fs", "e2fsprogs")
    need("debugfs", "e2fsprogs")
    with RangeThread(DEFAULT_SCENARIO, tmp_path_factory.mktemp("range")) as running:
        yield running


@pytest.fixture
async def field(embedded: Range) -> AsyncIterator[Field]:
    table = tomllib.loads(embedded.config_path.read_text("utf-8"))["aws"]

    async def pace(_account: str, _service: str) -> None:
        return None

    provider = open_provider(table, Scope(case=CASE, examiner="ex-07", clock=QuickClock(), pace=pace))
    here = Field(provider, embedded)
    yield here
    await here.faults(**OFF)
    await provider.close()


async def test_accounts_with_their_paths(field: Field) -> None:
    found = {one.id: one async for one in field.provider.identity.accounts()}
    assert {one.id: (one.name, one.path, one.forensics) for one in found.values()} == {
        "111111111111": ("forensics", "", True),
        PAYMENTS: ("payments-prod", "Workloads/Prod", False),
        SHOP: ("shop-prod", "Workloads/Prod", False),
        LEGACY: ("legacy", "Sandbox", False),
    }


async def test_a_role_that_is_missing_is_denied(field: Field) -> None:
    with pytest.raises(Denied) as caught:
        await field.look(LEGACY)
    assert "sts:AssumeRole denied" in caught.value.message[:40]
    assert "role/jumpbag-collect" in caught.value.next
    assert caught.value.request_id


async def test_inventory_of_all_kinds_under_its_own_permissions(field: Field) -> None:
    found = await field.inventory()
    by_name = {(one.kind, one.name): one for one in found}
    web = by_name["instance", "web-01"]
    assert web.eligible
    assert web.attributes["type"] == "m6i.large"
    assert web.attributes["state"] == "running"
    disk = by_name["volume", "web-01:/dev/xvda"]
    assert (disk.eligible, disk.size_bytes, disk.attributes["kms"]) == (True, 8 << 30, "customer")
    assert disk.attached_to is not None
    assert (disk.attached_to.id, disk.attached_to.device) == (web.id, "/dev/xvda")
    assert by_name["volume", "shop tables"].attributes["kms"] == "customer"
    assert by_name["volume", "db-01:/dev/xvda"].attributes["kms"] == "none"
    untagged = by_name["volume", "web-02:/dev/xvda"]
    assert not untagged.eligible
    assert "no tag Forensics" in (untagged.reason or "")
    batch = await field.volume("batch-01:/dev/xvda", region="eu-central-1")
    assert batch.attributes["kms"] == "default"


async def test_hostile_tags_pass_through_unharmed(field: Field) -> None:
    found = await field.inventory(SHOP)
    values = {value for one in found for value in one.tags.values()}
    assert "[@click=app.quit]x[/]" in values
    assert any(value.startswith("\u009d52;c;") for value in values)
    assert any("\u202e" in one.name for one in found)
    disabled = next(one for one in found if one.name == "shop-api")
    assert '"Disabled", not "Enabled"' in (disabled.reason or "")


async def test_untagged_cannot_be_planned(field: Field) -> None:
    with pytest.raises(Refused):
        await field.plan(await field.volume("web-02:/dev/xvda"))


async def test_from_plan_to_verified_block(field: Field) -> None:
    # Under the default aws/ebs key: readable in its own account, with kms:Decrypt on exactly that key.
    plan = await field.plan(await field.volume("batch-01:/dev/xvda", region="eu-central-1"))
    (item,) = plan.items
    assert item.shape is not None
    leases = await field.leases(plan)
    made = await field.snapshot(plan, leases, "A-0001")
    again = await field.snapshot(plan, leases, "A-0001")
    assert again.resource == made.resource
    create, step = plan.steps[1], plan.steps[3]
    context = StepContext(case=CASE, acquisition="A-0001", head="", outputs={create.id: made.output})
    grant = leases[step.lease]
    blocks = [
        pair async for page in field.provider.blocks.index(step, context, lambda: grant) for pair in page.blocks
    ]
    assert 10 < len(blocks) < 4096
    spec = field.provider.blocks.fetch_spec(step, context)
    index, token = blocks[0]
    client: Any = boto3.client(
        "ebs",
        region_name=step.region,
        endpoint_url=spec.url.partition("/snapshots/")[0],
        verify=spec.ca_bundle,
        aws_access_key_id=grant.secret["access_key"],
        aws_secret_access_key=grant.secret["secret_key"],
        aws_session_token=grant.secret["session_token"],
    )

    def get() -> tuple[bytes, dict[str, str]]:
        answer = client.get_snapshot_block(SnapshotId=made.resource, BlockIndex=index, BlockToken=token)
        return answer["BlockData"].read(), answer["ResponseMetadata"]["HTTPHeaders"]

    body, headers = await asyncio.to_thread(get)
    assert len(body) == int(headers[spec.length_header]) == item.shape.block_size
    assert base64.b64encode(hashlib.sha256(body).digest()).decode() == headers[spec.checksum_header]
    assert headers[spec.request_id_header]
    creates = [
        call for call in await field.state() if call["action"] == "ec2:CreateSnapshot" and not call.get("dry_run")
    ]
    ours = [call for call in creates if plan.target.id in str(call["resources"])]
    assert [call["decision"] for call in ours] == ["allow"]
    listed = [one for one in await field.inventory(region="eu-central-1") if one.id == made.resource]
    assert listed[0].tags["jumpbag:head"] == "ab" * 32
    assert listed[0].tags["ir-case"] == CASE
    assert listed[0].attributes["volume"] == plan.target.id


async def test_the_session_policy_holds_the_lease_to_its_step(field: Field) -> None:
    mine = await field.plan(await field.volume("bastion:/dev/xvda"), "preserve-direct")
    other = await field.plan(await field.volume("db-01:/dev/xvda"), "preserve-direct")
    leases = await field.leases(mine)
    create = mine.steps[1]
    collect, observe = leases[create.lease], leases[mine.steps[2].lease]
    context = StepContext(case=CASE, acquisition="A-0009", head="", outputs={})
    for step, grant in ((other.steps[1], collect), (create, observe)):
        with pytest.raises(Denied) as caught:
            await field.provider.actuator.perform(step, context, grant)
        assert caught.value.provider_code == "UnauthorizedOperation"
    with pytest.raises(Denied):
        async for _ in field.provider.inventory.resources(PAYMENTS, field.region, collect):
            pass
    with pytest.raises(Denied):
        # The lease carries the case in its tag: a snapshot for another case is refused by the cloud itself.
        await field.provider.actuator.perform(
            create, StepContext(case="IR-43", acquisition="A-0009", head="", outputs={}), collect
        )
    tagged = [one for one in await field.inventory() if one.tags.get("jumpbag:acquisition") == "A-0009"]
    assert tagged == []


async def test_blocks_of_another_case_cannot_be_read(field: Field) -> None:
    plan = await field.plan(await field.volume("bastion:/dev/xvda"))
    leases = await field.leases(plan)
    made = await field.snapshot(plan, leases, "A-0003")
    create, step = plan.steps[1], plan.steps[3]
    stranger = open_provider(
        tomllib.loads(field.embedded.config_path.read_text("utf-8"))["aws"],
        Scope(case="IR-99", examiner="ex-08", clock=SystemClock(), pace=lambda _a, _s: asyncio.sleep(0)),
    )
    policy = session_policy(
        [Permission(actions=("ebs:ListSnapshotBlocks", "ebs:GetSnapshotBlock", "kms:Decrypt"), resources=("*",))]
    )
    grant = await stranger.identity.issue(
        LeaseRequest(
            lease="L-0001", account=PAYMENTS, role=stranger.identity.role(PAYMENTS), policy=policy, seconds=900
        )
    )
    context = StepContext(case="IR-99", acquisition="A-0003", head="", outputs={create.id: made.output})
    with pytest.raises(Denied):
        async for _ in stranger.blocks.index(step, context, lambda: grant):
            pass
    await stranger.close()


async def test_one_snapshot_a_step_even_while_connections_drop(field: Field) -> None:
    plan = await field.plan(await field.volume("db-01:/dev/xvda"), "preserve-direct")
    leases = await field.leases(plan)
    step = plan.steps[1]
    made: dict[str, str] = {}
    lost = 0
    await field.faults(drop_connections=0.4)
    for number in range(99):
        if number >= 8 and lost:
            break
        heads = {"ab" * 32: datetime.now(UTC)}
        context = StepContext(CASE, f"A-01{number:02d}", "ab" * 32, {}, heads)
        async with asyncio.timeout(60):
            while context.acquisition not in made:
                try:
                    found = await field.provider.actuator.find(
                        step, replace(context, head=""), leases[step.lease]
                    ) or await field.provider.actuator.perform(step, context, leases[step.lease])
                    made[context.acquisition] = found.resource
                except Fault as fault:
                    assert fault.retryable, fault.message
                    lost += 1
    await field.faults(drop_connections=0.0)
    assert lost
    assert len(set(made.values())) == len(made)
    there: dict[str, list[str]] = {}
    for one in await field.inventory():
        if (name := one.tags.get("jumpbag:acquisition", "")) in made:
            there.setdefault(name, []).append(one.id)
    assert there == {name: [found] for name, found in made.items()}


async def test_throttling_is_ridden_out_or_said(field: Field) -> None:
    await field.faults(throttle=0.2)
    grant = None
    async with asyncio.timeout(30):
        while grant is None:
            try:
                grant = await field.look()
            except Throttled as fault:
                assert fault.retryable
    pages = field.provider.inventory.resources(PAYMENTS, field.region, grant)
    assert [one async for page in pages for one in page if one.kind == "instance"]
    await field.faults(throttle=1.0)
    with pytest.raises(Throttled):
        await field.look()


async def test_expiry_before_its_time_is_told_as_such(field: Field) -> None:
    grant = await field.look()
    await field.faults(expire_leases_after_s=0)
    with pytest.raises(CredentialExpired) as caught:
        async for _ in field.provider.inventory.resources(PAYMENTS, field.region, grant):
            pass
    assert caught.value.exit == 4
    assert grant.secret["session_token"] not in str(caught.value.data())


async def test_a_denied_call_names_call_and_account(field: Field) -> None:
    plan = await field.plan(await field.volume("bastion:/dev/xvda"), "preserve-direct")
    leases = await field.leases(plan)
    await field.faults(deny=["ec2:CreateSnapshot"])
    context = StepContext(case=CASE, acquisition="A-0500", head="", outputs={})
    with pytest.raises(Denied) as caught:
        await field.provider.actuator.perform(plan.steps[1], context, leases[plan.steps[1].lease])
    assert "ec2:CreateSnapshot" in caught.value.message
    assert PAYMENTS in caught.value.message
    assert caught.value.request_id


async def test_a_chained_base_identity_is_clamped(field: Field, tmp_path: Path) -> None:
    """The responder role of the forensics account stands for what an identity centre gives."""
    table = tomllib.loads(field.embedded.config_path.read_text("utf-8"))["aws"]
    base: Any = boto3.Session(aws_access_key_id="x", aws_secret_access_key="x")
    profile = _profile(field.embedded.credentials_path)
    client = base.client(
        "sts",
        region_name="eu-west-1",
        endpoint_url=field.embedded.endpoint,
        verify=str(field.embedded.ca_bundle),
        aws_access_key_id=profile["aws_access_key_id"],
        aws_secret_access_key=profile["aws_secret_access_key"],
    )
    answer = await asyncio.to_thread(
        lambda: client.assume_role(
            RoleArn="arn:aws:iam::111111111111:role/jumpbag-responder", RoleSessionName="ex-07@example.org"
        )
    )
    given = answer["Credentials"]
    credentials = tmp_path / "credentials"
    credentials.write_text(
        f"[sso]\naws_access_key_id={given['AccessKeyId']}\naws_secret_access_key={given['SecretAccessKey']}\n"
        f"aws_session_token={given['SessionToken']}\n",
        "utf-8",
    )
    provider = open_provider(
        table | {"profile": "sso", "credentials_file": str(credentials)},
        Scope(case=CASE, examiner="ex-07", clock=SystemClock(), pace=lambda _a, _s: asyncio.sleep(0)),
    )
    assert (await provider.identity.caller()).chained
    grant = await provider.identity.issue(
        LeaseRequest(
            lease="L-0001",
            account=PAYMENTS,
            role=provider.identity.role(PAYMENTS),
            policy=session_policy(provider.inventory.permissions()),
            seconds=14400,
        )
    )
    await provider.close()
    assert (grant.expires - grant.issued).total_seconds() < 3700
    assert "3,600" in grant.note


def _profile(path: Path) -> dict[str, str]:
    import configparser

    parser = configparser.ConfigParser()
    parser.read_string(path.read_text("utf-8"))
    return dict(parser["forensics"])
