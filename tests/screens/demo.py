"""The screens on the seeded case: ``python -m tests.screens.demo DIR [--still] [options of the screens]``.

The commands are answered by a script (see fakes.py); an acquisition moves on so that the screens live, unless they
are to stand still: then the clock does too.
"""

from __future__ import annotations

import argparse
import asyncio
import os
from pathlib import Path

import msgspec

from app.case.readmodel import ReadModel
from app.clock import Clock, SystemClock, stamp_us
from app.model.view import AgentFacts, CustodyFacts
from app.ui_options import add_flags, given, resolve
from screens.root import Workbench
from tests.screens.fakes import FixedClock, ScriptedCommands
from tests.screens.seed import GIB, acquisitions, add_events, seed


async def live(model: ReadModel, clock: Clock) -> None:
    """Move A-0007 on and keep the heartbeat, as an agent would."""
    done, line = int(5.04 * GIB), 214
    while True:
        await asyncio.sleep(1)
        now = clock.now()
        done = min(8 * GIB, done + 12 * 1024**2)
        line += 1
        running = next(one for one in acquisitions(now) if one.id == "A-0007")
        with model.batch():
            model.acquisition(
                msgspec.structs.replace(running, bytes_done=done, eta_s=(8 * GIB - done) // (12 * 1024**2))
            )
            model.fact("agent", AgentFacts(pid=4242, state="detached", beat=stamp_us(now)))
            model.fact("custody", CustodyFacts(events=line, lines=line, checkpointed_to=200))
        add_events(model, line, line, now)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("folder", type=Path)
    parser.add_argument("--still", action="store_true")
    add_flags(parser)
    asked = parser.parse_args()
    folder: Path = asked.folder
    options = resolve(folder / "ui.toml", os.environ, given(asked)).options
    folder.mkdir(parents=True, exist_ok=True)
    sqlite = folder / "case.sqlite"
    sqlite.unlink(missing_ok=True)
    clock: Clock = FixedClock() if asked.still else SystemClock()
    model = seed(sqlite, clock.now())
    commands = ScriptedCommands()

    async def connect() -> ScriptedCommands:
        return commands

    class Living(Workbench):
        def on_mount(self) -> None:
            if not asked.still:
                self.run_worker(live(model, clock))

    living = Living(folder, sqlite, connect, "ex-07", clock=clock, options=options)
    said = living.run(mouse=options.mouse)
    (folder / "calls.txt").write_text(repr(commands.calls), "utf-8")
    if living.fault_of_its_own:
        raise living.fault_of_its_own
    print(said)


if __name__ == "__main__":
    main()
