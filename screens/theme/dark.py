"""The full-colour theme: calm greys, blue for what lives, orange for what needs a person.

Blue and orange are told apart with the common forms of colour blindness; red is used for failure alone,
which has its own glyph and word besides.
"""

from __future__ import annotations

from textual.theme import Theme

DARK = Theme(
    name="jumpbag-dark",
    dark=True,
    primary="#7aa2d6",
    secondary="#8d9bb0",
    accent="#8fc7d9",
    warning="#e8a858",
    error="#e8776a",
    success="#8fbf9a",
    foreground="#ccd3dd",
    background="#12161c",
    surface="#171c24",
    panel="#1e2530",
    boost="#262f3c",
    variables={
        "tone-dim": "#7d8898",
        "tone-strong": "#eef2f7",
        "tone-live": "#7fb2ea",
        "tone-wait": "#d9c07a",
        "tone-need": "#f0a04e",
        "tone-done": "#8fbf9a",
        "tone-bad": "#ee7d70",
        "tone-lock": "#77808e",
        "tone-key": "#e6cf93",
        "tone-accent": "#8fc7d9",
        "tone-trough": "#333d4b",
        "tone-head": "#93a0b3",
        "cursor-ground": "#2b3f5c",
        "cursor-style": "none",
        "cursor-idle-ground": "#212935",
        "cursor-idle-style": "none",
        "bar-ground": "#1e2530",
        "strip-ground": "#3a2b18",
        "field-ground": "#27313f",
        "frame": "#3a4555",
        "frame-focus": "#7aa2d6",
        "title": "#93a0b3",
        "title-focus": "#d5e3f5",
    },
)
