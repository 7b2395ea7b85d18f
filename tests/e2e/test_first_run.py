"""From nothing to an open case on one terminal: the form, the fingerprint, the screens; nothing is asked twice."""

from __future__ import annotations

import re

from tests.e2e.cloud import Cloud
from tests.e2e.runner import Case, Jumpbag
from tests.e2e.terminal import Terminal
from tests.e2e.waiting import until

PASSPHRASE = "korrekt horse — battery"


def test_a_case_is_made_and_opened(jumpbag: Jumpbag, running: Cloud) -> None:
    config = running.configured("first", signing={"protection": "passphrase"})
    path = jumpbag.cases / "IR-1"
    case = Case(jumpbag, path)
    try:
        with Terminal(jumpbag) as terminal:
            until("there is no case yet", lambda: b"try it" in terminal.drawn, within=20)
            terminal.type("n")
            until("the form is there", lambda: b"Once more" in terminal.drawn, within=20)
            terminal.type(f"IR-1\rWeb shell\rSEC-1\r{config}\r\r{PASSPHRASE}\r{PASSPHRASE}\r\t\r")
            until("it is made", lambda: b"Note this fingerprint" in terminal.drawn, within=30)
            told = re.search(rb"[0-9a-f]{64}", terminal.drawn)
            assert told is not None
            terminal.type("\t\t\r")
            until("the screen is attached", lambda: case.events("session.attach"), within=30)
            terminal.type("q")
            terminal.reap()
        assert PASSPHRASE.encode() not in terminal.drawn and b"Passphrase for" not in terminal.drawn
        assert jumpbag("verify", str(path), "--key", told[0].decode(), "--json").ok().json["trust"] == "pinned"
        assert case.run("case show").ok().json["ticket"] == "SEC-1"
    finally:
        case.put_down()
