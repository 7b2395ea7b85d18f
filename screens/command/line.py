"""The ``:`` line, without the screen: what a text means, how it may go on, and what was typed before."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from screens.command.registry import Command, Registry

_KEPT = 200


@dataclass(frozen=True, slots=True)
class Asked:
    """What a line asks for. ``problem`` is "" where it is understood."""

    command: Command | None
    argument: str = ""
    problem: str = ""


def parse(text: str, registry: Registry) -> Asked:
    """The command of a line and what follows its word. Aliases of the keymap are put in once."""
    word, rest = _split(text)
    if not word:
        return Asked(None)
    alias = registry.aliases.get(word)
    if alias is not None and registry.named(word) is None:
        word, more = _split(alias)
        rest = f"{more} {rest}".strip()
    command = registry.named(word)
    if command is None:
        near = difflib.get_close_matches(word, _words(registry), n=1)
        hint = f"did you mean :{near[0]}?" if near else "? lists the commands"
        return Asked(None, problem=f"no command :{word}; {hint}")
    if rest and not command.takes:
        return Asked(None, problem=f":{word} takes nothing after it")
    return Asked(command, rest)


def complete(
    text: str, registry: Registry, arguments: Callable[[Command], Iterable[str]] = lambda _: ()
) -> list[str]:
    """The lines that ``text`` may become: words of commands, then what ``arguments`` knows for the command."""
    stripped = text.lstrip()
    word, sep, rest = stripped.partition(" ")
    if not sep:
        return [found for found in _words(registry) if found.startswith(word)]
    command = parse(word, registry).command
    if command is None:
        return []
    head, _, last = rest.rpartition(" ")
    lead = f"{word} {head} " if head else f"{word} "
    return [
        lead + found for found in dict.fromkeys(arguments(command)) if found.startswith(last) and found != last
    ]


def common(found: list[str]) -> str:
    """The longest beginning that all share."""
    if not found:
        return ""
    low, high = min(found), max(found)
    for place, char in enumerate(low):
        if place >= len(high) or high[place] != char:
            return low[:place]
    return low


class History:
    """Lines typed in this session, newest last. They are kept in memory only: a reason may stand in them."""

    def __init__(self) -> None:
        self._lines: list[str] = []
        self._at = 0
        self._draft = ""

    def add(self, line: str) -> None:
        """A line was carried out."""
        if line and self._lines[-1:] != [line]:
            self._lines = [*self._lines, line][-_KEPT:]
        self.rewind()

    def rewind(self) -> None:
        """Back to a new line."""
        self._at, self._draft = len(self._lines), ""

    def step(self, by: int, now: str) -> str:
        """The line ``by`` steps further (-1 is older); ``now`` is what stands there, kept if it is new."""
        if self._at == len(self._lines):
            self._draft = now
        self._at = max(0, min(len(self._lines), self._at + by))
        return self._lines[self._at] if self._at < len(self._lines) else self._draft


def _split(text: str) -> tuple[str, str]:
    word, _, rest = text.strip().lstrip(":").strip().partition(" ")
    return word, rest.strip()


def _words(registry: Registry) -> list[str]:
    named = {name for command in registry.commands for name in command.names}
    return sorted(named | set(registry.aliases))
