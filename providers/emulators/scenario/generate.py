"""Bulk content that derives from a seed: the ordinary noise in which evidence hides."""

from __future__ import annotations

import hashlib
import random
from collections.abc import Callable
from datetime import UTC, datetime

_PAGES = ("/", "/index.php", "/shop", "/shop/cart", "/assets/app.css", "/assets/app.js", "/login", "/api/items")
_AGENTS = (
    "Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0",
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/130.0 Safari/537.36",
    "kube-probe/1.30",
)


def content(kind: str, size: int, seed: str, end: int, host: str) -> bytes:
    """Exactly ``size`` bytes of ``kind``; a log's lines of ``host`` lead up to ``end`` (seconds since 1970)."""
    if kind == "noise":
        return hashlib.shake_256(seed.encode()).digest(size)
    chance = random.Random(seed)  # noqa: S311 - repeatable, not secret
    # The lines are spread so that the last of them is about the log's own time.
    count = max(1, size // _LINE[kind])
    span = _WEEK / count
    parts: list[bytes] = []
    filled = 0
    moment = float(end - _WEEK)
    while filled < size:
        line = _LOGS[kind](chance, datetime.fromtimestamp(min(moment, end), UTC), host).encode()
        moment += span * 2 * chance.random()
        parts.append(line)
        filled += len(line)
    return b"".join(parts)[:size]


def _address(chance: random.Random) -> str:
    # TEST-NET-1 and TEST-NET-2 (RFC 5737): addresses that belong to nobody.
    return f"{chance.choice(('192.0.2', '198.51.100'))}.{chance.randrange(1, 255)}"


def _access(chance: random.Random, moment: datetime, host: str) -> str:
    stamp = moment.strftime("%d/%b/%Y:%H:%M:%S +0000")
    page, agent = chance.choice(_PAGES), chance.choice(_AGENTS)
    size = chance.randrange(200, 40000)
    return f'{_address(chance)} - - [{stamp}] "GET {page} HTTP/1.1" 200 {size} "-" "{agent}"\n'


def _auth(chance: random.Random, moment: datetime, host: str) -> str:
    stamp = moment.strftime("%b %d %H:%M:%S")
    pid, port = chance.randrange(400, 32000), chance.randrange(1024, 65000)
    user = chance.choice(("root", "admin", "oracle", "test", "ubuntu"))
    return (
        f"{stamp} {host} sshd[{pid}]: Failed password for invalid user {user} "
        f"from {_address(chance)} port {port} ssh2\n"
    )


_LOGS: dict[str, Callable[[random.Random, datetime, str], str]] = {"access-log": _access, "auth-log": _auth}
# About the length of a line, for spreading lines over the week before the log's own time.
_LINE = {"access-log": 155, "auth-log": 106}
_WEEK = 7 * 86400
