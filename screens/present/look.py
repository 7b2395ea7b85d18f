"""Glyphs. Each has a plain-ASCII form, and no state is told by its glyph alone: a word stands beside it."""

from __future__ import annotations

import re
from dataclasses import dataclass

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
    {"·": "-", "–": "-", "—": "-", "…": "~", "→": ">", "≈": "~", "≤": "<=", "›": ">", "’": "'", "×": "x"}
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


def choose_look(encoding: str | None) -> Look:
    """The glyphs that a terminal of this encoding can show."""
    name = (encoding or "").lower().replace("-", "").replace("_", "")
    return UNICODE if name in ("utf8", "utf8sig") else ASCII
