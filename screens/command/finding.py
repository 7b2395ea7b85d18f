"""Which commands the palette offers and in which order, and what completes an argument."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from textual.dom import DOMNode

from app.client.inventory import FLAGS
from app.model.view import CaseSnapshot
from screens.command.registry import Command
from screens.command.running import offered
from screens.command.seeking import findable, once
from screens.workbench.pane import Pane

if TYPE_CHECKING:
    from screens.root import Workbench

_GENERAL = frozenset({"everywhere", "guide", "panes", "back"})


def here(bench: Workbench) -> list[Command]:
    """What works now, what is nearest to what is seen first."""
    nodes = {one: offered(bench, one) for one in findable(bench.registry.commands)}
    found = [one for one, node in nodes.items() if node is not None]
    found.sort(key=lambda one: _distance(bench, one, nodes[one]))
    return once(found)


def _distance(bench: Workbench, command: Command, node: DOMNode | None) -> int:
    """What belongs to the pane or page at hand comes first, what leads away from it last."""
    if command.section in _GENERAL:
        return 2 if node is bench else 1
    at_hand = node is bench.screen or (isinstance(node, Pane) and node is bench.workbench.current)
    if node is not None and node.screen is bench.screen:
        return 0 if at_hand or not isinstance(node, Pane) else 3
    return 4


def arguments(command: Command, snapshot: CaseSnapshot) -> Iterable[str]:
    """What may follow a command's word."""
    if command.id == "resources.sort":
        return ("name", "kind", "size", "id", "account", "region", "state", "reading", "desc")
    if command.id in ("filter", "pane.resources"):
        accounts = (f"account={one.name}" for one in snapshot.accounts if one.name.isprintable())
        return (*FLAGS, "kind=disk", "kind=instance", "tag=", *accounts)
    if command.id == "pane.custody":
        return ("acq=", "actor=", "op=", "phase=failed", *(f"acq={one.id}" for one in snapshot.acquisitions))
    if command.id == "pane.acquisitions":
        return tuple(f"state={state}" for state in sorted({one.state for one in snapshot.acquisitions}))
    return ()
