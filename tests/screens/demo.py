"""The screens on the seeded case: ``python -m tests.screens.demo DIR``.

The commands are answered by a script (see fakes.py); an acquisition moves on so that the screens live.
"""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

import msgspec

from app.case.readmodel import ReadModel
from app.clock import Clock, SystemClock, stamp_us
from app.model.view import AgentFacts, CustodyFacts
from screens.root import Workbench
from tests.screens.fakes import ScriptedCommands
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
    folder = Path(sys.argv[1])
    folder.mkdir(parents=True, exist_ok=True)
    sqlite = folder / "case.sqlite"
    sqlite.unlink(missing_ok=True)
    clock = SystemClock()
    model = seed(sqlite, clock.now())
    commands = ScriptedCommands()

    async def connect() -> ScriptedCommands:
        return commands

    class Living(Workbench):
        def on_mount(self) -> None:
            self.run_worker(live(model, clock))

    living = Living(folder, sqlite, connect, "ex-07")
    said = living.run()
    (folder / "calls.txt").write_text(repr(commands.calls), "utf-8")
    if living.fault_of_its_own:
        raise living.fault_of_its_own
    print(said)


if __name__ == "__main__":
    main()
