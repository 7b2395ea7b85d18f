"""Strings from outside, made harmless before a screen, a terminal, a toast or the clipboard.

A tag value may hold an escape sequence that writes the clipboard (OSC 52), a right-to-left override
that disguises a name, or ten thousand characters. Nothing is lost: what is shown is an escape of it.
"""

from __future__ import annotations

import unicodedata

_CAP = 256
# Unicode categories that never reach a terminal: controls, formats (bidi, zero width, tags), surrogates,
# private use, unassigned, line and paragraph separators.
_HIDDEN = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})
_INVISIBLE = frozenset("\u115f\u1160\u3164\uffa0\u2800\u034f")  # letters and marks that draw nothing
_MARKS_IN_A_ROW = 2


def visible(text: object, *, cap: int = _CAP) -> str:
    """``text`` on one line with every character that draws nothing or moves the cursor escaped.

    Escapes look like ``\\x1b`` and ``\\u202e``. More than two combining marks in a row are escaped
    too. Longer than ``cap`` characters of output it ends in ``…`` and the number of characters left out.
    """
    source = text if isinstance(text, str) else str(text)
    if len(source) <= cap and source.isascii() and source.isprintable():
        return source  # most strings are: the screens ask for thousands a second
    out: list[str] = []
    width = 0
    marks = 0
    for position, char in enumerate(source):
        category = unicodedata.category(char)
        marks = marks + 1 if category in ("Mn", "Me") else 0
        if category in _HIDDEN or char in _INVISIBLE or marks > _MARKS_IN_A_ROW or (marks and not out):
            piece = _escape(char)
        elif category == "Zs":
            piece = " "
        else:
            piece = char
        if width + len(piece) > cap:
            out.append(f"…(+{len(source) - position})")
            break
        out.append(piece)
        width += len(piece)
    return "".join(out)


def _escape(char: str) -> str:
    code = ord(char)
    if code < 0x100:
        return f"\\x{code:02x}"
    if code < 0x10000:
        return f"\\u{code:04x}"
    return f"\\U{code:08x}"
