"""Glyphs. Each has a plain-ASCII form, and no state is told by its glyph alone: a word stands beside it."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from app.text import visible

_SELECTORS = re.compile("[\ufe00-\ufe0f]")  # change a glyph's width in some terminals and not in others


@dataclass(frozen=True, slots=True)
class Look:
    """One set of glyphs, each one cell wide."""

    ascii: bool
    live: str
    wait: str
    idle: str
    done: str
    failed: str
    warn: str
    pause: str
    lock: str
    home: str
    open: str
    shut: str
    branch: str
    below: str
    full: str
    empty: str
    more: str
    none: str
    dot: str
    rule: str
    arrow: str
    crumb: str
    dash: str
    approx: str

    def clean(self, text: object, cap: int = 256) -> str:
        """``text`` from outside as one harmless line of at most about ``cap`` characters."""
        shown = _SELECTORS.sub(lambda found: f"\\u{ord(found[0]):04x}", visible(text, cap=cap))
        return self.plain(shown)

    def plain(self, text: str) -> str:
        """Our own text for this set: in ASCII, what cannot be shown becomes its nearest or an escape."""
        if not self.ascii or text.isascii():
            return text
        return text.translate(_NEAREST).encode("ascii", "backslashreplace").decode("ascii")


_NEAREST = str.maketrans(
    {"·": "-", "–": "-", "—": "-", "…": "~", "→": ">", "≈": "~", "≤": "<=", "›": ">", "’": "'", "×": "x", "▼": "v"}
)

UNICODE = Look(
    ascii=False,
    live="●",
    wait="◐",
    idle="○",
    done="✔",
    failed="✖",
    warn="▲",
    pause="‖",
    lock="#",
    home="◆",
    open="▾",
    shut="▸",
    branch="└",
    below="▼",
    full="█",
    empty="░",
    more="…",
    none="–",
    dot="·",
    rule="│",
    arrow="→",
    crumb="›",
    dash="─",
    approx="≈",
)
ASCII = Look(
    ascii=True,
    live="*",
    wait="o",
    idle=".",
    done="+",
    failed="x",
    warn="!",
    pause="=",
    lock="#",
    home="@",
    open="v",
    shut=">",
    branch="`",
    below="v",
    full="#",
    empty=".",
    more="~",
    none="-",
    dot="-",
    rule="|",
    arrow=">",
    crumb=">",
    dash="-",
    approx="~",
)


def choose_look(environ: Mapping[str, str]) -> Look:
    """The glyphs for a terminal of this environment: ASCII unless its locale says UTF-8, or if JUMPBAG_ASCII is 1.

    The first of LC_ALL, LC_CTYPE and LANG that is set and not empty counts (POSIX, XBD 8.2). Python's own idea of
    the encoding does not: it turns the C locale into UTF-8 (PEP 538, PEP 540), whatever the terminal can show.
    """
    if environ.get("JUMPBAG_ASCII") == "1":
        return ASCII
    named = next((environ[name] for name in ("LC_ALL", "LC_CTYPE", "LANG") if environ.get(name)), "")
    return UNICODE if "utf8" in named.lower().replace("-", "") else ASCII


def given_environment(started_with: Path = Path("/proc/self/environ")) -> Mapping[str, str]:
    """The environment that this process was started with.

    When Python coerces the C locale it sets LC_CTYPE in its own environment (PEP 538), so ``os.environ`` no longer
    tells what the user had. Where Linux's record of it cannot be read, ``os.environ`` has to do.
    """
    try:
        raw = started_with.read_bytes()
    except OSError:
        return os.environ
    pairs = (entry.partition(b"=") for entry in raw.split(b"\0") if entry)
    return {os.fsdecode(name): os.fsdecode(value) for name, _, value in pairs}
