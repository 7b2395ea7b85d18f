"""What is said after leaving: what goes on, what does not, and how to come back."""

from __future__ import annotations

from pathlib import Path

from app.model import Acquisition
from app.model.view import CaseSnapshot
from screens.present.acquisitions import done_percent
from screens.present.look import Look
from screens.present.states import going_on, paused, running, waiting


def farewell(
    snapshot: CaseSnapshot, case_dir: Path, link: str, look: Look, stopped: bool, comeback: str | None = None
) -> str:
    """``Detached. A-0007 goes on (63 %). `jumpbag IR-42` comes back.``

    ``comeback`` is the command that opens this case again; without one it is ``jumpbag`` and the case's id.
    """
    case = look.clean(snapshot.case.id or case_dir.name)
    back = f"`{look.clean(comeback or f'jumpbag {case}')}` comes back."
    going = going_on(snapshot.acquisitions)
    if stopped:
        held = paused(going)
        by_themselves = [one for one in going if one not in held]
        rest = ""
        if by_themselves:
            verb = "goes on by itself" if len(by_themselves) == 1 else "go on by themselves"
            rest += f" {_names(by_themselves, look)} {verb} when the agent starts again."
        if held:
            rest += f" {_names(held, look)} {'stays' if len(held) == 1 else 'stay'} paused."
        return f"The agent has stopped.{rest} {back}"
    if link != "attached":
        return f"Left. The agent of {case} could not be reached: what is said to run may not. {back}"
    needs = [one for one in waiting(snapshot.acquisitions) if one in going]
    working, held = running(going), paused(going)
    out = ["Detached."]
    if working:
        verb = "goes on" if len(working) == 1 else "go on"
        until = " until this login ends" if snapshot.agent.state == "session" else ""
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
    if not going:
        out.append("Nothing is running.")
    return " ".join([*out, back])


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


def _names(found: list[Acquisition], look: Look) -> str:
    names = []
    for one in found:
        part = done_percent(one)
        names.append(look.clean(one.id) + (f" ({part} %)" if part is not None else ""))
    if len(names) <= 1:
        return "".join(names)
    return ", ".join(names[:-1]) + " and " + names[-1]
