"""Writing single events, and what must stand before the next one: repair, declaration, checkpoint."""

from __future__ import annotations

import hashlib
import threading
import uuid
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from app.clock import Clock, stamp_us
from app.custody import body as form
from app.custody import checkpoint as notes
from app.custody.chain import Chain, origin_hash
from app.custody.disk import CannotRead, Wrong, read_small
from app.custody.host import Host, boot_id, clock_state, tool
from app.custody.keys import Signer
from app.custody.line import MAX_LINE, LineReader, RawLine, decode, format_line, raw_line, split
from app.custody.log_file import LogFile, Reserve, SyncFailed, System, Torn, write_durably
from app.faults import Broken, Fault, Refused, StorageFull
from app.text import visible

Phase = Literal["fact", "intent", "result", "failed", "abandoned"]
Listener = Callable[[int, dict[str, Any] | None, str], None]
"""``(line number, body or None for a fragment, its text)``; called with the ledger locked, must not raise."""


_TRIES = 4


@dataclass(frozen=True, slots=True)
class Entry:
    """An event that is on disk. ``sha256`` is the hash of its whole line with its LF: the witness head."""

    line: int
    seq: int
    op: str
    phase: str
    corr: str
    ts: str
    sha256: str
    body: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Settings:
    """What a writer takes from around it."""

    clock: Clock
    host: Host
    system: System
    on_append: Listener | None


class LogWriter:
    """The pen of the ledger: it holds the file, the chain, the key and the reserve. Thread-safe."""

    def __init__(
        self, case: Path, file: LogFile, chain: Chain, end: int, signer: Signer, settings: Settings
    ) -> None:
        self._case = case
        self._file = file
        self._chain = chain
        self._end = end  # bytes of the log that the chain has seen
        self._signer = signer
        self._clock = settings.clock
        self._host = settings.host
        self._system = settings.system
        self._reserve = Reserve(case / "custody")
        self._spent = False  # the reserve was given back: no new act until it is held again
        self._clean = False  # nothing stands in the file beyond _end
        self._gone: str | None = None  # why nothing can be written any more
        self._lock = threading.RLock()
        self.on_append = settings.on_append
        self.warnings: list[str] = []
        self.crashed = chain.running
        """Whether, when the log was opened, an agent had been started that never wrote that it stopped."""

    @property
    def log(self) -> str:
        """The log's UUID."""
        return self._chain.log or ""

    @property
    def case_id(self) -> str:
        """The case's id as event 1 has it."""
        return self._chain.case_id or ""

    def _append(self, op: str, phase: Phase, corr: str, body: dict[str, Any]) -> Entry:
        """Write one event, repairing and declaring what failed writes left behind."""
        written: list[Entry] = []

        def attempt() -> None:
            self._settle(op)
            written.append(self._write(op, phase, corr, body))

        self._insist(attempt, may_use_reserve=phase != "intent")
        return written[0]

    def _insist(self, attempt: Callable[[], None], *, may_use_reserve: bool = True) -> None:
        why = ""
        for _ in range(_TRIES):
            if self._gone is not None:
                raise Broken(f"the custody log cannot be written: {self._gone}", next="start the agent again")
            try:
                return attempt()
            except Torn as torn:
                why, full = torn.why, torn.full
            except SyncFailed as failed:
                self._gone = str(failed)
                continue
            if full and not self._spent and self._reserve.release():
                self._spent = True
                if not may_use_reserve:
                    with suppress(Torn, SyncFailed):
                        self._settle()
                    raise no_room(why)
            elif full:
                self._spent = True
                raise no_room(why)
        raise Broken(f"the custody log cannot be written: {why or self._gone}", next="check the disk")

    def _write(self, op: str, phase: Phase, corr: str, given: dict[str, Any]) -> Entry:
        moment, chain = self._clock.now(), self._chain
        body = {
            "v": 1,
            "log": chain.log,
            "seq": chain.seq + 1,
            "prev": chain.head if chain.events else origin_hash(chain.log or ""),
            "ts": stamp_us(moment),
            "mono_ns": str(int(self._clock.monotonic() * 1_000_000_000)),
            "boot_id": boot_id(),
            "clk": clock_state(),
            "op": op,
            "phase": phase,
            "corr": corr,
            "host": self._host.member(),
            "tool": tool(),
        } | given
        try:
            form.check(body)
            line = format_line(body, [self._signer])
        except ValueError as error:
            raise Refused(f"{op} cannot be recorded: {error}", next="report this as a defect") from None
        if len(line) > MAX_LINE:
            raise Refused(f"{op} cannot be recorded: the event has {len(line)} bytes")
        raw = raw_line(chain.lines + 1, line[:-1])
        try:
            self._clean = False
            self._file.append(line)
        except Torn:
            with suppress(Torn):
                self._repair()
            if chain.head != raw.sha256:  # else all but the line feed had been written
                raise
        else:
            self._clean = True
            self._end += len(line)
            self._feed(raw)
        return Entry(raw.number, body["seq"], op, phase, corr, body["ts"], raw.sha256, body)

    def _feed(self, raw: RawLine) -> None:
        body = self._chain.feed(raw)
        if self._chain.findings:
            self._gone = f"line {raw.number} broke a rule: {self._chain.findings[0].reason}"
        if self.on_append is not None:
            self.on_append(raw.number, *told(raw, fragment=body is None))

    # -- what stands before the next event ------------------------------------------------------------

    def _take_over(self) -> None:
        self._spent = not self._reserve.hold()
        self._insist(self._settle)

    def _settle(self, op: str = "") -> None:
        """Repair the tail, declare fragments, write the checkpoint that is due."""
        if not self._clean:
            self._repair()
        self._recover()
        owed = self._chain.owed
        if self._chain.checkpoint_due:
            self._checkpoint()
        elif owed is not None and op not in ("", "agent.start", "agent.recover"):
            raise Refused(f"{op} cannot be recorded before agent.recover", next="let the agent recover first")

    def _repair(self) -> None:
        """Close an unfinished line with a line feed and take in what stands beyond the known end."""
        reader = LineReader(first=self._chain.lines + 1)
        try:
            for piece in self._file.read(self._end):
                self._take_in(reader, piece)
        except CannotRead as error:
            raise SyncFailed(str(error)) from None
        if reader.tail_size:
            self._file.append(b"\n")
            self._take_in(reader, b"\n")
        self._clean = True

    def _take_in(self, reader: LineReader, piece: bytes) -> None:
        for raw in reader.feed(piece):
            self._end += raw.size + 1
            self._feed(raw)

    def _recover(self) -> None:
        pending = self._chain.pending
        if not pending or not self._chain.events:
            return
        many = f"{len(pending)} unfinished lines" if len(pending) > 1 else "one unfinished line"
        declared = {"fragments": [fragment.declared() for fragment in pending]}
        summary = f"An interrupted write left {many} in the log"
        self._write(
            "log.recovered",
            "fact",
            str(uuid.uuid4()),
            {"actor": {"id": "agent"}, "summary": summary, "params": declared},
        )

    def _checkpoint(self) -> None:
        chain, size = self._chain, self._chain.lines
        root = chain.tree.root()
        note = notes.write(notes.origin(self.case_id, self.log), size, root, self._signer, self._signer.public)
        path = self._case / "custody" / "checkpoints" / f"{size}.note"
        try:
            found = read_small(path, notes.MAX_NOTE)
        except Wrong:
            write_durably(path, note, self._system)
        except CannotRead as error:
            raise SyncFailed(f"{path.name}: {error}") from None
        else:
            if found != note:
                self._gone = f"checkpoints/{path.name} is a checkpoint of another state of the log"
                raise Broken(f"the custody log cannot be written: {self._gone}", next="run `jumpbag verify`")
        params = {
            "size": size,
            "root": notes.root_text(root),
            "note_sha256": hashlib.sha256(note).hexdigest(),
        }
        summary = f"A checkpoint over the first {size} lines was signed"
        self._write(
            "log.checkpoint",
            "fact",
            str(uuid.uuid4()),
            {"actor": {"id": "agent"}, "summary": summary, "params": params},
        )

    def _catch_up(self) -> None:
        """The checkpoint that the event just written asks for. If it fails, the next write begins with it."""
        if self._chain.checkpoint_due:
            with suppress(StorageFull):
                self._insist(self._settle)


def told(raw: RawLine, *, fragment: bool) -> tuple[dict[str, Any] | None, str]:
    """A line as readers of the log get it: the body and its text, or None and the escaped bytes."""
    data = raw.data or b""
    parts = None if fragment else split(data)
    if parts is None:
        return None, visible(data.decode("utf-8", "backslashreplace"), cap=4096)
    return decode(parts.body), parts.body.decode("utf-8")


def no_room(why: str) -> Fault:
    """There is no room to write."""
    return StorageFull(
        f"no room to write the custody log: {why}", next="make room on its disk; outcomes are still recorded"
    )
