"""Verify now: asks the agent, which reads everything anew beside its work, and shows what it found."""

from __future__ import annotations

from typing import Any

from app.faults import Fault
from screens.custody.verification import verification_lines
from screens.page.screen import PageScreen
from screens.present.cells import Line, wrap


class VerifyScreen(PageScreen):
    """Leaving the page does not stop the verification; coming back starts another."""

    def __init__(self) -> None:
        super().__init__("verify", self._lines, "Verification")
        self._result: dict[str, Any] | None = None
        self._fault: Fault | None = None

    def on_mount(self) -> None:
        self.run_worker(self._verify(), group="verify")

    async def _verify(self) -> None:
        try:
            answer = await self.bench.link.call("verify", {})
            if not isinstance(answer, dict):
                raise Fault("the agent's answer is not a verification", next="run jumpbag verify on the case")
            self._result = answer
        except Fault as fault:
            self._fault = fault
        self.rebuild()

    def _lines(self, width: int) -> list[Line]:
        look = self.look
        if self._fault is not None:
            out: list[Line] = [((f"{look.failed} it could not be checked", "bad"),)]
            out += [((piece, ""),) for piece in wrap(look.clean(self._fault.message, 2000), width)]
            out += [((piece, "dim"),) for piece in wrap(look.clean(self._fault.next, 2000), width)]
            return out
        if self._result is None:
            words = "reading the record and every evidence item anew; with large images this takes minutes"
            return [((f"{look.wait} verifying: {words}", "wait"),)]
        return verification_lines(self._result, width, look)
