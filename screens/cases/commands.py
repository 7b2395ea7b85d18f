"""The commands of the screens before a case is open; keys and help come from them as everywhere."""

from __future__ import annotations

from typing import TYPE_CHECKING

from screens.command import registry
from screens.command.catalogue import COMMANDS
from screens.command.registry import Command, Registry

if TYPE_CHECKING:
    from textual.binding import BindingType

CASES: tuple[Command, ...] = (
    Command("cases.new", "cases", "app.new_case", "new case", "Make a case: a form, then its signing key", "n"),
    Command("cases.demo", "cases", "app.demo", "demo", "Try it on an embedded cloud, with a case of its own", "t"),
    Command("cases.doctor", "cases", "app.doctor", "doctor", "Is this machine fit for the work?", "d"),
    Command("cases.filter", "cases", "filter", "filter", "Only cases with these words; agent=running, ticket=...",
            "slash,f", like="filter"),
    Command("cases.back", "cases", "back", "back", "Clear the filter", "escape"),
    Command("cases.help", "cases", "app.help", "help", "These keys", "question_mark", like="help"),
    Command("cases.quit", "cases", "app.quit_cases", "leave", "Leave; agents go on", "q", like="detach"),
    Command("cases.return", "case pages", "back", "back", "Back to the cases", "escape,minus,q"),
)  # fmt: skip

REGISTRY = Registry((*CASES, *(one for one in COMMANDS if one.section == "lists")))
EVERY = Registry((*COMMANDS, *CASES))
"""The commands of all screens: a keymap is judged by these."""


def bindings(*sections: str) -> list[BindingType]:
    """The bindings of these sections."""
    return registry.bindings(CASES, *sections)
