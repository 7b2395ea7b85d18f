"""The verification of a case, in words: what is proven, up to where, and what is not."""

from __future__ import annotations

from typing import Any

from screens.present.amounts import plural
from screens.present.cells import Line, wrap
from screens.present.look import Look

_LABEL = 24
_MOST = 20  # faults shown; the first one is what matters
_TRUST = (
    "self-custodied: whoever holds the key could have rewritten this record; that nothing was cut after its last "
    "line is not proven without an outside copy of a checkpoint"
)


def verification_lines(result: dict[str, Any], width: int, look: Look) -> list[Line]:
    """The answer of ``verify`` (spec/cli.md), nothing left out that is wrong."""
    page = _Page(width, look)
    faults = [one for one in _list(result, "faults") if isinstance(one, dict)]
    unchecked = [str(one) for one in _list(result, "unchecked")]
    if result.get("ok"):
        page.out.append(((f"{look.done} everything promised is proven", "done"),))
    elif not faults and unchecked and result.get("first_bad_line") is None and not _broken(result):
        page.out.append(((f"{look.warn} nothing is wrong as far as could be checked; not all could", "need"),))
        for one in unchecked:
            page.fact("not checked", one, "need")
    else:
        page.out.append(((f"{look.failed} something is wrong", "bad"),))
        if result.get("reason"):
            page.fact("reason", result["reason"], "bad")
        if result.get("first_bad_line") is not None:
            page.fact("first bad line", result["first_bad_line"], "bad")
        for fault in faults[1:_MOST]:
            page.fact("and", _place(fault), "bad")
        if len(faults) > _MOST:
            page.fact("and", plural(len(faults) - _MOST, "fault more", "faults more"), "bad")
    page.out.append(())
    _reaches(result, page)
    page.out.append(())
    _not_proven(result, page)
    _intents(result, page)
    _items(result, page)
    warnings = [str(one) for one in _list(result, "warnings")]
    if warnings:
        page.out.append(())
        page.head("Warnings")
        for one in warnings[:_MOST]:
            page.point(one)
        if len(warnings) > _MOST:
            page.point(plural(len(warnings) - _MOST, "warning more", "warnings more"))
    return page.out


class _Page:
    """Lines as they come, fitted into a width."""

    def __init__(self, width: int, look: Look) -> None:
        self.out: list[Line] = []
        self._width = width
        self.look = look

    def fact(self, label: str, text: object, tone: str = "", *, label_tone: str = "head") -> None:
        for row, piece in enumerate(wrap(self.look.clean(text, 2000), max(20, self._width - _LABEL))):
            self.out.append(((f"{label if row == 0 else '':<{_LABEL - 1}} ", label_tone), (piece, tone)))

    def head(self, text: str) -> None:
        self.out.append(((text, "head"),))

    def point(self, text: object) -> None:
        for row, piece in enumerate(wrap(self.look.clean(text, 2000), max(20, self._width - 3))):
            lead = f" {self.look.dot} " if row == 0 else "   "
            self.out.append(((lead, "dim"), (piece, "")))


def _reaches(result: dict[str, Any], page: _Page) -> None:
    """Three different claims, three lines."""
    look = page.look
    lines, events, bad = result.get("lines"), result.get("events"), result.get("first_bad_line")
    chain, signatures = result.get("chain"), result.get("signatures")
    if chain is None or signatures is None:
        page.fact("chain and signatures", f"{look.none} not looked at", "dim")
    elif chain and signatures:
        text = f"{look.done} proven to line {_number(lines)} ({_number(events)} events)"
        page.fact("chain and signatures", text, "done")
    else:
        broken = " and ".join(word for word, holds in (("chain", chain), ("signatures", signatures)) if not holds)
        where = f" at line {_number(bad)}" if bad is not None else ""
        page.fact("chain and signatures", f"{look.failed} broken{where}: {broken}", "bad")
    to = result.get("checkpointed_to")
    if to:
        page.fact("checkpointed", f"{look.done} to line {_number(to)}, signed with its root", "done")
    else:
        page.fact("checkpointed", f"{look.none} nothing yet", "dim")
    anchored = result.get("anchored_to")
    if anchored:
        page.fact("anchored outside", f"{look.done} to line {_number(anchored)}", "done")
    else:
        words = "nothing outside: nobody else vouches for the time, or for what was cut"
        page.fact("anchored outside", f"{look.none} {words}", "dim")
    page.fact("key", f"{result.get('key') or look.none} ({result.get('trust') or 'unknown trust'})")
    if result.get("live"):
        page.fact("log", "is being written now; its tail is not judged")


def _not_proven(result: dict[str, Any], page: _Page) -> None:
    said = [str(one) for one in _list(result, "not_proven")]
    if not said and not result.get("anchored_to"):
        said = [_TRUST]
    if said:
        page.head("Not proven:")
        for one in said:
            page.point(one[:1].upper() + one[1:])


def _intents(result: dict[str, Any], page: _Page) -> None:
    intents = [one for one in _list(result, "open_intents") if isinstance(one, dict)]
    if intents:
        page.out.append(())
        page.out.append(((f"{page.look.wait} under way: intents without an outcome yet", "wait"),))
        for one in intents:
            page.fact(f"  line {page.look.clean(_number(one.get('line')), 20)}", one.get("op", ""))


def _items(result: dict[str, Any], page: _Page) -> None:
    look = page.look
    items = [one for one in _list(result, "items") if isinstance(one, dict)]
    page.out.append(())
    if not items:
        page.fact("evidence items", "none sealed yet", "dim")
        return
    page.head("Evidence items")
    for one in items:
        good, unknown = one.get("ok") is True, one.get("ok") is None
        glyph = look.done if good else look.none if unknown else look.failed
        tone = "done" if good else "dim" if unknown else "bad"
        words = "agrees with its manifests and the record" if good else one.get("reason") or "does not agree"
        label = f"  {glyph} {look.clean(one.get('id', ''), _LABEL - 6)}"
        page.fact(label, words, "" if good else tone, label_tone=tone)


def _broken(result: dict[str, Any]) -> bool:
    return result.get("chain") is False or result.get("signatures") is False


def _place(fault: dict[str, Any]) -> str:
    line, file, reason = fault.get("line"), fault.get("file"), fault.get("reason")
    where = [f"line {_number(line)}"] if line is not None else []
    where += [str(file)] if file else []
    return f"{', '.join(where)}: {reason}" if where else str(reason)


def _list(result: dict[str, Any], name: str) -> list[Any]:
    found = result.get(name)
    return found if isinstance(found, list) else []


def _number(value: object) -> str:
    return f"{value:,}" if isinstance(value, int) else "?" if value is None else str(value)
