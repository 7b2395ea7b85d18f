"""A real terminal for the UI: a pseudo terminal whose other end is this test."""

from __future__ import annotations

import fcntl
import os
import pty
import select
import struct
import termios
import threading
from types import TracebackType

from tests.e2e.processes import Process, gone
from tests.e2e.runner import PROGRAM, Jumpbag
from tests.e2e.waiting import until


class Terminal:
    """Runs ``jumpbag`` as the leader of a session on a terminal of 100×30; what it draws is kept."""

    def __init__(self, jumpbag: Jumpbag, *arguments: str) -> None:
        self._arguments = [str(PROGRAM), *arguments]
        self._env = jumpbag.env
        self._drawn = bytearray()
        self._master = -1
        self.process: Process

    def __enter__(self) -> Terminal:
        pid, master = pty.fork()
        if pid == 0:
            try:
                os.execve(self._arguments[0], self._arguments, self._env)
            finally:
                os._exit(127)
        self._pid, self._master = pid, master
        fcntl.ioctl(master, termios.TIOCSWINSZ, struct.pack("HHHH", 30, 100, 0, 0))
        self.process = Process.of(pid)
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.process.kill()
        self.reap()
        self.close()

    def _read(self) -> None:
        master = self._master
        while self._master >= 0:
            ready, _, _ = select.select([master], [], [], 0.1)
            if not ready or self._master < 0:
                continue
            try:
                chunk = os.read(master, 65536)
            except OSError:
                return  # the other side is closed
            if not chunk:
                return
            self._drawn += chunk

    @property
    def drawn(self) -> bytes:
        """Everything written to the terminal so far."""
        return bytes(self._drawn)

    def type(self, keys: str) -> None:
        os.write(self._master, keys.encode())

    def close(self) -> None:
        """The terminal window is closed, or the SSH connection is lost: the master end goes away."""
        master, self._master = self._master, -1
        if master >= 0:
            self._reader.join()
            os.close(master)

    def reap(self) -> None:
        """Collect the child once it has ended."""
        gone([self.process], within=10.0)
        until("the child is collected", self._collected, within=5.0)

    def _collected(self) -> bool:
        try:
            return os.waitpid(self._pid, os.WNOHANG)[0] == self._pid
        except ChildProcessError:
            return True
