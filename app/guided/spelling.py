"""What to write instead of a word that a playbook has and nobody knows."""

from __future__ import annotations

import difflib
from collections.abc import Mapping


def nearest(word: str, known: Mapping[str, object] | tuple[str, ...]) -> str:
    """The known word that is most like it, as a question; all of them where none is."""
    near = difflib.get_close_matches(word, list(known), n=1)
    if near:
        return f"did you mean {near[0]!r}?"
    return f"known here: {', '.join(sorted(known))}" if known else "nothing may stand there"
