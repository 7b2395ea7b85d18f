"""A bar that is as high as its lines."""

from __future__ import annotations

from textual.app import App, ComposeResult

from screens.present.cells import TONES, Line
from screens.widgets.line_view import LinesView


def lines(count: int) -> list[Line]:
    return [((f"line {place}", ""),) for place in range(count)]


class Bar(App[None]):
    CSS = "LinesView { height: auto; }"

    def compose(self) -> ComposeResult:
        yield LinesView()

    def get_theme_variable_defaults(self) -> dict[str, str]:
        moods = {
            "cursor-ground": "#303030",
            "cursor-idle-ground": "#202020",
            "cursor-style": "",
            "cursor-idle-style": "",
        }
        return {f"tone-{tone}": "#808080" for tone in (*TONES, "key")} | moods


async def test_lines_that_change_twice_while_the_screen_is_laid_out_get_their_height() -> None:
    app = Bar()
    async with app.run_test(size=(80, 24)) as pilot:
        view = app.query_one(LinesView)
        view.show(lines(3))
        app.screen._clear_arrangement_cache()  # as another widget's change, or a new size of the terminal, does
        app.screen.arrange(app.size)
        view.show(lines(2))
        await pilot.pause()
        assert view.size.height == 2
