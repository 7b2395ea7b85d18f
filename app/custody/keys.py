"""The signing key of a case's log: made, kept, unlocked.

The private key is an Ed25519 key in PKCS#8, one file a key, 0600, outside every case. It is either encrypted
under a passphrase that somebody knows, or under a random one that a keyring holds, or not encrypted at all, by
explicit choice.
"""

from __future__ import annotations

import base64
import hashlib
import os
import stat
from pathlib import Path
from typing import Any

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
)

from app.custody import keyring_store
from app.custody.body import keyid_of
from app.custody.log_file import System, Torn, write_durably
from app.custody.pkcs8 import encrypted_pem
from app.custody.verify_log import public_pem
from app.faults import SigningLocked, StorageFull, Usage
from app.text import visible

PROTECTIONS = ("keyring", "passphrase", "file")


class Signer:
    """An unlocked signing key. It never leaves the process: it has no serialised form and no telling repr."""

    __slots__ = ("_private", "keyid", "public")

    def __init__(self, private: Ed25519PrivateKey) -> None:
        self._private = private
        self.public: bytes = private.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
        """The raw 32-byte public key."""
        self.keyid: str = keyid_of(self.public)
        """The first 16 hex digits of SHA-256 over it."""

    @classmethod
    def generate(cls) -> Signer:
        """A new key that is kept nowhere."""
        return cls(Ed25519PrivateKey.generate())

    def sign(self, data: bytes) -> bytes:
        """The 64-byte Ed25519 signature."""
        return self._private.sign(data)

    @property
    def fingerprint(self) -> str:
        """All 64 hex digits: to be noted elsewhere when a case is made."""
        return hashlib.sha256(self.public).hexdigest()

    @property
    def public_base64(self) -> str:
        """The member ``pub`` of a key."""
        return base64.b64encode(self.public).decode("ascii")

    @property
    def pem(self) -> bytes:
        """The public key as OpenSSL writes it."""
        return public_pem(self.public)

    def __repr__(self) -> str:
        return f"Signer({self.keyid})"

    def __reduce__(self) -> Any:
        raise TypeError("a signing key is never serialised")


def create_key(keys_dir: Path, protection: str, passphrase: str | None = None) -> Signer:
    """Make a key and keep it in ``keys_dir``.

    Usage when the protection is unknown, its passphrase is missing or no allowed keyring answers.
    """
    private = Ed25519PrivateKey.generate()
    signer = Signer(private)
    if protection == "file":
        pem = private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    elif protection == "passphrase":
        if not passphrase:
            raise Usage("a passphrase is needed for the signing key", next="type one, or pass --passphrase-fd")
        pem = encrypted_pem(private, passphrase.encode("utf-8"))
    elif protection == "keyring":
        secret = base64.b64encode(os.urandom(32)).decode("ascii")
        pem = encrypted_pem(private, secret.encode("ascii"))
        keyring_store.keep(signer.keyid, secret)
    else:
        raise Usage(f"{visible(protection)} is no protection of a key", next="choose " + ", ".join(PROTECTIONS))
    try:
        write_durably(keys_dir / f"{signer.keyid}.pem", pem, System())
    except Torn as torn:
        raise StorageFull(
            f"{keys_dir}: {torn.why}", next="choose a folder with room that may be written"
        ) from None
    return signer


def load(keys_dir: Path, keyid: str, protection: str, passphrase: str | None = None) -> Signer:
    """The key of that id, unlocked.

    SigningLocked when it is not here, its passphrase is missing or wrong, or the keyring does not give it;
    Usage when what is kept is not kept as ``protection`` says, or others can read it.
    """
    if protection not in PROTECTIONS:
        raise Usage(f"{visible(protection)} is no protection of a key", next="choose " + ", ".join(PROTECTIONS))
    path = keys_dir / f"{keyid}.pem"
    pem = _private_file(path, keyid)
    encrypted = pem.startswith(b"-----BEGIN ENCRYPTED PRIVATE KEY-----")
    if encrypted == (protection == "file"):
        kept = "encrypted" if encrypted else "not encrypted"
        raise Usage(f"the signing key {keyid} is {kept}", next=f'the case says protection = "{protection}"')
    secret: bytes | None = None
    if protection == "passphrase":
        if not passphrase:
            raise SigningLocked(f"the signing key {keyid} is locked", next="unlock it with its passphrase")
        secret = passphrase.encode("utf-8")
    elif protection == "keyring":
        secret = keyring_store.fetch(keyid).encode("utf-8")
    try:
        private = load_pem_private_key(pem, secret)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        reason = "the passphrase is wrong" if encrypted else "its file is damaged"
        raise SigningLocked(f"the signing key {keyid} stays locked: {reason}", next="try again") from None
    if not isinstance(private, Ed25519PrivateKey):
        raise SigningLocked(f"{path} holds no Ed25519 key", next="restore the key")
    signer = Signer(private)
    if signer.keyid != keyid:
        raise SigningLocked(f"{path} holds the key {signer.keyid}", next="restore the key")
    return signer


def _private_file(path: Path, keyid: str) -> bytes:
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except FileNotFoundError:
        raise SigningLocked(
            f"the signing key {keyid} is not on this machine", next=f"put it at {path}, mode 0600"
        ) from None
    except OSError as error:
        raise SigningLocked(f"{path}: {error.strerror}", next="check its owner and mode") from None
    try:
        about = os.fstat(descriptor)
        if not stat.S_ISREG(about.st_mode) or about.st_uid != os.geteuid() or about.st_mode & 0o077:
            raise Usage(f"{path} can be read by others", next=f"make it yours alone: chmod 600 {path}")
        return os.read(descriptor, 65536)
    finally:
        os.close(descriptor)
