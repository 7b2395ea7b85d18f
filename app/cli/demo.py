"""``jumpbag demo`` and ``jumpbag range serve``: embedded clouds beside the product, reached like real ones."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from app.case.create import create
from app.case.folder import CaseFolder, listing
from app.cli.output import emit, fields, say
from app.cli.session import Session
from app.faults import Fault, Usage
from app.locations import private_directory

_READY_S = 60.0


def serve(session: Session, module: str) -> int:
    """Become the embedded clouds of a scenario, until SIGTERM."""
    options = session.options
    scenario = _pack(options.scenario)
    command = [sys.executable, "-I", "-m", module, "--scenario", str(scenario)]
    if session.json:
        command.append("--json")
    if options.ready_file:
        command += ["--ready-file", str(Path(options.ready_file).expanduser().resolve())]
    sys.stdout.flush()
    os.execv(sys.executable, command)  # noqa: S606 - signals then reach the clouds themselves


def demo(
    session: Session, module: str, shipped: Path, open_ui: Callable[[CaseFolder, Session, str | None], int]
) -> int:
    """Embedded clouds, a case on them, the UI. Run again while they are up, it opens the same case."""
    options = session.options
    scenario = _pack(options.scenario) if options.scenario else shipped
    home = Path(options.dir).expanduser().resolve() if options.dir else session.locations.state / "demo"
    private_directory(home)
    if options.end:
        return _end(session, home)
    if not options.no_ui and not sys.stdout.isatty():
        raise Usage("the UI needs a terminal", next="run it in one, or give --no-ui")
    ready = _running(home)
    fresh = ready is None
    if ready is None:
        say("Starting the embedded clouds …")
        ready = _start(home, scenario, module, hosted=options.no_ui)
    elif ready.get("scenario") != str(scenario):
        raise Usage(f"the clouds in {home} serve another scenario", next="give another --dir, or end those first")
    case = (None if fresh else _newest(home)) or _new_case(session, home, Path(ready["config"]))
    told = {
        "case": str(case.path),
        "config": ready["config"],
        "endpoints": ready["endpoints"],
        "pid": ready["pid"],
    }
    if options.no_ui:

        def announce() -> None:
            if session.json:
                emit(told)
            else:
                fields([("case", told["case"]), ("config", told["config"]), ("clouds", told["pid"])])
                say(
                    "Waiting; Ctrl+C "
                    + ("ends the clouds." if fresh else "leaves the clouds up, as they were before.")
                )
            sys.stdout.flush()  # a program that reads the document need not wait for the end

        return _until_interrupted(ready["pid"], fresh, announce)
    code = open_ui(case, session, "make demo" if os.environ.get("MAKELEVEL") else "jumpbag demo")
    _leave(case, session, None if ready.get("hosted") else ready["pid"])
    return code


def _pack(path: str) -> Path:
    scenario = Path(path).expanduser().resolve()
    if not (scenario / "scenario.toml").exists():
        raise Usage(f"no scenario.toml in {scenario}", next="name the directory of a scenario pack")
    return scenario


def _running(home: Path) -> dict[str, Any] | None:
    """The clouds that an earlier demo left running, if they still do."""
    try:
        ready: dict[str, Any] = json.loads((home / "ready.json").read_text("utf-8"))
        line = Path(f"/proc/{int(ready['pid'])}/cmdline").read_bytes()
    except (OSError, ValueError, KeyError):
        return None
    return ready if os.fsencode(str(home / "clouds")) in line.split(b"\0") else None


def _start(home: Path, scenario: Path, module: str, *, hosted: bool) -> dict[str, Any]:
    """``hosted``: a `demo --no-ui` waits beside these clouds and ends them itself."""
    ready_file = home / "ready.json"
    ready_file.unlink(missing_ok=True)
    problems = home / "clouds.log"
    command = [
        sys.executable,
        "-I",
        "-m",
        module,
        "--json",
        "--scenario",
        str(scenario),
        "--ready-file",
        str(ready_file),
        "--state-dir",
        str(home / "clouds"),
        "--idle-exit",
        "3600",
    ]
    with problems.open("wb") as log:
        child = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True)
    end = time.monotonic() + _READY_S
    while not ready_file.exists():
        if child.poll() is not None or time.monotonic() > end:
            with contextlib.suppress(ProcessLookupError):
                child.kill()
            raise _why(problems)
        time.sleep(0.05)
    ready: dict[str, Any] = json.loads(ready_file.read_text("utf-8"))
    ready |= {"scenario": str(scenario), "hosted": hosted}
    ready_file.write_text(json.dumps(ready), "utf-8")
    return ready


def _why(problems: Path) -> Fault:
    """What the clouds said before they ended: the one line of JSON among their messages."""
    for line in reversed(problems.read_text("utf-8", "replace").splitlines()):
        try:
            error = json.loads(line)["error"]
            kind = Usage if error["code"] == Usage.code else Fault
            return kind(str(error["message"]), next=str(error["next"]))
        except (ValueError, KeyError, TypeError):
            continue
    return Fault("the embedded clouds did not start", next=f"see {problems}")


def _number(case: CaseFolder) -> int:
    tail = case.id.rpartition("-")[2]
    return int(tail) if tail.isdecimal() else 0


def _newest(home: Path) -> CaseFolder | None:
    return max(listing(home / "cases"), key=_number, default=None)


def _new_case(session: Session, home: Path, config: Path) -> CaseFolder:
    """A case for new clouds: an earlier one knows old endpoints."""
    cases = home / "cases"
    earlier = _newest(home)
    if earlier is not None:
        say(f"The clouds of {earlier.id} have ended; it stays in {cases}. This is a new case on new clouds.")
    made = create(
        f"IR-{max(41, _number(earlier) if earlier else 0) + 1}",
        title="Demo: a web shell on web-01",
        ticket="DEMO-1",
        config_file=config,
        evidence_dir=None,
        cases=cases,
        locations=session.locations,
    )
    return made.case


def _until_interrupted(pid: int, ours: bool, announce: Callable[[], None]) -> int:
    """Announce, and wait; at the end, stop the clouds if it was this call that started them."""

    def stop(*_: object) -> None:
        raise KeyboardInterrupt

    signal.signal(signal.SIGTERM, stop)
    try:
        announce()  # in here: who reads it may interrupt at once
        while Path(f"/proc/{pid}").exists():
            time.sleep(0.3)
    except KeyboardInterrupt:
        if ours:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGTERM)
    return 0


def _leave(case: CaseFolder, session: Session, pid: int | None) -> None:
    """Where nothing was begun, nothing stays: neither agent nor clouds (``pid``; None if others host them)."""
    from app.client.launch import connect
    from app.faults import AgentGone

    async def ask() -> int:
        try:
            client = await connect(case, session.locations, start=False)
        except AgentGone:
            return 0
        try:
            told = await client.call("status")
            wanted = int(told["running"]) + _begun(case)
            if wanted == 0:
                await client.call("stop", session.spoken())
                await client.ended()
            return wanted
        finally:
            await client.close()

    import asyncio

    try:
        wanted = asyncio.run(ask())
    except Fault:
        wanted = 1
    if wanted == 0 and pid is not None:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGTERM)
        say("Nothing was begun here, so the embedded clouds have ended too: that will be a new case.")
    elif wanted:
        say("The embedded clouds stay up for it, an hour without a call at most; `jumpbag demo --end` ends them.")


def _begun(case: CaseFolder) -> int:
    """How much of the case is worth coming back to: its acquisitions, and playbooks that were started."""
    from app.client.feed import Feed

    feed = Feed(case.read_model)
    feed.poll()
    try:
        return len(feed.snapshot.acquisitions) + len(feed.snapshot.guides)
    finally:
        feed.close()


def _end(session: Session, home: Path) -> int:
    """Stop the demo's agent and its clouds; the case and its evidence stay where they are."""
    from app.client.launch import connect
    from app.faults import AgentGone

    case, ready = _newest(home), _running(home)

    async def stop() -> None:
        if case is None:
            return
        try:
            client = await connect(case, session.locations, start=False)
        except AgentGone:
            return
        try:
            await client.call("stop", session.spoken())
            await client.ended()
        finally:
            await client.close()

    import asyncio

    asyncio.run(stop())
    if ready is not None:
        with contextlib.suppress(ProcessLookupError):
            os.kill(int(ready["pid"]), signal.SIGTERM)
    told = {"ended": ready is not None, "case": str(case.path) if case else None}
    if session.json:
        emit(told)
    else:
        kept = f" Its case stays: {case.path}" if case else ""
        say(("The demo has ended." if ready is not None else "No demo runs.") + kept)
    return 0
