"""The page of one acquisition: how far it is, its items, what it owes, who approved it, and its steps."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple

from rich.cells import cell_len

from app.client.events import decode_body
from app.model import ENDED, Acquisition, EvidenceItem, Lease
from app.model.view import StepRow
from screens.present.acquisitions import (
    CAP,
    bytes_line,
    done_percent,
    ids,
    nothing_lost,
    renewal,
    set_aside,
    target_of,
)
from screens.present.amounts import bar, percent, rate, size
from screens.present.cells import Line, Span, cells, columns, fit, fit_line, share, spread, wrap
from screens.present.durations import eta, spent
from screens.present.ids import digest
from screens.present.look import Look
from screens.present.pace import pace_line
from screens.present.reasons import brief
from screens.present.states import WORKING, acquisition_state, step_state

_SPARED = 4  # parts of a lower rank are cut before they go
_ITEMS = 4  # sealed items that stand on the page of an acquisition with many


@dataclass(frozen=True, slots=True)
class Approval:
    """Who approved an acquisition, and the reason that was given for custody, "" where none was."""

    by: str
    reason: str


def approval_of(body: str) -> Approval | None:
    """What a custody line ``plan.approve`` says; None where its body cannot be read."""
    found = decode_body(body)
    if found is None:
        return None
    try:
        by = found.get("authority", {}).get("approved_by") or found.get("actor", {}).get("id") or ""
        return Approval(str(by), str(found.get("params", {}).get("reason") or ""))
    except AttributeError:
        return None


def approval_line(found: Approval, look: Look) -> Line:
    """Who and why, on one line of any length."""
    why = look.clean(found.reason, 600) or "no reason was given"
    return ((" approved by ", "dim"), (look.clean(found.by, 64), "accent"), (f" {look.dot} {why}", "dim"))


def outstanding(rows: Sequence[StepRow]) -> list[tuple[int, StepRow]]:
    """The steps that take back what another one did, and have not done so yet; each with its number."""
    done = {row.id for row in rows if row.state == "done"}
    return [(place, row) for place, row in enumerate(rows, 1) if row.undoes in done and row.id not in done]


def effect_on_evidence(one: Acquisition, sealed: Sequence[EvidenceItem], look: Look) -> str:
    """What an error has left of the evidence, in a sentence or two."""
    if one.state not in ENDED:
        return nothing_lost(one)
    out: list[str] = []
    if sealed:
        few = len(sealed) == 1
        out.append(
            f"{ids([item.id for item in sealed], look)} {'is' if few else 'are'} sealed and stay{'s' * few}."
        )
    part = percent(one.bytes_done, one.bytes_total)
    if part and one.state == "failed":
        out.append(f"{part} % of what it reads is on disk and stays.")
    if not out:
        out.append("No evidence item came of it" + (" yet." if one.state == "failed" else "."))
    return " ".join(out)


class Part(NamedTuple):
    """Lines of the head that belong together. Where there is no room for all, the highest ``rank`` goes first.
    ``whole`` is all of it, where the lines leave something out."""

    rank: int
    lines: Sequence[Line]
    whole: Sequence[Line] = ()


def shortened(found: Sequence[Part], most: int, width: int, look: Look) -> tuple[list[Line], list[Line]]:
    """The head in at most ``most`` lines, and what of it is not seen there: that goes under the steps.

    What is left for long is why it stopped and what to do: each is cut, with an ellipsis, before it goes.
    """
    kept = [list(part.lines) for part in found]
    while sum(map(len, kept)) > max(1, most):
        there = [place for place, lines in enumerate(kept) if lines]
        last = max(there, key=lambda place: found[place].rank)
        longest = max(there, key=lambda place: len(kept[place]))
        if found[last].rank < _SPARED and len(kept[longest]) > 1:
            *kept[longest], _ = kept[longest]
            text = "".join(piece for piece, _ in kept[longest][-1]).rstrip() + look.more
            kept[longest][-1] = ((fit(text, min(cell_len(text), width), look), kept[longest][-1][-1][1]),)
        else:
            kept[last] = []
    hidden: list[Line] = []
    for part, lines in zip(found, kept, strict=True):
        if part.whole or len(lines) < len(part.lines):
            hidden += part.whole or part.lines
    return [line for lines in kept for line in lines], hidden


def parts(
    one: Acquisition,
    leases: Mapping[str, Lease],
    now: datetime,
    width: int,
    look: Look,
    sealed: Sequence[EvidenceItem] = (),
    steps: Sequence[StepRow] = (),
    approved: Approval | None = None,
) -> list[Part]:
    """The head of an acquisition's page, from its first line on. ``sealed`` are the items that it has ended in so
    far."""
    state = acquisition_state(one, look)
    part = done_percent(one)
    head = spread(
        ((f" {one.id} ", "strong"), (f"{look.clean(one.kind)} {target_of(one, look)}", "")),
        (state, (" ", "")),
        width,
        look,
    )
    where = (
        f" {look.clean(one.target)} {look.dot} account {look.clean(one.account)} {look.dot} route "
        f"{look.clean(one.route)}"
    )
    out = [Part(0, [head]), Part(7, [((where, "dim"),)])]
    if part is not None and one.state not in ENDED:
        parts = [f" {part} %", bytes_line(one, look), rate(one.rate) if one.rate else "", eta(one.eta_s)]
        text = f" {look.dot} ".join(piece for piece in parts if piece)
        tail: Line = ((text, ""), *renewal(one, leases, now, look))
        full, empty = bar(part, max(5, min(60, width - cells(tail) - 2)), look)
        drawn: Line = ((" ", ""), (full, "live"), (empty, "trough"), *tail)
        out.append(Part(1 if one.state in WORKING else 6, [drawn]))
    if one.state in WORKING and (curve := pace_line(one.pace, width, look)):
        out.append(Part(9, [curve]))
    if approved is not None:
        line = approval_line(approved, look)
        text = "".join(piece for piece, _ in line).strip()
        whole: list[Line] = [((f" {piece}", "dim"),) for piece in wrap(text, width - 2)]
        out.append(Part(8, [fit_line(line, width, look)], whole if cells(line) > width else []))
    out.append(Part(4, _items(one, sealed, width, look)))
    out.append(Part(5, _owed(one, steps, width, look)))
    if one.error:
        tone = "bad" if one.state == "failed" else "wait" if one.state in WORKING else "need"
        error = look.clean(one.error, CAP)
        cause, said = (
            [((f" {piece}", tone),) for piece in wrap(words, width - 2)] for words in (brief(error), error)
        )
        out.append(Part(2, cause, said if said != cause else ()))
        if one.state not in WORKING:
            effect = wrap(effect_on_evidence(one, sealed, look), width - 2)
            out.append(Part(3, [((f" {piece}", ""),) for piece in effect]))
    if one.next:
        todo = enumerate(wrap(look.clean(one.next, CAP), width - 4))
        out.append(Part(1, [((f" {look.arrow if row == 0 else ' '} {piece}", ""),) for row, piece in todo]))
    return out


def _owed(one: Acquisition, steps: Sequence[StepRow], width: int, look: Look) -> list[Line]:
    """What it shared or made only for the way and has not taken back yet."""
    owed = outstanding(steps)
    if not owed:
        return []
    ended = one.state in ENDED
    lead = f"{look.warn} not taken back" if ended else f"{look.wait} to be taken back"
    what = ", ".join(f"step {number} {look.clean(row.title, 120)}" for number, row in owed)
    return [((f" {piece}", "need" if ended else "dim"),) for piece in wrap(f"{lead}: {what}", width - 2)]


def _items(one: Acquisition, sealed: Sequence[EvidenceItem], width: int, look: Look) -> list[Line]:
    """What it has ended in so far, a line each as long as there are few, and the ids of what is still to come."""
    known = {item.id: item for item in sealed}
    ours = [known[ident] for ident in set_aside(one) if ident in known]
    if not ours and one.sha256:
        return [((f" {look.clean(one.item or '')} ", "done"), (f"sha256 {look.clean(one.sha256)}", ""))]
    out: list[Line] = []
    for item in ours[:_ITEMS] if len(ours) > _ITEMS + 1 else ours:
        what = f"{look.clean(item.kind)} {look.clean(item.source)}".strip()
        lead: Line = (
            (f" {look.clean(item.id, 24)} ", "done"),
            (f"{what} {look.dot} {size(item.bytes)}", ""),
            (f" {look.dot} ", "dim"),
        )
        whole = f"sha256 {look.clean(item.sha256)}" if item.sha256 else "files, each with its sha256 in the bag"
        if len(ours) == 1 and cells(lead) + cell_len(whole) > width:
            out += [lead[:2], ((f"   {whole}", "dim"),)]
        else:
            short = f"sha256 {digest(item.sha256, look, 12)}" if item.sha256 else "files"
            out.append((*lead, (whole if cells(lead) + cell_len(whole) <= width else short, "dim")))
    if len(ours) > _ITEMS + 1:
        out.append(((f" and {len(ours) - _ITEMS} more that are sealed", "dim"),))
    missing = [ident for ident in one.items if ident not in known]
    if missing and len(one.items) > 1 and one.state not in ENDED:
        out.append(((f" to be sealed: {ids(missing, look)}", "dim"),))
    return out


def step_lines(
    rows: Sequence[StepRow], now: datetime, width: int, look: Look, acquisition: str = "running"
) -> list[Line]:
    """A header and each step: number, title, state, call, request id, duration, retries and note. Titles that are
    long go on in the next line: they say which disk a step is about.

    ``acquisition`` is the state of the whole: a step that it holds does not count time. Where there is no column
    for notes, and where one is too long for its column, it stands whole under its step.
    """
    request = 20 if width >= 120 else 10 if width >= 96 else 0
    call = 28 if width >= 96 else 0
    fixed = [3, 13, call, request, 8]
    note = width >= 120
    title, *rest = share(width - 1, [part for part in fixed if part], [3, 2] if note else [1])
    noted = rest[0] if rest else 0

    def line(number: Span, name: Span, state: Span, called: Span, asked: Span, took: Span, remark: Span) -> Line:
        return (
            (" ", ""),
            *columns(
                [((number,), 3), ((name,), title), ((state,), 13), ((called,), call), ((asked,), request),
                 ((took,), 8), ((remark,), noted)],
                look,
            ),
        )  # fmt: skip

    def head(text: str) -> Span:
        return text, "head"

    out = [line(head("#"), head("step"), head("state"), head("call"), head("request"), head("took"), head("note"))]
    places = {row.id: number for number, row in enumerate(rows, 1)}
    for number, row in enumerate(rows, 1):
        state = step_state(row.state, look, acquisition)
        held = row.state == "running" and acquisition not in WORKING
        tone = "dim" if row.state in ("todo", "skipped") else ""
        remarks = [f"takes back step {places[row.undoes]}"] if row.undoes in places else []
        if row.retries:
            remarks.append(f"{row.retries} {'retry' if row.retries == 1 else 'retries'}")
        remark = "; ".join([*remarks, look.clean(row.note, CAP)] if row.note else remarks)
        told = "bad" if row.state == "failed" else "wait" if row.state == "running" else "dim"
        under = bool(remark) and cell_len(remark) > noted
        names = wrap(look.clean(row.title), title)
        out.append(
            line(
                (f"{number:>2}", "dim"),
                (names[0], tone),
                state,
                (look.clean(row.call), "dim"),
                (look.clean(row.request_id or ""), "dim"),
                (spent(row.started, row.ended, now) if row.state != "todo" and not held else "", "dim"),
                ("" if under else remark, told),
            )
        )
        out.extend(((f"{'':>5}{piece}", tone),) for piece in names[1:])
        if under:
            out.extend(((f"{'':>5}{piece}", told),) for piece in wrap(remark, width - 7))
        asked = _asked(row, call, request, look) if row.state in ("running", "failed") else ""
        if asked:
            out.extend(((f"{'':>5}{piece}", "dim"),) for piece in wrap(asked, width - 7))
    return out


def _asked(row: StepRow, call: int, request: int, look: Look) -> str:
    """The call and the request's id of a step, as far as columns of that width do not show them; "" if they do."""
    asked = [look.clean(row.call)] if row.call and call < cell_len(look.clean(row.call)) else []
    if row.request_id and request < cell_len(look.clean(row.request_id)):
        asked.append(f"request {look.clean(row.request_id)}")
    return f" {look.dot} ".join(asked)
