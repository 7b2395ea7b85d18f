"""Finding the agent of a case, and starting it where there is none."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

from app.case.folder import CaseFolder
from app.client.rpc import AgentClient
from app.faults import AgentGone, Fault, from_data
from app.locations import Locations, private_directory

_READY_S = 30.0
_TURNS, _TURN_S = 20, 0.1
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
    """A connection to the case's agent. AgentGone if there is none and ``start`` is off or it fails."""
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
    if passphrase is not None:
        try:
            await client.call("unlock", {"passphrase": passphrase})
        except Fault:
            await client.close()
            raise
    return client


async def _reach(socket: Path) -> AgentClient | None:
    try:
        return await AgentClient.open(socket)
    except AgentGone:
        return None


async def _start(case: CaseFolder, locations: Locations, passphrase: str | None) -> dict[str, Any]:
    """Start an agent and wait for its first word; {} when it is ready, the fault's data when it is not alone."""
    ready_read, ready_write = os.pipe()
    secret_read, secret_write = os.pipe() if passphrase is not None else (-1, -1)
    command = [sys.executable, "-I", "-m", "app.agent", "--case", str(case.path), "--ready-fd", str(ready_write)]
    inherited = [ready_write]
    if passphrase is not None:
        command += ["--passphrase-fd", str(secret_read)]
        inherited.append(secret_read)
    try:
        child = subprocess.Popen(  # noqa: ASYNC220 - returns at once: the child is exec'd, not waited for
            [*_scope(case), *command],
            cwd="/",
            env={name: value for name, value in os.environ.items() if name in _KEEP},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            pass_fds=inherited,
            start_new_session=True,
        )
        threading.Thread(target=child.wait, daemon=True).start()  # a dead agent is not left a zombie
    finally:
        for descriptor in inherited:
            os.close(descriptor)
    if passphrase is not None:
        with os.fdopen(secret_write, "w", encoding="utf-8") as stream:
            stream.write(passphrase)
    try:
        line = await asyncio.wait_for(asyncio.to_thread(_first_line, ready_read), _READY_S)
    except TimeoutError:
        raise AgentGone("the agent did not start in time", next="look into its log: `jumpbag info`") from None
    if not line:
        raise AgentGone("the agent ended while it started", next="look into its log: `jumpbag info` says where")
    message = json.loads(line)
    if "error" in message:
        fault = from_data(message["error"])
        if fault.code != "agent":
            raise fault
        return dict(message["error"])
    return {}


def _first_line(descriptor: int) -> str:
    with os.fdopen(descriptor, "r", encoding="utf-8") as stream:
        return stream.readline()


def _scope(case: CaseFolder) -> list[str]:
    """A user scope of its own where systemd manages the user: it is not part of the login session then."""
    runtime = os.environ.get("XDG_RUNTIME_DIR", "")
    program = shutil.which("systemd-run")
    if not program or not runtime or not Path(runtime, "systemd/private").exists():
        return []
    return [program, "--user", "--scope", "--quiet", "--collect", f"--unit=jumpbag-{case.log}-{os.getpid()}"]
