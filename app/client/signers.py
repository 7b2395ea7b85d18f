"""Which keys may sign at a line of the log, followed from ``case.open`` on through ``key.add`` and ``key.rotate``.

Stricter than the verifier, which reads on past what is wrong: a key that is introduced by a line whose own
signatures do not hold is not known here.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from app.custody import body as form
from app.custody.checkpoint import origin
from app.custody.line import NotCanonical, RawLine, Signature, decode, signed_bytes, split

_MARKS = (b'"op":"case.open"', b'"op":"key.add"', b'"op":"key.rotate"')


@dataclass(frozen=True, slots=True)
class SignedEvent:
    """A line that is an event by its grammar; nothing is said of its signatures yet."""

    line: int
    body: dict[str, Any]
    message: bytes
    signatures: tuple[Signature, ...]


def read_event(raw: RawLine) -> SignedEvent | str:
    """The event of a line, or why it is none."""
    if raw.data is None:
        return "is too long to be an event"
    parts = split(raw.data)
    if parts is None:
        return "does not follow the grammar of a line" if raw.data else "is empty"
    try:
        body = decode(parts.body)
    except NotCanonical as error:
        return str(error)
    if not isinstance(body, dict):
        body = {}
    return SignedEvent(raw.number, body, signed_bytes(parts.body), parts.signatures)


class Signers:
    """The keys after the lines taken so far: ``known`` ever introduced, ``in_force`` now; raw, by id.

    ``since`` and ``retired`` are the lines at which a key came and went.
    """

    def __init__(self) -> None:
        self.opened = False
        self.known: dict[str, bytes] = {}
        self.in_force: set[str] = set()
        self.log_key: str | None = None
        self.since: dict[str, int] = {}
        self.retired: dict[str, int] = {}
        self._periods: list[tuple[int, bytes]] = []
        self.note_name = ""
        """The name under which checkpoints of this log are signed."""

    @property
    def log_public(self) -> bytes:
        """The raw log key, empty before ``case.open``."""
        return self.known.get(self.log_key or "", b"")

    def log_public_after(self, line: int) -> bytes:
        """The raw log key in force once that many lines were taken, empty if there was none."""
        return next((public for start, public in reversed(self._periods) if start <= line), b"")

    def take(self, raw: RawLine) -> None:
        """The next line."""
        if not any(mark in (raw.data or b"") for mark in _MARKS):  # the body is canonical: no other spelling
            return
        event = read_event(raw)
        if isinstance(event, str):
            return
        op = event.body.get("op")
        if op == "case.open" and not self.opened:
            self._open(event)
        elif op in ("key.add", "key.rotate") and self.vouch(event):
            alone = [signature.keyid for signature in event.signatures] == [self.log_key]
            if op == "key.add" or alone:
                self._introduce(event, log_key=op == "key.rotate")

    def own(self, event: SignedEvent) -> dict[str, bytes]:
        """The key that the first ``case.open`` introduces and is signed by."""
        if self.opened or event.body.get("op") != "case.open":
            return {}
        try:
            keyid, public = form.read_key(event.body.get("params", {}).get("key"))
        except (form.Malformed, AttributeError):
            return {}
        return {keyid: public}

    def verifies(self, public: bytes, signature: Signature, event: SignedEvent) -> bool:
        """Whether the signature is this key's over the event."""
        try:
            Ed25519PublicKey.from_public_bytes(public).verify(signature.value, event.message)
        except (InvalidSignature, ValueError):
            return False
        return True

    def vouch(self, event: SignedEvent) -> bool:
        """Whether every signature verifies under a key in force, the first one the log key."""
        return event.signatures[0].keyid == self.log_key and all(
            one.keyid in self.in_force and self.verifies(self.known[one.keyid], one, event)
            for one in event.signatures
        )

    def _open(self, event: SignedEvent) -> None:
        own = self.own(event)
        if [one.keyid for one in event.signatures] != list(own):
            return
        if not all(self.verifies(own[one.keyid], one, event) for one in event.signatures):
            return
        self.opened = True
        self.note_name = origin(str(event.body["params"].get("case")), str(event.body.get("log")))
        self._introduce(event, log_key=True)

    def _introduce(self, event: SignedEvent, *, log_key: bool) -> None:
        try:
            keyid, public = form.read_key(event.body.get("params", {}).get("key"))
        except (form.Malformed, AttributeError):
            return
        if self.known.get(keyid, public) != public:
            return
        self.known[keyid] = public
        self.in_force.add(keyid)
        self.since.setdefault(keyid, event.line)
        self.retired.pop(keyid, None)
        if not log_key:
            return
        if self.log_key is not None and self.log_key != keyid:
            self.in_force.discard(self.log_key)
            self.retired[self.log_key] = event.line
        self.log_key = keyid
        self._periods.append((event.line, public))
