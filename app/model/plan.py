"""The plan: the one description of an acquisition.

Preview, permissions, session policies, execution, custody events and clean-up are all derived from it.
A plan is data: it is signed into the custody log when it is approved and read back from there.
"""

from __future__ import annotations

from collections.abc import Container
from typing import Any, Literal

import msgspec

from app.model.inventory import Cloud

Effect = Literal["observe", "collect", "share", "modify", "destroy"]
EFFECTS: tuple[Effect, ...] = ("observe", "collect", "share", "modify", "destroy")
"""From what changes nothing to what cannot be taken back."""
StepKind = Literal["rehearse", "act", "wait", "collect", "download", "hash", "seal"]


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

    ``kind`` tells the interpreter how to run it: ``rehearse`` asks the cloud whether a later step would be
    allowed, and changes nothing; ``act`` is one mutating cloud call (looked for, then performed, with custody
    intent and outcome under ``op``); ``wait`` observes until something is ready; ``collect`` stores answers
    of reading calls as files; ``download`` transfers blocks; ``hash`` and ``seal`` run on the jump host.
    ``call`` is the provider's own name of the main call ("ec2:CreateSnapshot") or "local:sha256".
    ``lease`` is the key of the LeaseSpec it runs under, "" for local steps.
    ``of`` is the id of the step it rehearses, waits for, or whose product it works on; ``undoes`` the id of
    the step whose effect it takes back: run in its turn, and when an acquisition is cancelled after that step.
    ``item`` is the key of the ItemSpec that a collect, download, hash or seal step works on.
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
    of: str = ""
    undoes: str = ""
    item: str = ""
    permissions: tuple[Permission, ...] = ()
    params: dict[str, Any] = {}


class LeaseSpec(msgspec.Struct, frozen=True, kw_only=True):
    """A lease that a plan needs: one per account and effect class.

    ``policy`` is the session policy as it will be sent, minified; ``policy_bytes`` its length.
    ``seconds`` is the lifetime asked for, ``note`` why it is another than configured; ``renewals`` how often
    the estimate says it is renewed.
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
    note: str = ""


class Cost(msgspec.Struct, frozen=True, kw_only=True):
    """What the cloud bills for a plan at most: each block of each disk counts as written, and is read once.

    Amounts are whole millionths of a US dollar, for a plan is digested and signed. ``reading`` is for listing and
    reading blocks, ``crossing`` for copies to another region, ``passing`` for keeping what was made for the way
    alone as long as the estimate says, ``monthly`` for each month of what stays. ``prices`` says whose prices
    these are, ``uncounted`` what is billed besides.
    """

    reading: int
    crossing: int
    passing: int
    monthly: int
    prices: str
    uncounted: tuple[str, ...] = ()

    @property
    def once(self) -> int:
        """What the acquisition itself costs."""
        return self.reading + self.crossing + self.passing


class Estimate(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """``bytes`` is an upper bound of what is read, ``seconds`` a rough duration.

    ``cost`` is None where a provider states none, and is then not written: plans that were signed before there
    were costs keep their digest.
    """

    bytes: int
    seconds: int
    cost: Cost | None = None


class PlanWarning(msgspec.Struct, frozen=True, kw_only=True):
    """Something an examiner should know before approving."""

    code: str
    text: str


class TransferSpec(msgspec.Struct, frozen=True, kw_only=True):
    """Shape of the image that a download makes."""

    size_bytes: int
    block_size: int


class ItemSpec(msgspec.Struct, frozen=True, kw_only=True):
    """An evidence item that a plan ends in: the image of a disk, or files that describe a configuration.

    ``key`` names it within the plan ("vol-…", "config"); ``source`` is the id of what it is evidence of.
    ``shape`` is there for a disk.
    """

    key: str
    kind: Literal["disk", "config"]
    source: str
    name: str
    shape: TransferSpec | None = None


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
    items: tuple[ItemSpec, ...] = ()

    @property
    def image_bytes(self) -> int:
        """Bytes of all images together; 0 where nothing is downloaded."""
        return sum(item.shape.size_bytes for item in self.items if item.shape is not None)

    @property
    def volumes(self) -> frozenset[str]:
        """Ids of the disks that the steps are about. What is kept in the cloud ends in no item of its own."""
        found: set[str] = set()
        for step in self.steps:
            one, many = step.params.get("volume_id"), step.params.get("volume_ids")
            if isinstance(one, str):
                found.add(one)
            if step.op == "snapshot.create" and isinstance(many, list):
                found.update(volume for volume in many if isinstance(volume, str))
        return frozenset(found)

    def item(self, key: str) -> ItemSpec:
        """The item of that key; KeyError if there is none."""
        for item in self.items:
            if item.key == key:
                return item
        raise KeyError(key)

    def step(self, step_id: str) -> Step:
        """The step of that id; KeyError if there is none."""
        for step in self.steps:
            if step.id == step_id:
                return step
        raise KeyError(step_id)

    def to_do_again(self, step_id: str, made: Container[str]) -> list[str]:
        """The acts to be done again when the product of ``step_id`` is lost; ``made`` are those done so far.

        Those that work on it or on such a product; and what it is made from, where that has been taken back.
        """
        acts = [step for step in self.steps if step.kind == "act"]
        found: set[str] = set()
        more = {step_id}
        while not more <= found:
            found |= more
            sources = {step.of for step in acts if step.id in found}
            more = {step.id for step in acts if step.of in found or step.undoes in found}
            for undo in acts:
                if undo.undoes and undo.id in made:
                    undone = self.step(undo.undoes)
                    if undone.id in sources or undone.of in sources:
                        more |= {undo.id, undone.id}
        return [step.id for step in self.steps if step.id in found]

    def lease(self, key: str) -> LeaseSpec:
        """The lease of that key; KeyError if there is none."""
        for spec in self.leases:
            if spec.key == key:
                return spec
        raise KeyError(key)
