"""TOML from files that anybody may have written: bounded before it is parsed.

``tomllib`` keeps every prefix of a dotted key, so its memory grows with the square of the key's parts: 4 KB of
``a.a.a…`` take 40 MiB, 32 KB a gigabyte. And it recurses into nested arrays and inline tables.
"""

from __future__ import annotations

import re
import tomllib
from typing import Any

from app.text import visible

DOTS, KEY = 8, 200
"""Dots of a key or of the header of a table; characters of a key."""
# Strings and comments as a whole, what separates keys from values, a dot, and anything else. A string that is not
# closed reaches to its end, so that each character is looked at once.
_PIECE = re.compile(
    r'"""(?:[^\\]|\\.)*?(?:"{3,5}|\Z)'
    r"|'''.*?(?:'{3,5}|\Z)"
    r'|"(?:[^"\\\n]|\\.)*"?'
    r"|'[^'\n]*'?"
    r"|#[^\n]*"
    r"|[=,{}\[\]\n.]"
    r"|[^\"'#=,{}\[\]\n.]+",
    re.DOTALL,
)


class NotToml(ValueError):
    """No TOML, or more than a configuration needs; the message says where, ``next`` what to do."""

    def __init__(self, message: str, fix: str = "mend the TOML on that line") -> None:
        super().__init__(message)
        self.next = fix


def loads(text: str) -> dict[str, Any]:
    """The table in ``text``; :class:`NotToml` otherwise."""
    _bounded(text)
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise NotToml(visible(error)) from None
    except RecursionError:
        raise NotToml("the TOML is nested too deeply", "write lists and tables that hold plain values") from None
    except MemoryError:
        raise NotToml("needs more memory than there is", "take out what is not needed") from None
    except ValueError:  # of int(): more digits than Python converts
        raise NotToml("holds a number with thousands of digits", "take it out") from None


def _bounded(text: str) -> None:
    """Refuse keys that are too long or have too many parts, wherever they stand.

    Outside strings nothing else has more than one dot, so dots are counted between what separates keys and values.
    """
    dots = length = 0
    for found in _PIECE.finditer(text):
        piece = found[0]
        if piece[0] == "#":
            continue
        if piece in "=,{}[]\n":
            if piece == "=" and length > KEY:
                raise NotToml(f"a key of {length} characters {_at(text, found)}", f"{KEY} at most")
            dots = length = 0
            continue
        length += len(piece)
        dots += piece == "."
        if dots > DOTS:
            raise NotToml(f"a key with more than {DOTS} dots {_at(text, found)}", "write tables instead")


def _at(text: str, found: re.Match[str]) -> str:
    return f"(at line {text.count(chr(10), 0, found.start()) + 1})"
