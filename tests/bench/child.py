"""The command line itself, in a process that tells at its end what it loaded: ``python -m tests.bench.child``.

``python -m tests.bench.child MODULES PROFILE ARGUMENT…`` runs ``jumpbag ARGUMENT…``, then writes the names of
all loaded modules to the file MODULES. PROFILE is a file for cProfile's figures, ``-`` for none.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path


def main() -> int:
    """Exit code of the command line."""
    modules, profile, *arguments = sys.argv[1:]
    sys.argv[1:] = arguments
    from jumpbag import main as run

    try:
        return run() if profile == "-" else _profiled(run, profile)
    finally:
        Path(modules).write_text("\n".join(sorted(sys.modules)), "utf-8")


def _profiled(run: Callable[[], int], file: str) -> int:
    import cProfile

    watched = cProfile.Profile()
    try:
        return watched.runcall(run)
    finally:
        watched.dump_stats(file)


if __name__ == "__main__":
    sys.exit(main())
