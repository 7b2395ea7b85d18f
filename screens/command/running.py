"""Carrying a command out: on the screen that is seen, or back on the workbench for what only looks."""

from __future__ import annotations

from typing import TYPE_CHECKING

from textual.actions import parse as parse_action
from textual.dom import DOMNode

from screens.base import CaseScreen
from screens.command.line import parse
from screens.command.registry import Command

if TYPE_CHECKING:
    from screens.root import Workbench


def offered(bench: Workbench, command: Command) -> DOMNode | None:
    """Who carries the command out now, None where it does nothing.

    What may change or end something acts on the screen that is seen; what only looks leads back to the workbench.
    """
    if command.action.startswith("app."):
        return bench
    screen = bench.screen
    if isinstance(screen, CaseScreen):
        found = screen.offers(command)
        if found is not None:
            return found
    return None if command.writes or screen is bench.workbench else bench.workbench.offers(command)


async def run(bench: Workbench, command: Command, argument: str = "") -> None:
    """Carry a command out, or say why not."""
    held = bench.held(command.id)
    if held:
        bench.say(held, "warning")
        return
    node = offered(bench, command)
    if node is None:
        where = {"plan": "on a plan", "leases": "among the leases", "evidence": "among the evidence"}
        bench.say(
            f":{(command.names or (command.id,))[0]} works {where.get(command.section, 'in its pane')}.", "warning"
        )
        return
    if node is not bench and node.screen is not bench.screen:
        await bench.back_to_workbench()
    if argument:
        _, _, parameters = parse_action(command.action)
        getattr(node, command.taker)(*parameters, argument)
    else:
        await bench.run_action(command.action, default_namespace=node)


async def run_line(bench: Workbench, text: str) -> None:
    """Carry out what was typed after ``:``."""
    asked = parse(text, bench.registry)
    if asked.problem:
        bench.say(bench.look.clean(asked.problem, 300), "warning")
    elif asked.command is not None:
        bench.history.add(text.strip())
        await run(bench, asked.command, asked.argument)
