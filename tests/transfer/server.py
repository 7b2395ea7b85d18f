"""A small block server over TLS that answers as EBS direct does (GetSnapshotBlock), with faults to switch on.

It checks SigV4 itself, written from the reference ("Create a signed AWS API request"), so that a worker that signs
with the wrong secret is refused. Source of the shapes: EBS direct API reference, GetSnapshotBlock and errors.
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
import ssl
import threading
from collections import Counter
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from ipaddress import IPv4Address
from pathlib import Path
from urllib.parse import quote, unquote

from aiohttp import web
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

REGION = "eu-west-1"
SNAPSHOT = "snap-0a1b2c3d"


def make_authority(directory: Path) -> tuple[Path, Path]:
    """A CA and a certificate for 127.0.0.1 signed by it; returns (CA bundle, certificate with key)."""
    now = datetime.now(UTC)

    def name(text: str) -> x509.Name:
        return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])

    def certificate(
        subject: str, key: ec.EllipticCurvePrivateKey, extension: x509.ExtensionType
    ) -> x509.CertificateBuilder:
        return (
            x509.CertificateBuilder()
            .subject_name(name(subject))
            .issuer_name(name("test authority"))
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - timedelta(hours=1))
            .not_valid_after(now + timedelta(hours=6))
            .add_extension(extension, critical=isinstance(extension, x509.BasicConstraints))
        )

    ca_key = ec.generate_private_key(ec.SECP256R1())
    ca = certificate("test authority", ca_key, x509.BasicConstraints(ca=True, path_length=0)).sign(
        ca_key, hashes.SHA256()
    )
    key = ec.generate_private_key(ec.SECP256R1())
    leaf = certificate(
        "127.0.0.1", key, x509.SubjectAlternativeName([x509.IPAddress(IPv4Address("127.0.0.1"))])
    ).sign(ca_key, hashes.SHA256())
    bundle, pair = directory / "ca.pem", directory / "server.pem"
    bundle.write_bytes(ca.public_bytes(serialization.Encoding.PEM))
    pair.write_bytes(
        leaf.public_bytes(serialization.Encoding.PEM)
        + key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
    )
    return bundle, pair


@dataclass
class Faults:
    """Switchable while the server runs. Sets hold block indexes."""

    corrupt: set[int] = field(default_factory=set)
    wrong_length: set[int] = field(default_factory=set)
    huge: set[int] = field(default_factory=set)
    redirect: set[int] = field(default_factory=set)
    surplus: set[int] = field(default_factory=set)  # a whole block although the disk ends in it, not zero there
    drop: set[int] = field(default_factory=set)  # the connection, once each, half way through the block
    hold: set[int] = field(default_factory=set)  # no answer until taken out
    denied: set[int] = field(default_factory=set)
    unavailable: set[int] = field(default_factory=set)
    throttle_every: int = 0  # every n-th request
    throttle_all: bool = False
    expired: set[str] = field(default_factory=set)  # access keys


@dataclass
class Seen:
    """One request. ``served`` says that the block went out."""

    index: int
    key: str
    request_id: str
    served: bool


class BlockServer:
    """Serves ``blocks`` (index to bytes) of one snapshot on 127.0.0.1, in a thread of its own."""

    def __init__(self, pair: Path, blocks: dict[int, bytes], size: int, block_size: int) -> None:
        self.blocks = blocks
        self.size = size
        self.block_size = block_size
        self.faults = Faults()
        self.secrets: dict[str, tuple[str, str]] = {}  # access key: (secret key, session token)
        self.seen: list[Seen] = []
        self.generation = 1  # of tokens; older ones are refused
        self.connections = 0
        self.port = 0
        self._pair = pair
        self._ready = threading.Event()
        self._loop = asyncio.new_event_loop()
        self._stop: asyncio.Event | None = None
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self) -> BlockServer:
        self._thread.start()
        assert self._ready.wait(10)
        return self

    def __exit__(self, *_: object) -> None:
        self.faults.hold.clear()
        assert self._stop is not None
        self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join(10)

    def token(self, index: int) -> str:
        """The block token of this generation; base64 with characters that need escaping in a query."""
        return base64.b64encode(f"{self.generation}??>>{index}".encode()).decode()

    def served(self) -> Counter[int]:
        """How often each block went out."""
        return Counter(seen.index for seen in self.seen if seen.served)

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        self._loop.run_until_complete(self._serve())
        self._loop.close()

    async def _serve(self) -> None:
        self._stop = asyncio.Event()
        app = web.Application()
        app.router.add_get("/snapshots/{snapshot}/blocks/{index}", self._block)
        runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
        await runner.setup()
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.load_cert_chain(self._pair)
        site = web.TCPSite(runner, "127.0.0.1", 0, ssl_context=context)
        await site.start()
        self.port = runner.addresses[0][1]
        self._ready.set()
        await self._stop.wait()
        await runner.cleanup()

    async def _block(self, request: web.Request) -> web.StreamResponse:
        index = int(request.match_info["index"])
        request_id = f"r-{len(self.seen):06d}"
        key = self._signer(request)
        seen = Seen(index, key or "", request_id, served=False)
        self.seen.append(seen)
        answer = self._refuse(request, index, key, request_id)
        if answer is not None:
            return answer
        while index in self.faults.hold:  # noqa: ASYNC110 - switched from another thread
            await asyncio.sleep(0.01)
        if index in self.faults.drop:
            self.faults.drop.discard(index)
            return await self._half(request, index)
        seen.served = True
        return self._answer(index, request_id)

    async def _half(self, request: web.Request, index: int) -> web.StreamResponse:
        """Half a block, then the connection is gone."""
        answer = web.StreamResponse()
        answer.content_length = self.block_size
        await answer.prepare(request)
        await answer.write(self.blocks[index][: self.block_size // 2])
        if request.transport is not None:
            request.transport.abort()
        return answer

    def _refuse(self, request: web.Request, index: int, key: str | None, request_id: str) -> web.Response | None:
        faults = self.faults
        if key is None:
            return _error(403, "InvalidSignatureException", "", request_id)
        if key in faults.expired:
            return _error(403, "ExpiredTokenException", "", request_id)
        if faults.throttle_all or (faults.throttle_every and len(self.seen) % faults.throttle_every == 0):
            return _error(400, "RequestThrottledException", "ACCOUNT_THROTTLED", request_id)
        if index in faults.denied:
            return _error(403, "AccessDeniedException", "UNAUTHORIZED_ACCOUNT", request_id)
        if index in faults.unavailable:
            return _error(500, "InternalServerException", "", request_id)
        if index in faults.redirect:
            return web.Response(status=302, headers={"Location": "https://127.0.0.1:1/elsewhere"})
        if request.match_info["snapshot"] != SNAPSHOT or index not in self.blocks:
            return _error(404, "ResourceNotFoundException", "SNAPSHOT_NOT_FOUND", request_id)
        if request.query.get("blockToken") != self.token(index):
            return _error(400, "ValidationException", "INVALID_BLOCK_TOKEN", request_id)
        return None

    def _answer(self, index: int, request_id: str) -> web.Response:
        faults = self.faults
        body = self.blocks[index].ljust(self.block_size, b"\x01" if index in faults.surplus else b"\0")
        digest = hashlib.sha256(body).digest()
        if index in faults.corrupt:
            body = bytes([body[0] ^ 1]) + body[1:]
        if index in faults.wrong_length:
            body = body[:-1]
            digest = hashlib.sha256(body).digest()
        if index in faults.huge:
            body = body * 3
        headers = {
            "x-amz-Checksum": base64.b64encode(digest).decode(),
            "x-amz-Checksum-Algorithm": "SHA256",
            "x-amz-Data-Length": str(len(body)),
            "x-amzn-RequestId": request_id,
        }
        return web.Response(body=body, headers=headers)

    def _signer(self, request: web.Request) -> str | None:
        """The access key that signed the request, None if the signature does not hold."""
        fields = dict(
            part.strip().split("=", 1)
            for part in request.headers.get("Authorization", "").removeprefix("AWS4-HMAC-SHA256").split(",")
            if "=" in part
        )
        key, date, region, service, _end = fields.get("Credential", "////").split("/")
        secret, session = self.secrets.get(key, ("", ""))
        if not secret or request.headers.get("x-amz-security-token") != session:
            return None
        path, _, query = request.raw_path.partition("?")
        pairs = sorted(tuple(pair.partition("=")[::2]) for pair in query.split("&") if pair)
        canonical_query = "&".join(f"{_escape(name)}={_escape(value)}" for name, value in pairs)
        signed = fields["SignedHeaders"].split(";")
        canonical = "\n".join(
            [
                "GET",
                path,
                canonical_query,
                *(f"{name}:{' '.join(request.headers[name].split())}" for name in signed),
                "",
                fields["SignedHeaders"],
                hashlib.sha256(b"").hexdigest(),
            ]
        )
        scope = f"{date}/{region}/{service}/aws4_request"
        digest = hashlib.sha256(canonical.encode()).hexdigest()
        to_sign = "\n".join(["AWS4-HMAC-SHA256", request.headers["x-amz-date"], scope, digest])
        signing = f"AWS4{secret}".encode()
        for part in (date, region, service, "aws4_request"):
            signing = hmac.new(signing, part.encode(), hashlib.sha256).digest()
        expected = hmac.new(signing, to_sign.encode(), hashlib.sha256).hexdigest()
        return key if hmac.compare_digest(expected, fields["Signature"]) and region == REGION else None


def _escape(text: str) -> str:
    return quote(unquote(text), safe="-_.~")


def _error(status: int, code: str, reason: str, request_id: str) -> web.Response:
    body = {"Message": "refused"} | ({"Reason": reason} if reason else {})
    return web.json_response(
        body, status=status, headers={"x-amzn-ErrorType": f"{code}:", "x-amzn-RequestId": request_id}
    )
