"""The write window: a case is read-only, unless somebody has opened it for writing, and then for minutes."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import timedelta
from typing import Any, Literal, Protocol

from app.acquisition.service import Consent
from app.clock import Clock, parse_stamp, stamp
from app.faults import AgentGone, Fault, ReadOnly

Why = Literal["asked", "ended", "session left", "agent stops"]

_AGENT = "agent"
_SAID: dict[Why, str] = {
    "ended": "The write window has come to its end: the case is read-only.",
    "session left": "The session that opened the write window has left: the case is read-only.",
    "agent stops": "The agent stops: the write window is closed.",
}


class Write(Protocol):
    """Writes a fact into custody (app.acquisition.record.Record.fact)."""

    def __call__(self, op: str, summary: str, *, actor: str = ..., **members: Any) -> object: ...


class WriteWindow:
    """May something be approved now? The window is the case's; the session that opened it holds it open.

    It closes at its end, on request, when that session leaves or is lost, and with the agent; never later for a
    fact that cannot be written: that one is owed, and written by :meth:`tick`. It bounds approvals alone: what was
    approved goes on to its end, and taking something back needs no window. ``changed`` is called after a change.
    """

    def __init__(self, clock: Clock, write: Write, changed: Callable[[], None]) -> None:
        self.until: str | None = None
        """When it ends (RFC 3339), None while the case is read-only."""
        self.by = ""
        self._clock = clock
        self._write = write
        self._changed = changed
        self._end = 0.0
        self._session: object = None
        self._shut = False
        self._owed: list[tuple[str, str, dict[str, Any]]] = []  # of what has happened: actor, summary, params
        self._told: set[str | None] = set()  # open by the log: a window (None), one plan alone (its scope)

    def heard(self, body: dict[str, Any]) -> None:
        """An event of the custody log, from the first on."""
        if body["op"] in ("session.arm", "session.disarm"):
            scope = body.get("params", {}).get("scope")
            (self._told.add if body["op"] == "session.arm" else self._told.discard)(scope)

    def take_over(self) -> None:
        """What an agent that was killed left open in the log is closed there: no window outlives its agent."""
        for scope in sorted(self._told, key=str):
            what = f"for one plan ({scope})" if scope else "by a write window"
            said = f"The agent that had opened the case {what} has ended: the case is read-only."
            self._owed.append((_AGENT, said, {"why": "agent stops", **({"scope": scope} if scope else {})}))
        with suppress(Fault):
            self._pay()

    def open(self, session: object, examiner: str, minutes: int, reason: str) -> str:
        """Open it, or anew if it is open: it is then held by this session. Returns its end.

        In custody first: when the fact cannot be written, nothing changes.
        """
        self._going_on()
        self._close_if_over()
        self._pay()
        until = stamp(self._clock.now() + timedelta(minutes=minutes))
        self._write(
            "session.arm",
            f"{examiner} opened a write window of {minutes} min, until {until}.",
            actor=examiner,
            params={"minutes": minutes, "until": until, "reason": reason},
        )
        self._end = self._clock.monotonic() + 60.0 * minutes
        self._session = session
        self.until, self.by = until, examiner
        self._changed()
        return until

    def close(self, why: Why, actor: str = _AGENT) -> None:
        """Close it, if it is open; what custody could not be told now it is told later."""
        if self.until is None:
            return
        self.until, self.by, self._session = None, "", None
        said = _SAID.get(why) or f"{actor} closed the write window: the case is read-only."
        self._owed.append((actor, said, {"why": why}))
        self._changed()
        with suppress(Fault):
            self._pay()

    def left(self, session: object) -> None:
        """That session is gone."""
        if self._session is session:
            self.close("session left")

    def shut(self) -> None:
        """Close it for good: the agent stops."""
        self._shut = True
        self.close("agent stops")

    def tick(self) -> None:
        """Once a second: close it at its end, and write what is owed. Raises what keeps it from being written."""
        self._close_if_over()
        self._pay()

    def require(self) -> None:
        """ReadOnly unless it is open."""
        self._going_on()
        self._close_if_over()
        if self.until is None:
            raise ReadOnly("the case is read-only", next="open a write window: w in the UI, or :arm")

    @contextmanager
    def consent(self, alone: bool, actor: str, reason: str) -> Iterator[Consent]:
        """What is to be asked right before something is approved; it raises ReadOnly where no window is open.

        ``alone``: it never refuses, but opens the case for that one plan, whatever it is told that is, until the
        block ends; nobody else may write for it.
        """
        opened: list[str] = []

        def arm(scope: str) -> None:
            self._going_on()
            self._pay()
            self._write(
                "session.arm",
                f"{actor} opened the case for one plan alone: {scope}.",
                actor=actor,
                params={"scope": scope, "reason": reason},
            )
            opened.append(scope)

        try:
            yield arm if alone else lambda scope: self.require()
        finally:
            for scope in opened:
                said = f"The case is no longer open for that one plan: {scope}."
                self._owed.append((_AGENT, said, {"why": "ended", "scope": scope}))
            with suppress(Fault):
                self._pay()

    def _going_on(self) -> None:
        if self._shut:
            raise AgentGone("the agent stops", next="try again: it is started anew")

    def _close_if_over(self) -> None:
        """By both clocks: the monotonic one stands still while the machine sleeps, the other may be set back."""
        if self.until is not None and (
            self._clock.monotonic() >= self._end or parse_stamp(self.until) <= self._clock.now()
        ):
            self.close("ended")

    def _pay(self) -> None:
        while self._owed:
            actor, summary, params = self._owed[0]
            self._write("session.disarm", summary, actor=actor, params=params)
            self._owed.pop(0)
