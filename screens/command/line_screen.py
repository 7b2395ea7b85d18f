"""Where a ``:`` command is typed: the last line of the screen, with what may follow above it."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.widgets import Input

from screens.command.line import History, common, complete, parse
from screens.command.registry import Command, Registry
from screens.ending import Dialog
from screens.present.cells import Line
from screens.present.look import Look
from screens.widgets.line_view import LinesView
from screens.widgets.plain_input import PlainInput

_SHOWN = 6

Arguments = Callable[[Command], Iterable[str]]
"""What may follow a command's word, as far as it is known."""


class LineField(PlainInput):
    """Up and Down bring back earlier lines, Tab completes."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("up", "screen.older(-1)", "older", show=False),
        Binding("down", "screen.older(1)", "newer", show=False),
        Binding("tab", "screen.complete", "complete", show=False),
    ]


class CommandLine(Dialog[str | None]):
    """Dismissed with the line, or None."""

    CSS_PATH = Path(__file__).with_name("command.tcss")
    AUTO_FOCUS = "#line"
    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape", "leave", "leave", show=False)]

    def __init__(
        self,
        registry: Registry,
        history: History,
        arguments: Arguments,
        works: Callable[[Command], bool],
        look: Look,
        text: str = "",
    ) -> None:
        super().__init__()
        self._registry = registry
        self._history = history
        self._arguments = arguments
        self._works = works
        self._look = look
        self._text = text

    def compose(self) -> ComposeResult:
        with Vertical(id="command"):
            yield LinesView(look=self._look, id="follows")
            with Horizontal(id="typed"):
                yield LinesView([((":", "key"),)], look=self._look, id="colon")
                yield LineField(self._text, id="line", select_on_focus=False)

    def on_mount(self) -> None:
        self._history.rewind()
        self.query_one(LineField).cursor_blink = False
        self._tell(self._text)

    @on(Input.Changed)
    def _changed(self, event: Input.Changed) -> None:
        self._tell(event.value)

    @on(Input.Submitted)
    def _entered(self, event: Input.Submitted) -> None:
        self.finish(event.value.strip() or None)

    def action_leave(self) -> None:
        self.finish(None)

    def action_older(self, by: int) -> None:
        field = self.query_one(LineField)
        self._put(self._history.step(by, field.value))

    def action_complete(self) -> None:
        """To the longest beginning that all completions share; one alone is taken whole."""
        found = self._complete(self.query_one(LineField).value)
        if len(found) == 1:
            command = parse(found[0], self._registry).command
            more = " " if command is not None and command.takes and " " not in found[0] else ""
            self._put(found[0] + more)
        elif found:
            self._put(max(common(found), self.query_one(LineField).value, key=len))

    def _complete(self, text: str) -> list[str]:
        """The completions that do something on this screen."""
        found = complete(text, self._registry, self._arguments)
        commands = [parse(one, self._registry).command for one in found]
        return [
            one
            for one, command in zip(found, commands, strict=True)
            if command is not None and self._works(command)
        ]

    def _put(self, text: str) -> None:
        field = self.query_one(LineField)
        field.value = text
        field.cursor_position = len(text)

    def _tell(self, text: str) -> None:
        """What may follow, a line each; for a whole command what it does."""
        look, lines = self._look, list[Line]()
        found = self._complete(text) if text.strip() else []
        for one in found[:_SHOWN]:
            command = parse(one.partition(" ")[0], self._registry).command
            told = command.help if command and " " not in one else ""
            lines.append(((f" {look.clean(one, 60):<24} ", "key"), (look.plain(told), "dim")))
        if len(found) > _SHOWN:
            lines.append(((f" {len(found) - _SHOWN} more", "dim"),))
        asked = parse(text, self._registry)
        if not lines and asked.command is not None:
            takes = f" {asked.command.takes}" if asked.command.takes else ""
            lines.append(
                ((f" :{asked.command.names[0]}{takes}  ", "key"), (look.plain(asked.command.help), "dim"))
            )
        elif not lines and asked.problem:
            lines.append(((f" {look.clean(asked.problem, 200)}", "need"),))
        elif not lines:
            lines.append(((" Tab completes, Up brings back what was typed, Esc leaves", "dim"),))
        self.query_one("#follows", LinesView).show(lines)
