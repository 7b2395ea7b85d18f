"""A terminal in small: what stands on the screen after these bytes. It knows what Textual writes, no more."""

from __future__ import annotations

import codecs
import re

from rich.cells import cell_len

_TOKEN = re.compile(
    r"\x1b\[(?P<csi>[0-9;:?<>=! $]*)(?P<final>[@-~])"
    r"|\x1b[\]P_^X].*?(?:\x07|\x1b\\)"  # strings for the terminal: titles, queries
    r"|\x1b[()#%].|\x1b[^\[\]P_^X()#%]"
    r"|(?P<control>[\x00-\x1a\x1c-\x1f])"
    r"|(?P<text>[^\x00-\x1f]+)",
    re.DOTALL,
)


class Glass:
    """A grid of characters."""

    def __init__(self, columns: int, lines: int) -> None:
        self._size = columns, lines
        self._rows = [[" "] * columns for _ in range(lines)]
        self._x = self._y = 0
        self._rest = ""
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")

    def row(self, y: int) -> list[str]:
        """A line's cells; the second cell of a wide character is empty."""
        return self._rows[y]

    @property
    def lines(self) -> list[str]:
        """The screen, line by line."""
        return ["".join(row) for row in self._rows]

    @property
    def text(self) -> str:
        """The screen."""
        return "\n".join(self.lines)

    @property
    def shown(self) -> str:
        """The screen without its empty lines, for messages."""
        return "\n".join(line.rstrip() for line in self.lines if line.strip())

    def feed(self, data: bytes) -> None:
        """Take what was written."""
        text = self._rest + self._decoder.decode(data)
        end = 0
        for found in _TOKEN.finditer(text):
            if found.start() != end:
                break  # a sequence that is not whole yet
            end = found.end()
            if found["text"] is not None:
                self._put(found["text"])
            elif found["final"] is not None:
                self._sequence(found["csi"], found["final"])
            elif found["control"] is not None:
                self._control(found["control"])
        self._rest = text[end:]

    def _put(self, text: str) -> None:
        columns, lines = self._size
        for char in text:
            wide = cell_len(char)
            if self._y < lines and self._x < columns:
                self._rows[self._y][self._x] = char
                if wide == 2 and self._x + 1 < columns:
                    self._rows[self._y][self._x + 1] = ""
            self._x += wide

    def _sequence(self, given: str, final: str) -> None:
        numbers = [int(part) if part.isdigit() else 0 for part in given.split(";")]
        columns, lines = self._size
        if final == "H":
            self._y = max(1, numbers[0]) - 1
            self._x = (max(1, numbers[1]) if len(numbers) > 1 else 1) - 1
        elif final == "J" and numbers[0] == 2:
            self._rows = [[" "] * columns for _ in range(lines)]
        elif final == "K" and self._y < lines:
            self._rows[self._y][self._x :] = [" "] * max(0, columns - self._x)

    def _control(self, char: str) -> None:
        if char == "\r":
            self._x = 0
        elif char == "\n":
            self._y = min(self._size[1] - 1, self._y + 1)
