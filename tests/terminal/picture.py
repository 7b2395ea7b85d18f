"""The pictures in the documentation: ``python -m tests.terminal.picture DIRECTORY``.

They are the product at work, not drawings: the demo's tour is walked in a real terminal, and what that shows at
three moments becomes an SVG file.
"""

from __future__ import annotations

import io
import shutil
import sys
import tempfile
from pathlib import Path

from rich.console import Console
from rich.terminal_theme import TerminalTheme
from rich.text import Text

from tests.terminal.homes import JUMPBAG, end
from tests.terminal.tmux import Terminal, environment
from tests.terminal.tour import walk

_COLUMNS, _LINES = 132, 36
_THEME = TerminalTheme((18, 22, 28), (204, 211, 221), [(0, 0, 0)] * 8, [(0, 0, 0)] * 8)  # ground and ink alone
_HOME = Path(tempfile.gettempdir()) / "jumpbag-tour"


def drawn(painted: str, name: str) -> str:
    """What a terminal shows, with its colours, as SVG. The same picture gets the same ids each time."""
    nowhere = io.StringIO()
    console = Console(record=True, width=_COLUMNS, file=nowhere, force_terminal=True, color_system="truecolor")
    for line in painted.rstrip("\n").split("\n"):
        console.print(Text.from_ansi(line), no_wrap=True, crop=True)
    return console.export_svg(title="jumpbag", theme=_THEME, unique_id=f"jumpbag-{name}")


def main() -> None:
    target = Path(sys.argv[1])
    target.mkdir(parents=True, exist_ok=True)
    _HOME.mkdir(mode=0o700)
    colours = {**environment(_HOME), "COLORTERM": "truecolor"}

    def shot(name: str, screen: Terminal) -> None:
        (target / f"{name}.svg").write_text(drawn(screen.painted(), name) + "\n", "utf-8")

    try:
        walk(lambda: Terminal([JUMPBAG, "demo"], colours, _COLUMNS, _LINES), shot)
    finally:
        end(_HOME)
        shutil.rmtree(_HOME, ignore_errors=True)


if __name__ == "__main__":
    main()
