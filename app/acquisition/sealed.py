"""Sealed evidence as the signed log has it: its digests, how much of the source it holds, and its newest check."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from typing import Any, Literal

import msgspec

from app.clock import parse_stamp, stamp
from app.faults import Broken
from app.model import Coverage, Digest, EvidenceItem, Gap
from app.model.disagreement import Disagreement
from app.model.view import EvidenceCheck

IMAGE = "data/disk.raw"
STOPPED = "stopped"
"""``outcome.code`` of a check that a person stopped."""
_NO_OUTCOME = "the agent ended before this check did"


class SealedEvidence:
    """Built by reading the log from its first line on; every event is given to it once.

    ``items`` and ``checks`` are by evidence id. A check counts once it has its outcome; :meth:`left_open` is for
    those that will have none.
    """

    def __init__(self, evidence: Path) -> None:
        self.items: dict[str, EvidenceItem] = {}
        self.checks: dict[str, EvidenceCheck] = {}
        self._evidence = evidence
        self._begun: dict[str, EvidenceCheck] = {}  # corr of an intent without an outcome -> how it stands then
        self._collected: dict[str, int] = {}  # evidence id -> bytes of its files

    def collected(self, body: dict[str, Any]) -> None:
        """An event of ``config.collect``."""
        if body["phase"] == "result" and "item" in body:
            self._collected[body["item"]] = int(body.get("params", {}).get("bytes", "0"))

    def sealed(self, body: dict[str, Any]) -> None:
        """The result of ``evidence.seal``."""
        item, digests = body["item"], read_digests(body)
        image = next((digest for digest in digests if digest.of == IMAGE), None)
        files = self._collected.pop(item, 0)
        self.items[item] = EvidenceItem(
            id=item,
            acquisition=body.get("acq", ""),
            kind="disk" if image else "config",
            path=str(self._evidence / item),
            bytes=image.bytes if image else files,
            sha256=image.hex if image else None,
            sealed=stamp(parse_stamp(body["ts"])),
            source=body.get("resource", ""),
            digests=digests,
            coverage=_coverage(body.get("coverage")),
        )

    def checked(self, body: dict[str, Any]) -> None:
        """An event of ``evidence.verify``: each new digest of its result is one more of the item's."""
        item = self.items.get(body.get("item", ""))
        if item is None:
            return
        when = stamp(parse_stamp(body["ts"]))
        if body["phase"] == "intent":
            total = int(body.get("params", {}).get("bytes", "0"))
            self._begun[body["corr"]] = EvidenceCheck(
                item=item.id, state="stopped", bytes_total=total, started=when, ended=when, reason=_NO_OUTCOME
            )
            return
        begun = self._begun.pop(body["corr"], EvidenceCheck(item=item.id, state="stopped"))
        done = int(body.get("params", {}).get("bytes", "0"))
        state = _state(body)
        self.checks[item.id] = msgspec.structs.replace(
            begun,
            state=state,
            bytes_done=done,
            bytes_total=done if state == "ok" else begun.bytes_total,
            ended=when,
            reason=body["outcome"]["error"] or not_sealed(body.get("params", {})),
            disagree=_disagreement(body.get("params", {})) if state == "bad" else None,
        )
        fresh = tuple(digest for digest in read_digests(body) if digest not in item.digests)
        if fresh:
            self.items[item.id] = msgspec.structs.replace(item, digests=item.digests + fresh)

    def left_open(self) -> None:
        """The log was read to its end by a new agent: a check without an outcome reads as stopped."""
        self.checks |= {check.item: check for check in self._begun.values()}


def not_sealed(params: dict[str, Any]) -> str | None:
    """What a check that went well found beside the sealed files, in words; None for nothing."""
    found = params.get("not_sealed")
    if not found:
        return None
    names, count = ", ".join(found["names"]), int(found["files"])
    what = names if count == 1 else f"{count} files ({names}{', …' if count > len(found['names']) else ''})"
    is_, was = ("stands", "was") if count == 1 else ("stand", "were")
    return f"{what}, ending in .tmp, {is_} in the bag and {was} neither sealed nor read"


def _disagreement(params: dict[str, Any]) -> Disagreement | None:
    """What the outcome of a check says of the whole bag; None where it does not, or says it in another form."""
    with suppress(msgspec.ValidationError):
        return msgspec.convert(params.get("disagree"), Disagreement | None, strict=False)
    return None


def read_digests(body: dict[str, Any]) -> tuple[Digest, ...]:
    """The digests of an event, as it lists them."""
    return tuple(
        Digest(of=one["of"], alg=one["alg"], hex=one["hex"], bytes=int(one["bytes"]), stage=one["stage"])
        for one in body.get("digests", ())
    )


def _coverage(found: dict[str, Any] | None) -> Coverage | None:
    if found is None:
        return None
    return Coverage(
        expected_bytes=int(found["expected_bytes"]),
        read_bytes=int(found["read_bytes"]),
        unreadable=tuple(Gap(offset=int(gap["offset"]), bytes=int(gap["bytes"])) for gap in found["unreadable"]),
    )


def _state(body: dict[str, Any]) -> Literal["ok", "bad", "failed", "stopped"]:
    if body["phase"] == "result":
        return "ok"
    if body["phase"] == "abandoned":
        return "stopped"
    return "bad" if body["outcome"]["code"] == Broken.code else "failed"
