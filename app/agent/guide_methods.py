"""The commands that follow a playbook."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

from app.agent.case_agent import CaseAgent
from app.agent.params import text, words
from app.agent.server import Handler, Peer


def guide_methods(agent: CaseAgent, actor: Callable[[Peer], str]) -> dict[str, Handler]:
    """``playbook.start``, ``step``, ``target``, ``takeover`` and ``abandon``; how a run stands is in the read
    model. ``actor``: on whose behalf a peer speaks."""

    async def start(peer: Peer, params: dict[str, Any]) -> Any:
        await agent.ready()
        playbook, target = text(params, "playbook"), words(params, "target")
        library = await asyncio.to_thread(agent.guides.library)
        return {"run": agent.guides.start(library, playbook, target, actor(peer))}

    async def step(peer: Peer, params: dict[str, Any]) -> Any:
        await agent.ready()
        run, name, state = (text(params, key) for key in ("run", "step", "state"))
        note, sha256 = words(params, "note"), words(params, "sha256")
        who, attached = actor(peer), peer.attached
        agent.guides.step(run, name, state, note, who, sha256=sha256, attached=attached)
        return {"run": run, "step": name, "state": state}

    async def target(peer: Peer, params: dict[str, Any]) -> Any:
        await agent.ready()
        run = text(params, "run")
        return {"run": run, "target": agent.guides.about(run, words(params, "target"), actor(peer))}

    async def takeover(peer: Peer, params: dict[str, Any]) -> Any:
        await agent.ready()
        run = text(params, "run")
        return {"run": run, "examiner": agent.guides.take_over(run, actor(peer))}

    async def abandon(peer: Peer, params: dict[str, Any]) -> Any:
        await agent.ready()
        run = text(params, "run")
        return {"run": run, "abandoned": agent.guides.abandon(run, words(params, "reason"), actor(peer))}

    return {
        "playbook.start": start,
        "playbook.step": step,
        "playbook.target": target,
        "playbook.takeover": takeover,
        "playbook.abandon": abandon,
    }
