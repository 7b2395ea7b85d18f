"""What can be done with one sealed item, from the list and from its own page."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from textual.binding import BindingType

from app.model import Acquisition, EvidenceItem
from app.model.view import EvidenceCheck
from screens import clipboard
from screens.base import CaseScreen
from screens.command.catalogue import bindings
from screens.command.naming import key_of
from screens.evidence.checks import newest
from screens.evidence.lines import copied, waits


class ItemCommands(CaseScreen[None]):
    """Subclasses say which item is meant. Nothing here changes evidence: a check reads."""

    BINDINGS: ClassVar[list[BindingType]] = bindings("evidence")

    @property
    def item(self) -> EvidenceItem | None:
        """The item that keys act on."""
        raise NotImplementedError

    @property
    def hints(self) -> Sequence[tuple[str, str]]:
        registry = self.bench.registry
        ours = registry.hints("evidence.verify", "evidence.stop", "evidence.copy")
        return (*ours, *self.more_hints, *registry.hints("page.back", "help"))

    @property
    def more_hints(self) -> Sequence[tuple[str, str]]:
        """Keys of this screen alone."""
        return ()

    def opens(self, what: str) -> Sequence[tuple[str, str]]:
        """That the row under the cursor opens so."""
        return ((self.key("list.open"), what),)

    def key(self, ident: str) -> str:
        """How texts name a command."""
        return key_of(self.bench, ident)

    def check_of(self, item: EvidenceItem) -> EvidenceCheck | None:
        """Its newest check, by itself or with the whole case."""
        own = next((one for one in self.bench.snapshot.checks if one.item == item.id), None)
        return newest(own, self.bench.verified_items.get(item.id))

    def acquisition_of(self, item: EvidenceItem) -> Acquisition | None:
        """What it came from."""
        return next((one for one in self.bench.snapshot.acquisitions if one.id == item.acquisition), None)

    def action_verify_item(self) -> None:
        item = self._meant()
        if item is None:
            return
        name, check = self.look.clean(item.id), self.check_of(item)
        if check is not None and check.state == "running":
            self.bench.say(f"{name} is being checked already.", "warning")
            return
        others = any(one.state == "running" for one in self.bench.snapshot.checks)
        said = "waits until the check before it has ended" if others else "is read again, every byte of it"
        self.bench.order("evidence.verify", {"item": item.id}, f"{name} {said}.")

    def action_stop_check(self) -> None:
        item = self._meant()
        if item is None:
            return
        name, check = self.look.clean(item.id), self.check_of(item)
        if check is None or check.state != "running":
            self.bench.say(f"No check of {name} runs.", "warning")
            return
        said = f"{name} is taken off the queue." if waits(check) else f"The check of {name} is stopped."
        self.bench.order("evidence.stop", {"item": item.id}, said)

    def action_copy(self) -> None:
        item = self._meant()
        if item is None:
            return
        value, what = copied(item)
        if value:
            clipboard.copy(self.bench, value, what)
        else:
            self.bench.say(f"No digest of {self.look.clean(item.id)} is recorded.", "warning")

    def _meant(self) -> EvidenceItem | None:
        if self.item is None:
            self.bench.say("Nothing is sealed yet.", "warning")
        return self.item
