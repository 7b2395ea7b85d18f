"""What a command is, and which keys it has: as shipped, or as the user's keymap says.

Ctrl-A, B, S, Q, Z, H, J, K and Alt are left to tmux, the shell and flow control.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from textual.binding import BindingType

BANNED = frozenset(f"ctrl+{letter}" for letter in "abshqzjk")

SECTIONS = {
    "everywhere": "Everywhere",
    "back": "Pages",
    "panes": "Panes",
    "lists": "Lists",
    "accounts": "Accounts",
    "resources": "Resources",
    "acquisitions": "Acquisitions",
    "custody": "Custody",
    "plan": "Plan",
    "leases": "Leases",
    "evidence": "Evidence",
    "event": "Event",
    "guide": "Guide",
}
"""Where a command works, in the order of the help page."""


@dataclass(frozen=True, slots=True)
class Command:
    """One thing that a person can ask for.

    ``id`` names it for good (in the user's keymap). ``action`` is the Textual action: of the app with ``app.``,
    else of the widget that offers the ``section``. ``keys`` are as Textual names them, "" for none. ``names`` are
    its words on the ``:`` line, the first one canonical, () for none. ``takes`` tells what may follow the word;
    then the widget has a method ``take_<action>(text)``. ``word`` is for hints, ``help`` one sentence.
    ``writes``: it may lead to a change in a cloud, or end something; such a command acts on what is seen only.
    ``starts``: it leads to something new, and stops nothing; only such a command may a playbook's step hold.
    ``synonyms`` are other words that people look for it by: the palette knows them, the ``:`` line does not.
    ``same_as`` is the id of a command that does the same and works everywhere: one of them is enough in a list.
    ``like`` is the id of the command of a case's screens that it is the counterpart of: a keymap that changes the
    keys of that one alone means both.
    """

    id: str
    section: str
    action: str
    word: str
    help: str
    keys: str = ""
    names: tuple[str, ...] = ()
    takes: str = ""
    writes: bool = False
    starts: bool = False
    synonyms: tuple[str, ...] = ()
    same_as: str = ""
    like: str = ""

    @property
    def taker(self) -> str:
        """The method that gets the argument."""
        return "take_" + self.action.removeprefix("app.").partition("(")[0]


_SHOWN = {
    "question_mark": "?", "slash": "/", "colon": ":", "exclamation_mark": "!", "minus": "-", "escape": "Esc",
    "space": "Space", "enter": "Enter", "tab": "Tab", "shift+tab": "Shift-Tab", "up": "↑", "down": "↓",
    "left": "←", "right": "→", "pagedown": "PgDn", "pageup": "PgUp", "home": "Home", "end": "End",
    "full_stop": ".", "comma": ",", "plus": "+", "equals_sign": "=", "semicolon": ";", "asterisk": "*",
    "backspace": "Backspace", "delete": "Del", "insert": "Ins", "less_than_sign": "<", "greater_than_sign": ">",
}  # fmt: skip
TYPED = {shown: name for name, shown in _SHOWN.items() if len(shown) == 1 and shown.isascii()}
"""The characters that Textual knows by a name: a keymap may have either."""


def shown(keys: str) -> str:
    """Keys as people write them: ``escape,minus`` is ``Esc -``."""
    return " ".join(_one(key) for key in keys.split(",") if key)


def _one(key: str) -> str:
    if key in _SHOWN:
        return _SHOWN[key]
    if key.startswith("ctrl+"):
        return f"^{_one(key[5:]).upper()}"
    if key.startswith("shift+"):
        return f"Shift-{_one(key[6:])}"
    return key.upper() if key[:1] == "f" and key[1:].isdigit() else key


@dataclass(frozen=True, slots=True)
class Registry:
    """The commands, with the keys in force. ``changed`` maps command ids to the keys of the user's keymap;
    ``aliases`` words of the ``:`` line to what they stand for."""

    commands: Sequence[Command]
    changed: Mapping[str, str] = field(default_factory=dict)
    aliases: Mapping[str, str] = field(default_factory=dict)

    def keys(self, command: Command) -> str:
        """Its keys in force, as Textual names them."""
        return self.changed.get(command.id, command.keys)

    def within(self, commands: Sequence[Command]) -> Registry:
        """These commands, with the same keys and aliases."""
        return Registry(commands, self.changed, self.aliases)

    def of(self, section: str) -> list[Command]:
        """The commands of a section."""
        return [one for one in self.commands if one.section == section]

    def get(self, ident: str) -> Command | None:
        """The command of that id."""
        return next((one for one in self.commands if one.id == ident), None)

    def named(self, word: str) -> Command | None:
        """The command of that word on the ``:`` line."""
        return next((one for one in self.commands if word in one.names), None)

    def by_action(self, action: str) -> tuple[Command, ...]:
        """The commands that a Textual action carries out; a pane and a page may name theirs alike, but none that a
        playbook's step may hold."""
        return tuple(one for one in self.commands if one.action == action)

    def key(self, ident: str) -> str:
        """How a text names a command: by its first key in force, by its ``:word`` where it has none."""
        command = self.get(ident)
        assert command is not None, ident
        key = shown(self.keys(command).partition(",")[0])
        return key or f":{command.names[0]}"

    def hint(self, ident: str) -> tuple[str, str]:
        """(key, word) of a command; the key is its first one, "" where it has none."""
        command = self.get(ident)
        assert command is not None, ident
        return shown(self.keys(command).partition(",")[0]), command.word

    def hints(self, *idents: str) -> list[tuple[str, str]]:
        """The hints of those that have a key."""
        return [pair for pair in map(self.hint, idents) if pair[0]]


def bindings(commands: Iterable[Command], *sections: str, without: str = "") -> list[BindingType]:
    """The bindings of these sections, except those of the action ``without``. The user's keymap changes them by
    their ids (Textual's keymap)."""
    from textual.binding import Binding  # not before: a keymap is judged without Textual

    return [
        Binding(command.keys, command.action, command.word, show=False, id=command.id)
        for command in commands
        if command.section in sections and command.keys and command.action != without
    ]
