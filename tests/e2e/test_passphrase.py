"""A signing key under a passphrase: without it nothing that would have to be recorded is done."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.cloud import Cloud
from tests.e2e.runner import Answer, Case, Jumpbag
from tests.e2e.terminal import Terminal
from tests.e2e.waiting import until

PASSPHRASE = "korrekt horse \u2014 battery"


def told(jumpbag: Jumpbag, passphrase: str, *arguments: str) -> Answer:
    """Run a verb with the passphrase on a pipe of its own."""
    read, write = os.pipe()
    try:
        os.write(write, passphrase.encode() + b"\n")
        os.close(write)
        return jumpbag(*arguments, "--passphrase-fd", str(read), pass_fds=(read,))
    finally:
        os.close(read)


@pytest.fixture(scope="module")
def config(running: Cloud) -> Path:
    return running.configured("locked", signing={"protection": "passphrase"})


@pytest.fixture(scope="module")
def locked(jumpbag: Jumpbag, config: Path) -> Iterator[Case]:
    create = ("case", "create", "IR-8", "--title", "t", "--ticket", "t", "--config", str(config), "--json")
    assert jumpbag(*create).refused(4)["code"] == "signing_locked"
    assert not (jumpbag.cases / "IR-8").exists()
    case = Case(jumpbag, Path(told(jumpbag, PASSPHRASE, *create).ok().json["path"]))
    try:
        yield case
    finally:
        case.put_down()


def test_the_key_is_encrypted_and_the_passphrase_nowhere(locked: Case) -> None:
    home = locked.jumpbag.home
    keys = list((home / ".local" / "share" / "jumpbag" / "keys").glob("*.pem"))
    assert keys and all(b"ENCRYPTED PRIVATE KEY" in key.read_bytes() for key in keys)
    for path in home.rglob("*"):
        if path.is_file():
            assert PASSPHRASE.encode() not in path.read_bytes(), path


def test_without_the_passphrase(locked: Case) -> None:
    locked.stop()
    for verb in ("accounts", "resources", "acquisitions"):
        error = locked.run(verb).refused(4)
        assert error["code"] == "signing_locked" and "passphrase" in error["next"]
    assert locked.run("agent status").ok().json["state"] == "locked"
    assert not locked.events("agent.start")
    for verb in ("custody", "verify", "evidence", "case show"):  # reading needs no key
        locked.run(verb).ok()
    locked.stop()


def test_with_the_wrong_one(locked: Case, jumpbag: Jumpbag) -> None:
    locked.stop()
    for wrong in ("wrong", "", PASSPHRASE + " ", "\udcff"):
        answer = told(
            jumpbag,
            wrong.encode("utf-8", "surrogateescape").decode("latin-1"),
            "accounts",
            str(locked.path),
            "--json",
        )
        assert answer.refused(4)["code"] == "signing_locked", wrong
    locked.run("accounts").refused(4)
    # An agent that runs locked is not opened by a wrong one either.
    assert told(jumpbag, "wrong", "accounts", str(locked.path), "--json").refused(4)
    assert locked.run("agent status").ok().json["state"] == "locked"
    locked.stop()


@pytest.mark.slow
def test_with_the_right_one(locked: Case, jumpbag: Jumpbag) -> None:
    locked.run("accounts").refused(4)  # a locked agent runs now
    agent = locked.agent()
    assert told(jumpbag, PASSPHRASE, "accounts", str(locked.path), "--json").ok().json
    assert locked.agent() == agent
    volume = locked.volumes()["small"]  # unlocked is unlocked: no verb needs it again
    locked.run("acquire", "disk", volume, "--wait").ok()
    assert agent is not None
    for process in (agent, *agent.children()):
        assert PASSPHRASE.encode() not in process.arguments() + process.environment()
    locked.verified()
    locked.kill_agent()
    locked.run("acquisitions").refused(4)
    locked.stop()
    assert told(jumpbag, PASSPHRASE, "acquisitions", str(locked.path), "--json").ok().json[0]["state"] == "done"
    locked.settled()
    locked.stop()


def test_the_screen_asks_for_it(locked: Case, jumpbag: Jumpbag) -> None:
    before = len(locked.events("session.attach"))
    with Terminal(jumpbag, str(locked.path)) as terminal:
        until("it asks", lambda: b"Passphrase" in terminal.drawn, within=20)
        terminal.type(PASSPHRASE + "\r")
        until("the screen is attached", lambda: len(locked.events("session.attach")) > before, within=20)
        terminal.type("q")
        terminal.reap()
    assert PASSPHRASE.encode() not in terminal.drawn, "the passphrase was echoed"
    assert b"Traceback" not in terminal.drawn
    locked.stop()


@pytest.mark.slow
def test_the_screen_with_a_wrong_one(locked: Case, jumpbag: Jumpbag) -> None:
    before = len(locked.events())
    with Terminal(jumpbag, str(locked.path)) as terminal:
        until("it asks", lambda: b"Passphrase" in terminal.drawn, within=20)
        terminal.type("wrong\r")
        until("it says so", lambda: terminal.drawn.lower().count(b"passphrase") > 1, within=20)
        terminal.process.kill()
        terminal.reap()
    assert b"Traceback" not in terminal.drawn
    assert len(locked.events()) == before
    locked.stop()
