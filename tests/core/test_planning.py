"""Plans that were shown, and what is approved of them: one, or several at once."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, cast

import msgspec
import pytest

from app.acquisition.record import plan_text
from app.acquisition.service import Acquisitions, Consent
from app.agent.arming import WriteWindow
from app.agent.planning import Asked, Planning
from app.faults import PlanChanged, ReadOnly, StorageFull
from app.model import Plan, PlanWarning
from tests.core.clocks import HandClock
from tests.screens.sample_plan import plan

HERE = object()


@dataclass
class Started:
    """The acquisitions of a case in which some cannot be started."""

    fails: dict[str, Exception] = field(default_factory=dict)
    started: list[tuple[str, dict[str, int] | None]] = field(default_factory=list)
    plans: list[Plan] = field(default_factory=list)
    then: Callable[[], None] = lambda: None

    async def start(
        self, made: Plan, actor: str, reason: str, consent: Consent, batch: dict[str, int] | None = None
    ) -> str:
        consent(made.target.id)
        if made.target.id in self.fails:
            raise self.fails[made.target.id]
        self.started.append((made.target.id, batch))
        self.plans.append(made)
        self.then()
        return f"A-{len(self.started):04d}"


class Desk:
    def __init__(self) -> None:
        self.clock = HandClock()
        self.window = WriteWindow(self.clock, lambda *_, **__: None, lambda: None)
        self.acquisitions = Started()
        self.asked: list[str] = []
        self.warns: dict[str, str] = {}
        unused: Any = None
        self.planning = Planning(
            unused, unused, {}, cast(Acquisitions, self.acquisitions), self.window, self.clock
        )
        self.planning.plan = self.fresh  # type: ignore[method-assign]
        self.window.open(HERE, "ex-07", 60, "")

    async def fresh(self, asked: Asked, actor: str) -> tuple[Plan, str]:
        """What a cloud would be asked for."""
        self.asked.append(asked.target)
        warnings = tuple(PlanWarning(code=code, text=text) for code, text in self.warns.items())
        made = msgspec.structs.replace(of(asked.target), warnings=warnings)
        digest = plan_text(made)[1]
        self.planning._show(digest, made)
        return made, digest

    async def shown(self, *targets: str) -> list[tuple[Asked, str]]:
        wanted = [(Asked("disk", target), (await self.fresh(Asked("disk", target), ""))[1]) for target in targets]
        self.asked.clear()
        return wanted


def of(target: str) -> Plan:
    made = plan()
    return msgspec.structs.replace(made, target=msgspec.structs.replace(made.target, id=target))


@pytest.fixture
def desk() -> Desk:
    return Desk()


async def test_those_that_started_are_told_beside_those_that_could_not(desk: Desk) -> None:
    desk.acquisitions.fails = {"vol-2": StorageFull("no room", next="free space"), "vol-3": KeyError("x")}
    wanted = await desk.shown("vol-1", "vol-2", "vol-3", "vol-4")
    told = await desk.planning.batch(wanted, "", "ex-07")
    assert told["started"] == [
        {"target": "vol-1", "acquisition": "A-0001"},
        {"target": "vol-4", "acquisition": "A-0002"},
    ]
    assert desk.acquisitions.started == [("vol-1", {"of": 4, "no": 1}), ("vol-4", {"of": 4, "no": 4})]
    first, second = told["refused"]
    assert first == {"target": "vol-2", "error": StorageFull("no room", next="free space").data()}
    assert second["target"] == "vol-3" and "KeyError" in second["error"]["message"] and second["error"]["next"]
    assert desk.asked == [], "plans that are fresh are approved as they were shown"


async def test_a_window_that_ends_on_the_way_ends_the_batch(desk: Desk) -> None:
    wanted = await desk.shown("vol-1", "vol-2")
    desk.acquisitions.then = lambda: desk.window.close("asked", "ex-11")
    told = await desk.planning.batch(wanted, "", "ex-07")
    assert [row["target"] for row in told["started"]] == ["vol-1"]
    assert told["refused"] == [
        {
            "target": "vol-2",
            "error": ReadOnly("the case is read-only", next="open a write window: w in the UI, or :arm").data(),
        }
    ]


async def test_an_old_plan_is_made_anew_and_must_be_the_same(desk: Desk) -> None:
    wanted = await desk.shown("vol-1", "vol-2")
    await desk.clock.advance(901.0)
    await desk.planning.batch(wanted, "", "ex-07")
    assert desk.asked == ["vol-1", "vol-2"]
    asked, digest = (await desk.shown("vol-3"))[0]
    with pytest.raises(PlanChanged, match="nothing was started, because of vol-4: the plan has changed") as caught:
        await desk.planning.batch([(Asked("disk", "vol-4"), digest)], "", "ex-07")
    assert caught.value.targets == ("vol-4",)
    with pytest.raises(PlanChanged, match="the plan has changed"):
        await desk.planning.acquire(Asked("instance", "vol-3"), "f" * 64, "", "ex-07", False)
    assert len(desk.acquisitions.started) == 2
    assert (await desk.planning.acquire(asked, digest, "", "ex-07", False))["acquisition"] == "A-0003"


@pytest.mark.parametrize("later", [{"same-disk-sealed": "E-0001", "storage": "9 GiB free"}, {}])
async def test_what_the_agent_remarks_may_read_otherwise_when_an_old_plan_is_approved(
    desk: Desk, later: dict[str, str]
) -> None:
    """What is started, and so signed, is the plan as it was shown: an acquisition of the same disk ended since."""
    desk.warns = {"spot": "it may end", "same-disk-under-way": "A-0009 runs", "storage": "10 GiB free"}
    wanted = await desk.shown("vol-1", "vol-2")
    desk.warns = {"spot": "it may end", **later}
    await desk.clock.advance(901.0)
    asked, digest = wanted[0]
    await desk.planning.acquire(asked, digest, "", "ex-07", False)
    await desk.planning.batch(wanted[1:], "", "ex-07")
    assert [plan_text(made)[1] for made in desk.acquisitions.plans] == [digest for _, digest in wanted]
    assert desk.asked == ["vol-1", "vol-2"], "each was made anew"


async def test_what_the_cloud_says_is_part_of_the_plan(desk: Desk) -> None:
    ((asked, digest),) = await desk.shown("vol-1")
    desk.warns = {"spot": "it may end"}
    await desk.clock.advance(901.0)
    with pytest.raises(PlanChanged):
        await desk.planning.acquire(asked, digest, "", "ex-07", False)


async def test_a_digest_that_was_approved_says_nothing_of_the_disk_that_is_under_way_since(desk: Desk) -> None:
    ((asked, digest),) = await desk.shown("vol-1")
    await desk.planning.acquire(asked, digest, "", "ex-07", False)
    desk.warns = {"same-disk-under-way": "A-0001 runs"}
    with pytest.raises(PlanChanged):
        await desk.planning.acquire(asked, digest, "", "ex-11", False)
    ((_, warned),) = await desk.shown("vol-1")
    told = await desk.planning.acquire(asked, warned, "", "ex-11", False)
    assert told["acquisition"] == "A-0002", "it warns, and is in nobody's way"


async def test_a_digest_approves_nothing_but_what_it_was_shown_for(desk: Desk) -> None:
    ((_, digest),) = await desk.shown("vol-1")
    for asked in (Asked("disk", "vol-2"), Asked("disk", "aws:999999999999:vol-2")):
        with pytest.raises(PlanChanged, match="has changed"):
            await desk.planning.acquire(asked, digest, "", "ex-07", False)
    target = of("vol-1").target
    await desk.planning.acquire(
        Asked("disk", f"{target.cloud}:{target.account}:vol-1"), digest, "", "ex-07", False
    )
    assert desk.acquisitions.started == [("vol-1", None)]


async def test_only_so_many_plans_are_kept(desk: Desk) -> None:
    await desk.shown(*(f"vol-{number}" for number in range(600)))
    kept = [made.target.id for _, made in desk.planning._shown.values()]
    assert len(kept) == 512 and kept[-1] == "vol-599"
    await desk.shown("vol-500")
    assert len(desk.planning._shown) == 512
    await desk.clock.advance(14_401.0)
    await desk.shown("vol-1")
    assert [made.target.id for _, made in desk.planning._shown.values()] == ["vol-1"]
