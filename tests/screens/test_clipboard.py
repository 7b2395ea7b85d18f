"""Copying: the bytes that the terminal gets, the page, the file, and what is said when one of them fails."""

from __future__ import annotations

import base64
import os
import re
import stat
import sys
from pathlib import Path

import pytest

from screens import clipboard
from screens.root import Workbench
from tests.screens.conftest import Desk, OpenDesk
from tests.screens.fakes import FixedClock, ScriptedCommands
from tests.screens.hostile import ATTACKS, RAW
from tests.screens.seed import seed
from tests.screens.terminal import Terminal

OSC_52 = re.compile(rb"\x1b\]52;c;([^\x07\x1b]*)\x07")
DIGEST = "3fa9" * 16
VALUES = {"digest": DIGEST, "hostile": ATTACKS[0] + ATTACKS[4] + ATTACKS[5], "long": "a" * 5000}


async def copied(d: Desk, value: str) -> None:
    clipboard.copy(d.app, value, "a value")
    await d.until(lambda: d.screen_name == "CopiedScreen", "the page")
    await d.settled()


async def test_what_is_not_plain_is_made_harmless(desk: OpenDesk) -> None:
    async with desk() as d:
        for attack in ATTACKS:
            await copied(d, attack)
            kept = clipboard.saved_in().read_text("utf-8").removesuffix("\n")
            assert kept.isprintable() and not any(raw in kept for raw in RAW)
            assert not any(raw in d.text for raw in RAW)
            if len(kept.encode()) <= clipboard.CAP_BYTES:
                assert d.app.clipboard == kept
            await d.press("escape")


async def test_a_long_value_is_shown_and_saved_but_not_sent(desk: OpenDesk) -> None:
    async with desk(size=(80, 24)) as d:
        await copied(d, VALUES["long"])
        assert d.app.clipboard == ""
        await d.press("G")
        assert "Not sent to the clipboard" in d.text
        assert clipboard.saved_in().read_text() == VALUES["long"] + "\n"


async def test_each_copy_replaces_the_one_before(desk: OpenDesk) -> None:
    async with desk() as d:
        await copied(d, VALUES["long"])
        await d.press("escape")
        await copied(d, DIGEST)
        assert clipboard.saved_in().read_text() == DIGEST + "\n"


async def test_a_file_that_cannot_be_written_is_said(desk: OpenDesk) -> None:
    clipboard.saved_in().mkdir(parents=True)
    async with desk() as d:
        await copied(d, DIGEST)
        assert "It could not be saved" in d.text and DIGEST in d.text
        assert d.app.clipboard == DIGEST


@pytest.mark.parametrize("kind", ["link", "hard link", "fifo", "file that all may read"])
async def test_what_stands_in_its_place_is_replaced_and_never_opened(
    desk: OpenDesk, tmp_path: Path, kind: str
) -> None:
    other, place = tmp_path / "other.txt", clipboard.saved_in()
    other.write_text("mine")
    place.parent.mkdir(parents=True)
    if kind == "link":
        place.symlink_to(other)
    elif kind == "hard link":
        place.hardlink_to(other)
    elif kind == "fifo":
        os.mkfifo(place)
    else:
        place.write_text("before")
        place.chmod(0o644)
    async with desk() as d:
        await copied(d, DIGEST)
        assert "It could not be saved" not in d.text
    about = place.lstat()
    assert stat.S_ISREG(about.st_mode) and stat.S_IMODE(about.st_mode) == 0o600 and about.st_nlink == 1
    assert place.read_text() == DIGEST + "\n" and other.read_text() == "mine"
    assert [path.name for path in place.parent.iterdir() if path.suffix == ".tmp"] == []


async def test_tmux_is_told_how(desk: OpenDesk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TMUX", "/tmp/tmux-1000/default,1,0")
    async with desk(size=(80, 24)) as d:
        await copied(d, DIGEST)
        assert "set-clipboard on" in d.text
    monkeypatch.delenv("TMUX")
    async with desk(size=(80, 24)) as d:
        await copied(d, DIGEST)
        assert "set-clipboard" not in d.text


@pytest.mark.parametrize("which", VALUES)
def test_the_terminal_gets_one_sequence_that_holds_the_value(tmp_path: Path, which: str) -> None:
    terminal = Terminal(
        "tests.screens.test_clipboard", str(tmp_path), which, env={"XDG_STATE_HOME": str(tmp_path / "state")}
    )
    try:
        terminal.read_until("a value")
        terminal.read_quiet(0.2)
        terminal.send("q")
        assert terminal.wait(20) == 0
    finally:
        terminal.close()
    sent = [base64.b64decode(found) for found in OSC_52.findall(terminal.written)]
    if which == "long":
        assert sent == []
    else:
        saved = (tmp_path / "state" / "jumpbag" / "copied.txt").read_bytes().removesuffix(b"\n")
        assert sent == [saved] and saved.decode().isprintable()
    if which == "digest":
        assert sent == [DIGEST.encode()]
    rest = OSC_52.sub(b"", terminal.written)
    assert b"\x1b]52" not in rest


def main() -> None:
    """The screens on the seeded case; a value is copied once they stand."""
    folder, which = Path(sys.argv[1]), sys.argv[2]
    seed(folder / "case.sqlite").close()
    commands = ScriptedCommands()

    async def connect() -> ScriptedCommands:
        return commands

    class Copying(Workbench):
        def on_mount(self) -> None:
            clipboard.copy(self, VALUES[which], "a value")

    bench = Copying(folder, folder / "case.sqlite", connect, "ex-07", clock=FixedClock())
    bench.run()
    if bench.fault_of_its_own:
        raise bench.fault_of_its_own


if __name__ == "__main__":
    main()
