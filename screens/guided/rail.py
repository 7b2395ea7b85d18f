"""The rail in the place of the accounts, and the strip over a pane where there is no room for it."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from rich.cells import cell_len
from textual.app import App
from textual.content import Content

from screens.command.naming import key_of
from screens.guided.lines import rail, strip
from screens.present.cells import Line, fit, fit_line
from screens.widgets.edges import set_subtitle, set_title
from screens.widgets.line_view import LinesView

if TYPE_CHECKING:
    from screens.root import Workbench

_LOW, _LOW_PAGE = 20, 32  # up to so many lines of a screen the strip has one


class GuideRail(LinesView):
    """The steps of the playbook that is followed. It has no cursor: it points, and the panes act."""

    def __init__(self, **more: object) -> None:
        super().__init__(id="rail", **more)  # type: ignore[arg-type]

    def on_mount(self) -> None:
        self.set_class(self.look.ascii, "-ascii")

    def show_run(self) -> None:
        """Show the run as it is now."""
        shown, size = _bench(self.app).follower.shown, self.scrollable_content_region
        if shown is None or not size.width:
            return
        title = f"Guided: {self.look.clean(shown.run.title, 60)}"
        room = size.width - 4  # Textual would cut it with an ellipsis of its own
        set_title(self, Content(fit(title, room, self.look) if cell_len(title) > room else title))
        set_subtitle(self, Content(f"{key_of(_bench(self.app), 'guide')} playbooks"))
        more = key_of(_bench(self.app), "guide.more")
        self.show(rail(shown, size.width, size.height, self.look, more))

    def repaint_all(self) -> None:
        super().repaint_all()
        self.call_after_refresh(self.show_run)


class GuideStrip(LinesView):
    """The present step in a few lines; or, before any run, what the case offers."""

    def __init__(self, **more: object) -> None:
        super().__init__(id="guide-strip", **more)  # type: ignore[arg-type]

    def show_run(self, *, railed: bool = False, page: bool = False) -> None:
        """``railed``: the rail is seen, so that the strip has nothing to add. ``page``: it stands over another
        screen, which needs the room; what the case offers is told on the workbench."""
        lines = self._content_of(_bench(self.app), railed, page)
        self.display = bool(lines)
        self.show(lines)

    def _content_of(self, bench: Workbench, railed: bool, page: bool) -> list[Line]:
        width, look = self.screen.size.width, self.look
        shown, offer = bench.follower.shown, bench.follower.offer
        if shown is not None:
            rows = 3 if self.screen.size.height > (_LOW_PAGE if page else _LOW) else 1
            return [] if railed else strip(shown, width, rows, look, key_of(bench, "guide.more"))
        if offer is None or page:
            return []
        title = look.clean(offer.playbook.title, 60)
        back = key_of(bench, "panes.back")
        head: Line = (
            (f" {look.shut} ", "live"),
            (f"{title}: ", "strong"),
            (f" {key_of(bench, 'guide')} ", "next"),
            (" begins, ", ""),
            (back, "key"),
            (" looks around alone", ""),
        )
        said: Line = (("   ", ""), (look.clean(offer.playbook.summary, 300), "dim"))
        return [fit_line(head, width, look), fit_line(said, width, look)]


def _bench(app: App[object]) -> Workbench:
    return cast("Workbench", app)
