"""Leases: countdowns, the line of live ones, and the rows of their screen."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime

from rich.cells import cell_len

from app.model import ENDED, Acquisition, Lease
from screens.present.cells import Line, Span, cells, columns, share, wrap
from screens.present.durations import countdown, hour_minute, left, urgency
from screens.present.look import Look
from screens.present.shelf import AccountKey
from screens.present.states import state

_WIDE, _TIGHT = 100, 70  # cells: from which the principal has room; below which the account has little
_TONES = {"calm": "", "soon": "wait", "now": "need", "over": "need"}


def live(leases: Sequence[Lease], going: Collection[str] = ()) -> list[Lease]:
    """Live leases: those of the acquisitions ``going`` first, in each part the nearest expiry first."""
    return sorted(
        (one for one in leases if one.state == "live"),
        key=lambda one: (one.scope.partition(" ")[0] not in going, one.expires, one.id),
    )


def not_ended(acquisitions: Sequence[Acquisition]) -> frozenset[str]:
    """The ids of acquisitions whose leases matter most: :func:`live` wants them."""
    return frozenset(one.id for one in acquisitions if one.state not in ENDED)


def remaining(lease: Lease, now: datetime, look: Look) -> Span:
    """The countdown of a live lease; in its last two minutes with glyph and word."""
    seconds = left(lease.expires, now)
    urgent = urgency(seconds)
    if urgent == "now":
        return f"{look.warn} {countdown(seconds)} expiring", "need"
    if urgent == "over":
        return f"{look.warn} expired", "need"
    return countdown(seconds), _TONES[urgent]


def account_of(lease: Lease, names: Mapping[AccountKey, str], look: Look) -> str:
    """The account's name, its id where it has none."""
    return look.clean(names.get((lease.cloud, lease.account)) or lease.account)


def live_line(
    leases: Sequence[Lease],
    names: Mapping[AccountKey, str],
    now: datetime,
    width: int,
    look: Look,
    going: Collection[str] = (),
) -> Line:
    """Every live lease on one line, as many as fit; the rest are counted (``l`` lists them). Each is named
    with its account: ids and countdowns alone stand in the bar above."""
    pieces = [_live_piece(one, names, now, look) for one in live(leases, going)]
    whole, counts = len(pieces), range(len(pieces), 0, -1)
    forms = [(whole, " leases ", _ALL), *((kept, " ", parts) for kept in counts for parts in (_ALL, _BRIEF))]
    forms += [(kept, " ", _BARE) for kept in counts]
    for kept, label, parts in forms:
        more: Line = ((f"{look.rule} +{whole - kept} more", "dim"),) if kept < whole else ()
        line = (*_live_line(pieces[:kept], look, label, parts), *more)
        if cells(line) <= width:
            return line
    return ((f" {len(pieces)} leases live", "dim"),)


def _live_piece(
    one: Lease, names: Mapping[AccountKey, str], now: datetime, look: Look
) -> tuple[Span, Span, Span, Span]:
    """Its id, its account, what it is for, and what is left."""
    where = f"{account_of(one, names, look)} {look.dot} "
    scope = f"{look.clean(one.scope, 40)} "
    return (f"{look.clean(one.id, 24)} ", "strong"), (where, "dim"), (scope, "dim"), remaining(one, now, look)


_ALL, _BRIEF, _BARE = "all", "brief", "bare"
"""With its account and what it is for; the same with the acquisition's id alone; without its account."""


def _live_line(pieces: Sequence[tuple[Span, Span, Span, Span]], look: Look, label: str, parts: str) -> Line:
    line: list[Span] = [(label, "head")]
    for place, (ident, where, (scope, tone), rest) in enumerate(pieces):
        named = f"{scope.partition(' ')[0]} " if parts == _BRIEF else scope
        line += [(f"{look.rule} " if place else "", "dim"), ident, *((where,) if parts != _BARE else ())]
        line += [(named, tone), rest, (" ", "")]
    return tuple(line)


def lease_header(width: int, look: Look) -> Line:
    """The column titles of the leases screen."""
    titles = ("lease", "state", "left, or ended", "account", "for", "principal")
    return _line([(title, "head") for title in titles], width, look)


def lease_line(one: Lease, names: Mapping[AccountKey, str], now: datetime, width: int, look: Look) -> Line:
    """One row of the leases screen."""
    tone = "" if one.state == "live" else "dim"
    left_over = remaining(one, now, look) if one.state == "live" else (hour_minute(one.expires, now), "dim")
    scope, room = look.clean(one.scope), _widths(width)[4]
    noted = f"{scope} ({look.clean(one.note)})"
    if one.note and cell_len(noted) <= room:  # else it stands under the list alone
        scope = noted
    return _line(
        [
            (look.clean(one.id), "strong" if one.state == "live" else tone),
            state(one.state, look),
            left_over,
            (account_of(one, names, look), tone),
            (scope, tone),
            (look.clean(one.principal), "dim"),
        ],
        width,
        look,
    )


def note_lines(one: Lease, width: int, look: Look) -> list[Line]:
    """The whole principal of one lease, and what is said of it, such as why it is shorter than asked for."""
    out: list[Line] = []
    if one.principal:
        out += [((f" {piece}", "dim"),) for piece in wrap(look.clean(one.principal, 300), width - 2)]
    if one.note:
        text = f"{look.clean(one.id, 24)} {look.arrow} {look.clean(one.note, 1000)}"
        out += [((f" {piece}", "wait"),) for piece in wrap(text, width - 2)]
    return out


def _widths(width: int) -> tuple[int, ...]:
    # On a narrow screen what a lease is for has the room; its principal stands under the list.
    wide = width >= _WIDE
    account = 18 if wide else 14 if width >= _TIGHT else 8
    scope, *rest = share(width - 1, [7, 9, 16, account], [2, 3] if wide else [1])
    return 7, 9, 16, account, scope, rest[0] if rest else 0


def _line(parts: Sequence[Span], width: int, look: Look) -> Line:
    sized = zip(parts, _widths(width), strict=True)
    return ((" ", ""), *columns([((part,), size) for part, size in sized], look))
