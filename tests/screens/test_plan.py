"""The plan screen: everything is seen before anything starts."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from textual.widgets import Button, Input

from app.faults import ReadOnly
from screens.command.catalogue import COMMANDS
from screens.command.registry import Registry
from screens.plan.screen import PlanScreen
from screens.widgets.page_lines import PageLines
from screens.widgets.typed_confirm import Happens, Question, TypedConfirm
from screens.workbench.screen import WorkbenchScreen
from tests.screens.conftest import Desk, OpenDesk
from tests.screens.fakes import ScriptedCommands
from tests.screens.sample_plan import plan
from tests.screens.seed import HOME, PAYMENTS, WEB, XVDA, arm

TARGET = f"aws:{PAYMENTS}:{XVDA}"


async def open_plan(d: Desk, *, armed: bool = True) -> None:
    if armed:
        arm(d.model)
        await d.until(lambda: d.app.armed, "the write window")
        d.app.clear_notifications()  # what is told of the window lies over the page for seconds
    await d.press("2")
    d.put_cursor_on(XVDA)
    await d.press("a")
    assert isinstance(d.app.screen, PlanScreen)


def approve(d: Desk) -> Button:
    return d.app.screen.query_one("#approve", Button)


async def test_the_plan_shows_steps_effects_undo_permissions_clocks_and_warnings(desk: OpenDesk) -> None:
    async with desk() as d:
        await open_plan(d)
        await d.sees(
            XVDA,
            "COPY",
            "cannot be shared",
            "ec2:ModifySnapshotAttribute",
            "share",
            "taken back in step 9",
            "\u2192 share",
            "\u2716 destroy",
            "jump host",
            "6 actions on 1 resource",
            "60 min",
            "renews 1×",
            "of 2,048 bytes",
            "14 min",
            "8.0 GiB",
            "clamped to 3,600 s: the base identity is itself a role",
            "Reason for custody",
        )
        assert isinstance(d.app.focused, Button) and d.app.focused.id == "cancel"
        assert d.commands.called("acquire") == []


async def test_what_shares_and_destroys_needs_the_gravest_word(desk: OpenDesk) -> None:
    async with desk() as d:
        await open_plan(d)
        assert "type DESTROY" in d.text and "READ-ONLY" not in d.text
        d.app.screen.query_one("#reason").focus()
        await d.pilot.pause()
        await d.type("SEC-981")
        await d.press("enter", "right", "enter")
        assert d.screen_name == "TypedConfirm"
        await d.sees("share with the forensics account")
        d.app.screen.query_one("#word").focus()
        await d.pilot.pause()
        await d.type("destro")
        await d.press("enter", "right", "enter")  # not the word: the focus stays in its field
        assert d.commands.called("acquire") == [] and d.screen_name == "TypedConfirm"
        assert d.app.focused is d.app.screen.query_one("#word")
        await d.sees("That is not it. Type DESTROY in capitals", "What is destroyed cannot be brought back")
        await d.press("escape")
        assert d.screen_name == "PlanScreen"
        await d.press("enter")
        d.app.screen.query_one("#word").focus()
        await d.pilot.pause()
        await d.type("DESTROY")
        await d.sees("That is the word. Enter goes to the button, Enter again confirms.")
        assert d.app.screen.query_one("#yes", Button).has_class("-ready")
        await d.press("enter")
        assert d.commands.called("acquire") == [] and d.app.screen.query_one("#yes").has_focus
        await d.press("enter")
        assert d.commands.called("acquire") == [
            {
                "kind": "disk",
                "target": TARGET,
                "route": "auto",
                "lock_days": 0,
                "reason": "SEC-981",
                "digest": "d1" * 32,
            }
        ]
        assert isinstance(d.app.screen, WorkbenchScreen)
        await d.sees("A-0009 is queued")


async def test_what_only_collects_is_approved_with_enter_after_moving_the_focus(desk: OpenDesk) -> None:
    async with desk() as d:
        await open_plan(d)
        await d.press("r")
        await d.sees("DIRECT")
        assert d.commands.called("plan")[-1]["route"] == "direct"
        await d.press("enter")  # still on Cancel
        assert d.commands.called("acquire") == [] and isinstance(d.app.screen, WorkbenchScreen)
        await d.press("a", "r", "tab", "enter")
        assert [call["route"] for call in d.commands.called("acquire")] == ["direct"]


async def test_the_route_key_goes_round(desk: OpenDesk) -> None:
    async with desk() as d:
        await open_plan(d)
        await d.press("r", "r", "r", "r")
        routes = [call["route"] for call in d.commands.called("plan")]
        assert routes == ["auto", "direct", "copy", "preserve", "auto"]


async def test_the_lock_key_goes_round_and_the_title_says_it(desk: OpenDesk) -> None:
    async with desk() as d:
        await open_plan(d)
        await d.sees("Plan \u00b7 disk web-01 /dev/xvda \u00b7 no lock")
        for days in (7, 30, 90):
            await d.press("l")
            assert isinstance(d.app.screen, PlanScreen)  # elsewhere l shows the leases
            await d.sees(f"\u00b7 lock {days} days", f"{days} DAYS", "ec2:LockSnapshot", "\u25b2 modify")
        await d.press("l")
        await d.until(lambda: "ec2:LockSnapshot" not in d.text)
        await d.press("l", "r", "right", "enter")  # a direct plan with a lock only modifies
        assert [call["lock_days"] for call in d.commands.called("plan")] == [0, 7, 30, 90, 0, 7, 7]
        await d.sees("Type MODIFY in capitals to go on")
        await d.type_word("MODIFY")
        assert [(call["route"], call["lock_days"]) for call in d.commands.called("acquire")] == [("direct", 7)]


@pytest.mark.parametrize("size", [(80, 24), (132, 40), (200, 50)])
async def test_the_button_is_whole_after_another_route_or_lock(desk: OpenDesk, size: tuple[int, int]) -> None:
    async with desk(size=size) as d:
        await open_plan(d)
        await d.sees("[ Approve: type DESTROY to go on ]")
        await d.press("r")
        await d.sees("[ Cancel ]    [ Approve ]")
        await d.press("l")
        await d.sees("[ Approve: type MODIFY to go on ]")


@pytest.mark.parametrize("size", [(80, 24), (132, 40)])
async def test_a_key_leads_to_the_reason_and_tab_from_it_to_the_buttons(
    desk: OpenDesk, size: tuple[int, int]
) -> None:
    async with desk(size=size) as d:
        await open_plan(d)
        await d.sees("Reason for custody (m): ticket", "m reason")
        order = []
        await d.press("m")
        for _ in range(4):
            assert d.app.focused is not None
            order.append(d.app.focused.id)
            await d.press("tab")
        assert order == ["reason", "cancel", "approve", "reason"]
        await d.press("shift+tab", "S", "E", "C", "minus", "1", "m", "enter")
        assert d.screen_name == "PlanScreen" and d.app.focused is d.app.screen.query_one("#cancel")
        assert d.app.screen.query_one("#reason", Input).value == "SEC-1m"


def below(d: Desk) -> str:
    """What the border of a question says."""
    return str(d.app.screen.query_one("#box").border_subtitle or "").strip()


@pytest.mark.parametrize("size", [(60, 15), (80, 24), (132, 40), (200, 50)])
async def test_the_question_says_more_below_only_where_there_is(desk: OpenDesk, size: tuple[int, int]) -> None:
    async with desk(size=size) as d:
        await open_plan(d)
        await d.press("right", "enter")
        assert d.screen_name == "TypedConfirm"
        happens = d.app.screen.query_one(Happens)
        hidden = happens.line_count() - happens.scrollable_content_region.height
        assert below(d) == (f"PgDn {hidden} more below" if hidden > 0 else "")
        assert "Esc cancel" in d.lines[-1] and "route" not in d.lines[-1] and "[ Approve ]" in d.text
        await d.press("escape")
        d.app.push_screen(TypedConfirm(Question("Sure?", ("It happens.",), "IR-42", "Do it"), d.app.look))
        await d.settled()
        assert below(d) == "" and "PgDn" not in d.lines[-1]


@pytest.mark.parametrize("size", [(80, 24), (132, 40)])
async def test_while_read_only_nothing_is_approved_and_nothing_is_lost(
    desk: OpenDesk, size: tuple[int, int]
) -> None:
    async with desk(size=size) as d:
        await open_plan(d, armed=False)
        await d.press("r")  # a direct plan: Enter would be enough
        note = "READ-ONLY: w opens a write window; then approve"
        await d.sees("[ Cancel ]    [ Approve: read-only, w arms ]", note)
        d.app.screen.query_one("#reason").focus()
        await d.pilot.pause()
        await d.type("SEC-981")
        await d.press("enter", "right", "enter")
        await d.until(lambda: d.text.count("READ-ONLY: w") == 2, "the toast")
        assert d.commands.called("acquire") == [] and d.screen_name == "PlanScreen"
        arm(d.model)
        await d.until(lambda: "READ-ONLY" not in d.lines[-3] and "[ Approve ]" in d.text, "a live button")
        assert d.app.screen.query_one("#reason", Input).value == "SEC-981"
        assert len(d.commands.called("plan")) == 2  # it was not planned again for that
        d.clock.advance(15 * 60)
        d.app.screen.tick()  # type: ignore[attr-defined]
        await d.sees("[ Approve: read-only, w arms ]")
        arm(d.model, 30)
        await d.until(lambda: "read-only, w" not in d.text)
        await d.press("enter")
        assert [call["reason"] for call in d.commands.called("acquire")] == ["SEC-981"]


async def test_a_window_that_ended_on_the_way_leaves_plan_and_reason(desk: OpenDesk) -> None:
    fault = ReadOnly("the case is read-only", next="open a write window: w, or :arm")
    async with desk(commands=ScriptedCommands(acquire=fault)) as d:
        await open_plan(d)
        d.app.screen.query_one("#reason").focus()
        await d.pilot.pause()
        await d.type("SEC-981")
        await d.press("enter", "right", "enter")
        await d.type_word("DESTROY")
        await d.sees("the case is read-only", "open a write window", "ec2:CopySnapshot")
        assert isinstance(d.app.screen, PlanScreen) and not approve(d).disabled
        assert d.app.screen.query_one("#reason", Input).value == "SEC-981"


async def test_the_question_says_what_is_paid_where_that_is_known(desk: OpenDesk) -> None:
    def unpriced(params: dict[str, Any]) -> Any:
        made = plan()
        estimate = msgspec.structs.replace(made.estimate, cost=None)
        return {"plan": msgspec.to_builtins(msgspec.structs.replace(made, estimate=estimate)), "digest": "aa"}

    async with desk(size=(80, 40)) as d:
        await open_plan(d)
        await d.press("right", "enter")
        await d.sees("cost: at most $0.05 to read · $0.02 for copies on the way", "list prices of us-east-1")
        await d.press("escape")
        d.commands.answers["plan"] = unpriced
        await d.press("R", "right", "enter")
        await d.sees("Type DESTROY")
        assert "cost:" not in d.text


@pytest.mark.parametrize("size", [(60, 15), (80, 24), (132, 40)])
async def test_after_the_reason_it_is_said_what_enter_does(desk: OpenDesk, size: tuple[int, int]) -> None:
    async with desk(size=size) as d:
        await open_plan(d)
        await d.press("m")
        await d.type("SEC-981")
        assert "Enter leaves" not in d.text
        await d.press("enter")
        await d.sees("Enter leaves, the reason is kept · → then Enter approves")
        await d.press("right")
        await d.sees("Enter asks for the word DESTROY · → back to Cancel")
        await d.press("m")
        await d.sees("Reason for custody (m)")


async def test_what_enter_does_names_the_key_that_is_in_force_and_no_approval_that_is_not(desk: OpenDesk) -> None:
    async with desk(registry=Registry(COMMANDS, {"plan.choose": "f7"})) as d:
        await open_plan(d, armed=False)
        await d.press("m")
        await d.type("SEC-981")
        await d.press("enter")
        await d.sees("Enter leaves, the reason is kept")
        assert "then Enter approves" not in d.text
        arm(d.model)
        await d.sees("F7 then Enter approves")
        await d.press("r", "f7")  # a direct plan asks for no word
        await d.sees("Enter approves · F7 back to Cancel")


async def test_a_reason_that_was_typed_is_there_when_the_plan_is_opened_again(desk: OpenDesk) -> None:
    def reason() -> str:
        return d.app.screen.query_one("#reason", Input).value

    async with desk() as d:
        await open_plan(d)
        await d.press("m")
        await d.type("SEC-981, owner agreed")
        await d.press("enter", "enter")  # on Cancel
        assert isinstance(d.app.screen, WorkbenchScreen) and d.commands.called("acquire") == []
        d.put_cursor_on(WEB)
        await d.press("a")
        assert d.screen_name == "PlanScreen" and reason() == ""  # it was of the disk
        await d.press("escape")
        d.put_cursor_on(XVDA)
        await d.press("a")
        assert reason() == "SEC-981, owner agreed"
        await d.sees("Enter leaves, the reason is kept")
        await d.press("right", "enter")
        await d.type_word("DESTROY")
        assert [call["reason"] for call in d.commands.called("acquire")] == ["SEC-981, owner agreed"]
        await d.sees("A-0009 is queued")
        await d.press("2")
        await d.until(lambda: d.app.workbench.resources.rows.has_focus)
        d.put_cursor_on(XVDA)
        await d.press("a")
        await d.until(lambda: d.screen_name == "PlanScreen")
        assert reason() == ""  # it was given


async def test_what_the_plan_did_not_make_is_destroyed_for_a_reason_only(desk: OpenDesk) -> None:
    def answer(params: dict[str, Any]) -> Any:
        made = plan()
        steps = tuple(
            msgspec.structs.replace(step, undoes="") if step.effect == "destroy" else step for step in made.steps
        )
        return {"plan": msgspec.to_builtins(msgspec.structs.replace(made, steps=steps)), "digest": "aa"}

    async with desk(commands=ScriptedCommands(plan=answer)) as d:
        await open_plan(d)
        await d.press("right", "enter")
        await d.sees("This destroys what the plan did not")
        assert d.screen_name == "PlanScreen" and d.app.focused is d.app.screen.query_one("#reason")
        await d.type("court order 7")
        await d.press("enter", "right", "enter")
        await d.type_word("DESTROY")
        assert [call["reason"] for call in d.commands.called("acquire")] == ["court order 7"]


async def test_the_policies_are_shown_as_they_will_be_sent(desk: OpenDesk) -> None:
    async with desk() as d:
        await open_plan(d)
        await d.press("P")
        await d.sees('"Action": [', "ec2:CreateSnapshot", "168 of 2,048 bytes")
        await d.press("escape")
        assert isinstance(d.app.screen, PlanScreen)


async def test_room_on_the_evidence_volume_is_shown_when_the_plan_gives_it(desk: OpenDesk) -> None:
    def answer(params: dict[str, Any]) -> Any:
        return {
            "plan": msgspec.to_builtins(plan("direct")),
            "digest": "aa",
            "space": "8.4 GiB needed, 812 GiB free",
        }

    async with desk(commands=ScriptedCommands(plan=answer)) as d:
        await open_plan(d)
        await d.sees("812 GiB free", "8.4 GiB needed")


async def test_a_narrow_plan_keeps_the_buttons_and_scrolls(desk: OpenDesk) -> None:
    async with desk(size=(80, 24)) as d:
        await open_plan(d)
        await d.sees("[ Cancel ]", "[ Approve: type DESTROY to go on ]", "more below", "Reason for custody")
        await d.press("G")
        await d.sees("notes", "CreateSnapshot in")


async def test_the_plan_scrolls_while_the_focus_is_on_a_button(desk: OpenDesk) -> None:
    async with desk(size=(80, 24)) as d:
        await open_plan(d)
        await d.sees("▲ 1 danger · 1 note", "PgDn more ▼", "more below")
        page = d.app.screen.query_one("#plan", PageLines)
        assert isinstance(d.app.focused, Button) and d.app.focused.id == "cancel"
        for key, back in (("j", "k"), ("down", "up"), ("pagedown", "pageup"), ("end", "home"), ("G", "g")):
            await d.press(key)
            assert page.scroll_offset.y > 0, key
            await d.press(back)
            assert page.scroll_offset.y == 0, back
        await d.press("end")
        await d.sees("notes", "CreateSnapshot in")
        assert "PgDn more" not in d.text and d.app.focused is not None and d.app.focused.id == "cancel"
        bottom = page.scroll_offset.y
        d.app.screen.query_one("#reason").focus()
        await d.pilot.pause()
        await d.press("j", "pageup")  # a letter is the reason's, a page key the plan's
        assert d.app.screen.query_one("#reason", Input).value == "j" and page.scroll_offset.y < bottom


def test_the_seeded_plan_is_a_plan_of_two_accounts() -> None:
    assert {step.account for step in plan().steps} == {PAYMENTS, HOME, ""}
