"""On a slow line, or out of sight: fewer repaints, coarser figures, and never a countdown that lies."""

from __future__ import annotations

from datetime import timedelta

import msgspec
import pytest
from textual.events import AppBlur, AppFocus

from app.clock import stamp
from app.model.view import AgentFacts, CaseSnapshot
from screens.present.amounts import rate
from screens.present.slow import Coarse, coarse_rate, ends_soon, only_beat
from tests.screens.conftest import OpenDesk
from tests.screens.seed import NOW, acquisitions, leases

MIB = 1024**2


@pytest.mark.parametrize(
    ("exact", "shown"),
    [
        (412 * MIB, "400 MiB/s"),
        (96 * MIB, "100 MiB/s"),
        (14 * MIB, "10 MiB/s"),
        (1_400, "1.0 KiB/s"),
        (7, "7 B/s"),
    ],
)
def test_rates_have_one_significant_figure(exact: int, shown: str) -> None:
    assert rate(coarse_rate(exact)) == shown


def test_a_rate_that_is_not_known_stays_so() -> None:
    assert coarse_rate(None) is None and coarse_rate(0) == 0


def test_coarse_snapshots_keep_what_did_not_change() -> None:
    coarse = Coarse()
    one = CaseSnapshot(acquisitions=tuple(msgspec.structs.replace(row, pace=(1, 2)) for row in acquisitions(NOW)))
    made = coarse(one)
    assert not any(row.pace for row in made.acquisitions)
    assert [row.bytes_done for row in made.acquisitions] == [row.bytes_done for row in one.acquisitions]
    later = msgspec.structs.replace(one, agent=AgentFacts(beat="x"))
    assert coarse(later).acquisitions is made.acquisitions


def test_a_heartbeat_alone_is_no_news() -> None:
    old = CaseSnapshot(agent=AgentFacts(beat="a"), acquisitions=tuple(acquisitions(NOW)))
    beat = msgspec.structs.replace(old, agent=AgentFacts(beat="b"))
    assert only_beat(old, beat)
    assert not only_beat(old, msgspec.structs.replace(beat, acquisitions=beat.acquisitions[1:]))
    assert not only_beat(old, msgspec.structs.replace(old, agent=AgentFacts(beat="b", armed_by="ex-07")))


def test_the_last_two_minutes_are_urgent() -> None:
    live = next(one for one in leases(NOW) if one.state == "live")

    def ending(seconds: int) -> CaseSnapshot:
        return CaseSnapshot(
            leases=(msgspec.structs.replace(live, expires=stamp(NOW + timedelta(seconds=seconds))),)
        )

    assert [ends_soon(ending(rest), NOW) for rest in (121, 120, 1, -5)] == [False, True, True, False]
    armed = CaseSnapshot(agent=AgentFacts(armed_until=stamp(NOW + timedelta(seconds=60))))
    assert ends_soon(armed, NOW) and not ends_soon(CaseSnapshot(), NOW)


async def test_out_of_sight_the_clock_moves_in_steps_and_back_in_sight_at_once(desk: OpenDesk) -> None:
    async with desk() as d:
        await d.sees("14:03:21Z")
        field = d.app.focused
        d.app.post_message(AppBlur())
        await d.until(lambda: d.app.slow)
        assert d.app.focused is field  # the keys still go where they went
        d.app._tick()
        ticked = d.app._ticked
        d.clock.advance(2)
        d.app._tick()
        assert d.app._ticked == ticked
        d.clock.advance(3)
        await d.until(lambda: d.app._ticked > ticked, "the slow tick")
        d.clock.advance(2)
        d.app.post_message(AppFocus())
        await d.sees("14:03:28Z")
        assert not d.app.slow


async def test_a_key_is_a_sign_of_somebody(desk: OpenDesk) -> None:
    async with desk() as d:
        d.app.post_message(AppBlur())
        await d.until(lambda: d.app.slow)
        await d.press("2")
        assert not d.app.slow
