"""A worker process as its transfer sees it: started, told, heard, ended."""

from __future__ import annotations

import asyncio
import os
import ssl
import sys
from asyncio.subprocess import DEVNULL, PIPE, Process
from collections.abc import AsyncIterator
from pathlib import Path

import msgspec

from app import faults
from app.transfer.protocol import LINE_CAP, News, Order, encode, read_news

_CA_FILES = (
    # where distributions keep the bundle: Debian, Fedora and RHEL, openSUSE, Alpine
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/ssl/ca-bundle.pem",
    "/etc/ssl/cert.pem",
)
_LOOPBACK = ("localhost", "127.0.0.1", "::1")


class WorkerProcess:
    """``slot`` numbers workers from 0. ``owned`` are the blocks handed to it that are not durable yet."""

    def __init__(self, slot: int, process: Process) -> None:
        self.slot = slot
        self.owned: dict[int, str] = {}
        self.wants = 0
        self._process = process

    @classmethod
    async def start(cls, slot: int, image_fd: int) -> WorkerProcess:
        """Start one. It gets the image's open file, three standard streams, and nothing else of ours.

        It dies with the thread that calls this (PR_SET_PDEATHSIG is about threads): the one that runs the loop.
        """
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-I",
            "-m",
            "app.transfer.worker",
            str(os.getpid()),
            stdin=PIPE,
            stdout=PIPE,
            stderr=DEVNULL,
            close_fds=True,
            pass_fds=(image_fd,),
            cwd="/",
            env={"LC_ALL": "C.UTF-8"},
            limit=LINE_CAP,
        )
        return cls(slot, process)

    @property
    def pid(self) -> int:
        return self._process.pid

    def tell(self, order: Order) -> None:
        """Send an order; a worker that is gone does not get it (its end is noticed by :meth:`news`)."""
        stdin = self._process.stdin
        if stdin is not None and not stdin.is_closing():
            stdin.write(encode(order))

    async def news(self) -> AsyncIterator[News]:
        """What it says, until it ends. Broken when it says something else."""
        stdout = self._process.stdout
        assert stdout is not None
        while True:
            try:
                line = await stdout.readline()
                if not line.endswith(b"\n"):  # the end; a line cut short was never said
                    return
                yield read_news(line)
            except (msgspec.MsgspecError, ValueError):
                raise faults.Broken(
                    "a transfer worker answered with something that is no message",
                    next="resume; if it happens again, look at the installation",
                ) from None

    def kill(self) -> None:
        """End it at once; no error if it is gone."""
        if self._process.returncode is None:
            try:
                self._process.kill()
            except ProcessLookupError:
                return

    def hang_up(self) -> None:
        """Close its stdin, upon which it ends."""
        if self._process.stdin is not None:
            self._process.stdin.close()

    async def ended(self) -> int:
        """Wait for its end, whatever it still says unheard; returns the exit status."""
        stdout = self._process.stdout
        while stdout is not None and await stdout.read(LINE_CAP):
            pass
        return await self._process.wait()


def system_ca() -> tuple[str | None, str | None]:
    """``(bundle file, directory)`` of the system's own certificate authorities, environment variables ignored.

    libcurl in a wheel knows no distribution's place, so it is told.
    """
    paths = ssl.get_default_verify_paths()
    for name in (paths.openssl_cafile, *_CA_FILES):
        if Path(name).is_file():
            return name, None
    return None, paths.openssl_capath if Path(paths.openssl_capath).is_dir() else None


def proxy_settings() -> tuple[str, str]:
    """``(proxy for https, hosts without proxy)`` as the environment names them, "" where it does not.

    Loopback, where the embedded clouds are, never goes through a proxy.
    """

    def first(*names: str) -> str:
        return next((os.environ[name] for name in names if os.environ.get(name)), "")

    direct = first("no_proxy", "NO_PROXY").strip()
    if direct != "*":  # libcurl knows the star only when it stands alone
        direct = ",".join(filter(None, [direct, *_LOOPBACK]))
    return first("https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"), direct
