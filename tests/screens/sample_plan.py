"""A plan as the planner would make it."""

from __future__ import annotations

import json
from typing import Any, cast

import msgspec

from app.model import Effect, Estimate, LeaseSpec, Permission, Plan, PlanWarning, Step, Target, TransferSpec
from tests.screens.seed import GIB, HOME, PAYMENTS, REGION, ROLE, STEPS, XVDA


def plan(route: str = "copy") -> Plan:
    """A plan as the planner would make it: shared and cleaned up again, or read directly."""
    need = Permission(
        actions=("ec2:CreateSnapshot",), resources=(f"arn:aws:ec2:{REGION}:{PAYMENTS}:volume/{XVDA}",)
    )
    policy = json.dumps(
        {
            "Version": "2012-10-17",
            "Statement": [{"Effect": "Allow", "Action": ["ec2:CreateSnapshot"], "Resource": list(need.resources)}],
        },
        separators=(",", ":"),
    )
    undo = {
        "s1": "kept (original)",
        "s3": "deleted in step 8",
        "s4": "unshared in step 8",
        "s5": "kept (evidence original)",
    }
    chosen = STEPS if route == "copy" else tuple(step for step in STEPS if step[0] not in ("s3", "s4", "s5", "s8"))
    if route == "preserve":
        chosen = STEPS[:2]
    steps = tuple(
        Step(
            id=ident,
            title=title,
            kind="act",
            effect=cast(Effect, effect),
            call=call,
            region=REGION,
            resource=XVDA,
            account="" if call.startswith("local:") else HOME if ident in ("s5", "s6") else PAYMENTS,
            undo=undo.get(ident, ""),
            permissions=(need,),
        )
        for ident, title, call, effect, _ in chosen
    )
    spec = LeaseSpec(
        key="payments",
        cloud="aws",
        account=PAYMENTS,
        role=ROLE,
        effect="collect",
        steps=tuple(s.id for s in steps[:4]),
        policy=policy,
        policy_bytes=len(policy),
        seconds=3600,
    )
    home = msgspec.structs.replace(spec, key="home", account=HOME, effect="observe", steps=("s6",), renewals=1)
    why = {
        "copy": "its key is the account's default aws/ebs key, which cannot be shared",
        "direct": "the snapshot can be read in its own account",
        "preserve": "a snapshot is kept in the account; nothing is downloaded",
    }
    return Plan(
        kind="disk",
        route=cast(Any, route),
        why=why[route],
        steps=steps,
        leases=(spec, home) if route == "copy" else (spec,),
        target=Target(
            cloud="aws",
            account=PAYMENTS,
            account_name="payments-prod",
            region=REGION,
            id=XVDA,
            name="web-01:/dev/xvda",
            size_bytes=8 * GIB,
            attached_to="web-01 /dev/xvda",
        ),
        estimate=Estimate(bytes=8 * GIB, seconds=840),
        warnings=(
            PlanWarning(code="visible", text="an attacker in payments-prod can see CreateSnapshot in CloudTrail"),
            PlanWarning(code="instance-store", text="instance store /dev/nvme1n1 is not in any snapshot"),
        ),
        transfer=TransferSpec(size_bytes=8 * GIB, block_size=512 * 1024),
    )
