"""Looking at worker processes through /proc."""

from __future__ import annotations

from pathlib import Path


def workers_of(parent: int) -> list[int]:
    """Process ids of the live transfer workers whose parent that is."""
    return [pid for pid in _pids() if _parent(pid) == parent and b"app.transfer.worker" in read(pid, "cmdline")]


def alive(pid: int) -> bool:
    """Whether that process still runs; a zombie does not."""
    fields = _stat(pid)
    return bool(fields) and fields[0] != "Z"


def read(pid: int, name: str) -> bytes:
    """A file of /proc/PID, empty when the process is gone."""
    try:
        return Path(f"/proc/{pid}/{name}").read_bytes()
    except OSError:
        return b""


def _pids() -> list[int]:
    return [int(entry.name) for entry in Path("/proc").iterdir() if entry.name.isdigit()]


def _stat(pid: int) -> list[str]:
    """The fields after the command's name: state, parent, …"""
    return read(pid, "stat").decode("utf-8", "replace").rpartition(")")[2].split()


def _parent(pid: int) -> int:
    fields = _stat(pid)
    return int(fields[1]) if fields and fields[0] != "Z" else -1
