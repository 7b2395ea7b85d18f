"""A run and its present step as lines, for the rail and the strip."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from app.guided.conditions import RULES, present
from app.guided.load import Edition
from app.guided.playbook import Step
from app.model.view import GuideRun, GuideStep
from app.text import visible
from screens.present.cells import Line, Span, cells, fit_line, wrap
from screens.present.look import Look

INDENT = "    "
_ROOMY = 16  # lines of a rail from which on nothing needed is pushed out by a second line on what it is about
CAP = 500
"""Characters of a text: more than any playbook may have."""


@dataclass(frozen=True, slots=True)
class NextKey:
    """The keys that lead on, in order, and what they are for; all harmless."""

    keys: tuple[str, ...]
    words: str


@dataclass(frozen=True, slots=True)
class Shown:
    """A run, the text of its playbook (``edition`` None where that is not at hand), the key that leads on, what
    its target is called, which disks it took and has no sealed image of, the key that leads to where is recorded
    what the step asks for, and the one that makes the run about something else."""

    run: GuideRun
    edition: Edition | None
    next_key: NextKey
    about: str = ""
    unsealed: tuple[str, ...] = ()
    record_key: str = ""
    other_key: str = ""

    @property
    def place(self) -> int | None:
        """Position of the present step, None once the run is finished."""
        return present(self.run)

    @property
    def step(self) -> Step | None:
        """The text of the present step."""
        place = self.place
        return None if place is None else self.text_of(self.run.steps[place])

    def text_of(self, step: GuideStep) -> Step | None:
        """What the playbook says of a step."""
        return self.edition.playbook.step(step.id) if self.edition else None

    def title_of(self, step: GuideStep, look: Look) -> str:
        """Its title, its id where there is none."""
        text = self.text_of(step)
        return look.clean(text.title if text else step.id, 60)

    @property
    def owed(self) -> str:
        """Which disks are to be downloaded yet, "" where none is, or the playbook downloads none."""
        steps = self.edition.playbook.steps if self.edition else ()
        wanted = any(step.condition.name == "disks_sealed" for step in steps)
        place = self.place
        here = place is None or (self.step is not None and self.step.condition.name == "disks_sealed")
        return f"no sealed image yet of {', '.join(self.unsealed)}" if wanted and here and self.unsealed else ""

    @property
    def changed(self) -> bool:
        """Whether the text is not, or is not known to be, the one that the run began with: then nothing is judged
        by it."""
        return self.edition is None or self.edition.sha256 != self.run.sha256

    @property
    def reopened(self) -> bool:
        """Whether the present step was recorded before, and is to do again."""
        return self.place is not None and self.run.steps[self.place].reopened

    @property
    def by_hand(self) -> bool:
        """Whether the examiner alone closes the present step."""
        step = self.step
        if step is None or self.changed or step.by_hand:
            return True
        return self.reopened and not RULES[step.condition.name].anew

    @property
    def again(self) -> str:
        """What closes the present step where it is to do again, "" where it is to do for the first time."""
        if not self.reopened:
            return ""
        return (
            "record it yourself: what was so before does not close it"
            if self.by_hand
            else "what was seen before it was taken back does not count"
        )

    @property
    def caution(self) -> str:
        """What is to be known of the text itself, "" for nothing."""
        if self.edition is None:
            return "its playbook is not at hand: steps show by their ids, and are recorded by hand"
        if self.changed:
            return "its file changed since this run began: steps are recorded by hand, or start it anew"
        return ""


def ended(run: GuideRun) -> str:
    """How a run went that has ended: "finished", how many of its steps were done and how many skipped, or who
    abandoned it."""
    if run.abandoned:
        done = sum(step.state in ("done", "by_hand") for step in run.steps)
        return f"abandoned by {visible(run.abandoned, cap=64)}: {done} of {len(run.steps)} done"
    skipped = sum(step.state == "skipped" for step in run.steps)
    return f"ended: {len(run.steps) - skipped} done, {skipped} skipped" if skipped else "finished"


def end_mark(run: GuideRun, look: Look) -> Span:
    """Its glyph and tone: a tick only where everything was done."""
    whole = not run.abandoned and all(step.state != "skipped" for step in run.steps)
    return (look.done, "done") if whole else (look.none, "need")


def state_of(step: GuideStep, here: bool, look: Look) -> tuple[Span, str]:
    """Glyph with its tone, and the word that says how it was done."""
    if step.state == "todo":
        return ((look.shut, "live") if here else (look.idle, "dim")), "again" if step.reopened else ""
    if step.state == "skipped":
        return (look.none, "dim"), "skipped"
    return (look.done, "done"), "by hand" if step.state == "by_hand" else ""


def _row(shown: Shown, place: int, width: int, look: Look) -> Line:
    step, here = shown.run.steps[place], place == shown.place
    glyph, word = state_of(step, here, look)
    text = f" {place + 1} {shown.title_of(step, look)}"
    line: Line = (glyph, (text, "strong" if here else "dim" if step.state == "todo" else ""))
    if word and cells(line) + len(word) + 3 <= width:
        line = (*line, (f" {look.dot} {word}", "dim"))
    return fit_line(line, width, look)


def _labelled(label: str, text: str, width: int, look: Look, tone: str = "") -> list[Line]:
    """Wrapped under its own start, behind ``label`` where there is one."""
    pieces = wrap(look.clean(f"{label} {text}" if label else text, CAP), max(10, width - len(INDENT)))
    out: list[Line] = []
    for row, piece in enumerate(pieces):
        if row == 0 and label and piece.startswith(label):
            out.append(((INDENT, ""), (label, "head"), (piece[len(label) :], tone)))
        else:
            out.append(((INDENT, ""), (piece, tone)))
    return out


def next_line(found: NextKey, look: Look) -> Line:
    """``Next:  2  then  a  on the instance``, each key in reverse video."""
    out: list[Span] = [("Next: ", "head")]
    for place, key in enumerate(found.keys):
        out.extend([(" then ", "dim")] if place else [])
        out.append((f" {look.plain(key)} ", "next"))
    if found.words:
        out.append((f" {found.words}", ""))
    return tuple(out)


def next_lines(found: NextKey, width: int, look: Look) -> list[Line]:
    """The same, its words on lines of their own where one is too short."""
    whole = next_line(found, look)
    if cells(whole) + len(INDENT) <= width:
        return [((INDENT, ""), *whole)]
    keys = next_line(NextKey(found.keys, ""), look)
    words = wrap(found.words, max(10, width - len(INDENT)))
    return [fit_line(((INDENT, ""), *keys), width, look), *(((INDENT, ""), (piece, "")) for piece in words)]


def unbuilt(step: Step) -> str:
    """That a step needs what this version has not, "" where it has all."""
    if not step.unbuilt:
        return ""
    return f"Not built in this version ({', '.join(step.unbuilt)}): do it by hand and record what you did."


def _details(shown: Shown, width: int, look: Look) -> list[list[Line]]:
    """The parts of the present step, the most needed first."""
    step = shown.step
    if step is None:
        return []
    parts = [_labelled("Again:", shown.again, width, look)] if shown.again else []
    if shown.owed:
        parts.append(_labelled("", f"{look.warn} {shown.owed}", width, look, "need"))
    parts.append(_labelled("", step.text, width, look))
    if unbuilt(step):
        parts.append(_labelled("", unbuilt(step), width, look, "wait"))
    if step.dont:
        parts.append(_labelled("Not:", step.dont, width, look))
    parts.append(_labelled("Why:", step.why, width, look, "dim"))
    if step.record:
        key = f" ({look.plain(shown.record_key)})" if shown.record_key else ""
        parts.append(_labelled(f"Record{key}:", step.record, width, look))
    return parts


def rail(shown: Shown, width: int, height: int, look: Look, more: str) -> list[Line]:
    """The steps, the present one with all that fits; its next key is always there. ``more`` is the key for the
    whole text."""
    place, total = shown.place, len(shown.run.steps)
    rows = [_row(shown, at, width, look) for at in range(total)]
    caution: list[Line] = []
    if shown.caution:
        pieces = wrap(look.clean(shown.caution), max(10, width - 2))
        caution = [((f"{look.warn if row == 0 else ' '} {piece}", "need"),) for row, piece in enumerate(pieces)]
    if shown.about:
        caution += _about(shown, width, height, look)
    if place is None:
        glyph, tone = end_mark(shown.run, look)
        said = "; ".join(part for part in (ended(shown.run), look.clean(shown.owed, CAP)) if part)
        pieces = wrap(f"{said}; {more} shows the record", max(10, width - 2))
        last: list[Line] = [()]
        last += [((glyph if row == 0 else " ", tone), (f" {piece}", tone)) for row, piece in enumerate(pieces)]
        return _fitted([*caution, *rows], height - len(last)) + last
    keys = next_lines(shown.next_key, width, look)
    parts = _details(shown, width, look)
    head, tail = rows[:place], rows[place + 1 :]
    size = sum(map(len, parts))
    room = height - len(caution) - 1 - len(keys)
    if len(head) + len(tail) + size > room and len(head) > 1:
        skipped = sum(step.state == "skipped" for step in shown.run.steps[:place])
        glyph, tone = (look.none, "need") if skipped else (look.done, "done")
        said = f" {place} of {total} behind you" + (f", {skipped} skipped" if skipped else "")
        head = [fit_line(((glyph, tone), (said, "")), width, look)]
    if len(head) + len(tail) + size > room and len(tail) > 1:
        kept = max(0, room - len(head) - size - 1)
        tail = [*tail[:kept], ((look.more, "dim"), (f" and {len(tail) - kept} more", "dim"))]
    body = _cut(parts, room - len(head) - len(tail), width, look, more)
    return [*caution, *head, rows[place], *body, *keys, *tail]


def _about(shown: Shown, width: int, height: int, look: Look) -> list[Line]:
    """What the run is about, which the first page that was opened may have said; and how another is chosen."""
    what: Line = (("About: ", "head"), (look.clean(shown.about, 60), ""))
    if shown.place is None or not shown.other_key:
        return [fit_line(what, width, look)]
    other = f"{look.plain(shown.other_key)} chooses another"
    if cells(what) + len(other) + 3 <= width:
        return [(*what, (f" {look.dot} {other}", "dim"))]
    second = [fit_line(((f"       {other}", "dim"),), width, look)] if height >= _ROOMY else []
    return [fit_line(what, width, look), *second]


def _cut(parts: Sequence[Sequence[Line]], room: int, width: int, look: Look, more: str) -> list[Line]:
    """As many parts as fit; what is left out is said."""
    whole = [line for part in parts for line in part]
    if len(whole) <= room:
        return whole
    kept = whole[: max(0, room - 1)]
    return (
        [*kept, fit_line(((f"{INDENT}{look.more} {more} shows the rest", "dim"),), width, look)]
        if room > 0
        else []
    )


def _fitted(lines: list[Line], height: int) -> list[Line]:
    return lines[max(0, len(lines) - max(1, height)) :]


def strip(shown: Shown, width: int, rows: int, look: Look, more: str) -> list[Line]:
    """The present step in one to three lines over a pane."""
    place, total = shown.place, len(shown.run.steps)
    title = look.clean(shown.run.title, 60)
    if place is None:
        glyph, tone = end_mark(shown.run, look)
        last: Line = ((f" {glyph} {title}: {ended(shown.run)}", tone), (f" {look.dot} {more} the record", "dim"))
        return [fit_line(last, width, look)]
    step = shown.run.steps[place]
    glyph, tone = (look.warn, "need") if shown.caution else (look.shut, "live")
    head: Line = (
        (f" {glyph} {place + 1}/{total} ", tone),
        (shown.title_of(step, look), "strong"),
        (f" {look.dot} ", "dim"),
    )
    tail: Line = ((f" {look.dot} {more} whole step ", "dim"),)
    room = max(12, width - cells(head) - cells(tail))
    middle = next_line(shown.next_key, look)
    first: Line = (*head, *(fit_line(middle, room, look) if cells(middle) > room else middle), *tail)
    out = [fit_line(first, width, look)]
    text = shown.step
    if shown.caution and rows > 1:
        out.append(fit_line((("   ", ""), (shown.caution, "need")), width, look))
    if shown.owed and rows > len(out):
        out.append(fit_line((("   ", ""), (f"{look.warn} {look.clean(shown.owed, CAP)}", "need")), width, look))
    if shown.again and rows > len(out):
        out.append(fit_line((("   Again: ", "head"), (shown.again, "")), width, look))
    if text is not None and rows > len(out):
        said = unbuilt(text) or text.text
        out.append(fit_line((("   ", ""), (look.clean(said, CAP), "wait" if unbuilt(text) else "")), width, look))
        if text.dont and rows > len(out):
            out.append(fit_line((("   Not: ", "head"), (look.clean(text.dont, CAP), "")), width, look))
    return out
