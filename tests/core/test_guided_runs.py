"""Runs of playbooks in the agent: what custody says, who may record, and what a restart finds."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from app.acquisition.record import Record
from app.agent.guides import NOTE, Guides
from app.case.create import create
from app.case.folder import CaseFolder
from app.case.readmodel import ReadModel
from app.client.feed import Feed
from app.custody import Ledger
from app.custody import load as load_key
from app.faults import Refused, Usage
from app.guided.conditions import present
from app.guided.load import Library, load
from app.locations import Locations
from app.model.view import GuideRun
from tests.core.clocks import HandClock
from tests.core.test_guided import GOOD

ANN, BOB = "ann-1", "bob-2"


@dataclass
class Office:
    """A case, its ledger and its read model; :meth:`again` is an agent's restart."""

    case: CaseFolder
    locations: Locations
    clock: HandClock
    library: Library

    def open(self) -> None:
        signer = load_key(self.locations.keys, self.case.key, "file", None)
        self.model = ReadModel(self.case.read_model)
        heard: list[Callable[[int, dict[str, Any] | None, str], None]] = []
        self.ledger = Ledger.open(
            self.case.path,
            signer=signer,
            clock=self.clock,
            on_append=lambda *line: heard[0](*line) if heard else None,
        )
        self.record = Record(self.ledger, self.case, self.model, self.clock)
        self.guides = Guides(self.record, self.model, lambda: self.library)
        self.record.load()
        heard.append(self.record.appended)

    def close(self) -> None:
        self.record.close()
        self.model.close()

    def again(self) -> None:
        self.close()
        self.open()

    def run(self, ident: str = "G-0001") -> GuideRun:
        """The run as the screens see it."""
        feed = Feed(self.case.read_model)
        feed.poll()
        found = {run.id: run for run in feed.snapshot.guides}
        feed.close()
        return found[ident]

    def facts(self, op: str) -> list[dict[str, Any]]:
        return [body for _, body, _, _ in self.ledger.events() if body and body["op"] == op]

    def start(self, playbook: str = "preserve-now", by: str = ANN) -> str:
        return self.guides.start(self.guides.library(), playbook, "", by)

    def done(self, run: str, step: str, by: str = ANN) -> None:
        """The screens of an attached session, with the text that the run began with, say that a step is done."""
        self.guides.step(run, step, "done", "", by, sha256=self.run(run).sha256, attached=True)

    async def comes(self, examiner: str = ANN) -> None:
        await self.clock.advance(1.0)
        self.record.fact("session.attach", "came", actor=examiner)

    async def goes(self, examiner: str = ANN) -> None:
        await self.clock.advance(1.0)
        self.record.fact("session.detach", "went", actor=examiner)

    async def follow(self, *conditions: str) -> str:
        """A run of a playbook whose steps s0, s1 … count as done under these conditions."""
        steps = "".join(
            f'[[steps]]\nid = "s{place}"\ntitle = "t"\ntext = "t"\nwhy = "w"\ndone = "{text}"\n'
            for place, text in enumerate(conditions)
        )
        books = self.case.path.parent / "books"
        books.mkdir(exist_ok=True)
        (books / "own.toml").write_text(f'id = "own"\ntitle = "t"\nsummary = "s"\nwhen = "w"\n{steps}', "utf-8")
        self.library = load([books])
        await self.clock.advance(1.0)
        return self.start("own")


@pytest.fixture
def office(tmp_path: Path) -> Iterator[Office]:
    locations, clock = Locations({"HOME": str(tmp_path)}), HandClock()
    config = tmp_path / "config.toml"
    config.write_text(f'[signing]\nprotection = "file"\n[examiner]\nid = "{ANN}"\n', "utf-8")
    made = create(
        "IR-7",
        title="t",
        ticket="T-1",
        config_file=config,
        evidence_dir=None,
        cases=tmp_path / "cases",
        locations=locations,
        clock=clock,
    )
    one = Office(made.case, locations, clock, load([]))
    one.open()
    yield one
    one.close()


def test_a_run_is_in_custody_and_in_the_read_model(office: Office) -> None:
    assert office.start() == "G-0001"
    edition = office.library.get("preserve-now")
    (fact,) = office.facts("playbook.start")
    assert fact["actor"] == {"id": ANN}
    assert fact["summary"] == "ann-1 follows the playbook Preserve now, download later as G-0001."
    assert fact["params"] == {
        "run": "G-0001",
        "playbook": "preserve-now",
        "title": edition.playbook.title,
        "sha256": edition.sha256,
        "steps": [step.id for step in edition.playbook.steps],
        "done": [step.done for step in edition.playbook.steps],
        "target": "",
    }
    run = office.run()
    assert (run.examiner, run.sha256, run.started, run.after) == (ANN, edition.sha256, fact["ts"], 0)
    assert [step.state for step in run.steps] == ["todo"] * 7
    assert office.start() == "G-0002"


def test_steps_say_how_they_were_done(office: Office) -> None:
    run = office.start()
    office.done(run, "find")
    office.guides.step(run, "lock", "by_hand", " 30 days: SEC-981 ", ANN)
    office.guides.step(run, "later", "skipped", "the owner keeps the disk", ANN)
    assert [fact["summary"] for fact in office.facts("playbook.step")] == [
        "G-0001, step 1 of 7 (find): done, as reported by the screens of ann-1.",
        "G-0001, step 3 of 7 (lock): done by hand, as recorded by ann-1.",
        "G-0001, step 7 of 7 (later): skipped by ann-1.",
    ]
    find, _, lock, *_, later = office.run().steps
    assert (find.state, lock.state, lock.note, lock.by, later.state) == (
        *("done", "by_hand", "30 days: SEC-981", ANN, "skipped"),
    )
    office.guides.step(run, "find", "todo", "", ANN)
    assert office.run().steps[0].state == "todo"
    first, *_, last = (fact["params"] for fact in office.facts("playbook.step"))
    assert last == {"run": run, "step": "find", "state": "todo", "note": "", "sha256": ""}
    assert first["sha256"] == office.run().sha256


def test_seen_once_is_recorded_once(office: Office) -> None:
    run = office.start()
    office.done(run, "find")
    office.done(run, "find")  # two terminals saw it
    assert len(office.facts("playbook.step")) == 1


def test_what_no_screen_can_see_is_not_claimed_as_seen(office: Office) -> None:
    run = office.start()
    with pytest.raises(Refused, match="no screen can see that step lock is done"):
        office.done(run, "lock")
    office.again()
    with pytest.raises(Refused, match="no screen can see"):
        office.done(run, "lock")


def test_only_a_session_says_that_the_present_step_is_done_and_by_the_text_of_the_run(office: Office) -> None:
    run = office.start()
    sha256 = office.run().sha256
    claims: list[tuple[str, bool, str]] = [
        (sha256, False, "only a session of ann-1 reports"),
        ("", True, "is not the text that it began with"),
        ("0" * 64, True, "is not the text that it began with"),
    ]
    for text, attached, message in claims:
        with pytest.raises(Refused, match=message) as caught:
            office.guides.step(run, "find", "done", "", ANN, sha256=text, attached=attached)
        assert "by hand" in caught.value.next
    with pytest.raises(Refused, match="step route is not the present one of G-0001") as caught:
        office.done(run, "route")
    assert caught.value.next == "step find is"
    with pytest.raises(Usage, match="is no SHA-256"):
        office.guides.step(run, "lock", "by_hand", "x", ANN, sha256="A" * 64)
    assert office.facts("playbook.step") == []
    office.guides.step(run, "find", "by_hand", "edited since", ANN, sha256="0" * 64)
    assert office.facts("playbook.step")[0]["params"]["sha256"] == "0" * 64, "the text that was read"


async def test_what_the_record_contradicts_is_not_done(office: Office) -> None:
    run = await office.follow(
        *(
            "armed",
            "disarmed",
            "acquisition_started",
            "item_sealed",
            "evidence_checked",
            "verified",
            "disks_sealed",
        )
    )
    with pytest.raises(Refused, match="this record does not have that the write window is open"):
        office.done(run, "s0")
    office.record.fact("session.arm", "for one plan", params={"scope": "A-0001"})
    with pytest.raises(Refused, match="step s0 is not done"):
        office.done(run, "s0")
    office.record.fact("session.arm", "open", params={"until": "2026-11-23T14:15:00Z", "minutes": 15})
    office.done(run, "s0")
    with pytest.raises(Refused, match="step s1 is not done"):
        office.done(run, "s1")
    office.again()
    office.record.fact("session.disarm", "shut", params={"why": "asked"})
    office.done(run, "s1")
    for step in ("s2", "s3", "s4"):
        with pytest.raises(Refused, match=f"step {step} is not done"):
            office.done(run, step)
        office.guides.step(run, step, "by_hand", "x", ANN)
    office.guides.judge.verified(BOB, office.clock.now())
    with pytest.raises(Refused, match="record and all evidence were verified"):
        office.done(run, "s5")
    office.guides.judge.verified(ANN, office.clock.now())
    office.done(run, "s5")
    with pytest.raises(Refused, match="an image of every disk that it took is sealed"):
        office.done(run, "s6")
    summaries = [fact["summary"] for fact in office.facts("playbook.step")]
    assert summaries[0] == "G-0001, step 1 of 7 (s0): done, as this record shows."
    assert summaries[-1] == "G-0001, step 6 of 7 (s5): done, as this record shows."


async def test_a_verification_before_the_step_does_not_count(office: Office) -> None:
    run = await office.follow("by_hand", "verified")
    office.guides.judge.verified(ANN, office.clock.now())
    await office.clock.advance(1.0)
    office.guides.step(run, "s0", "by_hand", "x", ANN)
    with pytest.raises(Refused, match="step s1 is not done"):
        office.done(run, "s1")


async def test_a_step_that_is_to_do_again_is_not_done_by_what_was_so_before(office: Office) -> None:
    run = await office.follow("disarmed", "verified")
    office.done(run, "s0")
    office.guides.judge.verified(ANN, office.clock.now())
    office.done(run, "s1")
    for step in ("s1", "s0"):
        await office.clock.advance(1.0)
        office.guides.step(run, step, "todo", "", ANN)
    office.again()
    assert [step.reopened for step in office.run().steps] == [True, True]
    with pytest.raises(Refused, match="step s0 is to do again, says ann-1") as refused:
        office.done(run, "s0")
    assert refused.value.next == "record by hand what was done"
    office.guides.step(run, "s0", "by_hand", "seen once more", ANN)
    with pytest.raises(Refused, match="step s1 is not done"):
        office.done(run, "s1")
    office.guides.judge.verified(ANN, office.clock.now())
    office.done(run, "s1")
    assert [step.state for step in office.run().steps] == ["by_hand", "done"]


async def test_a_second_terminal_is_not_left_and_back(office: Office) -> None:
    await office.comes()
    run = await office.follow("terminal_left_and_back", "by_hand")
    with pytest.raises(Refused, match="the screens were left and opened again"):
        office.done(run, "s0")
    await office.comes()  # beside the first
    with pytest.raises(Refused, match="step s0 is not done"):
        office.done(run, "s0")
    await office.goes()  # the second, and a third comes: the first is there all the time
    await office.comes()
    with pytest.raises(Refused, match="step s0 is not done"):
        office.done(run, "s0")
    await office.goes()
    await office.comes(BOB)
    office.done(run, "s0")
    assert office.facts("playbook.step")[0]["summary"].endswith("reported by the screens of ann-1.")


async def test_a_session_that_lost_its_agent_is_gone(office: Office) -> None:
    await office.comes()
    run = await office.follow("terminal_left_and_back")
    office.again()
    with pytest.raises(Refused, match="step s0 is not done"):
        office.done(run, "s0")
    await office.clock.advance(1.0)
    office.record.fact("agent.start", "again")
    await office.comes()
    office.done(run, "s0")


@pytest.mark.parametrize(
    ("step", "state", "note", "words"),
    [
        ("lock", "by_hand", "  ", "step lock needs a note"),
        ("lock", "by_hand", "\u200b\u2060\u00ad", "step lock needs a note"),
        ("lock", "skipped", "", "step lock needs a note"),
        ("lock", "finished", "x", "'finished' is no state"),
        ("lck", "by_hand", "x", "has no step 'lck'"),
        ("lock", "by_hand", "x" * (NOTE + 1), "has 2001 characters"),
        ("lock", "by_hand", "\ud800", "is not text"),
    ],
)
def test_what_cannot_be_recorded(office: Office, step: str, state: str, note: str, words: str) -> None:
    run = office.start()
    with pytest.raises(Usage, match=words):
        office.guides.step(run, step, state, note, ANN)
    with pytest.raises(Usage, match="no playbook is followed as 'G-9'"):
        office.guides.step("G-9", "lock", "done", "", ANN)
    assert office.facts("playbook.step") == []


def test_another_examiner_takes_over_first(office: Office) -> None:
    run = office.start()
    with pytest.raises(Refused) as caught:
        office.done(run, "find", BOB)
    assert caught.value.message == "G-0001 is followed by ann-1" and "take it over" in caught.value.next
    with pytest.raises(Refused, match="is followed by ann-1 already"):
        office.guides.take_over(run, ANN)
    assert office.guides.take_over(run, BOB) == BOB
    office.done(run, "find", BOB)
    with pytest.raises(Refused, match="is followed by bob-2"):
        office.guides.about(run, "aws:2:i-1", ANN)
    assert office.guides.about(run, "aws:2:i-1", BOB) == "aws:2:i-1"
    (fact,) = office.facts("playbook.takeover")
    assert fact["params"] == {"run": run, "from": ANN, "to": BOB} and fact["actor"] == {"id": BOB}
    assert (office.run().examiner, office.run().target) == (BOB, "aws:2:i-1")


def test_a_finished_run_is_not_taken_over(office: Office) -> None:
    run = office.start()
    for step in office.run().steps:
        office.guides.step(run, step.id, "skipped", "an exercise", ANN)
    with pytest.raises(Refused, match="G-0001 is finished"):
        office.guides.take_over(run, BOB)


def test_a_run_is_abandoned_for_good_and_says_by_whom(office: Office) -> None:
    run = office.start()
    office.done(run, "find")
    with pytest.raises(Refused, match="G-0001 is followed by ann-1"):
        office.guides.abandon(run, "", BOB)
    with pytest.raises(Usage, match="has 2001 characters"):
        office.guides.abandon(run, "x" * (NOTE + 1), ANN)
    assert office.guides.abandon(run, " the owner took the host back ", ANN) == ANN
    fact = office.facts("playbook.step")[-1]
    assert fact["summary"] == "G-0001 is abandoned by ann-1 at step 2 of 7 (route)." and fact["actor"] == {
        "id": ANN
    }
    assert fact["params"] == {
        "run": run,
        "step": "route",
        "state": "abandoned",
        "note": "the owner took the host back",
        "sha256": "",
    }
    orders: tuple[Callable[[], object], ...] = (
        lambda: office.guides.step(run, "route", "by_hand", "x", ANN),
        lambda: office.done(run, "route"),
        lambda: office.guides.step(run, "find", "todo", "", ANN),
        lambda: office.guides.about(run, "aws:2:i-1", ANN),
        lambda: office.guides.take_over(run, BOB),
        lambda: office.guides.abandon(run, "again", ANN),
    )
    for _ in range(2):
        found = office.run()
        assert (found.abandoned, found.abandoned_at) == (ANN, fact["ts"])
        assert found.abandoned_why == "the owner took the host back" and present(found) is None
        assert [step.state for step in found.steps[:3]] == ["done", "todo", "todo"], "what was done stays"
        for order in orders:
            with pytest.raises(Refused, match="G-0001 was abandoned by ann-1"):
                order()
        office.again()
    assert office.start() == "G-0002"


def test_a_finished_run_is_not_abandoned(office: Office) -> None:
    run = office.start()
    for step in office.run().steps:
        office.guides.step(run, step.id, "skipped", "an exercise", ANN)
    with pytest.raises(Refused, match="G-0001 is finished"):
        office.guides.abandon(run, "", ANN)


def test_a_restart_finds_every_run_as_it_was(office: Office) -> None:
    run = office.start()
    office.record.fact("approval.request", "an acquisition is there", acq="A-0012")
    office.start("credential-theft")
    office.done(run, "find")
    office.guides.about(run, "aws:2:i-1", ANN)
    office.guides.take_over(run, BOB)
    before = office.run(), office.run("G-0002")
    assert before[0].after == 0 and before[1].after == 12
    office.again()
    assert (office.run(), office.run("G-0002")) == before
    office.model.clear("guide")
    office.guides.repaint()
    assert office.run() == before[0]
    assert office.start() == "G-0003"


def test_a_playbook_that_is_not_there_or_faulty_is_not_started(office: Office, tmp_path: Path) -> None:
    (tmp_path / "mine.toml").write_bytes(GOOD.replace(b"why", b"whyy"))
    office.library = load([tmp_path])
    with pytest.raises(Usage, match=r"is refused: steps\[0\]\.whyy: unknown key"):
        office.start("mine")
    with pytest.raises(Usage, match="no playbook 'preserve'"):
        office.start("preserve")
    assert office.facts("playbook.start") == []


def test_hostile_texts_stand_in_custody_as_they_came(office: Office, tmp_path: Path) -> None:
    title = "\x1b]52;c;x\x07\u202egnp"
    (tmp_path / "mine.toml").write_bytes(
        GOOD.replace(b'title = "Mine"', b'title = "\\u001B]52;c;x\\u0007\\u202Egnp"')
    )
    office.library = load([tmp_path])
    run = office.start("mine")
    office.guides.step(run, "one", "by_hand", title, ANN)
    (began,), (step,) = office.facts("playbook.start"), office.facts("playbook.step")
    assert began["params"]["title"] == title and began["summary"].isprintable()
    assert step["params"]["note"] == title and step["summary"].isprintable()
