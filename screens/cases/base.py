"""What the screens before a case share: a title line, a footer, one line where there is no room for more."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, TypeVar, cast

from textual.app import ComposeResult
from textual.binding import BindingType
from textual.content import Content
from textual.events import Resize
from textual.widget import Widget

from screens.base import SMALLEST
from screens.cases.commands import bindings
from screens.ending import EndingScreen
from screens.present.cells import Line, spread
from screens.present.look import Look
from screens.widgets.footer_line import FooterLine
from screens.widgets.line_view import LinesView
from screens.widgets.page_lines import PageLines

if TYPE_CHECKING:
    from screens.cases.application import CasesApp

Result = TypeVar("Result")


class FrontScreen(EndingScreen[Result]):
    """Subclasses give :meth:`body` and :attr:`hints`, and fill their widgets in :meth:`show_all`, which is called
    whenever the size changed."""

    CSS_PATH = Path(__file__).with_name("cases.tcss")
    HORIZONTAL_BREAKPOINTS = [(0, "-w0"), (SMALLEST[0], "-w60")]  # noqa: RUF012 (declared as it is by Textual)
    VERTICAL_BREAKPOINTS = [(0, "-h0"), (SMALLEST[1], "-h15"), (24, "-h24")]  # noqa: RUF012

    @property
    def front(self) -> CasesApp:
        """The application, by its own type."""
        return cast("CasesApp", self.app)

    @property
    def look(self) -> Look:
        return self.front.look

    @property
    def crumbs(self) -> Sequence[str]:
        return ("cases",)

    @property
    def hints(self) -> Sequence[tuple[str, str]]:
        return self.front.registry.hints("cases.return")

    def body(self) -> Iterable[Widget]:
        """The widgets between title and footer."""
        raise NotImplementedError

    def compose(self) -> ComposeResult:
        yield LinesView(look=self.look, id="head")
        yield from self.body()
        yield FooterLine(look=self.look)
        yield LinesView(look=self.look, id="tiny")

    def on_mount(self) -> None:
        self.set_class(self.look.ascii, "-ascii")
        self.call_after_refresh(self.refill)

    def on_resize(self, event: Resize) -> None:
        self.call_after_refresh(self.refill)

    def refill(self) -> None:
        """Show everything again, unless the screen is going."""
        if self.app.is_running and self.is_attached and self.is_mounted:
            self.show_all()

    def show_all(self) -> None:
        """Fill the widgets for the size of now."""
        look, width = self.look, self.size.width
        where = look.clean(self.front.cases, 400)
        left: Line = ((" jumpbag ", "strong"), (f"{look.rule} ", "dim"), (where, "dim"))
        self.query_one("#head", LinesView).show([spread(left, (), width, look)])
        self.query_one(FooterLine).update_footer(self.crumbs, self.hints)
        key, _ = self.front.registry.hint("cases.quit")
        tiny = f" needs {SMALLEST[0]}x{SMALLEST[1]}  {look.plain(key)} leaves"
        self.query_one("#tiny", LinesView).show([((tiny, "dim"),)])


class FrontPage(FrontScreen[None]):
    """Lines that are read, made anew for each width by ``build``."""

    AUTO_FOCUS = "#page"
    BINDINGS: ClassVar[list[BindingType]] = bindings("case pages")

    def __init__(self, crumb: str, title: str) -> None:
        super().__init__()
        self._crumb, self._title = crumb, title

    @property
    def crumbs(self) -> Sequence[str]:
        return ("cases", self._crumb)

    def body(self) -> Iterable[Widget]:
        page = PageLines(look=self.look, id="page")
        page.border_title = Content(self.look.clean(self._title, 80))
        return [page]

    def show_all(self) -> None:
        super().show_all()
        page = self.query_one("#page", PageLines)
        if page.inner:
            page.show(self.lines(page.inner))

    def lines(self, width: int) -> list[Line]:
        """The page in lines of at most ``width`` cells."""
        raise NotImplementedError

    def action_back(self) -> None:
        self.finish()
