"""Playbooks: what is shipped, what is refused and how, and when a step counts as done."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from importlib.resources import files
from pathlib import Path
from typing import Any

import msgspec
import pytest

from app.clock import stamp, stamp_us
from app.config import Config, Guided, read_table
from app.faults import Usage
from app.guided import load as playbooks
from app.guided.conditions import RULES, Seen, Sight, Unknown, View, met, opened, parse, present, since
from app.guided.load import LARGEST, STEPS, check, load, sources
from app.guided.playbook import CAPABILITIES, Playbook
from app.locations import Locations
from app.model import Account, Acquisition, EvidenceItem
from app.model.numbering import number
from app.model.view import (
    AgentFacts,
    CaseSnapshot,
    EvidenceCheck,
    GuideRun,
    GuideStep,
    InventoryFacts,
    Scan,
)

NOW = datetime(2026, 11, 23, 14, 0, tzinfo=UTC)
GOOD = b"""
id = "mine"
title = "Mine"
summary = "s"
when = "w"

[[steps]]
id = "one"
title = "One"
text = "do"
why = "because"
done = "by_hand"
"""


def seconds(number: float) -> str:
    return stamp_us(NOW + timedelta(seconds=number))


# -- what is shipped --------------------------------------------------------------------------------------


def test_the_shipped_playbooks_are_sound() -> None:
    library = load([])
    assert library.faulty == ()
    assert set(library.editions) == {
        "compromised-instance",
        "credential-theft",
        "default-key-disk",
        "preserve-now",
    }
    for edition in library.editions.values():
        book = edition.playbook
        data = files("app.guided").joinpath("playbooks", f"{book.id}.toml").read_bytes()
        assert edition.sha256 == hashlib.sha256(data).hexdigest()
        assert 5 <= len(book.steps) <= 10 and book.order and book.preconditions
        for step in book.steps:
            assert not step.text.count("  ") and step.text.endswith((".", "too.")), step.id
            assert step.unbuilt == () or step.by_hand, step.id


def test_evidence_comes_before_isolation() -> None:
    steps = [step.id for step in load([]).editions["compromised-instance"].playbook.steps]
    assert steps.index("memory") < steps.index("preserve") < steps.index("isolate")
    keys = [step.id for step in load([]).editions["credential-theft"].playbook.steps]
    assert keys.index("key") < keys.index("disable") < keys.index("preserve")


def test_what_is_not_built_is_done_by_hand() -> None:
    made = check(GOOD.replace(b'"by_hand"', b'"verified"') + b'needs = ["memory", "disk"]')
    assert made.steps[0].unbuilt == ("memory",) and made.steps[0].by_hand
    assert {need for need, built in CAPABILITIES.items() if built} == {"disk", "instance", "preserve", "verify"}


# -- what is refused --------------------------------------------------------------------------------------


def more(text: str) -> bytes:
    return GOOD + text.encode()


def put(old: str, new: str) -> bytes:
    assert old.encode() in GOOD
    return GOOD.replace(old.encode(), new.encode(), 1)


@pytest.mark.parametrize(
    ("data", "message", "fix"),
    [
        (put('why = "because"', ""), "steps[0].why: missing", "add the key why"),
        (more('whyy = "x"'), "steps[0].whyy: unknown key", "did you mean 'why'?"),
        (put('when = "w"', "when = 3"), "when: Expected `str`, got `int`", "write text in quotes"),
        (put('id = "mine"', 'id = "../x"'), "id: '../x' is no id", "small letters"),
        (put('id = "one"', 'id = "One"'), "steps[0].id: 'One' is no id", "small letters"),
        (GOOD + GOOD[GOOD.index(b"[[") :], "steps[1].id: 'one' is the id of steps[0] too", "its own"),
        (
            put("by_hand", "acquisition_endd"),
            "steps[0].done: there is no condition",
            "did you mean 'acquisition_end",
        ),
        (put("by_hand", "item_sealed kind=dsk"), "kind=dsk is not known to item_sealed", "did you mean 'disk'?"),
        (
            put("by_hand", "verified since=now"),
            "steps[0].done: verified takes no since",
            "nothing may stand there",
        ),
        (put("by_hand", "item_sealed kind=disk kind=disk"), "has kind twice", "give it once"),
        (more('needs = ["memry"]'), "steps[0].needs: 'memry' is no capability", "did you mean 'memory'?"),
        (more('needs = "disk"'), "steps[0].needs: Expected `array`", "a list in [brackets]"),
        (more('go = { place = "plans", command = "a.b" }'), "steps[0].go.place", "did you mean 'plan'?"),
        (more('go = { place = "plan" }'), "steps[0].go.command: missing", "add the key command"),
        (more('go = { place = "plan", command = "plan.rout" }'), "there is no command plan.rout", "'plan.route'"),
        (
            more('holds = ["plan.route"]'),
            "'plan.route' cannot be held: it starts nothing",
            "known here: resources.acq",
        ),
        (more('holds = ["No Command"]'), "is no command", "resources.acquire"),
        (more('record = ""'), "steps[0].record: empty", "leave the key out"),
        (put('text = "do"', f'text = "{"x" * 401}"'), "steps[0].text: 401 characters", "400 at most"),
        (put('when = "w"', 'when = "w"\norder = [' + '"a",' * 13 + "]"), "order: 13 entries", "12 at most"),
        (
            more('\n[[preconditions]]\ntext = "p"\nmet = "verified"'),
            "preconditions[0].met: verified is about a run",
            "",
        ),
        (put('[[steps]]\nid = "one"', "steps = 3\nx = {}\n[y]\n"), "x: unknown key", ""),
        (b"steps = []\n" + GOOD[: GOOD.index(b"[[")], "steps: 0 of them", f"1 to {STEPS} steps"),
        (b"not toml", "Expected '='", "mend the TOML"),
        (b"\xff\xfe", "is not UTF-8", "UTF-8"),
        pytest.param(b"a = " + b"[" * 50_000, "nested too deeply", "", id="deep"),
        pytest.param(b"a = " + b"9" * 5000, "thousands of digits", "", id="digits"),
        pytest.param(b"#" * (LARGEST + 1), "is larger than 64 KiB", "split it", id="large"),
        pytest.param(
            b"title" + b".a" * 20_000 + b" = 1",
            "a key with more than 8 dots (at line 1)",
            "write tables",
            id="dots",
        ),
        (put("by_hand", "\u00a0"), "steps[0].done: empty", "write something"),
        (put('text = "do"', 'text = "\u200b \u2060\u00ad"'), "steps[0].text: empty", "leave the key out"),
        (
            put('text = "do"', 'text = "{key:resources.aquire}"'),
            "steps[0].text: there is no command resources.aquire",
            "did you mean 'resources.acquire'?",
        ),
        (put('text = "do"', 'text = "{key:plan.route"'), "steps[0].text: names a key in a way", "write it like"),
        (
            put('why = "because"', 'why = "{key:plan.route}"'),
            "steps[0].why: names a key",
            "only text, dont and on",
        ),
        (
            put('when = "w"', 'when = "w"\npreconditions = [{ text = "{key:plan.route}" }]'),
            "preconditions[0].text: names a key",
            "only text",
        ),
    ],
)
def test_a_faulty_playbook_is_refused_by_key(data: bytes, message: str, fix: str) -> None:
    known = {"plan.route": False, "resources.acquire": True}
    with pytest.raises(Usage) as caught:
        check(data, known)
    assert message in caught.value.message
    assert fix in caught.value.next
    assert caught.value.message.isprintable() and caught.value.next.isprintable()


@pytest.mark.parametrize("text", ["\u00a0", "", " \t"])
def test_a_condition_without_a_name_is_none(text: str) -> None:
    with pytest.raises(Unknown, match="it names no condition"):
        parse(text)


def test_the_name_of_a_key_counts_as_one_character() -> None:
    made = check(put('text = "do"', f'text = "{"{key:resources.acquire}" * 400}"'))
    assert len(made.steps[0].text) > 400


def test_only_what_starts_something_may_be_held() -> None:
    held = {"resources.acquire": True, "acquisitions.cancel": False, "agent.stop": False}
    assert check(more('holds = ["resources.acquire"]'), held).steps[0].holds == ("resources.acquire",)
    for ident in ("acquisitions.cancel", "agent.stop"):
        with pytest.raises(Usage, match="cannot be held: it starts nothing"):
            check(more(f'holds = ["{ident}"]'), held)


def test_too_many_steps_are_refused() -> None:
    step = GOOD[GOOD.index(b"[[") :]
    many = b"".join(step.replace(b'"one"', f'"s{number}"'.encode()) for number in range(STEPS + 1))
    with pytest.raises(Usage, match="61"):
        check(GOOD[: GOOD.index(b"[[")] + many)


def test_texts_over_several_lines_become_one() -> None:
    made = check(GOOD.replace(b'"do"', b'"""\n  do\n  this\t now\n"""'))
    assert made.steps[0].text == "do this now"


def test_one_faulty_file_does_not_take_the_others_down(tmp_path: Path) -> None:
    (tmp_path / "a.toml").write_bytes(GOOD)
    (tmp_path / "b.toml").write_bytes(GOOD)  # the same id
    (tmp_path / "bad.toml").write_bytes(b"id = 3")
    (tmp_path / "shipped.toml").write_bytes(GOOD.replace(b'"mine"', b'"preserve-now"'))
    (tmp_path / "notes.txt").write_bytes(b"no playbook")
    (tmp_path / "gone.toml").symlink_to(tmp_path / "nowhere")
    os.mkfifo(tmp_path / "pipe.toml")
    (tmp_path / "dir.toml").mkdir()
    library = load([tmp_path, tmp_path / "not there"])
    assert len(library.editions) == 5 and library.get("mine").source == str(tmp_path / "a.toml")
    refused = {Path(one.source).name: one.reason for one in library.faulty}
    assert set(refused) == {"b.toml", "bad.toml", "shipped.toml", "gone.toml", "pipe.toml", "dir.toml"}
    assert refused["b.toml"].startswith("id mine is taken by ")
    assert refused["shipped.toml"] == "id preserve-now is taken by preserve-now.toml"
    assert library.get("preserve-now").source == "preserve-now.toml", "a shipped playbook cannot be replaced"
    with pytest.raises(Usage, match="is refused: id: Expected"):
        library.get("bad")
    with pytest.raises(Usage) as caught:
        library.get("preserve-nw")
    assert caught.value.next == "did you mean 'preserve-now'?"


def test_whatever_is_wrong_with_a_file_the_others_stay(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "a.toml").write_bytes(GOOD)
    (tmp_path / "b.toml").write_bytes(GOOD.replace(b'"mine"', b'"worse"'))
    real = playbooks.check

    def fails(data: bytes, commands: Mapping[str, bool] | None = None) -> Playbook:
        if b"worse" in data:
            raise KeyError("not foreseen")
        return real(data, commands)

    monkeypatch.setattr(playbooks, "check", fails)
    library = load([tmp_path])
    assert len(library.editions) == 5
    assert [(Path(one.source).name, one.reason) for one in library.faulty] == [
        ("b.toml", "cannot be read as a playbook (KeyError)")
    ]


# -- where they come from ---------------------------------------------------------------------------------


@dataclass
class Named:
    """A case as far as :func:`sources` asks."""

    path: Path
    settings: Config


def test_a_case_that_names_no_directory_opens_and_says_so(tmp_path: Path) -> None:
    locations = Locations({"HOME": str(tmp_path)})
    entries = ["~nosuchuser_x/p", "a\0b", "x" * 5000, "mine"]
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "a.toml").write_bytes(GOOD)
    named: Any = Named(tmp_path, Config(guided=Guided(entries, "mine")))
    found = sources(named, locations)
    library = load(found.directories, None, found.faulty)
    assert library.get("mine").source == str(tmp_path / "mine" / "a.toml") and found.offer == "mine"
    assert [one.reason.partition(":")[0] for one in library.faulty] == [
        "named in guided.playbooks of the case, is no directory",
        "is no directory",
        "cannot be read",
    ]
    assert library.faulty[0].next == f"put its playbooks into {locations.playbooks}"


@pytest.mark.parametrize(
    ("entry", "message"),
    [
        ("~nosuchuser_x/p", "names another user's home"),
        ("~", "names another user's home"),
        ("a\\u0000b", "is no path"),
        ("", "is no path"),
        pytest.param("x" * 1025, "is no path", id="long"),
    ],
)
def test_a_configuration_names_directories(tmp_path: Path, entry: str, message: str) -> None:
    file = tmp_path / "config.toml"
    file.write_text(f'[guided]\nplaybooks = ["books", "{entry}"]\n', "utf-8")
    with pytest.raises(Usage, match=rf"guided\.playbooks\[1\] .*{message}"):
        read_table(file)
    file.write_text('[guided]\nplaybooks = ["books", "/etc/books", "~/books"]\n', "utf-8")
    assert read_table(file)


# -- conditions -------------------------------------------------------------------------------------------


def run_of(*states: str, **more: Any) -> GuideRun:
    steps = tuple(
        GuideStep(id=f"s{place}", state=state, at=seconds(10 * place) if state != "todo" else "")  # type: ignore[arg-type]
        for place, state in enumerate(states, 1)
    )
    made = GuideRun(
        id="G-0001", playbook="p", title="P", sha256="0" * 64, examiner="ex-07", started=seconds(0), steps=steps
    )
    return msgspec.structs.replace(made, **more)


def acquisition(ident: str, **more: Any) -> Acquisition:
    base: dict[str, Any] = {
        "id": ident,
        "kind": "instance",
        "target": "i-1",
        "target_name": "web",
        "cloud": "aws",
        "account": "2" * 12,
        "route": "copy",
        "state": "running",
        "step": "s",
        "step_no": 1,
        "step_count": 9,
    }
    return Acquisition(**(base | more))


def sight(what: Any, at: float, **more: Any) -> Sight:
    return Sight(what, NOW + timedelta(seconds=at), **more)


def holds(text: str, *, run: GuideRun | None = None, subject: frozenset[str] | None = None, **more: Any) -> bool:
    sights = more.pop("sights", ())
    began = more.pop("began", NOW - timedelta(hours=1))
    return met(parse(text), View(CaseSnapshot(**more), Seen(began, tuple(sights)), run, subject))


def test_the_present_step_is_the_first_to_do_since_the_newest_record() -> None:
    run = run_of("done", "by_hand", "todo", "todo")
    assert present(run) == 2 and since(run) == NOW + timedelta(seconds=20)
    assert present(run_of("done", "skipped")) is None and since(run_of("todo")) == NOW


def test_the_state_of_the_case() -> None:
    account = Account(cloud="aws", id="2" * 12, name="a")
    assert not holds("accounts_seen", accounts=(account,))
    assert holds("accounts_seen", accounts=(msgspec.structs.replace(account, reachable=False),))
    scan = Scan(cloud="aws", account="2", region="r", state="running", found=0, error=None, at="")
    assert not holds("resources_seen", scans=(scan,))
    assert holds("resources_seen", scans=(msgspec.structs.replace(scan, state="done"),))
    assert not holds("eligible_seen") and holds("eligible_seen", inventory=InventoryFacts(total=3, eligible=1))
    assert holds("disarmed") and not holds("armed")
    assert holds("armed", agent=AgentFacts(armed_until="2026-11-23T14:15:00Z"))


def test_what_is_about_a_run_does_not_hold_outside_one() -> None:
    for name, rule in RULES.items():
        if not rule.state:
            assert not holds(name, sights=[sight("verified", 5), sight("tampered", 5)]), name


def test_an_acquisition_older_than_the_run_does_not_count() -> None:
    run = run_of("todo", after=7)
    assert not holds("acquisition_started", run=run, acquisitions=(acquisition("A-0007"),))
    assert holds("acquisition_started", run=run, acquisitions=(acquisition("A-0008"),))
    assert not holds("acquisition_started kind=disk", run=run, acquisitions=(acquisition("A-0008"),))
    assert holds("acquisition_started kind=instance route=copy", run=run, acquisitions=(acquisition("A-0008"),))
    assert not holds("acquisition_started route=preserve", run=run, acquisitions=(acquisition("A-0008"),))


def test_an_acquisition_of_something_else_does_not_count() -> None:
    run = run_of("todo", target="aws:222222222222:i-1")
    mine, other = acquisition("A-0001"), acquisition("A-0002", target="i-2")
    about = frozenset({"i-1", "vol-1"})
    assert not holds("acquisition_started", run=run, subject=about, acquisitions=(other,))
    assert holds("acquisition_started", run=run, subject=about, acquisitions=(other, mine))
    assert holds("acquisition_started", run=run, subject=about, acquisitions=(acquisition("A-3", target="vol-1"),))


def test_how_an_acquisition_ends() -> None:
    run = run_of("todo")
    for state, text, wanted in (
        ("running", "acquisition_ended", False),
        ("failed", "acquisition_ended", False),
        ("failed", "acquisition_ended state=failed", True),
        ("done", "acquisition_ended kind=instance route=copy state=done", True),
        ("done", "preserved", False),
    ):
        assert holds(text, run=run, acquisitions=(acquisition("A-0001", state=state),)) is wanted, text
    assert holds("preserved", run=run, acquisitions=(acquisition("A-0001", state="done", route="preserve"),))


def item(ident: str, acq: str) -> EvidenceItem:
    return EvidenceItem(
        id=ident, acquisition=acq, kind="disk", path="", bytes=1, sha256=None, sealed=stamp(NOW), source="vol-1"
    )


def test_items_and_checks_of_the_run() -> None:
    run, acqs = run_of("done", "todo", after=1), (acquisition("A-0001"), acquisition("A-0002"))
    assert not holds("item_sealed", run=run, acquisitions=acqs, items=(item("E-0001", "A-0001"),))
    both = (item("E-0001", "A-0001"), item("E-0002", "A-0002"))
    assert holds("item_sealed kind=disk", run=run, acquisitions=acqs, items=both)
    assert not holds("item_sealed kind=config", run=run, acquisitions=acqs, items=both)

    def checked(item_: str, ended: float, state: Any = "ok") -> bool:
        check = EvidenceCheck(item=item_, state=state, ended=stamp(NOW + timedelta(seconds=ended)))
        about = frozenset({"i-1"})
        view = {"acquisitions": acqs, "items": both, "checks": (check,)}
        return holds("evidence_checked", run=run, subject=about, **view)

    assert checked("E-0002", 10) and checked("E-0002", 99)
    assert not checked("E-0002", 9), "before the step was the present one"
    assert not checked("E-0001", 99), "an item of an older acquisition"
    assert not checked("E-0002", 99, "bad") and not checked("E-0002", 99, "running")


def test_every_disk_that_is_kept_has_to_be_sealed() -> None:
    kept = acquisition("A-0002", state="done", route="preserve", volumes=("vol-1", "vol-2"))
    acqs = (kept, acquisition("A-0003", kind="disk", target="vol-2", volumes=("vol-2",)))
    run, about = run_of("todo", after=1), frozenset({"i-1", "vol-1", "vol-2"})

    def sealed(*disks: str, acq: str = "A-0003", acquisitions: tuple[Acquisition, ...] = acqs) -> bool:
        images = tuple(msgspec.structs.replace(item(f"E-{n}", acq), source=disk) for n, disk in enumerate(disks))
        return holds("disks_sealed", run=run, subject=about, acquisitions=acquisitions, items=images)

    assert not sealed() and not sealed("vol-2") and sealed("vol-1", "vol-2")
    assert not sealed("vol-1", "vol-2", acq="A-0001"), "images of before the run"
    assert not sealed(acquisitions=()), "nothing was taken at all"
    more = acquisition("A-0004", state="cancelled", volumes=("vol-9",))
    assert sealed("vol-1", "vol-2", acquisitions=(*acqs, more)), "what was cancelled is not awaited"


def test_sights_count_from_the_run_or_from_the_step() -> None:
    run = run_of("done", "todo")  # the second step is the present one since second 10
    seen = {"kind": "instance", "target": "aws:2:i-1", "eligible": True, "route": "copy"}
    assert not holds("resource_opened", run=run, sights=[sight("resource", -1, **seen)])
    assert holds("resource_opened kind=instance eligible=yes", run=run, sights=[sight("resource", 5, **seen)])
    assert not holds("resource_opened kind=disk", run=run, sights=[sight("resource", 5, **seen)])
    assert not holds("resource_opened eligible=no", run=run, sights=[sight("resource", 5, **seen)])
    disk = {"kind": "disk", "kms": "customer"}
    assert not holds("resource_opened kind=disk kms=default", run=run, sights=[sight("resource", 5, **disk)])
    assert holds("resource_opened kind=disk kms=customer", run=run, sights=[sight("resource", 5, **disk)])
    for what, text in (("plan", "plan_opened"), ("verified", "verified"), ("tampered", "tampering_seen")):
        assert not holds(text, run=run, sights=[sight(what, 9, **seen)]), text
        assert holds(text, run=run, sights=[sight(what, 10, **seen)]), text
    assert holds("plan_opened route=copy", run=run, sights=[sight("plan", 10, **seen)])
    assert not holds("plan_opened route=preserve", run=run, sights=[sight("plan", 10, **seen)])


def test_sights_of_something_else_do_not_count_but_its_refusal_does() -> None:
    run = run_of("todo", target="aws:2:i-1")
    other = {"kind": "disk", "target": "aws:2:vol-9"}
    about = frozenset({"i-1"})
    assert not holds("plan_opened", run=run, subject=about, sights=[sight("plan", 1, **other)])
    assert holds("refused_untagged kind=disk", run=run, subject=about, sights=[sight("refused", 1, **other)])
    view = View(CaseSnapshot(), Seen(NOW, (sight("resource", 1, **other),)), run_of("todo"))
    assert opened(parse("resource_opened"), view) == "aws:2:vol-9"
    assert opened(parse("resource_opened kind=instance"), view) == ""


def test_the_terminal_was_left_after_the_step_became_the_present_one() -> None:
    run = run_of("done", "todo")
    assert not holds("terminal_left_and_back", run=run, began=NOW + timedelta(seconds=10))
    assert holds("terminal_left_and_back", run=run, began=NOW + timedelta(seconds=11))
    assert not holds("by_hand", run=run)


def all_of_it(at: float) -> dict[str, Any]:
    """A case in which every condition but ``disarmed`` and ``by_hand`` holds; acts were seen at that second."""
    seen = {"kind": "disk", "target": "aws:2:vol-1", "eligible": True, "route": "preserve"}
    made = acquisition("A-0001", kind="disk", target="vol-1", route="preserve", state="done", volumes=("vol-1",))
    return {
        "accounts": (Account(cloud="aws", id="2" * 12, name="a", reachable=True),),
        "scans": (Scan(cloud="aws", account="2", region="r", state="done", found=1, error=None, at=""),),
        "inventory": InventoryFacts(total=1, eligible=1),
        "agent": AgentFacts(armed_until="2026-11-23T14:15:00Z"),
        "acquisitions": (made,),
        "items": (item("E-0001", "A-0001"),),
        "checks": (EvidenceCheck(item="E-0001", state="ok", ended=stamp(NOW + timedelta(seconds=at))),),
        "sights": [sight(what, at, **seen) for what in ("resource", "plan", "refused", "verified", "tampered")],
        "began": NOW + timedelta(seconds=at + 1),
    }


def test_what_an_examiner_takes_back_is_not_done_by_what_was_so_before() -> None:
    reopened = msgspec.structs.replace(
        run_of("done", "todo"), steps=(GuideStep(id="s1", state="todo", by="ex-07", at=seconds(30.5)),)
    )
    first = msgspec.structs.replace(reopened, steps=(GuideStep(id="s1"),))
    for name, rule in RULES.items():
        case = all_of_it(29) if name != "disarmed" else {}
        assert holds(name, run=first, **case) is (name != "by_hand"), name
        assert not holds(name, run=reopened, **case), name
        assert holds(name, run=reopened, **(all_of_it(31) if case else {})) is rule.anew, name
    view = View(CaseSnapshot(), Seen(NOW, tuple(all_of_it(29)["sights"])), reopened)
    assert opened(parse("resource_opened"), view) == ""


def test_what_stays_so_closes_no_step_twice() -> None:
    """Conditions on a state never come back by themselves; those on an act do, and are never a precondition."""
    again = {name for name, rule in RULES.items() if rule.anew}
    assert again == {
        *("resource_opened", "plan_opened", "refused_untagged", "verified", "tampering_seen"),
        *("evidence_checked", "terminal_left_and_back"),
    }
    assert not any(RULES[name].state for name in again)


@pytest.mark.parametrize(("ident", "wanted"), [("A-0012", 12), ("G-3", 3), ("", 0), ("A-", 0), ("A-1x", 0)])
def test_ids_count(ident: str, wanted: int) -> None:
    assert number(ident) == wanted
