"""Starting an agent where this machine stands in the way: one fault, with its cause, and nothing left behind."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import os
import signal
import sys
import tempfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from app.case.create import create
from app.case.folder import CaseFolder
from app.client.launch import connect
from app.faults import AgentGone
from app.locations import Locations

_PYTHON = sys.executable


@pytest.fixture
def home(tmp_path: Path) -> Locations:
    return Locations({"HOME": str(tmp_path)})


@pytest.fixture
def case(home: Locations, tmp_path: Path) -> CaseFolder:
    config = tmp_path / "config.toml"
    config.write_text('[signing]\nprotection = "file"\n[examiner]\nid = "ex-07"\n', "utf-8")
    made = create(
        *("IR-7",),
        title="t",
        ticket="T-1",
        config_file=config,
        evidence_dir=None,
        cases=tmp_path / "cases",
        locations=home,
    )
    return made.case


@pytest.fixture(autouse=True)
def nothing_left_open() -> Iterator[None]:
    gc.collect()  # what earlier tests left is not ours
    before = set(Path("/proc/self/fd").iterdir())
    yield
    assert set(Path("/proc/self/fd").iterdir()) == before


def instead(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, program: str) -> None:
    """A program of our own where the agent's should be; ``ready`` is the descriptor that it reports to."""
    script = tmp_path / "python"
    script.write_text(f"#!{_PYTHON} -I\nimport os, signal, sys\nready = int(sys.argv[7])\n{program}\n", "utf-8")
    script.chmod(0o700)
    monkeypatch.setattr(sys, "executable", str(script))


async def test_no_place_for_the_socket(case: CaseFolder, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """As when the last login has ended, and the directory that it had for this has gone with it."""
    instead(monkeypatch, tmp_path, "")
    with tempfile.TemporaryDirectory(prefix="jb", dir="/tmp") as short:  # longer ones are put elsewhere
        (taken := Path(short, "run")).write_text("a file")
        with pytest.raises(AgentGone, match=f"the agent cannot be started: {taken}.*: Not a directory") as caught:
            await connect(case, Locations({"HOME": str(tmp_path), "XDG_RUNTIME_DIR": str(taken)}))
    assert caught.value.next and "\n" not in caught.value.message


async def test_no_program_to_start(case: CaseFolder, home: Locations, monkeypatch: pytest.MonkeyPatch) -> None:
    """As after an upgrade that put another environment in the place of this one."""
    monkeypatch.setattr(sys, "executable", "/nowhere/python")
    for passphrase in (None, "horse"):
        with pytest.raises(AgentGone, match="/nowhere/python: No such file or directory"):
            await connect(case, home, passphrase=passphrase)


async def test_an_agent_that_ends_before_it_takes_the_passphrase(
    case: CaseFolder, home: Locations, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    instead(monkeypatch, tmp_path, "")
    with pytest.raises(AgentGone, match="the agent ended while it started"):
        await connect(case, home, passphrase="horse" * 100_000)  # more than the pipe holds: it must be read


@pytest.mark.parametrize("word", ["b'nonsense'", "b'[]'", "b'[' * 60_000", "b'\\xff'", "b'x' * 200_000"])
async def test_an_agent_whose_first_word_is_none(
    case: CaseFolder, home: Locations, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, word: str
) -> None:
    instead(monkeypatch, tmp_path, f"os.write(ready, {word} + b'\\n')")
    with pytest.raises(AgentGone, match=r"the agent cannot be started \([A-Za-z]+\)"):
        await connect(case, home)


async def test_whoever_leaves_does_not_wait_for_an_agent_that_says_nothing(
    case: CaseFolder, home: Locations, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    up, alone = tmp_path / "up", ThreadPoolExecutor(max_workers=1)
    instead(monkeypatch, tmp_path, f"os.mkfifo({str(up)!r}); os.write(ready, b'wait'); signal.pause()")
    asyncio.get_running_loop().set_default_executor(alone)
    connecting = asyncio.create_task(connect(case, home))
    try:
        async with asyncio.timeout(30):
            while not up.exists():  # noqa: ASYNC110 - another process makes it
                await asyncio.sleep(0.01)
        connecting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await connecting
        assert await asyncio.wait_for(asyncio.to_thread(os.getpid), 10) == os.getpid()
    finally:
        for process in Path("/proc").iterdir():
            with contextlib.suppress(OSError):
                if process.name.isdigit() and str(tmp_path / "python") in (process / "cmdline").read_text():
                    os.kill(int(process.name), signal.SIGKILL)
