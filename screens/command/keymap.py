"""The user's keymap: ``keymap.toml`` in the configuration directory.

    [keys]                      # command id = a key, or several after commas
    "resources.acquire" = "f5"
    "list.down" = "n,down"

    [aliases]                   # word of the : line = what it stands for
    web = "res tag=app:web"

Nothing in it may stop the work: an entry that cannot hold is reported and left out, and the shipped key stays.
"""

from __future__ import annotations

import difflib
from collections.abc import Sequence, Set
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from app.text import visible
from app.toml_guard import NotToml, loads
from screens.command.registry import BANNED, TYPED, Registry, shown

_LARGEST = 256 * 1024
_CASE = ("everywhere", "guide", "lists")
TOGETHER: tuple[tuple[str, ...], ...] = (
    *((*_CASE, "panes", pane) for pane in ("accounts", "resources", "acquisitions", "custody")),
    *((*_CASE, "back", page) for page in ("acquisitions", "custody", "plan", "leases", "evidence", "event")),
    (*_CASE, "back", "resources.acquire"),
    ("cases", "lists"),
    ("case pages", "lists"),
)
"""Sections, and commands that stand alone, whose keys are in force at the same time: on the workbench with one of
its panes, on a page with what it is about, and on the screens before a case."""
_NAMED_KEYS = frozenset(
    [f"f{number}" for number in range(1, 13)]
    + [
        "space",
        "enter",
        "tab",
        "up",
        "down",
        "left",
        "right",
        "pagedown",
        "pageup",
        "home",
        "end",
        "insert",
        "delete",
    ]
    + ["backspace", "escape", *TYPED.values()]
)


@dataclass(frozen=True, slots=True)
class Keymap:
    """The registry with the user's keys, and a sentence for each entry that was left out."""

    registry: Registry
    problems: tuple[str, ...] = ()


def load(path: Path, shipped: Registry) -> Keymap:
    """The keymap in ``path``; the shipped keys where there is no such file."""
    try:
        if path.stat().st_size > _LARGEST:
            return Keymap(shipped, (f"{path}: too large for a keymap; the shipped keys are in force",))
        table = loads(path.read_text("utf-8"))
    except FileNotFoundError:
        return Keymap(shipped)
    except (OSError, UnicodeDecodeError, NotToml) as error:
        return Keymap(shipped, (f"{path}: {visible(error)}; the shipped keys are in force",))
    return apply(table, shipped, str(path))


def notice(problems: Sequence[str], tells: str) -> str:
    """In a sentence that so many entries are left out, and what (a key, a command) tells why."""
    one, many = "An entry of the keymap is", f"{len(problems)} entries of the keymap are"
    return f"{many if len(problems) > 1 else one} left out; {tells} tells why."


def apply(table: dict[str, Any], shipped: Registry, source: str) -> Keymap:
    """``shipped`` with the entries of ``table`` that hold."""
    problems: list[str] = []
    changed: dict[str, str] = {}

    def leave_out(where: str, why: str) -> None:
        problems.append(f"{source}: {where} {why}")

    for name in table:
        if name not in ("keys", "aliases"):
            leave_out(f"[{visible(name)}]", "is not known; there is [keys] and [aliases]")
    for ident, keys in _entries(table, "keys", leave_out):
        where = f"keys.{visible(ident)}"
        command = shipped.get(ident)
        if command is None:
            near = difflib.get_close_matches(ident, [one.id for one in shipped.commands], n=1)
            leave_out(where, f"is no command{f'; did you mean {near[0]}?' if near else ''}")
            continue
        named = [_key(one) for one in keys.split(",")]
        if not all(named):
            leave_out(where, f"= {visible(keys)!r}: that is no key; write one like x, X, f5, slash or ctrl+t")
        elif any(one in BANNED or one.startswith("alt+") or one == "ctrl+c" for one in named):
            leave_out(where, f"= {visible(keys)!r}: tmux, the shell or flow control keep that key")
        else:
            changed[ident] = ",".join(named)
    while (clash := _clash(Registry(shipped.commands, changed))) is not None:
        ident, other = clash
        leave_out(f"keys.{ident}", f"= {shown(changed[ident])} is the key of {other}; the shipped key stays")
        del changed[ident]  # its shipped key may now be in the way of another entry, so all are looked at again
    changed |= _counterparts(Registry(shipped.commands, changed), frozenset(_named(table)))
    aliases: dict[str, str] = {}
    for word, line in _entries(table, "aliases", leave_out):
        where = f"aliases.{visible(word)}"
        if shipped.named(word) is not None:
            leave_out(where, "is a command already")
        elif shipped.named(line.strip().lstrip(":").partition(" ")[0]) is None:
            leave_out(where, f"= {visible(line)!r} does not begin with a command")
        else:
            aliases[word] = line
    return Keymap(Registry(shipped.commands, changed, aliases), tuple(problems))


def _named(table: dict[str, Any]) -> list[str]:
    found = table.get("keys", {})
    return list(found) if isinstance(found, dict) else []


def _counterparts(registry: Registry, own: Set[str]) -> dict[str, str]:
    """The keys of those commands that go with another one whose keys were changed. Where such a key means
    something else beside it the shipped one stays; what has an entry of its ``own`` goes by that."""
    out: dict[str, str] = {}
    for command in registry.commands:
        keys = registry.changed.get(command.like)
        if keys is None or command.id in own:
            continue
        tried = Registry(registry.commands, {**registry.changed, **out, command.id: keys})
        if not _taken(command.id, tried):
            out[command.id] = keys
    return out


def _entries(table: dict[str, Any], name: str, leave_out: Any) -> list[tuple[str, str]]:
    found = table.get(name, {})
    if not isinstance(found, dict):
        leave_out(f"[{name}]", "is not a table")
        return []
    out: list[tuple[str, str]] = []
    for key, value in found.items():
        if isinstance(value, str) and value.strip():
            out.append((key, value.strip()))
        else:
            leave_out(f"{name}.{visible(key)}", "is not text in quotes")
    return out


def _key(text: str) -> str:
    """The key as Textual names it, "" if it is none."""
    text = text.strip()
    if len(text) == 1 and text.isascii() and text.isalnum():
        return text
    if text in TYPED:
        return TYPED[text]
    lowered = text.lower()
    for lead in ("ctrl+", "shift+", "alt+"):
        if lowered.startswith(lead):
            rest = lowered[len(lead) :]
            known = rest in _NAMED_KEYS or (len(rest) == 1 and rest.isalnum())
            return lead + rest if known else ""
    return lowered if lowered in _NAMED_KEYS else ""


def _clash(registry: Registry) -> tuple[str, str] | None:
    """The first entry of the keymap that cannot hold, and the command in its way."""
    return next(((ident, other) for ident in registry.changed if (other := _taken(ident, registry))), None)


def _taken(ident: str, registry: Registry) -> str:
    """Another command that has one of its keys and is in force with it, "" if there is none."""
    command = registry.get(ident)
    assert command is not None
    mine = set(registry.keys(command).split(","))
    for group in TOGETHER:
        beside = [one for one in registry.commands if one.section in group or one.id in group]
        if command not in beside:
            continue
        for other in beside:
            if other.id != ident and mine & set(registry.keys(other).split(",")) - {""}:
                return other.id
    return ""
