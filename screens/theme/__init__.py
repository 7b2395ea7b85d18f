"""Colours live here and nowhere else: screens name theme variables only."""

from __future__ import annotations

from collections.abc import Mapping

from textual.theme import Theme

from screens.theme.dark import DARK
from screens.theme.mono import MONO
from screens.theme.safe256 import SAFE256

THEMES: tuple[Theme, ...] = (DARK, SAFE256, MONO)


def choose_theme(environ: Mapping[str, str]) -> Theme:
    """Mono under NO_COLOR or without colours, full colour where COLORTERM promises it, else 256-safe.

    ssh does not forward COLORTERM, so the 256-safe theme is what most jump hosts see.
    """
    if "NO_COLOR" in environ or environ.get("TERM", "") in ("", "dumb", "vt100", "vt220"):
        return MONO
    if environ.get("COLORTERM", "").lower() in ("truecolor", "24bit"):
        return DARK
    return SAFE256


def theme_named(word: str) -> Theme | None:
    """The theme of that option ("dark", "256", "mono"), None for "auto"."""
    return {"dark": DARK, "256": SAFE256, "mono": MONO}.get(word)
