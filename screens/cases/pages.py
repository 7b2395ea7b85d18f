"""Pages before a case is open: the doctor's findings, why a case cannot be opened, the keys."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence

import msgspec

from app.case.overview import CaseRow
from app.faults import Fault
from screens.cases.base import FrontPage
from screens.command.registry import Registry, shown
from screens.page.help import problem_lines
from screens.present.cells import Line, wrap
from screens.present.look import Look


class Finding(msgspec.Struct, frozen=True):
    """One line of ``jumpbag doctor --json``."""

    check: str
    ok: bool
    detail: str
    fix: str | None = None


Examine = Callable[[], Awaitable[list[Finding]]]
"""Runs the doctor; raises Fault if it could not."""


class DoctorPage(FrontPage):
    """What the doctor found. It examines beside the screens, which go on."""

    def __init__(self, examine: Examine) -> None:
        super().__init__("doctor", "Is this machine fit for the work?")
        self._examine = examine
        self._found: list[Finding] | None = None
        self._fault: Fault | None = None

    def on_mount(self) -> None:
        self.run_worker(self._ask(), group="doctor", exclusive=True)

    async def _ask(self) -> None:
        try:
            self._found = await self._examine()
        except Fault as fault:
            self._fault = fault
        self.refill()

    def lines(self, width: int) -> list[Line]:
        look = self.look
        if self._fault is not None:
            return fault_lines(self._fault.message, self._fault.next, width, look)
        if self._found is None:
            return [((f"{look.wait} Looking at clock, terminal, tmux, keyring and disks {look.more}", "wait"),)]
        out: list[Line] = []
        amiss = sum(not one.ok for one in self._found)
        told = f"{amiss} of {len(self._found)} want attention" if amiss else f"All {len(self._found)} are well"
        out += [((told, "need" if amiss else "done"),), ()]
        for one in self._found:
            glyph, tone = (look.done, "done") if one.ok else (look.warn, "need")
            pieces = wrap(look.clean(one.detail, 400), max(20, width - 24))
            out.append(((f"{glyph} ", tone), (f"{look.clean(one.check, 40):<21} ", "strong"), (pieces[0], "")))
            out += [((" " * 24, ""), (piece, "")) for piece in pieces[1:]]
            if one.fix:
                for row, piece in enumerate(wrap(look.clean(one.fix, 400), max(20, width - 26))):
                    lead = f"{look.arrow} " if row == 0 else "  "
                    out.append(((" " * 24 + lead, "head"), (piece, "head" if one.ok else "need")))
        return out


class BrokenPage(FrontPage):
    """Why a case cannot be opened, and what to do."""

    def __init__(self, row: CaseRow) -> None:
        super().__init__(row.id, "This case cannot be opened")
        self._row = row

    def lines(self, width: int) -> list[Line]:
        row, look = self._row, self.look
        out: list[Line] = [
            (("Where  ", "head"), (piece, "")) for piece in wrap(look.clean(row.path, 800), width - 7)
        ]
        out.append(())
        out += fault_lines(row.problem, row.todo, width, look)
        kept = "Nothing was changed. Evidence in it can be checked by itself: `jumpbag verify` takes its path."
        out += [(), *(((piece, ""),) for piece in wrap(look.plain(kept), width))]
        return out


class KeysPage(FrontPage):
    """The keys of the screens before a case, and what of the user's keymap was left out."""

    def __init__(self, registry: Registry, problems: Sequence[str] = ()) -> None:
        super().__init__("help", "Keys")
        self._registry = registry
        self._problems = problems

    def lines(self, width: int) -> list[Line]:
        out = problem_lines(self._problems, width, self.look)
        for command in self._registry.commands:
            keys = shown(self._registry.keys(command))
            if self.look.ascii:
                keys = self.look.plain(keys.translate({0x2191: "Up", 0x2193: "Down"}))
            pieces = wrap(self.look.plain(command.help), max(20, width - 14))
            out.append(((f"  {keys:<11} ", "key"), (pieces[0], "")))
            out += [((" " * 14, ""), (piece, "")) for piece in pieces[1:]]
        return out


def fault_lines(what: str, todo: str, width: int, look: Look) -> list[Line]:
    """What is wrong and what to do next, wrapped; both may be hostile."""
    out: list[Line] = []
    for row, piece in enumerate(wrap(look.clean(what, 2000), max(20, width - 2))):
        out.append(((f"{look.warn} " if row == 0 else "  ", "need"), (piece, "need")))
    for row, piece in enumerate(wrap(look.clean(todo, 2000), max(20, width - 2)) if todo else []):
        out.append(((f"{look.arrow} " if row == 0 else "  ", "head"), (piece, "")))
    return out
