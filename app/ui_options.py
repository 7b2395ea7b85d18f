"""How the screens are shown on this terminal, and what set it: built in, the user's file, environment, flag.

The file is ``ui.toml`` in the configuration directory; a later one of these four wins over an earlier one. An
error in the file names the file, the key and what to write instead.
"""

from __future__ import annotations

import argparse
import difflib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, get_args

import msgspec

from app.faults import Usage
from app.text import visible
from app.toml_guard import NotToml, loads

Theme = Literal["auto", "dark", "256", "mono"]
FASTEST_S, SLOWEST_S = 0.25, 60.0
"""Bounds of ``refresh_s``."""
CALM_REFRESH_S = 1.0
"""How often low bandwidth reads the case, unless a flag says otherwise."""
_LARGEST = 64 * 1024
_THEMES = ", ".join(f'"{name}"' for name in get_args(Theme))


class UiOptions(msgspec.Struct, frozen=True):
    """``refresh_s``: seconds between two looks at the read model.

    ``ascii``: only ASCII on the screen; None leaves it to the terminal's locale. ``theme`` "auto" leaves the
    colours to the terminal. ``low_bandwidth`` paints less: slower countdowns, coarser rates, no curves.
    """

    mouse: bool = True
    low_bandwidth: bool = False
    refresh_s: float = FASTEST_S
    ascii: bool | None = None
    theme: Theme = "auto"


@dataclass(frozen=True, slots=True)
class Resolved:
    """The options in force; ``set_by`` names what set each field: "default", a file, a variable, a flag."""

    options: UiOptions
    set_by: Mapping[str, str]


def resolve(file: Path, environ: Mapping[str, str], flags: Mapping[str, Any]) -> Resolved:
    """What holds here. ``flags`` has the fields that the command line gave. Usage if the file is wrong."""
    values: dict[str, Any] = msgspec.structs.asdict(UiOptions())
    by = dict.fromkeys(values, "default")

    def take(name: str, value: Any, source: str) -> None:
        values[name], by[name] = value, source

    for name, value in read(file).items():
        take(name, value, str(file))
    if environ.get("JUMPBAG_ASCII") == "1":
        take("ascii", True, "JUMPBAG_ASCII")
    if "NO_COLOR" in environ:
        take("theme", "mono", "NO_COLOR")
    for name in values:
        if flags.get(name) is not None:
            take(name, flags[name], "command line")
    if values["low_bandwidth"]:
        if by["mouse"] != "command line":
            take("mouse", False, "low_bandwidth")
        if by["refresh_s"] != "command line" and values["refresh_s"] < CALM_REFRESH_S:
            take("refresh_s", CALM_REFRESH_S, "low_bandwidth")
    return Resolved(UiOptions(**values), by)


def read(file: Path) -> dict[str, Any]:
    """The fields that ``file`` sets, none if there is no such file; Usage naming the key and what to write."""
    try:
        if not file.exists():
            return {}
        if not file.is_file() or file.stat().st_size > _LARGEST:
            raise Usage(f"{file} is no file of options", next="write keys of the screens into it, or take it away")
        table = loads(file.read_text("utf-8"))
    except NotToml as error:
        raise Usage(f"{file}: {error}", next=error.next) from None
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "it is not plain TOML"
        raise Usage(f"cannot read {file}: {reason}", next="check the file and its permissions") from None
    found: dict[str, Any] = {}
    for key, value in table.items():
        if key not in _KEYS:
            near = difflib.get_close_matches(key, _KEYS, n=1)
            hint = f"did you mean {near[0]!r}?" if near else f"known here: {', '.join(sorted(_KEYS))}"
            raise Usage(f"{file}: unknown key {visible(key)}", next=hint)
        name, fits, wanted = _KEYS[key]
        if not fits(value):
            raise Usage(f"{file}: {key} is {visible(value, cap=60)}", next=f"write {wanted}")
        found[name] = float(value) if name == "refresh_s" else value
    return found


def _is_bool(value: object) -> bool:
    return isinstance(value, bool)


def _is_refresh(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and FASTEST_S <= value <= SLOWEST_S


def _is_theme(value: object) -> bool:
    return value in get_args(Theme)


_RANGE = f"a number of seconds from {FASTEST_S:g} to {SLOWEST_S:g}"
_KEYS: dict[str, tuple[str, Callable[[object], bool], str]] = {
    # key in the file: (field, whether a value fits, what to write)
    "mouse": ("mouse", _is_bool, "true or false"),
    "low_bandwidth": ("low_bandwidth", _is_bool, "true or false"),
    "refresh": ("refresh_s", _is_refresh, _RANGE),
    "ascii": ("ascii", _is_bool, "true or false"),
    "theme": ("theme", _is_theme, f"one of {_THEMES}"),
}


def add_flags(parser: argparse.ArgumentParser) -> None:
    """The flags of ``jumpbag [CASE]`` and ``jumpbag demo``; those not given leave no trace in the namespace."""
    group = parser.add_argument_group("the screens (also in ui.toml)")
    either = argparse.BooleanOptionalAction
    for name, what in (
        ("mouse", "take the mouse, or leave it to the terminal"),
        ("low-bandwidth", "paint less: slower countdowns, coarser rates, no mouse"),
        ("ascii", "glyphs in ASCII, or in Unicode (default: as the locale says)"),
    ):
        group.add_argument(f"--{name}", action=either, default=argparse.SUPPRESS, help=what)
    group.add_argument(
        "--refresh",
        dest="refresh_s",
        metavar="SECONDS",
        type=_seconds,
        default=argparse.SUPPRESS,
        help=f"how often the case is read: {FASTEST_S:g} (default) to {SLOWEST_S:g}",
    )
    group.add_argument(
        "--theme", choices=get_args(Theme), default=argparse.SUPPRESS, help="colours (default: auto)"
    )


def _seconds(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = -1.0
    if not _is_refresh(value):
        raise argparse.ArgumentTypeError(f"{visible(text, cap=40)!r} is not {_RANGE}")
    return value


def given(namespace: argparse.Namespace) -> dict[str, Any]:
    """The fields that flags gave, for :func:`resolve`."""
    known = vars(namespace)
    return {name: known[name] for name in UiOptions.__struct_fields__ if name in known}
