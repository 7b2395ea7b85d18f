"""A run and its steps as pages: whole, with what was recorded."""

from __future__ import annotations

from collections.abc import Sequence

from app.guided.conditions import RULES
from app.model.view import GuideRun, GuideStep
from screens.guided.lines import CAP, INDENT, Shown, ended, next_lines, state_of, unbuilt
from screens.present.cells import Line, cells, fit_line, wrap
from screens.present.look import Look


def prose(label: str, text: str, width: int, look: Look, tone: str = "") -> list[Line]:
    """``label   text``, wrapped under its own start."""
    pieces = wrap(look.clean(text, CAP * 4), max(20, width - 14))
    first: Line = ((f"{label:<13} ", "head"), (pieces[0], tone))
    return [first, *(((" " * 14, ""), (piece, tone)) for piece in pieces[1:])]


def step_page(shown: Shown, place: int, held: Sequence[str], width: int, look: Look) -> list[Line]:
    """The whole step. ``held`` are the words of the commands that are off meanwhile."""
    found = shown.run.steps[place]
    step = shown.text_of(found)
    glyph, word = state_of(found, place == shown.place, look)
    head = f" {place + 1} of {len(shown.run.steps)}: {shown.title_of(found, look)}"
    out: list[Line] = [(glyph, (head, "strong"), (f"  {word}", "dim"))]
    if shown.caution:
        out += prose("", f"{look.warn} {shown.caution}", width, look, "need")
    if place == shown.place and shown.owed:
        out += prose("", f"{look.warn} {shown.owed}", width, look, "need")
    out.append(())
    if place == shown.place and shown.again:
        out += prose("again", shown.again, width, look)
    if step is None:
        out += prose("step", found.id, width, look)
    else:
        out += prose("do", step.text, width, look)
        if unbuilt(step):
            out += prose("by hand", unbuilt(step), width, look, "wait")
        if step.dont:
            out += prose("not", step.dont, width, look)
        out += prose("why", step.why, width, look)
        if step.record:
            key = f" ({look.plain(shown.record_key)})" if place == shown.place and shown.record_key else ""
            out += prose(f"record{key}", step.record, width, look)
        out.append(())
        by_hand = shown.changed or (place == shown.place and shown.by_hand)
        words = RULES["by_hand" if by_hand else step.condition.name].words
        out += prose("counts when", words, width, look, "dim")
        if held:
            out += prose("off meanwhile", f" {look.dot} ".join(held), width, look, "dim")
    if place == shown.place:
        out += [(), *next_lines(shown.next_key, width, look)]
    return within([*out, *_recorded(found, shown, width, look)], width, look)


def within(lines: Sequence[Line], width: int, look: Look) -> list[Line]:
    """Headings are cut; everything else is wrapped already."""
    return [fit_line(line, width, look) if cells(line) > width else line for line in lines]


def _how(step: GuideStep, shown: Shown) -> str:
    """How a step was done, as custody has it. Whether the record itself shows it depends on the text."""
    if step.state == "done":
        text = None if shown.changed else shown.text_of(step)
        if text is None:
            return "seen to be done"
        by_record = RULES[text.condition.name].told_by == "record"
        return "shown by the record" if by_record else "reported by the screens"
    todo = "to do again" if step.reopened else "to do"
    return {"todo": todo, "by_hand": "by hand", "skipped": "skipped"}[step.state]


def _recorded(step: GuideStep, shown: Shown, width: int, look: Look) -> list[Line]:
    if step.state == "todo":
        return []
    out = [(), *prose("recorded", f"{_how(step, shown)}, {step.by}, {_when(step.at)}", width, look)]
    return out + (prose("note", step.note, width, look) if step.note else [])


def _when(text: str) -> str:
    return f"{text[:19]}Z" if len(text) > 19 else text


def _about(shown: Shown) -> str:
    target = shown.run.target
    return target if target.endswith(shown.about) else f"{shown.about} ({target})"


def _abandoned(run: GuideRun) -> str:
    return f"{_when(run.abandoned_at)}: {run.abandoned_why or 'no reason was given'}"


def run_page(shown: Shown, width: int, look: Look) -> list[Line]:
    """What was done, by whom, by hand or seen, with the notes."""
    run = shown.run
    done = sum(step.state != "todo" for step in run.steps)
    out = [
        *prose("run", f"{run.id} {look.dot} {run.title} ({run.playbook})", width, look, "strong"),
        *prose("followed by", f"{run.examiner}, begun {_when(run.started)}", width, look),
        *(prose("about", _about(shown), width, look) if run.target else []),
        *prose("progress", ended(run) if shown.place is None else f"{done} of {len(run.steps)}", width, look),
        *(prose("abandoned", _abandoned(run), width, look) if run.abandoned else []),
        *prose("text", f"sha256 {run.sha256}", width, look, "dim"),
    ]
    if shown.caution:
        out += prose("", f"{look.warn} {shown.caution}", width, look, "need")
    if shown.owed:
        out += prose("", f"{look.warn} {shown.owed}", width, look, "need")
    for place, step in enumerate(run.steps):
        glyph, _ = state_of(step, place == shown.place, look)
        by = (
            f" {look.dot} {look.clean(step.by, 64)} {look.dot} {_when(look.clean(step.at, 40))}" if step.by else ""
        )
        out += [(), (glyph, (f" {place + 1} {shown.title_of(step, look)}", "strong"))]
        out.append(((f"    {_how(step, shown)}", "" if step.state != "todo" else "dim"), (by, "dim")))
        if step.note:
            out += [((INDENT, ""), (piece, "")) for piece in wrap(look.clean(step.note, 4000), max(20, width - 4))]
    return within(out, width, look)
