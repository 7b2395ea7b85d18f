"""One line of the custody log: ``{"b":<body>,"s":[{"k":"<keyid>","v":"<base64>"}]}`` and a line feed.

The signed bytes are the body exactly as it stands in the line, so a reader never has to serialise anything
again; that it is RFC 8785 is checked beside.
"""

from __future__ import annotations

import base64
import hashlib
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NoReturn, Protocol

import rfc8785

SIGNED_PREFIX = b"jumpbag-event-v1\n"
MAX_LINE = 8 << 20
"""Longer lines are never parsed (the writer stays far below); they can only be fragments."""

_HEAD = b'{"b":'
_CUT = b',"s":['
_SIGNATURE = rb'\{"k":"[0-9a-f]{16}","v":"[A-Za-z0-9+/]{85}[AQgw]=="\}'
_TAIL = re.compile(_SIGNATURE + rb"(?:," + _SIGNATURE + rb")*\]\}")
_EACH = re.compile(rb'\{"k":"([0-9a-f]{16})","v":"([A-Za-z0-9+/=]{88})"\}')
_DEPTH = 100


class EventSigner(Protocol):
    """What signs an event: see :class:`app.custody.keys.Signer`."""

    @property
    def keyid(self) -> str: ...

    def sign(self, data: bytes) -> bytes: ...


class NotCanonical(ValueError):
    """The bytes are not RFC 8785, or hold what the custody log forbids (floats, large integers)."""


@dataclass(frozen=True, slots=True)
class Signature:
    """``value`` is the raw 64-byte Ed25519 signature."""

    keyid: str
    value: bytes


@dataclass(frozen=True, slots=True)
class Parts:
    """A line that passes the grammar: the body's bytes and the signatures over them."""

    body: bytes
    signatures: tuple[Signature, ...]


@dataclass(frozen=True, slots=True)
class RawLine:
    """A line as it stands in the file. ``number`` is 1-based, ``size`` excludes the LF.

    ``data`` is None for a line longer than :data:`MAX_LINE`. ``sha256`` covers the line with its LF (the next
    line's ``prev``), ``sha256_bare`` is without it, ``leaf`` is the Merkle leaf hash.
    """

    number: int
    size: int
    data: bytes | None
    sha256: str
    leaf: bytes
    _bare: str = ""

    @property
    def sha256_bare(self) -> str:
        """SHA-256 of the line without its LF."""
        return self._bare if self.data is None else hashlib.sha256(self.data).hexdigest()


def raw_line(number: int, data: bytes) -> RawLine:
    """``data`` without its LF, as a :class:`RawLine`."""
    whole = data + b"\n"
    return RawLine(
        number=number,
        size=len(data),
        data=data,
        sha256=hashlib.sha256(whole).hexdigest(),
        leaf=hashlib.sha256(b"\x00" + whole).digest(),
    )


class _Oversized:
    """The hashes of a line that is too long to be held."""

    def __init__(self, start: bytes) -> None:
        self._bare = hashlib.sha256()
        self._leaf = hashlib.sha256(b"\x00")
        self._size = 0
        self.add(start)

    def add(self, piece: bytes) -> None:
        self._bare.update(piece)
        self._leaf.update(piece)
        self._size += len(piece)

    def end(self, number: int) -> RawLine:
        bare = self._bare.hexdigest()
        self._bare.update(b"\n")
        self._leaf.update(b"\n")
        return RawLine(number, self._size, None, self._bare.hexdigest(), self._leaf.digest(), bare)


class LineReader:
    """Cuts a stream of pieces into lines, in bounded memory."""

    def __init__(self, *, first: int = 1) -> None:
        self._next = first
        self._held = bytearray()
        self._long: _Oversized | None = None
        self.tail_size = 0

    def feed(self, piece: bytes) -> Iterator[RawLine]:
        """The lines that ``piece`` completes; :attr:`tail_size` is what follows the last LF."""
        start = 0
        while (end := piece.find(b"\n", start)) >= 0:
            yield self._end(piece[start:end])
            start = end + 1
        rest = piece[start:]
        self.tail_size += len(rest)
        if self._long is not None:
            self._long.add(rest)
        else:
            self._held += rest
            if len(self._held) > MAX_LINE:
                self._long = _Oversized(bytes(self._held))
                self._held.clear()

    def _end(self, last: bytes) -> RawLine:
        number = self._next
        self._next += 1
        self.tail_size = 0
        if self._long is None and len(self._held) + len(last) > MAX_LINE:
            self._long = _Oversized(bytes(self._held))
            self._held.clear()
        if self._long is not None:
            self._long.add(last)
            line = self._long.end(number)
            self._long = None
            return line
        if self._held:
            last = bytes(self._held) + last
            self._held.clear()
        return raw_line(number, last)


def split(data: bytes) -> Parts | None:
    """The parts of a line (without its LF), None if it does not follow the grammar."""
    cut = data.rfind(_CUT)
    if cut < 0 or not data.startswith(_HEAD):
        return None
    tail = cut + len(_CUT)
    if _TAIL.fullmatch(data, tail) is None:
        return None
    signatures = tuple(
        Signature(found[1].decode("ascii"), base64.b64decode(found[2])) for found in _EACH.finditer(data, tail)
    )
    if len({signature.keyid for signature in signatures}) != len(signatures):
        return None
    return Parts(data[len(_HEAD) : cut], signatures)


def canonical(value: object) -> bytes:
    """RFC 8785 bytes of ``value``; NotCanonical if it holds a float, a large integer or a lone surrogate."""
    _no_floats(value, 0)
    try:
        return rfc8785.dumps(value)  # type: ignore[arg-type]
    except (ValueError, RecursionError) as error:
        raise NotCanonical(f"holds what RFC 8785 cannot ({error})") from None


def decode(body: bytes) -> Any:
    """What the canonical bytes ``body`` say; NotCanonical if they are not the RFC 8785 form of it.

    Duplicate keys need no look of their own: they do not survive the comparison.
    """
    try:
        value = json.loads(body.decode("utf-8"), parse_float=_no_float, parse_constant=_no_float)
    except (ValueError, RecursionError) as error:
        raise NotCanonical(f"holds a body that is not JSON ({error})"[:160]) from None
    if canonical(value) != body:
        raise NotCanonical("holds a body that is not in RFC 8785 form")
    return value


def signed_bytes(body: bytes) -> bytes:
    """What a signature of an event covers."""
    return SIGNED_PREFIX + body


def format_line(body: Mapping[str, Any], signers: Sequence[EventSigner]) -> bytes:
    """The whole line with its LF, signed by ``signers``, the log key first."""
    text = canonical(dict(body))
    message = signed_bytes(text)
    signatures = [
        b'{"k":"%s","v":"%s"}' % (signer.keyid.encode("ascii"), base64.b64encode(signer.sign(message)))
        for signer in signers
    ]
    return _HEAD + text + _CUT + b",".join(signatures) + b"]}\n"


def _no_float(text: str) -> NoReturn:
    raise NotCanonical(f"holds a number that is not an integer, {text[:40]}")


def _no_floats(value: object, depth: int) -> None:
    if isinstance(value, float):
        raise NotCanonical(f"holds a number that is not an integer, {value!r}")
    if depth > _DEPTH:
        raise NotCanonical(f"is nested deeper than {_DEPTH}")
    if isinstance(value, dict):
        for member in value.values():
            _no_floats(member, depth + 1)
    elif isinstance(value, list | tuple):
        for member in value:
            _no_floats(member, depth + 1)
