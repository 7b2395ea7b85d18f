"""``jumpbag plan | acquire | acquisitions | pause | resume | cancel``."""

from __future__ import annotations

import asyncio
import sys
from typing import Any

import msgspec

from app.cli.output import emit, emit_line, failed, fields, say, size, table
from app.cli.session import Session, run
from app.client.feed import Feed
from app.client.rpc import AgentClient
from app.faults import AgentGone, CredentialNeeded, Fault, Refused
from app.model import ENDED, Acquisition, Plan
from app.model.view import CaseSnapshot
from app.text import visible

_POLL_S = 0.25
_LOUD = frozenset({"share", "modify", "destroy"})


def plan(session: Session) -> int:
    async def work() -> int:
        async with session.agent() as (_, client):
            made, _ = await _plan(session, client)
        if session.json:
            emit(_document(made))
        else:
            show(made)
        return 0

    return run(work)


async def _plan(session: Session, client: AgentClient) -> tuple[Plan, str]:
    options = session.options
    told = await client.call("plan", {"kind": options.kind, "target": options.target, "route": options.route})
    return msgspec.convert(told["plan"], Plan), told["digest"]


def _document(made: Plan) -> dict[str, Any]:
    steps = ("id", "title", "effect", "call", "account", "resource", "undo")
    leases = ("account", "role", "steps", "policy", "policy_bytes", "renewals")
    return {
        "kind": made.kind,
        "target": made.target.id,
        "route": made.route,
        "why": made.why,
        "steps": [{name: getattr(step, name) for name in steps} for step in made.steps],
        "leases": [{name: getattr(lease, name) for name in leases} for lease in made.leases],
        "estimate": {"bytes": made.estimate.bytes, "seconds": made.estimate.seconds},
        "warnings": [warning.text for warning in made.warnings],
    }


def show(made: Plan) -> None:
    """The plan for people."""
    fields(
        [
            ("target", f"{made.kind} {made.target.id} ({made.target.name}, {size(made.target.size_bytes)})"),
            ("account", f"{made.target.account} {made.target.account_name}, {made.target.region}"),
            ("route", f"{made.route}: {made.why}"),
            (
                "estimate",
                f"up to {size(made.estimate.bytes)} read, about {max(1, made.estimate.seconds // 60)} min",
            ),
        ]
    )
    table(
        ("step", "what", "call", "effect", "undo"),
        [(step.id, step.title, step.call, step.effect, step.undo) for step in made.steps],
        "No step.",
    )
    for lease in made.leases:
        fields([(f"lease {lease.effect}", f"{lease.role}, {lease.policy_bytes} of 2048 bytes of policy")])
    for warning in made.warnings:
        fields([("note", warning.text)])


def acquire(session: Session) -> int:
    options = session.options

    async def work() -> int:
        async with session.agent() as (case, client):
            made, digest = await _plan(session, client)
            _agreed(session, made)
            told = await client.call(
                "acquire",
                {
                    "kind": options.kind,
                    "target": options.target,
                    "route": options.route,
                    "reason": options.reason or "",
                    "digest": digest,
                },
            )
            if not options.wait:
                if session.json:
                    emit(told)
                else:
                    say(f"{told['acquisition']} is queued; `jumpbag acquisitions {case.id} --follow` watches it.")
                return 0
            return await _wait(session, client, Feed(case.read_model), told["acquisition"])

    return run(work)


def _agreed(session: Session, made: Plan) -> None:
    """The verb itself is the approval; a person at a terminal reads the plan first."""
    loud = [step for step in made.steps if step.effect in _LOUD]
    if session.options.yes:
        return
    if session.json or not sys.stdin.isatty():
        if loud:
            raise Refused(f"the plan has steps that {loud[0].effect}", next="approve them with --yes")
        return
    show(made)
    if input("Approve and start? Type yes: ").strip() != "yes":
        raise Refused("the plan was not approved", next="nothing was changed")


async def _wait(session: Session, client: AgentClient, feed: Feed, acq: str) -> int:
    """Until it ends; what waits for a person is said once, on stderr."""
    said = ""
    while True:
        feed.poll()
        row = next((row for row in feed.snapshot.acquisitions if row.id == acq), None)
        if row is not None:
            if row.state in ENDED or row.state == "interrupted":
                return _ended(session, feed, row)
            if row.state == "waiting_for_credentials" and row.error != said:
                said = row.error or ""
                say(f"jumpbag: {acq} waits: {row.error}. Next: {row.next}.")
            elif not session.json and f"{row.state} {row.step}" != said:
                said = f"{row.state} {row.step}"
                say(f"{acq} {row.state}: {row.step}")
        try:
            # Also tells at once when the agent is gone, rather than waiting for a row that never comes.
            await client.call("status")
        except AgentGone:
            raise AgentGone(
                f"the agent went away while {acq} ran",
                next=f"`jumpbag acquisitions {session.options.case}` starts it again, and {acq} goes on",
            ) from None
        await asyncio.sleep(_POLL_S)


def _ended(session: Session, feed: Feed, row: Acquisition) -> int:
    item = next((item for item in feed.snapshot.items if item.id == row.item), None)
    told: dict[str, Any] = {
        "acquisition": row.id,
        "state": row.state,
        "item": item.id if item else None,
        "sha256": item.sha256 if item else None,
        "bytes": item.bytes if item else None,
        "path": item.path if item else None,
    }
    if row.state == "done":
        if session.json:
            emit(told)
        else:
            fields([(name, value) for name, value in told.items() if value is not None])
        return 0
    kind = CredentialNeeded if row.state == "interrupted" else Fault
    return failed(kind(row.error or f"{row.id} is {row.state}", next=row.next or ""), session.json, **told)


_KEYS = (
    "id",
    "kind",
    "target",
    "route",
    "state",
    "step",
    "bytes_done",
    "bytes_total",
    "rate",
    "eta_s",
    "error",
    "item",
)


def _rows(seen: CaseSnapshot) -> list[dict[str, Any]]:
    """The board, where an item is named once it is sealed, and not when its id is set aside."""
    sealed = {item.id for item in seen.items}
    rows = [{name: getattr(row, name) for name in _KEYS} for row in seen.acquisitions]
    return [{**row, "item": row["item"] if row["item"] in sealed else None} for row in rows]


def acquisitions(session: Session) -> int:
    async def work() -> int:
        async with session.agent() as (case, client):
            await client.call("ready")
            feed = Feed(case.read_model)
            feed.poll()
            if session.options.follow:
                return await _follow(session, client, feed)
        rows = _rows(feed.snapshot)
        if session.json:
            emit(rows)
        else:
            table(
                ("id", "kind", "target", "state", "step", "done", "of", "item", "error"),
                [
                    (
                        *(r[name] for name in ("id", "kind", "target", "state", "step")),
                        *(size(r[name]) for name in ("bytes_done", "bytes_total")),
                        *(r["item"], r["error"]),
                    )
                    for r in rows
                ],
                "No acquisition yet.",
            )
        return 0

    return run(work)


async def _follow(session: Session, client: AgentClient, feed: Feed) -> int:
    """Each change of a row as it comes, until interrupted."""
    shown: dict[str, dict[str, Any]] = {}
    while True:
        for row in _rows(feed.snapshot):
            if shown.get(row["id"]) == row:
                continue
            shown[row["id"]] = row
            if session.json:
                emit_line(row)
            else:
                done = f"{size(row['bytes_done'])} of {size(row['bytes_total'])}"
                words = (row["id"], row["state"], row["step"], done if row["bytes_done"] is not None else "")
                print(visible(" ".join([*words, row["error"] or ""]).rstrip(), cap=2000), flush=True)
        await client.call("status")
        await asyncio.sleep(_POLL_S)
        feed.poll()


def steer(session: Session) -> int:
    """pause, resume, cancel."""
    verb = session.options.verb

    async def work() -> int:
        async with session.agent() as (_, client):
            told = await client.call(f"acquisition.{verb}", {"acquisition": session.options.acquisition})
        if session.json:
            emit(told)
        else:
            say(f"{told['acquisition']} is {told['state']}.")
        return 0

    return run(work)
