"""Whatever file stands at ``case.sqlite``: the agent makes its own, and a reader says what it cannot read."""

from __future__ import annotations

import os
import sqlite3
import threading
from contextlib import closing
from pathlib import Path

import msgspec
import pytest

from app.case import carry
from app.case.inventory_rows import HIGHEST_ROW
from app.case.readmodel import ReadModel
from app.client import feed as feed_module
from app.client.feed import Feed
from app.client.filtering import parse
from app.client.inventory import EVERYTHING, FIELDS, Inventory, Query
from app.model import Account, Attachment, Resource
from app.model.view import AgentFacts, EvidenceCheck, Scan
from tests.core.clocks import HandClock
from tests.prepared import BODIES, ENDLESS, EVERY, FOREIGN, ROWS, endless, spoil

WEB = Resource(cloud="aws", account="1", region="r1", kind="instance", id="i-1", name="web")
DISK = Resource(
    cloud="aws", account="1", region="r1", kind="volume", id="vol-1", name="d", tags={"k": "v"}, eligible=True,
    size_bytes=7, attached_to=Attachment(id="i-1", name="web", device="/dev/xvda"),
)  # fmt: skip
ACCOUNTS = [Account(cloud="aws", id="2", name="b"), Account(cloud="aws", id="1", name="a", reachable=True)]


def scan(region: str, state: str = "done") -> Scan:
    return Scan(
        cloud="aws", account="1", region=region, state=state, found=2, error=None,  # type: ignore[arg-type]
        at="2026-11-23T09:15:00Z", good="2026-11-23T09:15:00Z" if state == "done" else None,
    )  # fmt: skip


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A read model that an agent has left behind."""
    path = tmp_path / "case.sqlite"
    with closing(ReadModel(path)) as model:
        model.accounts(ACCOUNTS)
        model.resources("s0", [msgspec.structs.replace(DISK, id="vol-0")])
        model.resources("s1", [DISK, WEB])
        model.forget_resources("aws", "1", "r1", keep_scan="s1")
        model.scan(scan("r1"))
        model.scan(scan("r2", "running"))
        model.fact("agent", AgentFacts(pid=7, beat="2026-11-23T09:15:00Z"))
        model.event(1, {"seq": 1, "ts": "t", "op": "case.note", "phase": "fact", "summary": "s"}, "{}")
    return path


def objects(path: Path) -> list[str]:
    with closing(sqlite3.connect(path)) as db:
        return sorted(map(str, db.execute("SELECT type, name, tbl_name, sql FROM sqlite_master")))


# -- the agent ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("how", EVERY)
def test_the_agent_makes_its_own(path: Path, tmp_path: Path, how: str) -> None:
    spoil(path, EVERY[how])
    with closing(ReadModel(path)) as model, closing(Feed(path)) as feed:
        model.event(1, {"seq": 1}, "{}")
        model.check(EvidenceCheck(item="E-0001", state="bad", reason="it differs"))
        snapshot = feed.poll()
        assert snapshot is not None and [one.state for one in snapshot.checks] == ["bad"]
        assert not model.behind and not snapshot.problem
        carried = how in ("revision", "event")  # what is wrong is not of the inventory
        assert list(snapshot.accounts) == (ACCOUNTS if carried else [])
        assert snapshot.inventory.total == (2 if carried else 0)
    ReadModel(tmp_path / "other").close()
    assert objects(path) == objects(tmp_path / "other")


def test_a_trigger_added_later_does_not_run_either(path: Path) -> None:
    with closing(ReadModel(path)) as model:
        spoil(path, FOREIGN["endless trigger"])
        model.event(1, {"seq": 1}, "{}")
        assert model.behind  # and the next agent makes its own again


def test_what_is_of_the_inventory_is_carried_over(path: Path) -> None:
    with closing(Feed(path)) as feed:
        before = feed.poll()
        rows = Inventory(feed).select(EVERYTHING)
        with closing(ReadModel(path)) as model:
            after = feed.poll()
            assert before is not None and after is not None
            assert after.inventory.file == before.inventory.file  # so that marks still mean the same rows
            assert after.inventory.revision != before.inventory.revision
            again = Inventory(feed).select(EVERYTHING)
            assert (again.rows, again.parents) == (rows.rows, rows.parents) and list(again.parents)[1]
            assert list(Inventory(feed).every()) == [WEB, DISK]
            assert list(after.accounts) == ACCOUNTS and after.scans == (scan("r1"),)  # nobody scans r2 now
            assert feed.events(1, 5) == []  # the log's, and written from it alone
            model.resources(
                "s2", [Resource(cloud="aws", account="1", region="r3", kind="bucket", id="b", name="b")]
            )
            feed.poll()
            assert max(Inventory(feed).select(EVERYTHING).rows) > max(rows.rows)


def test_a_resource_is_only_what_its_row_says_it_is(path: Path) -> None:
    spoil(path, "UPDATE resource SET account = '2' WHERE kind = 'volume'")
    with closing(ReadModel(path)) as model:
        assert model.rows("resource", Resource) == [] == model.rows("account", Account)


def test_when_the_last_good_scan_was_outlives_its_agent(path: Path) -> None:
    later = "2026-11-23T10:18:00Z"
    failed = msgspec.structs.replace(scan("r1", "failed"), error="no answer", at=later)
    with closing(ReadModel(path)) as model:
        model.scan(msgspec.structs.replace(scan("r1", "running"), at=later))
        model.scan(failed)
        model.scan(scan("r3"))
        model.scan(msgspec.structs.replace(scan("r3", "running"), at=later))
        model.scan(msgspec.structs.replace(scan("r4", "failed"), error="never seen"))
    good = scan("r1").good
    for _ in range(2):  # and the agent after that one
        with closing(ReadModel(path)), closing(Feed(path)) as feed:
            snapshot = feed.poll()
            assert snapshot is not None
            told = {one.region: one for one in snapshot.scans}
            assert told["r1"] == msgspec.structs.replace(failed, good=good)
            assert (told["r3"].state, told["r3"].error, told["r3"].at) == ("failed", carry.STOPPED, later)
            assert told["r3"].good == good and told["r4"].good is None and len(told) == 3
    with closing(ReadModel(path)) as model, closing(Feed(path)) as feed:
        model.scan(msgspec.structs.replace(scan("r1"), at=later))
        model.forget_scan("aws", "1", "r4")
        snapshot = feed.poll()
        assert snapshot is not None
        assert {one.region: one.good for one in snapshot.scans} == {"r1": later, "r3": good}


@pytest.mark.parametrize("good", ["'yesterday'", "''", "7", "x'00'"])
def test_a_time_that_no_agent_wrote_is_not_carried_over(path: Path, good: str) -> None:
    spoil(path, f"UPDATE scan SET good = {good} WHERE region = 'r1'")
    with closing(ReadModel(path)) as model:
        assert model.rows("account", Account) == []


@pytest.mark.parametrize(("within", "carried"), [(60.0, 5002), (-1.0, 0)])
def test_carrying_over_takes_no_longer_than_it_may(
    path: Path, monkeypatch: pytest.MonkeyPatch, within: float, carried: int
) -> None:
    monkeypatch.setattr(carry, "WITHIN_S", within)
    spoil(
        path,
        "INSERT INTO resource (cloud, account, region, kind, id, scan, body) "
        f"{ENDLESS} SELECT 'aws', '9', 'r', 'volume', x, 's', json_object('cloud', 'aws', 'account', '9', "
        "'region', 'r', 'kind', 'volume', 'id', '' || x, 'name', '') FROM c LIMIT 5000",
    )
    with closing(ReadModel(path)) as model:
        assert len(model.rows("resource", Resource)) == carried
        assert len(model.rows("account", Account)) == (2 if carried else 0)


def test_a_link_is_replaced_and_not_followed(path: Path, tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    path.rename(elsewhere)
    before = elsewhere.read_bytes()
    path.symlink_to(elsewhere)
    path.with_name("case.sqlite.new").symlink_to(tmp_path / "nowhere")
    feed = Feed(path)
    assert feed.poll() is None  # no reader follows it either
    with closing(ReadModel(path)) as model:
        assert model.rows("account", Account) == []
    assert not path.is_symlink() and path.stat().st_mode & 0o777 == 0o600
    assert elsewhere.read_bytes() == before and not (tmp_path / "nowhere").exists()


@pytest.mark.parametrize("name", ["case.sqlite", "case.sqlite-wal", "case.sqlite-journal"])
def test_a_pipe_holds_nobody_up(path: Path, name: str) -> None:
    beside = path.with_name(name)
    beside.unlink(missing_ok=True)
    os.mkfifo(beside)
    feed = Feed(path)
    assert feed.poll() is None and feed.events(1, 1) == []
    with closing(ReadModel(path)) as model:
        model.fact("agent", AgentFacts(pid=8))
        snapshot = feed.poll()
        assert snapshot is not None and snapshot.agent.pid == 8


def test_a_journal_left_beside_it_changes_nothing_in_the_new_file(path: Path) -> None:
    with closing(sqlite3.connect(path.with_name("other"), isolation_level=None)) as db:
        db.executescript("CREATE TABLE a (b); BEGIN; INSERT INTO a VALUES (zeroblob(9999)); PRAGMA cache_spill=1")
        path.with_name("case.sqlite-journal").write_bytes(path.with_name("other-journal").read_bytes())
    ReadModel(path).close()
    assert not path.with_name("case.sqlite-journal").exists()


# -- the reader --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("how", [*FOREIGN, *ROWS])
async def test_a_reader_says_what_it_cannot_read_and_sees_it_mended(path: Path, how: str) -> None:
    clock = HandClock()
    feed = Feed(path, clock)
    assert feed.poll() is not None
    spoil(path, EVERY[how])
    if how in FOREIGN:  # what is open was checked when it was opened; a trigger runs in no reader
        feed.close()
    assert feed.poll() is None  # an agent that starts mends it at once
    await clock.advance(feed_module.CALM_S)
    told = feed.poll()
    assert told is not None and told.problem and told.accounts == tuple(ACCOUNTS)  # what was read stays
    assert feed.poll() is None
    with closing(ReadModel(path)):
        mended = feed.poll()
        assert mended is not None and not mended.problem


async def test_a_table_that_becomes_a_view_is_not_read(path: Path) -> None:
    clock = HandClock()
    feed = Feed(path, clock)
    feed.poll()
    spoil(path, f"{EVERY['endless view']}; UPDATE revision SET value = value + 1")
    feed.poll()
    await clock.advance(feed_module.CALM_S)
    told = feed.poll()
    assert told is not None and told.problem == "it is not a file that this agent has made"


@pytest.mark.parametrize("how", BODIES)
def test_rows_that_cannot_be_read_are_told_of_until_there_is_another_file(path: Path, how: str) -> None:
    spoil(path, EVERY[how])
    feed = Feed(path)
    inventory = Inventory(feed)
    first = feed.poll()
    assert first is not None and not first.problem
    assert list(inventory.every()) == []
    told = feed.poll()
    assert told is not None and told.problem
    assert feed.events(1, 1)  # all else is answered
    assert feed.snapshot.problem
    with closing(ReadModel(path)):
        mended = feed.poll()
        assert mended is not None and not mended.problem


def test_a_question_that_no_file_could_answer_is_not_the_files_fault(path: Path) -> None:
    feed = Feed(path)
    feed.poll()

    def number(value: int | str) -> str:
        return feed.ask(lambda db: str(db.execute("SELECT ?", (value,)).fetchone()[0]), "none")

    assert number(1 << 64) == "none" and number("half a pair: \ud800") == "none"
    assert feed.poll() is None and not feed.snapshot.problem
    assert number(5) == "5"
    feed.ask(lambda db: sum(int(seq) for (seq,) in db.execute("SELECT seq || 'x' FROM event")), 0)
    told = feed.poll()
    assert told is not None and told.problem == "something in it is not as the agent writes it"


@pytest.mark.parametrize("row", [HIGHEST_ROW + 1, 1 << 62, -1])
def test_a_row_number_that_no_agent_gives_is_not_believed(path: Path, row: int) -> None:
    spoil(path, f"UPDATE listing SET row = {row} WHERE row = (SELECT max(row) FROM listing)")
    feed = Feed(path)
    inventory = Inventory(feed)
    feed.poll()
    query = Query(filter=parse("web", fields=FIELDS))
    assert not inventory.select(query).known and not inventory.select(EVERYTHING).known
    told = feed.poll()
    assert told is not None and told.problem == "something in it is not as the agent writes it"


def test_a_file_that_is_made_anew_is_another_though_its_inventory_stays(path: Path) -> None:
    with closing(Feed(path)) as feed:
        before = feed.poll()
        with closing(ReadModel(path)) as model:
            model.event(1, {"seq": 1, "ts": "t", "op": "case.note", "phase": "fact", "summary": "new"}, "{}")
            after = feed.poll()
        assert before is not None and after is not None
        assert before.inventory.file == after.inventory.file and before.event_lines == after.event_lines == 1
        assert before.made and after.made and before.made != after.made
        spoil(path, "DELETE FROM revision WHERE topic = 'made'; UPDATE revision SET value = value + 1")
        told = feed.poll()
        assert told is not None and told.made == 0


class Racing(HandClock):
    """Each look takes a second."""

    def monotonic(self) -> float:
        self._elapsed += 1.0
        return self._elapsed


def test_a_question_ends_at_its_deadline(path: Path) -> None:
    feed = Feed(path, Racing())
    assert feed.ask(endless, 7) == 7
    told = feed.poll()
    assert told is not None and "too long" in told.problem
    assert feed.ask(endless, 8) == 8


def test_an_interrupted_reader_ends_at_once(path: Path) -> None:
    feed, begun, answers = Feed(path), threading.Event(), list[int]()

    def question(db: sqlite3.Connection) -> int:
        db.create_function("begun", 0, begun.set)
        db.execute("SELECT begun()").fetchone()
        return endless(db)

    def ask() -> None:
        answers.append(feed.ask(question, 7))
        feed.close()

    asking = threading.Thread(target=ask)
    asking.start()
    assert begun.wait(20)
    feed.interrupt()
    asking.join(20)
    assert answers == [7] and feed.ask(endless, 8) == 8
