"""How verbs speak: tables for people, JSON for programs, one-line errors for both."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from typing import Any

from app.faults import Fault
from app.text import visible


def emit(value: Any) -> None:
    """One JSON document on stdout."""
    print(json.dumps(value, indent=2, ensure_ascii=True))


def emit_line(value: Any) -> None:
    """One JSON object on a line of its own."""
    print(json.dumps(value, ensure_ascii=True), flush=True)


def say(text: str) -> None:
    """A message for a person, on stderr."""
    print(visible(text, cap=2000), file=sys.stderr)


def table(headings: Sequence[str], rows: Sequence[Sequence[Any]], empty: str, *, cap: int = 80) -> None:
    """Aligned columns on stdout; every cell made visible, ``cap`` characters of it at most."""
    if not rows:
        print(empty)
        return
    cells = [list(headings)] + [["" if cell is None else visible(cell, cap=cap) for cell in row] for row in rows]
    widths = [max(len(row[column]) for row in cells) for column in range(len(headings))]
    for row in cells:
        print("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())


def fields(pairs: Sequence[tuple[str, Any]]) -> None:
    """``name  value`` lines on stdout."""
    width = max(len(name) for name, _ in pairs)
    for name, value in pairs:
        print(f"{name.ljust(width)}  {'–' if value is None else visible(value, cap=2000)}")


def failed(fault: Fault, as_json: bool, **more: Any) -> int:
    """Report a fault; its exit code."""
    if as_json:
        emit({"error": {"code": fault.code, "message": fault.message, "next": fault.next}, **more})
    say(f"jumpbag: {sentences(fault.message, fault.next)}")
    return fault.exit


def sentences(what: str, todo: str | None) -> str:
    """What is wrong, and what to do next where that is known."""
    return f"{_sentence(what)} Next: {_sentence(todo)}" if todo else _sentence(what)


def _sentence(text: str) -> str:
    return text if text.endswith(("?", "!")) else f"{text.rstrip('.')}."


def size(count: int | None) -> str:
    """Bytes for people, binary units."""
    if count is None:
        return "–"
    value = float(count)
    for unit in ("B", "KiB", "MiB", "GiB"):
        if value < 1024 or unit == "GiB":
            return f"{value:.0f} {unit}" if unit == "B" else f"{value:.1f} {unit}"
        value /= 1024
    return f"{value:.1f} GiB"
