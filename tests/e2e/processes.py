"""Processes as /proc shows them: who lives, whose child it is, what it was started with."""

from __future__ import annotations

import os
import signal
from dataclasses import dataclass
from pathlib import Path

from tests.e2e.waiting import until


@dataclass(frozen=True)
class Process:
    """One process; ``began`` (clock ticks since boot) tells it from a later one of the same number."""

    pid: int
    began: str

    @classmethod
    def of(cls, pid: int) -> Process:
        """The process of that number; AssertionError if there is none."""
        fields = _stat(pid)
        assert fields is not None, f"there is no process {pid}"
        return cls(pid, fields[19])

    @property
    def alive(self) -> bool:
        """Whether it still runs; a zombie does not."""
        fields = _stat(self.pid)
        return fields is not None and fields[19] == self.began and fields[0] not in ("Z", "X")

    def kill(self) -> None:
        """SIGKILL, to this very process."""
        if self.alive:
            os.kill(self.pid, signal.SIGKILL)

    def children(self) -> list[Process]:
        """Its living descendants, nearest first."""
        parents: dict[int, list[int]] = {}
        for pid in _pids():
            fields = _stat(pid)
            if fields is not None and fields[0] not in ("Z", "X"):
                parents.setdefault(int(fields[1]), []).append(pid)
        found: list[Process] = []
        waiting = [self.pid]
        while waiting:
            for child in parents.get(waiting.pop(0), []):
                waiting.append(child)
                found.append(Process.of(child))
        return found

    def arguments(self) -> bytes:
        return _read(self.pid, "cmdline")

    def environment(self) -> bytes:
        return _read(self.pid, "environ")


def naming(text: str) -> list[Process]:
    """Living processes that have ``text`` among their arguments."""
    wanted = os.fsencode(text)
    found = []
    for pid in _pids():
        fields = _stat(pid)
        if pid != os.getpid() and fields and fields[0] not in ("Z", "X") and wanted in _read(pid, "cmdline"):
            found.append(Process(pid, fields[19]))
    return found


def gone(processes: list[Process], within: float = 2.0) -> None:
    """Fails unless all of them end in time."""
    until(f"{processes} end", lambda: not any(process.alive for process in processes), within=within)


def _pids() -> list[int]:
    return [int(entry.name) for entry in Path("/proc").iterdir() if entry.name.isdigit()]


def _read(pid: int, name: str) -> bytes:
    try:
        return Path("/proc", str(pid), name).read_bytes()
    except OSError:
        return b""


def _stat(pid: int) -> list[str] | None:
    """The fields of proc_pid_stat(5) from the third on: state, parent, …; the 20th is the start time."""
    text = _read(pid, "stat").decode("utf-8", "replace")
    return text.rpartition(")")[2].split() or None
