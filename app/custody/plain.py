"""Values from elsewhere (plans, cloud answers) in the form that the log keeps them in."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from app.custody.body import decimal_member

SAFE_INTEGER = 2**53 - 1
"""The largest integer that RFC 8785 can hold."""


def plain(value: object) -> Any:
    """``value`` in the form the log keeps it in, for a writer whose parameters come from elsewhere.

    Members named as byte counts become decimal strings, null members disappear, floats and integers beyond
    2^53 become strings, and lone surrogates (which no UTF-8 can hold) become escapes.
    """
    if isinstance(value, Mapping):
        return {
            _utf8(str(name)): _plain_member(str(name), member)
            for name, member in value.items()
            if member is not None
        }
    if isinstance(value, list | tuple | set | frozenset):
        return [plain(member) for member in value if member is not None]
    if isinstance(value, bool) or value is None:
        return value
    if isinstance(value, int):
        return value if abs(value) <= SAFE_INTEGER else str(value)
    return _utf8(value if isinstance(value, str) else str(value))


def _plain_member(name: str, member: object) -> Any:
    if decimal_member(name) and isinstance(member, int) and not isinstance(member, bool):
        return str(member)
    return plain(member)


def _utf8(text: str) -> str:
    return text.encode("utf-8", "backslashreplace").decode("utf-8")
