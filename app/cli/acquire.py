"""``jumpbag acquire | acquisitions | pause | resume | cancel``."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Sequence
from typing import Any

from app.cli.output import emit, emit_line, failed, fields, say, sentences, size, table
from app.cli.plan import Names, ask, grave_effects, gravest, names_of, show, wanted
from app.cli.session import Session, run
from app.client.feed import Feed
from app.client.rpc import AgentClient
from app.faults import AgentGone, CredentialNeeded, Fault, Refused
from app.model import ENDED, Acquisition, EvidenceItem, Plan
from app.model.view import CaseSnapshot
from app.text import visible

_POLL_S = 0.25
_WHOLE = 400  # characters of a cell of the board: an error and what to do about it are read whole


def acquire(session: Session) -> int:
    options = session.options

    async def work() -> int:
        async with session.agent() as (case, client):
            made, digest = await ask(session, client)
            _agreed(session, made, names_of(Feed(case.read_model)))
            told = await client.call(
                "acquire", {**wanted(session), "reason": options.reason or "", "digest": digest, "arm": True}
            )
            if not options.wait:
                if session.json:
                    emit(told)
                else:
                    say(f"{told['acquisition']} is queued; `jumpbag acquisitions {case.id} --follow` watches it.")
                return 0
            return await _wait(session, client, Feed(case.read_model), told["acquisition"])

    return run(work)


def _agreed(session: Session, made: Plan, names: Names) -> None:
    """The verb itself is the approval; a person at a terminal reads the plan first, and types what it does."""
    word = gravest(made)
    if session.options.yes:
        return
    if session.json or not sys.stdin.isatty():
        if word:
            raise Refused(f"the plan has steps that {grave_effects(made)}", next="approve them with --yes")
        return
    show(made, names)
    word = word or "yes"
    try:
        typed = input(f"Approve and start? Type {word}: ").strip()
    except EOFError:
        typed = ""
    if typed != word:
        raise Refused("the plan was not approved", next="nothing was changed")


async def _wait(session: Session, client: AgentClient, feed: Feed, acq: str) -> int:
    """Until it ends; what waits for a person is said once, on stderr."""
    asked = shown = ""
    while True:
        feed.poll()
        row = next((row for row in feed.snapshot.acquisitions if row.id == acq), None)
        if row is not None:
            if row.state in ENDED or row.state == "interrupted":
                return _ended(session, feed, row)
            need, state = _needed(row), f"{row.state}: {row.step}"
            if need and need != asked:
                asked = need
                say(need)
            elif not need and state != shown:  # while it only tries again it says nothing anew
                asked, shown = "", state
                if not session.json:
                    say(f"{acq} {state}")
        try:
            # Also tells at once when the agent is gone, rather than waiting for a row that never comes.
            await client.call("status")
        except AgentGone:
            raise AgentGone(
                f"the agent went away while {acq} ran",
                next=f"`jumpbag acquisitions {session.options.case}` starts it again, and {acq} goes on",
            ) from None
        await asyncio.sleep(_POLL_S)


def _needed(row: Acquisition) -> str:
    """What one that waits asks of a person, "" while it works."""
    if row.state != "waiting_for_credentials":
        return ""
    return f"jumpbag: {row.id} waits: {sentences(row.error or 'its credentials ended', row.next)}"


def _ended(session: Session, feed: Feed, row: Acquisition) -> int:
    told = result(row, [item for item in feed.snapshot.items if item.acquisition == row.id])
    if row.state == "done":
        if session.json:
            emit(told)
        else:
            fields([("acquisition", row.id), ("state", row.state)])
            for item in told["items"]:
                fields([(name, value) for name, value in item.items() if value is not None])
        return 0
    kind = CredentialNeeded if row.state == "interrupted" else Fault
    return failed(kind(row.error or f"{row.id} is {row.state}", next=row.next or ""), session.json, **told)


def result(row: Acquisition, sealed: Sequence[EvidenceItem]) -> dict[str, Any]:
    """What an acquisition ended in. The single keys speak of the only disk; where there is none, or more than
    one, ``item`` is the first id and the other three are null. Nothing is sealed: all four are null."""
    disks = [item for item in sealed if item.kind == "disk"]
    only = disks[0] if len(disks) == 1 else None
    return {
        "acquisition": row.id,
        "state": row.state,
        "item": only.id if only else sealed[0].id if sealed else None,
        "sha256": only.sha256 if only else None,
        "bytes": only.bytes if only else None,
        "path": only.path if only else None,
        "items": [
            {
                "item": item.id,
                "kind": item.kind,
                "source": item.source or None,
                "sha256": item.sha256,
                "bytes": item.bytes,
                "path": item.path,
            }
            for item in sealed
        ],
    }


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
    "next",
    "item",
)


def _rows(seen: CaseSnapshot) -> list[dict[str, Any]]:
    """The board, where items are named once they are sealed, and not when their ids are set aside."""
    sealed = {item.id for item in seen.items}
    rows: list[dict[str, Any]] = []
    for row in seen.acquisitions:
        told = {name: getattr(row, name) for name in _KEYS}
        told["item"] = row.item if row.item in sealed else None
        told["items"] = [item for item in row.items or (row.item,) if item in sealed]
        rows.append(told)
    return rows


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
                ("id", "kind", "target", "state", "step", "done", "of", "items", "error", "next"),
                [
                    (
                        *(r[name] for name in ("id", "kind", "target", "state", "step")),
                        *(size(r[name]) for name in ("bytes_done", "bytes_total")),
                        *(", ".join(r["items"]), r["error"], r["next"]),
                    )
                    for r in rows
                ],
                "No acquisition yet.",
                cap=_WHOLE,
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
                said = " ".join(word for word in (*words, row["error"] or "") if word)
                print(visible(sentences(said, row["next"]) if row["next"] else said, cap=2000), flush=True)
        await client.call("status")
        await asyncio.sleep(_POLL_S)
        feed.poll()


def steer(session: Session) -> int:
    """pause, resume, cancel."""
    verb = session.options.verb

    async def work() -> int:
        async with session.agent() as (_, client):
            asked = session.spoken(acquisition=session.options.acquisition)
            if verb == "resume":
                asked["arm"] = True  # what may have to be approved again is named: this one alone
            told = await client.call(f"acquisition.{verb}", asked)
        if session.json:
            emit(told)
        else:
            say(_steered(verb, told["acquisition"], told["state"]))
        return 0

    return run(work)


def _steered(verb: str, acq: str, state: str) -> str:
    """What became of the order. A cancelled one may still be taking back what it shared."""
    if verb == "cancel" and state != "cancelled":
        return f"{acq} is being cancelled: what it shared is taken back."
    return f"{acq} is {state.replace('_', ' ')}."
