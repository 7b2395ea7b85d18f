"""The front door: ``jumpbag`` opens the UI or runs a verb. Here, and only here, the floors meet."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from app.case.folder import CaseFolder
    from app.cli.session import Session

_RANGE = "providers.emulators"
_SCENARIO = Path(__file__).parent / "providers" / "emulators" / "scenarios" / "web-intrusion"


def main() -> int:
    """The console script."""
    os.umask(0o077)
    from app.cli.main import main as run

    return run(
        sys.argv[1:],
        open_ui=_open_ui,
        choose_case=_choose_case,
        judge_keymap=judge_keymap,
        range_module=_RANGE,
        scenario=_SCENARIO,
    )


def judge_keymap(path: Path) -> Sequence[str]:
    """What of the user's keymap in ``path`` cannot hold, a sentence each, as the screens will say it."""
    from screens.cases.commands import EVERY
    from screens.command.keymap import load

    return load(path, EVERY).problems


def _open_ui(case: CaseFolder, session: Session, comeback: str | None) -> int:
    from screens.launch import open_case

    return open_case(
        case,
        session.locations,
        session.passphrase(),
        comeback,
        examiner=session.options.examiner,
        options=session.screens().options,
    )


def _choose_case(session: Session) -> CaseFolder | Literal["demo"] | None:
    from app.case.folder import read
    from screens.cases.application import Open
    from screens.launch import choose_case

    doctor = [sys.executable, "-I", str(Path(__file__).resolve()), "doctor", "--json"]
    if session.options.cases_dir:
        doctor += ["--cases-dir", session.options.cases_dir]
    decision = choose_case(session.cases, session.locations, session.screens().options, doctor)
    if decision is None:
        return None
    if not isinstance(decision, Open):
        return "demo"
    session.know(decision.passphrase)
    return read(decision.path)


if __name__ == "__main__":
    sys.exit(main())
