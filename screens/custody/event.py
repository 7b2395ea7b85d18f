"""One custody line: the whole event, what belongs to it, and what the record itself proves of it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, ClassVar

from textual.binding import BindingType

from app.client.events import WholeEvent
from screens.clipboard import copy
from screens.command.catalogue import bindings
from screens.command.naming import key_of
from screens.page.screen import PageScreen
from screens.present.cells import Line
from screens.present.events import event_page, partner_lines
from screens.present.proofs import proof_lines

if TYPE_CHECKING:
    from app.client.proof import EventProof


class EventScreen(PageScreen):
    """The text comes from the read model; the proof from ``custody/events.jsonl``, without the agent.

    What is still to come (an outcome, the next line, a checkpoint) is looked up again as the record grows.
    """

    BINDINGS: ClassVar[list[BindingType]] = bindings("event")

    def __init__(self, line: int) -> None:
        super().__init__(f"line {line:,}", self._lines)
        self._line = line
        self._event: WholeEvent | None = None
        self._proof: EventProof | None = None
        self._looked = False
        self._looked_at = (0, -1)  # the read model, and how many lines it had, when it was looked up last
        self._looking = False

    @property
    def hints(self) -> Sequence[tuple[str, str]]:
        return self.bench.registry.hints("event.copy", "page.back", "help")

    def on_mount(self) -> None:
        self._look_up()

    def tick(self) -> None:
        super().tick()
        made, lines = self.bench.snapshot.made, self.bench.snapshot.event_lines
        if made != self._looked_at[0] or (lines != self._looked_at[1] and not self._complete):
            self._look_up()

    @property
    def _complete(self) -> bool:
        """Nothing more is to come of this line."""
        event, proof = self._event, self._proof
        if event is None or proof is None or proof.problem:
            return False
        awaits = event.row.phase == "intent" and event.partner is None
        return not awaits and proof.checkpoint is not None and proof.differs is not None

    def _look_up(self) -> None:
        if not self._looking:
            self._looking = True
            self.run_worker(self._load(), group="event")

    async def _load(self) -> None:
        bench = self.bench
        now = (bench.snapshot.made, bench.snapshot.event_lines)
        try:
            self._event = await bench.reader.whole_event(self._line)
            self._looked = True
            self.rebuild()
            self._proof = await bench.reader.proof(bench.case_dir, self._line, self._event) or self._proof
            self._looked_at = now
            self.rebuild()
        finally:
            self._looking = False

    def action_copy(self) -> None:
        """Copy the hash of the line as it stands in the record."""
        if self._proof is None or not self._proof.sha256:
            self.bench.say("The line's hash is not known: the record could not be read.", "warning")
        else:
            copy(self.bench, self._proof.sha256, f"SHA-256 of custody line {self._line:,}")

    def _lines(self, width: int) -> list[Line]:
        look, event = self.look, self._event
        if not self._looked:
            return [((f"{look.wait} reading line {self._line:,}", "wait"),)]
        about = proof_lines(self._proof, width, look, key_of(self.bench, "verify"))
        if event is None:
            return [((f"the screens' copy has no line {self._line:,}", "need"),), (), *about]
        belongs = partner_lines(event.row, event.partner, width, look)
        return event_page(self._line, event.text, width, look, [*belongs, *([()] if belongs else []), *about, ()])
