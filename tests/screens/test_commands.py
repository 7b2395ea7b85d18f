"""The ``:`` line, the palette, and the user's keymap."""

from __future__ import annotations

from pathlib import Path

import pytest

from screens.cases.commands import EVERY, REGISTRY
from screens.command.catalogue import COMMANDS, DEFAULT
from screens.command.keymap import TOGETHER, load
from screens.command.line import History, common, complete, parse
from screens.command.registry import Command, Registry, shown
from screens.command.seeking import findable, seek
from screens.custody.screen import VerifyScreen
from screens.page.help import keymap_lines
from screens.present.look import ASCII, UNICODE, Look
from screens.widgets.row_list import RowList
from tests.screens.conftest import OpenDesk


def test_a_line_is_a_command_and_what_it_takes() -> None:
    asked = parse(":res web  tag=app:web ", DEFAULT)
    assert asked.command is not None and asked.command.id == "pane.resources"
    assert asked.argument == "web  tag=app:web" and not asked.problem
    assert parse("   ", DEFAULT).command is None and not parse("", DEFAULT).problem


@pytest.mark.parametrize(
    ("line", "words"), [("acounts", "did you mean :accounts"), ("leases now", "takes nothing"), ("%%", "lists")]
)
def test_a_line_that_means_nothing_says_why(line: str, words: str) -> None:
    assert words in parse(line, DEFAULT).problem


def test_an_alias_stands_for_a_line() -> None:
    mine = Registry(COMMANDS, aliases={"web": "res tag=app:web"})
    asked = parse("web kind=disk", mine)
    assert asked.command is not None and asked.command.id == "pane.resources"
    assert asked.argument == "tag=app:web kind=disk"


def test_completion_of_words_and_arguments() -> None:
    assert "accounts" in complete("acc", DEFAULT) and complete("zz", DEFAULT) == []
    found = complete("custody acq=A-0001 ph", DEFAULT, lambda _: ("phase=failed", "op="))
    assert found == ["custody acq=A-0001 phase=failed"]
    assert common(["leases", "leave"]) == "lea" and common([]) == ""


def test_history_goes_back_and_keeps_what_is_being_typed() -> None:
    history = History()
    for line in ("leases", "res web", "res web"):
        history.add(line)
    assert history.step(-1, "dra") == "res web" and history.step(-1, "res web") == "leases"
    assert history.step(-1, "leases") == "leases"
    assert history.step(1, "leases") == "res web" and history.step(1, "res web") == "dra"


def write(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "keymap.toml"
    path.write_text(text, "utf-8")
    return path


def test_a_keymap_changes_keys_hints_and_aliases(tmp_path: Path) -> None:
    path = write(
        tmp_path, '[keys]\n"resources.acquire" = "f5"\n"list.down" = "n, Down"\n[aliases]\nweb = "res web"\n'
    )
    found = load(path, DEFAULT)
    assert found.problems == (f"{path}: keys.list.down = n ↓ is the key of guide.done; the shipped key stays",)
    assert found.registry.hint("resources.acquire") == ("F5", "acquire")
    assert found.registry.aliases == {"web": "res web"}


@pytest.mark.parametrize(
    ("entry", "words"),
    [
        ('[keys]\n"resources.aquire" = "f5"', "did you mean resources.acquire"),
        ('[keys]\n"filter" = "z"', "is the key of pane.zoom"),
        ('[keys]\n"filter" = "ctrl+b"', "tmux"),
        ('[keys]\n"filter" = "hyper+b"', "that is no key"),
        ('[keys]\n"filter" = 3', "is not text"),
        ('[aliases]\nleases = "res"', "is a command already"),
        ('[aliases]\nmine = "nothing"', "does not begin with a command"),
        ("[colours]\na = 1", "is not known"),
        ("[keys", "the shipped keys are in force"),
    ],
)
def test_a_keymap_that_cannot_hold_is_reported_and_left_out(tmp_path: Path, entry: str, words: str) -> None:
    found = load(write(tmp_path, entry), DEFAULT)
    assert len(found.problems) == 1 and words in found.problems[0]
    assert found.registry.changed == {} and found.registry.aliases == {}


def test_one_keymap_is_judged_the_same_before_a_case_and_in_it(tmp_path: Path) -> None:
    path = write(
        tmp_path, '[keys]\n"cases.new" = "f2"\n"leases" = "f5"\n"cases.demo" = "d"\n[aliases]\nw = "res"\n'
    )
    found = load(path, EVERY)
    assert found.problems == (f"{path}: keys.cases.demo = d is the key of cases.doctor; the shipped key stays",)
    inside, before = found.registry.within(COMMANDS), found.registry.within(REGISTRY.commands)
    assert inside.hint("leases")[0] == "F5" and inside.aliases == {"w": "res"} and inside.get("cases.new") is None
    assert before.hint("cases.new")[0] == "F2" and before.hint("cases.demo")[0] == "t"
    told = "\n".join("".join(text for text, _ in line) for line in keymap_lines(inside, (), 100, UNICODE))
    assert "F2" in told and "cases.new" in told and "Every lease" in told


def test_two_commands_may_change_places(tmp_path: Path) -> None:
    found = load(write(tmp_path, '[keys]\n"pane.zoom" = "R"\nrefresh = "z"\n'), DEFAULT)
    assert not found.problems and shown(found.registry.changed["refresh"]) == "z"


def test_shipped_keys_are_unambiguous() -> None:
    """Only a page's own key may stand over one that works everywhere."""
    for group in TOGETHER:
        taken: dict[str, str] = {}
        for command in COMMANDS:
            if command.section not in group:
                continue
            for key in filter(None, command.keys.split(",")):
                other = taken.setdefault(key, command.id)
                assert other == command.id or (key, command.id) in {("l", "plan.lock"), ("x", "batch.drop")}, (
                    other,
                    command.id,
                )


def test_every_word_of_the_line_belongs_to_one_command() -> None:
    words = [name for command in COMMANDS for name in command.names]
    assert len(words) == len(set(words))
    assert len({command.id for command in COMMANDS}) == len(COMMANDS)


async def test_the_line_runs_commands_with_arguments(desk: OpenDesk) -> None:
    async with desk() as d:
        await d.press("colon")
        assert "Tab completes" in d.text
        await d.type("res web-01")
        await d.press("enter")
        await d.sees("/web-01")
        assert d.app.workbench.resources.rows.has_focus
        await d.press("colon", "up")
        assert ":res web-01" in d.text
        await d.press("escape")
        assert d.screen_name == "WorkbenchScreen"


async def test_the_line_completes_and_tells_what_is_wrong(desk: OpenDesk) -> None:
    async with desk(size=(80, 24)) as d:
        await d.press("colon", "l", "e", "tab")
        assert ":leases" in d.text
        await d.press("x", "enter")
        await d.sees("no command :leasesx", "did you mean")


async def test_what_only_looks_leads_back_to_the_workbench(desk: OpenDesk) -> None:
    async with desk() as d:
        await d.press("l")
        assert d.screen_name == "LeaseScreen"
        await d.press("colon")
        await d.type("acq")
        await d.press("enter")
        await d.until(lambda: d.screen_name == "WorkbenchScreen")
        await d.until(lambda: d.app.workbench.acquisitions.rows.has_focus)


async def test_what_writes_is_not_done_behind_a_page(desk: OpenDesk) -> None:
    async with desk() as d:
        await d.press("l", "colon")
        await d.type("cancel")
        await d.press("enter")
        await d.sees("works in its pane")
        assert d.screen_name == "LeaseScreen" and not d.commands.called("acquisition.cancel")


async def test_the_palette_finds_a_command_by_what_it_does(desk: OpenDesk) -> None:
    async with desk() as d:
        await d.press("ctrl+p")
        await d.sees("what do you want to do?")
        await d.type("whole record")
        await d.press("enter")
        await d.until(lambda: isinstance(d.app.screen, VerifyScreen))


_GENERAL = ("everywhere", "back", "panes", "guide", "accounts", "resources", "acquisitions", "custody")
_AHEAD = {"stop": ["agent.stop"]}
"""The synonyms that stand in the title of another command of the workbench, which goes first then."""


def at_hand(page: str) -> list[Command]:
    """The commands as the palette of a page has them, or of the workbench ("")."""
    sections = (page, *_GENERAL) if page else _GENERAL
    return [one for section in sections for one in findable(COMMANDS) if one.section == section]


@pytest.mark.parametrize("page", ["", "plan", "leases", "evidence", "event"])
def test_a_synonym_leads_to_its_command(page: str) -> None:
    here = at_hand(page)
    meant: dict[str, Command] = {}
    for one in here:
        for word in one.synonyms:
            other = meant.setdefault(word, one)
            assert other is one or other.help == one.help or other.section == page, (word, other.id, one.id)
    for word, one in meant.items():
        hits = seek(word, here)
        first = next(hit for hit in hits if hit.by)
        assert (first.command, first.by) == (one, word), (word, [hit.command.id for hit in hits])
        ahead = [hit.command.id for hit in hits[: hits.index(first)]]
        assert page or ahead == _AHEAD.get(word, []), (word, ahead)
        assert all(
            any(word in said for said in (hit.command.word, *hit.command.names)) for hit in hits[: len(ahead)]
        )


def test_a_synonym_is_no_word_that_means_something_already() -> None:
    names = {name for one in COMMANDS for name in one.names}
    for one in COMMANDS:
        assert len(set(one.synonyms)) == len(one.synonyms)
        for word in one.synonyms:
            assert word == word.lower() and word not in names, word
            assert not any(word in said.lower() for said in (one.word, one.help)), f"{one.id} says {word} itself"
            assert parse(word, DEFAULT).problem, f":{word} is no command"


@pytest.mark.parametrize(
    ("text", "ident", "by"),
    [
        ("snapshot", "resources.acquire", "snapshot"),
        ("IMAGE", "resources.acquire", "image"),
        ("snap disk", "resources.acquire", "snapshot"),
        ("unlock", "arm", "unlock"),
        ("write", "arm", ""),
        ("exit", "detach", "exit"),
        ("quit", "detach", ""),
        ("checksum", "verify", "checksum"),
        ("tutorial", "guide", "tutorial"),
        ("playbook", "guide", ""),
        ("search", "filter", "search"),
        ("kill", "acquisitions.cancel", "kill"),
        ("audit", "pane.custody", "audit"),
        ("expiry", "leases", "expiry"),
        ("countdown", "leases", ""),
        ("deselect", "resources.unmark", "deselect"),
    ],
)
def test_people_find_a_command_by_their_own_word_for_it(text: str, ident: str, by: str) -> None:
    hit = seek(text, at_hand(""))[0]
    assert (hit.command.id, hit.by) == (ident, by)


def test_own_words_go_before_other_words_for_it() -> None:
    found = [(hit.command.id, bool(hit.by)) for hit in seek("stop", at_hand(""))]
    assert found[:2] == [("agent.stop", False), ("acquisitions.cancel", True)]
    assert [hit.command for hit in seek("  ", COMMANDS)] == list(COMMANDS)
    assert not [hit for hit in seek("snapshot qqq", COMMANDS) if hit.by]  # every word has to mean something


@pytest.mark.parametrize("look", [UNICODE, ASCII])
async def test_the_palette_says_which_word_found_a_command(desk: OpenDesk, look: Look) -> None:
    async with desk(size=(80, 24), look=look) as d:
        await d.press("2", "ctrl+p")
        await d.type("snapshot")
        await d.sees(f"snapshot {look.arrow} Plan the acquisition", ":acquire")
        await d.press("escape", "ctrl+p")
        await d.type("checksum")
        await d.press("enter")
        await d.until(lambda: isinstance(d.app.screen, VerifyScreen))
        await d.press("escape", "E", "ctrl+p")
        await d.type("checksum")
        await d.sees(f"checksum {look.arrow} Send its SHA-256")
        rows = d.app.screen.query_one(RowList)
        assert rows.source.key(0) == "evidence.copy"  # what is at hand goes first
        await d.press("escape", "colon")
        await d.type("snapshot")
        await d.press("enter")
        await d.sees("no command :snapshot")


async def test_the_palette_lists_what_works_here(desk: OpenDesk) -> None:
    async with desk() as d:
        await d.press("l", "ctrl+p")
        assert "Revoke this lease" in d.text and "Plan again with the next route" not in d.text
        await d.press("escape")
        assert d.screen_name == "LeaseScreen"


async def test_the_keymap_is_in_force(desk: OpenDesk) -> None:
    mine = Registry(COMMANDS, {"leases": "f5", "filter": "F"}, {"w1": "res web-01"})
    async with desk(registry=mine) as d:
        await d.press("l")
        assert d.screen_name == "WorkbenchScreen"
        await d.press("f5")
        assert d.screen_name == "LeaseScreen"
        await d.press("escape", "2", "F")
        await d.until(lambda: d.app.focused is not None and d.app.focused.has_class("filter"))
        await d.press("escape", "colon")
        await d.type("w1")
        await d.press("enter")
        await d.sees("/web-01")


async def test_w_asks_why_and_opens_the_window(desk: OpenDesk) -> None:
    async with desk() as d:
        await d.press("w")
        await d.sees("Open a write window of 15 minutes")
        await d.type("SEC-981")
        await d.press("enter", "enter")
        assert d.commands.called("session.arm") == [{"minutes": 15, "reason": "SEC-981"}]
        await d.press("w", "escape", "colon")
        await d.type("arm 5 second look")
        await d.press("enter")
        assert d.commands.called("session.arm")[1:] == [{"minutes": 5, "reason": "second look"}]
        await d.press("colon")
        await d.type("arm 600")
        await d.press("enter")
        await d.sees("1 to 60 minutes")
