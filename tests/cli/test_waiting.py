"""What `acquire --wait`, `acquisitions` and `cancel` say of one that waits, has stopped or is being taken back."""

from __future__ import annotations

from typing import Any, cast

import pytest

from app.cli import acquire
from app.cli.output import sentences
from app.cli.session import Session
from app.client.feed import Feed
from app.client.rpc import AgentClient
from app.model.view import CaseSnapshot
from tests.cli.test_acquiring import options
from tests.screens.seed_instance import acquisition


class Rows:
    """A feed whose only row changes with each poll."""

    def __init__(self, *states: dict[str, Any]) -> None:
        self._left = [acquisition(**state) for state in states]
        self.snapshot = CaseSnapshot()

    def poll(self) -> None:
        self.snapshot = CaseSnapshot(acquisitions=(self._left.pop(0),))


class Alive:
    async def call(self, method: str) -> dict[str, Any]:
        return {}


async def waited(feed: Rows) -> None:
    session = Session(options("acquire", "IR-1", "disk", "vol-1", "--wait"))
    await acquire._wait(session, cast(AgentClient, Alive()), cast(Feed, feed), "A-0010")


async def test_what_waits_is_said_once_however_often_it_tries_again(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(acquire, "_POLL_S", 0)
    runs: dict[str, Any] = {"step": "copy"}
    waits = {"state": "waiting_for_credentials", "step": "copy", "error": "it ended.", "next": "does it exist?"}
    await waited(Rows(runs, *[waits, runs] * 5, {"step": "download"}, waits, waits, {"state": "done"}))
    said = capsys.readouterr().err.splitlines()
    asks = "jumpbag: A-0010 waits: it ended. Next: does it exist?"
    assert said == ["A-0010 running: copy", asks, "A-0010 running: download", asks]


def test_the_board_says_what_to_do_next() -> None:
    one = acquisition(state="cancelled", next="Kept in the cloud: snap-1.")
    (row,) = acquire._rows(CaseSnapshot(acquisitions=(one,)))
    assert row["next"] == "Kept in the cloud: snap-1."


def test_a_cancelled_one_that_still_takes_back_is_not_said_to_run() -> None:
    for state in ("failed", "running"):
        told = acquire._steered("cancel", "A-0006", state)
        assert told == "A-0006 is being cancelled: what it shared is taken back."
    assert acquire._steered("cancel", "A-0006", "cancelled") == "A-0006 is cancelled."
    assert acquire._steered("pause", "A-0006", "paused") == "A-0006 is paused."


def test_no_sentence_ends_twice() -> None:
    assert sentences("it is gone.", "look for it.") == "it is gone. Next: look for it."
    assert sentences("it is gone", "is it there?") == "it is gone. Next: is it there?"
    assert sentences("it is gone", "") == "it is gone."
