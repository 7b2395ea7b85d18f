"""On which line of a TOML text each key and table stands.

``tomllib`` gives values without positions, and a refusal that names no line sends its reader hunting.
This scanner reads headers and keys only; values are skipped, so it runs on text that tomllib has accepted.
"""

from __future__ import annotations

Path = tuple[str | int, ...]

_OPEN, _CLOSE = "[{", "]}"


def locate(text: str) -> dict[Path, int]:
    """Line numbers (from 1) by path; arrays of tables are indexed: ``("aws", "accounts", 0, "id")``.

    Keys inside inline tables and arrays are not listed: they stand where their parent stands
    (see :func:`line_of`). The text must be valid TOML.
    """
    return _Scanner(text).run()


def line_of(positions: dict[Path, int], path: Path) -> int:
    """The line of ``path``, or of its nearest enclosing key; 1 if nothing of it is known."""
    for end in range(len(path), 0, -1):
        line = positions.get(path[:end])
        if line is not None:
            return line
    return 1


class _Scanner:
    def __init__(self, text: str) -> None:
        self.text = text
        self.at = 0
        self.line = 1
        self.table: Path = ()
        self.arrays: dict[Path, int] = {}
        self.found: dict[Path, int] = {}

    def run(self) -> dict[Path, int]:
        while self.at < len(self.text):
            char = self.text[self.at]
            if char in " \t\r\n":
                self._step()
            elif char == "#":
                self._skip_line()
            elif char == "[":
                self._header()
            else:
                self._pair()
        return self.found

    def _step(self, count: int = 1) -> None:
        self.line += self.text.count("\n", self.at, self.at + count)
        self.at += count

    def _skip_line(self) -> None:
        end = self.text.find("\n", self.at)
        self.at = len(self.text) if end < 0 else end

    def _header(self) -> None:
        array = self.text.startswith("[[", self.at)
        line = self.line
        self._step(2 if array else 1)
        names = self._dotted("]")
        self._step(2 if array else 1)
        parent = self._resolve(names[:-1])
        path: Path = (*parent, names[-1])
        if array:
            index = self.arrays.get(path, -1) + 1
            self.arrays[path] = index
            path = (*path, index)
        else:
            path = self._resolve(names)
        self.table = path
        self.found[path] = line
        # What a header names on the way stands where it is first mentioned.
        for end in range(1, len(path)):
            self.found.setdefault(path[:end], line)

    def _pair(self) -> None:
        line = self.line
        names = self._dotted("=")
        self._step()
        for end in range(1, len(names) + 1):
            self.found.setdefault((*self.table, *names[:end]), line)
        self._value()

    def _resolve(self, names: list[str]) -> Path:
        path: Path = ()
        for name in names:
            path = (*path, name)
            if path in self.arrays:
                path = (*path, self.arrays[path])
        return path

    def _dotted(self, end: str) -> list[str]:
        names: list[str] = []
        bare = ""
        while self.at < len(self.text) and self.text[self.at] != end:
            char = self.text[self.at]
            if char in "\"'":
                bare += self._string()
            else:
                if char == ".":
                    names.append(bare)
                    bare = ""
                elif char not in " \t":
                    bare += char
                self._step()
        return [*names, bare]

    def _string(self) -> str:
        quote = self.text[self.at]
        mark = quote * 3 if self.text.startswith(quote * 3, self.at) else quote
        self._step(len(mark))
        start = self.at
        while self.at < len(self.text) and not self.text.startswith(mark, self.at):
            self._step(2 if quote == '"' and self.text[self.at] == "\\" else 1)
        inside = self.text[start : self.at]
        self._step(len(mark))
        while len(mark) == 3 and self.text.startswith(quote, self.at):
            self._step()
        return inside

    def _value(self) -> None:
        depth = 0
        while self.at < len(self.text):
            char = self.text[self.at]
            if char == "\n" and depth == 0:
                return
            if char in "\"'":
                self._string()
                continue
            if char == "#":
                self._skip_line()
                continue
            depth += (char in _OPEN) - (char in _CLOSE)
            self._step()
