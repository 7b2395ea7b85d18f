"""The steps of an acquisition: beside its custody, and alone with all that is known of each."""

from __future__ import annotations

from collections.abc import Sequence

from textual.message import Message

from app.model.view import StepRow
from screens.page.screen import PageScreen
from screens.present.cells import Line
from screens.present.steps_page import step_page
from screens.widgets.page_lines import PageLines


class Steps(PageLines):
    """Enter asks for the whole of them."""

    class Opened(Message):
        """The page with nothing cut is wanted."""

    def action_choose(self) -> None:
        self.post_message(self.Opened())


class StepsScreen(PageScreen):
    """Live, as the page that it is opened from."""

    def __init__(self, acquisition: str) -> None:
        super().__init__(acquisition, self._lines, f"Steps of {acquisition}")
        self._acquisition = acquisition
        self._brought = False

    @property
    def crumbs(self) -> Sequence[str]:
        return (self._acquisition, "steps", "all")

    @property
    def about(self) -> str:
        return self._acquisition

    def tick(self) -> None:
        super().tick()
        self.rebuild()

    def show_case(self) -> None:
        self._built = None
        super().show_case()
        page, rows = self.query_one("#page", PageLines), self._rows()
        if page.inner and rows and not self._brought:
            self._brought = True  # once: from then on a person scrolls
            at = next((place for place, row in enumerate(rows) if row.state in ("running", "failed")), 0)
            above = step_page(rows[:at], self.bench.clock.now(), page.inner, self.look)
            self.call_after_refresh(page.bring, len(above) + 1 if above else 0)

    def _rows(self) -> list[StepRow]:
        return [row for row in self.bench.snapshot.steps if row.acquisition == self._acquisition]

    def _lines(self, width: int) -> list[Line]:
        found = self.bench.snapshot.acquisitions
        state = next((one.state for one in found if one.id == self._acquisition), "running")
        out = step_page(self._rows(), self.bench.clock.now(), width, self.look, state)
        return out or [(("no step is recorded yet", "dim"),)]
