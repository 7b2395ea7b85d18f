"""Opening the screens of a case from a terminal: passphrase first, then the first frame, then the agent."""

from __future__ import annotations

import getpass
import sys

from app.case.folder import CaseFolder
from app.client.launch import connect
from app.client.rpc import AgentClient
from app.faults import AgentGone, SigningLocked, Usage
from app.locations import Locations


def open_case(case: CaseFolder, locations: Locations, passphrase: str | None, comeback: str | None = None) -> int:
    """Show the case until the user leaves; the exit code. Usage without a terminal.

    ``comeback`` is the command that leads back to the case, where it is not ``jumpbag CASE``.
    """
    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        raise Usage("the UI needs a terminal", next="run a verb instead: `jumpbag --help`")
    secret = passphrase if passphrase is not None else _ask(case, locations)

    async def reach() -> AgentClient:
        return await connect(case, locations, passphrase=secret)

    from screens.root import run

    said = run(case.path, case.read_model, reach, case.settings.examiner.id, comeback=comeback)
    if said:
        print(said)
    return 0


def _ask(case: CaseFolder, locations: Locations) -> str | None:
    """The signing key's passphrase, on the terminal, when no unlocked agent runs."""
    if case.settings.signing.protection != "passphrase":
        return None
    import asyncio

    async def unlocked() -> bool:
        try:
            client = await connect(case, locations, start=False)
        except AgentGone:
            return False
        try:
            told = await client.call("status")
            return bool(told["state"] != "locked")
        finally:
            await client.close()

    if asyncio.run(unlocked()):
        return None
    given = getpass.getpass(f"Passphrase for the signing key of {case.id}: ")
    if not given:
        raise SigningLocked(f"the signing key of {case.id} stays locked", next="run it again with the passphrase")
    return given
