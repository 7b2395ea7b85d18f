"""Pane 3: what runs, what waits, what is sealed."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, ClassVar

from textual.binding import BindingType
from textual.message import Message
from textual.widget import Widget

from app.model import Acquisition
from screens.command.catalogue import bindings
from screens.present.acquisitions import FIELDS, matches
from screens.present.states import counted, paused, running, waiting
from screens.widgets.progress_list import Progress, ProgressList
from screens.widgets.row_list import RowList
from screens.workbench import steering
from screens.workbench.pane import Pane

if TYPE_CHECKING:
    from screens.root import Workbench


class AcquisitionsPane(Pane):
    """``p``, ``r`` and ``x`` act on the row under the cursor."""

    number, word = 3, "Acquisitions"
    fields = FIELDS
    asks = "words, state= kind= account= route= id="
    opens = "steps"
    BINDINGS: ClassVar[list[BindingType]] = bindings("acquisitions")

    class Opened(Message):
        """Enter on a row."""

        def __init__(self, acquisition: str) -> None:
            super().__init__()
            self.acquisition = acquisition

    def __init__(self) -> None:
        super().__init__("acquisitions")
        self._source: Progress | None = None

    def content(self) -> Iterable[Widget]:
        yield ProgressList(look=self.look)

    @property
    def current(self) -> Acquisition | None:
        """The acquisition under the cursor."""
        key = self.rows.current
        return self._source.get(key) if self._source is not None and key is not None else None

    def case_changed(self) -> None:
        self.tick()
        found = self.bench.snapshot.acquisitions
        needs = waiting(found)
        working, held = running(found), paused(found)
        self.name_title(
            f"{len(self.rows.source)} of {len(found)}" if self.filter() else "",
            f"{len(working)} running" if working else "",
            f"{len(held)} paused" if held else "",
            f"{self.look.warn} {counted(needs)}" if needs else "",
            least=(f"{len(held)} paused",),
        )
        self.name_keys()

    def tick(self) -> None:
        snapshot = self.bench.snapshot
        leases = {one.id: one for one in snapshot.leases}
        devices = self.bench.shelf.devices
        now = self.bench.clock.now()
        self._source = Progress(self._shown(), leases, snapshot.steps, now, self.look, devices, self._key)
        words = f"nothing acquired yet: {self._key('resources.acquire')} on a disk or instance in pane 2 plans"
        if self.filter():
            words = f"nothing matches; {self._key('panes.back')} clears the filter"
        self.rows.show(self._source, empty=((f" {words}", "dim"),))

    def _shown(self) -> Sequence[Acquisition]:
        """Those that the filter lets through."""
        found, wanted, names = self.bench.snapshot.acquisitions, self.filter(), self.bench.shelf.names
        if not wanted:
            return found
        return [one for one in found if matches(one, wanted, names.get((one.cloud, one.account), ""), self.look)]

    def on_row_list_chosen(self, event: RowList.Chosen) -> None:
        event.stop()
        self.post_message(self.Opened(event.key))

    def named(self) -> Sequence[str]:
        one = self.current
        return (*steering.offered(one), "filter") if one is not None else ("filter",) if self.text else ()

    def action_pause(self) -> None:
        self._steer(steering.pause)

    def action_resume(self) -> None:
        self._steer(steering.resume)

    def action_cancel(self) -> None:
        self._steer(steering.cancel)

    def _steer(self, what: Callable[[Workbench, Acquisition], None]) -> None:
        if self.current is not None:
            what(self.bench, self.current)
        elif self.bench.snapshot.acquisitions:
            back = self._key("panes.back")
            self.bench.say(f"No acquisition matches the filter of pane 3; {back} there clears it.", "warning")
        else:
            self.bench.say("There is no acquisition yet.", "warning")
