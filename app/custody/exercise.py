"""The tampering exercise: one character is changed in a copy of the record, and the copy is verified.

What is copied is ``case.toml`` and ``custody/``, into a practice folder of its own; evidence is never copied, and
the case is only read. The copy stays, so that the same can be done by hand.
"""

from __future__ import annotations

import errno
import os
import re
import shutil
import stat
from array import array
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from itertools import chain
from pathlib import Path
from typing import IO

from app.custody.body import is_case_id, is_id
from app.custody.disk import CannotRead, Wrong, kind_of, lines, names, open_file, pieces, read_small
from app.custody.line import LineReader, NotCanonical, RawLine, canonical, decode, split
from app.custody.verify import Verification, verify
from app.custody.verify_evidence import other_place
from app.custody.verify_log import EVENTS
from app.faults import Fault, StorageFull, Usage
from app.locations import private_directory
from app.text import visible

KEPT = 3
"""So many practice folders are kept, the newest ones."""

_MARK = ".jumpbag-practice"
"""A file in each practice folder: what has none was not made here, and is never deleted."""
_PRACTICE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}-([0-9]{8}T[0-9]{6}Z)(?:-([0-9]{1,3}))?")
_NOTE = re.compile(r"([1-9][0-9]{0,15})\.note")
_SMALL = 16 << 20  # larger files than that beside the log are none of the record's
_LOOK_UP_EVERY = 1024
_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC


class Abandoned(Exception):
    """Nobody waits for what was asked for any more."""


@dataclass(frozen=True, slots=True)
class Exercise:
    """What was done and what came of it.

    ``member`` of the event in ``line`` was ``before`` and is ``after`` in the copy; they differ in the character
    at ``position`` alone. ``copy`` and ``original`` are the verdicts (the log alone). ``keyid`` signed the line.
    """

    path: Path
    line: int
    op: str
    member: str
    before: str
    after: str
    position: int
    keyid: str
    copy: Verification
    original: Verification

    @property
    def caught(self) -> bool:
        """The copy's verdict is no, and names that very line as the first bad one."""
        return bool(self.copy.faults) and self.copy.first_bad_line == self.line

    @property
    def original_sound(self) -> bool:
        """Nothing is wrong with the case's own log (evidence was not read)."""
        return not self.original.faults and self.original.chain is True and self.original.signatures is True


@dataclass(frozen=True, slots=True)
class _Change:
    line: int
    start: int
    old: bytes
    new: bytes
    op: str
    member: str
    before: str
    after: str
    position: int
    keyid: str


def tamper(case: Path, into: Path, *, now: datetime, stop: Callable[[], bool] = lambda: False) -> Exercise:
    """Copy the record of the case in that folder to a new folder in ``into``, change one character of one line
    there, and verify both.

    The line is the newest ``plan.approve``, else the one in the middle. Usage if there is no record to copy or no
    event in it or no place to make the copy, StorageFull without room, Abandoned once ``stop`` says so.
    """
    try:
        practice = _fresh(into, case, now)
    except OSError as error:
        raise _no_place(into, error) from None
    try:
        count = _copy(case, practice, stop)
        change = _choose(practice / EVENTS, count, stop)
        _apply(practice / EVENTS, change)

        def look_up(_: str, __: int, ___: int) -> None:
            if stop():
                raise Abandoned

        copy = verify(practice, log_only=True, progress=look_up)
        original = verify(case, log_only=True, progress=look_up)
    except OSError as error:
        _discard(practice)
        raise _no_place(practice, error) from None
    except BaseException:
        _discard(practice)
        raise
    _forget_older(into, practice)
    return Exercise(
        path=practice,
        line=change.line,
        op=change.op,
        member=change.member,
        before=change.before,
        after=change.after,
        position=change.position,
        keyid=change.keyid,
        copy=copy,
        original=original,
    )


# -- the copy ----------------------------------------------------------------------------------------


def _fresh(into: Path, case: Path, now: datetime) -> Path:
    private_directory(into)
    name = case.name if is_case_id(case.name) else "case"
    stem = f"{name}-{now.strftime('%Y%m%dT%H%M%SZ')}"
    for number in range(1000):
        path = into / (f"{stem}-{number}" if number else stem)
        with suppress(FileExistsError):
            path.mkdir(mode=0o700)
            try:
                _new(path / _MARK).close()
            except OSError:
                _discard(path)
                raise
            return path
    raise FileExistsError(17, "there are too many exercises of this second", str(into))


def _copy(case: Path, practice: Path, stop: Callable[[], bool]) -> int:
    """Copy the record; returns how many lines the copied log has.

    The log goes first, and of the checkpoints only those that it is long enough for: a case that is being written
    to is then copied as it was at one moment.
    """
    (practice / "custody").mkdir(mode=0o700)
    try:
        count, size = _copy_log(case / EVENTS, practice / EVENTS, stop)
        toml = _copy_file(case / "case.toml", practice / "case.toml")
    except Wrong as error:
        raise Usage(f"{visible(case)} has no record to copy: {error}", next="name the folder of a case") from None
    except CannotRead as error:
        raise Usage(f"the record of {visible(case)} cannot be read: {error}", next="check the disk") from None
    for folder in ("", "keys", "checkpoints", "anchors"):
        _copy_folder(case / "custody" / folder, practice / "custody" / folder, count, case / EVENTS, size)
    # An empty folder for each bag: the verdict is about the record, and must not be that evidence is missing.
    other = other_place(case, toml)
    elsewhere = other is not None and other == other_place(practice, toml)  # one that the copy finds as well
    places = [case / "evidence", *([other] if other is not None and not elsewhere else [])]
    for place in places:
        with suppress(Wrong, CannotRead):
            for name in names(place):
                if is_id(name, "E") and kind_of(place / name) == "dir":
                    private_directory(practice / "evidence")
                    private_directory(practice / "evidence" / name)
    return count


def _copy_log(source: Path, target: Path, stop: Callable[[], bool]) -> tuple[int, int]:
    """The complete lines; their number, and how many bytes the log had."""
    descriptor = open_file(source)
    try:
        size = os.fstat(descriptor).st_size
        count = written = whole = 0
        with _new(target) as out:
            for piece in pieces(descriptor, 0, size):
                if stop():
                    raise Abandoned
                out.write(piece)
                count += piece.count(b"\n")
                cut = piece.rfind(b"\n")
                whole = written + cut + 1 if cut >= 0 else whole
                written += len(piece)
            out.truncate(whole)
    finally:
        os.close(descriptor)
    if count == 0:
        raise Wrong("its log has no whole line")
    return count, size


def _copy_folder(source: Path, target: Path, count: int, log: Path, size: int) -> None:
    """The plain files of a folder. A note over more lines than were copied is left out if the log has grown since:
    else it stands for lines that are missing, and belongs into the copy."""
    with suppress(Wrong, CannotRead):
        for name in names(source):
            note = _NOTE.fullmatch(name)
            if name.endswith(".tmp") or name == "events.jsonl" or kind_of(source / name) != "file":
                continue
            if note and int(note[1]) > count and log.stat().st_size > size:
                continue
            target.mkdir(mode=0o700, exist_ok=True)
            with suppress(Wrong, CannotRead):
                _copy_file(source / name, target / name)


def _copy_file(source: Path, target: Path) -> bytes:
    data = read_small(source, _SMALL)
    with _new(target) as out:
        out.write(data)
    return data


def _new(path: Path) -> IO[bytes]:
    return os.fdopen(os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600), "wb")


# -- the change --------------------------------------------------------------------------------------


def _choose(log: Path, count: int, stop: Callable[[], bool]) -> _Change:
    """The newest approved plan, else the event nearest to the middle."""
    starts = array("Q")
    approved, spared, position = 0, set[int](), 0
    descriptor = open_file(log)
    try:
        for raw in lines(descriptor, os.fstat(descriptor).st_size, LineReader()):
            if raw.number % _LOOK_UP_EVERY == 0 and stop():
                raise Abandoned
            starts.append(position)
            position += raw.size + 1
            data = raw.data or b""
            if b'"op":"plan.approve"' in data:
                approved = raw.number
            elif b'"op":"log.recovered"' in data:
                # Changed, it would be the fragments that nothing declares any more, and they stand before it.
                spared |= {raw.number, *_declared(raw)}
        for line in chain((approved,) if approved else (), _outward((count + 1) // 2, count)):
            end = starts[line] - 1 if line < count else position - 1
            if line in spared or end - starts[line - 1] > _SMALL:
                continue
            data = b"".join(pieces(descriptor, starts[line - 1], end))
            change = _change(line, starts[line - 1], data)
            if change is not None:
                return change
    finally:
        os.close(descriptor)
    raise Usage("the record has no event to change", next="`jumpbag verify` says what is wrong with it")


def _outward(middle: int, count: int) -> Iterator[int]:
    """1 … ``count``, those nearest to ``middle`` first."""
    for step in range(count):
        yield from sorted({line for line in (middle + step, middle - step) if 1 <= line <= count})


def _change(line: int, start: int, data: bytes) -> _Change | None:
    """The change of one character of the line's summary (of its time, if that has no digit or letter); None if the
    line is no event."""
    parts = split(data)
    if parts is None:
        return None
    try:
        body = decode(parts.body)
    except NotCanonical:
        return None
    if not isinstance(body, dict):
        return None
    for member in ("summary", "ts"):
        before = body.get(member)
        place = _place(before) if isinstance(before, str) else None
        if not isinstance(before, str) or place is None:
            continue
        after = before[:place] + _other(before[place]) + before[place + 1 :]
        old, new = (canonical(member) + b":" + canonical(text) for text in (before, after))
        found = data.rfind(old, 0, len(b'{"b":') + len(parts.body))
        changed = data[:found] + new + data[found + len(old) :]
        again = split(changed)
        if found < 0 or again is None or decode(again.body) != {**body, member: after}:
            continue
        keyid, op = parts.signatures[0].keyid, str(body.get("op"))
        return _Change(line, start + found, old, new, op, member, before, after, place, keyid)
    return None


def _place(text: str) -> int | None:
    """Where the character stands that is changed: the first digit, else the first letter."""
    for test in (str.isdigit, str.isalpha):
        for place, char in enumerate(text):
            if char.isascii() and test(char):
                return place
    return None


def _other(char: str) -> str:
    """The next digit or letter."""
    if char.isdigit():
        return str((int(char) + 1) % 10)
    first = "a" if char.islower() else "A"
    return chr((ord(char) - ord(first) + 1) % 26 + ord(first))


def _apply(log: Path, change: _Change) -> None:
    descriptor = os.open(log, os.O_RDWR | os.O_CLOEXEC | os.O_NOFOLLOW)
    try:
        if len(change.new) != len(change.old) or os.pread(descriptor, len(change.old), change.start) != change.old:
            raise OSError(5, "the copy is not what was copied")
        os.pwrite(descriptor, change.new, change.start)
    finally:
        os.close(descriptor)


def _declared(raw: RawLine) -> set[int]:
    parts = split(raw.data or b"")
    try:
        fragments = decode(parts.body)["params"]["fragments"] if parts is not None else []
        return {entry["line"] for entry in fragments if isinstance(entry["line"], int)}
    except (NotCanonical, KeyError, TypeError):
        return set()


# -- older ones --------------------------------------------------------------------------------------


def _forget_older(into: Path, newest: Path) -> None:
    """Delete all practice folders but the newest ones; nothing that is not named and marked as one, and nothing
    through a symbolic link."""
    with suppress(OSError):
        inside = os.open(into, _FOLDER)
        try:
            with os.scandir(inside) as entries:
                matches = [match for entry in entries if (match := _PRACTICE.fullmatch(entry.name))]
            named = sorted(matches, key=lambda match: (match[1], int(match[2] or 0)), reverse=True)
            ours = [match[0] for match in named if match[0] != newest.name and _marked(inside, match[0])]
            for name in ours[KEPT - 1 :]:
                shutil.rmtree(name, ignore_errors=True, dir_fd=inside)
        finally:
            os.close(inside)


def _marked(inside: int, name: str) -> bool:
    """Whether that is a folder that :func:`_fresh` made."""
    try:
        folder = os.open(name, _FOLDER, dir_fd=inside)
        try:
            mark = os.stat(_MARK, dir_fd=folder, follow_symlinks=False)
        finally:
            os.close(folder)
    except OSError:
        return False
    return stat.S_ISREG(mark.st_mode) and mark.st_uid == os.getuid()


def _discard(path: Path) -> None:
    """Delete the folder that was just made."""
    shutil.rmtree(path, ignore_errors=True)  # never follows a symbolic link


def _no_place(path: Path, error: OSError) -> Fault:
    why = f"{visible(path)}: {error.strerror or error}"
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return StorageFull(why, next="make room there, or set XDG_STATE_HOME elsewhere")
    return Usage(why, next="put a directory of your own there, or set XDG_STATE_HOME elsewhere")
