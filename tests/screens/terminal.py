"""A child process on a pseudo terminal, and everything it writes there."""

from __future__ import annotations

import fcntl
import os
import pty
import re
import select
import signal
import struct
import subprocess
import sys
import termios
import time
from collections.abc import Mapping
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
CSI = re.compile(rb"\x1b\[[0-9;:?<>=! $]*[@-~]")


class Terminal:
    """Runs ``python -m module arguments`` with a terminal of that size."""

    def __init__(
        self, module: str, *arguments: str, size: tuple[int, int] = (132, 40), env: Mapping[str, str] = {}
    ):
        self._master, slave = pty.openpty()
        columns, lines = size
        fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", lines, columns, 0, 0))
        clean = {
            key: value
            for key, value in os.environ.items()
            if key not in ("NO_COLOR", "COLORTERM", "COLUMNS", "LINES")
        }
        self.process = subprocess.Popen(
            [sys.executable, "-m", module, *arguments],
            stdin=slave,
            stdout=slave,
            stderr=slave,
            cwd=ROOT,
            close_fds=True,
            start_new_session=True,
            env={**clean, "TERM": "xterm-256color", "LANG": "C.UTF-8", **env},
            preexec_fn=_take_terminal,
        )
        os.close(slave)
        self.written = b""

    def read_until(self, words: str, seconds: float = 30) -> None:
        """Read until ``words`` were written since the last :meth:`send`; fails with what was written."""
        deadline = time.monotonic() + seconds
        while words.encode() not in self._since:
            if time.monotonic() > deadline or not self._read(0.1):
                raise AssertionError(f"{words!r} was not written:\n{self._since[-4000:]!r}")

    def read_quiet(self, quiet: float = 0.3, seconds: float = 20) -> None:
        """Read until nothing came for a while."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            before = len(self.written)
            if not self._read(quiet) or len(self.written) == before:
                return

    def send(self, keys: str) -> None:
        self.send_bytes(keys.encode())

    def send_bytes(self, data: bytes) -> None:
        self._mark = len(self.written)
        os.write(self._master, data)

    def resize(self, columns: int, lines: int) -> None:
        """The window has another size; the kernel tells the child."""
        fcntl.ioctl(self._master, termios.TIOCSWINSZ, struct.pack("HHHH", lines, columns, 0, 0))

    def hang_up(self) -> None:
        """The terminal goes away, as when an SSH connection drops."""
        os.close(self._master)
        self._master = -1

    def end(self, seconds: float = 20) -> int:
        """Read what is still written, until the child has ended; its exit code."""
        deadline = time.monotonic() + seconds
        while self._read(0.1):
            if time.monotonic() > deadline:
                raise AssertionError(f"it did not end:\n{self._since[-4000:]!r}")
        return self.wait(seconds)

    def wait(self, seconds: float = 20) -> int:
        return self.process.wait(seconds)

    def close(self) -> None:
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGKILL)
            self.process.wait(10)
        if self._master >= 0:
            os.close(self._master)

    _mark = 0

    @property
    def _since(self) -> bytes:
        return CSI.sub(b"", self.written[self._mark :])

    def _read(self, seconds: float) -> bool:
        ready, _, _ = select.select([self._master], [], [], seconds)
        if not ready:
            return True
        try:
            piece = os.read(self._master, 65536)
        except OSError:  # EIO: the child is gone
            return False
        self.written += piece
        return bool(piece)


def _take_terminal() -> None:
    fcntl.ioctl(0, termios.TIOCSCTTY, 0)
