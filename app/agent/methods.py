"""The commands that the agent takes over its socket."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import msgspec

from app.agent.case_agent import CaseAgent
from app.agent.check_methods import check_methods
from app.agent.guide_methods import guide_methods
from app.agent.params import days, names, text, words
from app.agent.planning import Asked
from app.agent.server import Handler, Peer
from app.agent.speaking import alone, speaker
from app.clock import stamp_us
from app.faults import AgentGone, Usage
from app.model.window import LONGEST, MINUTES


def methods(agent: CaseAgent) -> tuple[dict[str, Handler], Callable[[Peer], None]]:
    """Every method by name, and what to do when a peer is gone. Parameters are checked here."""

    def actor(peer: Peer) -> str:
        return peer.examiner or agent.case.settings.examiner.id

    async def status(peer: Peer, params: dict[str, Any]) -> Any:
        return agent.status()

    async def ready(peer: Peer, params: dict[str, Any]) -> Any:
        await agent.ready()
        return agent.status()

    async def unlock(peer: Peer, params: dict[str, Any]) -> Any:
        await agent.unlock(text(params, "passphrase"))
        return agent.status()

    async def attach(peer: Peer, params: dict[str, Any]) -> Any:
        record = await agent.ready()
        examiner = text(params, "examiner")
        agent.case.settings.examiner.check(examiner)
        if peer.gone:
            raise AgentGone("the connection is closed", next="attach again")
        left(peer)
        record.fact("session.attach", f"{examiner} opened the case in the terminal.", actor=examiner)
        peer.examiner, peer.attached, peer.detached = examiner, True, False
        return agent.status()

    async def detach(peer: Peer, params: dict[str, Any]) -> Any:
        left(peer)
        return agent.status()

    def left(peer: Peer) -> None:
        if peer.attached and agent.record is not None:
            name = actor(peer)
            peer.examiner, peer.attached, peer.detached = None, False, True
            agent.window.left(peer)
            agent.record.fact("session.detach", f"{name} left the terminal; the agent goes on.", actor=name)

    async def arm(peer: Peer, params: dict[str, Any]) -> Any:
        await agent.ready()
        minutes = params.get("minutes", MINUTES)
        if not isinstance(minutes, int) or isinstance(minutes, bool) or not 1 <= minutes <= LONGEST:
            raise Usage("a write window of that length is not possible", next=f"give 1 to {LONGEST} whole minutes")
        if not peer.attached:  # a connection that nobody sits before could hold it open unseen
            raise Usage("only an attached session opens a write window", next="open the case in the UI")
        return {"armed_until": agent.window.open(peer, actor(peer), minutes, words(params, "reason"))}

    async def disarm(peer: Peer, params: dict[str, Any]) -> Any:
        await agent.ready()
        agent.window.close("asked", actor(peer))
        return {"armed_until": None}

    async def refresh(peer: Peer, params: dict[str, Any]) -> Any:
        await agent.ready()
        scope, wanted = text(params, "scope"), names(params, "accounts")
        who = actor(peer)
        if scope == "accounts":
            work = _accounts(agent, who)
        elif scope == "resources":
            work = agent.browse.resources(wanted or None, who)
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
        found = await agent.browse.readiness(actor(peer))
        return [{"check": r.check, "ok": r.ok, "detail": r.detail, "fix": r.fix} for r in found]

    async def plan(peer: Peer, params: dict[str, Any]) -> Any:
        await agent.ready()
        made, digest = await agent.planning.plan(_asked(params), actor(peer))
        return {"plan": msgspec.to_builtins(made), "digest": digest}

    async def acquire(peer: Peer, params: dict[str, Any]) -> Any:
        asked, reason = _asked(params), words(params, "reason")
        digest = text(params, "digest") if params.get("digest") is not None else None
        armed = alone(peer, params)
        await agent.ready()
        return await agent.planning.acquire(asked, digest, reason, actor(peer), armed)

    async def batch(peer: Peer, params: dict[str, Any]) -> Any:
        plans = params.get("plans")
        if not isinstance(plans, list) or not all(isinstance(one, dict) for one in plans):
            raise Usage("the parameter plans is not a list of plans")
        wanted = [(_asked(one), text(one, "digest")) for one in plans]
        await agent.ready()
        return await agent.planning.batch(wanted, words(params, "reason"), actor(peer))

    async def pause(peer: Peer, params: dict[str, Any]) -> Any:
        await agent.ready()
        acq = text(params, "acquisition")
        state = await agent.acquisitions.pause(acq, actor(peer), words(params, "reason"))
        return {"acquisition": acq, "state": state}

    async def resume(peer: Peer, params: dict[str, Any]) -> Any:
        await agent.ready()
        acq, who, reason = text(params, "acquisition"), actor(peer), words(params, "reason")
        with agent.window.consent(alone(peer, params), who, reason) as consent:
            state = await agent.acquisitions.resume(acq, who, reason, consent)
        return {"acquisition": acq, "state": state}

    async def cancel(peer: Peer, params: dict[str, Any]) -> Any:
        await agent.ready()
        acq = text(params, "acquisition")
        state = await agent.acquisitions.cancel(acq, actor(peer), words(params, "reason"))
        return {"acquisition": acq, "state": state}

    async def revoke(peer: Peer, params: dict[str, Any]) -> Any:
        await agent.ready()
        lease, who = text(params, "lease"), actor(peer)
        acq = agent.broker.acquisition_of(lease)
        if acq is not None:
            await agent.acquisitions.let_go(acq, lease, who)
        agent.broker.revoke(lease, who, words(params, "reason") or "on request")
        return {"lease": lease, "state": "revoked"}

    async def check(peer: Peer, params: dict[str, Any]) -> Any:
        done = await agent.verifying.verified(actor(peer))
        if done.found.ok and agent.record is not None and peer.attached:
            agent.guides.judge.verified(actor(peer), done.began)
        return msgspec.to_builtins(done.found) | {"began": stamp_us(done.began), "recorded": done.recorded}

    async def stop(peer: Peer, params: dict[str, Any]) -> Any:
        told = agent.status()
        agent.stopped_by = actor(peer)
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
        "session.arm": arm,
        "session.disarm": disarm,
        "acquire": acquire,
        "acquire.batch": batch,
        "acquisition.pause": pause,
        "acquisition.resume": resume,
        "acquisition.cancel": cancel,
        "lease.revoke": revoke,
        "verify": check,
        "stop": stop,
        **check_methods(agent, actor),
        **guide_methods(agent, actor),
    }

    def touching(name: str, handler: Handler) -> Handler:
        async def touched(peer: Peer, params: dict[str, Any]) -> Any:
            agent.touch()
            return await handler(speaker(peer, name, params, agent.case.settings.examiner), params)

        return touched

    return {name: touching(name, handler) for name, handler in handlers.items()}, left


async def _accounts(agent: CaseAgent, who: str) -> list[str]:
    await agent.browse.accounts(who)
    return []


def _asked(params: dict[str, Any]) -> Asked:
    kind, target, route = text(params, "kind"), text(params, "target"), words(params, "route") or "auto"
    return Asked(kind, target, route, days(params, "lock_days"))


def _quiet(task: asyncio.Future[Any]) -> None:
    if not task.cancelled():
        task.exception()  # it is on the board as a failed scan; nobody waits for it here
