"""Bulk content that derives from a seed: the ordinary noise in which evidence hides."""

from __future__ import annotations

import hashlib
import random
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta

_PAGES = ("/", "/index.php", "/shop", "/shop/cart", "/assets/app.css", "/assets/app.js", "/login", "/api/items")
_AGENTS = (
    "Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0",
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/130.0 Safari/537.36",
    "kube-probe/1.30",
)


def content(kind: str, size: int, seed: str, end: int) -> bytes:
    """Exactly ``size`` bytes of ``kind``; a log's lines lead up to ``end`` (seconds since 1970)."""
    if kind == "noise":
        return hashlib.shake_256(seed.encode()).digest(size)
    lines = _LOGS[kind](random.Random(seed), end - 7 * 86400)  # noqa: S311 - repeatable, not secret
    parts: list[bytes] = []
    filled = 0
    while filled < size:
        line = next(lines).encode()
        parts.append(line)
        filled += len(line)
    return b"".join(parts)[:size]


def _moments(chance: random.Random, start: int) -> Iterator[datetime]:
    moment = datetime.fromtimestamp(start, UTC)
    while True:
        moment += timedelta(seconds=chance.random() * 3)
        yield moment


def _address(chance: random.Random) -> str:
    # TEST-NET-1 and TEST-NET-2 (RFC 5737): addresses that belong to nobody.
    return f"{chance.choice(('192.0.2', '198.51.100'))}.{chance.randrange(1, 255)}"


def _access(chance: random.Random, start: int) -> Iterator[str]:
    for moment in _moments(chance, start):
        stamp = moment.strftime("%d/%b/%Y:%H:%M:%S +0000")
        page, agent = chance.choice(_PAGES), chance.choice(_AGENTS)
        size = chance.randrange(200, 40000)
        yield f'{_address(chance)} - - [{stamp}] "GET {page} HTTP/1.1" 200 {size} "-" "{agent}"\n'


def _auth(chance: random.Random, start: int) -> Iterator[str]:
    for moment in _moments(chance, start):
        stamp = moment.strftime("%b %d %H:%M:%S")
        pid, port = chance.randrange(400, 32000), chance.randrange(1024, 65000)
        user = chance.choice(("root", "admin", "oracle", "test", "ubuntu"))
        yield (
            f"{stamp} host sshd[{pid}]: Failed password for invalid user {user} "
            f"from {_address(chance)} port {port} ssh2\n"
        )


_LOGS: dict[str, Callable[[random.Random, int], Iterator[str]]] = {"access-log": _access, "auth-log": _auth}
