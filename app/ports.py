"""What a cloud must offer, as Protocols. Providers implement them; the agent finds providers by entry point.

A provider is opened once per case, inside the agent's event loop. Every method that calls a cloud
takes the :class:`Grant` it runs under, raises only :mod:`app.faults`, paces itself through
``Scope.pace`` before each call and never logs or keeps a secret.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Protocol

import msgspec

from app.clock import Clock
from app.model import Account, Cloud, Permission, Plan, Resource, Step


@dataclass(frozen=True, slots=True)
class Scope:
    """What a provider is told about its case.

    ``pace(account, service)`` waits for a slot of that account's token bucket for that service.
    ``used(lease, action)`` counts a call that was sent under a lease ("ec2:CreateSnapshot").
    ``heard(ahead_s)`` learns how many whole seconds the cloud's clock is ahead of ours, by its answer to a request
    for credentials, or to one that it refuses for the time of its signature (:func:`app.skew.ahead`).
    """

    case: str
    examiner: str
    clock: Clock
    pace: Callable[[str, str], Awaitable[None]]
    used: Callable[[str, str], None] = lambda lease, action: None
    heard: Callable[[int], None] = lambda ahead_s: None


@dataclass(frozen=True, slots=True)
class Caller:
    """The base identity. ``chained``: it is itself an assumed role, so AWS caps leases at 3,600 s."""

    principal: str
    account: str
    chained: bool


@dataclass(frozen=True, slots=True)
class LeaseRequest:
    """``policy`` is the session policy (minified JSON), ``lease`` our id for it (L-0001)."""

    lease: str
    account: str
    role: str
    policy: str
    seconds: int


@dataclass(frozen=True, slots=True)
class Grant:
    """A short-lived credential. It lives in the agent's memory and its workers' alone.

    ``secret`` is what the provider needs to sign (AWS: access_key, secret_key, session_token).
    ``expires`` is what the cloud answered; ``note`` says what was adapted ("clamped to 3,600 s: …").
    """

    lease: str
    account: str
    principal: str
    issued: datetime
    expires: datetime
    request_id: str | None
    note: str = ""
    secret: Mapping[str, str] = field(default_factory=dict, repr=False)

    def __reduce__(self) -> Any:
        raise TypeError("a grant is never serialised")


@dataclass(frozen=True, slots=True)
class StepContext:
    """What a step may know: the case, its acquisition, the outputs of finished steps by step id.

    ``head`` is the SHA-256 of the step's custody intent line, the witness tag ``jumpbag:head``;
    "" while looking for what an earlier try made. ``heads`` are those of the step's intents of which it is not
    known whether they took effect, with the time of each: what carries none of them, or was made at another
    time, was not made by us, whatever its other tags say.
    """

    case: str
    acquisition: str
    head: str
    outputs: Mapping[str, Mapping[str, Any]]
    heads: Mapping[str, datetime] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Made:
    """What an act or a wait ended in. ``resource`` is the id of what was made, ``output`` plain JSON."""

    resource: str
    output: dict[str, Any]
    request_id: str | None = None


class IndexPage(msgspec.Struct, frozen=True):
    """A page of allocated blocks in ascending order: ``(index, token)``. The token is opaque."""

    blocks: list[tuple[int, str]]


class FetchSpec(msgspec.Struct, frozen=True, kw_only=True):
    """How a transfer worker fetches one block over HTTPS, without knowing the cloud.

    ``url`` holds ``{index}`` and ``{token}``, filled in percent-encoded. ``sigv4`` is libcurl's
    AWS_SIGV4 option ("aws:amz:eu-west-1:ebs") or "". The answer's checksum is SHA-256 of the body, in
    ``checksum_header`` as ``checksum_encoding``; ``length_header`` holds the body's length. An error's code is
    looked up in the JSON body's ``Reason``, then in ``error_header``, then in the body's ``__type`` or
    ``code``; ``faults`` maps it to "throttled", "expired", "denied", "gone", "relist" (list again for fresh
    tokens) or "unavailable"; an unknown code is "denied" for 4xx and "unavailable" for 5xx. ``hints`` says for
    some of the codes what a person should do next.
    """

    url: str
    sigv4: str
    ca_bundle: str | None
    checksum_header: str
    checksum_encoding: str
    length_header: str
    request_id_header: str
    error_header: str
    faults: dict[str, str]
    hints: dict[str, str] = {}
    headers: tuple[str, ...] = ()
    requests_per_second: float = 950.0


class Identity(Protocol):
    """Who we are, which accounts there are, and leases on them."""

    async def caller(self) -> Caller: ...

    def accounts(self) -> AsyncIterator[Account]:
        """The accounts of the organisation, or those listed in the configuration, as they come."""
        ...

    def role(self, account: str) -> str:
        """The role that is assumed there (an ARN on AWS)."""
        ...

    async def lifetime(self, seconds: int) -> tuple[int, str]:
        """The lifetime that would be asked for instead of ``seconds``, and why it is another ("" if it is not)."""
        ...

    async def issue(self, request: LeaseRequest) -> Grant:
        """One credential, straight from the cloud's token service."""
        ...

    def forget(self) -> None:
        """Drop the base credentials; the next call reads them anew."""
        ...


@dataclass(frozen=True, slots=True)
class Readiness:
    """One thing that an organisation prepares beforehand: what was found, and what to do about it."""

    check: str
    ok: bool
    detail: str
    fix: str


class Inventory(Protocol):
    """What is in an account."""

    def permissions(self) -> tuple[Permission, ...]:
        """What browsing and planning need."""
        ...

    async def regions(self, account: str, grant: Grant) -> list[str]: ...

    def resources(self, account: str, region: str, grant: Grant) -> AsyncIterator[list[Resource]]:
        """Pages of instances, volumes and snapshots with tags and eligibility decided."""
        ...

    async def readiness(self, account: str, region: str, grant: Grant) -> list[Readiness]:
        """Whether what acquisitions need there has been prepared."""
        ...


@dataclass(frozen=True, slots=True)
class PlanRequest:
    """What somebody wants acquired. ``target`` is the provider's id of the disk or instance.

    ``route`` is auto, direct, copy, preserve, preserve-direct or preserve-copy (preserve chooses where the
    snapshot is kept; the other two say it). ``lock_days``: keep the snapshot that stays from being deleted for
    so many days; 0 does not.
    """

    kind: str
    account: Account
    region: str
    target: str
    route: str = "auto"
    lock_days: int = 0


Observe = Callable[[str], Awaitable[Grant]]
"""Account id -> a grant that may look there and no more."""


class Planner(Protocol):
    """Decides the route. Reads only."""

    async def plan(self, request: PlanRequest, observe: Observe) -> Plan:
        """A plan with ``leases`` empty (the core derives them from the steps' permissions).

        Untagged when the target lacks the forensics tag, RouteRefused when the route is bound to fail (a key that
        may not be used, a snapshot that cannot be shared): the fault says what would mend it. Usage when kind or
        route does not exist.
        """
        ...


class Actuator(Protocol):
    """Performs the cloud calls of a plan. Idempotent by client token and tags."""

    async def rehearse(self, step: Step, rehearsed: Step, context: StepContext, grant: Grant) -> str | None:
        """Ask whether ``rehearsed`` would be allowed; the request id. Denied or another fault when it would not.

        Nothing is changed by it.
        """
        ...

    async def find(self, step: Step, context: StepContext, grant: Grant) -> Made | None:
        """What this very step brings about, if it is so already (by an earlier try, or by somebody else), or None.

        For a step that takes something back: what says that it is gone.
        """
        ...

    async def perform(self, step: Step, context: StepContext, grant: Grant) -> Made:
        """The one mutating call of an ``act`` step."""
        ...

    async def probe(self, step: Step, context: StepContext, grant: Grant) -> tuple[int, Made | None]:
        """One look of a ``wait`` step: percent (0–100), and what is ready, or None while it is not.

        A failed object raises Broken or Gone.
        """
        ...


@dataclass(frozen=True, slots=True)
class Part:
    """A file of a collected configuration: a plain relative name ("ec2/describe-instances.json"), its bytes, the
    call that gave it and its request id. ``gap``: there is nothing to store, and this is why."""

    name: str
    content: bytes
    call: str
    request_id: str | None = None
    gap: str = ""


class Collector(Protocol):
    """Reads what describes a resource and is in none of its disks."""

    def collect(self, step: Step, context: StepContext, grant: Callable[[], Grant]) -> AsyncIterator[Part]:
        """The parts, each whole. What does not exist is a gap; what is refused raises Denied."""
        ...


class BlockSource(Protocol):
    """The allocated blocks of a snapshot."""

    def snapshot(self, step: Step, context: StepContext) -> str:
        """The id of the snapshot that a download step reads; Usage if its maker has not run."""
        ...

    def fetch_spec(self, step: Step, context: StepContext) -> FetchSpec: ...

    def index(self, step: Step, context: StepContext, grant: Callable[[], Grant]) -> AsyncIterator[IndexPage]:
        """Pages of the block index, ascending. ``grant`` gives the lease in force at each page.

        Untrusted when an index is out of range or descends, or the size does not fit the plan.
        """
        ...


class Provider(Protocol):
    """One cloud, opened for one case."""

    cloud: Cloud
    identity: Identity
    inventory: Inventory
    planner: Planner
    actuator: Actuator
    collector: Collector
    blocks: BlockSource

    async def close(self) -> None: ...
