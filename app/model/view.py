"""What the read model holds besides the model's own nouns: rows for screens and verbs."""

from __future__ import annotations

from typing import Literal

import msgspec

from app.model.acquisition import Acquisition, EvidenceItem
from app.model.disagreement import Disagreement
from app.model.inventory import Account, AccountKey
from app.model.lease import Lease


class Scan(msgspec.Struct, frozen=True, kw_only=True):
    """The newest scan of one account and region: running, done or failed, and how much it found. Region ``*``
    stands for the list of regions, where that could not be read.

    ``good`` is when a scan of it was last done, None where none ever was: what is listed of the region was there
    then, but for what a later scan had found before it failed. It stays when later scans fail.
    """

    cloud: str
    account: str
    region: str
    state: Literal["running", "done", "failed"]
    found: int
    error: str | None
    at: str
    good: str | None = None


class StepRow(msgspec.Struct, frozen=True, kw_only=True):
    """A plan's step as it went. ``undoes`` is the id of the step whose effect it takes back, "" for all others."""

    acquisition: str
    id: str
    title: str
    call: str
    effect: str
    state: Literal["todo", "running", "done", "failed", "skipped"]
    request_id: str | None = None
    started: str | None = None
    ended: str | None = None
    retries: int = 0
    note: str = ""
    undoes: str = ""


class EventRow(msgspec.Struct, frozen=True, kw_only=True):
    """One line of the custody log. ``seq`` is None for a fragment."""

    line: int
    seq: int | None
    ts: str
    op: str
    phase: str
    actor: str
    acq: str | None
    summary: str


class CaseFacts(msgspec.Struct, frozen=True, kw_only=True):
    """The case as the context bar shows it. ``endpoints`` lists overridden endpoints, e.g. "aws 127.0.0.1"."""

    id: str = ""
    title: str = ""
    ticket: str = ""
    path: str = ""
    examiner: str = ""
    role: str = ""
    evidence_dir: str = ""
    protection: str = ""
    endpoints: tuple[str, ...] = ()


class AgentFacts(msgspec.Struct, frozen=True, kw_only=True):
    """The agent as it last said. ``beat`` is its heartbeat, written every 2 s while it lives.

    ``state``: "detached" (survives logout), "session" (this session only), "locked" (signing key) or "stopped".
    ``armed_until``: end of the write window, None while read-only; ``armed_by`` is who opened it.
    ``clock_synced``: what the kernel says of this machine's clock, None where it does not tell.
    ``skew_s``: whole seconds that the cloud's clock is ahead of this one, by the Date of its newest answer to a
    request for credentials, or to one that it refused for its time; None before the first.
    """

    pid: int = 0
    state: Literal["detached", "session", "locked", "stopped"] = "stopped"
    beat: str = ""
    armed_until: str | None = None
    armed_by: str = ""
    clock_synced: bool | None = None
    skew_s: int | None = None
    caller: str = ""
    problem: str | None = None


class EvidenceCheck(msgspec.Struct, frozen=True, kw_only=True):
    """The newest re-verification of a sealed item: every byte read again, and compared with what is recorded.

    ``state``: "running", "ok", "bad" (it does not agree), "failed" (it could not be read) or "stopped". One that
    runs and has a ``reason`` knows already that the item does not agree. ``disagree`` is what a bad one found in
    all, None where that is not known.
    """

    item: str
    state: Literal["running", "ok", "bad", "failed", "stopped"]
    bytes_done: int = 0
    bytes_total: int = 0
    started: str = ""
    ended: str | None = None
    reason: str | None = None
    disagree: Disagreement | None = None


class GuideStep(msgspec.Struct, frozen=True, kw_only=True):
    """A step of a playbook as it went. ``state``: "todo", "done" (seen to be done), "by_hand" (an examiner says
    that it was done) or "skipped"; ``note`` is what the examiner recorded. ``at`` is when it was recorded last, ""
    while it never was."""

    id: str
    state: Literal["todo", "done", "by_hand", "skipped"] = "todo"
    by: str = ""
    at: str = ""
    note: str = ""

    @property
    def reopened(self) -> bool:
        """Whether it was recorded before, and an examiner says that it is to do again."""
        return self.state == "todo" and self.at != ""


class GuideRun(msgspec.Struct, frozen=True, kw_only=True):
    """A playbook followed in this case, as custody has it. ``sha256`` names the playbook's very text; ``examiner``
    is who follows it now, ``target`` what it is about ("" until it is known). Acquisitions with a higher number
    than ``after`` are younger than the run. ``abandoned`` is who ended it with steps left, "" while nobody did;
    ``abandoned_at`` is when, ``abandoned_why`` the reason that was given."""

    id: str
    playbook: str
    title: str
    sha256: str
    examiner: str
    started: str
    target: str = ""
    after: int = 0
    abandoned: str = ""
    abandoned_at: str = ""
    abandoned_why: str = ""
    steps: tuple[GuideStep, ...] = ()


class CustodyFacts(msgspec.Struct, frozen=True, kw_only=True):
    """How far the log reaches. ``lines`` counts fragments too."""

    events: int = 0
    lines: int = 0
    checkpointed_to: int = 0
    anchored_to: int = 0
    key: str = ""


class InventoryFacts(msgspec.Struct, frozen=True, kw_only=True):
    """How much there is of the inventory; the resources themselves are read where they are shown.

    ``revision`` rises with every change, within one ``file`` (a read model that was made anew is another).
    ``accounts`` has (eligible, total) for each account with resources.
    """

    file: int = 0
    revision: int = 0
    total: int = 0
    eligible: int = 0
    accounts: dict[AccountKey, tuple[int, int]] = {}


class CaseSnapshot(msgspec.Struct, frozen=True, kw_only=True):
    """All that the screens show, at one revision. Unchanged topics keep the very same tuples.

    ``made`` is the number of the very file that was read: another after each time that the agent makes it anew,
    even where its inventory is carried over. What was read of an earlier one is not shown any more.
    ``problem`` says why the read model cannot be read now, "" while it can: then all else is as it was last read.
    """

    made: int = 0
    case: CaseFacts = CaseFacts()
    agent: AgentFacts = AgentFacts()
    custody: CustodyFacts = CustodyFacts()
    accounts: tuple[Account, ...] = ()
    scans: tuple[Scan, ...] = ()
    inventory: InventoryFacts = InventoryFacts()
    leases: tuple[Lease, ...] = ()
    acquisitions: tuple[Acquisition, ...] = ()
    steps: tuple[StepRow, ...] = ()
    items: tuple[EvidenceItem, ...] = ()
    checks: tuple[EvidenceCheck, ...] = ()
    guides: tuple[GuideRun, ...] = ()
    event_lines: int = 0
    problem: str = ""
