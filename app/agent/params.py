"""Parameters of commands, as they come over the socket. Usage where one is not what it must be."""

from __future__ import annotations

from typing import Any

from app.faults import Usage


def text(params: dict[str, Any], name: str) -> str:
    """A text that must be there."""
    value = words(params, name)
    if not value:
        raise Usage(f"the parameter {name} is missing")
    return value


def words(params: dict[str, Any], name: str) -> str:
    """Words that need not be there."""
    value = params.get(name)
    if value is None:
        return ""
    if not isinstance(value, str):
        raise Usage(f"the parameter {name} is not text")
    return value


def names(params: dict[str, Any], name: str) -> set[str]:
    """A list of names that need not be there."""
    value = params.get(name)
    if value is None:
        return set()
    if not isinstance(value, list) or not all(isinstance(one, str) for one in value):
        raise Usage(f"the parameter {name} is not a list of texts")
    return set(value)


def days(params: dict[str, Any], name: str) -> int:
    """A whole number of days, 0 where there is none."""
    value = params.get(name) or 0
    if not isinstance(value, int) or isinstance(value, bool):
        raise Usage(f"the parameter {name} is not a whole number of days")
    return value
