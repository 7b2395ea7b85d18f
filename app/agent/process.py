"""What makes the agent a process of its own: hardened, detached, alone."""

from __future__ import annotations

import ctypes
import fcntl
import getpass
import logging
import os
import resource
from pathlib import Path

from app.faults import AgentGone

_PR_SET_DUMPABLE = 4  # prctl(2)


def harden() -> None:
    """No core dump, not readable by other processes of the user, files for the owner only, cwd ``/``."""
    os.umask(0o077)
    os.chdir("/")
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    libc = ctypes.CDLL(None, use_errno=True)
    libc.prctl(_PR_SET_DUMPABLE, 0, 0, 0, 0)


def alone(lock: Path) -> int:
    """Take the lock that makes this the case's only agent; the descriptor stays open for life.

    AgentGone when another agent holds it.
    """
    descriptor = os.open(lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(descriptor)
        raise AgentGone("another agent works on this case", next="it will be used") from None
    return descriptor


def survives_logout() -> bool:
    """Whether this agent outlives its user's last session.

    Without systemd-logind nothing ends it. With it, a process outside every session scope lives on if the
    user lingers (loginctl(1)); one inside a session scope lives on unless KillUserProcesses is set
    (logind.conf(5)).
    """
    if not Path("/run/systemd/system").exists():  # sd_booted(3)
        return True
    user = getpass.getuser()
    if Path("/var/lib/systemd/linger", user).exists():
        return True
    try:
        group = Path("/proc/self/cgroup").read_text("utf-8")
    except OSError:
        return False
    if "session-" in group:
        return not kill_user_processes()
    return False


def kill_user_processes(root: Path = Path("/")) -> bool:
    """What logind.conf says of KillUserProcesses; its default is no on Debian, yes upstream."""
    value = None
    files = [root / "etc/systemd/logind.conf", *sorted((root / "etc/systemd/logind.conf.d").glob("*.conf"))]
    for file in files:
        try:
            lines = file.read_text("utf-8").splitlines()
        except OSError:
            continue
        for line in lines:
            if line.startswith("KillUserProcesses="):
                value = line.partition("=")[2].strip().lower()
    return value in ("yes", "true", "1", "on") if value is not None else not Path("/etc/debian_version").exists()


def log_to(file: Path) -> None:
    """The agent's own log: warnings and errors of jumpbag, never of an SDK (those could name secrets)."""
    handler = logging.FileHandler(file, encoding="utf-8", delay=True)
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(name)s %(message)s"))
    logger = logging.getLogger("jumpbag")
    logger.addHandler(handler)
    logger.setLevel(logging.INFO)
    logger.propagate = False
    logging.getLogger().addHandler(logging.NullHandler())
    logging.lastResort = None
