"""Reads tables of a scenario with refusals that name the key and its line."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, NoReturn, TypeVar

from providers.emulators.scenario.model import ScenarioError
from providers.emulators.scenario.positions import Path as KeyPath
from providers.emulators.scenario.positions import line_of

T = TypeVar("T")
_MISSING: Any = object()


class Source:
    """The file that is read: its name for messages, its folder for relative paths, its line numbers."""

    def __init__(self, file: Path, positions: dict[KeyPath, int]) -> None:
        self.file = file
        self.folder = file.parent
        self.positions = positions

    def refuse(self, path: KeyPath, what: str, next: str) -> NoReturn:  # noqa: A002 - as in ScenarioError
        raise ScenarioError(f"{self.file.name} line {line_of(self.positions, path)}: {what}", next)


class Table:
    """One table. Every key must be asked for before :meth:`end`, which refuses those that were not."""

    def __init__(self, source: Source, value: Any, path: KeyPath, title: str) -> None:
        if not isinstance(value, dict):
            source.refuse(path, f"{title} must be a table", "write it as in the scenario reference")
        self.source = source
        self.value: dict[str, Any] = value
        self.path = path
        self.title = title
        self.known: set[str] = set()

    def refuse(self, key: str, what: str, next: str) -> NoReturn:  # noqa: A002 - as in ScenarioError
        self.source.refuse((*self.path, key), f'key "{key}" of {self.title} {what}', next)

    def _take(self, key: str, default: Any, fits: Callable[[Any], bool], kind: str) -> Any:
        self.known.add(key)
        if key not in self.value:
            if default is _MISSING:
                self.source.refuse(self.path, f'{self.title} lacks the key "{key}"', f"add it: {kind}")
            return default
        value = self.value[key]
        if not fits(value):
            self.refuse(key, "has the wrong kind of value", f"it takes {kind}")
        return value

    def text(self, key: str, default: Any = _MISSING, pattern: str = "", kind: str = "a text") -> str:
        value: str = self._take(key, default, lambda v: isinstance(v, str), kind)
        if pattern and key in self.value and not re.fullmatch(pattern, value):
            self.refuse(key, f"is {value!r}, which it cannot be", f"it takes {kind}")
        return value

    def whole(self, key: str, default: Any = _MISSING, low: int = 0, high: int = 2**53) -> Any:
        kind = f"a whole number of at least {low}"
        value = self._take(key, default, lambda v: isinstance(v, int) and not isinstance(v, bool), kind)
        if value is not None and not low <= value <= high:
            self.refuse(key, f"is {value}, which it cannot be", f"it takes {kind} and at most {high}")
        return value

    def number(self, key: str, default: Any = _MISSING, low: float = 0.0, high: float = math.inf) -> Any:
        kind = f"a number from {low:g}" + ("" if high == math.inf else f" to {high:g}")
        value = self._take(key, default, lambda v: isinstance(v, int | float) and not isinstance(v, bool), kind)
        if value is None:
            return None
        if not low <= value <= high or not math.isfinite(value):
            self.refuse(key, f"is {value}, which it cannot be", f"it takes {kind}")
        return float(value)

    def flag(self, key: str, default: bool = False) -> bool:
        return bool(self._take(key, default, lambda v: isinstance(v, bool), "true or false"))

    def choice(self, key: str, default: str, among: Iterable[str]) -> Any:
        names = list(among)
        value = self.text(key, default)
        if value not in names:
            self.refuse(key, f"is {value!r}, which it cannot be", "it takes one of " + ", ".join(names))
        return value

    def texts(self, key: str) -> tuple[str, ...]:
        def fits(value: Any) -> bool:
            return isinstance(value, list) and all(isinstance(item, str) for item in value)

        return tuple(self._take(key, [], fits, "a list of texts"))

    def pairs(self, key: str) -> dict[str, str]:
        def fits(value: Any) -> bool:
            return isinstance(value, dict) and all(isinstance(item, str) for item in value.values())

        return dict(self._take(key, {}, fits, "a table of texts"))

    def any(self, key: str) -> Any:
        return self._take(key, None, lambda _: True, "a value")

    def file(self, key: str, folder: bool = False) -> Path | None:
        """The file or directory that ``key`` names, relative to the scenario; None if the key is absent."""
        name = self.text(key, "")
        if not name:
            return None
        path = self.source.folder / name
        if not (path.is_dir() if folder else path.is_file()):
            noun = "directory" if folder else "file"
            self.refuse(key, f"names {name}, and there is no such {noun}", f"create it in {self.source.folder}")
        return path.resolve()

    def sub(self, key: str) -> Table | None:
        self.known.add(key)
        if key not in self.value:
            return None
        return Table(self.source, self.value[key], (*self.path, key), f"[{_dotted(self.path, key)}]")

    def each(self, key: str, read: Callable[[Table], T]) -> tuple[T, ...]:
        """Every table of the array ``key``, read by ``read``; () if there is none."""
        self.known.add(key)
        title = f"[[{_dotted(self.path, key)}]]"
        tables = self.value.get(key, [])
        if not isinstance(tables, list):
            self.refuse(key, "has the wrong kind of value", f"write {title}")
        items = []
        for index, value in enumerate(tables):
            table = Table(self.source, value, (*self.path, key, index), title)
            items.append(read(table))
            table.end()
        return tuple(items)

    def end(self) -> None:
        for key in self.value:
            if key not in self.known:
                known = ", ".join(sorted(self.known))
                self.source.refuse((*self.path, key), f'{self.title} has no key "{key}"', f"known are {known}")


def _dotted(path: KeyPath, key: str) -> str:
    return ".".join([*(part for part in path if isinstance(part, str)), key])
