"""Glyphs. Each has a plain-ASCII form, and no state is told by its glyph alone: a word stands beside it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from app.terminal import given_environment as given_environment
from app.terminal import speaks_utf8
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
    mark: str
    up: str
    down: str
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
    {"·": "-", "–": "-", "—": "-", "…": "~", "→": ">", "≈": "~", "≤": "<=", "›": ">", "’": "'", "×": "x", "▼": "v",
     "↑": "^", "↓": "v"}
)  # fmt: skip

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
    mark="✓",
    up="↑",
    down="↓",
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
    mark="+",
    up="^",
    down="v",
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
    """The glyphs for a terminal of this environment: ASCII for JUMPBAG_ASCII=1, or if its locale is not UTF-8."""
    return ASCII if environ.get("JUMPBAG_ASCII") == "1" or not speaks_utf8(environ) else UNICODE
