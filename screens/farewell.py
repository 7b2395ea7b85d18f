"""What is said after leaving: what goes on, what does not, and how to come back."""

from __future__ import annotations

from pathlib import Path

from app.model import Acquisition
from app.model.view import CaseSnapshot
from screens.present.acquisitions import done_percent
from screens.present.look import Look
from screens.present.states import going_on, waiting


def farewell(snapshot: CaseSnapshot, case_dir: Path, link: str, look: Look, stopped: bool) -> str:
    """``Detached. A-0007 goes on (63 %). `jumpbag IR-42` comes back.``"""
    case = look.clean(snapshot.case.id or case_dir.name)
    back = f"`jumpbag {case}` comes back."
    going = going_on(snapshot.acquisitions)
    if stopped:
        rest = f" {_names(going, look)} can be resumed." if going else ""
        return f"The agent has stopped.{rest} {back}"
    if link != "attached":
        return f"Left. The agent of {case} could not be reached: what is said to run may not. {back}"
    needs = [one for one in waiting(snapshot.acquisitions) if one in going]
    running = [one for one in going if one not in needs and one.state != "paused"]
    paused = [one for one in going if one.state == "paused"]
    out = ["Detached."]
    if running:
        verb = "goes on" if len(running) == 1 else "go on"
        until = " until this login ends" if snapshot.agent.state == "session" else ""
        if len(running) == 1:
            part = done_percent(running[0])
            shown = f" ({part} %)" if part is not None else ""
            out.append(f"{look.clean(running[0].id)} {verb}{until}{shown}.")
        else:
            out.append(f"{_names(running, look)} {verb}{until}.")
    if needs:
        out.append(f"{_names(needs, look)} {'waits' if len(needs) == 1 else 'wait'} for you.")
    if paused:
        out.append(f"{_names(paused, look)} {'stays' if len(paused) == 1 else 'stay'} paused.")
    if not going:
        out.append("Nothing is running.")
    return " ".join([*out, back])


def broken(error: Exception | None, snapshot: CaseSnapshot, case_dir: Path, look: Look) -> str:
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
        f"goes on. `jumpbag {case}` comes back; please report the words in brackets."
    )


def _names(found: list[Acquisition], look: Look) -> str:
    names = []
    for one in found:
        part = done_percent(one)
        names.append(look.clean(one.id) + (f" ({part} %)" if part is not None else ""))
    if len(names) <= 1:
        return "".join(names)
    return ", ".join(names[:-1]) + " and " + names[-1]
