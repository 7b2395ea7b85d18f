"""The commands that the agent takes over its socket."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import msgspec

from app.agent.case_agent import CaseAgent
from app.agent.server import Handler, Peer
from app.custody import verify
from app.faults import Usage


def methods(agent: CaseAgent) -> tuple[dict[str, Handler], Callable[[Peer], None]]:
    """Every method by name, and what to do when a peer is gone. Parameters are checked here."""

    def actor(peer: Peer, params: dict[str, Any]) -> str:
        return peer.examiner or agent.case.settings.examiner.id

    async def status(peer: Peer, params: dict[str, Any]) -> Any:
        return agent.status()

    async def ready(peer: Peer, params: dict[str, Any]) -> Any:
        await agent.ready()
        return agent.status()

    async def unlock(peer: Peer, params: dict[str, Any]) -> Any:
        await agent.unlock(_text(params, "passphrase"))
        return agent.status()

    async def attach(peer: Peer, params: dict[str, Any]) -> Any:
        record = await agent.ready()
        examiner = _text(params, "examiner")
        if examiner != agent.case.settings.examiner.id:
            raise Usage(f"{examiner!r} is not an examiner of this case", next="the roster is in case.toml")
        peer.examiner, peer.attached = examiner, True
        record.fact("session.attach", f"{examiner} opened the case in the terminal.", actor=examiner)
        return agent.status()

    async def detach(peer: Peer, params: dict[str, Any]) -> Any:
        left(peer)
        return agent.status()

    def left(peer: Peer) -> None:
        if peer.attached and agent.record is not None:
            peer.attached = False
            name = peer.examiner or "examiner"
            agent.record.fact("session.detach", f"{name} left the terminal; the agent goes on.", actor=name)

    async def refresh(peer: Peer, params: dict[str, Any]) -> Any:
        await agent.ready()
        scope, wanted = _text(params, "scope"), params.get("accounts")
        who = actor(peer, params)
        if scope == "accounts":
            work = _accounts(agent, who)
        elif scope == "resources":
            work = agent.browse.resources(set(wanted) if wanted else None, who)
        else:
            raise Usage(f"no such scope {scope!r}")
        task = asyncio.ensure_future(work)
        if params.get("wait", False):
            return {"problems": await task}
        done, _ = await asyncio.wait({task}, timeout=0.5)
        if done:
            return {"problems": task.result()}  # credentials that do not work are said at once
        task.add_done_callback(_quiet)
        return {"problems": []}

    async def readiness(peer: Peer, params: dict[str, Any]) -> Any:
        await agent.ready()
        found = await agent.browse.readiness(actor(peer, params))
        return [{"check": r.check, "ok": r.ok, "detail": r.detail, "fix": r.fix} for r in found]

    async def plan(peer: Peer, params: dict[str, Any]) -> Any:
        made, digest = await agent.plan(
            _text(params, "kind"),
            _text(params, "target"),
            params.get("route") or "auto",
            _days(params),
            actor(peer, params),
        )
        return {"plan": msgspec.to_builtins(made), "digest": digest}

    async def acquire(peer: Peer, params: dict[str, Any]) -> Any:
        return await agent.acquire(
            _text(params, "kind"),
            _text(params, "target"),
            params.get("route") or "auto",
            _days(params),
            params.get("reason") or "",
            params.get("digest"),
            actor(peer, params),
        )

    async def pause(peer: Peer, params: dict[str, Any]) -> Any:
        return await _steer(agent, "pause", peer, params)

    async def resume(peer: Peer, params: dict[str, Any]) -> Any:
        return await _steer(agent, "resume", peer, params)

    async def cancel(peer: Peer, params: dict[str, Any]) -> Any:
        return await _steer(agent, "cancel", peer, params)

    async def revoke(peer: Peer, params: dict[str, Any]) -> Any:
        await agent.ready()
        lease, who = _text(params, "lease"), actor(peer, params)
        acq = agent.broker.acquisition_of(lease)
        if acq is not None:
            await agent.acquisitions.let_go(acq, lease, who)
        agent.broker.revoke(lease, who, params.get("reason") or "on request")
        return {"lease": params["lease"], "state": "revoked"}

    async def check(peer: Peer, params: dict[str, Any]) -> Any:
        found = await asyncio.to_thread(verify, agent.case.path, log_only=bool(params.get("log_only", False)))
        return msgspec.to_builtins(found)

    async def stop(peer: Peer, params: dict[str, Any]) -> Any:
        told = agent.status()
        agent.done.set()
        return told

    handlers: dict[str, Handler] = {
        "status": status,
        "ready": ready,
        "unlock": unlock,
        "session.attach": attach,
        "session.detach": detach,
        "inventory.refresh": refresh,
        "readiness": readiness,
        "plan": plan,
        "acquire": acquire,
        "acquisition.pause": pause,
        "acquisition.resume": resume,
        "acquisition.cancel": cancel,
        "lease.revoke": revoke,
        "verify": check,
        "stop": stop,
    }

    def touching(handler: Handler) -> Handler:
        async def touched(peer: Peer, params: dict[str, Any]) -> Any:
            agent.touch()
            return await handler(peer, params)

        return touched

    return {name: touching(handler) for name, handler in handlers.items()}, left


async def _accounts(agent: CaseAgent, who: str) -> list[str]:
    await agent.browse.accounts(who)
    return []


async def _steer(agent: CaseAgent, verb: str, peer: Peer, params: dict[str, Any]) -> Any:
    await agent.ready()
    acq = _text(params, "acquisition")
    who = peer.examiner or agent.case.settings.examiner.id
    state = await getattr(agent.acquisitions, verb)(acq, who, params.get("reason") or "")
    return {"acquisition": acq, "state": state}


def _text(params: dict[str, Any], name: str) -> str:
    value = params.get(name)
    if not isinstance(value, str) or not value:
        raise Usage(f"the parameter {name} is missing")
    return value


def _days(params: dict[str, Any]) -> int:
    value = params.get("lock_days") or 0
    if not isinstance(value, int) or isinstance(value, bool):
        raise Usage("the parameter lock_days is not a whole number of days")
    return value


def _quiet(task: asyncio.Future[Any]) -> None:
    if not task.cancelled():
        task.exception()  # it is on the board as a failed scan; nobody waits for it here
