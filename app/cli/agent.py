"""``jumpbag agent status | stop``."""

from __future__ import annotations

from typing import Any

from app.cli.output import emit, fields, say
from app.cli.session import Session, run
from app.faults import AgentGone


def status(session: Session) -> int:
    async def work() -> int:
        try:
            async with session.agent(start=False) as (_, client):
                told: dict[str, Any] = await client.call("status")
        except AgentGone:
            told = {"pid": None, "state": "stopped", "survives_logout": None, "leases": 0, "running": 0}
        if session.json:
            emit(told)
        else:
            fields(list(told.items()))
        return 0

    return run(work)


def stop(session: Session) -> int:
    async def work() -> int:
        try:
            async with session.agent(start=False) as (_, client):
                told: dict[str, Any] = await client.call("stop", session.spoken())
                await client.ended()
        except AgentGone:
            told = {"pid": None, "state": "stopped", "survives_logout": None, "leases": 0, "running": 0}
        if session.json:
            emit({**told, "state": "stopped"})
        else:
            left = told["running"]
            say("The agent has stopped." + (f" {left} acquisitions go on when it starts again." if left else ""))
        return 0

    return run(work)
