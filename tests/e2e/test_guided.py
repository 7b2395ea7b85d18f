"""A playbook followed with a real agent: begun, handed over, found again after a restart, and verified."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from app.case.folder import find
from app.client.feed import Feed
from app.client.launch import connect
from app.client.rpc import AgentClient
from app.faults import Refused, Usage
from app.guided.load import load, sources
from app.locations import Locations
from app.model.view import GuideRun
from tests.e2e.cloud import Cloud
from tests.e2e.conftest import NewCase
from tests.e2e.runner import Case, Jumpbag

_BOOK = """
id = "{id}"
title = "{title}"
summary = "One by hand, one that is seen."
when = "In a test."
[[steps]]
id = "note"
title = "Note it"
text = "Note it."
why = "It is gone later."
done = "by_hand"
[[steps]]
id = "seen"
title = "See the accounts"
text = "Look."
why = "To know."
done = "accounts_seen"
"""


class Guided(Cloud):
    """The same cloud, with two examiners and the case's own playbooks in the configuration."""

    def configured(self, name: str, **tables: dict[str, Any]) -> Path:
        examiner = {"id": "ex-07", "roster": ["ex-11"]}
        return super().configured(
            name, examiner=examiner, guided={"playbooks": ["books"], "offer": "ours"}, **tables
        )


@pytest.fixture
def case(jumpbag: Jumpbag, new_case: NewCase, cloud: Cloud) -> Case:
    """A case with a playbook of its own, one of the user's, and a faulty one."""
    made = new_case(Guided(cloud.config), workers=1)
    users = jumpbag.home / ".config" / "jumpbag" / "playbooks"
    for directory, ident in ((made.path / "books", "ours"), (users, "mine")):
        directory.mkdir(parents=True, exist_ok=True)
        (directory / f"{ident}.toml").write_text(_BOOK.format(id=ident, title=f"Ours: {ident}"), "utf-8")
    (users / "broken.toml").write_text("id = 1", "utf-8")
    return made


@asynccontextmanager
async def seat(case: Case, examiner: str) -> AsyncIterator[AgentClient]:
    """An attached session of that examiner."""
    locations = Locations(case.jumpbag.env)
    client = await connect(find(str(case.path), locations), locations, start=False)
    try:
        await client.call("session.attach", {"examiner": examiner, "kind": "ui"})
        yield client
    finally:
        await client.close()


def runs(case: Case) -> tuple[GuideRun, ...]:
    feed = Feed(case.path / "case.sqlite")
    feed.poll()
    feed.close()
    return feed.snapshot.guides


def test_a_playbook_is_followed_handed_over_and_kept(case: Case) -> None:
    case.volumes()  # starts the agent

    async def first() -> str:
        async with seat(case, "ex-07") as ann:
            with pytest.raises(Usage, match=r"broken\.toml is refused: id: Expected"):
                await ann.call("playbook.start", {"playbook": "broken"})
            begun = await ann.call("playbook.start", {"playbook": "ours", "target": ""})
            run = begun["run"]
            await ann.call("playbook.start", {"playbook": "mine"})
            await ann.call("playbook.target", {"run": run, "target": "aws:1:i-1"})
            order = {"run": run, "step": "note", "state": "by_hand", "note": "told the owner 10:42"}
            assert await ann.call("playbook.step", order) == {"run": run, "step": "note", "state": "by_hand"}
            with pytest.raises(Refused, match="no screen can see"):
                await ann.call("playbook.step", {**order, "state": "done"})
            return str(run)

    run = asyncio.run(first())
    before = runs(case)
    locations = Locations(case.jumpbag.env)
    edition = load(sources(find(str(case.path), locations), locations).directories).get("ours")
    assert (before[0].id, before[0].sha256, before[0].target) == (run, edition.sha256, "aws:1:i-1")
    assert [one.playbook for one in before] == ["ours", "mine"]

    case.kill_agent()
    case.volumes()  # another agent
    assert runs(case) == before

    async def second() -> None:
        async with seat(case, "ex-11") as bob:
            seen = {"run": run, "step": "seen", "state": "done", "note": "", "sha256": edition.sha256}
            with pytest.raises(Refused, match=f"{run} is followed by ex-07") as caught:
                await bob.call("playbook.step", seen)
            assert "take it over" in caught.value.next and caught.value.exit == 3
            assert await bob.call("playbook.takeover", {"run": run}) == {"run": run, "examiner": "ex-11"}
            with pytest.raises(Refused, match="is not the text that it began with"):
                await bob.call("playbook.step", {**seen, "sha256": "0" * 64})
            nobody = await connect(find(str(case.path), locations), locations, start=False)
            with pytest.raises(Refused, match="only a session of ex-11 reports"):
                await nobody.call("playbook.step", {**seen, "examiner": "ex-11"})
            await nobody.close()
            await bob.call("playbook.step", seen)

    asyncio.run(second())
    found = runs(case)[0]
    assert found.examiner == "ex-11"
    assert [(step.id, step.state, step.by) for step in found.steps] == [
        ("note", "by_hand", "ex-07"),
        ("seen", "done", "ex-11"),
    ]
    assert case.events("playbook.step")[-1]["summary"].endswith("(seen): done, as this record shows.")
    assert [event["actor"]["id"] for event in case.events("playbook.takeover")] == ["ex-11"]
    assert len(case.events("playbook.start")) == 2 and len(case.events("playbook.step")) == 2
    case.stop()
    case.verified()
