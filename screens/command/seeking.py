"""What people type into the palette, and the commands that they may mean by it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from textual.fuzzy import Matcher

from screens.command.registry import Command

_WORD = re.compile(r"\w[\w-]*")


@dataclass(frozen=True, slots=True)
class Hit:
    """A command that was found; ``by`` are its synonyms that found it, "" where its own words did."""

    command: Command
    by: str = ""


def findable(commands: Iterable[Command]) -> list[Command]:
    """The commands that the palette may list: without keys that move in lists, and without the palette itself."""
    return [one for one in commands if one.section != "lists" and one.id != "palette"]


def once(commands: Iterable[Command]) -> list[Command]:
    """Of commands that do the same the first one, all others as they stand."""
    found: dict[str, Command] = {}
    for one in commands:
        found.setdefault(one.same_as or one.id, one)
    return list(found.values())


def seek(text: str, commands: Sequence[Command]) -> list[Hit]:
    """The commands that ``text`` may mean; all of them, as they stand, where it is blank.

    First those whose word or name it stands in, then those it is a synonym of, then those whose sentence it stands
    in, then those with a synonym that it begins, last those that have its letters in this order. What is alike
    stays in the order given.
    """
    wanted = text.lower().split()
    if not wanted:
        return [Hit(one) for one in commands]
    typed = " ".join(wanted)
    matcher = Matcher(typed)
    ranked: list[tuple[tuple[int, float], Hit]] = []
    for one in commands:
        title, sentence = [one.word.lower(), *one.names], one.help.lower()
        score = max(matcher.match(said) for said in (*title, sentence))
        others = _others(wanted, one, (*title, sentence))
        if any(typed in said for said in title):
            ranked.append(((0, -score), Hit(one)))
        elif typed in one.synonyms:
            ranked.append(((1, 0.0), Hit(one, typed)))
        elif typed in sentence:
            ranked.append(((2, -score), Hit(one)))
        elif others:
            ranked.append(((3, 0.0), Hit(one, ", ".join(others))))
        elif score > 0:
            ranked.append(((4, -score), Hit(one)))
    return [hit for _, hit in sorted(ranked, key=lambda pair: pair[0])]


def _others(wanted: Sequence[str], command: Command, own: Sequence[str]) -> list[str]:
    """The synonyms that the words of ``wanted`` begin, where the rest of these begin words of the command's own;
    none where one begins neither."""
    found: dict[str, None] = {}
    mine = {word for said in own for word in _WORD.findall(said)}
    for word in wanted:
        said = next((one for one in command.synonyms if _begins(word, _WORD.findall(one))), None)
        if said is not None:
            found[said] = None
        elif not _begins(word, mine):
            return []
    return list(found)


def _begins(word: str, words: Iterable[str]) -> bool:
    return any(one.startswith(word) for one in words)
