"""A page of lines under the context bar, made anew for each width."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from textual.content import Content
from textual.widget import Widget

from screens.base import CaseScreen
from screens.present.cells import Line
from screens.widgets.page_lines import PageLines

Builder = Callable[[int], list[Line]]
"""Lines for a width in cells."""


class PageScreen(CaseScreen[None]):
    """``build`` gives the lines; ``crumb`` stands in the breadcrumbs and the title."""

    AUTO_FOCUS = "#page"

    def __init__(self, crumb: str, build: Builder, title: str = "") -> None:
        super().__init__()
        self._crumb = crumb
        self._build = build
        self._title = title or crumb
        self._built: tuple[int, int] | None = None
        self._edition = 0

    @property
    def crumbs(self) -> Sequence[str]:
        return (self._crumb,)

    def body(self) -> Iterable[Widget]:
        page = PageLines(look=self.look, id="page")
        page.border_title = Content(f"{self.look.clean(self._title, 80)}")
        return [page]

    def rebuild(self) -> None:
        """The builder would give other lines now."""
        self._edition += 1
        self.case_changed()

    def show_case(self) -> None:
        super().show_case()
        page = self.query_one("#page", PageLines)
        built = (page.inner, self._edition)
        if page.inner and built != self._built:
            self._built = built
            page.show(self._build(page.inner))
