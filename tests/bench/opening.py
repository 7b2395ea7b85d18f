"""How long it takes until there is something to see."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from tests.bench import world
from tests.bench.place import SEEN, Place
from tests.bench.table import Row

RUNS, FEWER = 7, 3
TOTAL = f"{world.MANY:,}"
FIRST_S, ROWS_S = 0.40, 0.50


def first_frames(place: Place) -> Iterator[Row]:
    """From the spawn of ``jumpbag CASE`` to the first bytes that hold data of the case."""
    with place.agent() as writer:
        with place.jumpbag() as seat:  # a warm-up: files in the page cache, bytecode written
            seat.sees(SEEN)
        first = []
        for _ in range(RUNS):
            with place.jumpbag() as seat:
                first.append(seat.sees(SEEN) - seat.began)
        yield Row("first data frame, `jumpbag CASE`", first, "s", FIRST_S)
        writer.order("inventory", world.MANY)
        first, total = [], []
        for _ in range(RUNS):
            with place.jumpbag() as seat:
                first.append(seat.sees(SEEN) - seat.began)
                total.append(seat.sees(TOTAL) - seat.began)
        yield Row(f"first data frame, {TOTAL} resources there", first, "s", FIRST_S)
        yield Row(f"  until {TOTAL} rows can be paged (cold open)", total, "s")
        writer.order("work")
        first = []
        for _ in range(RUNS):
            with place.jumpbag() as seat:
                first.append(seat.sees(SEEN) - seat.began)
        yield Row("  first data frame, and 20 acquisitions run besides", first, "s")


def agent_started(place: Place, kept: Path) -> Iterator[Row]:
    """The same where no agent runs: the true one is started by the screens, beside their first frame."""
    with place.agent():
        pass
    place.keep(kept)
    first = []
    for _ in range(FEWER):
        place.restore(kept)
        with place.jumpbag() as seat:
            first.append(seat.sees(SEEN) - seat.began)
        place.stop_agent()
    yield Row("first data frame, no agent runs: it starts the true one", first, "s", FIRST_S)


def rows_appear(place: Place) -> Iterator[Row]:
    """From the commit of 100,000 resources to their number and first rows on an open screen."""
    once, apart, keys = [], [], []
    for _ in range(FEWER):
        with place.agent() as writer, place.jumpbag() as seat:
            seat.sees(SEEN)
            seat.quiet()
            at = writer.order("inventory", world.MANY)
            once.append(
                max(0.0, seat.until(lambda glass: TOTAL in glass.text and "-000000" in glass.text, TOTAL) - at)
            )
    yield Row(f"{TOTAL} rows appear, one commit (with the wait for the poll)", once, "s", ROWS_S)
    for _ in range(FEWER):
        with place.agent() as writer, place.jumpbag() as seat:
            seat.sees(SEEN)
            seat.press("2")
            seat.quiet()
            writer.begin("scans", world.MANY)
            seat.until(lambda glass: "2 Resources" in glass.text and "-000000" in glass.text, "the first rows")
            for key in "jjjjkkkkjjjjkkkk":
                keys.append(seat.press(key).first * 1000)
                seat.watch(0.05)
            at = writer.done()
            apart.append(max(0.0, seat.sees(TOTAL, 60) - at))
    yield Row("  committed as 200 scans: the last one to the whole number", apart, "s")
    yield Row("  keys meanwhile, to the first byte", keys, "ms")
