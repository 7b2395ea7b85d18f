"""The theme without colour (NO_COLOR, plain terminals): weight and reverse video alone."""

from __future__ import annotations

from textual.theme import Theme

MONO = Theme(
    name="jumpbag-mono",
    dark=True,
    primary="#ffffff",
    secondary="#d0d0d0",
    accent="#ffffff",
    warning="#ffffff",
    error="#ffffff",
    success="#ffffff",
    foreground="#d0d0d0",
    background="#000000",
    surface="#000000",
    panel="#000000",
    boost="#000000",
    variables={
        "tone-dim": "#a8a8a8",
        "tone-strong": "#ffffff",
        "tone-live": "#ffffff",
        "tone-wait": "#d0d0d0",
        "tone-need": "#ffffff",
        "tone-done": "#d0d0d0",
        "tone-bad": "#ffffff",
        "tone-lock": "#a8a8a8",
        "tone-key": "#ffffff",
        "tone-accent": "#ffffff",
        "tone-trough": "#808080",
        "tone-head": "#a8a8a8",
        "cursor-ground": "#000000",
        "cursor-style": "reverse",
        "cursor-idle-ground": "#000000",
        "cursor-idle-style": "underline",
        "bar-ground": "#000000",
        "strip-ground": "#000000",
        "field-ground": "#303030",
        "frame": "#808080",
        "frame-focus": "#ffffff",
        "title": "#a8a8a8",
        "title-focus": "#ffffff",
    },
)
