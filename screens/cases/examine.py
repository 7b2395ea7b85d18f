"""The doctor as a process beside the screens: what it asks (a keyring, the disks) may take its time."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Sequence

import msgspec

from app.faults import Fault, from_data
from screens.cases.pages import Examine, Finding

_PATIENCE_S = 60.0


class _Error(msgspec.Struct, frozen=True):
    code: str = ""
    message: str = ""
    next: str | None = None


class _Refused(msgspec.Struct, frozen=True):
    error: _Error


def by_command(command: Sequence[str]) -> Examine:
    """Findings from ``jumpbag doctor --json``, run by that command line."""

    async def examine() -> list[Finding]:
        try:
            child = await asyncio.create_subprocess_exec(
                *command,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.DEVNULL,
            )
        except OSError as error:
            raise Fault(f"the doctor cannot be started: {error.strerror}", next=_BY_HAND) from None
        try:
            said, _ = await asyncio.wait_for(child.communicate(), _PATIENCE_S)
        except TimeoutError:
            raise Fault(f"the doctor did not answer in {_PATIENCE_S:.0f} s", next=_BY_HAND) from None
        finally:
            with contextlib.suppress(ProcessLookupError):
                if child.returncode is None:
                    child.kill()
        return findings(said)

    return examine


_BY_HAND = "leave with q and run `jumpbag doctor`"


def findings(said: bytes) -> list[Finding]:
    """The findings in what the doctor printed; its Fault, or one that says that it said something else."""
    try:
        told = msgspec.json.decode(said, type=list[Finding] | _Refused)
    except msgspec.MsgspecError:
        raise Fault("the doctor did not say what it found", next=_BY_HAND) from None
    if isinstance(told, _Refused):
        error = told.error
        raise from_data({"code": error.code, "message": error.message, "next": error.next})
    return told
