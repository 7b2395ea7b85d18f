"""``jumpbag info``: every path and setting, and what set it."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable, Iterator, Sequence
from importlib import metadata
from pathlib import Path
from typing import Any

import msgspec

from app import config
from app.cli.output import emit, fields, sentences
from app.cli.session import Session
from app.faults import Usage

_SHIPPED = Path(__file__).parents[1] / "guided" / "playbooks"


def info(session: Session, judge_keymap: Callable[[Path], Sequence[str]]) -> int:
    """Print it; the exit code. ``judge_keymap`` says what of the user's keymap cannot hold, a sentence each."""
    locations = session.locations
    env = os.environ.get
    keymap = locations.keymap_file
    config_row, settings = _settings(locations.config_file)
    rows: list[tuple[str, Any, str]] = [
        ("version", metadata.version("jumpbag"), "package"),
        ("program", str(Path(sys.argv[0]).resolve()), "argv"),
        (
            "cases",
            str(session.cases),
            _who(session.options.cases_dir, "--cases-dir", env("JUMPBAG_CASES"), "JUMPBAG_CASES"),
        ),
        ("config", *config_row),
        *_screens(session),
        ("keymap", str(keymap), _xdg("XDG_CONFIG_HOME")),
        ("keymap.left_out", [one.removeprefix(f"{keymap}: ") for one in judge_keymap(keymap)], str(keymap)),
        ("playbooks", str(locations.playbooks), _xdg("XDG_CONFIG_HOME")),
        ("playbooks of the program", str(_SHIPPED), "package"),
        ("signing keys", str(locations.keys), _xdg("XDG_DATA_HOME")),
        ("state and agent logs", str(locations.state), _xdg("XDG_STATE_HOME")),
        ("cache", str(locations.cache), _xdg("XDG_CACHE_HOME")),
        ("sockets", str(locations.runtime()), _xdg("XDG_RUNTIME_DIR")),
        *settings,
    ]
    if session.json:
        emit([{"name": name, "value": value, "set_by": by} for name, value, by in rows])
    else:
        fields([(name, f"{_word(one)}   ({by})") for name, value, by in rows for one in _each(name, value)])
    return 0


def _screens(session: Session) -> list[tuple[str, Any, str]]:
    """The file of the screens' options, then each option; the file's own row alone where it cannot be used."""
    file = session.locations.ui_file
    by = _xdg("XDG_CONFIG_HOME")
    try:
        resolved = session.screens()
    except Usage as fault:
        wrong = fault.message.removeprefix(f"{file}: ")
        return [("screens", f"{file}: cannot be used: {sentences(wrong, fault.next)}", by)]
    values = {
        name.removesuffix("_s"): (name, value) for name, value in msgspec.structs.asdict(resolved.options).items()
    }
    return [
        ("screens", str(file), by),
        *((f"screens.{key}", value, resolved.set_by[name]) for key, (name, value) in values.items()),
    ]


def _settings(file: Path) -> tuple[tuple[str, str], list[tuple[str, Any, str]]]:
    """(value and origin of the row about the file itself, the rows of what is in force).

    A file that cannot be used puts nothing in force: `case create` refuses it, so only its own row is left.
    """
    by = _xdg("XDG_CONFIG_HOME")
    try:
        table = config.read_table(file) if file.exists() else {}
        settings = config.check(table, str(file))
    except Usage as fault:
        wrong = fault.message.removeprefix(f"{file}: ")
        return (f"{file}: cannot be used: {sentences(wrong, fault.next)}", by), []
    except OSError as error:
        return (f"{file}: cannot be used: {error.strerror}. Next: check its permissions.", by), []
    return (str(file), by), list(_flat(settings, table, str(file), ""))


def _flat(value: msgspec.Struct, table: Any, file: str, path: str) -> Iterator[tuple[str, Any, str]]:
    """``aws.tag`` and the like: each with its value and the file if the key stands there, else "default"."""
    for name, child in msgspec.structs.asdict(value).items():
        stands = isinstance(table, dict) and name in table
        if isinstance(child, msgspec.Struct):
            yield from _flat(child, table[name] if stands else {}, file, f"{path}{name}.")
        else:
            yield f"{path}{name}", msgspec.to_builtins(child), file if stands else "default"


def _each(name: str, value: Any) -> Sequence[Any]:
    """Sentences have a line each; there is none where nothing is wrong."""
    return value if name == "keymap.left_out" else (value,)


def _word(value: Any) -> str:
    if value is None:
        return "–"
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _xdg(name: str) -> str:
    return name if os.environ.get(name, "").startswith("/") else "default"


def _who(option: str | None, flag: str, value: str | None, name: str) -> str:
    return flag if option else name if value else "default"
