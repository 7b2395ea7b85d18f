"""The custody log as the agent uses it: what it writes there, and what it reads back after a restart.

Approved plans, users' wishes (pause, resume, cancel) and results of acts are all in the signed log, so
nothing that steers an acquisition is ever taken from a file that is not.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, Literal

import msgspec

from app.acquisition.sealed import SealedEvidence
from app.case.folder import CaseFolder
from app.case.readmodel import ReadModel
from app.clock import Clock, stamp
from app.custody import Entry, Ledger
from app.custody.record import Seal
from app.faults import Fault
from app.model import EvidenceItem, Lease, Plan
from app.model.view import CustodyFacts
from app.ports import Made

AGENT = "agent"
Wish = Literal["run", "pause", "cancel"]


@dataclass(slots=True)
class History:
    """What the log says of one acquisition."""

    id: str
    plan: Plan
    approved_by: str
    valid_until: str
    reason: str
    since: int = 0  # the event that approved it, or that cancelled it: what is in force began with it
    taking_back: dict[str, str] = field(default_factory=dict)  # the authority that its cancel carries
    items: dict[str, str] = field(default_factory=dict)  # key of the plan's item -> evidence id
    attempt: int = 0
    wish: Wish = "run"
    finished: str | None = None
    error: dict[str, Any] | None = None
    started: str = ""
    made: dict[str, Made] = field(default_factory=dict)
    blocks: dict[str, int] = field(default_factory=dict)  # evidence id -> read so far
    sealing: dict[str, str] = field(default_factory=dict)  # evidence id -> tag manifest of its newest intent
    leases: list[str] = field(default_factory=list)  # issued for it, in order
    heads: dict[str, dict[str, str]] = field(default_factory=dict)  # step -> intents in doubt: SHA-256 -> time
    lost: list[str] = field(default_factory=list)  # made, and found unusable since
    times: dict[str, str] = field(default_factory=dict)  # step or evidence id -> when its result was recorded

    def doubtful(self, step: str) -> bool:
        """Whether a call of that step may have taken effect without our knowing."""
        return step not in self.made and bool(self.heads.get(step))

    @property
    def running(self) -> bool:
        """Approved and started, and not ended since."""
        return self.attempt > 0 and self.finished is None

    @property
    def until(self) -> str:
        """When the authority in force ends: of the plan, once it is cancelled of taking back what is in force."""
        return self.taking_back.get("valid_until", self.valid_until)


def plan_text(plan: Plan) -> tuple[str, str]:
    """The plan as the log holds it, and the hex SHA-256 that names it."""
    text = msgspec.json.encode(plan, order="deterministic").decode()
    return text, hashlib.sha256(text.encode()).hexdigest()


class Record:
    """The one path from the agent to the ledger. Synchronous: an event is on disk when a call returns."""

    def __init__(self, ledger: Ledger, case: CaseFolder, model: ReadModel, clock: Clock) -> None:
        self.case = case
        self.clock = clock
        self.histories: dict[str, History] = {}
        self.evidence = SealedEvidence(case.evidence)
        self.leases: dict[str, dict[str, Any]] = {}
        self.last_ts = ""
        self._newest: list[tuple[int, str]] = []  # seq and ts of those events that no later one is newer than
        self.settings_sha256 = ""
        self._ledger = ledger
        self._model = model
        self._highest = {"A": 0, "E": 0, "L": 0}
        self._doubts: dict[str, tuple[History, str, str]] = {}  # corr of an act's intent -> its step and hash
        self._watchers: list[Callable[[dict[str, Any]], None]] = []

    # -- reading back ---------------------------------------------------------------------------

    def load(self) -> None:
        """Read the whole log once: indexes and the read model's events are rebuilt from it."""
        self._model.clear("event", "lease", "acquisition", "step", "item", "evidence_check", "guide")
        with self._model.batch():
            for line, body, text, sha256 in self._ledger.events():
                self._index(body)
                self._headed(body, sha256)
                self._model.event(line, body, text)
        self.evidence.left_open()
        for item in self.items.values():
            self._model.item(item)
        for check in self.evidence.checks.values():
            self._model.check(check)
        self._state()

    @property
    def lines(self) -> int:
        """How many lines the log has, fragments included."""
        return self._ledger.lines

    @property
    def items(self) -> dict[str, EvidenceItem]:
        """What is sealed, by evidence id."""
        return self.evidence.items

    def seal(self, item: str) -> Seal:
        """What the seal's own event says of the bag; KeyError where nothing of that id is sealed."""
        return self._ledger.seals()[item]

    def appended(self, line: int, body: dict[str, Any] | None, text: str) -> None:
        """The ledger's listener: one more line is on disk."""
        self._index(body)
        self._model.event(line, body, text)
        if body and body.get("item") in self.items and body["phase"] != "intent":
            if body["op"] in ("evidence.seal", "evidence.verify"):
                self._model.item(self.items[body["item"]])
            if body["op"] == "evidence.verify":
                self._model.check(self.evidence.checks[body["item"]])
        self._state()

    def repaint(self) -> None:
        """Write the events and items into the read model anew, after it fell behind."""
        self._model.clear("event", "item")
        with self._model.batch():
            for line, body, text, _ in self._ledger.events():
                self._model.event(line, body, text)
            for item in self.items.values():
                self._model.item(item)
        self._state()

    def _headed(self, body: dict[str, Any] | None, sha256: str) -> None:
        """The hash of an act's intent is the witness tag of whatever that act makes.

        It is believed only while it is in doubt whether the call took effect: a refused call shows its tags to
        everybody who reads the cloud's own record.
        """
        history = self.histories.get(body.get("acq", "")) if body else None
        if body and history is not None and body["phase"] == "intent" and body["op"].startswith("snapshot."):
            step = body.get("params", {}).get("step", "")
            history.heads.setdefault(step, {})[sha256] = body["ts"]
            self._doubts[body["corr"]] = (history, step, sha256)

    def _settled(self, body: dict[str, Any]) -> None:
        """An outcome: what was refused for certain did not happen; else the doubt stays."""
        if body["phase"] == "failed" and body["corr"] in self._doubts:
            history, step, sha256 = self._doubts.pop(body["corr"])
            if not body.get("params", {}).get("uncertain"):
                history.heads.get(step, {}).pop(sha256, None)

    def _state(self) -> None:
        self._model.fact(
            "custody",
            CustodyFacts(
                events=self._ledger.events_count,
                lines=self._ledger.lines,
                checkpointed_to=self._ledger.checkpointed_to,
                key=self._ledger.keyid,
            ),
        )

    def _index(self, body: dict[str, Any] | None) -> None:
        if body is None:
            return
        self.last_ts = body["ts"]
        while self._newest and self._newest[-1][1] <= body["ts"]:
            self._newest.pop()
        self._newest.append((body["seq"], body["ts"]))
        named = [body[member] for member in ("acq", "item", "lease") if member in body]
        if body["op"] == "acquisition.start":
            named += body.get("params", {}).get("items", {}).values()
        for name in named:
            letter, _, number = str(name).partition("-")
            if letter in self._highest and number.isdigit():
                self._highest[letter] = max(self._highest[letter], int(number))
        self._settled(body)
        handler = getattr(self, "_on_" + body["op"].replace(".", "_"), None)
        if handler is not None:
            handler(body)
        for watcher in self._watchers:
            watcher(body)

    def newest_since(self, seq: int) -> str:
        """The latest time that any event from ``seq`` on states, "" if there is none."""
        return next((ts for at, ts in self._newest if at >= seq), "")

    def watch(self, watcher: Callable[[dict[str, Any]], None]) -> None:
        """Call this with the body of every event from now on: those that :meth:`load` reads, then new ones."""
        self._watchers.append(watcher)

    def _on_case_open(self, body: dict[str, Any]) -> None:
        self.settings_sha256 = body["params"]["case_toml_sha256"]

    _on_config_change = _on_case_open

    def _on_evidence_read(self, body: dict[str, Any]) -> None:
        history = self.histories.get(body.get("acq", ""))
        if history is not None and body["phase"] != "intent":
            item = body.get("item", "")
            history.blocks[item] = history.blocks.get(item, 0) + body.get("params", {}).get("blocks", 0)

    def _on_plan_approve(self, body: dict[str, Any]) -> None:
        params, authority = body["params"], body["authority"]
        old = self.histories.get(body["acq"])
        plan = msgspec.json.decode(params["plan"], type=Plan)
        if old is not None:
            old.valid_until, old.approved_by = authority["valid_until"], authority["approved_by"]
            old.since = body["seq"]
            return
        self.histories[body["acq"]] = History(
            id=body["acq"],
            plan=plan,
            approved_by=authority["approved_by"],
            valid_until=authority["valid_until"],
            reason=params.get("reason", ""),
            since=body["seq"],
        )

    def _on_acquisition_start(self, body: dict[str, Any]) -> None:
        history = self.histories[body["acq"]]
        named = body["params"].get("items", {})  # the log sorts names: the plan says in which order
        history.items = {item.key: named[item.key] for item in history.plan.items if item.key in named}
        history.attempt, history.wish, history.finished = body["params"]["attempt"], "run", None
        history.started = history.started or body["ts"]

    def _on_acquisition_resume(self, body: dict[str, Any]) -> None:
        history = self.histories[body["acq"]]
        history.attempt = body["params"]["attempt"]
        history.wish, history.finished, history.error = "run", None, None

    def _on_acquisition_pause(self, body: dict[str, Any]) -> None:
        self.histories[body["acq"]].wish = "pause"

    def _on_acquisition_cancel(self, body: dict[str, Any]) -> None:
        history = self.histories[body["acq"]]
        history.wish = "cancel"
        if "authority" in body:
            history.taking_back, history.since = dict(body["authority"]), body["seq"]

    def _on_acquisition_finish(self, body: dict[str, Any]) -> None:
        history = self.histories[body["acq"]]
        history.finished = body["params"]["state"]
        history.error = body["params"].get("fault")
        history.times["finish"] = body["ts"]

    def _on_act(self, body: dict[str, Any]) -> None:
        if body["phase"] == "result" and "acq" in body:
            params = body.get("params", {})
            history = self.histories[body["acq"]]
            history.made[params["step"]] = Made(
                body["resource"], dict(params.get("output", {})), body.get("request_id")
            )
            history.heads.pop(params["step"], None)
            history.times[params["step"]] = body["ts"]

    _on_snapshot_create = _on_snapshot_copy = _on_snapshot_share = _on_snapshot_unshare = _on_act
    _on_snapshot_lock = _on_snapshot_delete = _on_act

    def _on_case_note(self, body: dict[str, Any]) -> None:
        params = body.get("params", {})
        if "acq" not in body:
            return
        history = self.histories[body["acq"]]
        if params.get("note") == "adopted":
            history.made[params["step"]] = Made(body["resource"], dict(params["output"]), None)
            history.heads.pop(params["step"], None)
        elif params.get("note") == "unusable":
            history.lost.append(body["resource"])
            for step in history.plan.to_do_again(params["step"], frozenset(history.made)):
                history.made.pop(step, None)
                history.heads.pop(step, None)
        elif params.get("note") == "not there":
            history.heads.pop(params["step"], None)

    def _on_evidence_seal(self, body: dict[str, Any]) -> None:
        history = self.histories.get(body.get("acq", ""))
        if body["phase"] == "intent" and history is not None:
            history.sealing[body["item"]] = body.get("params", {}).get("tagmanifest_sha256", "")
        if body["phase"] == "result" and "item" in body:
            self.evidence.sealed(body)
            if history is not None:
                history.times[body["item"]] = body["ts"]

    def _on_evidence_verify(self, body: dict[str, Any]) -> None:
        self.evidence.checked(body)

    def _on_config_collect(self, body: dict[str, Any]) -> None:
        self.evidence.collected(body)

    def _on_lease_issue(self, body: dict[str, Any]) -> None:
        if body["phase"] == "result":
            self.leases[body["lease"]] = body
            if body.get("acq") in self.histories:
                self.histories[body["acq"]].leases.append(body["lease"])

    _on_lease_renew = _on_lease_issue

    def earlier_leases(self) -> list[Lease]:
        """Leases that earlier agents held: whatever secret there was is gone with them."""
        now = stamp(self.clock.now())
        return [
            Lease(
                id=lease,
                cloud=body["cloud"],
                account=body["account"],
                principal=body.get("principal", ""),
                scope=body["params"]["scope"],
                issued=body["params"]["issued"],
                expires=body["params"]["expires"],
                state="expired" if body["params"]["expires"] <= now else "lost",
                note="the agent that held it has ended",
            )
            for lease, body in self.leases.items()
        ]

    # -- ids ------------------------------------------------------------------------------------

    def next_id(self, letter: Literal["A", "E", "L"]) -> str:
        """The next free id; taken at once, so that two callers never share one."""
        self._highest[letter] += 1
        return f"{letter}-{self._highest[letter]:04d}"

    # -- writing --------------------------------------------------------------------------------

    def authority(self, history: History | None, actor: str) -> dict[str, str]:
        """On whose authority something is changed: the approval of the plan, of what a cancel takes back, or the
        case itself."""
        if history is not None and history.taking_back:
            return dict(history.taking_back)
        if history is not None:
            return {
                "ticket": self.case.ticket,
                "approved_by": history.approved_by,
                "scope": f"{history.id}: {history.plan.kind} {history.plan.target.id}",
                "valid_until": history.valid_until,
            }
        until = self.clock.now() + timedelta(seconds=self.case.settings.agent.max_lifetime)
        return {"ticket": self.case.ticket, "approved_by": actor, "scope": "browse", "valid_until": stamp(until)}

    def fact(self, op: str, summary: str, *, actor: str = AGENT, **members: Any) -> Entry:
        return self._ledger.fact(op, actor=actor, summary=summary, **_present(members))

    def intent(self, op: str, summary: str, *, actor: str = AGENT, **members: Any) -> Entry:
        entry = self._ledger.intent(op, actor=actor, summary=summary, **_present(members))
        self._headed(entry.body, entry.sha256)
        return entry

    def result(self, intent: Entry, summary: str, **members: Any) -> Entry:
        return self._ledger.outcome(intent, "result", actor=AGENT, summary=summary, **_present(members))

    def failed(self, intent: Entry, summary: str, fault: Fault, **members: Any) -> Entry:
        return self._ledger.outcome(
            intent,
            "failed",
            actor=AGENT,
            summary=summary,
            code=fault.provider_code or fault.code,
            error=fault.message,
            **_present({"request_id": fault.request_id, **members}),
        )

    def abandoned(self, intent: Entry, summary: str, code: str, error: str, **members: Any) -> Entry:
        return self._ledger.outcome(
            intent, "abandoned", actor=AGENT, summary=summary, code=code, error=error, **_present(members)
        )

    def open_intents(self) -> list[Entry]:
        """Intents without an outcome, oldest first."""
        return list(self._ledger.open_intents())

    def checkpoint(self) -> None:
        self._ledger.checkpoint()

    def close(self) -> None:
        self._ledger.close()


def _present(members: dict[str, Any]) -> dict[str, Any]:
    """Members that do not apply are absent, never null."""
    return {name: value for name, value in members.items() if value is not None}
