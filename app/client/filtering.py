"""What people type after ``/``: words, and ``field=value`` terms that all have to hold.

    web tag=Forensics:Enabled kind=disk account=payments eligible

A word is looked for anywhere in a row, without regard to case. ``field=value`` looks in that field alone;
``tag=K:V`` asks for a tag with that key and value, ``tag=K`` for the key. A bare word of ``flags`` is a switch.
``size>100G`` compares (``<``, ``<=``, ``>=`` and ``=`` too; K, M, G and T are binary). Double quotes hold spaces
together: ``tag="Cost Center:7"``. Which fields, flags and amounts there are, each list says.
"""

from __future__ import annotations

import difflib
import math
import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

_AMOUNT = re.compile(r"(\w+)(<=|>=|<|>|=)(.*)", re.DOTALL)
_BYTES = re.compile(r"(\d+(?:\.\d+)?)([kmgtp]?)(?:i?b)?")
_POWERS = {"": 0, "k": 1, "m": 2, "g": 3, "t": 4, "p": 5}
_TOO_MANY = 1 << 63  # bytes: no column of SQLite holds, nor a question takes, so large an integer


@dataclass(frozen=True, slots=True)
class Term:
    """``kind`` "word": ``value`` anywhere. "field": ``value`` in ``name``. "tag": key ``name``, and ``value``
    unless it is None. "flag": the switch ``name``. "amount": ``name`` compared by ``value`` ("<", "<=", ">", ">="
    or "=") with ``number`` bytes. Values of words and fields are lower-case; tags are as typed."""

    kind: Literal["word", "field", "tag", "flag", "amount"]
    name: str = ""
    value: str | None = None
    number: int = 0


@dataclass(frozen=True, slots=True)
class Filter:
    """All terms hold; ``inverted``: the rows for which they do not. ``problem`` says in a few words what was not
    understood, and what to try; such a term is left out."""

    terms: tuple[Term, ...] = ()
    inverted: bool = False
    problem: str = ""

    def __bool__(self) -> bool:
        return bool(self.terms)

    def fits(self, values: Mapping[str, str], flags: Collection[str] = ()) -> bool:
        """Whether a row of these fields, with these flags set, is one of those asked for. It has neither tags nor
        amounts: no term that asks for such holds."""
        return not self.terms or all(_holds(term, values, flags) for term in self.terms) != self.inverted


def _holds(term: Term, values: Mapping[str, str], flags: Collection[str]) -> bool:
    if term.kind == "flag":
        return term.name in flags
    wanted = term.value or ""
    if term.kind == "word":
        return any(wanted in value.lower() for value in values.values())
    return term.kind == "field" and wanted in values.get(term.name, "").lower()


def parse(
    text: str,
    *,
    fields: Collection[str],
    flags: Collection[str] = (),
    amounts: Collection[str] = (),
    tags: bool = False,
    inverted: bool = False,
) -> Filter:
    """The filter that ``text`` asks for. Never fails: ``problem`` names the first unknown field, and a quote that
    is still open (it holds everything up to the end together)."""
    terms: list[Term] = []
    problem = ""
    pieces, quoted = _pieces(text)
    for piece in pieces:
        name, sep, value = piece.partition("=")
        field = name.lower()
        compared = _AMOUNT.fullmatch(piece)
        if compared is not None and compared[1].lower() in amounts:
            number = _bytes(compared[3])
            if number is not None:
                terms.append(Term("amount", compared[1].lower(), compared[2], number))
            elif compared[3]:
                problem = problem or f"{compared[1]} takes an amount of bytes: 8G, 1.5T"
        elif not sep:
            terms.append(Term("flag", field) if field in flags else Term("word", value=piece.lower()))
        elif field == "tag" and tags:
            key, colon, wanted = value.partition(":")
            if key:
                terms.append(Term("tag", key, wanted if colon else None))
        elif field in fields:
            if value:
                terms.append(Term("field", field, value.lower()))
        elif field.isidentifier() and value:
            problem = problem or f"no field {name}: {_instead(name, value, [*fields, *amounts], tags)}"
        else:
            terms.append(Term("word", value=piece.lower()))
    if quoted:
        problem = f"{problem}; a quote is open" if problem else "a quote is open"
    return Filter(tuple(terms), inverted and bool(terms), problem)


def _instead(name: str, value: str, fields: Sequence[str], tags: bool) -> str:
    """What may have been meant: a field spelled like this one, a tag of that name, else any field there is."""
    near = difflib.get_close_matches(name.lower(), fields, n=1, cutoff=0.7)
    if near or tags:
        text = f"{near[0]}={value}" if near else f"tag={name}:{value}"
        return "try " + (f'"{text}"' if " " in text else text)
    return "there is " + ", ".join(sorted(fields))


def _bytes(text: str) -> int | None:
    found = _BYTES.fullmatch(text.lower())
    number = float(found[1]) * 1024 ** _POWERS[found[2]] if found else math.inf
    return round(number) if number < _TOO_MANY else None


def _pieces(text: str) -> tuple[list[str], bool]:
    """Words at spaces, double quotes holding them together and left out; and whether the last quote is open."""
    out: list[str] = []
    word, quoted, begun = "", False, False
    for char in text:
        if char == '"':
            quoted, begun = not quoted, True
        elif char.isspace() and not quoted:
            if word or begun:
                out.append(word)
            word, begun = "", False
        else:
            word += char
    if word or begun:
        out.append(word)
    return [piece for piece in out if piece], quoted
