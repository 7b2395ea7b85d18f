"""Finding the agent of a case, and starting it where there is none."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import shutil
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any, BinaryIO

from app.case.folder import CaseFolder
from app.client.rpc import AgentClient
from app.faults import AgentGone, from_data
from app.locations import Locations, private_directory

_READY_S = 30.0
_TURNS, _TURN_S = 20, 0.1
_MEND = "mend that and try again; where jumpbag was upgraded meanwhile, leave and open the case again"
# The agent needs to find its files and its way out, and nothing else: no cloud credentials and no
# endpoints from this shell, so that what a case does depends on the case alone.
_KEEP = (
    "HOME", "PATH", "LANG", "LC_ALL", "LC_CTYPE", "TZ", "TERM", "USER", "LOGNAME", "DBUS_SESSION_BUS_ADDRESS",
    "XDG_RUNTIME_DIR", "XDG_DATA_HOME", "XDG_STATE_HOME", "XDG_CONFIG_HOME", "XDG_CACHE_HOME",
    "SSH_CONNECTION", "HTTPS_PROXY", "https_proxy", "NO_PROXY", "no_proxy",
)  # fmt: skip


async def connect(
    case: CaseFolder, locations: Locations, *, start: bool = True, passphrase: str | None = None
) -> AgentClient:
    """A connection to the case's agent. AgentGone if there is none and ``start`` is off or it fails, whatever this
    machine has against it; the agent's own fault if it says one."""
    try:
        client = await _reached(case, locations, start, passphrase)
    except OSError as error:
        raise AgentGone(f"the agent cannot be started: {_cause(error)}", next=_MEND) from error
    except (ValueError, RuntimeError) as error:  # its words are not shown: they could quote a passphrase
        raise AgentGone(f"the agent cannot be started ({type(error).__name__})", next=_MEND) from error
    if passphrase is not None:
        try:
            await client.call("unlock", {"passphrase": passphrase})
        except BaseException:
            await client.close()
            raise
    return client


def _cause(error: OSError) -> str:
    """In one line."""
    said = " ".join((error.strerror or str(error) or type(error).__name__).split())
    return f"{error.filename}: {said}" if error.filename else said


async def _reached(case: CaseFolder, locations: Locations, start: bool, passphrase: str | None) -> AgentClient:
    """The connection, whatever state the signing key is in."""
    socket = locations.socket(case.log)
    loop = asyncio.get_running_loop()
    end = loop.time() + _READY_S
    client = await _reach(socket)
    while client is None:
        if not start:
            raise AgentGone("no agent runs for this case", next="it is started when it is needed")
        if loop.time() > end:
            raise AgentGone("the agent cannot be reached", next="look into its log: `jumpbag info` says where")
        await asyncio.to_thread(private_directory, socket.parent)
        told = await _start(case, locations, passphrase)
        client = await _reach(socket)
        # Another one was quicker and answers in a moment, or one that is just ending still holds the lock.
        for _ in range(_TURNS if told.get("code") == "agent" else 0):
            if client is not None:
                break
            await asyncio.sleep(_TURN_S)
            client = await _reach(socket)
    return client


async def _reach(socket: Path) -> AgentClient | None:
    try:
        return await AgentClient.open(socket)
    except AgentGone:
        return None


async def _start(case: CaseFolder, locations: Locations, passphrase: str | None) -> dict[str, Any]:
    """Start an agent and wait for its first word; {} when it is ready, the fault's data when it is not alone."""
    with contextlib.ExitStack() as ours:
        ready, ready_end = _pipe(ours)
        secret_end, secret = _pipe(ours) if passphrase is not None else (None, None)
        command = [sys.executable, "-I", "-m", "app.agent", "--case", str(case.path)]
        command += ["--ready-fd", str(ready_end.fileno())]
        inherited = [ready_end]
        if secret_end is not None:
            command += ["--passphrase-fd", str(secret_end.fileno())]
            inherited.append(secret_end)
        child = subprocess.Popen(  # noqa: ASYNC220 - returns at once: the child is exec'd, not waited for
            [*_scope(case), *command],
            cwd="/",
            env={name: value for name, value in os.environ.items() if name in _KEEP},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            pass_fds=[end.fileno() for end in inherited],
            start_new_session=True,
        )
        threading.Thread(target=child.wait, daemon=True).start()  # a dead agent is not left a zombie
        for end in inherited:
            end.close()
        if passphrase is not None and secret is not None:
            with contextlib.suppress(BrokenPipeError):  # it ended already: its first word says why
                os.write(secret.fileno(), passphrase.encode())
            secret.close()
        line = await _first_line(ready)
    if not line:
        raise AgentGone("the agent ended while it started", next="look into its log: `jumpbag info` says where")
    message = json.loads(line)
    if not isinstance(message, dict) or not isinstance(error := message.get("error", {}), dict):
        raise ValueError("not what an agent says first")
    if error and error.get("code") != "agent":
        raise from_data(error)
    return error


def _pipe(ours: contextlib.ExitStack) -> tuple[BinaryIO, BinaryIO]:
    """The end to read from and the one to write to, both closed with ``ours``."""
    reading, writing = os.pipe()
    return (
        ours.enter_context(os.fdopen(reading, "rb", buffering=0)),
        ours.enter_context(os.fdopen(writing, "wb", buffering=0)),
    )


async def _first_line(pipe: BinaryIO) -> bytes:
    """The agent's first word, b"" if it ended without one. AgentGone if none comes in time. The event loop reads
    it, since a thread that waits here could not be ended, and leaving would wait for it."""
    reader = asyncio.StreamReader()
    loop = asyncio.get_running_loop()
    transport, _ = await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), pipe)
    try:
        return await asyncio.wait_for(reader.readline(), _READY_S)
    except TimeoutError:
        raise AgentGone("the agent did not start in time", next="look into its log: `jumpbag info`") from None
    finally:
        transport.close()


def _scope(case: CaseFolder) -> list[str]:
    """A user scope of its own where systemd manages the user: it is not part of the login session then."""
    runtime = os.environ.get("XDG_RUNTIME_DIR", "")
    program = shutil.which("systemd-run")
    if not program or not runtime or not Path(runtime, "systemd/private").exists():
        return []
    return [program, "--user", "--scope", "--quiet", "--collect", f"--unit=jumpbag-{case.log}-{os.getpid()}"]
