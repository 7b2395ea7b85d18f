"""Playbooks from files: the shipped ones, the user's, and those that the case's configuration names.

A faulty playbook is refused by file and key, with what to write instead; it never takes the others down.
"""

from __future__ import annotations

import hashlib
import os
import re
import stat
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from importlib.resources import files
from pathlib import Path
from types import UnionType
from typing import Any, Literal, NamedTuple, Union, get_args, get_origin

import msgspec

from app.case.folder import CaseFolder
from app.faults import Usage
from app.guided.conditions import RULES, Unknown, parse
from app.guided.playbook import CAPABILITIES, KEY, Playbook, blank
from app.guided.spelling import nearest
from app.locations import Locations
from app.text import visible
from app.toml_guard import NotToml, loads

LARGEST = 64 * 1024
"""Bytes of a file."""
STEPS, FILES = 60, 200
"""Steps of a playbook; files of a directory that are looked at."""
_ID = re.compile(r"[a-z0-9][a-z0-9-]{0,47}")
_COMMAND = re.compile(r"[a-z][a-z_.]{0,47}")
_CAPS = {
    "title": 48, "summary": 240, "when": 400, "order": 240, "text": 400, "why": 320, "dont": 320, "record": 320,
    "on": 60,
}  # fmt: skip
"""Characters of each text."""
_NAMES_KEYS = ("text", "dont", "on")
"""Texts of a step in which keys may be named by their commands."""
_MOST = {"order": 12, "preconditions": 12, "needs": 4, "holds": 8}
"""Entries of each list."""
SHIPPED = "shipped"


class Sources(NamedTuple):
    """Where playbooks come from besides the package, and which one a new case offers ("" for none). ``faulty``:
    what the case names and is no directory's name."""

    directories: tuple[Path, ...] = ()
    offer: str = ""
    faulty: tuple[Faulty, ...] = ()


@dataclass(frozen=True, slots=True)
class Edition:
    """A playbook as one file has it. ``sha256`` is of the file's bytes; ``source`` says where it is."""

    playbook: Playbook
    sha256: str
    source: str


@dataclass(frozen=True, slots=True)
class Faulty:
    """A file that is no playbook: what is wrong, by key, and what to do."""

    source: str
    reason: str
    next: str


@dataclass(frozen=True, slots=True)
class Library:
    """Playbooks by id, in the order in which they were found, and the files that are refused."""

    editions: Mapping[str, Edition] = field(default_factory=dict)
    faulty: tuple[Faulty, ...] = ()

    def get(self, ident: str) -> Edition:
        """The playbook of that id; Usage if there is none, or if its file is faulty."""
        found = self.editions.get(ident)
        if found is not None:
            return found
        bad = next((one for one in self.faulty if Path(one.source).stem == ident), None)
        if bad is not None:
            raise Usage(f"the playbook in {visible(bad.source)} is refused: {bad.reason}", next=bad.next)
        raise Usage(f"no playbook {visible(ident, cap=60)!r}", next=nearest(ident, self.editions))


def sources(case: CaseFolder, locations: Locations) -> Sources:
    """Those of this user and this case. Directories that the case names are relative to it."""
    guided = case.settings.guided
    directories: list[Path] = [locations.playbooks]
    faulty: list[Faulty] = []
    for entry in guided.playbooks:
        try:
            directories.append(case.path / Path(entry).expanduser())
        except (OSError, RuntimeError, ValueError) as error:  # a home that nobody has, for example
            words = f"named in guided.playbooks of the case, is no directory: {error}"
            faulty.append(Faulty(entry, words, f"put its playbooks into {locations.playbooks}"))
    return Sources(tuple(directories), guided.offer, tuple(faulty))


def load(
    directories: Iterable[Path],
    commands: Mapping[str, bool] | None = None,
    refused: Iterable[Faulty] = (),
) -> Library:
    """The shipped playbooks and those of ``directories``; ``refused`` is what was found faulty before.

    ``commands``, where given, are the ids of all commands, and whether a step may hold each; without them only
    the form of an id is checked. One faulty file takes no other down, whatever is wrong with it.
    """
    editions: dict[str, Edition] = {}
    faulty = list(refused)
    shipped = files("app.guided").joinpath("playbooks")
    found = [(SHIPPED, entry.name, entry.read_bytes) for entry in _sorted(shipped.iterdir())]
    for directory in directories:
        found += [(str(directory), path.name, _reader(path)) for path in _files(directory, faulty)]
    for where, name, read in found:
        source = name if where == SHIPPED else str(Path(where, name))
        try:
            data = read()
            playbook = check(data, commands)
            other = editions.get(playbook.id)
            if other is not None:
                raise Usage(f"id {playbook.id} is taken by {visible(other.source)}", next="choose another id")
        except Usage as fault:
            faulty.append(Faulty(source, fault.message, fault.next))
        except OSError as error:
            faulty.append(Faulty(source, f"cannot be read: {error.strerror or error}", "check its permissions"))
        except Exception as error:
            words = f"cannot be read as a playbook ({type(error).__name__})"
            faulty.append(Faulty(source, words, "take it out of its directory, and report it"))
        else:
            editions[playbook.id] = Edition(playbook, hashlib.sha256(data).hexdigest(), source)
    return Library(editions, tuple(faulty))


def _sorted(entries: Iterable[Any]) -> list[Any]:
    return sorted((one for one in entries if one.name.endswith(".toml")), key=lambda one: str(one.name))


def _files(directory: Path, faulty: list[Faulty]) -> Sequence[Path]:
    """The playbooks of a directory; one that is not there has none."""
    try:
        entries = _sorted(directory.iterdir())
    except (FileNotFoundError, NotADirectoryError):
        return ()
    except OSError as error:
        faulty.append(
            Faulty(str(directory), f"cannot be read: {error.strerror or error}", "check its permissions")
        )
        return ()
    except ValueError as error:  # a NUL
        faulty.append(Faulty(str(directory), f"is no directory: {error}", "give a path without it"))
        return ()
    if len(entries) > FILES:
        words = f"holds {len(entries)} playbooks, the first {FILES} are read"
        faulty.append(Faulty(str(directory), words, "take out those that nobody uses"))
    return entries[:FILES]


def _reader(path: Path) -> Any:
    def read() -> bytes:
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)  # a pipe would never answer
        with os.fdopen(descriptor, "rb") as stream:
            if not stat.S_ISREG(os.fstat(descriptor).st_mode):
                raise Usage("is not a regular file", next="put the playbook itself there")
            return stream.read(LARGEST + 1)

    return read


# -- one file ---------------------------------------------------------------------------------------------


def check(data: bytes, commands: Mapping[str, bool] | None = None) -> Playbook:
    """The playbook in these bytes; Usage naming the key and what to write there."""
    if len(data) > LARGEST:
        raise Usage(f"is larger than {LARGEST // 1024} KiB", next="split it, or shorten its texts")
    try:
        return _playbook(loads(data.decode("utf-8")), commands)
    except UnicodeDecodeError:
        raise Usage("is not UTF-8", next="save it as UTF-8") from None
    except NotToml as error:
        raise Usage(str(error), next=error.next) from None
    except (RecursionError, MemoryError):
        raise Usage("is nested too deeply", next="a playbook has tables in lists, and no more") from None


def _playbook(table: dict[str, Any], commands: Mapping[str, bool] | None) -> Playbook:
    _known(table, Playbook, "")
    try:
        playbook = msgspec.convert(_unwrapped(table), Playbook)
    except msgspec.ValidationError as error:
        raise _typed(str(error)) from None
    _ids(playbook)
    _texts(table)
    for place, entry in enumerate(playbook.preconditions):
        if entry.met:
            _condition(entry.met, f"preconditions[{place}].met", state=True)
    for place, step in enumerate(playbook.steps):
        where = f"steps[{place}]"
        _condition(step.done, f"{where}.done", state=False)
        for need in step.needs:
            if need not in CAPABILITIES:
                raise _refused(f"{where}.needs", f"{need!r} is no capability", nearest(need, CAPABILITIES))
        if step.go is not None:
            _command(step.go.command, f"{where}.go.command", commands)
        for name in _NAMES_KEYS:
            for ident in KEY.findall(getattr(step, name)):
                _command(ident, f"{where}.{name}", commands)
        for held in step.holds:
            _command(held, f"{where}.holds", commands)
            if commands is not None and not commands[held]:
                near = nearest(held, {name: None for name, free in commands.items() if free})
                raise _refused(f"{where}.holds", f"{held!r} cannot be held: it starts nothing", near)
    return playbook


def _refused(where: str, what: str, fix: str) -> Usage:
    return Usage(f"{visible(where)}: {visible(what)}", next=visible(fix, cap=600))


def _known(value: Any, kind: Any, path: str) -> None:
    """Name unknown keys, with the nearest known one."""
    kind = _plain(kind)
    if isinstance(value, list):
        inner = get_args(kind)[0] if get_origin(kind) is tuple else None
        for place, child in enumerate(value):
            _known(child, inner, f"{path}[{place}]")
        return
    if not isinstance(value, dict) or not (isinstance(kind, type) and issubclass(kind, msgspec.Struct)):
        return
    fields = {found.encode_name: found.type for found in msgspec.structs.fields(kind)}
    for key, child in value.items():
        where = f"{path}.{key}" if path else key
        if key not in fields:
            raise _refused(where, "unknown key", nearest(key, fields))
        _known(child, fields[key], where)


def _plain(annotation: Any) -> Any:
    """``X`` of ``X | None``, anything else as it is."""
    if get_origin(annotation) in (UnionType, Union):
        return next(inner for inner in get_args(annotation) if inner is not type(None))
    return annotation


def _unwrapped(value: Any) -> Any:
    """Texts over several lines as one: what is shown is wrapped anew."""
    if isinstance(value, str):
        return " ".join(re.split(r"[ \t\r\n]+", value.strip(" \t\r\n")))
    if isinstance(value, dict):
        return {key: _unwrapped(child) for key, child in value.items()}
    return [_unwrapped(child) for child in value] if isinstance(value, list) else value


def _typed(error: str) -> Usage:
    """What msgspec found, by key."""
    where = re.search(r" - at `\$\.?([^`]*)`$", error)
    place = where[1] if where else ""
    missing = re.search(r"missing required field `(\w+)`", error)
    if missing:
        return _refused(f"{place}.{missing[1]}" if place else missing[1], "missing", f"add the key {missing[1]}")
    said = error.partition(" - at ")[0]
    kind: Any = Playbook
    for part in re.findall(r"[a-z]+|\[", place):
        kind = _plain(kind)
        if part == "[":
            kind = get_args(kind)[0]
        else:
            kind = next(found.type for found in msgspec.structs.fields(kind) if found.encode_name == part)
    kind = _plain(kind)
    if get_origin(kind) is Literal:
        bad = re.search(r"Invalid enum value '(.*)'", said)
        return _refused(place, said, nearest(bad[1] if bad else "", tuple(get_args(kind))))
    words = {str: "write text in quotes", tuple: "write a list in [brackets]"}
    return _refused(place, said, words.get(get_origin(kind) or kind, "write a table"))


def _ids(playbook: Playbook) -> None:
    if not 1 <= len(playbook.steps) <= STEPS:
        raise _refused("steps", f"{len(playbook.steps)} of them", f"a playbook has 1 to {STEPS} steps")
    named = [("id", playbook.id), *((f"steps[{place}].id", one.id) for place, one in enumerate(playbook.steps))]
    seen: dict[str, str] = {}
    for where, ident in named:
        if not _ID.fullmatch(ident):
            raise _refused(where, f"{ident!r} is no id", "use up to 48 small letters, digits and dashes")
        if where != "id" and ident in seen:
            raise _refused(where, f"{ident!r} is the id of {seen[ident]} too", "give each step its own")
        if where != "id":
            seen[ident] = where.removesuffix(".id")


def _texts(value: Any, path: str = "", name: str = "") -> None:
    """No text is empty or too long, and no list. The name of a key counts as one character."""
    if isinstance(value, dict):
        for key, child in value.items():
            _texts(child, f"{path}.{key}" if path else key, key)
    elif isinstance(value, list):
        if len(value) > _MOST.get(name, STEPS):
            raise _refused(path, f"{len(value)} entries", f"{_MOST.get(name, STEPS)} at most")
        for place, child in enumerate(value):
            _texts(child, f"{path}[{place}]", name)
    elif isinstance(value, str):
        text, cap = _unwrapped(value), _CAPS.get(name, 120)
        if blank(text):
            raise _refused(path, "empty", "write something, or leave the key out")
        names_keys = name in _NAMES_KEYS and path.startswith("steps[")
        if names_keys:
            text = KEY.sub("x", text)
        if "{key:" in text:
            fix = (
                'write it like "{key:resources.acquire}"' if names_keys else "only text, dont and on of a step are"
            )
            raise _refused(path, "names a key in a way that is not filled in", fix)
        if len(text) > cap:
            raise _refused(path, f"{len(text)} characters", f"{cap} at most")


def _condition(text: str, where: str, *, state: bool) -> None:
    try:
        condition = parse(text)
    except Unknown as error:
        raise _refused(where, str(error), error.hint) from None
    if state and not RULES[condition.name].state:
        known = {name: rule for name, rule in RULES.items() if rule.state}
        raise _refused(where, f"{condition.name} is about a run", nearest(condition.name, known))


def _command(ident: str, where: str, commands: Mapping[str, bool] | None) -> None:
    if not _COMMAND.fullmatch(ident):
        raise _refused(where, f"{ident!r} is no command", 'write an id like "resources.acquire"')
    if commands is not None and ident not in commands:
        raise _refused(where, f"there is no command {ident}", nearest(ident, commands))
