"""The acquisitions pane: two lines each; and the page of one acquisition's steps."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime

from rich.cells import cell_len

from app.model import ENDED, Acquisition, Lease
from app.model.view import StepRow
from screens.present.amounts import bar, percent, rate, size
from screens.present.cells import Line, Span, cells, columns, fit, fit_line, share, spread
from screens.present.durations import countdown, eta, hour_minute, left, spent, urgency
from screens.present.ids import digest
from screens.present.look import Look
from screens.present.states import acquisition_state, step_state

_STATE = 15
_INDENT = 8
_TONES = {"calm": "dim", "soon": "wait", "now": "need", "over": "need"}


def done_percent(one: Acquisition) -> int | None:
    """Whole percent of the bytes where they are counted, else of the present step."""
    return percent(one.bytes_done, one.bytes_total) if one.bytes_total else one.percent


def target_of(one: Acquisition, look: Look) -> str:
    """What is acquired, as a person names it."""
    return look.clean(one.target_name or one.target)


def rows(
    one: Acquisition, leases: Mapping[str, Lease], now: datetime, width: int, look: Look
) -> tuple[Line, Line]:
    """Two lines: what and how far; then step, time and lease, or what went wrong and what to do about it."""
    state = acquisition_state(one, look)
    head: Line = ((f" {one.id} ", "strong"),)
    indent = " " * cells(head)
    long = 20 if width >= 90 else 10 if width >= 60 else 5
    speed = 11 if width >= 74 else 0
    subject = ((f"{look.clean(one.kind)} {target_of(one, look)}", ""),)
    done = long + 6 + speed
    room = max(4, width - cells(head) - _STATE - done - 3)
    shown = _progress(one, long, speed, look)
    first = (*head, *columns([(subject, room), ((state,), _STATE), (shown, done)], look), (" ", ""))
    return fit_line(first, width, look), fit_line(
        ((indent, ""), *_second(one, leases, now, width, look)), width, look
    )


def _progress(one: Acquisition, long: int, speed: int, look: Look) -> Line:
    if one.state == "done":
        return ((look.clean(one.item), "done"),) if one.item else ()
    part = done_percent(one)
    if part is None or one.state in ENDED or one.state == "queued":
        return ()
    full, empty = bar(part, long, look)
    tone = "live" if one.state in ("running", "hashing", "sealing") else "wait"
    text = rate(one.rate) if speed and one.rate and one.state == "running" else ""
    return ((full, tone), (empty, "trough"), (f" {part:>3} %", ""), (f" {text:>10}" if text else "", ""))


def _second(one: Acquisition, leases: Mapping[str, Lease], now: datetime, width: int, look: Look) -> Line:
    if one.state == "done":
        parts = [size(one.bytes_total or one.bytes_done, "")]
        if one.sha256:
            parts.append(f"sha256 {digest(one.sha256, look, 12)}")
        if not one.item:
            parts.append("snapshot kept, nothing downloaded" if one.route == "preserve" else "")
        parts.append(hour_minute(one.updated, now))
        return ((f" {look.dot} ".join(part for part in parts if part), "dim"),)
    if one.error and one.state in ("failed", "interrupted", "waiting_for_credentials", "paused", "cancelled"):
        tone = "bad" if one.state == "failed" else "need"
        error, todo = look.clean(one.error), look.clean(one.next or "")
        if not todo:
            return ((error, tone),)
        # Both are seen: each has at least half of the line.
        room = max(8, width - _INDENT - 4)
        half = max(room - cell_len(error), room // 2)
        first = fit(error, min(cell_len(error), room - min(half, cell_len(todo))), look)
        return ((first, tone), (f" {look.arrow} {todo}", ""))
    if one.state == "interrupted":
        return ((f"stopped half-way {look.arrow} press r to go on where it was", "need"),)
    if one.state == "failed":
        return ((f"it failed without a reason given {look.arrow} press r to try the step again", "bad"),)
    line: list[Span] = []
    if one.state == "paused":
        line.append((f" {look.dot} p goes on", "dim"))
    elif one.state not in ENDED:
        if width < 74 and one.rate and one.state == "running":
            line.append((f" {look.dot} {rate(one.rate)}", ""))
        if one.eta_s is not None:
            line.append((f" {look.dot} {eta(one.eta_s)}", ""))
        line.extend(_renewal(one, leases, now, look))
    step = f"{one.step_no}/{one.step_count} {look.clean(one.step)}" if one.step else ""
    room = max(6, width - _INDENT - 1 - cells(tuple(line)))
    return ((fit(step, min(cell_len(step), room), look), "dim"), *line)


def _renewal(one: Acquisition, leases: Mapping[str, Lease], now: datetime, look: Look) -> list[Span]:
    lease = leases.get(one.lease or "")
    if lease is None:
        return []
    seconds = left(lease.expires, now)
    if lease.state != "live":
        return [(f" {look.dot} {lease.id} {lease.state}", "need")]
    tone = _TONES[urgency(seconds)]
    glyph = f"{look.warn} " if urgency(seconds) in ("now", "over") else ""
    return [(f" {look.dot} ", "dim"), (f"{glyph}lease {lease.id} {countdown(seconds)}", tone)]


def bytes_line(one: Acquisition, look: Look) -> str:
    """``5.0 of 8.0 GiB`` in words, "" where bytes are not counted."""
    if not one.bytes_total:
        return ""
    return f"{size(one.bytes_done or 0)} of {size(one.bytes_total)}"


def summary(one: Acquisition, leases: Mapping[str, Lease], now: datetime, width: int, look: Look) -> list[Line]:
    """The head of an acquisition's page."""
    state = acquisition_state(one, look)
    part = done_percent(one)
    out: list[Line] = [
        spread(
            ((f" {one.id} ", "strong"), (f"{look.clean(one.kind)} {target_of(one, look)}", "")),
            (state, (" ", "")),
            width,
            look,
        ),
        ((f" {look.clean(one.target)} {look.dot} account {look.clean(one.account)} {look.dot} route "
          f"{look.clean(one.route)}", "dim"),),
    ]  # fmt: skip
    if part is not None and one.state not in ENDED:
        parts = [f" {part} %", bytes_line(one, look), rate(one.rate) if one.rate else "", eta(one.eta_s)]
        text = f" {look.dot} ".join(piece for piece in parts if piece)
        tail: Line = ((text, ""), *_renewal(one, leases, now, look))
        full, empty = bar(part, max(5, min(60, width - cells(tail) - 2)), look)
        out.append(((" ", ""), (full, "live"), (empty, "trough"), *tail))
    if one.sha256:
        out.append(((f" {look.clean(one.item or '')} ", "done"), (f"sha256 {look.clean(one.sha256)}", "")))
    if one.error:
        out.append(((f" {look.clean(one.error)}", "bad" if one.state == "failed" else "need"),))
    if one.next:
        out.append(((f" {look.arrow} {look.clean(one.next)}", ""),))
    return out


def step_lines(rows: Sequence[StepRow], now: datetime, width: int, look: Look) -> list[Line]:
    """A header and one line per step: number, title, state, call, request id, duration, retries and note."""
    request = 20 if width >= 120 else 10 if width >= 96 else 0
    call = 28 if width >= 96 else 24 if width >= 76 else 0
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
    for number, row in enumerate(rows, 1):
        state = step_state(row.state, look)
        tone = "dim" if row.state in ("todo", "skipped") else ""
        remark = look.clean(row.note)
        if row.retries:
            again = f"{row.retries} {'retry' if row.retries == 1 else 'retries'}"
            remark = f"{again}; {remark}" if remark else again
        out.append(
            line(
                (f"{number:>2}", "dim"),
                (look.clean(row.title), tone),
                state,
                (look.clean(row.call), "dim"),
                (look.clean(row.request_id or ""), "dim"),
                (spent(row.started, row.ended, now) if row.state != "todo" else "", "dim"),
                (remark, "bad" if row.state == "failed" else "dim"),
            )
        )
    return out
