"""``python -I -m app.agent --case DIR``: started by the UI or a verb, never by hand."""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import signal
import sys
from pathlib import Path
from typing import Any

from app.agent import process
from app.case import folder
from app.clock import SystemClock
from app.faults import Fault, SigningLocked
from app.locations import Locations, private_directory


def main() -> int:
    """Run until told to stop, idle for too long, or too old. Readiness goes to ``--ready-fd`` as one line."""
    parser = argparse.ArgumentParser(prog="jumpbag-agent")
    parser.add_argument("--case", type=Path, required=True)
    parser.add_argument("--ready-fd", type=int, required=True)
    parser.add_argument("--passphrase-fd", type=int)
    options = parser.parse_args()
    process.harden()
    passphrase = _read_passphrase(options.passphrase_fd)
    try:
        return asyncio.run(_serve(options.case, options.ready_fd, passphrase))
    except Fault as fault:
        _tell(options.ready_fd, {"error": fault.data()})
        return fault.exit
    except OSError as error:
        unusable = Fault(f"the agent cannot start: {error}", next="check the case directory and its permissions")
        _tell(options.ready_fd, {"error": unusable.data()})
        return 2


async def _serve(path: Path, ready_fd: int, passphrase: str | None) -> int:
    locations = Locations()
    case = folder.read(path)
    runtime = private_directory(locations.socket(case.log).parent)
    lock = process.alone(runtime / f"{locations.socket(case.log).stem}.lock")
    process.log_to(private_directory(locations.state) / f"agent-{case.log}.log")
    # After the lock: a second agent must not pay, nor load, any of this.
    from app.agent.case_agent import CaseAgent
    from app.agent.methods import methods
    from app.agent.server import Server

    agent = CaseAgent(case, locations, SystemClock())
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, agent.done.set)
    signal.signal(signal.SIGHUP, signal.SIG_IGN)  # the terminal may go; the agent stays
    try:
        await agent.unlock(passphrase)
    except SigningLocked:
        if passphrase is not None:
            raise
    handlers, left = methods(agent)
    server = Server(locations.socket(case.log), handlers, left)
    await server.open()
    _tell(ready_fd, {"ready": agent.status()})
    await agent.done.wait()
    agent.window.shut()  # nothing is approved any more, whatever is still under way
    agent.verifying.stop()  # who waits for it is told before the connections go
    await server.close()
    await agent.close()
    os.close(lock)
    sys.stdout.flush()
    os._exit(0)  # threads of libraries must not keep a stopped agent alive


def _read_passphrase(descriptor: int | None) -> str | None:
    if descriptor is None:
        return None
    with os.fdopen(descriptor, "r", encoding="utf-8") as stream:
        return stream.read().rstrip("\n")


def _tell(descriptor: int, message: dict[str, Any]) -> None:
    try:
        os.write(descriptor, json.dumps(message).encode() + b"\n")
        os.close(descriptor)
    except OSError:
        pass  # nobody waits any more


if __name__ == "__main__":
    sys.exit(main())
