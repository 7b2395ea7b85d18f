"""The plan: the one description of an acquisition.

Preview, permissions, session policies, execution, custody events and clean-up are all derived from it.
A plan is data: it is signed into the custody log when it is approved and read back from there.
"""

from __future__ import annotations

from typing import Any, Literal

import msgspec

from app.model.inventory import Cloud

Effect = Literal["observe", "collect", "share", "modify", "destroy"]
StepKind = Literal["act", "wait", "download", "hash", "seal"]


class Target(msgspec.Struct, frozen=True, kw_only=True):
    """What is acquired: a disk, later an instance, a log, a memory."""

    cloud: Cloud
    account: str
    account_name: str
    region: str
    id: str
    name: str
    size_bytes: int
    attached_to: str = ""


class Permission(msgspec.Struct, frozen=True, kw_only=True):
    """One statement's worth of permission: what a step needs, and no more.

    ``condition`` is the provider's own condition block ({"StringEquals": {"aws:ResourceTag/…": "…"}}).
    """

    actions: tuple[str, ...]
    resources: tuple[str, ...]
    condition: dict[str, dict[str, str | list[str]]] = {}


class Step(msgspec.Struct, frozen=True, kw_only=True):
    """One step of a plan.

    ``kind`` tells the interpreter how to run it: ``act`` is one mutating cloud call (looked for, then
    performed, with custody intent and outcome under ``op``); ``wait`` observes until something is ready;
    ``download`` transfers blocks; ``hash`` and ``seal`` run on the jump host.
    ``call`` is the provider's own name of the main call ("ec2:CreateSnapshot") or "local:sha256".
    ``lease`` is the key of the LeaseSpec it runs under, "" for local steps.
    ``undo`` is the sentence shown; ``params`` belongs to the provider (JSON only, no secret).
    """

    id: str
    title: str
    kind: StepKind
    effect: Effect
    call: str
    account: str
    region: str
    resource: str
    undo: str
    op: str = ""
    lease: str = ""
    permissions: tuple[Permission, ...] = ()
    params: dict[str, Any] = {}


class LeaseSpec(msgspec.Struct, frozen=True, kw_only=True):
    """A lease that a plan needs: one per account and effect class.

    ``policy`` is the session policy as it will be sent, minified; ``policy_bytes`` its length.
    ``seconds`` is the lifetime asked for; ``renewals`` how often the estimate says it is renewed.
    """

    key: str
    cloud: Cloud
    account: str
    role: str
    effect: Effect
    steps: tuple[str, ...]
    policy: str
    policy_bytes: int
    seconds: int
    renewals: int = 0


class Estimate(msgspec.Struct, frozen=True, kw_only=True):
    """``bytes`` is an upper bound of what is read, ``seconds`` a rough duration."""

    bytes: int
    seconds: int


class PlanWarning(msgspec.Struct, frozen=True, kw_only=True):
    """Something an examiner should know before approving."""

    code: str
    text: str


class TransferSpec(msgspec.Struct, frozen=True, kw_only=True):
    """Shape of the image that a download makes."""

    size_bytes: int
    block_size: int


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """An acquisition, before and while it runs. ``why`` is the reason for the route."""

    kind: Literal["disk", "instance"]
    target: Target
    route: Literal["direct", "copy", "preserve"]
    why: str
    steps: tuple[Step, ...]
    leases: tuple[LeaseSpec, ...]
    estimate: Estimate
    warnings: tuple[PlanWarning, ...] = ()
    transfer: TransferSpec | None = None

    def step(self, step_id: str) -> Step:
        """The step of that id; KeyError if there is none."""
        for step in self.steps:
            if step.id == step_id:
                return step
        raise KeyError(step_id)

    def lease(self, key: str) -> LeaseSpec:
        """The lease of that key; KeyError if there is none."""
        for spec in self.leases:
            if spec.key == key:
                return spec
        raise KeyError(key)
