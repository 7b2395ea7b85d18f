"""The embedded cloud's own record of what arrived over the wire (``GET /_range/state``)."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import msgspec


class Call(msgspec.Struct, kw_only=True):
    """One entry. ``account`` and ``principal`` are the caller's ("" if unknown); ``session`` the role session.

    ``code`` is the error code, None where the call succeeded. ``count`` is above 1 for a run of block reads.
    ``dry_run``: EC2 was asked whether it would; such a call is never ``mutating``.
    """

    n: int
    time: str
    account: str
    principal: str
    session: str | None
    service: str
    action: str
    resources: list[str]
    mutating: bool
    decision: str
    code: str | None
    request_id: str
    count: int = 1
    dry_run: bool = False


class Journal:
    """Calls in the order of arrival, and which blocks were read how often.

    Reads of the same snapshot by the same caller with the same outcome are one entry with a count, as long
    as no call of another kind came in between.
    """

    def __init__(self) -> None:
        self.calls: list[Call] = []
        self._runs: dict[tuple[object, ...], Call] = {}
        self._reads: dict[tuple[str, str], tuple[list[int], set[int]]] = {}

    def record(
        self,
        *,
        account: str,
        principal: str,
        session: str | None,
        service: str,
        action: str,
        resources: list[str],
        mutating: bool,
        decision: str,
        code: str | None,
        request_id: str,
        run: bool = False,
        dry_run: bool = False,
    ) -> None:
        """Adds a call; ``run`` marks a block read, which may join the entry before it."""
        key = (principal, session, action, tuple(resources), decision, code)
        if not run:
            self._runs.clear()
        elif key in self._runs:
            self._runs[key].count += 1
            return
        call = Call(
            n=len(self.calls) + 1,
            time=datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ"),
            account=account,
            principal=principal,
            session=session,
            service=service,
            action=action,
            resources=resources,
            mutating=mutating,
            decision=decision,
            code=code,
            request_id=request_id,
            dry_run=dry_run,
        )
        self.calls.append(call)
        if run:
            self._runs[key] = call

    def block_read(self, snapshot: str, account: str, index: int) -> None:
        """A block left for ``account``."""
        count, seen = self._reads.setdefault((snapshot, account), ([0], set()))
        count[0] += 1
        seen.add(index)

    def state(self) -> dict[str, Any]:
        """The answer of ``GET /_range/state``; ``blocks`` counts reads and different blocks per snapshot."""
        blocks = [
            {"snapshot": snapshot, "account": account, "reads": count[0], "distinct": len(seen)}
            for (snapshot, account), (count, seen) in self._reads.items()
        ]
        return {"calls": [msgspec.to_builtins(call) for call in self.calls], "blocks": blocks}
