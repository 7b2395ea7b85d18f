"""What a check found, below its verdict: which files and which bytes do not agree, and what still does."""

from __future__ import annotations

from collections.abc import Sequence

from app.model.disagreement import MOST, Disagreement, ImageDamage
from screens.present.amounts import count, percent, plural
from screens.present.cells import Line
from screens.present.fact import fact
from screens.present.look import Look

_CAP = 1000


def finding_lines(found: Disagreement, width: int, look: Look) -> list[Line]:
    """How much differs and how much does not, then the files and the ranges by name."""
    image, out = found.image, []
    if found.files:
        blocks = f", {count(image.blocks)} of {count(image.of_blocks)} blocks of the image" if image else ""
        out += fact("differ", plural(found.files, "file") + blocks, width, "bad")
    if image is not None and image.found_bytes != image.sealed_bytes:
        length = f"the image has {count(image.found_bytes)} bytes, and had {count(image.sealed_bytes)} when sealed"
        out += fact("", length, width, "bad")
    if found.blind:
        why = f"which blocks of the image differ cannot be told: {look.clean(found.blind)} is not as it was sealed"
        out += fact("", why, width, "need")
    out += _rest(found, width, look)
    names = [f"{look.clean(one.name, _CAP)} {look.dot} {look.clean(one.how)}" for one in found.names[:MOST]]
    out += _list("files", names, found.files, "file", width)
    return [*out, *_list("bytes", _ranges(image), image.runs, "range", width)] if image is not None else out


def _ranges(image: ImageDamage) -> list[str]:
    spans = [(one.offset, one.offset + max(0, one.bytes - 1), one.bytes) for one in image.ranges[:MOST]]
    return [f"{count(first)} to {count(last)} ({count(length)} bytes)" for first, last, length in spans]


def _list(label: str, shown: Sequence[str], in_all: int, noun: str, width: int) -> list[Line]:
    more = [f"and {plural(in_all - len(shown), f'more {noun}')}"] if in_all > len(shown) else []
    rows = [*shown, *more]
    return [line for place, row in enumerate(rows) for line in fact("" if place else label, row, width, "bad")]


def _rest(found: Disagreement, width: int, look: Look) -> list[Line]:
    """What still agrees, as far as it is known."""
    parts: list[str] = []
    image = found.image
    if image is not None and image.agree_bytes is not None:
        part = percent(image.agree_bytes, image.sealed_bytes)
        much = f" ({part} %)" if part is not None else ""
        parts.append(
            f"{count(image.agree_bytes)} of {count(image.sealed_bytes)} bytes of the image still agree{much}"
        )
    if not found.ended and not found.unjudged:
        parts.append("all other files agree" if found.files else "each file is as it was sealed")
    out = fact("agrees", f"{'; '.join(parts)}.", width) if parts else []
    if found.ended:
        ended = f"not read to its end: {look.clean(found.ended, _CAP).rstrip('.')}. More may differ."
        return [*out, *fact("unknown", ended, width, "need")]
    if found.unjudged:
        unjudged = f"{plural(found.unjudged, 'file')}: what lists them is not as it was sealed."
        out += fact("unknown", unjudged, width, "need")
    return out
