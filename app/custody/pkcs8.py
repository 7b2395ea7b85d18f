"""Encrypted PKCS#8 with a key derivation that costs something.

cryptography's own "best available" encryption derives with 2,048 rounds of PBKDF2 (read from its output with
``openssl asn1parse``), too few for a passphrase that a person can remember. The structure is RFC 8018's PBES2:
PBKDF2 with HMAC-SHA-256, then AES-256-CBC. OpenSSL and cryptography read it.
"""

from __future__ import annotations

import base64
import hashlib
import os

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.algorithms import AES
from cryptography.hazmat.primitives.ciphers.modes import CBC
from cryptography.hazmat.primitives.padding import PKCS7
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

ROUNDS = 600_000
"""OWASP's figure for PBKDF2 with HMAC-SHA-256; about a third of a second."""

_PBES2 = bytes.fromhex("06092a864886f70d01050d")
_PBKDF2 = bytes.fromhex("06092a864886f70d01050c")
_HMAC_SHA256 = bytes.fromhex("06082a864886f70d0209")
_AES_256_CBC = bytes.fromhex("060960864801650304012a")
_NULL = b"\x05\x00"


def encrypted_pem(private: Ed25519PrivateKey, passphrase: bytes) -> bytes:
    """The key as an ``ENCRYPTED PRIVATE KEY`` in PEM."""
    plain = private.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption())
    salt, vector = os.urandom(16), os.urandom(16)
    key = hashlib.pbkdf2_hmac("sha256", passphrase, salt, ROUNDS, 32)
    padder = PKCS7(128).padder()
    encryptor = Cipher(AES(key), CBC(vector)).encryptor()
    sealed = encryptor.update(padder.update(plain) + padder.finalize()) + encryptor.finalize()
    derivation = _sequence(
        _PBKDF2, _sequence(_octets(salt), _der(0x02, ROUNDS.to_bytes(3, "big")), _sequence(_HMAC_SHA256, _NULL))
    )
    scheme = _sequence(_PBES2, _sequence(derivation, _sequence(_AES_256_CBC, _octets(vector))))
    text = base64.b64encode(_sequence(scheme, _octets(sealed)))
    rows = [text[start : start + 64] for start in range(0, len(text), 64)]
    begin, end = b"-----BEGIN ENCRYPTED PRIVATE KEY-----", b"-----END ENCRYPTED PRIVATE KEY-----"
    return b"\n".join([begin, *rows, end, b""])


def _der(tag: int, content: bytes) -> bytes:
    size = len(content)
    if size < 0x80:
        return bytes((tag, size)) + content
    octets = size.to_bytes((size.bit_length() + 7) // 8, "big")
    return bytes((tag, 0x80 | len(octets))) + octets + content


def _sequence(*members: bytes) -> bytes:
    return _der(0x30, b"".join(members))


def _octets(content: bytes) -> bytes:
    return _der(0x04, content)
