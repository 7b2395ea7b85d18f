"""A sealed item read again under custody: its intent, every byte from the disk, its outcome.

It reads and compares; it never changes what it reads, whatever it finds.
"""

from __future__ import annotations

import logging
import os
import threading
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec

from app.acquisition.record import AGENT, Record
from app.acquisition.sealed import STOPPED, not_sealed
from app.agent.findings import in_words
from app.custody import CannotRead, Entry
from app.custody.disk import Wrong, kind_of, open_file, walk
from app.custody.plain import plain
from app.custody.record import Seal
from app.custody.survey import Survey
from app.custody.verify_bag import Progress
from app.faults import Broken, Fault
from app.model.disagreement import Disagreement
from app.text import visible

log = logging.getLogger("jumpbag.checks")

_NAMED = 20
_KEEP = "keep the bag as it is, and compare it with another copy"


class Stopped(Exception):
    """A reading ended because it was asked to."""


class Disagrees(Wrong):
    """The bag was read, to its end or not, and is not what was sealed. ``found`` is the whole of it."""

    def __init__(self, first: str, found: Disagreement) -> None:
        super().__init__(first)
        self.found = found


@dataclass(slots=True)
class Rereading:
    """One reading of ``bag``, held against ``seal``, for the examiner ``actor``. The thread that reads writes
    ``bytes_done``, and in ``first`` what is known not to agree."""

    bag: Path
    seal: Seal
    actor: str
    stop: threading.Event = field(default_factory=threading.Event)
    stopped_by: str = AGENT
    bytes_total: int = 0
    bytes_done: int = 0
    first: str = ""

    @property
    def stopped(self) -> str:
        """Why it was stopped, in words."""
        return "the agent stopped" if self.stopped_by == AGENT else f"{self.stopped_by} stopped it"


def size(bag: Path) -> int:
    """Bytes of the bag's files, holes included; 0 where that cannot be told now: the reading will say why."""
    try:
        return sum((bag / name).lstat().st_size for name, kind in walk(bag) if kind == "file")
    except (Wrong, CannotRead, OSError):
        return 0


def standing(bag: Path) -> None:
    """Wrong if the bag, or what it stands in, is not there or is no directory; CannotRead."""
    for at in (bag.parent, bag):
        kind = kind_of(at)
        if kind != "dir":
            raise Wrong(f"{visible(at)} is missing" if kind == "none" else f"{visible(at)} is not a directory")


# -- in the record -------------------------------------------------------------------------------------


def begun(record: Record, reading: Rereading, *, whole_case: bool = False) -> Entry:
    """The intent: no byte is read before it is on disk. ``whole_case``: it is part of a verification of all."""
    item, params = reading.seal.item, {"bytes": str(reading.bytes_total)}
    return record.intent(
        "evidence.verify",
        f"Read every byte of {item} again{', with the whole case' if whole_case else ''}, and compare it with its "
        "manifests and its seal.",
        actor=reading.actor,
        item=item,
        acq=reading.seal.acq,
        params={**params, "whole_case": True} if whole_case else params,
    )


def ended(record: Record, reading: Rereading, intent: Entry, outcome: Callable[[], Survey]) -> None:
    """The outcome, from what :func:`read` returned or raised."""
    item = reading.seal.item
    params: dict[str, Any] = {"bytes": str(reading.bytes_done)}
    try:
        report = outcome()
    except Stopped:
        record.abandoned(
            intent,
            f"The check of {item} was stopped after {reading.bytes_done} of {reading.bytes_total} bytes: it says "
            "nothing of the item.",
            "interrupted" if reading.stopped_by == AGENT else STOPPED,
            reading.stopped,
            params=params,
        )
    except Disagrees as error:
        fault: Fault = Broken(str(error), next=_KEEP)
        params["disagree"] = plain(msgspec.to_builtins(error.found))
        summary = f"{item} does not agree with the record: {in_words(error.found, str(error))}"
        record.failed(intent, summary, fault, params=params)
    except Wrong as error:
        fault = Broken(str(error), next=_KEEP)
        record.failed(intent, f"{item} does not agree with the record: {error}.", fault, params=params)
    except (CannotRead, OSError) as error:
        fault = Fault(str(error), provider_code="unreadable")
        record.failed(intent, f"{item} could not be read: {error}.", fault, params=params)
    except Exception as error:
        log.error("a check ended", exc_info=error)
        fault = Fault(f"an error inside the agent ({type(error).__name__})")
        record.failed(intent, f"{item} could not be checked: {fault.message}.", fault, params=params)
    else:
        # Nothing of ours is left in a bag once it is sealed: such a file was put there by somebody.
        if strangers := [visible(name) for name in report.ignored]:
            params["not_sealed"] = {"files": len(strangers), "names": strangers[:_NAMED]}
        record.result(
            intent,
            f"{item} agrees with its manifests and its seal: every byte was read again."
            + (f" But {not_sealed(params)}." if strangers else ""),
            digests=_reverified(report, reading.seal),
            params={**params, "files": len(report.digests)},
        )


def _reverified(report: Survey, seal: Seal) -> list[dict[str, str]]:
    """What the seal names, as it was read just now."""
    return [
        {"of": of, "alg": "sha256", "hex": report.digests[of][0], "bytes": str(report.digests[of][1])}
        | {"stage": "reverify"}
        for of in seal.digests
    ]


# -- in the thread that reads --------------------------------------------------------------------------


def read(reading: Rereading, case: str | None, also: Progress | None = None) -> Survey:
    """Every byte of the bag, from the disk. Wrong, CannotRead or Stopped. ``also`` is told the progress too.

    What ends it early says nothing of the item, unless it is known by then that it does not agree: that stays.
    """
    _uncache(reading.bag)
    before, last = 0, ("", 0)

    def look() -> None:
        reading.first = survey.first
        if reading.stop.is_set():
            raise Stopped

    def progress(name: str, done: int, total: int) -> None:
        nonlocal before, last
        if also is not None:
            also(name, done, total)
        look()
        if name != last[0]:
            before += last[1]
        last = name, done
        reading.bytes_done = before + done

    survey, why = Survey(seal=reading.seal, look=look), ""
    try:
        survey.read(reading.bag, case, progress)
    except Exception as error:
        if not survey.first:
            raise
        why = _why(reading, error)
    if survey.first:
        raise Disagrees(survey.first, survey.findings(why))
    return survey


def _why(reading: Rereading, error: Exception) -> str:
    """Why a bag that is known not to agree was not read to its end."""
    if isinstance(error, Stopped):
        return reading.stopped
    if isinstance(error, CannotRead | OSError):
        return f"it could not be read further: {error}"
    log.error("a check ended", exc_info=error)
    return f"an error inside the agent ({type(error).__name__})"


def _uncache(bag: Path) -> None:
    """Let the kernel forget what it holds of the bag's files, or a check soon after the seal would read memory
    instead of the disk (posix_fadvise(2); a hint: pages that somebody uses stay)."""
    standing(bag)
    for name, kind in walk(bag):
        if kind != "file":
            continue
        with suppress(Wrong, CannotRead, OSError):
            descriptor = open_file(bag / name)
            try:
                os.posix_fadvise(descriptor, 0, 0, os.POSIX_FADV_DONTNEED)
            finally:
                os.close(descriptor)
