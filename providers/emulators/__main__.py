"""``python -I -m providers.emulators --scenario DIR [--ready-file F] [--json]``: serves until SIGTERM."""

from __future__ import annotations

import argparse
import asyncio
import json
import logging
import os
import signal
import sys
import tempfile
from pathlib import Path

from providers.emulators.range import DEFAULT_SCENARIO, Range, serve_range
from providers.emulators.scenario.model import ScenarioError


async def serve(scenario: Path, state_dir: Path, ready_file: Path | None, idle_exit: float | None = None) -> None:
    """Serves ``scenario`` until SIGTERM or SIGINT; prints the JSON of a ready range, and writes it to a file."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    async with serve_range(scenario, state_dir) as embedded:
        text = json.dumps(embedded.ready())
        if ready_file is not None:
            _write_whole(ready_file, text + "\n")
        print(text, flush=True)
        idle = asyncio.create_task(_idle(embedded, idle_exit, stop)) if idle_exit else None
        await stop.wait()
        if idle is not None:
            idle.cancel()


async def _idle(embedded: Range, seconds: float, stop: asyncio.Event) -> None:
    """Sets ``stop`` when no call came for that long: clouds that a demo left behind end by themselves."""
    loop = asyncio.get_running_loop()
    seen, since = -1, loop.time()
    while loop.time() - since < seconds:
        state = await asyncio.to_thread(embedded.state)
        calls = sum(call["count"] for call in state["calls"])
        if calls != seen:
            seen, since = calls, loop.time()
        await asyncio.sleep(min(30.0, seconds / 4))
    stop.set()


def _write_whole(path: Path, text: str) -> None:
    """Readers see the whole file or none."""
    descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}-")
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(text)
    Path(name).replace(path)


def main(arguments: list[str] | None = None) -> int:
    """The program; 0 after a stop signal, 2 if the scenario cannot be served, 1 if this machine cannot."""
    parser = argparse.ArgumentParser(prog="python -m providers.emulators", description=__doc__)
    parser.add_argument("--scenario", type=Path, default=DEFAULT_SCENARIO, metavar="DIR")
    parser.add_argument("--ready-file", type=Path, metavar="F")
    parser.add_argument("--state-dir", type=Path, metavar="D")
    parser.add_argument("--idle-exit", type=float, metavar="SECONDS", help="end when no call came for so long")
    parser.add_argument("--json", action="store_true", help="an error as one line of JSON on stdout, too")
    options = parser.parse_args(arguments)
    logging.basicConfig(level=logging.WARNING, stream=sys.stderr, format="%(levelname)s %(message)s")
    try:
        if options.state_dir is not None:
            asyncio.run(
                serve(options.scenario, options.state_dir.resolve(), options.ready_file, options.idle_exit)
            )
        else:
            with tempfile.TemporaryDirectory(prefix="jumpbag-range-") as folder:
                asyncio.run(serve(options.scenario, Path(folder), options.ready_file, options.idle_exit))
    except ScenarioError as error:
        return _failed("usage", 2, error.message, error.next, options.json)
    except OSError as error:
        where = f" {error.filename}" if error.filename else ""
        message = f"{error.strerror or error}{where}"
        return _failed("fault", 1, message, "check the path and its permissions", options.json)
    return 0


def _failed(code: str, status: int, message: str, fix: str, as_json: bool) -> int:
    """An error as the verbs of jumpbag print theirs; the exit status."""
    if as_json:
        print(json.dumps({"error": {"code": code, "message": message, "next": fix}}), flush=True)
    said = f"jumpbag: {message.rstrip('.')}. Next: {fix.rstrip('.')}."
    print("".join(char if char.isprintable() else ascii(char)[1:-1] for char in said), file=sys.stderr)
    return status


if __name__ == "__main__":
    sys.exit(main())
