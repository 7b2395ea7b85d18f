"""How texts on the screen name a command."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from screens.root import Workbench


def key_of(bench: Workbench, ident: str) -> str:
    """The key of the command ``ident`` as the user has it, its ``:word`` where it has none, in glyphs of the
    terminal."""
    return bench.look.plain(bench.registry.key(ident))
