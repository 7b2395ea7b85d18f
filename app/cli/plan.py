"""``jumpbag plan``: what an acquisition would do, for people and for programs; changes nothing."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, get_args

import msgspec

from app.cli.output import emit, fields, size, table
from app.cli.session import Session, run
from app.client.feed import Feed
from app.client.rpc import AgentClient
from app.model import Cost, Effect, Plan, costs
from app.model.cautions import dangers, notes

_GRAVITY: dict[str, int] = {effect: place for place, effect in enumerate(get_args(Effect))}
_WHOLE = 400  # characters of a cell: titles and undo sentences are approved, so they are read whole
Names = Mapping[str, str]
"""Account id -> its name."""


def plan(session: Session) -> int:
    async def work() -> int:
        async with session.agent() as (case, client):
            made, _ = await ask(session, client)
        if session.json:
            emit(document(made))
        else:
            show(made, names_of(Feed(case.read_model)))
        return 0

    return run(work)


def wanted(session: Session) -> dict[str, Any]:
    """What both `plan` and `acquire` ask the agent for."""
    options = session.options
    return session.spoken(kind=options.kind, target=options.target, route=options.route, lock_days=options.lock)


async def ask(session: Session, client: AgentClient) -> tuple[Plan, str]:
    """The agent's plan, and the digest that names exactly this one."""
    told = await client.call("plan", wanted(session))
    return msgspec.convert(told["plan"], Plan), told["digest"]


def names_of(feed: Feed) -> dict[str, str]:
    """What the accounts of the case are called."""
    feed.poll()
    return {account.id: account.name for account in feed.snapshot.accounts}


def gravest(made: Plan) -> str:
    """SHARE, MODIFY or DESTROY, whichever is the gravest of its steps' effects; "" when they only collect."""
    worst = max((step.effect for step in made.steps), key=_GRAVITY.__getitem__, default="observe")
    return worst.upper() if _GRAVITY[worst] > _GRAVITY["collect"] else ""


def grave_effects(made: Plan) -> str:
    """Every effect of its steps beyond collecting, the lightest first: ``share, modify and destroy``; or ""."""
    found = {step.effect for step in made.steps if _GRAVITY[step.effect] > _GRAVITY["collect"]}
    named: list[str] = sorted(found, key=_GRAVITY.__getitem__)
    return " and ".join([", ".join(named[:-1]), *named[-1:]] if len(named) > 1 else named)


def document(made: Plan) -> dict[str, Any]:
    """The plan as the contract of the command line has it."""
    steps = ("id", "title", "effect", "call", "account", "resource", "undo")
    leases = ("account", "role", "steps", "policy", "policy_bytes", "renewals")
    return {
        "kind": made.kind,
        "target": made.target.id,
        "route": made.route,
        "why": made.why,
        "steps": [{name: getattr(step, name) for name in steps} for step in made.steps],
        "leases": [{name: getattr(lease, name) for name in leases} for lease in made.leases],
        "estimate": {
            "bytes": made.estimate.bytes,
            "seconds": made.estimate.seconds,
            "cost": _cost(made.estimate.cost),
        },
        "warnings": [warning.text for warning in made.warnings],
    }


def _cost(cost: Cost | None) -> dict[str, Any] | None:
    """Amounts at most, in millionths of a US dollar."""
    if cost is None:
        return None
    amounts = ("reading", "crossing", "passing", "once", "monthly")
    return {
        "unit": "USD/1000000",
        **{name: getattr(cost, name) for name in amounts},
        "prices": cost.prices,
        "uncounted": list(cost.uncounted),
    }


def show(made: Plan, names: Names) -> None:
    """The plan for people: what, why so, dangers, each step with its account and its undo, leases, notes."""
    target, grave, light = made.target, dangers(made), notes(made)
    held = f", {target.attached_to}" if target.attached_to else ""
    read = f"up to {size(made.estimate.bytes)} read" if made.estimate.bytes else "nothing is read"
    cost = made.estimate.cost
    fields(
        [
            ("target", f"{made.kind} {target.id} ({target.name}{held}, {size(target.size_bytes)})"),
            ("account", f"{_account(made, target.account, names)} ({target.account}), {target.region}"),
            ("route", f"{made.route}, because {made.why}"),
            ("estimate", f"{read}, about {max(1, made.estimate.seconds // 60)} min"),
            *((("cost", "; ".join(costs.in_words(cost))),) if cost else ()),
            *(("ends in", f"{item.kind} {item.source} ({item.name})") for item in made.items),
            *(("DANGER", warning.text) for warning in grave),
        ]
    )
    print()
    table(
        ("step", "what", "effect", "runs as", "call", "undo"),
        [
            (
                step.id,
                step.title,
                step.effect.upper() if _GRAVITY[step.effect] > _GRAVITY["collect"] else step.effect,
                _account(made, step.account, names) if step.lease else "jump host",
                step.call,
                step.undo,
            )
            for step in made.steps
        ],
        "No step.",
        cap=_WHOLE,
    )
    print()
    table(
        ("lease in", "effect", "steps", "lasts", "renewals", "policy", "role"),
        [
            (
                _account(made, lease.account, names),
                lease.effect,
                len(lease.steps),
                f"{lease.seconds // 60} min",
                lease.renewals,
                f"{lease.policy_bytes} of 2048 bytes",
                lease.role,
            )
            for lease in made.leases
        ],
        "No lease.",
        cap=_WHOLE,
    )
    said = [
        *(("leases", note) for note in dict.fromkeys(lease.note for lease in made.leases if lease.note)),
        *(("note", warning.text) for warning in light),
    ]
    if said:
        print()
        fields(said)


def _account(made: Plan, account: str, names: Names) -> str:
    own = made.target.account_name if account == made.target.account else ""
    return own or names.get(account) or account
