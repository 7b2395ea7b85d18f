"""What the context bar says of a clock that is wrong: measured, never guessed."""

from __future__ import annotations

from datetime import timedelta

import msgspec
import pytest

from screens.present.clocks import TOLD_S, Clocks
from tests.screens.conftest import OpenDesk
from tests.screens.seed import NOW


@pytest.mark.parametrize(
    ("facts", "words"),
    [
        ({"skew_s": 41}, "clock 41 s behind the cloud's"),
        ({"skew_s": -7}, "clock 7 s ahead of the cloud's"),
        ({"skew_s": 0, "clock_synced": False}, "clock not synchronised"),
    ],
)
async def test_a_wrong_clock_is_told(desk: OpenDesk, facts: dict[str, object], words: str) -> None:
    async with desk(size=(230, 40)) as d:
        assert "clock" not in d.lines[0]
        d.model.fact("agent", msgspec.structs.replace(d.app.snapshot.agent, **facts))
        await d.until(lambda: words in d.lines[0], words)


@pytest.mark.parametrize("facts", [{"skew_s": 3, "clock_synced": True}, {"clock_synced": None}])
async def test_a_good_clock_is_not_spoken_of(desk: OpenDesk, facts: dict[str, object]) -> None:
    async with desk(size=(230, 40)) as d:
        d.model.fact("agent", msgspec.structs.replace(d.app.snapshot.agent, **facts))
        await d.until(lambda: d.app.snapshot.agent.skew_s == facts.get("skew_s"))
        assert "clock" not in d.lines[0]


def test_a_clock_that_was_set_is_told_for_ten_minutes() -> None:
    clocks, wall, mono = Clocks(NOW, 50.0), NOW, 50.0

    def pass_by(seconds: float, more: float = 0.0) -> int:
        """What is told after that time, with the wall clock set by ``more`` in it."""
        nonlocal clocks, wall, mono
        wall, mono = wall + timedelta(seconds=seconds + more), mono + seconds
        clocks = clocks.seen(wall, mono)
        return clocks.moved_s

    assert [pass_by(1, 0.4) for _ in range(40)] == [0] * 40  # it drifts, and is not set
    assert pass_by(1, 3600) == 3600  # or the machine slept for an hour
    assert pass_by(1) == pass_by(TOLD_S / 2) == 3600
    assert pass_by(TOLD_S / 2) == pass_by(1) == 0
    assert pass_by(1, -7) == -7
    assert pass_by(TOLD_S - 1) == -7 and pass_by(1, 35) == 35  # the newest, from then on
    assert pass_by(TOLD_S - 1) == 35 and pass_by(1) == 0
