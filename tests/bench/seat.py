"""A UI process on a pseudo terminal: keys go in, bytes come out, and each piece has the moment it was read."""

from __future__ import annotations

import fcntl
import os
import pty
import select
import signal
import struct
import subprocess
import termios
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.bench.glass import Glass

ROOT = Path(__file__).resolve().parents[2]
SIZE = (132, 40)
KEYS = {"PgDn": "\x1b[6~", "PgUp": "\x1b[5~", "Tab": "\t", "Enter": "\r", "Esc": "\x1b"}
_ASKED, _ANSWER = b"\x1b[?2026$p", b"\x1b[?2026;2$y"  # synchronized output, which terminals of today know
_TICKS = os.sysconf("SC_CLK_TCK")


class NotMeasured(Exception):
    """What was waited for did not come."""


@dataclass(frozen=True, slots=True)
class Stroke:
    """Seconds from the key to the first byte, and to what it was pressed for."""

    first: float
    seen: float


class Seat:
    """Runs a command; use it as a context."""

    def __init__(self, command: Sequence[str], env: Mapping[str, str]) -> None:
        self.glass = Glass(*SIZE)
        self.read = 0
        self._pieces: deque[tuple[float, bytes]] = deque()
        self._master, slave = pty.openpty()
        fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", SIZE[1], SIZE[0], 0, 0))
        self.began = time.monotonic()
        self.process = subprocess.Popen(
            command,
            stdin=slave,
            stdout=slave,
            stderr=slave,
            cwd=ROOT,
            env=dict(env),
            start_new_session=True,
            preexec_fn=_take_terminal,
        )
        os.close(slave)

    def __enter__(self) -> Seat:
        return self

    def __exit__(self, *_: object) -> None:
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGKILL)
        self.process.wait(10)
        os.close(self._master)

    # Time

    def until(self, seen: Callable[[Glass], object], what: str, seconds: float = 20.0) -> float:
        """When the screen first satisfied ``seen``; NotMeasured with the screen if it never does."""
        end = time.monotonic() + seconds
        if seen(self.glass):
            return time.monotonic()
        while time.monotonic() < end:
            at = self._next(min(0.2, max(0.0, end - time.monotonic())))
            if at is not None and seen(self.glass):
                return at
        raise NotMeasured(f"in {seconds:.0f} s there was no {what}; the screen:\n{self.glass.shown}")

    def sees(self, words: str, seconds: float = 20.0) -> float:
        """When ``words`` stood on the screen."""
        return self.until(lambda glass: words in glass.text, words, seconds)

    def watch(self, seconds: float) -> None:
        """Read for so long."""
        end = time.monotonic() + seconds
        while self._next(max(0.0, end - time.monotonic())) is not None or time.monotonic() < end:
            pass

    def press(self, key: str, seen: Callable[[Glass], object] | None = None, seconds: float = 10.0) -> Stroke:
        """Press a key; until its first byte where ``seen`` is None."""
        self.watch(0.0)
        began = time.monotonic()
        os.write(self._master, KEYS.get(key, key).encode())
        end, first = began + seconds, None
        while time.monotonic() < end:
            at = self._next(0.2)
            if at is not None:
                first = first or at
                if seen is None or seen(self.glass):
                    return Stroke(first - began, at - began)
        raise NotMeasured(
            f"{seconds:.0f} s after the key {key} nothing came of it; the screen:\n{self.glass.shown}"
        )

    def quiet(self, still: float = 0.25, seconds: float = 10.0) -> None:
        """Read until nothing came for a while."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            before = self.read
            self.watch(still)
            if self.read == before:
                return

    def _next(self, seconds: float) -> float | None:
        """Put the next piece on the glass; when it was read, None if none came for so long."""
        if not self._pieces:
            self._collect(seconds)
        if not self._pieces:
            return None
        at, piece = self._pieces.popleft()
        self.glass.feed(piece)
        return at

    def _collect(self, seconds: float) -> None:
        """Read all that is there before any of it is looked at: looking takes time."""
        while select.select([self._master], [], [], 0.0 if self._pieces else seconds)[0]:
            try:
                piece = os.read(self._master, 65536)
            except OSError:  # EIO: the other end is closed
                piece = b""
            if not piece:
                if self._pieces:
                    return
                raise NotMeasured(f"the screens ended by themselves; what stood there:\n{self.glass.shown}")
            self._pieces.append((time.monotonic(), piece))
            self.read += len(piece)
            if _ASKED in piece:
                os.write(self._master, _ANSWER)

    # The process

    def cpu(self) -> float:
        """Seconds of processor time that it has used."""
        fields = Path(f"/proc/{self.process.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / _TICKS

    def memory(self) -> tuple[float, float]:
        """Resident and proportional set size, in MB (10**6 bytes)."""
        rss = _kib(Path(f"/proc/{self.process.pid}/status"), "VmRSS:")
        pss = _kib(Path(f"/proc/{self.process.pid}/smaps_rollup"), "Pss:")
        return rss * 1024 / 1e6, pss * 1024 / 1e6

    def leave(self) -> None:
        """``q``, and wait for the end."""
        os.write(self._master, b"q")
        end = time.monotonic() + 10
        while self.process.poll() is None and time.monotonic() < end:
            try:
                self.watch(0.05)
            except NotMeasured:
                break
        self.process.wait(10)


def _kib(file: Path, name: str) -> int:
    return next(int(line.split()[1]) for line in file.read_text().splitlines() if line.startswith(name))


def _take_terminal() -> None:
    fcntl.ioctl(0, termios.TIOCSCTTY, 0)
