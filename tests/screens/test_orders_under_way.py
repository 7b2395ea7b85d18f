"""An order that takes its time: whatever is pressed meanwhile, nothing breaks and its outcome is told once."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from textual.widgets import Button

from app.faults import AgentGone, Fault, Refused
from screens.plan.batch import BatchScreen
from screens.plan.screen import PlanScreen
from screens.widgets.row_list import RowList
from screens.widgets.typed_confirm import Question
from screens.workbench.screen import WorkbenchScreen
from tests.screens.conftest import Desk, OpenDesk
from tests.screens.fakes import ScriptedCommands
from tests.screens.guided import INSTANCE, OTHER, Office
from tests.screens.seed import PAYMENTS, XVDA, arm
from tests.screens.test_batch import APPROVE, disk, disks, planned

TARGET = f"aws:{PAYMENTS}:{XVDA}"
KEYS = ("question_mark", "colon", "ctrl+p", "escape", "tab", "enter", "x", "w", "m", "1", "P", "i")
"""Keys that open something over the page, leave it, act on it or move in it."""
MORE = ("shift+tab", "left", "right", "r", "R", "l", "p", "a", "t", "E", "v", "s", "slash", "4", "j", "pagedown")


async def paused(d: Desk) -> None:
    """What was pressed is done; an order may be under way."""
    for _ in range(3):
        await d.pilot.pause()


async def keys(d: Desk, *names: str) -> None:
    for name in names:
        await d.pilot.press(name)
        await paused(d)


async def open_window(d: Desk) -> None:
    arm(d.model)
    await d.until(lambda: d.app.armed, "the write window")


async def approve_plan(d: Desk) -> None:
    """The plan of a disk, approved; the answer is held back."""
    d.app.plan("disk", TARGET, "web-01 /dev/xvda")
    await d.settled()
    await d.press("r")  # a direct plan: no word is asked for
    d.app.clear_notifications()
    d.commands.hold("acquire")
    await keys(d, "right", "enter")
    await d.sees("starting")


async def approve_batch(d: Desk) -> None:
    d.app.plan_batch(disks(2))
    await d.settled()
    await d.press("r")
    d.app.clear_notifications()
    d.commands.hold("acquire.batch")
    await keys(d, *APPROVE)
    await d.sees("starting")


async def take_over(d: Desk) -> None:
    await keys(d, "t")
    await d.sees("Take over with Enter")
    await keys(d, "enter")
    d.app.clear_notifications()
    d.commands.hold("playbook.takeover")
    d.app.screen.query_one("#word").focus()
    await paused(d)
    await d.type("G-0001")
    await keys(d, "enter", "enter")
    await d.until(lambda: d.commands.called("playbook.takeover"))


def listen(d: Desk) -> list[str]:
    """Every toast from now on, also after it went."""
    heard: list[str] = []
    say = d.app.say

    def said(text: str, severity: Any = "information") -> None:
        heard.append(text)
        say(text, severity)

    d.app.say = said  # type: ignore[method-assign]
    return heard


def times(heard: list[str], words: str) -> int:
    """How many of them say that."""
    return sum(words in text for text in heard)


async def back(d: Desk) -> None:
    """To the workbench, as a person leaves: each page once."""
    for _ in range(4):
        if isinstance(d.app.screen, WorkbenchScreen):
            return
        await keys(d, "escape")
    raise AssertionError(f"no way back\n{d.text}")


Begin = Callable[[Desk], Awaitable[None]]
PLAN, BATCH = (
    (approve_plan, "acquire", "A-0009 is queued"),
    (approve_batch, "acquire.batch", "2 acquisitions queued"),
)


@pytest.mark.parametrize(
    ("begin", "method", "said", "some"),
    [
        pytest.param(*PLAN, KEYS, id="plan"),
        pytest.param(*PLAN, MORE, id="plan, more keys", marks=pytest.mark.slow),
        pytest.param(*BATCH, KEYS, id="batch", marks=pytest.mark.slow),
    ],
)
async def test_any_key_while_it_starts_and_the_outcome_is_told_once(
    desk: OpenDesk, begin: Begin, method: str, said: str, some: tuple[str, ...]
) -> None:
    async with desk(commands=ScriptedCommands(plan=planned)) as d:
        await open_window(d)
        heard = listen(d)
        for number, key in enumerate(some, 1):
            await begin(d)
            await keys(d, key)
            d.commands.release(method)
            await d.settled()
            assert len(d.commands.called(method)) == number == times(heard, said), key
            await back(d)
            assert times(heard, said) == number, key


@pytest.mark.slow
async def test_any_key_while_a_run_is_taken_over(desk: OpenDesk) -> None:
    office = Office().with_run(INSTANCE, "by_hand", examiner=OTHER)
    async with desk(fill=office.fill, commands=office.commands) as d:
        for key in KEYS:
            await take_over(d)
            await keys(d, key)
            d.commands.release("playbook.takeover")
            await d.settled()
            await back(d)
            assert d.app.follower.run is not None, key
            await d.sees("Guided: Compromised EC2 instance")
            office.hand_to("G-0001", OTHER)
            await d.until(lambda: d.app.follower.run is None, key)


@pytest.mark.parametrize("begin", [approve_plan, approve_batch])
async def test_leaving_the_case_while_it_starts(desk: OpenDesk, begin: Begin) -> None:
    async with desk(commands=ScriptedCommands(plan=planned)) as d:
        await open_window(d)
        await begin(d)
        await d.pilot.press("q")
        await d.until(lambda: not d.app.is_running)
        assert "Detached." in str(d.app.return_value)


@pytest.mark.parametrize("key", ["question_mark", "P"])
async def test_what_only_is_read_closes_with_the_page_below(desk: OpenDesk, key: str) -> None:
    async with desk(commands=ScriptedCommands(plan=planned)) as d:
        await open_window(d)
        heard = listen(d)
        await approve_batch(d)
        await keys(d, key)
        assert d.screen_name == "PageScreen"
        d.commands.release("acquire.batch")
        await d.settled()
        assert isinstance(d.app.screen, WorkbenchScreen) and times(heard, "2 acquisitions queued") == 1


async def test_a_line_that_is_typed_stays_and_the_page_ends_after_it(desk: OpenDesk) -> None:
    async with desk() as d:
        await open_window(d)
        heard = listen(d)
        await approve_plan(d)
        await keys(d, "colon", "l", "e")
        d.commands.release("acquire")
        await d.settled()
        assert d.screen_name == "CommandLine" and times(heard, "A-0009 is queued") == 1
        await d.press("a", "escape")
        assert isinstance(d.app.screen, WorkbenchScreen) and times(heard, "A-0009 is queued") == 1
        assert [name for name, _ in d.commands.calls if name.startswith("acquisition.")] == []


@pytest.mark.parametrize("by", ["escape", "enter"])
async def test_closing_the_page_takes_no_order_back_and_its_outcome_is_told(desk: OpenDesk, by: str) -> None:
    async with desk(size=(80, 24)) as d:
        await open_window(d)
        heard = listen(d)
        await approve_plan(d)
        await d.sees("[ Close ]", "the order was given")
        assert "[ Cancel ]" not in d.text
        d.app.screen.query_one("#cancel").focus()
        await keys(d, by)
        await d.until(lambda: isinstance(d.app.screen, WorkbenchScreen))
        assert times(heard, "The order was given") == 1 and times(heard, "A-0009") == 0
        d.commands.release("acquire")
        await d.sees("A-0009 is queued")
        assert times(heard, "A-0009 is queued") == 1


@pytest.mark.parametrize(
    ("fault", "said"),
    [
        (Refused("the key is gone", next="ask its owner"), "not started: the key is gone"),
        (AgentGone("the agent closed the connection"), "not known whether it was started"),
    ],
)
@pytest.mark.parametrize("key", ["escape", "question_mark"])
async def test_a_refusal_that_nobody_would_see_is_a_toast(
    desk: OpenDesk, fault: Fault, said: str, key: str
) -> None:
    async with desk(commands=ScriptedCommands(acquire=fault)) as d:
        await open_window(d)
        heard = listen(d)
        await approve_plan(d)
        await keys(d, key)
        d.commands.release("acquire")
        await d.settled()
        assert times(heard, f"web-01 /dev/xvda: {said}") == 1
        await back(d)


async def test_what_became_of_a_batch_that_was_left_is_told(desk: OpenDesk) -> None:
    refused = {"target": disk(2).target, "error": Refused("another one holds it").data()}
    answers = {"started": [{"target": disk(1).target, "acquisition": "A-0011"}], "refused": [refused]}
    async with desk(commands=ScriptedCommands(plan=planned, acquire_batch=answers)) as d:
        await open_window(d)
        heard = listen(d)
        await approve_batch(d)
        await d.sees("[ Close ]", "the order was given")
        await keys(d, "escape")
        d.commands.release("acquire.batch")
        await d.settled()
        assert times(heard, "1 of 2 started, 1 refused") == 1 and times(heard, "another one holds it") == 1


async def test_a_refused_batch_that_was_left_is_told(desk: OpenDesk) -> None:
    fault = Refused("no room for it", next="make room")
    async with desk(commands=ScriptedCommands(plan=planned, acquire_batch=fault)) as d:
        await open_window(d)
        heard = listen(d)
        await approve_batch(d)
        await keys(d, "escape")
        d.commands.release("acquire.batch")
        await d.settled()
        assert times(heard, "othing was started") == 1 and times(heard, "no room for it") == 1


async def test_a_target_may_be_dropped_while_it_is_planned(desk: OpenDesk) -> None:
    async with desk(commands=ScriptedCommands(plan=planned)) as d:
        d.commands.hold("plan")
        d.app.push_screen(BatchScreen(disks(3)))
        await d.sees("planning 1 of 3")
        await d.until(lambda: len(d.commands.called("plan")) == 3)
        await keys(d, "j", "x")
        d.commands.release("plan")
        await d.settled()
        await d.sees("Batch plan · 2 targets", "host-01", "host-03")
        assert "host-02 /dev/xvda  " not in d.text and "planning" not in d.text


async def test_a_button_that_is_pressed_twice_answers_once(desk: OpenDesk) -> None:
    async with desk() as d:
        await open_window(d)
        given: list[str] = []
        d.app.ask(Question("Sure?", ("It happens.",), "", "Do it"), given.append)
        await d.settled()
        assert d.screen_name == "TypedConfirm"
        yes = d.app.screen.query_one("#yes", Button)
        yes.press()
        yes.press()
        await d.settled()
        assert isinstance(d.app.screen, WorkbenchScreen) and given == [""]


async def test_cancel_that_is_pressed_twice_leaves_one_page(desk: OpenDesk) -> None:
    async with desk() as d:
        d.app.open_acquisition("A-0001")
        d.app.plan("disk", TARGET, "web-01 /dev/xvda")
        await d.settled()
        assert isinstance(d.app.screen, PlanScreen)
        cancel = d.app.screen.query_one("#cancel", Button)
        cancel.press()
        cancel.press()
        await d.settled()
        assert d.screen_name == "AcquisitionScreen"


async def test_a_playbook_that_is_chosen_twice_is_begun_once(desk: OpenDesk) -> None:
    office = Office()
    async with desk(fill=office.fill, commands=office.commands) as d:
        await d.press("t")
        await d.sees("Compromised EC2 instance")
        rows = d.app.screen.query_one("#rows", RowList)
        for _ in range(2):
            rows.action_choose()
        await d.settled()
        assert isinstance(d.app.screen, WorkbenchScreen)
        assert len(office.commands.called("playbook.start")) == 1
