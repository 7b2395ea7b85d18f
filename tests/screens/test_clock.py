"""What the context bar says of a clock that is wrong: measured, never guessed."""

from __future__ import annotations

import msgspec
import pytest

from tests.screens.conftest import OpenDesk


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
