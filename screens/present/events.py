"""Custody lines as the pane shows them, and the page of one whole event."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from app.client.events import decode_body
from app.model.view import EventRow
from screens.present.cells import Line, columns, share, wrap
from screens.present.durations import time_of_day
from screens.present.look import Look

_PHASES = {"intent": ("arrow", "intent", "wait"), "result": ("done", "result", "done"),
           "failed": ("failed", "failed", "bad"), "abandoned": ("none", "abandoned", "need"),
           "fact": ("dot", "fact", "dim")}  # fmt: skip


def event_line(row: EventRow, width: int, look: Look) -> Line:
    """``14:02:59 ex-07 → lease.issue  A-0007 the sentence``; a fragment says that it is none."""
    if row.seq is None:
        return columns(
            [(((f" line {row.line}", "need"),), 12), (((look.clean(row.summary), "need"),), width - 13)], look
        )
    glyph, _, tone = _PHASES.get(row.phase, ("dot", row.phase, ""))
    acq = row.acq or ""
    op = 16 if width < 64 else 19
    who = 6 if width < 80 else 12
    fixed = [9, who, 1, op, 6 if acq else 0]
    (text,) = share(width, [part for part in fixed if part], [1])
    return columns(
        [
            (((f" {time_of_day(row.ts)}", "dim"),), 9),
            (((look.clean(row.actor), "accent" if row.actor != "agent" else "dim"),), who),
            (((getattr(look, glyph), tone),), 1),
            (((look.clean(row.op), ""),), op),
            (((look.clean(acq), "strong"),), fixed[4]),
            (((look.clean(row.summary), "dim" if row.phase == "fact" else ""),), text),
        ],
        look,
    )


def event_page(line: int, body: str, width: int, look: Look, about: Sequence[Line] = ()) -> list[Line]:
    """The whole event, every member of it, one to a line. ``about`` stands between its summary and its members."""
    found = decode_body(body)
    if found is None:
        out: list[Line] = [((f"line {line} is no event: a fragment of an interrupted write", "need"),), (), *about]
        out.extend(((piece, ""),) for piece in wrap(look.clean(body, 20_000), width))
        return out
    phase = str(found.get("phase", ""))
    glyph, word, tone = _PHASES.get(phase, ("dot", look.clean(phase), ""))
    out = [
        ((look.clean(found.get("op", "")), "strong"), (f"  {getattr(look, glyph)} {word}", tone)),
        *[((piece, ""),) for piece in wrap(look.clean(found.get("summary", ""), 2000), width)],
        (),
        *about,
    ]
    for name, value in found.items():
        if name not in ("op", "phase", "summary"):
            out.extend(members(name, value, 0, width, look))
    return out


def partner_lines(row: EventRow, partner: EventRow | None, width: int, look: Look) -> list[Line]:
    """Where an intent's outcome stands, and an outcome's intent; nothing for a fact."""
    if row.phase == "intent":
        if partner is None:
            return [
                (("outcome     ", "head"), (f"{look.wait} none yet: it is under way, or was interrupted", "wait"))
            ]
        label = "outcome"
    elif partner is not None:
        label = "intent"
    else:
        return []
    glyph, word, tone = _PHASES.get(partner.phase, ("dot", look.clean(partner.phase), ""))
    lead = f"line {partner.line:,}  "
    state = f"{getattr(look, glyph)} {word}"
    room = max(20, width - 12)
    said = wrap(f"{time_of_day(partner.ts)}  {look.clean(partner.summary, 2000)}", room)
    return [
        ((f"{label:<12}", "head"), (lead, "strong"), (state, tone)),
        *((((" " * 12), ""), (piece, "")) for piece in said),
    ]


def members(name: str, value: Any, depth: int, width: int, look: Look) -> list[Line]:
    """One member of a JSON object, nested ones indented under it."""
    pad = "  " * depth
    label = look.clean(name, 60)
    if isinstance(value, dict) and value:
        out: list[Line] = [((f"{pad}{label}", "head"),)]
        for inner, held in value.items():
            out.extend(members(str(inner), held, depth + 1, width, look))
        return out
    if isinstance(value, list) and value:
        out = [((f"{pad}{label}", "head"),)]
        for place, held in enumerate(value, 1):
            out.extend(members(f"{place}", held, depth + 1, width, look))
        return out
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    room = max(20, width - len(pad) - 18)
    pieces = wrap(look.clean(text, 20_000), room)
    first: Line = ((f"{pad}{label:<16}  ", "head"), (pieces[0], ""))
    return [first, *(((" " * (len(pad) + 18), ""), (piece, "")) for piece in pieces[1:])]
