"""The context bar: who works where, with which power, and what ends next."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from app.model.view import CaseSnapshot
from screens.present import leases
from screens.present.cells import Line, Span, cells, fit_line
from screens.present.durations import age, countdown, left, moment
from screens.present.look import Look
from screens.present.states import counted, paused, running, waiting

STALE_AFTER_S = 6
"""The agent writes its heartbeat every 2 s; three missed beats are a sign."""


SKEW_S = 5
"""A smaller difference between this clock and the cloud's does not change what an investigator reads."""


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What the bar needs besides the case: the connection, the chosen account, a moved clock, who sits here."""

    link: str = "connecting"
    account: str = ""
    skew_s: int = 0
    examiner: str = ""


@dataclass(frozen=True, slots=True)
class _Part:
    rank: int  # 0 goes last when room is short
    forms: tuple[Line, ...]  # longest first


def beat_age(snapshot: CaseSnapshot, now: datetime) -> float | None:
    """Seconds since the agent's last heartbeat, None if there never was one."""
    beat = moment(snapshot.agent.beat)
    return None if beat is None else max(0.0, (now - beat).total_seconds())


def stale(snapshot: CaseSnapshot, now: datetime) -> bool:
    """No heartbeat for too long, from an agent that has not said that it stopped."""
    old = beat_age(snapshot, now)
    return snapshot.agent.state != "stopped" and old is not None and old > STALE_AFTER_S


def agent_word(snapshot: CaseSnapshot, now: datetime, link: str, look: Look) -> Span:
    """State of the agent as glyph and word."""
    if link == "connecting" and snapshot.agent.state == "stopped":
        return f"{look.wait} agent starting", "wait"
    if link == "gone":
        return f"{look.failed} agent gone", "bad"
    if stale(snapshot, now):
        return f"{look.warn} stale {age(beat_age(snapshot, now) or 0)}", "need"
    return {
        "detached": (f"{look.live} agent detached", "live"),
        "session": (f"{look.live} agent this session only", "wait"),
        "locked": (f"{look.lock} agent locked", "need"),
        "stopped": (f"{look.idle} agent stopped", "dim"),
    }[snapshot.agent.state]


def power_word(snapshot: CaseSnapshot, now: datetime, look: Look, examiner: str = "") -> Span:
    """READ-ONLY, or ARMED with what is left of the window, and who opened it where not ``examiner`` did."""
    seconds = left(snapshot.agent.armed_until, now)
    if seconds is not None and seconds > 0:
        who = snapshot.agent.armed_by
        by = f" by {look.clean(who, 40)}" if who and who != (examiner or who) else ""
        return f"{look.warn} ARMED {countdown(seconds)}{by}", "need"
    return "READ-ONLY", "strong"


def context_line(snapshot: CaseSnapshot, around: Surroundings, now: datetime, width: int, look: Look) -> Line:
    """The bar in ``width`` cells."""
    case = snapshot.case
    parts: list[_Part] = [_case(snapshot, look)]
    if around.examiner or case.examiner:
        who = look.clean(around.examiner or case.examiner, 40)
        parts.append(_Part(4, (((f"examiner {who}", ""),), ((who, ""),))))
    where = look.clean(around.account, 60)
    role = look.clean(case.role, 60).rsplit("/", 1)[-1]
    if where or role:
        both = f" {look.dot} ".join(piece for piece in (where, role) if piece)
        parts.append(_Part(2, (((both, "accent"),), ((where or role, "accent"),))))
    parts.append(_Part(8, ((power_word(snapshot, now, look, around.examiner),),)))
    agent = agent_word(snapshot, now, around.link, look)
    short = {"agent detached": "detached", "agent this session only": "session only"}
    glyph, _, word = agent[0].partition(" ")
    brief = (f"{glyph} {short.get(word, word)}", agent[1])
    parts.append(_Part(5, ((agent,), (brief,))))
    needs, working = waiting(snapshot.acquisitions), running(snapshot.acquisitions)
    held = paused(snapshot.acquisitions)
    if needs:
        few = counted(needs)
        texts = (counted(needs, one="job", more="jobs"), f"{len(needs)} need you" if "," in few else few)
        parts.append(_Part(7, tuple(((f"{look.warn} {text}", "need"),) for text in texts)))
    else:
        if working:
            parts.append(_Part(3, (((f"{len(working)} running", ""),),)))
        if held:
            parts.append(_Part(4, (((f"{len(held)} paused", "wait"),),)))
    nearest = leases.live(snapshot.leases, leases.not_ended(snapshot.acquisitions))
    if nearest:
        text, tone = leases.remaining(nearest[0], now, look)
        parts.append(
            _Part(
                9,
                (
                    ((f"lease {nearest[0].id} {look.wait} ", ""), (text, tone)),
                    ((f"{nearest[0].id} ", ""), (text, tone)),
                ),
            )
        )
    warned: list[tuple[str, str, str]] = []
    if case.protection == "file":
        warned.append(("signing key in a plain file (weak)", "weak key", "key"))
    if case.endpoints:
        names = ", ".join(look.clean(one, 40) for one in case.endpoints)
        warned.append((f"endpoint {names}", "endpoint", "endpoint"))
    if warned:
        forms = tuple(((" ".join(f"{look.warn} {one[form]}" for one in warned), "need"),) for form in range(3))
        parts.append(_Part(7, forms))
    parts += _clock(snapshot, around, look)
    parts.append(_Part(0, (((now.strftime("%H:%M:%SZ"), ""),),)))
    return _laid_out(parts, width, look)


def _clock(snapshot: CaseSnapshot, around: Surroundings, look: Look) -> list[_Part]:
    """What is known to be wrong with this machine's clock; each was measured."""
    out: list[_Part] = []
    if around.skew_s:
        out.append(_Part(6, (((f"{look.warn} clock moved {around.skew_s:+d} s", "need"),),)))
    ahead = snapshot.agent.skew_s
    if ahead is not None and abs(ahead) >= SKEW_S:
        side = "behind" if ahead > 0 else "ahead of"
        out.append(
            _Part(
                6,
                (
                    ((f"{look.warn} clock {abs(ahead)} s {side} the cloud's", "need"),),
                    ((f"{look.warn} clock {abs(ahead)} s {'slow' if ahead > 0 else 'fast'}", "need"),),
                ),
            )
        )
    elif snapshot.agent.clock_synced is False:
        out.append(_Part(-1, ((("clock not synchronised", "dim"),), (("clock unsynced", "dim"),))))
    return out


def _case(snapshot: CaseSnapshot, look: Look) -> _Part:
    ident = look.clean(snapshot.case.id or "no case yet", 64)
    title = look.clean(snapshot.case.title, 48)
    short: Line = ((ident, "strong"),)
    return _Part(6, ((*short, (f" {title}", "")), short) if title else (short,))


def _laid_out(parts: Sequence[_Part], width: int, look: Look) -> Line:
    """All parts at their longest if they fit; else those of least rank are shortened, then left out."""
    chosen = dict.fromkeys(range(len(parts)), 0)

    def line() -> Line:
        out: list[Span] = [(" ", "")]
        for place in sorted(chosen):
            if len(out) > 1:
                out.append((f" {look.rule} ", "dim"))
            out.extend(parts[place].forms[chosen[place]])
        return tuple(out)

    by_rank = sorted(chosen, key=lambda place: parts[place].rank)
    for place in by_rank:
        while cells(line()) > width and chosen[place] + 1 < len(parts[place].forms):
            chosen[place] += 1
    for place in by_rank:
        if cells(line()) <= width:
            break
        del chosen[place]
    for place in reversed(by_rank):  # what was left out may fit after all: others took more room
        if place not in chosen:
            chosen[place] = len(parts[place].forms) - 1
            if cells(line()) > width:
                del chosen[place]
    for place in reversed(by_rank):  # room that is left goes to what matters most
        while chosen.get(place, 0) > 0:
            chosen[place] -= 1
            if cells(line()) > width:
                chosen[place] += 1
                break
    return fit_line(line(), width, look)
