"""The registry of keys: bindings, hints and the help page are all made from it.

Ctrl-A, B, S, Q, Z, H, J, K and Alt are left to tmux, the shell and flow control.
"""

from __future__ import annotations

from dataclasses import dataclass

from textual.binding import Binding, BindingType


@dataclass(frozen=True, slots=True)
class Key:
    """``keys`` as Textual names them, ``shown`` as people do, ``word`` for hints, ``help`` one sentence."""

    section: str
    keys: str
    action: str
    shown: str
    word: str
    help: str


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
}

KEYS: tuple[Key, ...] = (
    Key("everywhere", "question_mark", "app.help", "?", "help", "This page"),
    Key("everywhere", "q", "app.detach", "q", "detach", "Leave; the agent and all that runs goes on"),
    Key("everywhere", "l", "app.leases", "l", "leases", "Every lease with its countdown"),
    Key(
        "everywhere",
        "S",
        "app.stop_agent",
        "S",
        "stop agent",
        "Stop the agent of this case (asks for the case id)",
    ),
    Key(
        "everywhere",
        "s",
        "app.signed_in",
        "s",
        "go on",
        "Try again now, after signing in or mending access: what waits asks the cloud again",
    ),
    Key("everywhere", "d", "app.waiting", "d", "details", "Details of what waits for credentials"),
    Key("back", "escape,minus", "back", "Esc -", "back", "Back to where you came from"),
    Key("panes", "1", "pane(1)", "1", "accounts", "Accounts"),
    Key("panes", "2", "pane(2)", "2", "resources", "Resources"),
    Key("panes", "3", "pane(3)", "3", "acquisitions", "Acquisitions"),
    Key("panes", "4", "pane(4)", "4", "custody", "Custody"),
    Key("panes", "tab", "pane_step(1)", "Tab", "next", "Next pane"),
    Key("panes", "shift+tab", "pane_step(-1)", "Shift-Tab", "previous", "Previous pane"),
    Key("panes", "z", "zoom", "z", "zoom", "The focused pane alone, and back to all four"),
    Key("panes", "R", "refresh", "R", "refresh", "Ask the clouds again: accounts in pane 1, resources elsewhere"),
    Key("panes", "escape,minus", "back", "Esc -", "back", "Clear the filter, then the account, then the zoom"),
    Key("lists", "j,down", "move(1)", "j ↓", "down", "Down"),
    Key("lists", "k,up", "move(-1)", "k ↑", "up", "Up"),
    Key("lists", "pagedown", "page(1)", "PgDn", "page down", "A page down"),
    Key("lists", "pageup", "page(-1)", "PgUp", "page up", "A page up"),
    Key("lists", "g,home", "first", "g Home", "first", "To the first row"),
    Key("lists", "G,end", "last", "G End", "last", "To the last row"),
    Key("lists", "enter", "choose", "Enter", "open", "Open what the cursor is on"),
    Key("accounts", "space,left,right", "fold", "Space ← →", "fold", "Fold or unfold a cloud or a unit"),
    Key(
        "resources",
        "a",
        "acquire",
        "a",
        "acquire",
        "Plan the acquisition of this disk or whole instance; nothing starts before you approve",
    ),
    Key("resources", "slash", "filter", "/", "filter", "Only rows that hold every word typed; Esc clears"),
    Key("resources", "e", "eligible", "e", "eligible", "Only what is tagged for forensics, or everything"),
    Key("acquisitions", "p", "pause", "p", "pause", "Pause, or go on with a paused one"),
    Key("acquisitions", "r", "resume", "r", "resume", "Go on with one that failed, was interrupted or waits"),
    Key(
        "acquisitions",
        "x",
        "cancel",
        "x",
        "cancel",
        "Cancel for good (asks for its id); again where not everything could be taken back",
    ),
    Key("custody", "v", "verify", "v", "verify", "Check the whole record and all evidence now"),
    Key("plan", "r,o", "route", "r", "route", "Plan again with the next route: auto, direct, copy, preserve"),
    Key("plan", "l", "lock", "l", "lock", "Plan again with the snapshot that stays locked: not, 7, 30, 90 days"),
    Key("plan", "P", "policies", "P", "policies", "The session policies, as they will be sent"),
    Key("plan", "left,right", "other_button", "← →", "choose", "Between Cancel and Approve"),
    Key("leases", "x", "revoke", "x", "revoke", "Revoke this lease (asks for its id)"),
)


def bindings(*sections: str, without: str = "") -> list[BindingType]:
    """The bindings of these sections, except those of the action ``without``."""
    return [
        Binding(key.keys, key.action, key.word, show=False)
        for key in KEYS
        if key.section in sections and key.action != without
    ]


def hints(section: str, *actions: str) -> list[tuple[str, str]]:
    """(key, word) pairs of some actions of a section, in the order asked for."""
    by_action = {key.action.removeprefix("app."): key for key in KEYS if key.section == section}
    return [(by_action[action].shown, by_action[action].word) for action in actions]
