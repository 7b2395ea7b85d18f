"""An order to start whose answer was lost: custody says whether it arrived."""

from __future__ import annotations

from typing import TYPE_CHECKING

from app.faults import Fault

if TYPE_CHECKING:
    from screens.root import Workbench

_LOOKS_S = 1.0


async def arrived(bench: Workbench, digest: str, after: int) -> str:
    """The acquisition that came of this examiner's order to start the plan of that digest, given when custody had
    ``after`` lines; "" where none did.

    Waits until the agent answers and its record can be read. An agent takes what an earlier connection has sent
    before it takes a new one, and an agent that is started anew has nothing but its log: what is not approved by
    then was not started.
    """
    while True:
        if bench.link.state == "attached":
            found = await bench.reader.approved(bench.examiner, digest, after)
            if found is not None:
                return found
        await bench.clock.sleep(_LOOKS_S)


def not_arrived() -> Fault:
    """What is told of an order that did not arrive."""
    return Fault(
        "custody has no approval of this plan: the order did not arrive",
        next="give the order again: plan again, and approve that plan",
    )
