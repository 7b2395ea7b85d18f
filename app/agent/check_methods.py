"""The commands that re-verify sealed items."""

from __future__ import annotations

from typing import Any

from app.agent.case_agent import CaseAgent
from app.agent.server import Handler, Peer
from app.faults import Usage


def check_methods(agent: CaseAgent) -> dict[str, Handler]:
    """``evidence.verify`` and ``evidence.stop``; how a check goes is in the read model."""

    async def verify(peer: Peer, params: dict[str, Any]) -> Any:
        await agent.ready()
        row = agent.checks.start(_item(params), _actor(agent, peer))
        return {"item": row.item, "state": row.state}

    async def stop(peer: Peer, params: dict[str, Any]) -> Any:
        await agent.ready()
        row = await agent.checks.stop(_item(params), _actor(agent, peer))
        return {"item": row.item, "state": row.state}

    return {"evidence.verify": verify, "evidence.stop": stop}


def _item(params: dict[str, Any]) -> str:
    value = params.get("item")
    if not isinstance(value, str) or not value:
        raise Usage("the parameter item is missing")
    return value


def _actor(agent: CaseAgent, peer: Peer) -> str:
    return peer.examiner or agent.case.settings.examiner.id
