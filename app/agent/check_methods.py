"""The commands that re-verify sealed items."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from app.agent.case_agent import CaseAgent
from app.agent.params import text
from app.agent.server import Handler, Peer


def check_methods(agent: CaseAgent, actor: Callable[[Peer], str]) -> dict[str, Handler]:
    """``evidence.verify`` and ``evidence.stop``; how a check goes is in the read model. ``actor``: on whose
    behalf a peer speaks."""

    async def verify(peer: Peer, params: dict[str, Any]) -> Any:
        await agent.ready()
        row = agent.checks.start(text(params, "item"), actor(peer))
        return {"item": row.item, "state": row.state}

    async def stop(peer: Peer, params: dict[str, Any]) -> Any:
        await agent.ready()
        row = await agent.checks.stop(text(params, "item"), actor(peer))
        return {"item": row.item, "state": row.state}

    return {"evidence.verify": verify, "evidence.stop": stop}
