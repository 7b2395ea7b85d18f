"""A home of its own for each test: `jumpbag` run in it, and everything ended that a demo left there."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

from tests.terminal.tmux import environment

JUMPBAG = str(Path(sys.executable).parent / "jumpbag")


def verb(home: Path, *arguments: str) -> tuple[int, Any]:
    """A verb's exit code and JSON."""
    done = subprocess.run(
        [JUMPBAG, *arguments, "--json"], env=environment(home), capture_output=True, text=True, check=False
    )
    assert "Traceback" not in done.stdout + done.stderr
    return done.returncode, json.loads(done.stdout)


def case_of(home: Path) -> str:
    return str(next((home / ".local/state/jumpbag/demo/cases").iterdir()))


def end(home: Path) -> None:
    """Stop the agents and the clouds of a demo in that home."""
    ready = home / ".local/state/jumpbag/demo/ready.json"
    for case in (home / ".local/state/jumpbag/demo/cases").glob("*"):
        verb(home, "agent", "stop", str(case))
    if ready.exists():
        subprocess.run(["kill", str(json.loads(ready.read_text())["pid"])], capture_output=True, check=False)
