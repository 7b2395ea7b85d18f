"""The acquisitions pane: two lines each, and its filter. The page of one is in ``acquisition_page``."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from types import MappingProxyType

from rich.cells import cell_len

from app.client.filtering import Filter, Term
from app.model import ENDED, Acquisition, Lease
from app.model.view import StepRow
from screens.present.amounts import bar, percent, plural, rate, size
from screens.present.cells import Line, Span, cells, columns, fit, fit_line
from screens.present.durations import countdown, eta, hour_minute, left, urgency
from screens.present.ids import digest, short_id
from screens.present.look import Look
from screens.present.reasons import brief, why
from screens.present.states import WORKING, acquisition_state, owes

_STATE = 15
CAP = 2000
"""Characters of an error that are kept before it is fitted or wrapped."""
_INDENT = 8
_TODO = 20  # cells of the next step that go before what is left of the evidence
_SHORT = 12  # cells of an id in front of a step
_STEP, _STEP_AND_DISK = 20, 56  # cells of the present step that nothing else takes
_TONES = {"calm": "dim", "soon": "wait", "now": "need", "over": "need"}
_BYTE_STEPS = ("download", "hash", "block")
_ID = re.compile(r"\b[a-z]{1,5}-[0-9a-f]{8,17}\b")  # what EC2 names volumes and snapshots by


def done_percent(one: Acquisition) -> int | None:
    """Whole percent of the bytes while they are what the present step counts, else of the step itself."""
    if counts_bytes(one):
        return percent(one.bytes_done, one.bytes_total)
    return one.percent


def counts_bytes(one: Acquisition) -> bool:
    """The present step moves or reads the image, and has said how far it is."""
    known = one.bytes_done is not None and bool(one.bytes_total)
    return known and (one.state == "hashing" or any(word in one.step.lower() for word in _BYTE_STEPS))


def nothing_lost(one: Acquisition) -> str:
    """The sentence for one that waits: how much of it is safe already."""
    part = percent(one.bytes_done, one.bytes_total)
    if not part:
        return "Nothing was lost: it goes on where it was."
    return f"Nothing was lost: {part} % is on disk and verified."


def ids(found: Sequence[str], look: Look) -> str:
    """Evidence ids on one line: ``E-0005``, ``E-0009, E-0010``, ``E-0009 to E-0012``; "" for none."""
    clean = [look.clean(item, 24) for item in found]
    return ", ".join(clean) if len(clean) < 3 else f"{clean[0]} to {clean[-1]}"


def target_of(one: Acquisition, look: Look) -> str:
    """What is acquired, as a person names it."""
    return look.clean(one.target_name or one.target)


def rows(
    one: Acquisition,
    leases: Mapping[str, Lease],
    now: datetime,
    width: int,
    look: Look,
    key: Callable[[str], str],
    steps: Sequence[StepRow] = (),
    devices: Mapping[str, str] = MappingProxyType({}),
) -> tuple[Line, Line]:
    """Two lines: what and how far; then step, time and lease, or what went wrong and what to do about it.

    ``key`` gives that of a command; ``devices`` are the names of disks in their instance (``/dev/xvdf``), by ids.
    """
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
        ((indent, ""), *_second(one, leases, now, width, look, key, steps, devices)), width, look
    )


def _progress(one: Acquisition, long: int, speed: int, look: Look) -> Line:
    if one.state == "done":
        named = ids(set_aside(one), look)
        return ((named if cell_len(named) <= long + 6 + speed else plural(len(one.items), "item"), "done"),)
    part = done_percent(one)
    if part is None or one.state in ENDED or one.state == "queued":
        return ()
    full, empty = bar(part, long, look)
    tone = "live" if one.state in ("running", "hashing", "sealing") else "wait"
    text = rate(one.rate) if speed and one.rate and one.state == "running" else ""
    return ((full, tone), (empty, "trough"), (f" {part:>3} %", ""), (f" {text:>10}" if text else "", ""))


def _second(
    one: Acquisition,
    leases: Mapping[str, Lease],
    now: datetime,
    width: int,
    look: Look,
    key: Callable[[str], str],
    steps: Sequence[StepRow],
    devices: Mapping[str, str],
) -> Line:
    if one.state == "done":
        parts = [size(one.bytes_total or one.bytes_done, "")]
        if one.sha256:
            parts.append(f"sha256 {digest(one.sha256, look, 12)}")
        if one.route == "preserve":
            kept = "snapshots" if one.kind == "instance" else "snapshot"
            parts.append(f"{kept} kept, no disk downloaded" if one.item else f"{kept} kept, nothing downloaded")
        parts.append(hour_minute(_ended(steps), now))
        return ((f" {look.dot} ".join(part for part in parts if part), "dim"),)
    if one.error and one.state in ("failed", "interrupted", "waiting_for_credentials", "paused", "cancelled"):
        tone = "bad" if one.state == "failed" else "need"
        error, todo = (look.clean(text or "", CAP).rstrip(".") for text in (one.error, one.next))
        if owes(one):
            error = f"{look.warn} not all was taken back"
        if not todo:
            return ((why(error, max(8, width - _INDENT), look), tone),)
        # Cause and next step are seen: each has at least half of the line. What is left of the evidence stands
        # between them where it leaves both enough.
        room = max(8, width - _INDENT - 4)
        first, kept = _cause(error, todo, room, look), f" {look.dot} {_kept(one)}" if _kept(one) else ""
        beside = _cause(error, todo, room - cell_len(kept), look)
        cut = beside != first and beside.endswith(look.more)
        if cut or room - cell_len(kept) - cell_len(beside) < min(cell_len(todo), _TODO):
            kept = ""
        return ((beside if kept else first, tone), (kept, "dim"), (f" {look.arrow} {todo}", ""))
    if one.state == "interrupted":
        resume = key("acquisitions.resume")
        return ((f"stopped half-way {look.arrow} press {resume} to go on where it was", "need"),)
    if one.state == "failed":
        resume = key("acquisitions.resume")
        return ((f"it failed without a reason given {look.arrow} press {resume} to try the step again", "bad"),)
    if one.state == "cancelled" and one.next:
        return ((why(look.clean(one.next, CAP), max(8, width - _INDENT), look), ""),)
    hint = _hint(one, steps, look)
    if hint:
        lease = renewal(one, leases, now, look)
        place = f"{one.step_no}/{one.step_count} " if one.step else ""
        room = max(8, width - _INDENT - 1 - cell_len(place) - cells(tuple(lease)))
        return ((place, "dim"), (why(hint, room, look), "wait"), *lease)
    step = f"{one.step_no}/{one.step_count} {look.clean(one.step)}" if one.step else ""
    tails: list[list[Span]] = []
    if one.state == "paused":
        tails.append([(f" {look.dot} {key('acquisitions.pause')} goes on", "dim")])
    elif one.state not in ENDED:
        if one.kind == "instance" and counts_bytes(one) and one.state == "running":
            tails.append([(f" {look.dot} {bytes_line(one, look)}", "")])
        if one.eta_s is not None:
            tails.append([(f" {look.dot} {eta(one.eta_s)}", "")])
        tails.append(renewal(one, leases, now, look))
        if width < 74 and one.rate and one.state == "running":
            tails.append([(f" {look.dot} {rate(one.rate)}", "")])
    # What is under way is read first: what does not fit beside it is left out, the last one first. What ends
    # soon stays in any case.
    room = max(6, width - _INDENT - 1)
    wanted = min(cell_len(step), _STEP_AND_DISK if one.kind == "instance" else _STEP)
    for tail in reversed(tails[:]):
        if wanted + sum(cells(tuple(kept)) for kept in tails) > room and all(tone != "need" for _, tone in tail):
            tails.remove(tail)
    line = [span for tail in tails for span in tail]
    room = max(6, room - cells(tuple(line)))
    if one.kind == "instance" and cell_len(step) > room:
        step = _disk_first(one, devices, look)
    return ((fit(step, min(cell_len(step), room), look), "dim"), *line)


def _cause(error: str, todo: str, room: int, look: Look) -> str:
    """Why, without ids where they do not fit, in what the next step leaves of ``room``, half of it at least."""
    if cell_len(error) + cell_len(todo) <= room:
        return error
    error = brief(error)
    half = max(room - cell_len(error), room // 2)
    return why(error, room - min(half, cell_len(todo)), look)


def _kept(one: Acquisition) -> str:
    """What an error has left of the evidence, in a few words; "" where its next step says it."""
    if one.state == "cancelled":
        return ""
    part = percent(one.bytes_done, one.bytes_total)
    if part:
        return f"{part} % kept"
    return "no item yet" if one.state == "failed" else "nothing lost"


def _disk_first(one: Acquisition, devices: Mapping[str, str], look: Look) -> str:
    """A step that is going to be cut, with the disk that its title names in front, by its device where that is
    known: which disk it is stays, and what is done with it."""
    title = look.clean(one.step)
    found = _ID.search(title)
    if found is None:
        return f"{one.step_no}/{one.step_count} {title}"
    device = look.clean(devices.get(found[0], "")).removeprefix("/dev/")
    rest = re.sub(rf"( of)? {found[0]}", "", title)
    return f"{one.step_no}/{one.step_count} {device or short_id(found[0], _SHORT, look)} {look.dot} {rest}"


def _hint(one: Acquisition, steps: Sequence[StepRow], look: Look) -> str:
    """What is in the way of one that still runs, "" where nothing is."""
    if one.state not in WORKING:
        return ""
    note = next((row.note for row in steps if row.state == "running" and row.note), "")
    text = look.clean(one.error or note, CAP)
    if text and one.error and one.next:
        text += f" {look.arrow} {look.clean(one.next, CAP)}"
    return text


def _ended(steps: Sequence[StepRow]) -> str | None:
    """When the last step ended; None where that is not known."""
    return max((row.ended for row in steps if row.ended), default=None)


def renewal(one: Acquisition, leases: Mapping[str, Lease], now: datetime, look: Look) -> list[Span]:
    """The lease that it works under, and what is left of it."""
    lease = leases.get(one.lease or "")
    if lease is None:
        return []
    if lease.state != "live":  # it was replaced: the row names the new one with its next answer
        same = (lease.cloud, lease.account, lease.scope)
        ready = [
            two for two in leases.values() if two.state == "live" and (two.cloud, two.account, two.scope) == same
        ]
        lease = max(ready, key=lambda two: two.expires, default=lease)
    seconds = left(lease.expires, now)
    if lease.state != "live":
        return [(f" {look.dot} {lease.id} {lease.state}", "need")]
    tone = _TONES[urgency(seconds)]
    glyph = f"{look.warn} " if urgency(seconds) in ("now", "over") else ""
    return [(f" {look.dot} ", "dim"), (f"{glyph}lease {lease.id} {countdown(seconds)}", tone)]


def bytes_line(one: Acquisition, look: Look) -> str:
    """``5.0 of 8.0 GiB``, "" where bytes are not counted."""
    if not counts_bytes(one):
        return ""
    done, total = size(one.bytes_done), size(one.bytes_total)
    number, _, unit = done.partition(" ")
    return f"{number if total.endswith(f' {unit}') else done} of {total}"


def set_aside(one: Acquisition) -> tuple[str, ...]:
    """The ids of the items that it ends in."""
    return one.items or ((one.item,) if one.item else ())


FIELDS = ("account", "id", "kind", "route", "state")
"""What ``field=value`` in the pane's filter may name."""


def matches(one: Acquisition, wanted: Filter, account: str, look: Look) -> bool:
    """Whether the filter lets an acquisition through; ``account`` is the name of its account.

    A state is matched by the model's word and by the one that is shown: ``state=done`` and ``state=sealed``.
    """
    fields = {
        "account": (one.account, account),
        "id": (one.id,),
        "kind": (one.kind,),
        "route": (one.route,),
        "state": (one.state, acquisition_state(one, look)[0].partition(" ")[2]),
    }
    said = (one.target, one.target_name, one.step, one.error or "", *one.items, one.item or "")
    everything = " ".join((*(text for texts in fields.values() for text in texts), *said)).lower()

    def holds(term: Term) -> bool:
        value = term.value or ""
        if term.kind == "field":
            return any(value in text.lower() for text in fields[term.name])
        return value in everything

    return all(map(holds, wanted.terms)) != wanted.inverted
