"""Whatever stands in a keymap: no key means two things at once, and texts name the keys that are in force."""

from __future__ import annotations

import importlib
import pkgutil
import re
from collections.abc import Iterator
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from textual.dom import DOMNode
from textual.screen import Screen

import screens
from screens.cases.commands import EVERY
from screens.command.catalogue import COMMANDS, DEFAULT
from screens.command.keymap import TOGETHER, apply
from screens.command.registry import Registry, shown
from screens.command.seeking import once
from screens.evidence.lines import check_lines
from screens.present import plans
from screens.present.acquisitions import rows
from screens.present.look import UNICODE
from screens.widgets.row_list import RowList
from screens.workbench.pane import Pane
from screens.workbench.screen import WorkbenchScreen
from tests.screens.conftest import Desk, OpenDesk
from tests.screens.guided import INSTANCE, Office
from tests.screens.sample_plan import plan
from tests.screens.seed import NOW, WEB, acquisitions

for module in pkgutil.walk_packages(screens.__path__, "screens."):
    importlib.import_module(module.name)


def all_of(kind: type[DOMNode]) -> Iterator[type[DOMNode]]:
    """Every kind of it that the product has."""
    for one in kind.__subclasses__():
        if one.__module__.startswith("screens."):
            yield one
        yield from all_of(one)


def bound(kind: type[DOMNode]) -> frozenset[str]:
    """The ids of the commands that it binds to keys."""
    found = kind._merge_bindings().key_to_bindings.values()
    return frozenset(one.id for several in found for one in several if one.id)


def pages() -> dict[str, frozenset[str]]:
    """The commands whose keys are in force at the same time, by the class that they are of."""
    lists, workbench = bound(RowList), bound(WorkbenchScreen)
    out = {one.__name__: ids | lists for one in all_of(Screen) if (ids := bound(one))}
    del out[WorkbenchScreen.__name__]
    return out | {one.__name__: workbench | bound(one) | lists for one in all_of(Pane)}


def named(group: tuple[str, ...], ident: str) -> str:
    """What of a group a command belongs to, "" for nothing."""
    command = EVERY.get(ident)
    assert command is not None, ident
    return next((name for name in (command.section, ident) if name in group), "")


# -- which keys are in force together -----------------------------------------------------------------------


def test_a_keymap_is_judged_by_what_the_screens_bind() -> None:
    found = PAGES
    assert len(found) > 15 and found["ResourceScreen"] > found["PageScreen"]
    fits = {page: [group for group in TOGETHER if all(named(group, one) for one in ids)]
            for page, ids in found.items()}  # fmt: skip
    assert [page for page, groups in fits.items() if not groups] == []
    for group in TOGETHER:
        users = [found[page] for page, groups in fits.items() if group in groups]
        assert any({named(group, one) for one in ids} == set(group) for ids in users), f"{group} is on no page"


KEYS = ("T", "w", "E", "x", "v", "R", "l", "f5", "f6")
IDENTS = (
    *("arm", "evidence", "guide.target", "leases", "refresh", "page.back", "panes.back", "filter", "list.open"),
    *("plan.again", "plan.lock", "plan.drop", "leases.revoke", "acquisitions.cancel", "custody.verify"),
    *("evidence.verify", "resources.acquire", "cases.quit", "cases.return"),
)


PAGES = pages()


def overlaps(registry: Registry) -> set[tuple[str, str, str]]:
    """Keys that two commands have on the same page, with both."""
    out = set()
    for ids in PAGES.values():
        taken: dict[str, str] = {}
        for ident in sorted(ids):
            command = registry.get(ident)
            assert command is not None
            for key in filter(None, registry.keys(command).split(",")):
                other = taken.setdefault(key, ident)
                if other != ident:
                    out.add((key, other, ident))
    return out


SHIPPED = overlaps(EVERY)


@given(st.dictionaries(st.sampled_from(IDENTS), st.sampled_from(KEYS), max_size=7))
def test_no_keymap_gives_one_key_to_two_commands(keys: dict[str, str]) -> None:
    found = apply({"keys": keys}, EVERY, "k")
    assert overlaps(found.registry) <= SHIPPED
    for ident, key in keys.items():
        kept = found.registry.changed.get(ident) == key
        assert kept != any(f"keys.{ident} =" in said for said in found.problems), ident
    assert len(found.problems) == len(keys) - len(found.registry.changed.keys() & keys.keys())


def test_the_list_of_cases_goes_by_the_keys_of_a_case() -> None:
    def keys(**own: str) -> list[str]:
        mine = apply({"keys": {ident.replace("_", "."): key for ident, key in own.items()}}, EVERY, "k").registry
        return [mine.key(ident) for ident in ("cases.quit", "cases.filter", "cases.help")]

    assert keys() == ["q", "/", "?"]
    assert keys(detach="f10", filter="F", help="f1") == ["F10", "F", "F1"]
    assert keys(detach="f10", cases_quit="Q") == ["Q", "/", "?"]  # it has an entry of its own
    assert keys(detach="d", waiting="f3") == ["q", "/", "?"]  # there it is the doctor's
    assert keys(detach="d", waiting="f3", cases_doctor="D") == ["d", "/", "?"]


def test_what_is_left_out_makes_room_for_no_other_conflict() -> None:
    found = apply({"keys": {"evidence": "T", "guide.target": "w"}}, EVERY, "k")
    assert found.registry.changed == {} and len(found.problems) == 2
    swapped = apply({"keys": {"evidence": "T", "guide.target": "E"}}, EVERY, "k")
    assert not swapped.problems and swapped.registry.key("evidence") == "T"


@pytest.mark.parametrize(
    ("ident", "key", "other"),
    [
        ("acquisitions.pause", "minus", "page.back"),  # on the page of an acquisition
        ("custody.verify", "minus", "page.back"),  # on the page of a verification
        ("page.back", "a", "resources.acquire"),  # on the page of a resource
        ("page.back", "p", "acquisitions.pause"),
    ],
)
def test_the_keys_of_a_pane_are_those_of_its_pages_too(ident: str, key: str, other: str) -> None:
    (said,) = apply({"keys": {ident: key}}, EVERY, "k").problems
    assert f"is the key of {other}" in said or f"is the key of {other.replace('page', 'panes')}" in said


# -- commands by what they do -------------------------------------------------------------------------------


def test_a_command_that_may_be_held_is_known_by_its_action() -> None:
    may = [one for one in EVERY.commands if one.starts]
    assert may and all(EVERY.by_action(one.action) == (one,) for one in may)
    assert DEFAULT.by_action("nothing") == ()
    for kind in all_of(DOMNode):
        for several in kind._merge_bindings().key_to_bindings.values():
            for one in several:
                held = [command.id for command in EVERY.by_action(one.action) if command.starts]
                assert held == [] or held == [one.id], (kind.__name__, one.action)
                command = EVERY.get(one.id or "")
                assert command is None or not command.starts or command.action == one.action, one.id


def test_what_does_the_same_is_listed_once() -> None:
    both = [command for command in COMMANDS if command.id in ("custody.verify", "verify")]
    assert len(both) == 2 and once(both) == both[:1] and once(reversed(both)) == both[1:]
    assert once(COMMANDS[:9]) == list(COMMANDS[:9])
    for command in COMMANDS:
        same = DEFAULT.get(command.same_as) if command.same_as else None
        assert (same is None) == (not command.same_as), command.id
        assert same is None or (same.help, same.section) == (command.help, "everywhere")
    helps = [command.help for command in once(COMMANDS)]
    assert len(helps) == len(set(helps)), "no two of the palette say the same"


# -- what texts say -----------------------------------------------------------------------------------------


def test_a_command_without_a_key_is_named_by_its_word() -> None:
    mine = Registry(COMMANDS, {"retry": "f5"})
    assert [mine.key(ident) for ident in ("retry", "waiting", "tamper")] == ["F5", "d", ":tamper"]


_STAYS = {
    *("j", "down", "k", "up", "g", "home", "end", "pagedown", "pageup", *"1234", "tab", "shift+tab", "left"),
    *("right", "minus", "f", "ctrl+p", "colon"),
}
_NEW = [f"{more}f{number}" for more in ("", "shift+", "ctrl+", "alt+") for number in range(1, 13)]
_WORDS = {"a", "i"}  # of English too: in front of a verb they would be keys


def changed() -> dict[str, str]:
    """Another key for each shipped one that a text may name."""
    old = dict.fromkeys(key for one in COMMANDS for key in one.keys.split(",") if key and key not in _STAYS)
    return dict(zip(old, _NEW, strict=False))


def all_new() -> Registry:
    """The shipped commands with those keys."""
    new = changed()
    assert len(new) < len(_NEW)
    keys = {one.id: ",".join(new.get(key, key) for key in one.keys.split(",")) for one in COMMANDS if one.keys}
    mine = Registry(COMMANDS, keys)
    assert overlaps(Registry(EVERY.commands, keys)) == {(new.get(key, key), *two) for key, *two in SHIPPED}
    return mine


OLD = re.compile(
    r"(?<!\S)(?<!\d )(?:"
    + "|".join(re.escape(shown(key)) for key in changed() if shown(key) not in _WORDS)
    + r")(?=[,;:.]?(?:\s|$))|(?<!\S)(?:a acquire|i whole|a on a disk)"
)


def names_none(d: Desk) -> None:
    """No shipped key stands by itself on the screen."""
    version = "v" + " " * 9  # of the custody line's form
    text = d.text.replace(version, "").replace("; Enter leaves it", "")  # a text field's own key
    found = [line for line in text.split("\n") if OLD.search(line)]
    assert found == [], f"{found}\n{d.text}"


@pytest.mark.parametrize(
    ("state", "said"),
    [("interrupted", "press F9 to go on"), ("failed", "press F9 to try"), ("paused", "F8 goes on")],
)
def test_the_row_of_one_that_stands_still_names_the_keys_in_force(state: Any, said: str) -> None:
    mine = Registry(COMMANDS, {"acquisitions.resume": "f9", "acquisitions.pause": "f8"})
    one = msgspec.structs.replace(acquisitions(NOW)[-1], state=state, error=None)
    text = "".join(piece for line in rows(one, {}, NOW, 100, UNICODE, mine.key) for piece, _ in line)
    assert said in text


def test_the_pages_name_the_keys_that_they_are_given() -> None:
    pages = (
        check_lines(None, NOW, 100, UNICODE, {"evidence.verify": "F8", "evidence.stop": "F9"}.__getitem__),
        plans.facts(plan(), {}, "", "", 100, UNICODE, "F7"),
    )
    texts = ["".join(piece for line in page for piece, _ in line) for page in pages]
    assert "F8 reads every byte again" in texts[0] and "F7 shows the policies" in texts[1]


@pytest.mark.parametrize("size", [(132, 40), pytest.param((80, 24), marks=pytest.mark.slow)])
async def test_no_page_names_a_key_that_was_changed(desk: OpenDesk, size: tuple[int, int]) -> None:
    office, mine = Office().with_run(INSTANCE, "by_hand"), all_new()
    async with desk(size=size, fill=office.fill, commands=office.commands, registry=mine) as d:

        async def press(*idents: str) -> None:
            for ident in idents:
                command = mine.get(ident)
                assert command is not None
                await d.press(mine.keys(command).partition(",")[0])
                names_none(d)

        names_none(d)
        assert f"{mine.key('retry')} try again now" in d.text and mine.key("retry") != "s"
        await press("pane.resources", "resources.reverse", "filter.invert", "filter")
        await d.type("nothing-like-it")
        await d.press("enter")
        await d.sees(f"nothing matches; {mine.key('panes.back')} clears the filter")
        names_none(d)
        await press("panes.back", "pane.acquisitions", "acquisitions.pause", "acquisitions.resume", "list.open")
        assert d.screen_name == "AcquisitionScreen"
        await press("evidence", "list.open", "page.back", "page.back", "page.custody", "list.open")
        await press("page.back", "evidence", "list.open", "list.open", "page.back", "page.back", "page.back")
        for ident in ("leases", "help", "guide", "guide.more"):
            await press(ident)
            await press("page.back")
        await press("leases", "list.open", "page.back", "page.back", "pane.resources")
        d.put_cursor_on(WEB)
        await press("list.open", "page.back", "resources.acquire")
        await press("list.last", "list.page_up", "page.back", "pane.custody", "custody.verify", "page.back")
        await press("pane.accounts", "accounts.about", "list.open")
