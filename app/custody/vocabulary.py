"""The words of the custody log: what may be recorded, and what a checkpoint must follow."""

from __future__ import annotations

FACTS: frozenset[str] = frozenset(
    [
        "case.open",
        "case.close",
        "case.note",
        "config.change",
        "key.add",
        "key.rotate",
        "agent.start",
        "agent.recover",
        "agent.stop",
        "session.attach",
        "session.detach",
        "session.arm",
        "session.disarm",
        "lease.expire",
        "plan.approve",
        "acquisition.start",
        "acquisition.pause",
        "acquisition.resume",
        "acquisition.cancel",
        "acquisition.finish",
        "custody.offer",
        "custody.accept",
        "approval.request",
        "approval.grant",
        "approval.deny",
        "playbook.start",
        "playbook.step",
        "playbook.takeover",
        "log.recovered",
        "log.checkpoint",
    ]
)

ACTS: frozenset[str] = frozenset(
    [
        "lease.issue",
        "lease.renew",
        "lease.revoke",
        "access.activate",
        "access.deactivate",
        "snapshot.create",
        "snapshot.share",
        "snapshot.unshare",
        "snapshot.copy",
        "snapshot.lock",
        "snapshot.delete",
        "snapshot.grant",
        "snapshot.revoke",
        "disk.create",
        "disk.delete",
        "instance.create",
        "instance.delete",
        "object.create",
        "object.delete",
        "key.grant",
        "key.retire",
        "tag.set",
        "command.run",
        "log.collect",
        "config.collect",
        "evidence.read",
        "evidence.seal",
        "evidence.verify",
        "evidence.export",
        "contain.apply",
        "contain.revert",
        "log.anchor",
    ]
)

OUTCOMES: frozenset[str] = frozenset({"result", "failed", "abandoned"})
PHASES: frozenset[str] = OUTCOMES | {"fact", "intent"}

CHECKPOINT_EVERY = 50
"""At most so many other events stand between two checkpoints."""

_CHECKPOINT_AFTER: frozenset[str] = frozenset(
    {"acquisition.finish", "acquisition.cancel", "custody.offer", "custody.accept", "agent.stop"}
)

VERBS: frozenset[str] = frozenset(
    [
        "demo",
        "range",
        "case",
        "accounts",
        "resources",
        "plan",
        "acquire",
        "acquisitions",
        "pause",
        "resume",
        "cancel",
        "leases",
        "lease",
        "custody",
        "evidence",
        "verify",
        "agent",
        "doctor",
        "info",
    ]
)
"""The command line's verbs: no case may have such an id."""


def asks_checkpoint(op: str, phase: str) -> bool:
    """Whether a checkpoint must stand directly after an event."""
    return op in _CHECKPOINT_AFTER or (op == "evidence.export" and phase in OUTCOMES)
