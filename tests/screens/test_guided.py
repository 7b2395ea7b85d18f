"""Guided mode: the rail points at the next key, sees what was done, and never acts."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from app.faults import Refused
from app.guided.load import Sources, load
from screens.command.catalogue import DEFAULT
from screens.guided.rail import GuideRail
from screens.present.look import ASCII
from screens.workbench.accounts import AccountsPane
from tests.screens.conftest import Desk, OpenDesk
from tests.screens.guided import INSTANCE, ME, OTHER, Office
from tests.screens.seed import PAYMENTS, WEB, XVDA

WEB_01 = f"aws:{PAYMENTS}:{WEB}"


async def follow(d: Desk, *words: str) -> None:
    """Wait until the rail or the strip shows all of that."""
    await d.sees(*words)
    await d.settled()


def seen(office: Office) -> list[tuple[str, str]]:
    """(step, state) of every record that the screens sent."""
    return [(one["step"], one["state"]) for one in office.commands.called("playbook.step")]


# -- the playbooks themselves -----------------------------------------------------------------------------


def test_every_key_that_a_playbook_names_is_in_the_catalogue() -> None:
    known = {command.id: command.writes for command in DEFAULT.commands}
    library = load([], known)
    assert library.faulty == ()
    for edition in library.editions.values():
        for step in edition.playbook.steps:
            if step.go is not None and step.go.place in ("accounts", "resources", "acquisitions", "custody"):
                command = DEFAULT.get(step.go.command)
                assert command is not None
                assert command.section in (step.go.place, "lists", "panes"), (edition.playbook.id, step.id)


# -- choosing ---------------------------------------------------------------------------------------------


async def test_t_lists_playbooks_and_enter_begins_one(desk: OpenDesk) -> None:
    office = Office()
    async with desk(fill=office.fill, commands=office.commands) as d:
        await d.press("t")
        await d.sees("Compromised EC2 instance", "9 steps", "Default-key encrypted disk", "Preserve now")
        await d.sees("met: The account of the instance can be read", "yours to judge: You may say who decides")
        await d.press("enter")
        await follow(d, "Guided: Compromised EC2 instance", "1 Write down the alert")
        assert office.commands.called("playbook.start") == [{"playbook": INSTANCE, "target": ""}]
        assert d.screen_name == "WorkbenchScreen"


async def test_a_faulty_playbook_is_listed_with_file_and_key(desk: OpenDesk, tmp_path: Path) -> None:
    books = tmp_path / "books"
    books.mkdir()
    (books / "ours.toml").write_text('id = "ours"\ntitel = "x"\n', "utf-8")
    office = Office()
    async with desk(fill=office.fill, commands=office.commands, sources=Sources((books,))) as d:
        await d.press("t")
        await d.sees("ours.toml")
        await d.press("G")
        await d.sees("because       titel: unknown key", "mend it       did you mean 'title'?")
        await d.press("enter")
        assert d.screen_name == "PageScreen" and office.commands.called("playbook.start") == []


async def test_the_line_begins_a_playbook_by_its_id(desk: OpenDesk) -> None:
    office = Office()
    async with desk(fill=office.fill, commands=office.commands) as d:
        await d.press("colon")
        await d.type("guide credential-theft")
        await d.press("enter")
        await follow(d, "Guided: Suspected credential theft")


async def test_i_shows_a_playbook_before_it_is_begun(desk: OpenDesk) -> None:
    office = Office()
    async with desk(fill=office.fill, commands=office.commands) as d:
        await d.press("t")
        await d.sees("Compromised EC2 instance")
        await d.press("i")
        await d.sees("from          compromised-instance.toml, sha256", "1. Memory and network connections")
        assert office.commands.called("playbook.start") == []


# -- the rail ---------------------------------------------------------------------------------------------


async def test_the_rail_stands_where_the_accounts_do(desk: OpenDesk) -> None:
    office = Office().with_run(INSTANCE, "by_hand", "done")
    async with desk(fill=office.fill, commands=office.commands) as d:
        await follow(d, "2 of 9 behind you", "3 Read before you touch", "Not:", "Why:", "Next:")
        rail, accounts = d.app.screen.query_one(GuideRail), d.app.screen.query_one(AccountsPane)

        def shown() -> tuple[bool, bool]:
            return rail.display, accounts.display

        assert shown() == (True, False), "a run of ours is shown when the case is opened again"
        assert d.app.workbench.current.number == 2
        await d.press("1")
        assert shown() == (False, True) and accounts.has_focus_within
        await d.sees("3/9 Read before you touch")
        await d.press("3")
        assert shown() == (True, False)


async def test_the_next_key_is_in_reverse_video(desk: OpenDesk) -> None:
    office = Office().with_run(INSTANCE, "by_hand")
    async with desk(fill=office.fill, commands=office.commands) as d:
        await follow(d, "2 Find the instance", "on the instance of the alert")
        rail = d.app.screen.query_one(GuideRail)
        marked = [
            segment.text
            for y in range(rail.size.height)
            for segment in rail.render_line(y)
            if segment.style and segment.style.reverse
        ]
        assert marked == [" Enter "]
        await d.press("3")
        await d.sees("Next:  2  then  Enter ")


async def test_one_pane_has_a_strip(desk: OpenDesk) -> None:
    office = Office().with_run(INSTANCE, "by_hand", "done")
    async with desk(size=(80, 24), fill=office.fill, commands=office.commands) as d:
        await follow(d, "3/9 Read before you touch", "i whole step", "On its page look at", "Not: Do not stop")
        assert all(len(line) <= 80 for line in d.lines)
        assert not d.app.screen.query_one(GuideRail).display


async def test_zoomed_panes_have_the_strip_too(desk: OpenDesk) -> None:
    office = Office().with_run(INSTANCE, "by_hand", "done")
    async with desk(fill=office.fill, commands=office.commands) as d:
        await follow(d, "Guided: Compromised EC2 instance")
        await d.press("z")
        await d.sees("3/9 Read before you touch")
        assert "Guided:" not in d.text


async def test_i_shows_the_whole_step_and_what_was_done(desk: OpenDesk) -> None:
    office = Office().with_run(INSTANCE, "by_hand", "done")
    async with desk(fill=office.fill, commands=office.commands) as d:
        await follow(d, "3 Read before you touch")
        await d.press("i")
        await d.sees("3 of 9: Read before you touch", "counts when   an examiner records it", "off meanwhile")
        await d.sees("so far", "seen by the screens", "by hand", "note 1")


async def test_a_changed_text_is_said(desk: OpenDesk) -> None:
    office = Office().with_run(INSTANCE, sha256="0" * 64)
    async with desk(fill=office.fill, commands=office.commands) as d:
        await follow(d, "the playbook was changed since")


async def test_a_run_without_its_playbook_shows_ids(desk: OpenDesk) -> None:
    office = Office()
    run = office.made(INSTANCE)
    office.runs["G-0001"] = msgspec.structs.replace(run, playbook="gone")
    async with desk(fill=office.fill, commands=office.commands) as d:
        await follow(d, "its playbook is not at hand", "1 alert", "2 find")


# -- steps ------------------------------------------------------------------------------------------------


async def test_n_records_what_was_done_by_hand(desk: OpenDesk) -> None:
    office = Office().with_run(INSTANCE)
    async with desk(fill=office.fill, commands=office.commands) as d:
        await follow(d, "1 Write down the alert")
        await d.press("n")
        await d.sees("By hand 1: Write down the alert", "Alert id and time")
        await d.press("enter")
        await d.sees("A few words are needed")
        await d.type("GuardDuty 42, told J. at 13:58Z")
        await d.press("enter")
        order = {"run": "G-0001", "step": "alert", "state": "by_hand", "note": "GuardDuty 42, told J. at 13:58Z"}
        assert office.commands.called("playbook.step") == [order]
        await follow(d, "2 Find the instance", "by hand")


async def test_the_line_takes_note_and_reason(desk: OpenDesk) -> None:
    office = Office().with_run(INSTANCE)
    async with desk(fill=office.fill, commands=office.commands) as d:
        await follow(d, "1 Write down the alert")
        for line in ("done told the owner", "skip an exercise"):
            await d.press("colon")
            await d.type(line)
            await d.press("enter")
        await follow(d, "3 Read before you touch")
        assert [(one["state"], one["note"]) for one in office.commands.called("playbook.step")] == [
            ("by_hand", "told the owner"),
            ("skipped", "an exercise"),
        ]
        await d.press("B")
        assert seen(office)[-1][1] == "todo"


async def test_a_question_left_records_nothing(desk: OpenDesk) -> None:
    office = Office().with_run(INSTANCE)
    async with desk(fill=office.fill, commands=office.commands) as d:
        await follow(d, "1 Write down the alert")
        for key in ("n", "N"):
            await d.press(key)
            await d.type("nothing")
            await d.press("escape")
        assert seen(office) == []


async def test_the_screens_see_that_a_page_was_opened(desk: OpenDesk) -> None:
    office = Office().with_run(INSTANCE, "by_hand")
    async with desk(fill=office.fill, commands=office.commands) as d:
        await follow(d, "2 Find the instance")
        d.put_cursor_on(XVDA)
        await d.press("enter")
        assert seen(office) == [], "a disk is not the instance"
        await d.press("escape")
        d.put_cursor_on(WEB)
        await d.press("enter")
        await d.until(lambda: seen(office))
        assert office.commands.called("playbook.target") == [{"run": "G-0001", "target": WEB_01}]
        assert seen(office) == [("find", "done")]
        await d.press("escape")
        await follow(d, "3 Read before you touch")


async def test_a_plan_of_a_disk_of_the_instance_is_about_it(desk: OpenDesk, tmp_path: Path) -> None:
    (tmp_path / "mine.toml").write_text(
        'id = "mine"\ntitle = "Mine"\nsummary = "s"\nwhen = "w"\n[[steps]]\nid = "plan"\ntitle = "Plan"\n'
        'text = "t"\nwhy = "w"\ndone = "plan_opened kind=disk"\n[[steps]]\nid = "no"\ntitle = "Refused"\n'
        'text = "t"\nwhy = "w"\ndone = "refused_untagged"\n',
        "utf-8",
    )
    office = Office(directory=tmp_path)
    office.with_run("mine", target=WEB_01)
    sources = Sources((tmp_path,))
    async with desk(fill=office.fill, commands=office.commands, sources=sources) as d:
        await follow(d, "1 Plan")
        await d.press("2")
        d.put_cursor_on("vol-0001d2c3b4a596877")  # of api-01
        await d.press("a")
        await d.sees("Reason for custody")
        await d.press("escape")
        assert seen(office) == []
        d.put_cursor_on(XVDA)
        await d.press("a")
        await d.until(lambda: seen(office))
        await d.press("escape")
        office.commands.answers["plan"] = Refused("vol-9 is not tagged for forensics", next="ask its owner")
        await d.press("a")
        await d.until(lambda: len(seen(office)) == 2)
        assert seen(office) == [("plan", "done"), ("no", "done")]
        await d.press("escape")
        await follow(d, "finished")


async def test_t_names_what_the_run_is_about(desk: OpenDesk) -> None:
    office = Office().with_run(INSTANCE)
    async with desk(fill=office.fill, commands=office.commands) as d:
        await follow(d, "1 Write down the alert")
        await d.press("2")
        d.put_cursor_on(WEB)
        await d.press("T")
        assert office.commands.called("playbook.target") == [{"run": "G-0001", "target": WEB_01}]


async def test_a_refusal_of_the_agent_is_said_once(desk: OpenDesk) -> None:
    office = Office(playbook_step=Refused("G-0001 is followed by ex-09", next="take it over first"))
    office.with_run(INSTANCE, "by_hand")
    async with desk(fill=office.fill, commands=office.commands) as d:
        await follow(d, "2 Find the instance")
        d.put_cursor_on(WEB)
        await d.press("enter")
        await d.sees("is followed by ex-09")
        await d.press("escape", "3", "2", "enter", "escape")
        assert len(seen(office)) == 1


# -- what a step holds back -------------------------------------------------------------------------------


async def test_a_held_command_says_why_and_the_rail_can_be_hidden(desk: OpenDesk) -> None:
    office = Office().with_run(INSTANCE, "by_hand", "done")
    async with desk(fill=office.fill, commands=office.commands) as d:
        await follow(d, "3 Read before you touch")
        await d.press("S")
        await d.sees("Stop agent is off during step 3 of G-0001", "N skips the step")
        assert d.screen_name == "WorkbenchScreen"
        await d.press("colon")
        await d.type("stop-agent")
        await d.press("enter")
        assert d.screen_name == "WorkbenchScreen" and office.commands.called("stop") == []
        await d.press("t")
        await d.sees("shown now", "hide the rail")
        await d.press("enter")
        await d.sees("1 Accounts")
        await d.press("S")
        assert d.screen_name == "TypedConfirm"


# -- other examiners --------------------------------------------------------------------------------------


async def test_a_second_examiner_takes_over_after_a_question(desk: OpenDesk) -> None:
    office = Office().with_run(INSTANCE, "by_hand", examiner=OTHER)
    async with desk(fill=office.fill, commands=office.commands) as d:
        assert "Guided:" not in d.text, "somebody else's run is not followed"
        await d.press("n")
        await d.sees("No playbook is followed")
        await d.press("t")
        await d.sees("followed by ex-09", "Take over with Enter")
        await d.press("enter")
        await d.sees("Take over G-0001", "1 of 9 steps are recorded, so far by ex-09")
        await d.press("escape")
        assert office.commands.called("playbook.takeover") == []
        await d.press("enter")
        await d.type_word("G-0001")
        await follow(d, "Guided: Compromised EC2 instance", "2 Find the instance")
        assert office.commands.called("playbook.takeover") == [{"run": "G-0001"}]


async def test_a_run_that_was_taken_over_is_not_followed_any_more(desk: OpenDesk) -> None:
    office = Office().with_run(INSTANCE, "by_hand")
    async with desk(fill=office.fill, commands=office.commands) as d:
        await follow(d, "Guided:")
        office.hand_to("G-0001", OTHER)
        await d.sees("G-0001 is followed by ex-09 now", "1 Accounts")
        d.put_cursor_on(WEB)
        await d.press("2", "enter")
        assert seen(office) == []


async def test_the_record_of_a_finished_run(desk: OpenDesk) -> None:
    states = ("done", "done", "by_hand", "done", "done", "skipped", "done")
    office = Office().with_run("preserve-now", *states)
    async with desk(size=(132, 50), fill=office.fill, commands=office.commands) as d:
        await d.press("t", "G")
        await d.sees("7 of 7 done")
        await d.press("enter")
        await d.sees("7 of 7 steps", "3 Lock what stays", "by hand · ex-07", "note 3", "skipped")


# -- the offer --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("key", "words"), [("t", "Guided: Preserve now"), ("escape", "1 Accounts")])
async def test_a_case_offers_a_playbook_once(desk: OpenDesk, key: str, words: str) -> None:
    office = Office()
    async with desk(fill=office.fill, commands=office.commands, sources=Sources(offer="preserve-now")) as d:
        await d.sees("Preserve now, download later:", "begins,", "looks around alone")
        await d.press(key)
        await follow(d, words)
        assert "looks around alone" not in d.text
        assert len(office.commands.called("playbook.start")) == (key == "t")


async def test_what_was_begun_is_not_offered_again(desk: OpenDesk) -> None:
    office = Office().with_run("preserve-now", "done", examiner=OTHER)
    async with desk(fill=office.fill, commands=office.commands, sources=Sources(offer="preserve-now")) as d:
        await d.until(lambda: d.app.follower.library is not None)
        await d.settled()
        assert "looks around alone" not in d.text


@pytest.mark.parametrize("size", [(80, 24), (200, 50)])
async def test_plain_ascii_means_plain_ascii(desk: OpenDesk, size: tuple[int, int]) -> None:
    office = Office().with_run(INSTANCE, "by_hand", "skipped", examiner=ME)
    async with desk(size=size, fill=office.fill, commands=office.commands, look=ASCII) as d:
        await follow(d, "Read before you touch")
        texts = [d.text]
        for keys in (["i"], ["escape", "t"], ["i"], ["escape", "escape", "n"]):
            await d.press(*keys)
            texts.append(d.text)
        for text in texts:
            assert text.isascii(), {char for char in text if not char.isascii()}
