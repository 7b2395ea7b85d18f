"""Before a case is open: first steps, the list, a new case, the doctor."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from textual.widgets import Button

from app.case.folder import read
from app.faults import Fault
from app.locations import Locations
from screens.cases.application import Demo, Open
from screens.cases.examine import findings
from screens.cases.pages import Finding
from screens.cases.screen import CasesScreen
from screens.present.look import ASCII, UNICODE, Look
from screens.widgets.passphrase import Passphrase
from screens.widgets.row_list import RowList
from tests.screens.front import Front, case, front_on, home
from tests.screens.hostile import ATTACKS, RAW


async def make(front: Front) -> None:
    """Press the button, and wait for what comes of it."""
    button = front.app.screen.query_one("#yes", Button)
    while button.has_class("-active"):  # a button takes no second press until its first one was shown
        await front.pilot.pause(0.01)
    button.focus()
    await front.press("enter")
    while any(one.group in ("make", "protection") for one in front.app.workers):
        await front.pilot.pause(0.01)


async def test_without_a_case_there_are_three_lines(tmp_path: Path) -> None:
    async with front_on(home(tmp_path)) as front:
        await front.sees("make a case", "try it", "fit for the work")
        body = [line for line in front.text.split("\n")[1:-1] if line.strip()]
        assert [line.split()[0] for line in body] == ["n", "t", "d"]
        await front.press("t")
        assert front.app.return_value == Demo()


async def test_leaving_opens_nothing(tmp_path: Path) -> None:
    async with front_on(home(tmp_path)) as front:
        await front.sees("make a case")
        await front.press("q")
        assert front.app.return_value is None


@pytest.mark.parametrize("size", [(60, 15), (80, 24), (132, 40)])
async def test_the_list_filters_and_opens(tmp_path: Path, size: tuple[int, int]) -> None:
    locations = home(tmp_path)
    first, _ = case(locations, "IR-41", "Web shell"), case(locations, "IR-42", "Phish")
    async with front_on(locations, size=size) as front:
        await front.sees("Cases · 2 cases", "IR-41", "IR-42", "none")
        await front.press("slash", *"shell", "enter")
        await front.sees("/shell · 1 of 2")
        assert "IR-42" not in front.text
        await front.press("escape")
        await front.sees("Cases · 2 cases", "IR-42")
        await front.press("slash", *"case=41", "enter", "enter")
        assert front.app.return_value == Open(first)


async def test_a_new_case_appears_by_itself(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("screens.cases.application.LOOK_S", 0.05)
    locations = home(tmp_path)
    async with front_on(locations) as front:
        await front.sees("make a case")
        await asyncio.to_thread(case, locations, "IR-7")
        await front.sees("IR-7", "1 case")
        await front.press("enter")
        assert isinstance(front.app.return_value, Open)


async def test_a_broken_case_says_why_instead_of_opening(tmp_path: Path) -> None:
    locations = home(tmp_path)
    path = case(locations, "IR-9")
    (path / "case.toml").write_text("[case]\nid = 1\n")
    async with front_on(locations) as front:
        await front.sees("IR-9", "cannot be opened")
        await front.press("enter")
        await front.sees("This case cannot be opened", "is missing", "Nothing was changed")
        await front.press("escape")
        await front.sees("Cases · 1 case")
        assert front.app.return_value is None


@pytest.mark.parametrize("size", [(80, 24), (132, 40)])
async def test_hostile_titles_break_nothing(tmp_path: Path, size: tuple[int, int]) -> None:
    locations = home(tmp_path)
    for number, text in enumerate(ATTACKS):
        case(locations, f"IR-{number}", text, text)
    async with front_on(locations, size=size) as front:
        await front.sees("IR-0", "IR-9", "\\x1b]52")
        assert not [raw for raw in RAW if raw in front.text]
        lines = front.text.split("\n")
        assert lines[1].startswith("╭") and lines[-2].startswith("╰")
        await front.press("slash", *"PWNED")
        await front.sees("of 10")


# A new case


async def test_making_a_case_shows_the_fingerprint_before_it_goes_on(tmp_path: Path) -> None:
    locations = home(tmp_path, "passphrase")
    async with front_on(locations) as front:
        await front.press("n")
        await front.sees("Once more")
        for field, text in (
            ("id", "IR-42"),
            ("title", "A title"),
            ("ticket", "T-9"),
            ("passphrase", "korrekt horse — battery"),
            ("again", "korrekt horse — battery"),
        ):
            await front.write(field, text)
        assert "korrekt" not in front.text and "*****" in front.text
        await make(front)
        await front.sees("Note this fingerprint elsewhere")
        made = read(locations.cases / "IR-42")
        fingerprint = next(line for line in front.text.split("\n") if made.key in line and "pem" not in line)
        assert len(fingerprint.strip("│ ")) == 64
        assert (made.title, made.ticket) == ("A title", "T-9")
        await front.press("enter")  # goes past nothing: the focus is on the page
        await front.sees("Note this fingerprint elsewhere")
        front.app.screen.query_one("#yes", Button).focus()
        await front.press("enter")
        decision = front.app.return_value
        assert decision == Open(made.path, "korrekt horse — battery")
        assert "korrekt" not in repr(decision)


async def test_what_is_wrong_is_said_at_its_field_and_nothing_is_lost(tmp_path: Path) -> None:
    locations = home(tmp_path, "passphrase")
    case(home(tmp_path), "IR-1")
    home(tmp_path, "passphrase")
    wrong = tmp_path / "wrong.toml"
    wrong.write_text("[signing]\nprotection = 'none'\n")
    taken = tmp_path / "file"
    taken.write_text("")
    async with front_on(locations, size=(100, 40)) as front:
        await front.press("n")
        await front.sees("Once more")
        for field, text, words in (
            ("", "", "'' cannot be a case id"),
            ("id", "IR 2", "cannot be a case id"),
            ("id", "IR-1", "is there already"),
            ("id", "IR-2", "needs a title"),
            ("title", "Kept", "needs a ticket"),
            ("ticket", "T-1", "needs a passphrase"),
            ("config", str(wrong), "signing.protection"),
            ("config", "~nobody-here/x", "home directory is not known"),
            ("config", "/dev/zero", "no configuration file"),
            ("config", "", "needs a passphrase"),
            ("passphrase", "one\u200b", "no keyboard gives"),
            ("passphrase", "one", "passphrases differ"),
            ("again", "one", ""),
            ("evidence", "relative", "whole path"),
            ("evidence", str(taken / "x"), str(taken)),
        ):
            if field:
                await front.write(field, text)
            if words:
                await make(front)
                await front.sees(words)
        assert not (locations.cases / "IR-2").exists()
        await front.write("evidence", str(tmp_path / "bags"))
        await make(front)
        await front.sees("Note this fingerprint elsewhere")
        await front.press("escape")
        await front.sees("2 cases", "Kept")


async def test_esc_keeps_what_was_typed_but_not_the_passphrase(tmp_path: Path) -> None:
    async with front_on(home(tmp_path, "passphrase")) as front:
        await front.press("n")
        await front.sees("Once more")
        await front.write("title", "Half written")
        await front.write("passphrase", "secret")
        await front.press("escape")
        await front.sees("make a case")
        await front.press("n")
        await front.sees("Half written", "Once more")
        assert front.app.screen.query_one("#passphrase", Passphrase).value == ""


async def test_a_plain_key_file_is_said_and_asks_for_no_passphrase(tmp_path: Path) -> None:
    async with front_on(home(tmp_path)) as front:
        await front.press("n")
        await front.sees("whoever reads it can sign")
        assert "Once more" not in front.text
        other = tmp_path / "other.toml"
        other.write_text('[signing]\nprotection = "passphrase"\n')
        await front.write("config", str(other))
        await front.press("tab")
        await front.sees("Once more")


async def test_a_passphrase_is_copied_nowhere(tmp_path: Path) -> None:
    async with front_on(home(tmp_path, "passphrase")) as front:
        await front.press("n")
        await front.sees("Once more")
        await front.write("passphrase", "secret")
        field = front.app.screen.query_one("#passphrase", Passphrase)
        field.select_all()
        await front.press("ctrl+c", "ctrl+x")
        assert front.app.clipboard == ""
        assert field.value == "secret"


# The user's own keys


def own_keys(locations: Locations, text: str) -> None:
    locations.keymap_file.write_text(text, "utf-8")


async def test_the_users_keys_are_those_of_the_list_too(tmp_path: Path) -> None:
    locations = home(tmp_path)
    case(locations, "IR-41", "Web shell")
    case(locations, "IR-42", "Phish")
    own_keys(
        locations,
        '[keys]\n"cases.filter" = "f5"\n"cases.back" = "c"\n"cases.return" = "b"\n"cases.doctor" = "D"\n'
        '"cases.help" = "f1"\n"cases.quit" = "Q"\n"list.down" = "J,down"\n"resources.acquire" = "f6"\n',
    )
    async with front_on(locations) as front:
        await front.sees("IR-41", "IR-42", "F5 filter", "D doctor", "Q leave")
        assert not front.app.notices
        await front.press("slash", "d", "question_mark", "q")  # the shipped keys mean nothing any more
        assert front.app.is_running and isinstance(front.app.screen, CasesScreen)
        await front.press("f5", *"nothing", "enter")
        await front.sees("no case has that; c clears the filter")
        await front.press("c")
        await front.sees("Cases · 2 cases")
        await front.press("D")
        await front.sees("1 of 2 want attention", "b back")
        await front.press("escape")
        await front.sees("1 of 2 want attention")
        await front.press("b", "f1")
        await front.sees("F5 ", "Only cases with these words", "J ↓", "Leave; agents go on")
        assert "  /" not in front.text and "F6" not in front.text and "left out" not in front.text
        await front.press("b")
        rows = front.app.screen.query_one(RowList)
        before = rows.current
        await front.press("J")
        assert rows.current not in (None, before)


async def test_keys_for_leaving_and_filtering_a_case_are_those_of_the_list(tmp_path: Path) -> None:
    locations = home(tmp_path)
    case(locations, "IR-41", "Web shell")
    case(locations, "IR-42", "Phish")
    own_keys(locations, '[keys]\ndetach = "f10"\nfilter = "F"\n')
    async with front_on(locations) as front:
        await front.sees("IR-41", "F filter", "F10 leave")
        assert not front.app.notices
        await front.press("slash", "q")  # the shipped keys mean nothing any more
        assert front.app.is_running
        await front.press("F", *"phish", "enter")
        await front.sees("1 of 2")
        await front.press("question_mark")
        await front.sees("F10 ", "Leave; agents go on")
        await front.press("escape", "f10")
        assert not front.app.is_running


async def test_without_a_case_the_first_lines_have_the_users_keys(tmp_path: Path) -> None:
    locations = home(tmp_path)
    own_keys(locations, '[keys]\n"cases.demo" = "f2"\n"cases.quit" = "Q"\n')
    async with front_on(locations, size=(40, 10)) as front:
        await front.sees("Q leaves")
        await front.pilot.resize_terminal(80, 24)
        await front.sees("F2  try it")
        await front.press("ctrl+c")
        await front.sees("Q leaves; agents go on.")
        await front.press("f2")
        assert front.app.return_value == Demo()


@pytest.mark.parametrize("look", [UNICODE, ASCII])
async def test_a_key_taken_on_the_list_is_said_and_the_shipped_one_stays(tmp_path: Path, look: Look) -> None:
    locations = home(tmp_path)
    own_keys(
        locations,
        '[keys]\n"cases.doctor" = "n"\n"cases.new" = "j"\n"cases.return" = "G"\n"cases.demo" = "ctrl+b"\n'
        '"pane.zoom" = "R"\n"cases.quit" = "f9"\n',
    )
    async with front_on(locations, look=look, size=(100, 50)) as front:
        await front.sees("5 entries of the keymap are left out; ? tells", "d  is this machine fit")
        await front.press("question_mark")
        await front.sees(
            "keys.cases.doctor = n is the key of cases.new",
            "keys.cases.new = j is the key of list.down",
            "keys.cases.return = G is the key of list.last",
            "keys.cases.demo = 'ctrl+b': tmux",
            "keys.pane.zoom = R is the key of refresh",
            "mend keymap.toml",
            "F9 ",
        )
        assert look is UNICODE or front.text.isascii()
        await front.press("escape", "d")
        await front.sees("1 of 2 want attention")
        await front.press("q", "f9")
        assert not front.app.is_running


# The doctor


async def test_the_doctor_is_a_page_inside(tmp_path: Path) -> None:
    async with front_on(home(tmp_path)) as front:
        await front.sees("make a case")
        await front.press("d")
        await front.sees("1 of 2 want attention", "▲ clock", "→ run chrony", "✔ terminal")
        await front.press("q")
        await front.sees("make a case")


async def test_a_doctor_that_fails_says_so(tmp_path: Path) -> None:
    async def fails() -> list[Finding]:
        raise Fault("the doctor did not answer", next="run it by hand")

    async with front_on(home(tmp_path), examine=fails, look=ASCII) as front:
        await front.press("d")
        await front.sees("! the doctor did not answer", "> run it by hand")
        assert front.text.isascii()


def test_the_doctors_words_are_read_strictly() -> None:
    assert findings(b'[{"check":"clock","ok":true,"detail":"d","fix":null}]') == [Finding("clock", True, "d")]
    with pytest.raises(Fault, match="the reason"):
        findings(b'{"error":{"code":"usage","message":"the reason","next":"x"}}')
    for said in (b"", b"Traceback", b"[1]", b'{"a":1}'):
        with pytest.raises(Fault, match="did not say"):
            findings(said)


@pytest.mark.parametrize("size", [(20, 5), (10, 3), (1, 1)])
async def test_a_tiny_terminal_is_no_crash(tmp_path: Path, size: tuple[int, int]) -> None:
    locations = home(tmp_path)
    case(locations, "IR-1")
    async with front_on(locations, size=size) as front:
        await front.press("d", "escape", "n", "escape", "slash", "escape")
        await front.pilot.resize_terminal(80, 24)
        await front.sees("IR-1")
        await front.press("q")
