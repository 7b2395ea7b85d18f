"""Verify now: asks the agent, which reads everything anew beside its work, and shows what it found."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any, ClassVar

from textual.binding import BindingType

from app.clock import stamp
from app.faults import Fault
from screens.command.catalogue import bindings
from screens.custody.verification import verification_lines
from screens.page.screen import PageScreen
from screens.present.cells import Line, wrap


class VerifyScreen(PageScreen):
    """``v`` verifies again. Leaving the page does not stop the verification."""

    BINDINGS: ClassVar[list[BindingType]] = bindings("custody")

    def __init__(self) -> None:
        super().__init__("verify", self._lines, "Verification")
        self._result: dict[str, Any] | None = None
        self._fault: Fault | None = None
        self._checking = False
        self._started: tuple[datetime, float] | None = None  # by the wall, and by the monotonic clock
        self._took = 0.0

    @property
    def hints(self) -> Sequence[tuple[str, str]]:
        return self.bench.registry.hints("custody.verify", "page.back", "help")

    def on_mount(self) -> None:
        self.action_verify()

    def action_verify(self) -> None:
        """Verify, or once more."""
        if self._checking:
            self.bench.say("It is being verified already.")
            return
        clock = self.bench.clock
        self._checking, self._result, self._fault = True, None, None
        self._started = (clock.now(), clock.monotonic())
        self.app.run_worker(self._verify(), group="verify")  # the application's: it outlives this page
        self.rebuild()

    def tick(self) -> None:
        super().tick()
        if self._checking:
            self.rebuild()

    async def _verify(self) -> None:
        bench = self.bench
        try:
            answer = await bench.link.call("verify", {})
            if not isinstance(answer, dict):
                raise Fault("the agent's answer is not a verification", next="run jumpbag verify on the case")
            self._result = answer
            bench.verified(answer)
        except Fault as fault:
            self._fault = fault
        finally:
            self._checking = False
            self._took = self._elapsed()
        self.rebuild()

    def _elapsed(self) -> float:
        return self.bench.clock.monotonic() - self._started[1] if self._started is not None else 0.0

    def _lines(self, width: int) -> list[Line]:
        look = self.look
        if self._checking:
            words = "reading the record and every evidence item anew; with large images this takes minutes"
            out: list[Line] = [((piece, "wait"),) for piece in wrap(f"{look.wait} verifying: {words}", width)]
            return [*out, (), self._when(f"running for {took(self._elapsed())}")]
        if self._fault is not None:
            out = [((f"{look.failed} it could not be checked", "bad"),)]
            out += [((piece, ""),) for piece in wrap(look.clean(self._fault.message, 2000), width)]
            out += [((piece, "dim"),) for piece in wrap(look.clean(self._fault.next, 2000), width)]
            return [*out, (), self._when(f"gave up after {took(self._took)}")]
        if self._result is None:
            return []
        head, *rest = verification_lines(self._result, width, look)
        return [head, self._when(f"took {took(self._took)}"), *rest]

    def _when(self, spent: str) -> Line:
        began = stamp(self._started[0]) if self._started is not None else ""
        key, _ = self.bench.registry.hint("custody.verify")
        again = f"; {key} verifies again" if key and not self._checking else ""
        return ((f"started {began}, {spent}{again}", "dim"),)


def took(seconds: float) -> str:
    """``0.4 s`` · ``12 s`` · ``3:20``: how long something took, in steps that a person notices."""
    if seconds < 10:
        return f"{max(0.0, seconds):.1f} s"
    return f"{int(seconds)} s" if seconds < 60 else f"{int(seconds) // 60}:{int(seconds) % 60:02d}"
