"""What it costs to work with 100,000 resources while twenty acquisitions run: bytes, processor, keys, memory."""

from __future__ import annotations

import random
import re
from collections import defaultdict
from collections.abc import Callable, Iterator
from pathlib import Path

from tests.bench import world
from tests.bench.glass import Glass
from tests.bench.opening import TOTAL
from tests.bench.place import Place
from tests.bench.seat import NotMeasured, Seat, Stroke
from tests.bench.table import Row

HEAVY = (
    *("boto3", "botocore", "aiobotocore", "dbos", "pycurl", "moto", "azure", "google", "sqlalchemy"),
    *("app.agent", "app.acquisition", "app.transfer", "providers"),
)
KEY_MS, FILTER_MS, BYTES_KB, CPU_PERCENT, RSS_MB = 50, 100, 5, 5, 80
PRESSES, WINDOW_S, FILTERS = 300, 10.0, 5
_PLACE = re.compile(rf"([\d,]+)/{TOTAL}\b")
_MIX = "jjjjjjjkkkkkPPPPGgT134E"
"""j, k, PgDn, G, g, Tab, the panes, Enter and Esc, as often as they stand here."""


def at(glass: Glass) -> int:
    """The position in the resources pane."""
    found = _PLACE.search(glass.text)
    if found is None:
        raise NotMeasured(f"no position in the resources pane:\n{glass.shown}")
    return int(found[1].replace(",", ""))


def stands(place: int) -> Callable[[Glass], bool]:
    """The cursor of the resources pane is there."""
    return lambda glass: at(glass) == place


def past(place: int) -> Callable[[Glass], bool]:
    """It is further down."""
    return lambda glass: at(glass) > place


def live(seat: Seat, what: str, windows: int = 1) -> Iterator[Row]:
    """Windows of ten seconds in which nobody touches a key."""
    sent, used = [], []
    for _ in range(windows):
        seat.watch(0.5)
        before, cpu = seat.read, seat.cpu()
        seat.watch(WINDOW_S)
        sent.append((seat.read - before) / WINDOW_S / 1000)
        used.append((seat.cpu() - cpu) / WINDOW_S * 100)
    yield Row(f"bytes written, {what}", sent, "kB/s", BYTES_KB)
    yield Row(f"  processor, of one core, {what}", used, "%", CPU_PERCENT)


def keys(seat: Seat) -> Iterator[Row]:
    """Three hundred keys, one at a time, each as soon as what the last one did was seen."""
    chance = random.Random(5)
    first: dict[str, list[float]] = defaultdict(list)
    seen: dict[str, list[float]] = defaultdict(list)
    written: dict[str, list[float]] = defaultdict(list)

    def press(key: str, effect: Callable[[Glass], object] | None = None) -> None:
        before = seat.read
        stroke: Stroke = seat.press(key, effect)
        kind = "panes" if key in "1234" else key
        first[kind].append(stroke.first * 1000)
        if effect is not None:
            seen[kind].append(stroke.seen * 1000)
        seat.watch(chance.uniform(0.02, 0.06))
        written[kind].append((seat.read - before) / 1000)

    seat.press("2")
    seat.quiet(0.1, 1.0)
    while sum(map(len, first.values())) < PRESSES:
        kind, now = chance.choice(_MIX), at(seat.glass)
        if now == (1 if kind in "kg" else world.MANY if kind in "jPG" else 0):
            continue  # it would change nothing
        if kind == "j":
            press("j", stands(now + 1))
        elif kind == "k":
            press("k", stands(now - 1))
        elif kind == "P":
            press("PgDn", past(now))
        elif kind == "G":
            press("G", stands(world.MANY))
        elif kind == "g":
            press("g", stands(1))
        elif kind == "E":
            press("Enter", lambda glass: "4 Custody" not in glass.text)
            press("Esc", lambda glass: "4 Custody" in glass.text)
        else:
            press("Tab" if kind == "T" else kind)
            press("2")
    yield Row(
        f"key to first byte, {TOTAL} resources, 20 running", [v for part in first.values() for v in part], "ms",
        KEY_MS, "p95",
    )  # fmt: skip
    for kind, values in first.items():
        yield Row(f"  {kind}: first byte ({len(values)} keys, longest {max(values):.0f} ms)", values, "ms")
        if seen[kind]:
            yield Row(f"  {kind}: its effect on the screen (longest {max(seen[kind]):.0f} ms)", seen[kind], "ms")
        if kind in ("j", "PgDn"):
            yield Row(f"  {kind}: bytes written", written[kind], "kB")


def filters(seat: Seat) -> Iterator[Row]:
    """A word typed into the filter, each letter once what the one before it left is on the screen."""
    taken: list[float] = []
    each: dict[int, list[float]] = defaultdict(list)
    cleared: list[float] = []
    seat.press("2")
    for _ in range(FILTERS):
        seat.press("/")
        seat.watch(0.3)
        for place, letter in enumerate(world.FILTER):
            stroke = seat.press(letter, _says(f"{world.HITS[place]:,} of {TOTAL}"))
            taken.append(stroke.seen * 1000)
            each[place].append(stroke.seen * 1000)
            seat.watch(0.08)
        cleared.append(seat.press("Esc", lambda glass: f"of {TOTAL}" not in glass.text).seen * 1000)
        seat.watch(0.3)
    yield Row("filter keystroke to the filtered rows' number in the title", taken, "ms", FILTER_MS, "p95")
    for place, values in each.items():
        yield Row(f"  letter {place + 1}: {world.HITS[place]:,} hits", values, "ms")
    yield Row("  Esc: all of them again", cleared, "ms")


def sort_and_page(seat: Seat) -> Iterator[Row]:
    """The next sort column, until other rows stand in the pane; then pages through them."""
    seat.press("2")
    seat.quiet(0.1, 1.0)
    sorts: list[float] = []
    try:
        for _ in range(8):
            sorts.append(seat.press("o", _other_rows(_resource_rows(seat.glass)), 5.0).seen * 1000)
            seat.watch(0.4)
    except NotMeasured as fault:
        if not sorts:
            yield Row("sort by the next column", failed=str(fault))
    if sorts:
        yield Row(f"sort {TOTAL} rows by the next column, to other rows on the screen", sorts, "ms")
    pages = []
    for _ in range(25):
        pages.append(seat.press("PgDn", past(at(seat.glass))).seen * 1000)
        seat.watch(0.03)
    yield Row("  a page down in them, to its rows", pages, "ms")


def _says(words: str) -> Callable[[Glass], bool]:
    return lambda glass: words in glass.text


def _other_rows(rows: list[str]) -> Callable[[Glass], bool]:
    return lambda glass: _resource_rows(glass) != rows


def _resource_rows(glass: Glass) -> list[str]:
    """The lines of the resources pane between its borders, which a sort changes and nothing else does."""
    lines = glass.lines
    top = next((y for y, line in enumerate(lines) if "2 Resources" in line), 0)
    left = lines[top].find("2 Resources")
    end = next((y for y, line in enumerate(lines) if "4 Custody" in line), top)
    return [line[left:] for line in lines[top + 2 : end - 1]]


def scroll_around(seat: Seat) -> None:
    """Forty pages from the top, then to places all over the list, as somebody does who looks for something."""
    seat.press("2")
    for key in ("g", *["PgDn"] * 40, "G", *["PgUp"] * 40, "g"):
        seat.press(key)
        seat.watch(0.02)
    seat.quiet()


def loaded(modules: Path) -> Row:
    """How many modules of an SDK or of the engine the UI process had loaded at its end."""
    names = modules.read_text("utf-8").split()
    found = [name for name in names if any(name == heavy or name.startswith(f"{heavy}.") for heavy in HEAVY)]
    what = f"SDKs and engine in the UI process ({len(names)} modules loaded)"
    return Row(what + (": " + ", ".join(found[:6]) if found else ""), [float(len(found))], "", 0)


def slow_line(place: Place) -> Iterator[Row]:
    """What the option for slow lines leaves of the bytes."""
    with place.agent() as writer:
        writer.order("inventory", world.MANY)
        writer.order("work")
        with place.jumpbag("--low-bandwidth") as seat:
            seat.sees(TOTAL)
            seat.quiet(0.3, 2.0)
            yield from live(seat, "the same with --low-bandwidth")


def one_day(place: Place, modules: Path, profile: str) -> Iterator[Row]:
    """All of these on one and the same UI process, which has been used for a while when its memory is read."""
    with place.agent() as writer:
        writer.order("inventory", world.MANY)
        writer.order("work")
        with place.watched(modules, profile) as seat:
            seat.sees(TOTAL)
            seat.quiet(0.3, 2.0)
            yield from live(seat, "20 running, 10 countdowns", 2)
            seat.press("3")
            seat.press("z")
            yield from live(seat, "the same, acquisitions alone (z)")
            seat.press("z", lambda glass: "2 Resources" in glass.text)
            yield from keys(seat)
            yield from filters(seat)
            yield from sort_and_page(seat)
            scroll_around(seat)
            rss, pss = seat.memory()
            yield Row(f"resident memory of the UI process, {TOTAL} resources, after all this", [rss], "MB", RSS_MB)
            yield Row("  of it proportional (PSS)", [pss], "MB")
            seat.leave()
    yield loaded(modules)
