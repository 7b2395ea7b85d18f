"""On whose behalf a command is given: of whoever sits at the session, or whom a verb names; of nobody who left."""

from __future__ import annotations

import copy
from typing import Any

from app.agent.server import Peer
from app.config import Examiner
from app.faults import Refused, Usage

_ORDERS = ("acquire", "acquisition", "evidence", "lease", "playbook", "stop")
"""Commands that change something, by the first part of their names. The rest reads, or is of the session."""
_OF_THE_WINDOW = ("session.arm", "session.disarm")
_OF_THE_CONNECTION = ("session.attach", "session.detach", "session.arm")


def speaker(peer: Peer, method: str, params: dict[str, Any], examiners: Examiner) -> Peer:
    """The peer as that command is to see it, whatever becomes of the session meanwhile: its ``examiner`` is whom
    custody names, None for the case's own. What is of the connection itself gets the peer itself.

    A connection that attached speaks as who attached. Any other may name one of the roster in the parameter
    ``examiner``. Usage if that is nobody of the case, or somebody else than who attached; Refused where a session
    that was left gives an order.
    """
    order = method.partition(".")[0] in _ORDERS or method in _OF_THE_WINDOW
    if peer.detached and order:
        raise Refused("this session has left the case, and gives no orders", next="open the case again")
    if method in _OF_THE_CONNECTION:
        return peer
    speaking = copy.copy(peer)
    named = params.get("examiner")
    if named is None:
        return speaking
    if not isinstance(named, str):
        raise Usage("the parameter examiner is not text")
    examiners.check(named)
    if peer.attached and named != peer.examiner:
        raise Usage(f"this session is of {peer.examiner}, not of {named}", next="open the case as that examiner")
    speaking.examiner = named
    return speaking


def alone(peer: Peer, params: dict[str, Any]) -> bool:
    """Whether a command opens the case for its one plan, as verbs do; Refused for a session, which has windows."""
    armed = params.get("arm") is True
    if armed and peer.attached:
        raise Refused("only a verb opens the case for one plan", next="open a write window: w in the UI, or :arm")
    return armed
