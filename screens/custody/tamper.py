"""The tampering exercise: what a changed record looks like, on a copy that nobody needs."""

from __future__ import annotations

import shlex
import threading
from collections.abc import Sequence
from typing import TYPE_CHECKING

from rich.cells import cell_len

from app.faults import Fault
from app.locations import Locations
from screens.custody.screen import took
from screens.page.screen import PageScreen
from screens.present.amounts import plural
from screens.present.cells import Line, wrap
from screens.present.failures import failure_lines
from screens.present.look import Look

if TYPE_CHECKING:
    from app.custody.exercise import Exercise

_EXPLAINED = (
    "case.toml and custody/ of this case are copied to a practice folder; evidence is not. The case is only read.",
    "In the copy, one character of one signed line is changed, as somebody with write access could do.",
    "Then the copy and the record itself are verified, as `jumpbag verify --log-only` does.",
    "The copy stays, so that you can do the same by hand; the newest three are kept.",
)


class TamperScreen(PageScreen):
    """Runs in this process, beside the agent. Leaving the page gives it up."""

    def __init__(self) -> None:
        super().__init__("tampering", self._lines, "Tampering exercise")
        self._exercise: Exercise | None = None
        self._fault: Fault | None = None
        self._began = 0.0
        self._took = 0.0
        self._left = threading.Event()

    @property
    def hints(self) -> Sequence[tuple[str, str]]:
        return self.bench.registry.hints("page.back", "help")

    def on_mount(self) -> None:
        self._began = self.bench.clock.monotonic()
        self.run_worker(self._attempt(), group="tamper")

    def on_unmount(self) -> None:
        self._left.set()

    def tick(self) -> None:
        super().tick()
        if self._exercise is None and self._fault is None:
            self.rebuild()

    async def _attempt(self) -> None:
        bench = self.bench
        try:
            into = Locations().state / "practice"
            found = await bench.reader.tamper(bench.case_dir, into, bench.clock.now(), self._left.is_set)
            if found is None:
                return
            self._exercise = found
            bench.tampered(found)
        except Fault as fault:
            self._fault = fault
        self._took = bench.clock.monotonic() - self._began
        self.rebuild()

    def _lines(self, width: int) -> list[Line]:
        look = self.look
        out: list[Line] = []
        for text in _EXPLAINED:
            for row, piece in enumerate(wrap(look.plain(text), width - 3)):
                out.append(((f" {look.dot} " if row == 0 else "   ", "dim"), (piece, "")))
        out.append(())
        if self._fault is not None:
            failed = "the exercise could not be done; nothing was changed"
            out += failure_lines(failed, self._fault, width, look)
        elif self._exercise is None:
            spent = took(self.bench.clock.monotonic() - self._began)
            out.append(((f"{look.wait} copying, changing, verifying twice: {spent}", "wait"),))
        else:
            out += exercise_lines(self._exercise, width, look)
            out += [(), ((f"took {took(self._took)}", "dim"),)]
        return out


def exercise_lines(done: Exercise, width: int, look: Look) -> list[Line]:
    """What was changed, the verdict on the copy, that on the record, and how to do the same by hand."""
    out: list[Line] = [
        ((f"Line {done.line:,} of the copy", "head"), (f"  {look.clean(done.op, 60)}, its {done.member}", "")),
    ]
    out += marked("was", done.before, done.position, "done", width, look)
    out += marked("is", done.after, done.position, "bad", width, look)
    out.append(())

    def say(mark: str, text: str, tone: str) -> None:
        for row, piece in enumerate(wrap(text, max(20, width - 2))):
            out.append(((f"{mark if row == 0 else ' '} ", tone), (piece, tone if row == 0 else "")))

    if done.caught:
        say(look.done, f"The copy does not verify, and the verdict names line {done.line:,}:", "done")
    else:
        first = done.copy.first_bad_line
        where = f"line {first:,}" if first is not None else "no line"
        say(look.failed, f"The copy's verdict names {where}, not line {done.line:,}:", "bad")
    for fault in done.copy.faults[:3]:
        where = f"line {fault.line:,}: " if fault.line is not None else ""
        out += [((f"  {piece}", ""),) for piece in wrap(look.clean(where + fault.reason, 600), width - 2)]
    if len(done.copy.faults) > 3:
        out.append(((f"  and {plural(len(done.copy.faults) - 3, 'fault')} that follow from it", "dim"),))
    out.append(())
    if done.original_sound:
        lines = done.original.lines or 0
        say(look.done, f"The record of the case verifies: chain and signatures hold to line {lines:,}.", "done")
    else:
        say(look.failed, "The record of the case itself does NOT verify. This is no exercise:", "bad")
        out += [((f"  {p}", "bad"),) for p in wrap(look.clean(done.original.reason or "", 600), width - 2)]
        out.append(((f"  {look.arrow} keep a copy of the case as it is, and tell who is in charge of it", ""),))
    out += [(), (("The same by hand", "head"),)]
    for command, shows in commands(done):
        pieces = wrap(look.clean(command, 1000), max(20, width - 4))
        out += [(("  " if row == 0 else "    ", ""), (piece, "key")) for row, piece in enumerate(pieces)]
        out += [((f"      {piece}", "dim"),) for piece in wrap(shows, max(20, width - 6)) if piece]
    return out


def marked(label: str, text: str, position: int, tone: str, width: int, look: Look) -> list[Line]:
    """``text`` around the character at ``position``, that one in ``tone`` and with a caret under it."""
    room = max(20, width - 6)
    before, char, after = text[:position], text[position], text[position + 1 :]
    left = look.clean(before[-4 * room :], 8 * room)
    if len(before) > 4 * room or cell_len(left) > room // 2:
        while cell_len(left) > room // 2 - 1:
            left = left[1:]
        left = look.more + left
    right = look.clean(after, 4 * room)
    spare = room - cell_len(left) - 1
    if cell_len(right) > spare:
        while cell_len(right) > spare - 1:
            right = right[:-1]
        right += look.more
    caret = " " * (6 + cell_len(left)) + "^"
    return [((f"  {label:<4}", "dim"), (left, ""), (look.clean(char), tone), (right, "")), ((caret, tone),)]


def commands(done: Exercise) -> list[tuple[str, str]]:
    """What one types to see the same without these screens, each with what it shows. The path is quoted for a
    shell."""
    out = [
        (f"cd {shlex.quote(str(done.path))}", ""),
        ("jumpbag verify . --log-only", "the verdict above"),
        (f"sed -n {done.line}p custody/events.jsonl | sha256sum", "the hash of the changed line"),
    ]
    if (done.copy.lines or 0) > done.line:
        prev = f'sed -n {done.line + 1}p custody/events.jsonl | grep -o \'"prev":"[0-9a-f]*"\''
        out.append((prev, "what the next line holds of it: the hash that it had"))
    openssl = f"less custody/VERIFY.md    # By hand, 2: openssl, with N={done.line} and KEYID={done.keyid}"
    return [*out, (openssl, "the signature")]
