"""One mutating call, sent once, and what to think when its answer is lost."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Protocol

from app.faults import Fault, Unavailable, Untrusted
from app.model import Step
from app.ports import Grant, Made, Scope, StepContext
from providers.aws import readings, tags
from providers.aws.clients import Clients, keys_of, request_id
from providers.aws.faults import Call, uncertain

LOOKS = (0.0, 1.0, 2.0, 4.0)
"""Seconds before each look: a describe may lag behind a change (EC2 API Reference, "Eventual consistency")."""

_EARLIER, _LATER = timedelta(minutes=5), timedelta(minutes=10)

Request = tuple[Call, dict[str, Any]]
Look = Callable[[], Awaitable[Made | None]]


class Act(Protocol):
    """A kind of mutating call."""

    def request(self, step: Step, context: StepContext) -> Request:
        """The call and its parameters, as they are sent and as they are rehearsed; Usage if the step is unfit."""
        ...

    async def find(self, step: Step, context: StepContext, grant: Grant) -> Made | None: ...

    async def perform(self, step: Step, context: StepContext, grant: Grant) -> Made: ...


class Sender:
    """Sends, and remembers which steps are in doubt: a pause or a cancel may cut a call short after it has left.

    A later process does not know of the doubt: the open intent in the custody log tells it to look.
    """

    def __init__(self, scope: Scope, clients: Clients) -> None:
        self.clients = clients
        self._scope = scope
        self._doubtful: set[tuple[str, str, str]] = set()

    async def pause(self, seconds: float) -> None:
        if seconds:
            await self._scope.clock.sleep(seconds)

    def in_doubt(self, step: Step, context: StepContext) -> bool:
        return bool(context.head) or _key(step, context) in self._doubtful

    async def found(self, step: Step, context: StepContext, look: Look) -> Made | None:
        """What ``look`` sees; it is asked during some seconds where an answer was lost."""
        for wait in LOOKS if self.in_doubt(step, context) else LOOKS[:1]:
            await self.pause(wait)
            made = await look()
            if made is not None:
                self.settled(step, context)
                return made
        return None

    def settled(self, step: Step, context: StepContext) -> None:
        """What the step brings about has been seen."""
        self._doubtful.discard(_key(step, context))

    async def send(
        self,
        request: Request,
        step: Step,
        context: StepContext,
        grant: Grant,
        *,
        made: Callable[[dict[str, Any]], Made],
        look: Look,
    ) -> Made:
        """One attempt. ``made`` reads the answer; ``look`` is asked when no good answer came."""
        call, parameters = request
        key = _key(step, context)
        self._doubtful.add(key)
        try:
            answer = await self.clients.write(call, keys_of(grant), "ec2:write", **parameters)
        except Fault as fault:
            if not uncertain(fault):
                self._doubtful.discard(key)
                raise
            return await self._lost(fault, step, context, look)
        done = made(answer)
        self._doubtful.discard(key)
        return done

    async def tagged(
        self, step: Step, context: StepContext, grant: Grant, subject: str
    ) -> AsyncIterator[tuple[Mapping[str, Any], str | None]]:
        """The account's own snapshots in the step's region that carry the step's tags, in whatever state.

        Anybody in that account may set tags, on old snapshots too. The hash of our intent is known to nobody
        before the call, and a snapshot's time cannot be set: what carries no hash of an intent in doubt, or was
        not begun about then, is not ours.
        """
        wanted = tags.identity(step, context)
        call = Call("ec2", "DescribeSnapshots", step.account, step.region, f"snapshots of {subject}")
        pages = self.clients.pages(
            call,
            keys_of(grant),
            OwnerIds=["self"],
            Filters=[{"Name": f"tag:{name}", "Values": [value]} for name, value in wanted.items()],
        )
        async for page in pages:
            for entry in page.get("Snapshots") or []:
                found = readings.tags_of(entry)
                intent = context.heads.get(found.get(tags.HEAD_TAG, ""))
                if intent is not None and tags.carries(found, wanted) and _of_that_time(entry, intent):
                    yield entry, request_id(page)

    async def _lost(self, fault: Fault, step: Step, context: StepContext, look: Look) -> Made:
        """The call left and no good answer came: it may have taken effect."""
        found = None
        try:
            found = await self.found(step, context, look)
        except Fault:
            found = None
        if found is not None:
            return found
        raise Unavailable(
            fault.message,
            next="whether it took effect is not known; the next try looks before it acts",
            request_id=fault.request_id,
            provider_code=fault.provider_code,
        ) from None


def only(found: Sequence[Made], step: Step) -> Made | None:
    """The one that was found; Untrusted when several claim to be it."""
    if len(found) > 1:
        named = ", ".join(sorted(made.resource for made in found))
        raise Untrusted(
            f"{named} all carry the marks of step {step.id}: only one can be ours",
            next="see who made or tagged the others (CloudTrail: CreateTags, CreateSnapshot, CopySnapshot)",
        )
    return found[0] if found else None


def _of_that_time(entry: Mapping[str, Any], intent: datetime) -> bool:
    """Begun when the intent was written, as far as two clocks can tell: AWS refuses calls whose clock is off by
    more than five minutes (AWS General Reference, "Signature Version 4", request date)."""
    found = entry.get("StartTime")
    return isinstance(found, datetime) and -_EARLIER <= found - intent <= _LATER


def _key(step: Step, context: StepContext) -> tuple[str, str, str]:
    return context.case, context.acquisition, step.id
