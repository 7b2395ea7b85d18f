"""Titles in a widget's border, set without painting what the border is around.

Textual repaints the whole widget, and so all that stands in it, whenever its border's title changes.
"""

from __future__ import annotations

from textual.content import Content
from textual.geometry import Region
from textual.widget import Widget


def set_title(widget: Widget, content: Content | None) -> None:
    """The title in the upper border; None for none."""
    if widget._border_title != content:
        widget._border_title = content
        _repaint(widget, 0)


def set_subtitle(widget: Widget, content: Content | None) -> None:
    """The title in the lower border; None for none."""
    if widget._border_subtitle != content:
        widget._border_subtitle = content
        _repaint(widget, widget.outer_size.height - 1)


def _repaint(widget: Widget, row: int) -> None:
    if not widget.outer_size:
        widget.refresh()
        return
    inset = widget.content_offset  # regions count from the content
    widget.refresh(Region(-inset.x, row - inset.y, widget.outer_size.width, 1))
