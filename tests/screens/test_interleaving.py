"""Whatever order and grouping the updates come in, the same case ends in the same screen."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import Callable
from pathlib import Path

import msgspec
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from app.case.readmodel import ReadModel
from app.model.view import CustodyFacts, Scan
from tests.screens.conftest import desk_on
from tests.screens.seed import (
    NOW,
    accounts,
    acquisitions,
    add_events,
    facts,
    leases,
    resources,
    step_rows,
)

Write = Callable[[ReadModel], None]


def streams() -> list[list[Write]]:
    """Per topic its writes in their own order; topics may be interleaved in any way."""
    runs = acquisitions(NOW)
    half = [msgspec.structs.replace(one, bytes_done=1, state="running", error=None) for one in runs]
    scan = Scan(cloud="aws", account="5" * 12, region="r", state="running", found=0, error=None, at="")
    return [
        [lambda m: m.accounts(accounts()[:3]), lambda m: m.accounts(accounts())],
        [lambda m: m.resources("s-1", resources()[:20]), lambda m: m.resources("s-1", resources())],
        [lambda m: m.scan(scan), lambda m: m.scan(msgspec.structs.replace(scan, state="done"))],
        [lambda m, one=one: m.acquisition(one) for one in (*half, *runs)],  # type: ignore[misc]
        [lambda m, one=one: m.lease(one) for one in leases(NOW)],  # type: ignore[misc]
        [lambda m: m.steps(step_rows(NOW))],
        [
            lambda m: add_events(m, 1, 130, NOW),
            lambda m: add_events(m, 131, 214, NOW),
            lambda m: m.fact("custody", CustodyFacts(events=214, lines=214, checkpointed_to=200)),
        ],
    ]


def start(path: Path) -> ReadModel:
    model = ReadModel(path)
    facts(model, NOW)
    add_events(model, 1, 1, NOW)
    return model


async def final_screen(order: list[tuple[int, bool]]) -> str:
    """Apply the writes in this order; the flag says whether the screens read before the next write."""
    waiting = streams()
    with tempfile.TemporaryDirectory() as folder:
        async with desk_on(Path(folder), fill=start) as d:
            for topic, look in order:
                waiting[topic].pop(0)(d.model)
                if look:
                    await d.pilot.pause()
            for left in waiting:
                for write in left:
                    write(d.model)
            snapshot = d.app
            await d.until(
                lambda: (
                    snapshot.snapshot.event_lines == 214
                    and snapshot.snapshot.acquisitions == tuple(acquisitions(NOW))
                    and len(snapshot.shelf.order) == len(resources())
                    and len(snapshot.workbench.resources.rows.source) == len(resources())
                    and len(snapshot.snapshot.steps) == 9
                    and len(snapshot.snapshot.leases) == 5
                )
            )
            await d.sees("61, 9 eligible", "214 events", "data-lake")
            await d.settled()
            return d.text


@st.composite
def orders(draw: st.DrawFn) -> list[tuple[int, bool]]:
    left = [topic for topic, writes in enumerate(streams()) for _ in writes]
    return [(topic, draw(st.booleans())) for topic in draw(st.permutations(left))]


EXPECTED: list[str] = []


@settings(max_examples=5, deadline=None, suppress_health_check=list(HealthCheck))
@given(orders())
def test_any_interleaving_ends_in_the_same_screen(order: list[tuple[int, bool]]) -> None:
    if not EXPECTED:
        EXPECTED.append(asyncio.run(final_screen([])))
    assert asyncio.run(final_screen(order)) == EXPECTED[0]
