"""What the agent answers when it is asked for a plan, or to start a batch of them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec

from app.faults import Fault, PlanChanged, Refused
from app.model import Plan


class Answer(msgspec.Struct, frozen=True):
    """What the agent says to ``plan``. ``space`` is a sentence on the room for what it reads."""

    plan: Plan
    digest: str
    space: str = ""


def read_answer(found: object) -> Answer:
    """The agent's answer to ``plan``; Fault where it is none that this version can read."""
    try:
        return msgspec.convert(found, Answer)
    except msgspec.ValidationError as error:
        raise Fault(
            "the agent's answer is not a plan this version can read",
            next="check that the agent and this screen are of the same version (jumpbag info)",
        ) from error


def read_started(found: object) -> str:
    """The id in the agent's answer to ``acquire``; Fault where there is none."""
    started = found.get("acquisition") if isinstance(found, dict) else None
    if isinstance(started, str) and started:
        return started
    raise Fault(
        "the agent's answer to the order cannot be read by this version",
        next="what has started stands in the acquisitions pane",
    )


class Started(msgspec.Struct, frozen=True):
    """A target of a batch, and the id of its acquisition."""

    target: str
    acquisition: str


class Rejected(msgspec.Struct, frozen=True):
    """A target of a batch that was not started; ``error`` is what :meth:`app.faults.Fault.data` wrote."""

    target: str
    error: dict[str, Any]


class BatchAnswer(msgspec.Struct, frozen=True):
    """What the agent says to ``acquire.batch``."""

    started: tuple[Started, ...] = ()
    refused: tuple[Rejected, ...] = ()


def read_batch(found: object) -> BatchAnswer:
    """The agent's answer to ``acquire.batch``; Fault where it is none that this version can read."""
    try:
        return msgspec.convert(found, BatchAnswer)
    except msgspec.ValidationError as error:
        raise Fault(
            "the agent's answer to the batch cannot be read by this version",
            next="what has started stands in the acquisitions pane",
        ) from error


def outdated_by(fault: Fault, targets: Sequence[str]) -> list[str]:
    """The targets (``cloud:account:id``) whose plans do not hold any more: those that the refusal is about; all of
    them, where a plan has changed and it is not said which."""
    if not isinstance(fault, Refused):
        return []
    found = [one for one in targets if one in fault.targets]
    return found or (list(targets) if isinstance(fault, PlanChanged) else [])
