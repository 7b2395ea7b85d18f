"""Guided mode: the rail points at the next key, sees what was done, and never acts."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import msgspec
import pytest

from app.clock import stamp_us
from app.faults import Refused, Untagged
from app.guided.load import Library, Sources, load
from screens.command.catalogue import DEFAULT
from screens.command.registry import Registry
from screens.guided.rail import GuideRail
from screens.present.look import ASCII
from screens.workbench.accounts import AccountsPane
from tests.screens.conftest import Desk, OpenDesk
from tests.screens.guided import INSTANCE, ME, OTHER, Office
from tests.screens.seed import NOW, PAYMENTS, WEB, XVDA

WEB_01 = f"aws:{PAYMENTS}:{WEB}"


async def follow(d: Desk, *words: str) -> None:
    """Wait until the rail or the strip shows all of that."""
    await d.sees(*words)
    await d.settled()


def seen(office: Office) -> list[tuple[str, str]]:
    """(step, state) of every record that the screens sent."""
    return [(one["step"], one["state"]) for one in office.commands.called("playbook.step")]


def arm(d: Desk) -> None:
    """The agent says that the write window is open."""
    until = stamp_us(NOW + timedelta(minutes=5))
    d.model.fact("agent", msgspec.structs.replace(d.app.snapshot.agent, armed_until=until, armed_by=ME))


def with_step(folder: Path, *lines: str) -> Path:
    """The folder, with a playbook ``mine`` of one step with these lines."""
    text = () if any(line.startswith("text") for line in lines) else ('text = "t"',)
    step = "\n".join(["[[steps]]", 'id = "s0"', 'title = "Step 0"', 'why = "w"', *text, *lines])
    (folder / "mine.toml").write_text(f'id = "mine"\ntitle = "Mine"\nsummary = "s"\nwhen = "w"\n{step}\n', "utf-8")
    return folder


# -- the playbooks themselves -----------------------------------------------------------------------------


def test_every_key_that_a_playbook_names_is_in_the_catalogue() -> None:
    known = {command.id: command.starts for command in DEFAULT.commands}
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
        await d.sees("Compromised EC2 instance", "10 steps", "Default-key encrypted disk", "Preserve now")
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
        await follow(d, "2 of 10 behind you", "3 Read before you touch", "Not:", "Why:", "Next:")
        rail, accounts = d.app.screen.query_one(GuideRail), d.app.screen.query_one(AccountsPane)

        def shown() -> tuple[bool, bool]:
            return rail.display, accounts.display

        assert shown() == (True, False), "a run of ours is shown when the case is opened again"
        assert d.app.workbench.current.number == 2
        await d.press("1")
        assert shown() == (False, True) and accounts.has_focus_within
        await d.sees("3/10 Read before you touch")
        await d.press("3")
        assert shown() == (True, False)


async def test_the_next_key_is_in_reverse_video(desk: OpenDesk) -> None:
    office = Office().with_run(INSTANCE, "by_hand")
    async with desk(fill=office.fill, commands=office.commands) as d:
        await follow(d, "2 Find the instance", "on the alert's instance")
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
        await follow(d, "3/10 Read before you touch", "i whole step", "On its page look at", "Not: Do not stop")
        assert all(len(line) <= 80 for line in d.lines)
        assert not d.app.screen.query_one(GuideRail).display


async def test_zoomed_panes_have_the_strip_too(desk: OpenDesk) -> None:
    office = Office().with_run(INSTANCE, "by_hand", "done")
    async with desk(fill=office.fill, commands=office.commands) as d:
        await follow(d, "Guided: Compromised EC2 instance")
        await d.press("z")
        await d.sees("3/10 Read before you touch")
        assert "Guided:" not in d.text


async def test_i_shows_the_whole_step_and_what_was_done(desk: OpenDesk) -> None:
    office = Office().with_run(INSTANCE, "by_hand", "done")
    async with desk(fill=office.fill, commands=office.commands) as d:
        await follow(d, "3 Read before you touch")
        await d.press("i")
        await d.sees("3 of 10: Read before you touch", "counts when   an examiner records it")
        await d.sees("so far", "reported by the screens", "by hand", "note 1")


async def test_a_changed_text_is_said(desk: OpenDesk) -> None:
    office = Office().with_run(INSTANCE, sha256="0" * 64)
    async with desk(fill=office.fill, commands=office.commands) as d:
        await follow(d, "its file changed since this run", "1 Write down the alert")
        await d.press("n")
        await d.type("told")
        await d.press("enter")
        await follow(d, "2 Find the instance", "Next:  Enter  then  n ")
        sha256 = office.library.get(INSTANCE).sha256
        assert office.commands.called("playbook.step")[0]["sha256"] == sha256, "the text that was read"
        d.put_cursor_on(WEB)
        await d.press("enter", "escape")
        assert seen(office) == [("alert", "by_hand")], "nothing is judged by another text"
        await d.press("i")
        await d.sees("counts when   an examiner records it")


async def test_the_strip_says_that_a_text_was_changed(desk: OpenDesk) -> None:
    office = Office().with_run(INSTANCE, sha256="0" * 64)
    async with desk(size=(80, 24), fill=office.fill, commands=office.commands) as d:
        await follow(d, "1/10 Write down the alert", "its file changed since this run began")


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
        order = {
            "run": "G-0001",
            "step": "alert",
            "state": "by_hand",
            "note": "GuardDuty 42, told J. at 13:58Z",
            "sha256": office.runs["G-0001"].sha256,
        }
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
        office.commands.answers["plan"] = Untagged("vol-9 is not for us", next="ask its owner")
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


async def test_what_the_record_contradicts_is_claimed_again_later(desk: OpenDesk, tmp_path: Path) -> None:
    office = Office(directory=with_step(tmp_path, 'done = "accounts_seen"'))
    office.commands.answers["playbook_step"] = Refused("step s0 is not done", next="do it")
    office.with_run("mine")
    async with desk(fill=office.fill, commands=office.commands, sources=Sources((tmp_path,))) as d:
        await d.sees("step s0 is not done")
        d.app.follower.case_changed()
        assert len(seen(office)) == 1
        office.commands.answers["playbook_step"] = office.step
        d.clock.advance(10.0)
        d.app.follower.case_changed()
        await follow(d, "finished")
        assert len(seen(office)) == 2


async def test_the_last_step_is_seen_again_after_it_was_taken_back(desk: OpenDesk, tmp_path: Path) -> None:
    office = Office(directory=with_step(tmp_path, 'done = "tampering_seen"'))
    office.with_run("mine")
    async with desk(fill=office.fill, commands=office.commands, sources=Sources((tmp_path,))) as d:
        await follow(d, "1 Step 0")
        for _ in range(2):
            d.app.follower.saw("tampered")
            await follow(d, "finished")
            office.later(d.clock)
            await d.press("B")
            await follow(d, "1 Step 0 · again", "Again: what was seen before it was")
        assert [state for _, state in seen(office)] == ["done", "todo", "done", "todo"]
        office.later(d.clock)
        d.app.follower.saw("tampered")
        await follow(d, "finished")


async def test_what_is_still_so_does_not_undo_a_step_back(desk: OpenDesk, tmp_path: Path) -> None:
    office = Office(directory=with_step(tmp_path, 'done = "accounts_seen"\ngo = { place = "accounts", command = '
                                        '"refresh" }'))  # fmt: skip
    office.with_run("mine")
    async with desk(fill=office.fill, commands=office.commands, sources=Sources((tmp_path,))) as d:
        await follow(d, "finished")
        office.later(d.clock)
        await d.press("B")
        await follow(d, "Again:", "record it yourself", "then  n ")
        d.app.follower.case_changed()
        await d.settled()
        assert [state for _, state in seen(office)] == ["done", "todo"]
        await d.press("i")
        await d.sees("again         record it yourself: what was so", "counts when   an examiner records it")
        await d.sees("to do again · ex-07")
        await d.press("escape", "n")
        await d.type("the account was asked once more")
        await d.press("enter")
        await follow(d, "finished")
    async with desk(fill=office.fill, commands=office.commands, sources=Sources((tmp_path,))) as d:
        await follow(d, "1 Accounts")
        office.put(office.taken_back("G-0001", "s0"))
        d.app.follower.show("G-0001")
        await follow(d, "Again:", "record it yourself")
        assert [state for _, state in seen(office)] == ["done", "todo", "by_hand"]


async def test_b_is_about_the_run_that_is_followed(desk: OpenDesk) -> None:
    office = Office().with_run("preserve-now", "by_hand", "done")
    office.with_run(INSTANCE, ident="G-0002")
    async with desk(fill=office.fill, commands=office.commands) as d:
        await follow(d, "1 Write down the alert")
        await d.press("B")
        await d.sees("No step of G-0002 is recorded yet")


async def test_texts_name_the_keys_in_force(desk: OpenDesk, tmp_path: Path) -> None:
    text = 'text = "Press {key:resources.acquire}, then {key:tamper}."\ndont = "No {key:page.back}."'
    office = Office(directory=with_step(tmp_path, 'done = "by_hand"', text))
    office.with_run("mine")
    registry = Registry(DEFAULT.commands, {"resources.acquire": "f5"})
    sources = Sources((tmp_path,))
    async with desk(fill=office.fill, commands=office.commands, sources=sources, registry=registry) as d:
        await follow(d, "Press F5, then :tamper.", "No Esc.")


async def test_playbooks_that_cannot_be_read_end_nothing(desk: OpenDesk, monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(*_: object) -> Library:
        raise ValueError("not foreseen")

    monkeypatch.setattr("screens.guided.follow.load", fails)
    office = Office().with_run(INSTANCE)
    async with desk(fill=office.fill, commands=office.commands) as d:
        await d.sees("The playbooks cannot be read (ValueError)", "its playbook is not at hand")
        await d.press("t", "G")
        await d.sees("refused", "the playbooks cannot be read")
        assert d.app.is_running


async def test_a_note_that_shows_nothing_is_none(desk: OpenDesk) -> None:
    office = Office().with_run(INSTANCE)
    async with desk(fill=office.fill, commands=office.commands) as d:
        await follow(d, "1 Write down the alert")
        await d.press("n")
        await d.type("\u2060\u00ad")
        await d.press("enter")
        await d.sees("A few words are needed")
        assert seen(office) == []


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


# -- where one is -------------------------------------------------------------------------------------------


async def test_the_next_key_is_for_the_screen_that_one_is_on(desk: OpenDesk) -> None:
    office = Office().with_run("default-key-disk", "done", "done")
    office.with_run("default-key-disk", "done", "done", target=f"aws:{PAYMENTS}:{XVDA}")
    async with desk(size=(80, 24), fill=office.fill, commands=office.commands) as d:
        await follow(d, "3/6 Approve what is shared", "Next:  a  plan it again")
        d.put_cursor_on(XVDA)
        await d.press("a")
        await d.sees("Next:  m  the reason, then Enter")
        await d.press("m")
        await d.type("SEC-981")
        await d.press("enter")
        await d.sees("Next:  w  the case is read-only")
        arm(d)
        await d.sees("Approve, then Enter")
        office.put(office.made("default-key-disk", "done", "done", "done"))
        await d.sees("4/6 Wait until all", "Next:  3  then  Enter ")
        await d.press("escape", "3", "enter")
        await d.sees("4/6 Wait until all", "Next:  wait here")
        office.put(office.made("default-key-disk", "done", "done", "done", "done", "by_hand"))
        await d.sees("6/6 Read the evidence", "Next:  E  then  v ")


async def test_a_plan_of_something_else_is_said_once(desk: OpenDesk) -> None:
    office = Office().with_run(INSTANCE, "by_hand", "done", target=WEB_01)
    async with desk(fill=office.fill, commands=office.commands) as d:
        await follow(d, "3 Read before you touch", "About: ")
        d.put_cursor_on(WEB)
        await d.press("2", "enter", "escape")
        await d.sees("About: web-01")
        d.put_cursor_on("vol-0001d2c3b4a596877")  # of api-01
        await d.press("a")
        await d.sees("This plan is of api-01 /dev/xvda", "is about web-01", "changes that")


async def test_only_a_disk_under_the_default_key_is_what_that_playbook_is_about(desk: OpenDesk) -> None:
    office = Office().with_run("default-key-disk")
    async with desk(fill=office.fill, commands=office.commands) as d:
        await follow(d, "1 Find the disk")
        await d.press("2")
        d.put_cursor_on("vol-0001d2c3b4a596877")  # under a customer key
        await d.press("enter", "escape")
        assert seen(office) == []
        d.put_cursor_on(XVDA)
        await d.press("enter")
        await d.until(lambda: seen(office))


# -- what a step holds back -------------------------------------------------------------------------------


async def test_a_held_command_says_why_and_the_rail_can_be_hidden(desk: OpenDesk, tmp_path: Path) -> None:
    office = Office(directory=with_step(tmp_path, 'done = "by_hand"\nholds = ["resources.acquire"]'))
    office.with_run("mine")
    async with desk(fill=office.fill, commands=office.commands, sources=Sources((tmp_path,))) as d:
        await follow(d, "1 Step 0")
        await d.press("2")
        d.put_cursor_on(XVDA)
        await d.press("a")
        await d.sees("Acquire is off during step 1", "N skips")
        assert d.screen_name == "WorkbenchScreen"
        await d.press("colon")
        await d.type("acquire")
        await d.press("enter")
        assert d.screen_name == "WorkbenchScreen" and office.commands.called("plan") == []
        await d.press("i")
        await d.sees("off meanwhile acquire")
        await d.press("escape", "t")
        await d.sees("shown now", "hide the rail")
        await d.press("enter")
        await d.sees("1 Accounts")
        await d.press("a")
        await d.until(lambda: d.screen_name == "PlanScreen")


async def test_closing_the_write_window_is_never_held(desk: OpenDesk, tmp_path: Path) -> None:
    office = Office(directory=with_step(tmp_path, 'done = "by_hand"\nholds = ["arm"]'))
    office.with_run("mine")
    async with desk(fill=office.fill, commands=office.commands, sources=Sources((tmp_path,))) as d:
        await follow(d, "1 Step 0")
        assert d.app.held("arm")
        arm(d)
        await d.until(lambda: not d.app.held("arm"))


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
        await d.sees("Take over G-0001", "1 of 10 steps are recorded, so far by")
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
        await d.sees("ended: 6 done, 1 skipped")
        await d.press("enter")
        await d.sees("ended: 6 done, 1 skipped", "3 Lock what stays", "by hand · ex-07", "note 3", "skipped")


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
