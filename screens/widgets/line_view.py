"""The base of every list and bar: lines drawn on demand, repainted only where their cells changed.

Stock tables build a widget or a cell object per row and repaint whole rows; over ssh that is the
difference between one kilobyte a second and seventy.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

from rich.cells import cell_len
from rich.segment import Segment
from rich.style import Style
from textual.events import Resize
from textual.geometry import Region, Size
from textual.scroll_view import ScrollView
from textual.strip import Strip

from app.text import visible
from screens.present.cells import TONES, Line
from screens.present.look import UNICODE, Look

_NEAR = 12  # cells
_COLOURS = {tone: f"tone-{tone}" for tone in TONES} | {"next": "tone-key"}
_WEIGHTS = {"strong": "bold", "need": "bold", "bad": "bold", "next": "bold reverse"}
_MOODS = {"cursor": ("cursor-ground", "cursor-style"), "idle": ("cursor-idle-ground", "cursor-idle-style")}
_VARIABLES = (*sorted(set(_COLOURS.values())), *(name for pair in _MOODS.values() for name in pair))


@lru_cache(8)
def _styles(values: tuple[str, ...]) -> dict[str, Style]:
    """How tones and moods look, from the theme's variables in the order of :data:`_VARIABLES`.

    Component classes would say the same, but then the style sheet is applied to each of them, in every view, when
    the focus or a class changes.
    """
    given = dict(zip(_VARIABLES, values, strict=True))
    out = {"": Style.null()}
    for tone, colour in _COLOURS.items():
        out[tone] = Style(color=given[colour]) + Style.parse(_WEIGHTS.get(tone, ""))
    for mood, (ground, style) in _MOODS.items():
        out[mood] = Style(bgcolor=given[ground]) + Style.parse(given[style])
    return out


class LineView(ScrollView, can_focus=False, inherit_bindings=False):
    """Shows :meth:`line` for each of :meth:`line_count` lines. Call :meth:`repaint` after a change."""

    ALLOW_SELECT = False
    DEFAULT_CSS = """
    LineView {
        overflow-x: hidden;
        overflow-y: auto;
        scrollbar-size: 0 0;
        background: $background;
        color: $foreground;
    }
    """

    def __init__(
        self,
        *,
        look: Look = UNICODE,
        id: str | None = None,  # noqa: A002 (Textual's own name)
        classes: str | None = None,
    ) -> None:
        super().__init__(id=id, classes=classes)
        self.look = look
        self._painted: dict[int, tuple[Line, str]] = {}  # what stands in each row of the view

    # What subclasses say

    def line(self, y: int) -> Line:
        """The content of line ``y`` (0 is the first), no wider than :attr:`inner`."""
        raise NotImplementedError

    def line_count(self) -> int:
        """How many lines there are."""
        raise NotImplementedError

    def mood(self, y: int) -> str:
        """``cursor``, ``idle`` (the cursor of a list that has no focus) or ""."""
        return ""

    # What they get

    @property
    def inner(self) -> int:
        """Width for lines, in cells."""
        return self.scrollable_content_region.width

    def resize_lines(self) -> None:
        """Tell the scrolling how many lines there are now."""
        size = Size(self.inner, self.line_count())
        if size != self.virtual_size:
            self.virtual_size = size
            if self.styles.auto_dimensions:
                # Textual keeps a widget's box by the count of its layout requests, and does not count one that
                # comes while another waits; were the screen laid out between the two, the first one's would stay.
                self._layout_updates += 1
                self.refresh(layout=True)

    def repaint(self) -> None:
        """Refresh the cells that differ from what was last drawn, and nothing else."""
        self.resize_lines()
        top, height, width = self.scroll_offset.y, self.scrollable_content_region.height, self.inner
        if not width or not self.is_attached:
            return
        regions: list[Region] = []
        for row in range(height):
            fresh = self._look_up(top + row)
            drawn = self._painted.get(row)
            if drawn == fresh:
                continue
            if drawn is None or drawn[1] != fresh[1]:
                regions.append(Region(0, row, width, 1))
            else:
                regions += [
                    Region(start, row, end - start, 1) for start, end in differences(drawn[0], fresh[0], width)
                ]
            self._painted[row] = fresh
        if regions:
            self.refresh(*regions)

    def repaint_all(self) -> None:
        """Draw every visible line anew (another width, another theme)."""
        self._painted.clear()
        self.resize_lines()
        self.refresh()

    def render_line(self, y: int) -> Strip:
        found = self._painted[y] = self._look_up(y + self.scroll_offset.y)
        return self._strip(*found)

    def watch_scroll_y(self, old_value: float, new_value: float) -> None:
        # Textual would repaint the whole view; rows of a list have much in common.
        if round(old_value) != round(new_value):
            LineView.repaint(self)

    def on_resize(self, event: Resize) -> None:
        self.repaint_all()

    def _look_up(self, y: int) -> tuple[Line, str]:
        if 0 <= y < self.line_count():
            return self.line(y), self.mood(y)
        return (), ""

    def _strip(self, line: Line, mood: str) -> Strip:
        base = self.visual_style.rich_style
        variables = self.app.theme_variables
        styles = _styles(tuple(variables[name] for name in _VARIABLES))
        over = styles[mood]
        segments: list[Segment] = []
        for text, tone in line:
            style = base + styles[tone] if tone else base
            # The second look: whatever a formatter forgot, no control character reaches the terminal.
            shown = text if text.isprintable() else visible(text, cap=len(text) + 64)
            segments.append(Segment(self.look.plain(shown), style + over))
        return Strip(segments).adjust_cell_length(self.inner, base + over).simplify()


class LinesView(LineView):
    """A view of lines that are given to it."""

    def __init__(
        self,
        lines: Sequence[Line] = (),
        *,
        look: Look = UNICODE,
        id: str | None = None,  # noqa: A002
        classes: str | None = None,
    ) -> None:
        super().__init__(look=look, id=id, classes=classes)
        self._lines: Sequence[Line] = lines

    def show(self, lines: Sequence[Line]) -> None:
        """Replace the lines; only cells that differ are painted."""
        self._lines = lines
        self.repaint()

    @property
    def text(self) -> str:
        """What is shown, as plain text."""
        return "\n".join("".join(text for text, _ in line) for line in self._lines)

    def line(self, y: int) -> Line:
        return self._lines[y]

    def line_count(self) -> int:
        return len(self._lines)


def differences(old: Line, new: Line, width: int) -> list[tuple[int, int]]:
    """The columns in which two lines differ, as (first, one past the last); never half of a wide character.

    What differs a few cells apart is one change: to move there costs as much as those cells. A line with
    characters that are shown as something else (see :meth:`LineView._strip`) differs as a whole.
    """
    if not all(text.isprintable() for text, _ in (*old, *new)):
        return [(0, width)] if old != new else []
    before, after = _cells(old, width), _cells(new, width)
    out: list[tuple[int, int]] = []
    for column in range(width):
        if before[column] != after[column]:
            if out and column - out[-1][1] <= _NEAR:
                out[-1] = (out[-1][0], column + 1)
            else:
                out.append((column, column + 1))
    return out


def _cells(line: Line, width: int) -> list[tuple[str, str]]:
    """What stands in each cell, and in which tone. The second cell of a wide character knows the character too."""
    out: list[tuple[str, str]] = []
    for text, tone in line:
        if text.isascii():
            out += [(char, tone) for char in text]
            continue
        for char in text:
            size = cell_len(char)
            if size == 0 and out:
                out[-1] = (out[-1][0] + char, tone)
            elif size:
                out += [(char, tone), (f"\0{char}", tone)][:size]
    out += [(" ", "")] * (width - len(out))
    return out[:width]
