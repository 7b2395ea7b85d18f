from __future__ import annotations

from pathlib import Path

from app.case.readmodel import ReadModel
from app.client.feed import Feed
from app.client.inventory import Inventory
from app.model import Account, Acquisition, Resource
from app.model.view import AgentFacts


def resource(number: int, name: str = "x") -> Resource:
    return Resource(
        cloud="aws", account="222222222222", region="eu-west-1", kind="volume", id=f"vol-{number:04d}", name=name
    )


def acquisition(done: int) -> Acquisition:
    return Acquisition(
        id="A-0001",
        kind="disk",
        target="vol-0001",
        target_name="x",
        cloud="aws",
        account="222222222222",
        route="direct",
        state="running",
        step="s",
        step_no=1,
        step_count=5,
        bytes_done=done,
    )


def test_a_missing_read_model_is_an_empty_case(tmp_path: Path) -> None:
    feed = Feed(tmp_path / "case.sqlite")
    assert feed.poll() is None
    assert feed.snapshot.accounts == ()


def test_only_what_changed_is_read_again(tmp_path: Path) -> None:
    model, feed = ReadModel(tmp_path / "case.sqlite"), Feed(tmp_path / "case.sqlite")
    model.accounts([Account(cloud="aws", id="222222222222", name="a")])
    model.resources("s1", [resource(1), resource(2)])
    first = feed.poll()
    assert first is not None
    assert first.inventory.total == 2 and [r.id for r in Inventory(feed).every()] == ["vol-0001", "vol-0002"]
    assert feed.poll() is None
    model.acquisition(acquisition(5))
    second = feed.poll()
    assert second is not None
    assert second.inventory is first.inventory
    assert second.acquisitions[0].bytes_done == 5


def test_a_scan_forgets_what_it_did_not_see(tmp_path: Path) -> None:
    model, feed = ReadModel(tmp_path / "case.sqlite"), Feed(tmp_path / "case.sqlite")
    model.resources("s1", [resource(1), resource(2)])
    model.resources("s2", [resource(2, "renamed")])
    model.forget_resources("aws", "222222222222", "eu-west-1", keep_scan="s2")
    snapshot = feed.poll()
    assert snapshot is not None
    assert [(r.id, r.name) for r in Inventory(feed).every()] == [("vol-0002", "renamed")]
    assert model.find("volume", "vol-0002", None) is not None
    assert model.find("volume", "vol-0002", "333333333333") is None


def test_events_are_read_by_range(tmp_path: Path) -> None:
    model, feed = ReadModel(tmp_path / "case.sqlite"), Feed(tmp_path / "case.sqlite")
    for line in range(1, 11):
        model.event(line, {"seq": line, "ts": "t", "op": "case.note", "phase": "fact", "summary": str(line)}, "{}")
    model.event(11, None, "torn")
    model.fact("agent", AgentFacts(pid=7))
    snapshot = feed.poll()
    assert snapshot is not None
    assert snapshot.event_lines == 11
    assert snapshot.agent.pid == 7
    assert [row.line for row in feed.events(4, 3)] == [4, 5, 6]
    assert feed.events(11, 5)[0].seq is None
    assert feed.event_body(11) == "torn"
