"""A read model that is made anew, or is out of reach for a moment, while the screens are open."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from app.case.readmodel import ReadModel
from app.client.events import FIELDS
from app.client.filtering import parse
from screens.plan.screen import PlanScreen
from tests.prepared import out_of_reach, spoil
from tests.screens.conftest import Desk, OpenDesk
from tests.screens.guided import INSTANCE, Office
from tests.screens.seed import NOW, PAYMENTS, WEB, XVDA, XVDF, acquisitions, add_events, facts, seed

_FORGED = (
    "UPDATE event SET summary = 'FORGED ' || line, actor = 'FORGED', "
    "body = json_set(body, '$.summary', 'FORGED ' || line, '$.authority', json('{\"approved_by\": \"FORGED\"}'))"
)


def forged(path: Path) -> ReadModel:
    """As many lines as the record has, and other ones."""
    model = seed(path)
    spoil(path, _FORGED)
    return model


def made_anew(d: Desk) -> None:
    """As by an agent that comes up: the inventory is carried over, the lines are the record's."""
    d.model.close()
    d.model = ReadModel(d.app.case_dir / "case.sqlite")
    with d.model.batch():
        facts(d.model, NOW)
        for one in acquisitions(NOW):
            d.model.acquisition(one)
        add_events(d.model, 1, 214, NOW)


def said(d: Desk) -> list[str]:
    """The toasts."""
    return [told.message for told in d.app._notifications]


@pytest.mark.parametrize("text", ["", "op=lease", "forged"])
async def test_no_line_of_an_earlier_file_is_shown(desk: OpenDesk, text: str) -> None:
    async with desk(fill=forged) as d:
        pane, file = d.app.workbench.custody, d.app.snapshot.inventory.file
        await d.press("4")
        pane.take_filter(text)
        await d.settled()
        await d.sees("FORGED 2", " of 214" if text else "214 events")
        made_anew(d)
        wanted = parse(text, fields=FIELDS)
        there = await d.app.reader.matching(wanted, 0, 214)
        assert there is not None
        await d.until(lambda: "FORGED" not in d.text and len(pane.rows.source) == len(there), "the record's lines")
        await d.press("g")
        assert "FORGED" not in d.text
        assert d.app.snapshot.inventory.file == file and d.app.snapshot.event_lines == 214


async def test_no_page_keeps_a_line_of_an_earlier_file(desk: OpenDesk) -> None:
    async with desk(fill=forged, size=(132, 50)) as d:
        d.app.open_acquisition("A-0007")
        await d.sees("approved by FORGED", "FORGED 2")
        made_anew(d)
        await d.until(lambda: "FORGED" not in d.text, "the record's lines")
        await d.sees("approved by ex-07", "Custody")


async def test_an_open_line_is_looked_up_again(desk: OpenDesk) -> None:
    async with desk(fill=forged) as d:
        await d.press("4", "g", "enter")
        await d.sees("FORGED 1")
        made_anew(d)
        await d.until(lambda: "FORGED" not in d.text, "the record's line")


async def test_an_item_is_asked_for_once_however_many_lines_it_has(desk: OpenDesk) -> None:
    async with desk() as d:
        with d.model.batch():
            for line in range(215, 415):
                item = "E-0005" if line % 2 else "E-0009"
                body = {"seq": line, "op": "evidence.read", "phase": "fact", "acq": "A-0005", "item": item,
                        "summary": f"{item} line {line}"}  # fmt: skip
                d.model.event(line, body, json.dumps(body))
        asked: list[str] = []
        for name in ("event_body", "events_of", "events_of_item"):
            plain = getattr(d.app.reader, name)

            async def counted(what: object, name: str = name, plain: object = plain) -> object:
                asked.append(name)
                return await plain(what)  # type: ignore[operator]

            setattr(d.app.reader, name, counted)
        await d.until(lambda: d.app.snapshot.event_lines == 414)
        await d.press("E", "enter")
        await d.sees("Custody \u00b7 100 lines", "E-0005 line 413")
        assert asked == ["events_of_item"]


# -- out of reach ----------------------------------------------------------------------------------------------


async def test_keys_of_the_resources_say_that_nothing_can_be_read_now(desk: OpenDesk) -> None:
    async with desk() as d:
        pane = d.app.workbench.resources
        again = "cannot be read now: press the key again."
        await d.press("2")
        for disk in (XVDF, XVDA):
            d.put_cursor_on(disk)
            await d.press("space")
        with out_of_reach(d.app.case_dir / "case.sqlite"):
            await d.press("a")
            assert [text.endswith(again) for text in said(d)] == [True] and len(pane.marks) == 2
            pane.unmark()
            await d.press("enter")
            assert [text.endswith(again) for text in said(d)] == [True] * 2
            pane._known.clear()  # as of a row that has just come in sight
            await d.press("a")
            assert [text.endswith(again) for text in said(d)] == [True] * 3
            assert d.screen_name == "WorkbenchScreen" and not d.commands.called("plan")
        await d.press("a")
        assert isinstance(d.app.screen, PlanScreen)


async def test_what_a_run_is_about_is_asked_again_once_it_can_be_read(desk: OpenDesk) -> None:
    office = Office()
    async with desk(fill=office.fill, commands=office.commands) as d:
        plain, reachable, unanswered, answered = d.app.reader.related, False, 0, 0

        async def related(target: str) -> frozenset[str] | None:
            nonlocal unanswered, answered
            if reachable:
                answered += 1
                return await plain(target)
            with out_of_reach(d.app.case_dir / "case.sqlite"):
                found = await plain(target)
            unanswered += 1
            return found

        d.app.reader.related = related  # type: ignore[method-assign]
        run = office.made(INSTANCE, "done", target=f"aws:{PAYMENTS}:{WEB}")
        office.put(run)
        d.app.follower.show(run.id)
        await d.until(lambda: unanswered, "the question")
        await d.settled()
        assert d.app.follower.view(run).subject == frozenset({WEB})  # of which nothing more is known yet
        reachable = True
        d.model.fact("custody", d.app.snapshot.custody)  # whatever changes; the inventory does not
        add_events(d.model, 215, 215, NOW)
        await d.until(lambda: XVDA in (d.app.follower.view(run).subject or ()), "the disks of the instance")
        await d.settled()
        assert answered == 1
