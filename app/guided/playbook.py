"""A playbook: what a responder does in which order, and why. Data from a file; every text in it is hostile."""

from __future__ import annotations

import re
from typing import Literal

import msgspec

from app.guided.conditions import Condition, parse
from app.text import visible

KEY = re.compile(r"\{key:([^{}]*)\}")
"""Where a step's ``text``, ``dont`` or ``on`` names a key: by the command's id, "{key:resources.acquire}"."""

CAPABILITIES: dict[str, bool] = {
    "disk": True,
    "instance": True,
    "preserve": True,
    "verify": True,
    "memory": False,
    "logs": False,
    "contain": False,
    "credentials": False,
}
"""What a step may need of jumpbag, and whether this version has it. "logs" are the cloud's (CloudTrail, flow
logs), "contain" isolates a host, "credentials" disables keys and revokes sessions."""

Place = Literal[
    "accounts", "resources", "acquisitions", "custody", "page", "plan", "evidence", "verify", "leases", "anywhere"
]
"""Where a step is done: one of the four panes, the ``page`` of what Enter opened, another screen, or anywhere."""


class Go(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """``command`` is the id of a command of the screens, e.g. "resources.acquire"."""

    place: Place
    command: str


class Precondition(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What should be so before one begins. ``met`` is a condition on the state of the case, "" where only a person
    can tell."""

    text: str
    met: str = ""


class Step(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """``text`` says what to do, ``why`` why it matters, ``dont`` what not to do, ``record`` what to note down.

    ``go`` and ``on`` point at the next key and its object; ``done`` is the condition under which the screens see
    that the step is done ("by_hand": only a person can tell). ``needs`` names capabilities; ``holds`` are ids of
    commands that are off while the step is the present one. ``text``, ``dont`` and ``on`` may hold :data:`KEY`,
    which the screens replace by the key in force.
    """

    id: str
    title: str
    text: str
    why: str
    done: str
    dont: str = ""
    record: str = ""
    on: str = ""
    go: Go | None = None
    needs: tuple[str, ...] = ()
    holds: tuple[str, ...] = ()

    @property
    def unbuilt(self) -> tuple[str, ...]:
        """What it needs that this version does not have."""
        return tuple(need for need in self.needs if not CAPABILITIES.get(need, False))

    @property
    def counts(self) -> str:
        """When it is done, as a playbook writes it; what needs a capability that is not there is done by hand."""
        return "by_hand" if self.unbuilt else self.done

    @property
    def condition(self) -> Condition:
        """The same, parsed."""
        return parse(self.counts)

    @property
    def by_hand(self) -> bool:
        """Whether only a person can say that it is done."""
        return self.condition.name == "by_hand"


class Playbook(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """``when`` says for whom and which alert it is; ``order`` are notes on the order of volatility."""

    id: str
    title: str
    summary: str
    when: str
    steps: tuple[Step, ...]
    order: tuple[str, ...] = ()
    preconditions: tuple[Precondition, ...] = ()

    def step(self, ident: str) -> Step | None:
        """The step of that id."""
        return next((step for step in self.steps if step.id == ident), None)


def blank(text: str) -> bool:
    """Whether a text shows nothing at all: white space, or characters that draw nothing."""
    return not any(visible(char) == char != " " for char in text)
