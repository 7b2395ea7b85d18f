"""One plan for many targets: all of them are read, all of them are listed again before they are approved."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import pytest
from textual.widgets import Button, Input

from app.faults import Refused
from app.model import Plan, PlanWarning
from app.model.view import CaseFacts
from screens.plan.batch import MOST, BatchScreen
from screens.plan.room import free_bytes
from screens.plan.targets import BatchTarget
from screens.widgets.page_lines import PageLines
from screens.widgets.row_list import RowList
from screens.widgets.typed_confirm import Happens
from tests.screens.conftest import Desk, OpenDesk
from tests.screens.fakes import ScriptedCommands
from tests.screens.hostile import ATTACKS, RAW, bad_plan
from tests.screens.sample_plan import instance_plan, plan
from tests.screens.seed import GIB, PAYMENTS, WEB, arm, seed_armed

APPROVE = ("right", "enter", "right", "enter")
"""To Approve, and once more after all targets were listed."""
SIZES = [(80, 24), (132, 40)]
INSTANCE = BatchTarget("instance", f"aws:{PAYMENTS}:{WEB}", "web-01", "the instance is marked")


def volume(number: int) -> str:
    return f"vol-{number:017x}"


def disk(number: int) -> BatchTarget:
    return BatchTarget("disk", f"aws:{PAYMENTS}:{volume(number)}", f"host-{number:02d} /dev/xvda", "the only disk")


def disks(count: int) -> tuple[BatchTarget, ...]:
    return tuple(disk(number) for number in range(1, count + 1))


def made_for(params: dict[str, Any]) -> Plan:
    """The sample plan, about the disk that was asked for."""
    route = {"auto": "copy"}.get(params["route"], params["route"])
    if params["kind"] == "instance":
        return instance_plan(route, params["lock_days"])
    ident = params["target"].rpartition(":")[2]
    made = plan(route, params["lock_days"])
    steps = tuple(
        msgspec.structs.replace(step, params={**step.params, "volume_id": ident}, resource=ident)
        for step in made.steps
    )
    return msgspec.structs.replace(made, steps=steps, target=msgspec.structs.replace(made.target, id=ident))


def planned(params: dict[str, Any]) -> dict[str, Any]:
    return {"plan": msgspec.to_builtins(made_for(params)), "digest": f"d-{params['target'][-4:]}"}


def refusing(*refused: int) -> ScriptedCommands:
    """Plans for all but those, which are not tagged."""

    def answer(params: dict[str, Any]) -> Any:
        for number in refused:
            if params["target"].endswith(volume(number)):
                raise Refused(f"{volume(number)} is not tagged Forensics=Enabled", next="ask its owner to tag it")
        return planned(params)

    return ScriptedCommands(plan=answer)


async def open_batch(d: Desk, targets: tuple[BatchTarget, ...], *, armed: bool = True) -> list[Any]:
    """Push the screen; the list gets what it is dismissed with."""
    if armed:
        arm(d.model)
        await d.until(lambda: d.app.armed, "the write window")
        d.app.clear_notifications()  # what is told of the window lies over the page for seconds
    out: list[Any] = []
    d.app.push_screen(BatchScreen(targets), out.append)
    await d.settled()
    assert isinstance(d.app.screen, BatchScreen)
    return out


def approve(d: Desk) -> Button:
    return d.app.screen.query_one("#approve", Button)


async def whole_page(d: Desk) -> str:
    """All that is said of all targets, by scrolling."""
    page = d.app.screen.query_one("#plan", PageLines)
    page.focus()
    await d.press("g")
    seen = d.text
    for _ in range(40):
        if not page.below:
            break
        await d.press("pagedown")
        seen += d.text
    return seen


@pytest.mark.parametrize("size", SIZES)
async def test_every_target_has_a_line_and_refused_ones_are_counted(desk: OpenDesk, size: tuple[int, int]) -> None:
    async with desk(size=size, commands=refusing(2)) as d:
        await open_batch(d, (*disks(3), INSTANCE))
        await d.sees("Batch plan · 4 targets · 1 refused · no lock", "[ Approve 3: type DESTROY to go on ]")
        await d.sees("host-01 /dev/xvda", "COPY", "8.0 GiB", "✖ destroy", "14 min", "▲ 2")
        await d.sees("host-02 /dev/xvda", "refused: vol-")
        assert isinstance(d.app.focused, Button) and d.app.focused.id == "cancel"
        assert str(approve(d).label) == "[ Approve 3: type DESTROY to go on ]"
        seen = " ".join((await whole_page(d)).split())
        for words in (
            "3 plans to approve · 1 refused, not part of the approval",
            "at most 94.0 GiB",  # 8 + 8 + 78
            "at most $0.58 to read",  # 94 x 0.006144 = 0.5775
            "$0.05 for copies on the way",  # 3 x 0.0143
            "$9.40 a month for what is kept",
            "list prices of us-east-1 (2025)",
            "not counted: traffic out of eu-west-1, KMS requests",
            "for the longest, side by side",
            "payments-prod as forensics-collect (observe, collect, share, destroy)",
            "forensics as forensics-collect (observe, collect)",
            "18 leases",
            "is not tagged Forensics=Enabled → ask its owner to tag it",
            "1 danger",
            "all 3: instance store",
            "clamped to 3,600 s",
        ):
            assert all(word in seen for word in words.split(" ")), words
        assert d.commands.called("acquire.batch") == []


@pytest.mark.parametrize(("width", "shown"), [(132, False), (200, True)])
async def test_a_wide_screen_has_the_cost_of_each_target(desk: OpenDesk, width: int, shown: bool) -> None:
    async with desk(size=(width, 40), commands=refusing(2)) as d:
        await open_batch(d, (*disks(2), INSTANCE))
        await d.sees("host-01", "refused", "at most $0.53 to read")
        rows = [line for line in d.lines if "destroy" in line]
        assert ["$0.07 + $0.80/mo" in rows[0], "$0.50 + $7.80/mo" in rows[1]] == [shown, shown]


async def test_a_sum_that_lacks_a_part_is_not_shown(desk: OpenDesk) -> None:
    def answer(params: dict[str, Any]) -> Any:
        made = made_for(params)
        if params["target"] == disk(2).target:
            made = msgspec.structs.replace(made, estimate=msgspec.structs.replace(made.estimate, cost=None))
        return {"plan": msgspec.to_builtins(made), "digest": "d"}

    async with desk(size=(200, 50), commands=ScriptedCommands(plan=answer)) as d:
        await open_batch(d, disks(2))
        await d.sees("$0.07 + $0.80/mo", "host-02")
        assert "at most $" not in await whole_page(d)
        await d.press("right", "enter")
        await d.sees("2 plans are approved at once")
        assert "cost:" not in d.text


async def test_route_and_lock_are_those_of_all(desk: OpenDesk) -> None:
    async with desk(commands=ScriptedCommands(plan=planned)) as d:
        await open_batch(d, disks(2))
        await d.press("r")
        await d.sees("DIRECT", "[ Approve 2 ]")
        await d.press("l")
        await d.sees("lock 7 days", "[ Approve 2: type MODIFY to go on ]")
        asked = [(call["route"], call["lock_days"]) for call in d.commands.called("plan")]
        assert asked == [("auto", 0)] * 2 + [("direct", 0)] * 2 + [("direct", 7)] * 2


@pytest.mark.parametrize("size", SIZES)
async def test_enter_opens_the_whole_plan_to_be_read_only(desk: OpenDesk, size: tuple[int, int]) -> None:
    async with desk(size=size, commands=refusing(2)) as d:
        await open_batch(d, disks(2))
        await d.press("j", "k")
        rows = d.app.screen.query_one("#rows", RowList)
        assert d.app.focused is rows  # from Cancel: Enter must not leave
        await d.press("enter")
        await d.sees("disk, because the only disk", "ec2:CreateSnapshot", "COPY")
        assert not d.app.screen.query("#approve")
        await d.press("escape", "j", "enter")
        await d.sees("refused", f"{volume(2)} is not tagged", "ask its owner to tag it")
        await d.press("escape")
        await d.press("g", "P")
        await d.sees('"Action": [')
        await d.press("escape", "escape")
        assert d.screen_name == "WorkbenchScreen" and d.commands.called("acquire.batch") == []


async def test_a_target_is_left_out(desk: OpenDesk) -> None:
    async with desk(commands=refusing(2)) as d:
        await open_batch(d, disks(3))
        await d.press("j", "x")
        await d.sees("2 targets", "left out of the batch")
        assert "1 refused" not in d.text and "[ Approve 2" in d.text
        await d.press("x", "x", "x")
        await d.sees("nothing is left in this batch")
        assert approve(d).disabled


@pytest.mark.parametrize("size", SIZES)
async def test_approving_lists_every_target_and_starts_all(desk: OpenDesk, size: tuple[int, int]) -> None:
    async with desk(size=size, commands=refusing(3)) as d:
        out = await open_batch(d, disks(20))
        d.app.screen.query_one("#reason").focus()
        await d.pilot.pause()
        await d.type("SEC-981")
        await d.press("enter", "right", "enter")
        assert d.screen_name == "TypedConfirm"
        await d.sees("19 plans are approved at once", "1 refused, not part of it", "more below")
        await d.sees("[ Cancel ]", "[ Approve 19 ]", "Type DESTROY in capitals to go on")
        happens = d.app.screen.query_one(Happens)
        top = happens.region.y

        def shown() -> str:
            return "\n".join(d.lines[top : top + happens.region.height])

        seen = shown()
        while happens.below:
            await d.press("pagedown")
            seen += shown()
        assert all(f"disk host-{n:02d}" in seen for n in range(1, 21) if n != 3) and "disk host-03" not in seen
        assert "destroy: ec2:DeleteSnapshot in payments-prod" in seen
        await d.press("pageup", "up", "down")
        assert happens.below > 0
        await d.type_word("DESTROY")
        assert out == [tuple(f"A-{n:04d}" for n in range(11, 30))]
        (sent,) = d.commands.called("acquire.batch")
        assert sent["reason"] == "SEC-981" and len(sent["plans"]) == 19
        assert sent["plans"][0] == {
            "kind": "disk",
            "target": disk(1).target,
            "route": "auto",
            "lock_days": 0,
            "digest": f"d-{disk(1).target[-4:]}",
        }


@pytest.mark.parametrize("size", SIZES)
async def test_what_only_collects_is_listed_before_it_starts_and_needs_no_word(
    desk: OpenDesk, size: tuple[int, int]
) -> None:
    async with desk(size=size, commands=ScriptedCommands(plan=planned)) as d:
        out = await open_batch(d, disks(3))
        await d.press("r", "enter")  # on Cancel
        assert out == [None] and d.commands.called("acquire.batch") == []
        out = await open_batch(d, disks(3))
        await d.press("r", "right", "enter")
        assert d.screen_name == "TypedConfirm" and not d.app.screen.query("#word")
        await d.sees("3 plans are approved at once", "cost: at most $0.15 to read", "$1.20 a month")
        await d.sees(*(f"disk host-0{n} /dev/xvda" for n in (1, 2, 3)))
        footer = d.lines[-1]
        assert "Esc cancel" in footer and "route" not in footer and not d.app.screen.query_one(Happens).below
        await d.press("S", "s", "enter")  # what is typed is nothing, and Enter is on Cancel
        assert d.screen_name == "BatchScreen" and d.commands.called("acquire.batch") == []
        await d.press("enter", "right", "enter")
        assert out == [("A-0011", "A-0012", "A-0013")]


@pytest.mark.parametrize("size", SIZES)
async def test_the_list_has_the_room(desk: OpenDesk, size: tuple[int, int]) -> None:
    async with desk(size=size, commands=ScriptedCommands(plan=planned)) as d:
        await open_batch(d, disks(30))
        rows, said = d.app.screen.query_one("#targets"), d.app.screen.query_one("#plan")
        both = rows.outer_size.height + said.outer_size.height
        assert 3 * rows.outer_size.height >= 2 * both - 2
        assert ":" in d.text and said.outer_size.height >= 4
        await d.press("escape")
        await open_batch(d, disks(2))
        assert d.app.screen.query_one("#targets").outer_size.height == 5  # the rest is for what is said of all
        assert d.app.screen.query_one("#plan").outer_size.height == both - 5


@pytest.mark.parametrize("size", SIZES)
async def test_while_read_only_nothing_is_approved_and_nothing_is_lost(
    desk: OpenDesk, size: tuple[int, int]
) -> None:
    async with desk(size=size, commands=ScriptedCommands(plan=planned)) as d:
        out = await open_batch(d, disks(2), armed=False)
        await d.press("r")
        await d.sees("READ-ONLY: w opens a write window; then approve", "[ Approve 2: read-only, w arms ]")
        await d.press("right", "enter")
        await d.until(lambda: d.text.count("READ-ONLY: w") == 2, "the toast")
        arm(d.model)
        await d.until(lambda: d.app.armed)
        await d.sees("[ Approve 2 ]")
        d.clock.advance(15 * 60)
        d.app.screen.tick()  # type: ignore[attr-defined]
        await d.sees("[ Approve 2: read-only, w arms ]")
        arm(d.model, 30)
        await d.until(lambda: d.app.armed)
        await d.press("enter", "right", "enter")
        assert out == [("A-0011", "A-0012")] and len(d.commands.called("plan")) == 4


async def test_a_window_that_ended_on_the_way_leaves_the_batch(desk: OpenDesk) -> None:
    fault = Refused("the case is read-only", next="open a write window: w, or :arm")
    async with desk(commands=ScriptedCommands(plan=planned, acquire_batch=fault)) as d:
        out = await open_batch(d, disks(2))
        await d.press("r", *APPROVE)
        await d.sees("the case is read-only", "DIRECT", "[ Approve 2 ]")
        assert out == [] and len(d.commands.called("plan")) == 4


@pytest.mark.parametrize("size", SIZES)
async def test_more_than_a_batch_takes_is_refused_until_some_are_left_out(
    desk: OpenDesk, size: tuple[int, int]
) -> None:
    async with desk(size=size, commands=ScriptedCommands(plan=planned)) as d:
        await open_batch(d, disks(MOST + 1))
        await d.sees(f"{MOST + 1} targets are more than one batch takes", "Leave out 1 with x")
        assert approve(d).disabled and d.commands.called("plan") == []
        await d.press("x")
        assert len(d.commands.called("plan")) == MOST
        await d.until(lambda: not approve(d).disabled)
        assert "more than one batch" not in d.text


async def test_a_disk_in_two_plans_is_named(desk: OpenDesk) -> None:
    twice = BatchTarget("disk", f"aws:{PAYMENTS}:vol-07aa61d2f0b9c8e3d", "web-01 /dev/xvdf", "")
    async with desk(commands=ScriptedCommands(plan=planned)) as d:
        await open_batch(d, (INSTANCE, twice))
        await d.sees("vol-07aa61d2f0b9c8e3d is in the plans of web-01 and web-01 /dev/xvdf", "acquired twice")


async def test_dangers_say_whom_they_concern(desk: OpenDesk) -> None:
    def answer(params: dict[str, Any]) -> Any:
        made = made_for(params)
        if params["target"] == disk(2).target:
            made = msgspec.structs.replace(made, warnings=(PlanWarning(code="spot", text="it may end any time"),))
        return {"plan": msgspec.to_builtins(made), "digest": "d"}

    async with desk(commands=ScriptedCommands(plan=answer)) as d:
        await open_batch(d, disks(3))
        await d.sees("▲ host-02 /dev/xvda: it may end any time", "▲ host-01 /dev/xvda and host-03 /dev/xvda: ")
        assert d.text.count("host-02 /dev/xvda: ") == 1  # all of its warnings stand together


async def test_room_is_measured_against_the_sum(desk: OpenDesk, tmp_path: Path) -> None:
    async with desk(commands=ScriptedCommands(plan=planned)) as d:
        await open_batch(d, disks(2))
        assert "needs at most 16.8 GiB, 5 % to spare included" in d.text
        assert "cannot be told" in " ".join(d.text.split())  # that folder is not on this machine
        d.model.fact("case", CaseFacts(id="IR-42", evidence_dir=str(tmp_path)))
        await d.until(lambda: d.app.snapshot.case.evidence_dir == str(tmp_path))
        await d.press("r")
        await d.sees(" free in ")


def test_the_room_of_a_folder_is_that_of_its_file_system(tmp_path: Path) -> None:
    here = free_bytes(str(tmp_path))
    assert here is not None and here > 0 and free_bytes(str(tmp_path / "to-be-made")) is not None
    assert free_bytes("") is None and free_bytes("/no/such/folder") is None and free_bytes("\0") is None
    assert GIB > 0


@pytest.mark.parametrize("size", [(60, 15), (80, 24), (132, 40), (200, 50)])
async def test_hostile_names_break_no_batch(desk: OpenDesk, size: tuple[int, int]) -> None:
    def answer(params: dict[str, Any]) -> Any:
        if params["target"].endswith("1"):
            raise Refused(ATTACKS[0] + ATTACKS[3], next=ATTACKS[4])
        return {"plan": msgspec.to_builtins(bad_plan(made_for(params))), "digest": "d", "space": ATTACKS[1]}

    answers = {
        "started": [],
        "refused": [{"target": disk(3).target, "error": {"message": ATTACKS[0] + ATTACKS[1]}}],
    }
    commands = ScriptedCommands(plan=answer, acquire_batch=answers)
    targets = tuple(
        renamed(one, ATTACKS[number % len(ATTACKS)]) for number, one in enumerate((*disks(9), INSTANCE))
    )
    async with desk(size=size, commands=commands, fill=seed_armed) as d:
        await open_batch(d, targets)
        seen = [d.text]
        for keys in (
            ["j", "enter"],
            ["escape", "j", "enter"],
            ["escape", "P"],
            ["escape", "pagedown"],
            ["right", "enter"],
        ):
            await d.press(*keys)
            seen.append(d.text)
        assert d.screen_name == "TypedConfirm"
        await d.press("pagedown")
        seen.append(d.text)
        await d.type_word("DESTROY")
        seen.append(d.text)
        for text in seen:
            assert not any(raw in text for raw in RAW)
            assert all(line.isprintable() for line in text.split("\n"))
        assert d.app.is_running and d.app.screen.query_one("#reason", Input).value == ""


def renamed(one: BatchTarget, crumb: str) -> BatchTarget:
    """That target under a hostile name, unescaped: the screen has to make it harmless itself."""
    return BatchTarget(one.kind, one.target, crumb, crumb)


async def test_the_reason_of_a_batch_is_kept_for_the_very_same_targets(desk: OpenDesk) -> None:
    async with desk(commands=ScriptedCommands(plan=planned)) as d:
        for targets, expected in ((disks(2), ""), (disks(3), ""), (disks(2)[::-1], "SEC-981")):
            await open_batch(d, targets)
            reason = d.app.screen.query_one("#reason", Input)
            assert reason.value == expected
            if targets == disks(2):
                await d.press("m")
                await d.type("SEC-981")
                await d.press("enter")
                await d.sees("Enter leaves, the reason is kept")
                await d.press("right")
                await d.sees("Enter asks for the word DESTROY")
                await d.press("left")
            await d.press("escape")
        await open_batch(d, disks(2))
        await d.press("right", "enter")
        await d.type_word("DESTROY")
        assert [call["reason"] for call in d.commands.called("acquire.batch")] == ["SEC-981"]
        await open_batch(d, disks(2))
        assert d.app.screen.query_one("#reason", Input).value == ""
