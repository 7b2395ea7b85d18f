"""Checkpoints: C2SP signed notes over the RFC 6962 root of the log's lines.

The text is three lines (origin, size, base64 root); then an empty line and one Ed25519 signature line. The
form is exact: whatever parses is, byte for byte, what :func:`write` makes of its parts.
Source: c2sp.org/signed-note and c2sp.org/tlog-checkpoint.
"""

from __future__ import annotations

import base64
import hashlib
import re
from dataclasses import dataclass

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from app.custody.line import EventSigner

MAX_NOTE = 4096
"""Far more bytes than a note can have."""

_NOTE = re.compile(
    rb"(?P<text>(?P<origin>jumpbag/[A-Za-z0-9][A-Za-z0-9._-]{0,63}/[0-9a-f-]{36})\n"
    rb"(?P<size>[1-9][0-9]{0,15})\n(?P<root>[A-Za-z0-9+/]{42}[AEIMQUYcgkosw048]=)\n)"
    rb"\n\xe2\x80\x94 (?P<name>[^ \n]+) (?P<payload>[A-Za-z0-9+/]{90}[AEIMQUYcgkosw048]=)\n"
)


class BadNote(ValueError):
    """What is wrong with a note, in words."""


@dataclass(frozen=True, slots=True)
class Note:
    """A parsed note; ``key_hash`` is the 4-byte hint before the signature, ``root`` raw."""

    origin: str
    size: int
    root: bytes
    key_hash: bytes
    signature: bytes
    text: bytes


def origin(case_id: str, log: str) -> str:
    """The first line of every note of a log."""
    return f"jumpbag/{case_id}/{log}"


def key_hash(name: str, public: bytes) -> bytes:
    """The first 4 bytes of SHA-256(name ‖ 0x0A ‖ 0x01 ‖ raw key)."""
    return hashlib.sha256(name.encode() + b"\n\x01" + public).digest()[:4]


def root_text(root: bytes) -> str:
    """A root as notes and events hold it."""
    return base64.b64encode(root).decode("ascii")


def write(name: str, size: int, root: bytes, signer: EventSigner, public: bytes) -> bytes:
    """The whole note file. ``public`` is the signer's raw public key."""
    text = f"{name}\n{size}\n{root_text(root)}\n".encode()
    payload = base64.b64encode(key_hash(name, public) + signer.sign(text))
    return text + b"\n\xe2\x80\x94 " + name.encode() + b" " + payload + b"\n"


def parse(data: bytes) -> Note:
    """The parts of a note file; BadNote if it does not have exactly the form."""
    found = _NOTE.fullmatch(data)
    if found is None or found["name"] != found["origin"]:
        raise BadNote("it does not have the form of a checkpoint")
    payload = base64.b64decode(found["payload"])
    return Note(
        origin=found["origin"].decode("ascii"),
        size=int(found["size"]),
        root=base64.b64decode(found["root"]),
        key_hash=payload[:4],
        signature=payload[4:],
        text=found["text"],
    )


def verify(note: Note, name: str, public: bytes) -> None:
    """BadNote unless the note is of the log ``name`` and signed by the raw key ``public``."""
    if note.origin != name:
        raise BadNote("it is a checkpoint of another log")
    if note.key_hash != key_hash(name, public):
        raise BadNote("it is not signed by the log key")
    try:
        Ed25519PublicKey.from_public_bytes(public).verify(note.signature, note.text)
    except (InvalidSignature, ValueError):
        raise BadNote("its signature does not verify") from None
