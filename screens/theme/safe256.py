"""The theme for terminals with 256 colours: every colour is one of the xterm palette, so nothing is rounded.

Values are from the 6×6×6 cube (00 5f 87 af d7 ff) and the grey ramp (08, 12 … ee) of xterm's 256 colours.
"""

from __future__ import annotations

from textual.theme import Theme

SAFE256 = Theme(
    name="jumpbag-256",
    dark=True,
    primary="#87afd7",
    secondary="#8a8a8a",
    accent="#87d7d7",
    warning="#ffaf5f",
    error="#ff8787",
    success="#87af87",
    foreground="#d0d0d0",
    background="#121212",
    surface="#121212",
    panel="#1c1c1c",
    boost="#262626",
    variables={
        "tone-dim": "#8a8a8a",
        "tone-strong": "#eeeeee",
        "tone-live": "#87afff",
        "tone-wait": "#d7d787",
        "tone-need": "#ffaf5f",
        "tone-done": "#87af87",
        "tone-bad": "#ff8787",
        "tone-lock": "#808080",
        "tone-key": "#d7d7af",
        "tone-accent": "#87d7d7",
        "tone-trough": "#444444",
        "tone-head": "#a8a8a8",
        "cursor-ground": "#005f87",
        "cursor-style": "none",
        "cursor-idle-ground": "#303030",
        "cursor-idle-style": "none",
        "bar-ground": "#262626",
        "strip-ground": "#3a3a3a",
        "field-ground": "#303030",
        "frame": "#585858",
        "frame-focus": "#87afd7",
        "title": "#a8a8a8",
        "title-focus": "#eeeeee",
    },
)
