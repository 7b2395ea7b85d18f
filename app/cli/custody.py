"""``jumpbag custody | evidence | verify``: read from the log itself; no agent, no key."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import msgspec

from app.case.folder import CaseFolder, find
from app.cli.output import emit, emit_line, fields, size, table
from app.cli.session import Session
from app.client.events import decode_body
from app.clock import parse_stamp, stamp
from app.custody import verify as check
from app.faults import Broken, Usage
from app.text import visible

_POLL_S = 0.3


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
    """What a log says was sealed: the images of disks, and files that describe a configuration (sha256 null)."""
    rows: list[dict[str, Any]] = []
    collected: dict[str, int] = {}
    for body in events:
        if body.get("phase") != "result" or body.get("op") not in ("evidence.seal", "config.collect"):
            continue
        try:
            if body["op"] == "config.collect":
                collected[str(body["item"])] = int(body["params"]["bytes"])
            else:
                rows.append(_sealed(case, body, collected))
        except (KeyError, ValueError, TypeError, AttributeError):
            raise Broken(
                f"the log of {case.id} has a seal that is none", next=f"run `jumpbag verify {visible(case.path)}`"
            ) from None
    return rows


def _sealed(case: CaseFolder, body: dict[str, Any], collected: Mapping[str, int]) -> dict[str, Any]:
    item = str(body["item"])
    image = next((d for d in body["digests"] if d["of"] == "data/disk.raw"), None)
    return {
        "id": item,
        "acquisition": body.get("acq"),
        "kind": "disk" if image else "config",
        "source": body.get("resource"),
        "path": str(case.bag(item)),
        "bytes": int(image["bytes"]) if image else collected.get(item),
        "sha256": image["hex"] if image else None,
        "sealed": stamp(parse_stamp(body["ts"])),
    }


def evidence(session: Session) -> int:
    case = session.case()
    rows = sealed(bodies(case.events), case)
    if session.json:
        emit(rows)
    else:
        table(
            ("item", "kind", "of", "from", "size", "sha256", "sealed", "path"),
            [
                (
                    *(r["id"], r["kind"], r["source"], r["acquisition"], size(r["bytes"])),
                    *(r["sha256"] or "–", r["sealed"], r["path"]),
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
