"""Whatever order and grouping the updates come in, and whatever is done at the keyboard meanwhile, the same case
ends in the same screen: that of a case which was whole when it was opened."""

from __future__ import annotations

import asyncio
import difflib
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, get_args

import msgspec
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from app.case.readmodel import ReadModel
from app.client.feed import Feed
from app.clock import stamp, stamp_us
from app.model import Coverage, Digest, EvidenceItem, Gap
from app.model.view import AgentFacts, CaseFacts, CustodyFacts, EvidenceCheck, GuideRun, GuideStep, Scan
from tests.screens.conftest import Desk, desk_on
from tests.screens.seed import (
    DATA,
    GIB,
    NOW,
    PAYMENTS,
    REGION,
    accounts,
    acquisitions,
    add_events,
    facts,
    leases,
    resources,
    step_rows,
)

Write = Callable[[ReadModel], None]
Page = Literal["workbench", "leases", "acquisition", "evidence", "guides"]
SIZE = (132, 40)
SIZES = ((80, 24), SIZE, (200, 50), (50, 12))
PAGES: tuple[Page, ...] = get_args(Page)


def streams() -> dict[str, list[Write]]:
    """Per topic its writes, which keep their order; topics may be interleaved in any way."""
    runs = acquisitions(NOW)
    early = [msgspec.structs.replace(one, bytes_done=1, state="running", error=None) for one in runs]
    begun = [msgspec.structs.replace(one, state="live", note="") for one in leases(NOW)]
    late = step_rows(NOW)
    todo = [
        (place, msgspec.structs.replace(row, state="todo", started=None, ended=None, request_id=None, note=""))
        for place, row in late
    ]
    scan = Scan(cloud="aws", account=DATA, region=REGION, state="running", found=0, error=None, at=stamp(NOW))
    seen = resources()
    return {
        "accounts": [lambda m: m.accounts(accounts()[:3]), lambda m: m.accounts(accounts())],
        "scans": [
            lambda m: m.scan(scan),
            lambda m: m.scan(msgspec.structs.replace(scan, state="failed", error="access denied")),
            lambda m: m.scan(msgspec.structs.replace(scan, account=PAYMENTS, state="done", found=11)),
        ],
        "resources": [
            lambda m: m.resources("s-1", [*seen[:20], msgspec.structs.replace(seen[-1], id="vol-0gone")]),
            lambda m: m.resources("s-2", [msgspec.structs.replace(one, name=f"{one.name} ") for one in seen[:5]]),
            lambda m: m.resources("s-2", seen),
            lambda m: m.forget_resources("aws", seen[-1].account, REGION, keep_scan="s-2"),
        ],
        "leases": [lambda m, one=one: m.lease(one) for one in (*begun, *leases(NOW))],  # type: ignore[misc]
        "acquisitions": [lambda m, one=one: m.acquisition(one) for one in (*early, *runs)],  # type: ignore[misc]
        "steps": [
            lambda m: m.steps(todo),
            lambda m: m.steps(step_rows(NOW)[:6]),
            lambda m: m.steps(step_rows(NOW)),
        ],
        "items": [lambda m: m.item(msgspec.structs.replace(item(), digests=())), lambda m: m.item(item())],
        "checks": [
            lambda m: m.check(check("running", 3 * GIB)),
            lambda m: m.check(check("running", 7 * GIB)),
            lambda m: m.check(check("ok", 8 * GIB)),
        ],
        "guides": [lambda m: m.guide(guide("todo", "todo")), lambda m: m.guide(guide("done", "skipped"))],
        "events": [
            lambda m: add_events(m, 2, 130, NOW),
            lambda m: add_events(m, 131, 214, NOW),
        ],
        "facts": [
            lambda m: m.fact("custody", CustodyFacts(events=130, lines=130, checkpointed_to=100)),
            lambda m: m.fact("agent", agent("another", "2026-11-23T14:10:00Z")),
            lambda m: m.fact("case", CaseFacts(id="IR-42", title="web", path="/cases/IR-42", examiner="ex-07")),
            lambda m: m.fact("agent", agent("ex-07", None)),
            lambda m: m.fact("custody", CustodyFacts(events=214, lines=214, checkpointed_to=200)),
        ],
    }


def agent(by: str, until: str | None) -> AgentFacts:
    return AgentFacts(pid=4242, state="detached", beat=stamp_us(NOW), armed_until=until, armed_by=by)


def item() -> EvidenceItem:
    return EvidenceItem(
        id="E-0005",
        acquisition="A-0005",
        kind="disk",
        path="evidence/E-0005",
        bytes=8 * GIB,
        sha256="3fa9" * 16,
        sealed=stamp(NOW),
        source="vol-0c11d2c3b4a596877",
        digests=(Digest(of="data/disk.raw", alg="sha256", hex="3fa9" * 16, bytes=8 * GIB, stage="rest"),),
        coverage=Coverage(
            expected_bytes=8 * GIB, read_bytes=8 * GIB - 512, unreadable=(Gap(offset=4096, bytes=512),)
        ),
    )


def check(state: Literal["running", "ok"], done: int) -> EvidenceCheck:
    ended = stamp(NOW) if state == "ok" else None
    return EvidenceCheck(
        item="E-0005", state=state, bytes_done=done, bytes_total=8 * GIB, started=stamp(NOW), ended=ended
    )


def guide(*states: Literal["todo", "done", "skipped"]) -> GuideRun:
    """Somebody else follows it: one's own would be followed here, and its end told to who has seen it."""
    return GuideRun(
        id="G-0001",
        playbook="disk",
        title="One disk",
        sha256="ab" * 32,
        examiner="ex-09",
        started=stamp(NOW),
        steps=tuple(GuideStep(id=f"s{place}", state=state) for place, state in enumerate(states)),
    )


def start(path: Path) -> ReadModel:
    """A case in which nothing has happened yet."""
    model = ReadModel(path)
    facts(model, NOW)
    add_events(model, 1, 1, NOW)
    return model


def whole(path: Path) -> ReadModel:
    """The case as it is in the end, written before anybody looks."""
    model = start(path)
    for writes in streams().values():
        for write in writes:
            write(model)
    return model


@dataclass(frozen=True)
class Day:
    """What happens in one example, and the page that is looked at in the end.

    ``write TOPIC``, ``poll``, ``tick``, ``resize WIDTHxHEIGHT``, ``press KEY`` or ``page PAGE``.
    """

    page: Page
    happens: tuple[str, ...]


@st.composite
def days(draw: st.DrawFn) -> Day:
    page = draw(st.sampled_from(PAGES))
    writes = [f"write {topic}" for topic, stream in streams().items() for _ in stream]
    happens = list(draw(st.permutations(writes)))
    sizes = [f"resize {width}x{height}" for width, height in SIZES]
    keys = [f"press {key}" for key in ("1", "2", "3", "4", "tab")]
    between = st.one_of(
        st.just("poll"), st.just("poll"), st.just("tick"), st.sampled_from(sizes), st.sampled_from(keys)
    )
    for one in [*draw(st.lists(between, max_size=8)), *([f"page {page}"] if page != "workbench" else [])]:
        happens.insert(draw(st.integers(0, len(happens))), one)
    return Day(page, tuple(happens))


async def quiet(d: Desk) -> None:
    """The app has read all there is, and has painted it."""
    feed = Feed(d.app.case_dir / "case.sqlite")
    feed.poll()
    await d.until(lambda: d.app.snapshot == feed.snapshot, "the newest snapshot")
    feed.close()
    await d.settled()


async def open_page(d: Desk, page: str) -> None:
    """Open a page once the workbench has the focus again."""
    if page == "leases":
        await d.press("l")
    elif page == "evidence":
        await d.press("E")
    elif page == "guides":
        await d.press("t")
    elif page == "acquisition":
        d.app.open_acquisition("A-0007")
        await d.settled()


async def end(d: Desk, page: Page, expected: tuple[str, str] | None) -> tuple[str, str]:
    """Bring the screen to the size and the focus of the end; (the page, the workbench) as shown then.

    Where it is known how they must look, that is waited for: what comes through workers takes its turns.
    """
    await d.pilot.resize_terminal(*SIZE)
    await quiet(d)
    top = ""
    if page != "workbench":
        if len(d.app.screen_stack) == 1:
            await open_page(d, page)
        top = await shown(d, expected and expected[0])
        await d.press("escape")
    await d.press("1")
    return top, await shown(d, expected and expected[1])


async def shown(d: Desk, expected: str | None) -> str:
    """The screen; where ``expected`` is not what it comes to, the test fails with the difference."""
    await quiet(d)
    if expected is not None:
        try:
            await d.until(lambda: d.text == expected)
        except AssertionError:
            different = difflib.unified_diff(
                expected.split("\n"), d.lines, "opened whole", "came by updates", "", "", 1
            )
            raise AssertionError("\n".join(different)) from None
    return d.text


async def opened_whole(page: Page) -> tuple[str, str]:
    with tempfile.TemporaryDirectory() as folder:
        async with desk_on(Path(folder), fill=whole, size=SIZE) as d:
            return await end(d, page, None)


async def lived(day: Day, expected: tuple[str, str]) -> None:
    waiting = streams()
    with tempfile.TemporaryDirectory() as folder:
        async with desk_on(Path(folder), fill=start, size=SIZE) as d:
            for one in day.happens:
                what, _, to = one.partition(" ")
                if what == "write":
                    waiting[to].pop(0)(d.model)
                elif what == "poll":
                    await d.pilot.pause(0.06)  # longer than the screens wait between two looks
                elif what == "tick":
                    d.app._tick()
                elif what == "resize":
                    width, _, height = to.partition("x")
                    await d.pilot.resize_terminal(int(width), int(height))
                elif what == "page":
                    await open_page(d, to)
                elif len(d.app.screen_stack) == 1:
                    await d.pilot.press(to)
            assert not any(waiting.values())
            await end(d, day.page, expected)


EXPECTED: dict[Page, tuple[str, str]] = {}


def same_in_the_end(day: Day) -> None:
    if day.page not in EXPECTED:
        EXPECTED[day.page] = asyncio.run(opened_whole(day.page))
    asyncio.run(lived(day, EXPECTED[day.page]))


# A day takes a second or two: a failing one is told as it is, not made smaller for minutes.
CALM = settings(
    deadline=None, phases=(Phase.explicit, Phase.reuse, Phase.generate), suppress_health_check=list(HealthCheck)
)


@settings(CALM, max_examples=4, derandomize=True)
@given(days())
def test_any_interleaving_ends_in_the_same_screen(day: Day) -> None:
    same_in_the_end(day)


@pytest.mark.slow
@settings(CALM, max_examples=120)
@given(days())
def test_many_interleavings_end_in_the_same_screen(day: Day) -> None:
    same_in_the_end(day)
