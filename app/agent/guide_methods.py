"""The commands that follow a playbook."""

from __future__ import annotations

import asyncio
from typing import Any

from app.agent.case_agent import CaseAgent
from app.agent.server import Handler, Peer
from app.faults import Usage


def guide_methods(agent: CaseAgent) -> dict[str, Handler]:
    """``playbook.start``, ``step``, ``target`` and ``takeover``; how a run stands is in the read model."""

    async def start(peer: Peer, params: dict[str, Any]) -> Any:
        await agent.ready()
        playbook, target = _text(params, "playbook"), _words(params, "target")
        library = await asyncio.to_thread(agent.guides.library)
        return {"run": agent.guides.start(library, playbook, target, _actor(agent, peer))}

    async def step(peer: Peer, params: dict[str, Any]) -> Any:
        await agent.ready()
        run, name, state = (_text(params, key) for key in ("run", "step", "state"))
        note, sha256 = _words(params, "note"), _words(params, "sha256")
        actor, attached = _actor(agent, peer), peer.attached
        agent.guides.step(run, name, state, note, actor, sha256=sha256, attached=attached)
        return {"run": run, "step": name, "state": state}

    async def target(peer: Peer, params: dict[str, Any]) -> Any:
        await agent.ready()
        run = _text(params, "run")
        return {"run": run, "target": agent.guides.about(run, _words(params, "target"), _actor(agent, peer))}

    async def takeover(peer: Peer, params: dict[str, Any]) -> Any:
        await agent.ready()
        run = _text(params, "run")
        return {"run": run, "examiner": agent.guides.take_over(run, _actor(agent, peer))}

    return {
        "playbook.start": start,
        "playbook.step": step,
        "playbook.target": target,
        "playbook.takeover": takeover,
    }


def _text(params: dict[str, Any], name: str) -> str:
    value = _words(params, name)
    if not value:
        raise Usage(f"the parameter {name} is missing")
    return value


def _words(params: dict[str, Any], name: str) -> str:
    """Words that need not be there."""
    value = params.get(name) or ""
    if not isinstance(value, str):
        raise Usage(f"the parameter {name} is not text")
    return value


def _actor(agent: CaseAgent, peer: Peer) -> str:
    return peer.examiner or agent.case.settings.examiner.id
