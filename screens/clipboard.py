"""Copying: a value goes to the terminal by OSC 52, and always to a page of its own and to a file as well.

No terminal answers whether it took what it was sent, and multiplexers often keep it, so success is never claimed.
"""

from __future__ import annotations

import asyncio
import os
import re
import secrets
from collections.abc import Iterable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from rich.cells import chop_cells
from textual.widget import Widget

from app.locations import Locations, private_directory
from app.text import visible
from screens.base import CaseScreen
from screens.present.cells import Line, wrap
from screens.present.look import Look
from screens.widgets.page_lines import PageLines

if TYPE_CHECKING:
    from screens.root import Workbench

CAP_BYTES = 4096
"""A longer value is not sent: terminals cut or drop long sequences without a word."""
_PLAIN = re.compile(r"[ -~]*")


def copy(app: Workbench, value: str, what: str) -> None:
    """Send ``value`` to the terminal's clipboard, save it in :func:`saved_in`, open a page that shows it alone.

    ``what`` names it on the page ("SHA-256 of E-0005"). A value that is not plain ASCII is made harmless first.
    """
    app.run_worker(_copied(app, value, what), group="copy", exclusive=True)


def saved_in() -> Path:
    """The file that holds what was copied last, 0600; each copy replaces it."""
    return Locations().state / "copied.txt"


async def _copied(app: Workbench, value: str, what: str) -> None:
    plain = value if _PLAIN.fullmatch(value) else visible(value, cap=len(value) * 12)
    sent = len(plain.encode()) <= CAP_BYTES
    if sent:
        app.copy_to_clipboard(plain)
    problem = await asyncio.to_thread(_save, saved_in(), plain)
    app.push_screen(CopiedScreen(plain, what, sent=sent, escaped=plain != value, problem=problem))


def _save(path: Path, value: str) -> str:
    """Put a file of the value and a line feed in that place; "" or why that could not be done.

    Whatever stands there is replaced and never opened: nothing is written through a link of either kind, and no
    FIFO is waited for.
    """
    part = path.with_name(f".{path.name}-{secrets.token_hex(8)}.tmp")
    try:
        private_directory(path.parent)
        descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
        try:
            with os.fdopen(descriptor, "wb") as file:
                file.write(value.encode() + b"\n")
            part.rename(path)
        except OSError:
            with suppress(OSError):
                part.unlink()
            raise
    except OSError as error:
        return error.strerror or str(error)
    return ""


class CopiedScreen(CaseScreen[None]):
    """The value on lines of its own from the first column on, so that a terminal's own selection gets it bare."""

    CSS_PATH = Path(__file__).with_suffix(".tcss")
    AUTO_FOCUS = "#copied"

    def __init__(self, value: str, what: str, *, sent: bool, escaped: bool, problem: str) -> None:
        super().__init__()
        self._value = value
        self._what = what
        self._sent = sent
        self._escaped = escaped
        self._problem = problem

    @property
    def crumbs(self) -> Sequence[str]:
        return ("copied",)

    def body(self) -> Iterable[Widget]:
        yield PageLines(look=self.look, id="copied")

    def show_case(self) -> None:
        super().show_case()
        page = self.query_one("#copied", PageLines)
        if page.inner:
            page.show(self._lines(page.inner))

    def _lines(self, width: int) -> list[Line]:
        look = self.look
        out: list[Line] = [((look.clean(self._what, 80), "head"),), ()]
        out += [((piece, ""),) for piece in chop_cells(self._value, width) or [""]]
        out.append(())
        for text, tone in self._told(look):
            out += [((piece, tone),) for piece in wrap(text, width)]
        return out

    def _told(self, look: Look) -> list[tuple[str, str]]:
        told: list[tuple[str, str]] = []
        if self._escaped:
            told.append(("Characters that are not plain text are written as escapes.", "need"))
        if self._sent:
            told.append(("Sent to the terminal's clipboard. Whether it arrived cannot be told from here.", ""))
        else:
            told.append((f"Not sent to the clipboard: it is longer than {CAP_BYTES:,} bytes.", "need"))
        if self._sent and os.environ.get("TMUX"):
            told.append(("tmux passes it on only after: tmux set -s set-clipboard on", "wait"))
        path = look.clean(saved_in(), 400)
        hold = "select it above (hold Shift, or Option on a Mac, so that the mouse selects text)"
        lead = "If it did not arrive" if self._sent else "To copy it"
        if self._problem:
            told.append((f"{lead}: {hold}.", ""))
            told.append((f"It could not be saved in {path}: {look.clean(self._problem, 200)}.", "need"))
        else:
            told.append((f"{lead}: {hold}, or take it from {path}", ""))
        return told
