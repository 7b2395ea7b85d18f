"""The order in which two test processes share the work."""

from __future__ import annotations

import pytest

LONGEST = ("tests/terminal/", "tests/e2e/", "tests/screens/")
"""Folders whose modules take minutes; begun first, so that no process is left with one of them at the end."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    def rank(item: pytest.Item) -> int:
        return next((n for n, folder in enumerate(LONGEST) if item.nodeid.startswith(folder)), len(LONGEST))

    items.sort(key=rank)
