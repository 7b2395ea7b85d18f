"""Opening the screens of a case from a terminal: passphrase first, then the first frame, then the agent."""

from __future__ import annotations

import getpass
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from app.case.folder import CaseFolder
from app.client.launch import connect
from app.client.rpc import AgentClient
from app.faults import AgentGone, Fault, SigningLocked, Usage
from app.locations import Locations
from app.ui_options import UiOptions

if TYPE_CHECKING:
    from screens.cases.application import Decision


def open_case(
    case: CaseFolder,
    locations: Locations,
    passphrase: str | None,
    comeback: str | None = None,
    *,
    examiner: str | None = None,
    options: UiOptions,
) -> int:
    """Show the case until the user leaves; the exit code. Usage without a terminal.

    ``comeback`` is the command that leads back to the case, where it is not ``jumpbag CASE``; ``examiner`` is who
    opens it, where that is not the one of its configuration: Usage for somebody who is not on its roster.
    """
    who = case.settings.examiner.check(case.settings.examiner.id if examiner is None else examiner)
    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        raise Usage("the UI needs a terminal", next="run a verb instead: `jumpbag --help`")
    secret = passphrase if passphrase is not None else _ask(case, locations)

    async def reach() -> AgentClient:
        return await connect(case, locations, passphrase=secret)

    from app.guided.load import sources
    from screens.cases.commands import EVERY
    from screens.command.catalogue import COMMANDS
    from screens.command.keymap import load
    from screens.root import run

    keymap = load(locations.keymap_file, EVERY)
    said, code = run(
        case.path,
        case.read_model,
        reach,
        who,
        comeback=comeback,
        registry=keymap.registry.within(COMMANDS),
        options=options,
        notices=keymap.problems,
        sources=sources(case, locations),
    )
    if said:
        print(said)
    return code


def choose_case(cases: Path, locations: Locations, options: UiOptions, doctor: Sequence[str]) -> Decision | None:
    """Show the cases until the user has chosen; None when they just leave. ``doctor`` is the command line whose
    JSON the doctor's page shows."""
    from screens.cases.application import CasesApp
    from screens.cases.commands import EVERY, REGISTRY
    from screens.cases.examine import by_command
    from screens.command.keymap import load

    keymap = load(locations.keymap_file, EVERY)
    mine = keymap.registry.within(REGISTRY.commands)
    app = CasesApp(cases, locations, by_command(doctor), options, registry=mine, notices=keymap.problems)
    decision = app.run(mouse=options.mouse)
    if app.return_code:
        raise Fault(
            f"the list of cases stopped on a fault of its own ({type(app.fault_of_its_own).__name__})",
            next="name the case: `jumpbag CASE`; and please report it",
        )
    return decision


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
