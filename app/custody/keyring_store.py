"""The secret of a key in the desktop's keyring.

Only backends that keep a secret encrypted are used: the Secret Service and KWallet. What the keyring library
would pick by itself is not asked: it has stored base64 and called it success, and a null backend that forgets.
A backend counts only after it has written, read back and deleted a probe, in time.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Sequence
from functools import partial
from typing import Protocol, TypeVar

from app.faults import SigningLocked, Usage

SERVICE = "jumpbag"
PROBE_SECONDS = 3.0
ANSWER_SECONDS = 60.0
"""For the one call that may have to wait for a person who unlocks the keyring."""

_Answer = TypeVar("_Answer")


class Backend(Protocol):
    """What is used of a keyring backend."""

    def set_password(self, service: str, username: str, password: str) -> None: ...
    def get_password(self, service: str, username: str) -> str | None: ...
    def delete_password(self, service: str, username: str) -> None: ...


def keep(keyid: str, secret: str, backends: Sequence[Callable[[], Backend]] | None = None) -> None:
    """Store a secret; Usage if no allowed keyring takes it."""
    backend = working(backends)
    _within(ANSWER_SECONDS, partial(backend.set_password, SERVICE, keyid, secret))
    if _within(ANSWER_SECONDS, partial(backend.get_password, SERVICE, keyid)) != secret:
        raise Usage("the keyring did not keep the signing key's secret", next="choose another protection")


def fetch(keyid: str, backends: Sequence[Callable[[], Backend]] | None = None) -> str:
    """The secret of that key; SigningLocked if the keyring does not give it."""
    advice = "unlock the keyring of this session, or start one"
    try:
        backend = working(backends)
        secret = _within(ANSWER_SECONDS, partial(backend.get_password, SERVICE, keyid))
    except Usage as fault:
        raise SigningLocked(f"the signing key {keyid} is locked: {fault.message}", next=advice) from None
    if not secret:
        raise SigningLocked(f"the keyring holds no secret for the signing key {keyid}", next=advice)
    return secret


def working(backends: Sequence[Callable[[], Backend]] | None = None) -> Backend:
    """The first allowed backend that passes its probe; Usage, with each one's reason, if none does."""
    reasons: list[str] = []
    for make in allowed() if backends is None else backends:
        name = getattr(make, "__module__", "").rpartition(".")[2] + "." + getattr(make, "__name__", "keyring")
        try:
            return _within(PROBE_SECONDS, partial(_probed, make))
        except Usage as fault:
            reasons.append(f"{name}: {fault.message}")
    raise Usage(
        "no keyring that keeps secrets encrypted: " + "; ".join(reasons or ["none is installed"]),
        next='choose protection = "passphrase", or unlock the Secret Service or KWallet',
    )


def allowed() -> list[Callable[[], Backend]]:
    """The backends on the allow-list that can be imported here."""
    from keyring.backends import SecretService, kwallet

    return [SecretService.Keyring, kwallet.DBusKeyring, kwallet.DBusKeyringKWallet4]


def _probed(make: Callable[[], Backend]) -> Backend:
    backend = make()
    probe, value = f"probe-{os.getpid()}-{threading.get_ident()}", os.urandom(16).hex()
    backend.set_password(SERVICE, probe, value)
    found = backend.get_password(SERVICE, probe)
    backend.delete_password(SERVICE, probe)
    if found != value or backend.get_password(SERVICE, probe) is not None:
        raise Usage("it does not keep what it is given")
    return backend


def _within(seconds: float, call: Callable[[], _Answer]) -> _Answer:
    """``call`` on a thread beside: a keyring that prompts on a screen nobody sees never answers."""
    answers: list[_Answer] = []
    failures: list[BaseException] = []

    def run() -> None:
        try:
            answers.append(call())
        except BaseException as error:
            failures.append(error)

    thread = threading.Thread(target=run, name="keyring", daemon=True)
    thread.start()
    thread.join(seconds)
    if failures:
        error = failures[0]
        if isinstance(error, Usage):
            raise error
        raise Usage(f"the keyring refused ({type(error).__name__})", next="unlock it") from None
    if not answers:
        raise Usage(f"the keyring did not answer in {seconds:.0f} s", next="unlock it")
    return answers[0]
