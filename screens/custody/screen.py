"""Verify now: asks the agent, which reads everything anew beside its work, and shows what it found."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, ClassVar

from textual.binding import BindingType

from app.clock import stamp
from app.faults import Fault
from screens.command.catalogue import bindings
from screens.custody.verification import verification_lines
from screens.custody.verifying import Verifying
from screens.page.screen import PageScreen
from screens.present.amounts import plural
from screens.present.cells import Line, wrap
from screens.present.failures import failure_lines

if TYPE_CHECKING:
    from screens.root import Workbench


class VerifyScreen(PageScreen):
    """``v`` verifies again. Leaving the page does not stop the verification: opened again, it shows how that goes,
    or its answer, unless that was seen and the log has grown since."""

    BINDINGS: ClassVar[list[BindingType]] = bindings("custody")

    def __init__(self) -> None:
        super().__init__("verify", self._lines, "Verification")
        self._behind = 0

    @property
    def hints(self) -> Sequence[tuple[str, str]]:
        return self.bench.registry.hints("custody.verify", "page.back", "help")

    @property
    def _now(self) -> Verifying:
        return self.bench.verifying

    @property
    def _log(self) -> int:
        """How many lines the log has, as far as is known here."""
        return self.bench.snapshot.custody.lines

    def on_mount(self) -> None:
        now = self._now
        if now.running:
            return
        if now.result is None or (now.seen and now.behind(self._log)):
            self.action_verify()
        else:
            now.seen = True

    def action_verify(self) -> None:
        """Verify, or once more."""
        if self._now.running:
            self.bench.say("It is being verified already.")
            return
        self._now.start(self.bench.clock)
        asking = _verify(self.bench, self._now)
        self.app.run_worker(asking, group="verify")  # the application's: it outlives this page
        self.rebuild()

    def show_case(self) -> None:
        behind = self._now.behind(self._log)
        if behind != self._behind:
            self._behind = behind
            self._edition += 1
        super().show_case()

    def tick(self) -> None:
        super().tick()
        if self._now.running:
            self.rebuild()

    def _lines(self, width: int) -> list[Line]:
        look, now = self.look, self._now
        if now.running:
            words = "reading the record and every evidence item anew; with large images this takes minutes"
            out: list[Line] = [((piece, "wait"),) for piece in wrap(f"{look.wait} verifying: {words}", width)]
            return [*out, (), self._when(f"running for {took(now.elapsed(self.bench.clock))}")]
        if now.fault is not None:
            out = failure_lines("it could not be checked", now.fault, width, look)
            return [*out, (), self._when(f"gave up after {took(now.took_s)}")]
        if now.result is None:
            return []
        head, *rest = verification_lines(now.result, width, look)
        return [head, self._when(f"took {took(now.took_s)}"), *self._grown(width), *rest]

    def _when(self, spent: str) -> Line:
        began = stamp(self._now.began) if self._now.began is not None else ""
        key, _ = self.bench.registry.hint("custody.verify")
        again = f"; {key} verifies again" if key and not self._now.running else ""
        return ((f"started {began}, {spent}{again}", "dim"),)

    def _grown(self, width: int) -> list[Line]:
        """What it says nothing of."""
        if not self._behind:
            return []
        said = f"The log has {plural(self._behind, 'line')} more by now: this says nothing of what came since."
        return [((piece, ""),) for piece in wrap(said, width)]


async def _verify(bench: Workbench, now: Verifying) -> None:
    """Ask, and show the answer on whichever page is open by then."""
    try:
        answer = await bench.link.call("verify", {})
        if not isinstance(answer, dict):
            raise Fault("the agent's answer is not a verification", next="run jumpbag verify on the case")
        now.answered(answer, bench.clock)
        bench.verified(answer, now.began)
    except Fault as fault:
        now.failed(fault, bench.clock)
    pages = [screen for screen in bench.screen_stack if isinstance(screen, VerifyScreen)]
    now.seen = bool(pages)
    for page in pages:
        page.rebuild()


def took(seconds: float) -> str:
    """``0.4 s`` · ``12 s`` · ``3:20``: how long something took, in steps that a person notices."""
    if seconds < 10:
        return f"{max(0.0, seconds):.1f} s"
    return f"{int(seconds)} s" if seconds < 60 else f"{int(seconds) // 60}:{int(seconds) % 60:02d}"
