"""The front door: ``jumpbag`` opens the UI or runs a verb. Here, and only here, the floors meet."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from app.case.folder import CaseFolder
    from app.cli.session import Session

_RANGE = "providers.emulators"
_SCENARIO = Path(__file__).parent / "providers" / "emulators" / "scenarios" / "web-intrusion"


def main() -> int:
    """The console script."""
    os.umask(0o077)
    from app.cli.main import main as run

    return run(sys.argv[1:], open_ui=_open_ui, range_module=_RANGE, scenario=_SCENARIO)


def _open_ui(case: CaseFolder, session: Session, comeback: str | None) -> int:
    from screens.launch import open_case

    return open_case(case, session.locations, session.passphrase(), comeback)


if __name__ == "__main__":
    sys.exit(main())
