"""A one-line input that keeps nothing a terminal would act on."""

from __future__ import annotations

import unicodedata

from textual.widgets import Input


class PlainInput(Input):
    """Pasted control, format and private-use characters are dropped; tabs and line ends become spaces."""

    def validate_value(self, value: str) -> str:
        """What is kept of ``value``, at most 500 characters."""
        kept = (" " if char in "\t\r\n" else char for char in value)
        return "".join(char for char in kept if unicodedata.category(char)[0] != "C")[:500]
