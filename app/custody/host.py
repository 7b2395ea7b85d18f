"""Where and when an event happened: the machine, its boot, its clocks."""

from __future__ import annotations

import ctypes
import ctypes.util
import hashlib
import os
import platform
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

_TIME_ERROR = 5  # adjtimex(2): what it returns while the clock is not synchronised
_STA_UNSYNC = 0x0040
_BOOT_ID = Path("/proc/sys/kernel/random/boot_id")
_MACHINE_IDS = (Path("/etc/machine-id"), Path("/var/lib/dbus/machine-id"))


@dataclass(frozen=True, slots=True)
class Host:
    """The member ``host``: ``machine_id_hash`` is hex SHA-256 of the text of ``/etc/machine-id``.

    ``ssh_client`` is the address that the SSH session came from, None without one.
    """

    name: str
    machine_id_hash: str
    uid: int
    ssh_client: str | None

    @classmethod
    def here(cls, environ: Mapping[str, str] | None = None) -> Host:
        """This machine, seen from this process."""
        connection = (os.environ if environ is None else environ).get("SSH_CONNECTION", "").split()
        return cls(
            name=platform.node() or "localhost",
            machine_id_hash=_machine_id_hash(),
            uid=os.getuid(),
            ssh_client=connection[0] if connection else None,
        )

    def member(self) -> dict[str, Any]:
        """As it stands in an event."""
        return {
            "name": self.name,
            "machine_id_hash": self.machine_id_hash,
            "uid": self.uid,
            "ssh_client": self.ssh_client,
        }


def _machine_id_hash() -> str:
    for path in _MACHINE_IDS:
        try:
            return hashlib.sha256(path.read_bytes()).hexdigest()
        except OSError:
            continue
    return hashlib.sha256(b"").hexdigest()


@cache
def boot_id() -> str:
    """The kernel's id of this boot, or "unknown"."""
    try:
        return _BOOT_ID.read_text("ascii").strip() or "unknown"
    except (OSError, UnicodeDecodeError):
        return "unknown"


@cache
def tool() -> dict[str, str]:
    """The member ``tool``."""
    try:
        ours = version("jumpbag")
    except PackageNotFoundError:
        ours = "0"
    return {"name": "jumpbag", "version": ours, "python": platform.python_version()}


class _Timex(ctypes.Structure):
    """``struct timex`` of adjtimex(2), Linux with 64-bit or native longs; padded beyond what is read."""

    _fields_ = (
        ("modes", ctypes.c_uint),
        ("offset", ctypes.c_long),
        ("freq", ctypes.c_long),
        ("maxerror", ctypes.c_long),
        ("esterror", ctypes.c_long),
        ("status", ctypes.c_int),
        ("rest", ctypes.c_byte * 256),
    )


@cache
def _libc() -> ctypes.CDLL | None:
    try:
        libc = ctypes.CDLL(None, use_errno=True)
        libc.adjtimex.argtypes = (ctypes.POINTER(_Timex),)
        libc.adjtimex.restype = ctypes.c_int
    except (OSError, AttributeError):
        return None
    return libc


def clock_state() -> dict[str, Any]:
    """The member ``clk``: whether the kernel holds its clock synchronised, and the largest error in µs.

    Where the kernel cannot be asked the clock counts as not synchronised, the error as unknown (None).
    """
    libc = _libc()
    if libc is None:
        return {"sync": False, "max_err_us": None}
    state = _Timex()  # modes 0: read only
    answer = libc.adjtimex(ctypes.byref(state))
    if answer < 0 or state.maxerror < 0:
        return {"sync": False, "max_err_us": None}
    return {"sync": answer != _TIME_ERROR and not state.status & _STA_UNSYNC, "max_err_us": int(state.maxerror)}
