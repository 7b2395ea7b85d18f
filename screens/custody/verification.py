"""The verification of a case, in words: what is proven, and what is not."""

from __future__ import annotations

from typing import Any

from screens.present.cells import Line, wrap
from screens.present.look import Look


def verification_lines(result: dict[str, Any], width: int, look: Look) -> list[Line]:
    """The answer of ``verify`` (spec/cli.md), nothing left out that is wrong."""
    out: list[Line] = []

    def fact(label: str, text: object, tone: str = "") -> None:
        for row, piece in enumerate(wrap(look.clean(text, 2000), max(20, width - 18))):
            out.append(((f"{label if row == 0 else '':<17} ", "head"), (piece, tone)))

    if result.get("ok"):
        out.append(((f"{look.done} everything promised is proven", "done"),))
    else:
        out.append(((f"{look.failed} something is wrong", "bad"),))
        if result.get("reason"):
            fact("reason", result["reason"], "bad")
        if result.get("first_bad_line") is not None:
            fact("first bad line", result["first_bad_line"], "bad")
    out.append(())
    for label, key in (("chain", "chain"), ("signatures", "signatures")):
        value = result.get(key)
        text = "not looked at" if value is None else f"{look.done} whole" if value else f"{look.failed} broken"
        fact(label, text, "done" if value else "dim" if value is None else "bad")
    fact("events", f"{_number(result.get('events'))} in {_number(result.get('lines'))} lines")
    fact("checkpointed to", _number(result.get("checkpointed_to"), "nothing yet"))
    fact("anchored to", _number(result.get("anchored_to"), "nothing outside: nobody else vouches for the time"))
    fact("key", f"{result.get('key') or look.none} ({result.get('trust') or 'unknown trust'})")
    if result.get("live"):
        fact("log", "is being written now; its tail is not judged")
    intents = result.get("open_intents") or []
    if intents:
        out.append(())
        out.append(((f"{look.wait} under way: intents without an outcome yet", "wait"),))
        for one in intents:
            if isinstance(one, dict):
                fact(f"  line {one.get('line')}", one.get("op", ""))
    items = result.get("items") or []
    out.append(())
    out.append(
        (("evidence items", "head"),) if items else (("evidence items    ", "head"), ("none sealed yet", "dim"))
    )
    for one in items:
        if not isinstance(one, dict):
            continue
        good = bool(one.get("ok"))
        glyph = look.done if good else look.failed
        words = "agrees with its manifests and the record" if good else str(one.get("reason") or "does not agree")
        for row, piece in enumerate(wrap(look.clean(words, 2000), max(20, width - 18))):
            label = f"  {glyph} {look.clean(one.get('id', ''))}" if row == 0 else ""
            out.append(((f"{label:<17} ", "done" if good else "bad"), (piece, "" if good else "bad")))
    out.append(())
    trust = (
        "Self-custodied: whoever holds the key could have rewritten this record. That nothing was cut after its "
        "last line is not proven without an outside copy of a checkpoint."
    )
    if not result.get("anchored_to"):
        out.extend(((piece, "dim"),) for piece in wrap(trust, width))
    return out


def _number(value: object, none: str = "unknown") -> str:
    return (
        f"{value:,}" if isinstance(value, int) and value else ("0" if value == 0 and none == "unknown" else none)
    )
