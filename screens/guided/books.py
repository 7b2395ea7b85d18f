"""A playbook that is not begun yet as lines, and a file that is none."""

from __future__ import annotations

from collections.abc import Sequence

from app.guided.load import Edition, Faulty
from app.guided.playbook import Playbook
from screens.guided.lines import CAP, INDENT, unbuilt
from screens.guided.pages import prose, within
from screens.present.cells import Line, wrap
from screens.present.look import Look


def playbook_page(edition: Edition, width: int, look: Look) -> list[Line]:
    """A playbook before it is begun."""
    book = edition.playbook
    out = [
        *prose("playbook", f"{book.title} ({book.id})", width, look, "strong"),
        *prose("", book.summary, width, look),
        *prose("when", book.when, width, look),
        *prose("from", f"{edition.source}, sha256 {edition.sha256}", width, look, "dim"),
        (),
    ]
    for place, text in enumerate(book.order):
        out += prose("order" if place == 0 else "", text, width, look)
    out.append(())
    for place, step in enumerate(book.steps, 1):
        out += [(), ((f"{place:>2} {look.clean(step.title, 60)}", "strong"),)]
        for part in (step.text, unbuilt(step), f"Not: {step.dont}" if step.dont else "", f"Why: {step.why}"):
            if part:
                out += [((INDENT, ""), (piece, "")) for piece in wrap(look.clean(part, CAP), max(20, width - 4))]
    return within(out, width, look)


def preconditions(book: Playbook, met: Sequence[bool | None], width: int, look: Look) -> list[Line]:
    """Each with whether it is met; None where only a person can tell."""
    out: list[Line] = []
    for one, holds in zip(book.preconditions, met, strict=True):
        span, word = {
            True: ((look.done, "done"), "met"),
            False: ((look.warn, "need"), "not met yet"),
            None: ((look.idle, "dim"), "yours to judge"),
        }[holds]
        for row, piece in enumerate(wrap(f"{word}: {look.clean(one.text)}", max(20, width - 4))):
            out.append(((" ", ""), span, (f" {piece}", "")) if row == 0 else (("   ", ""), (piece, "")))
    return out


def faulty_lines(one: Faulty, width: int, look: Look) -> list[Line]:
    """A file that was refused: where, what, and what to do."""
    out = prose("refused", one.source, width, look)
    out += prose("because", one.reason, width, look, "need")
    return out + (prose("mend it", one.next, width, look) if one.next else [])
