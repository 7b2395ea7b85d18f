"""The tags of everything that is made: whose it is, which step made it, and what may be deleted again."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from app.model import Step
from app.ports import StepContext
from providers.aws.identity import CASE_TAG

ACQUISITION_TAG, STEP_TAG, HEAD_TAG = "jumpbag:acquisition", "jumpbag:step", "jumpbag:head"
TRANSPORT_TAG, TRANSPORT_YES = "jumpbag:transport", "yes"
"""On copies that exist for transport alone: nothing without it is ever deleted."""


def identity(step: Step, context: StepContext) -> dict[str, str]:
    """The tags by which what a step made is found again."""
    return {CASE_TAG: context.case, ACQUISITION_TAG: context.acquisition, STEP_TAG: step.id}


def specification(step: Step, context: StepContext, subject: str) -> list[dict[str, Any]]:
    """``TagSpecifications`` of a call that makes snapshots; ``subject`` is what they are of, for the name."""
    tags = {
        "Name": f"jumpbag {context.acquisition} {subject}",
        **identity(step, context),
        HEAD_TAG: context.head,
    }
    if step.params.get("transport") is True:
        tags[TRANSPORT_TAG] = TRANSPORT_YES
    return [{"ResourceType": "snapshot", "Tags": [{"Key": key, "Value": value} for key, value in tags.items()]}]


def carries(tags: Mapping[str, str], wanted: Mapping[str, str]) -> bool:
    return all(tags.get(name) == value for name, value in wanted.items())
