"""``jumpbag custody | evidence | verify``: read from the log itself; no agent, no key."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import msgspec

from app.acquisition.sealed import SealedEvidence
from app.case.folder import CaseFolder, find
from app.cli.output import emit, emit_line, fields, size, table
from app.cli.session import Session
from app.client.events import decode_body
from app.custody import verify as check
from app.faults import Broken, Usage
from app.model import EvidenceItem
from app.model.view import EvidenceCheck
from app.text import visible

_POLL_S = 0.3
_CHECKED = {"ok": "agrees", "bad": "does not agree", "failed": "check failed", "stopped": "check stopped"}


def bodies(events: Path) -> Iterator[dict[str, Any]]:
    """The event bodies of a log, fragments left out; nothing is checked (that is `verify`)."""
    with events.open("rb") as stream:
        for line in stream:
            body = _body(line)
            if body is not None:
                yield body


def _body(line: bytes) -> dict[str, Any] | None:
    body = (decode_body(line) or {}).get("b")
    return body if isinstance(body, dict) else None


def _print(body: dict[str, Any], as_json: bool) -> None:
    if as_json:
        emit_line(body)
        return
    actor = body.get("actor")
    name = actor.get("id", "?") if isinstance(actor, dict) else "?"
    words = (str(body.get("ts"))[:19] + "Z", name, body.get("op"), body.get("phase"), body.get("acq", "-"))
    print(
        "  ".join(visible(word) for word in words) + "  " + visible(body.get("summary", ""), cap=400), flush=True
    )


def custody(session: Session) -> int:
    case = session.case()
    if not session.options.follow:
        found = list(bodies(case.events))
        if session.json:
            emit(found)
        else:
            for body in found:
                _print(body, False)
        return 0
    with case.events.open("rb") as stream:
        rest = b""
        while True:
            rest += stream.readline()
            if not rest.endswith(b"\n"):
                time.sleep(_POLL_S)
                continue
            event = _body(rest)
            rest = b""
            if event is not None:
                _print(event, session.json)


def sealed(events: Iterable[dict[str, Any]], case: CaseFolder) -> list[dict[str, Any]]:
    """What a log says was sealed: the images of disks, and files that describe a configuration (sha256 null).
    ``check`` is the newest that has ended of those that read every byte of an item again, None without one."""
    found = SealedEvidence(case.evidence)
    by_op = {"config.collect": found.collected, "evidence.seal": found.sealed, "evidence.verify": found.checked}
    for body in events:
        op = str(body.get("op"))
        if op not in by_op or (op == "evidence.seal" and body.get("phase") != "result"):
            continue
        try:
            by_op[op](body)
        except (KeyError, ValueError, TypeError, AttributeError):
            what = "check" if op == "evidence.verify" else "seal"
            raise Broken(
                f"the log of {case.id} has a {what} that is none",
                next=f"run `jumpbag verify {visible(case.path)}`",
            ) from None
    return [_sealed(item, found.checks.get(item.id)) for item in found.items.values()]


def _sealed(item: EvidenceItem, check: EvidenceCheck | None) -> dict[str, Any]:
    return {
        "id": item.id,
        "acquisition": item.acquisition or None,
        "kind": item.kind,
        "source": item.source or None,
        "path": item.path,
        "bytes": item.bytes,
        "sha256": item.sha256,
        "sealed": item.sealed,
        "check": {"state": check.state, "time": check.ended, "reason": check.reason} if check else None,
    }


def _checked(check: dict[str, Any] | None) -> str:
    """In the words of the screens, with the time in UTC."""
    if check is None:
        return "not checked"
    word = "agrees, extra file" if check["state"] == "ok" and check["reason"] else _CHECKED[check["state"]]
    return f"{word} {check['time']}"


def evidence(session: Session) -> int:
    case = session.case()
    rows = sealed(bodies(case.events), case)
    if session.json:
        emit(rows)
    else:
        table(
            ("item", "kind", "of", "from", "size", "sha256", "sealed", "check", "path"),
            [
                (
                    *(r["id"], r["kind"], r["source"], r["acquisition"], size(r["bytes"])),
                    *(r["sha256"] or "–", r["sealed"], _checked(r["check"]), r["path"]),
                )
                for r in rows
            ],
            "No evidence is sealed yet.",
        )
    return 0


def verify(session: Session) -> int:
    options = session.options
    path = Path(options.path).expanduser()
    if not path.exists():
        try:
            path = find(options.path, session.locations, session.cases).path
        except Usage:
            raise Usage(f"there is nothing at {visible(options.path)}", next="name a case or a bag") from None
    found = check(path, options.key, log_only=options.log_only)
    code = found.exit_code
    if session.json:
        emit(msgspec.to_builtins(found))
        return code
    words = {True: "yes", False: "NO", None: "not checked"}
    fields(
        [
            ("verdict", {0: "OK", 2: "NOT PROVEN"}.get(code, "FAILED")),
            ("key", f"{found.key} ({found.trust})"),
            ("log", f"{found.events} events in {found.lines} lines" + (", being written" if found.live else "")),
            ("chain", words[found.chain]),
            ("signatures", words[found.signatures]),
            ("checkpointed to", f"line {found.checkpointed_to}" if found.checkpointed_to else None),
            ("anchored to", f"line {found.anchored_to}" if found.anchored_to else None),
        ]
    )
    for item in found.items:
        fields([(item.id, "OK" if item.ok else item.reason)])
    for intent in found.open_intents:
        fields([("open intent", f"line {intent.line}: {intent.op}")])
    for warning in found.warnings:
        fields([("warning", warning)])
    for proven in found.proven:
        print("proven      " + visible(proven, cap=400))
    for missing in found.not_proven:
        print("NOT proven  " + visible(missing, cap=400))
    if found.reason:
        where = f"line {found.first_bad_line}: " if found.first_bad_line else ""
        if found.reason.startswith((where, where.replace(": ", ", "))):
            where = ""  # the reason names it itself: "line 7: …", or "line 7, custody/checkpoints/…: …"
        print(f"jumpbag: {where}{visible(found.reason, cap=400)}", file=sys.stderr)
    return code
