"""Pane 4, the page of one event with its proof, and the tampering exercise."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import pytest
from textual.events import MouseScrollDown, MouseScrollUp

from app.case.readmodel import ReadModel
from app.model.view import CustodyFacts
from screens.custody.event import EventScreen
from screens.custody.tamper import TamperScreen
from screens.present.look import ASCII
from screens.workbench.event_pages import EventPages
from tests.screens.conftest import Desk, OpenDesk, desk_on
from tests.screens.hostile import RAW, attack, hostile_commands, seed_hostile
from tests.screens.recorded import Recorded
from tests.screens.seed import NOW, add_events, facts


def title(d: Desk) -> str:
    return str(d.app.workbench.custody._border_title)


def shown(d: Desk) -> list[str]:
    source = d.app.workbench.custody.rows.source
    return [source.key(place) for place in range(len(source))]


def grow(d: Desk, first: int, last: int) -> None:
    add_events(d.model, first, last, NOW)
    d.model.fact("custody", CustodyFacts(events=last, lines=last, checkpointed_to=200))


async def sift(d: Desk, text: str) -> None:
    d.app.workbench.custody.take_filter(text)
    await d.settled()


# -- following -----------------------------------------------------------------------------------------


async def test_the_title_says_whether_the_list_follows(desk: OpenDesk) -> None:
    async with desk() as d:
        await d.until(lambda: "follows" in title(d))
        await d.press("4", "k", "k", "k")
        assert "held at line 211" in title(d) and "new below" not in title(d)
        grow(d, 215, 226)
        await d.until(lambda: "held at line 211, 12 new below (G)" in title(d))
        await d.press("G")
        assert "follows" in title(d) and d.app.workbench.custody.rows.cursor == 225
        grow(d, 227, 227)
        await d.until(lambda: d.app.workbench.custody.rows.cursor == 226)


async def test_the_wheel_holds_the_list_too(desk: OpenDesk) -> None:
    async with desk() as d:
        await d.press("4")
        rows = d.app.workbench.custody.tail
        await d.until(lambda: "follows" in title(d))

        def wheel(kind: Any) -> None:
            rows.post_message(kind(rows, 1, 1, 0, 0, 0, False, False, False))

        wheel(MouseScrollUp)
        await d.until(lambda: "held at line 214" in title(d))
        top = rows.scroll_offset.y
        grow(d, 215, 216)
        await d.until(lambda: "2 new below" in title(d))
        assert rows.scroll_offset.y == top
        for _ in range(6):
            wheel(MouseScrollDown)
        await d.until(lambda: "follows" in title(d))
        assert rows.cursor == 215


# -- the filter ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "matches"),
    [
        ("op=snapshot", lambda body: "snapshot" in body["op"]),
        ("op=issue phase=intent", lambda body: body["op"] == "lease.issue" and body["phase"] == "intent"),
        ("phase=failed", lambda body: body["phase"] == "failed"),
        ("actor=ex-07", lambda body: body["actor"]["id"] == "ex-07"),
        ("acq=A-0007", lambda body: body.get("acq") == "A-0007"),
        ("acq=a-00", lambda body: "acq" in body),
        ("acq=A-00071", lambda body: False),
        ("THROTTLED", lambda body: "throttled" in body["summary"]),
        ('"share snap" op=share', lambda body: "share snap" in body["summary"]),
        ("since=14:03:20", lambda body: body["ts"] >= "2026-11-23T14:03:20"),
        ("since=2026-11-24", lambda body: False),
        ("100%", lambda body: False),
    ],
)
async def test_the_filter_lets_through_what_it_says(desk: OpenDesk, text: str, matches: Any) -> None:
    async with desk() as d:
        bodies = {line: json.loads(await d.app.reader.event_body(line) or "") for line in (1, 2, 3, 213, 214)}
        await sift(d, text)
        kept = shown(d)
        assert all((str(line) in kept) == bool(matches(body)) for line, body in bodies.items()), kept
        assert f"{len(kept)} of 214" in title(d)
        d.app.workbench.custody.invert_filter()
        await d.settled()
        assert sorted([*kept, *shown(d)], key=int) == [str(line) for line in range(1, 215)]


async def test_an_item_and_a_lease_can_be_asked_for(desk: OpenDesk) -> None:
    async with desk() as d:
        body = {"seq": 215, "ts": "2026-11-23T14:03:21.000000Z", "op": "evidence.read", "phase": "intent",
                "actor": {"id": "agent"}, "item": "E-0012", "lease": "L-0003", "summary": "Reads"}  # fmt: skip
        d.model.event(215, body, json.dumps(body))
        d.model.event(216, None, "{torn")
        await d.until(lambda: d.app.snapshot.event_lines == 216)
        for text, lines in (("item=E-0012", ["215"]), ("lease=L-0003", ["215"]), ("fragment", ["216"]),
                            ("e-0012", ["215"])):  # fmt: skip
            await sift(d, text)
            assert shown(d) == lines


async def test_new_lines_that_match_come_at_the_tail(desk: OpenDesk) -> None:
    async with desk() as d:
        await d.press("4")
        await sift(d, "phase=failed")
        assert shown(d)[-1] == "206" and "follows" in title(d)
        asked: list[tuple[int, int]] = []
        plain = d.app.reader.matching

        async def counted(wanted: Any, after: int, upto: int) -> Any:
            asked.append((after, upto))
            return await plain(wanted, after, upto)

        d.app.reader.matching = counted  # type: ignore[method-assign]
        grow(d, 215, 224)
        await d.until(lambda: shown(d)[-2:] == ["215", "224"])
        assert asked[0][0] == 214  # only what is new was looked through
        assert d.app.workbench.custody.rows.current == "224"
        await d.press("k", "k")
        grow(d, 225, 242)
        await d.until(lambda: "held at line 206, 2 new below" in title(d))
        await d.press("G")
        await d.sees("Sharing refused")
        assert d.app.workbench.custody.rows.current == "242"


async def test_a_filter_keeps_the_place_and_clearing_it_too(desk: OpenDesk) -> None:
    async with desk() as d:
        await d.press("4", *["k"] * 20)
        rows = d.app.workbench.custody.rows
        assert rows.current == "194"
        await sift(d, "op=plan.approve")
        assert rows.current == "191"  # the nearest before it
        await sift(d, "")
        assert rows.current == "191" and "held at line 191" in title(d) and "214 events" in title(d)
        await sift(d, "nothing of the kind")
        await d.sees("no line matches")
        await sift(d, "")
        await d.until(lambda: len(rows.source) == 214)


async def test_a_time_that_is_none_is_told(desk: OpenDesk) -> None:
    async with desk(size=(200, 50)) as d:
        await sift(d, "since=teatime op=lease")
        assert "since= takes 13:00" in title(d) and len(shown(d)) == 48


async def test_a_time_keeps_meaning_what_it_did_when_it_was_typed(desk: OpenDesk) -> None:
    async with desk(size=(200, 50)) as d:  # it is 14:03:21
        await sift(d, "since=14:04")
        assert "214 of 214" in title(d) and "since 2026-11-22 14:04" in title(d)
        d.clock.advance(120)
        grow(d, 215, 215)
        await d.until(lambda: "215 of 215" in title(d) and "since 2026-11-22 14:04" in title(d))
        await sift(d, "since=14:03:20")
        assert "2 of 215" not in title(d) and "since 2026" not in title(d)
        kept = len(shown(d))
        assert 0 < kept < 20
        d.clock.advance(12 * 3600)
        grow(d, 216, 216)
        await d.until(lambda: f"{kept + 1} of 216" in title(d) and "since 2026-11-23 14:03" in title(d))
        await sift(d, "since=14:03:21")  # typed on the next day
        assert "since 2026-11-23 14:03" in title(d)
        await sift(d, "since=2026-11-22")
        assert "\u00b7 since" not in title(d) and "216 of 216" in title(d)


async def test_the_filter_is_typed_in_the_pane(desk: OpenDesk) -> None:
    async with desk(size=(80, 24)) as d:
        await d.press("4", "slash")
        await d.type("op=snapshot.share")
        await d.until(lambda: "of 214" in title(d))
        await d.press("enter")
        await d.sees("/op=snapshot.share", "follows", "snapshot.share")
        await d.press("exclamation_mark")
        await d.until(lambda: "!/op=snapshot.share" in title(d))


EVENTS = 50_000


def many(path: Path) -> ReadModel:
    model = ReadModel(path)
    facts(model, NOW)
    add_events(model, 1, EVENTS, NOW)
    model.fact("custody", CustodyFacts(events=EVENTS, lines=EVENTS, checkpointed_to=EVENTS - 20))
    return model


async def test_fifty_thousand_events_stay_virtual(tmp_path: Path) -> None:
    async with desk_on(tmp_path, fill=many) as d:
        rows = d.app.workbench.custody.rows
        await d.until(lambda: rows.cursor == EVENTS - 1)
        read: list[int] = []
        plain = d.app.reader.events_at

        async def counted(lines: Any) -> Any:
            read.extend(lines)
            return await plain(lines)

        d.app.reader.events_at = counted  # type: ignore[method-assign]
        await d.press("4")
        await sift(d, "phase=failed")
        assert len(rows.source) == EVENTS // 9 and isinstance(rows.source, EventPages)
        await d.press("g", "pagedown", "G")
        assert rows.current == str(EVENTS // 9 * 9 - 1) and "Sharing refused" in d.text
        assert len(read) <= 4 * 128 and len(list(rows.walk_children())) == 0


# -- one event -----------------------------------------------------------------------------------------


async def opened(d: Desk, line: int) -> str:
    """The whole page of that line."""
    screen = EventScreen(line)
    await d.app.push_screen(screen)
    await d.settled()
    return "\n".join("".join(text for text, _ in one) for one in screen._lines(100))


async def test_an_event_is_proven_on_its_page(desk: OpenDesk) -> None:
    case = Recorded()
    async with desk(fill=case) as d:
        text = await opened(d, 4)
        assert "this line holds, as far as was looked" in text
        assert f"valid, by {case.signer.keyid}: the log key, in force since line 1" in text
        assert "its prev is the hash of line 3" in text and "the prev of line 5 is the hash of this line" in text
        assert "the checkpoint over 5 lines covers it" in text
        assert hashlib.sha256(case.log.read_bytes().splitlines(keepends=True)[3]).hexdigest() in text
        assert "jumpbag:head" in text and "line 5  ✔ result" in text and "snap-09c1f2" in text
        await d.sees("this line holds", "About to snapshot")
        assert "line 4  → intent" in await opened(d, 5)
        assert "record's origin" in await opened(d, 1)


async def test_what_is_still_to_come_appears_by_itself(desk: OpenDesk) -> None:
    case = Recorded()
    async with desk(fill=case) as d:
        text = await opened(d, 7)
        assert "none yet: it is under way" in text and "none covers this line yet" in text
        case.ledger.outcome(
            case.ledger.open_intents()[0],
            "failed",
            summary="Reading broke off",
            error="gone",
            params={"blocks": 0, "bytes": 0, "retries": 0},
        )
        case.ledger.checkpoint()
        case.tell()
        await d.sees("line 8", "Reading broke off", "the checkpoint over 8 lines covers it")


async def test_a_record_changed_under_the_screens_is_told(desk: OpenDesk) -> None:
    case = Recorded()
    async with desk(fill=case) as d:
        case.tamper(3, b"disk 7 of", b"disk 8 of")
        text = await opened(d, 3)
        assert (
            "this line does not hold" in text
            and "NOT valid" in text
            and "was changed after it was written" in text
        )
        assert "the screens' copy differs from the record" in text
        assert "the checkpoint over 5 lines does not hold" in text
        await d.sees("this line does not hold")
        after = await opened(d, 4)
        assert "its prev is not the hash of line 3" in after and "valid, by" in after


async def test_a_read_model_that_says_something_else_is_told(desk: OpenDesk) -> None:
    case = Recorded()
    async with desk(fill=case) as d:
        body = json.loads(await d.app.reader.event_body(3) or "")
        case.model.event(3, body | {"summary": "Approved: nothing"}, json.dumps(body))
        text = await opened(d, 3)
        assert "the screens' copy differs from the record (the whole text, summary)" in text


async def test_without_a_record_the_page_says_so(desk: OpenDesk) -> None:
    async with desk() as d:
        text = await opened(d, 214)
        assert "not to be had: custody/events.jsonl: it is missing" in text and "machine_id_hash" in text
        await d.press("y")
        await d.sees("hash is not known")


async def test_the_hash_is_copied(desk: OpenDesk) -> None:
    case = Recorded()
    async with desk(fill=case) as d:
        await opened(d, 4)
        await d.press("y")
        line = case.log.read_bytes().splitlines(keepends=True)[3]
        await d.sees("SHA-256 of custody line 4", hashlib.sha256(line).hexdigest())


@pytest.mark.parametrize("size", [(80, 24), (132, 40)])
async def test_a_hostile_event_page_stays_on_its_lines(desk: OpenDesk, size: tuple[int, int]) -> None:
    async with desk(size=size, fill=seed_hostile, commands=hostile_commands()) as d:
        for line in (1, 2, 3, 5, 41):
            await opened(d, line)
            assert not any(raw in d.text for raw in RAW)
            assert all(one.isprintable() for one in d.lines)


# -- tampering -----------------------------------------------------------------------------------------


@pytest.fixture
def state(tmp_path: Path) -> Path:
    return tmp_path / "state" / "jumpbag" / "practice"


@pytest.mark.parametrize("size", [(80, 24), (132, 40)])
async def test_tampering_is_shown_and_caught(desk: OpenDesk, state: Path, size: tuple[int, int]) -> None:
    case = Recorded()
    async with desk(fill=case, size=size) as d:
        before = case.log.read_bytes()
        screen = TamperScreen()
        await d.app.push_screen(screen)
        await d.settled()
        text = "\n".join("".join(span for span, _ in line) for line in screen._lines(76))
        assert "Line 3 of the copy  plan.approve, its summary" in text
        lines = text.split("\n")
        was = next(place for place, line in enumerate(lines) if line.startswith("  was"))
        assert "disk 7 of web-01" in lines[was] and "disk 8 of web-01" in lines[was + 2]
        assert lines[was].index("7") == lines[was + 1].index("^") == lines[was + 2].index("8")
        assert "The copy does not verify, and the verdict names line 3:" in text
        assert "The record of the case verifies: chain and signatures hold to line 7." in text
        assert "jumpbag verify . --log-only" in text and "sed -n 3p custody/events.jsonl | sha256sum" in text
        assert f"KEYID={case.signer.keyid}" in text
        await d.sees("In the copy, one character")
        assert case.log.read_bytes() == before
        assert d.app.last_exercise is not None and d.app.last_exercise.caught
        (made,) = state.iterdir()
        assert d.app.last_exercise.path == made


async def test_a_record_that_is_wrong_already_is_no_exercise(desk: OpenDesk, state: Path) -> None:
    case = Recorded()
    async with desk(fill=case) as d:
        case.tamper(2, b"The agent started", b"The agent startle")
        await d.app.push_screen(TamperScreen())
        await d.sees("does NOT verify. This is no exercise", "names line 2, not line 3")


async def test_without_a_record_there_is_no_exercise(desk: OpenDesk, state: Path) -> None:
    async with desk() as d:
        await d.app.push_screen(TamperScreen())
        await d.sees("the exercise could not be done; nothing was changed", "no record to copy")


@pytest.mark.parametrize("number", range(10))
async def test_a_hostile_summary_is_tampered_with_all_the_same(desk: OpenDesk, state: Path, number: int) -> None:
    class Hostile(Recorded):
        def write(self) -> None:
            self.ledger.fact("plan.approve", actor=attack(number + 1), summary=attack(number), acq="A-0001")

    async with desk(fill=Hostile(), look=ASCII) as d:
        screen = TamperScreen()
        await d.app.push_screen(screen)
        await d.sees("The copy does not verify, and the verdict names line 2")
        assert d.text.isascii() and all(line.isprintable() for line in d.lines)
        was, caret, now = next(
            lines for lines in zip(d.lines, d.lines[1:], d.lines[2:], strict=False) if "^" in lines[1]
        )
        place = caret.index("^")
        assert was[place] != now[place] and was[:place].replace(" was ", " is  ") == now[:place]
