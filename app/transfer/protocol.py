"""What a transfer and its workers say to each other: one JSON object a line, over the worker's stdin and stdout.

Orders go down (the lease's secret among them: it travels nowhere else), news comes up.
"""

from __future__ import annotations

import msgspec

from app.ports import FetchSpec
from app.transfer.limits import Limits

LINE_CAP = 4 * 1024 * 1024
"""Longest line in bytes that either side reads."""


class Start(msgspec.Struct, frozen=True, kw_only=True, tag="start"):
    """The first order. ``image_fd`` is the inherited descriptor of the image, which carries its lock.

    ``proxy`` may hold a password, which is why it comes this way and not through the environment.
    """

    image_fd: int
    size_bytes: int
    block_size: int
    spec: FetchSpec
    limits: Limits
    rate: float
    ca_file: str | None
    ca_path: str | None
    proxy: str
    no_proxy: str

    def __repr__(self) -> str:
        return "Start(…)"


class Lease(msgspec.Struct, frozen=True, kw_only=True, tag="lease"):
    """A credential to sign with from now on."""

    lease: str
    secret: dict[str, str]

    def __repr__(self) -> str:
        return f"Lease({self.lease!r}, …)"


class Run(msgspec.Struct, frozen=True, tag="run"):
    """Blocks to fetch: ``(index, token)``, ascending."""

    blocks: list[tuple[int, str]]


class Stop(msgspec.Struct, frozen=True, tag="stop"):
    """Drop what is in flight, make durable and report what was written, and end."""


Order = Start | Lease | Run | Stop


class Want(msgspec.Struct, frozen=True, tag="want"):
    """The worker could take that many blocks more."""

    blocks: int


class Report(msgspec.Struct, frozen=True, kw_only=True, tag="report"):
    """What happened under one lease since the last report of it.

    ``done`` are durable blocks: ``(index, SHA-256 in hex of the block as it is in the image, wholly zero)``.
    ``first`` and ``last`` are ``(CLOCK_MONOTONIC seconds, request id)`` of the first and last answer.
    """

    lease: str
    done: list[tuple[int, str, bool]] = []
    retries: int = 0
    throttled: int = 0
    first: tuple[float, str] | None = None
    last: tuple[float, str] | None = None


class Left(msgspec.Struct, frozen=True, tag="left"):
    """Nothing signed with that lease is in flight here any more, and all that it fetched was reported."""

    lease: str


class Expired(msgspec.Struct, frozen=True, kw_only=True, tag="expired"):
    """The cloud refused that lease; the worker holds what it has until it is handed another."""

    lease: str
    provider_code: str = ""
    request_id: str | None = None


class Relist(msgspec.Struct, frozen=True, tag="relist"):
    """The token of this block is not accepted any more; the worker gave the block back."""

    index: int


class Failed(msgspec.Struct, frozen=True, kw_only=True, tag="failed"):
    """A block that could not be had; ``code`` is one of :mod:`app.faults`. The worker does nothing more."""

    index: int | None
    code: str
    message: str
    provider_code: str = ""
    request_id: str | None = None


News = Want | Report | Left | Expired | Relist | Failed

_encoder = msgspec.json.Encoder()
_orders: msgspec.json.Decoder[Order] = msgspec.json.Decoder(Order)
_news: msgspec.json.Decoder[News] = msgspec.json.Decoder(News)


def encode(message: Order | News) -> bytes:
    """One line, its LF included."""
    return _encoder.encode(message) + b"\n"


def read_order(line: bytes) -> Order:
    """msgspec.MsgspecError if it is none."""
    return _orders.decode(line)


def read_news(line: bytes) -> News:
    """msgspec.MsgspecError if it is none."""
    return _news.decode(line)
