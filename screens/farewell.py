"""What is said after leaving: what goes on, what does not, and how to come back."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from app.model import Acquisition
from app.model.view import CaseSnapshot, EvidenceCheck
from screens.present.acquisitions import done_percent
from screens.present.amounts import percent
from screens.present.look import Look
from screens.present.states import going_on, paused, running, waiting


def farewell(
    snapshot: CaseSnapshot,
    case_dir: Path,
    link: str,
    look: Look,
    stopped: bool,
    comeback: str | None = None,
    *,
    verifying: bool = False,
) -> str:
    """``Detached. A-0007 goes on (63 %). `jumpbag IR-42` comes back.``

    ``comeback`` is the command that opens this case again; without one it is ``jumpbag`` and the case's id.
    ``verifying``: this session has asked for a verification of the case, and has no answer yet. Of those that
    other sessions asked for nothing is known here.
    """
    case = look.clean(snapshot.case.id or case_dir.name)
    back = f"`{look.clean(comeback or f'jumpbag {case}')}` comes back."
    going = going_on(snapshot.acquisitions)
    checks = [one for one in snapshot.checks if one.state == "running"]
    if stopped:
        held = paused(going)
        by_themselves = [one for one in going if one not in held]
        rest = ""
        if by_themselves:
            verb = "goes on by itself" if len(by_themselves) == 1 else "go on by themselves"
            rest += f" {_names(by_themselves, look)} {verb} when the agent starts again."
        if held:
            rest += f" {_names(held, look)} {'stays' if len(held) == 1 else 'stay'} paused."
        for what in given_up(checks, verifying, look):
            rest += f" {what} was given up, and begins anew when it is asked for again."
        return f"The agent has stopped.{rest} {back}"
    if link != "attached":
        return f"Left. The agent of {case} could not be reached: what is said to run may not. {back}"
    needs = [one for one in waiting(snapshot.acquisitions) if one in going]
    working, held = running(going), paused(going)
    out = ["Detached."]
    until = " until this login ends" if snapshot.agent.state == "session" else ""
    if working:
        verb = "goes on" if len(working) == 1 else "go on"
        if len(working) == 1:
            part = done_percent(working[0])
            shown = f" ({part} %)" if part is not None else ""
            out.append(f"{look.clean(working[0].id)} {verb}{until}{shown}.")
        else:
            out.append(f"{_names(working, look)} {verb}{until}.")
    if needs:
        out.append(f"{_names(needs, look)} {'waits' if len(needs) == 1 else 'wait'} for you.")
    if held:
        out.append(f"{_names(held, look)} {'stays' if len(held) == 1 else 'stay'} paused.")
    if checks:
        out.append(_read_again(checks, until, look))
    if verifying:
        what = "each item that it reads is recorded, and who asks before it ends gets its answer"
        out.append(f"The verification of the case goes on{until}: {what}.")
    if not (going or checks or verifying):
        scanning = any(one.state == "running" for one in snapshot.scans)
        out.append(f"The scan of the clouds goes on{until}." if scanning else "Nothing is running.")
    return " ".join([*out, back])


def given_up(checks: Sequence[EvidenceCheck], verifying: bool, look: Look) -> list[str]:
    """What of the readings under way ends for good when the agent stops, as subjects of a sentence."""
    out = [f"The check of {_listed([look.clean(one.item) for one in checks])}"] if checks else []
    return [*out, *(["The verification of the case"] if verifying else [])]


def broken(
    error: Exception | None, snapshot: CaseSnapshot, case_dir: Path, look: Look, comeback: str | None = None
) -> str:
    """What is said when the screens ended by a fault of their own: where it was, and that the work goes on."""
    where = ""
    trace = error.__traceback__ if error else None
    while trace is not None:
        where = f" at {Path(trace.tb_frame.f_code.co_filename).name}:{trace.tb_lineno}"
        trace = trace.tb_next
    case = look.clean(snapshot.case.id or case_dir.name)
    kind = type(error).__name__ if error else "unknown"
    return (
        f"The screens stopped on a fault of their own ({kind}{where}). The agent was not touched: what runs "
        f"goes on. `{look.clean(comeback or f'jumpbag {case}')}` comes back; please report the words in brackets."
    )


def _read_again(checks: Sequence[EvidenceCheck], until: str, look: Look) -> str:
    """One item is read at a time, the others wait for it."""
    first, *behind = sorted(checks, key=lambda one: not one.started)
    part = percent(first.bytes_done, first.bytes_total)
    done = f" ({part} %)" if part is not None else ""
    wait = ""
    if behind:
        names = _listed([look.clean(one.item) for one in behind])
        wait = f"; {names} {'waits for its' if len(behind) == 1 else 'wait for their'} turn"
    return f"The check of {look.clean(first.item)} goes on{until}{done}{wait}."


def _names(found: list[Acquisition], look: Look) -> str:
    names = []
    for one in found:
        part = done_percent(one)
        names.append(look.clean(one.id) + (f" ({part} %)" if part is not None else ""))
    return _listed(names)


def _listed(names: Sequence[str]) -> str:
    """``A``, ``A and B``, ``A, B and C``."""
    if len(names) <= 1:
        return "".join(names)
    return ", ".join(names[:-1]) + " and " + names[-1]
