"""What people type after ``/``: words, and ``field=value`` terms that all have to hold.

    web tag=Forensics:Enabled kind=disk account=payments eligible

A word is looked for anywhere in a row, without regard to case. ``field=value`` looks in that field alone;
``tag=K:V`` asks for a tag with that key and value, ``tag=K`` for the key. A bare word of ``flags`` is a switch.
Double quotes hold spaces together: ``tag="Cost Center:7"``. Which fields and flags there are, each list says.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True)
class Term:
    """``kind`` "word": ``value`` anywhere. "field": ``value`` in ``name``. "tag": key ``name``, and ``value``
    unless it is None. "flag": the switch ``name``. Values of words and fields are lower-case; tags are as typed."""

    kind: Literal["word", "field", "tag", "flag"]
    name: str = ""
    value: str | None = None


@dataclass(frozen=True, slots=True)
class Filter:
    """All terms hold; ``inverted``: the rows for which they do not. ``problem`` says what was not understood; such
    a term is left out."""

    terms: tuple[Term, ...] = ()
    inverted: bool = False
    problem: str = ""

    def __bool__(self) -> bool:
        return bool(self.terms)


def parse(
    text: str, *, fields: Collection[str], flags: Collection[str] = (), tags: bool = False, inverted: bool = False
) -> Filter:
    """The filter that ``text`` asks for. Never fails: ``problem`` names the first unknown field."""
    terms: list[Term] = []
    problem = ""
    for piece in _pieces(text):
        name, sep, value = piece.partition("=")
        field = name.lower()
        if not sep:
            terms.append(Term("flag", field) if field in flags else Term("word", value=piece.lower()))
        elif field == "tag" and tags:
            key, colon, wanted = value.partition(":")
            if key:
                terms.append(Term("tag", key, wanted if colon else None))
        elif field in fields:
            if value:
                terms.append(Term("field", field, value.lower()))
        elif field.isidentifier() and value:
            known = ", ".join([*sorted(fields), *(["tag"] if tags else [])])
            problem = problem or f"no field {name}: there is {known}"
        else:
            terms.append(Term("word", value=piece.lower()))
    return Filter(tuple(terms), inverted and bool(terms), problem)


def _pieces(text: str) -> list[str]:
    """Words at spaces, double quotes holding them together and left out."""
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
    return [piece for piece in out if piece]
