"""A real terminal: tmux on a socket of its own, driven by keys, read as text."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import time
import uuid
from pathlib import Path
from types import TracebackType

from tests.tools import need


class Terminal:
    """One window of ``columns`` × ``lines`` that runs a command, then a shell's last word."""

    def __init__(self, command: list[str], environment: dict[str, str], columns: int, lines: int) -> None:
        self._tmux = need("tmux", "tmux")
        self._name = f"jumpbag-test-{uuid.uuid4().hex[:8]}"
        settings = " ".join(f"{name}={shlex.quote(value)}" for name, value in environment.items())
        told = f"env -i {settings} {shlex.join(command)}; echo EXIT=$?; exec sleep 600"
        self._run("new-session", "-d", "-x", str(columns), "-y", str(lines), told)

    def _run(self, *arguments: str) -> str:
        done = subprocess.run(
            [self._tmux, "-L", self._name, "-f", os.devnull, *arguments],
            capture_output=True,
            text=True,
            check=True,
        )
        return done.stdout

    def keys(self, *keys: str) -> None:
        """Press keys, by tmux's names."""
        for key in keys:
            self._run("send-keys", key)

    def write(self, text: str) -> None:
        self._run("send-keys", "-l", text)

    def screen(self) -> str:
        return self._run("capture-pane", "-p")

    def painted(self) -> str:
        """The screen with its colours, as the escape sequences of a terminal."""
        return self._run("capture-pane", "-e", "-p")

    def until(self, *wanted: str, seconds: float = 30.0) -> str:
        """The screen once it shows all of that; the last screen is in the failure."""
        return self.until_like(*map(re.escape, wanted), seconds=seconds)

    def until_like(self, *wanted: str, seconds: float = 30.0) -> str:
        """The same with regular expressions."""
        end = time.monotonic() + seconds
        while True:
            seen = self.screen()
            if all(re.search(text, seen) for text in wanted):
                return seen
            assert time.monotonic() < end, f"never saw {wanted} in:\n{seen}"
            time.sleep(0.1)

    def resize(self, columns: int, lines: int) -> None:
        self._run("resize-window", "-x", str(columns), "-y", str(lines))

    def __enter__(self) -> Terminal:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        subprocess.run([self._tmux, "-L", self._name, "kill-server"], capture_output=True, check=False)


def environment(home: Path) -> dict[str, str]:
    """What a login would set, in a home of its own."""
    return {
        "HOME": str(home),
        "PATH": os.environ["PATH"] + ":/usr/sbin:/sbin",
        "TERM": "xterm-256color",
        "LANG": "C.UTF-8",
    }
