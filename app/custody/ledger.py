"""The ledger: the one writer of a case's custody log.

A call returns when its event is on disk. A write that fails leaves a fragment; the next write closes it with a
line feed and declares it. Checkpoints are written where the rules ask for them, without being told to.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal

from app.clock import Clock, SystemClock
from app.custody import body as form
from app.custody.chain import Chain
from app.custody.disk import CannotRead, Wrong, lines
from app.custody.host import Host
from app.custody.keys import Signer
from app.custody.line import LineReader
from app.custody.log_file import LogFile, System, Torn, write_durably
from app.custody.plain import plain
from app.custody.record import Open, Seal
from app.custody.record_files import lay_out
from app.custody.verify_log import public_pem, read_log
from app.custody.vocabulary import ACTS, FACTS, VERBS
from app.custody.writer import Entry, Listener, LogWriter, Phase, Settings, no_room, told
from app.faults import Broken, Refused, Usage
from app.text import visible

_OWN = frozenset({"case.open", "key.rotate", "log.recovered", "log.checkpoint"})
_OPTIONAL = ("cloud", "account", "region", "resource", "request_id", "principal")
_INHERITED = ("acq", "item", "lease", "cloud", "account", "region", "resource", "principal")


class Ledger(LogWriter):
    """Made by :meth:`create` or :meth:`open`; thread-safe; holds the log's lock until :meth:`close`."""

    @classmethod
    def create(
        cls,
        case_dir: Path,
        *,
        case_id: str,
        signer: Signer,
        actor: str,
        case_toml_sha256: str,
        log: str | None = None,
        clock: Clock | None = None,
        host: Host | None = None,
        summary: str | None = None,
        on_append: Listener | None = None,
        system: System | None = None,
    ) -> Ledger:
        """A new log with its event 1. Usage if there is one already or the id is no case id."""
        if not form.is_case_id(case_id) or case_id in VERBS:
            raise Usage(
                f"{visible(case_id)} cannot be a case id", next="letters, digits, . _ - and no verb's name"
            )
        settings = Settings(clock or SystemClock(), host or Host.here(), system or System(), on_append)
        lay_out(case_dir, signer.public, settings.system)
        file = LogFile(case_dir / "custody" / "events.jsonl", create=True, system=settings.system)
        ledger = cls(case_dir, file, Chain(log=log or str(uuid.uuid4())), 0, signer, settings)
        try:
            ledger._reserve.hold()
            key = {"id": signer.keyid, "pub": signer.public_base64}
            ledger._record(
                "case.open",
                "fact",
                str(uuid.uuid4()),
                actor=actor,
                summary=summary or f"The case {case_id} was opened",
                params={"case": case_id, "case_toml_sha256": case_toml_sha256, "key": key},
            )
        except BaseException:
            file.close()
            raise
        return ledger

    @classmethod
    def open(
        cls,
        case_dir: Path,
        signer: Signer,
        *,
        clock: Clock | None = None,
        host: Host | None = None,
        on_append: Listener | None = None,
        system: System | None = None,
    ) -> Ledger:
        """The log of a case, its tail repaired and declared.

        Refused if another process writes it; Broken if it is not what its signatures and checkpoints say;
        Usage if ``signer`` is not its log key; StorageFull if there is no room for the repair.
        """
        settings = Settings(clock or SystemClock(), host or Host.here(), system or System(), on_append)
        file = LogFile(case_dir / "custody" / "events.jsonl", create=False, system=settings.system)
        try:
            reading = read_log(case_dir, lambda _: True, descriptor=file.descriptor)
            wrong = [finding for finding in reading.findings if finding.kind != "file"]
            if wrong:
                raise Broken(
                    f"the custody log is not sound: line {wrong[0].line or '?'}, {wrong[0].reason}",
                    next=f"run `jumpbag verify {visible(case_dir)}` and keep a copy as it is",
                )
            chain = reading.chain
            if chain.log_keyid is None:
                raise Broken("the custody log has no case.open event", next="restore the case from a copy")
            if chain.log_keyid != signer.keyid:
                raise Usage(
                    f"the log is signed with the key {chain.log_keyid}, not with {signer.keyid}",
                    next="unlock the key of this case",
                )
            ledger = cls(case_dir, file, chain, reading.end, signer, settings)
            ledger.warnings = reading.warnings + reading.unread
            ledger.warnings += [f"{finding.file}: {finding.reason}" for finding in reading.findings]
            ledger._take_over()
        except (Wrong, CannotRead) as error:
            file.close()
            raise Broken(f"the custody log cannot be read: {error}", next="check the disk") from None
        except BaseException:
            file.close()
            raise
        return ledger

    # -- writing ------------------------------------------------------------------------------------

    def fact(self, op: str, *, actor: str, summary: str, corr: str | None = None, **members: Any) -> Entry:
        """Record something that happened. Refused if it cannot be recorded, StorageFull without room."""
        if op not in FACTS or op in _OWN:
            raise ValueError(f"{op} is no fact that is written this way")
        with self._lock:
            if op == "case.close" and self._chain.open:
                raise Refused("the case has open intents", next="let the agent close them first")
            entry = self._record(op, "fact", corr or str(uuid.uuid4()), actor=actor, summary=summary, **members)
            if op == "key.add":
                self._publish(entry.body["params"]["key"]["id"])
            if op == "agent.recover":
                self.checkpoint()
            return entry

    def intent(self, op: str, *, actor: str, summary: str, **members: Any) -> Entry:
        """Record what is about to be done; only then may it be done. StorageFull when room is short."""
        if op not in ACTS:
            raise ValueError(f"{op} is no act")
        with self._lock:
            if self._spent:
                if not self._reserve.hold():
                    raise no_room("no room for the custody log's reserve")
                self._spent = False
            return self._record(op, "intent", str(uuid.uuid4()), actor=actor, summary=summary, **members)

    def outcome(
        self,
        intent: Entry | str,
        phase: Literal["result", "failed", "abandoned"],
        *,
        summary: str,
        code: str = "ok",
        error: str | None = None,
        **members: Any,
    ) -> Entry:
        """Close an intent (or its corr). Where it ran, and which acquisition, item and lease it was for, are
        taken from the intent unless given; so is the actor. It is recorded from the reserve if need be.
        """
        corr = intent if isinstance(intent, str) else intent.corr
        with self._lock:
            begun = self._chain.open.get(corr)
            if begun is None:
                raise Refused(f"no open intent has the corr {visible(corr)}")
            if phase != "result" and code == "ok":
                code = phase
            given = {name: begun.body[name] for name in _INHERITED if name in begun.body} | members
            actor = given.pop("actor", begun.body["actor"]["id"])
            if phase == "result" and begun.op == "evidence.seal":
                self._may_seal(str(given.get("item")), corr)
            return self._record(
                begun.op,
                phase,
                corr,
                actor=actor,
                summary=summary,
                outcome={"code": code, "error": error},
                **given,
            )

    def rotate(self, signer: Signer, *, actor: str, summary: str) -> Entry:
        """Hand the log over to another key. The event is signed by the old one alone."""
        with self._lock:
            key = {"id": signer.keyid, "pub": signer.public_base64}
            if signer.keyid in self._chain.keys:
                raise Refused(f"the key {signer.keyid} was used in this log before", next="make a new key")
            body = {"actor": {"id": actor}, "summary": summary, "params": {"key": key}}
            entry = self._append("key.rotate", "fact", str(uuid.uuid4()), body)
            self._signer = signer
            self._publish(signer.keyid)
            self._catch_up()
            return entry

    def checkpoint(self) -> None:
        """Sign a checkpoint over all lines so far, unless the last event is one."""
        with self._lock:

            def attempt() -> None:
                self._settle()
                if self._chain.since_checkpoint:
                    self._checkpoint()

            self._insist(attempt)

    # -- looking ------------------------------------------------------------------------------------

    @property
    def head(self) -> str:
        """SHA-256 of the last line with its LF: the next ``prev``."""
        return self._chain.head

    @property
    def lines(self) -> int:
        """Lines, fragments included."""
        return self._chain.lines

    @property
    def events_count(self) -> int:
        """Lines that are events."""
        return self._chain.events

    @property
    def checkpointed_to(self) -> int:
        """The size of the newest checkpoint, 0 without one."""
        return self._chain.checkpoints[-1].size if self._chain.checkpoints else 0

    @property
    def keyid(self) -> str:
        """The id of the log key in force."""
        return self._signer.keyid

    def open_intents(self) -> list[Entry]:
        """Intents without an outcome, oldest first."""
        with self._lock:
            return [_entry(begun) for begun in self._chain.open.values()]

    def seals(self) -> dict[str, Seal]:
        """The sealed items."""
        with self._lock:
            return dict(self._chain.seals)

    def events(self) -> Iterator[tuple[int, dict[str, Any] | None, str, str]]:
        """Every line so far as ``(line, body or None for a fragment, text, hex SHA-256 of the line with its LF)``,
        streamed from the file."""
        with self._lock:
            end, fragments = self._end, frozenset(self._chain.fragments)
        for raw in lines(self._file.descriptor, end, LineReader()):
            yield raw.number, *told(raw, fragment=raw.number in fragments), raw.sha256

    def close(self) -> None:
        """Give the lock back. The ledger cannot be used any more."""
        with self._lock:
            if self._gone != "closed":
                self._gone = "closed"
                self._file.close()

    # -- one event ----------------------------------------------------------------------------------

    def _record(self, op: str, phase: Phase, corr: str, *, actor: str, summary: str, **members: Any) -> Entry:
        body = {name: plain(value) for name, value in members.items() if value is not None}
        for name in _OPTIONAL:
            if body.get(name) == "":
                del body[name]
        if "outcome" in members:
            body["outcome"] = {**members["outcome"], "error": plain(members["outcome"]["error"])}
        body["actor"], body["summary"] = {"id": actor}, plain(summary)
        with self._lock:
            entry = self._append(op, phase, corr, body)
            self._catch_up()
            return entry

    def _may_seal(self, item: str, corr: str) -> None:
        if item in self._chain.seals:
            raise Refused(f"{visible(item)} is sealed already")
        for begun in self._chain.open.values():
            if begun.body.get("item") == item and begun.corr != corr:
                raise Refused(f"{visible(item)} still has an open intent of {begun.op} (line {begun.line})")

    def _publish(self, keyid: str) -> None:
        """The public key beside the log, a convenience: what counts is the event."""
        path = self._case / "custody" / "keys" / f"{keyid}.pem"
        try:
            write_durably(path, public_pem(self._chain.keys[keyid]), self._system)
        except Torn as torn:
            self.warnings.append(f"custody/keys/{keyid}.pem could not be written: {torn.why}")


def _entry(begun: Open) -> Entry:
    body = begun.body
    return Entry(begun.line, body["seq"], begun.op, body["phase"], begun.corr, body["ts"], begun.sha256, body)
