"""JSON-RPC 2.0 over a unix socket: one JSON object a line, mode 0600, peers of the same user only."""

from __future__ import annotations

import asyncio
import json
import logging
import os
import socket
import struct
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from app.faults import Fault, Usage

log = logging.getLogger("jumpbag.server")

Handler = Callable[["Peer", dict[str, Any]], Awaitable[Any]]
_LINE_LIMIT = 1 << 20


class Peer:
    """One connection; ``examiner`` is set while it is attached as a user interface.

    ``detached``: it was attached, and has not attached again since. ``gone``: it is closed; a request that came
    before may still be under way.
    """

    def __init__(self, uid: int, pid: int) -> None:
        self.uid = uid
        self.pid = pid
        self.examiner: str | None = None
        self.attached = False
        self.detached = False
        self.gone = False
        self.ssh_client: str | None = None


class Server:
    """Serves until closed. Requests of one connection may be answered out of order."""

    def __init__(self, path: Path, methods: dict[str, Handler], gone: Callable[[Peer], None]) -> None:
        self._path = path
        self._methods = methods
        self._gone = gone
        self._server: asyncio.Server | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self._writers: set[asyncio.StreamWriter] = set()
        self.connections = 0

    async def open(self) -> None:
        self._path.unlink(missing_ok=True)
        old = os.umask(0o177)
        try:
            self._server = await asyncio.start_unix_server(self._serve, path=self._path, limit=_LINE_LIMIT)
        finally:
            os.umask(old)

    async def close(self) -> None:
        """Stop listening, let answers that are under way leave, drop the connections."""
        if self._server is not None:
            self._server.close()
        self._path.unlink(missing_ok=True)
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=2.0)
        for writer in list(self._writers):
            writer.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        peer = _peer(writer)
        if peer.uid != os.getuid():
            writer.close()
            return
        self.connections += 1
        self._writers.add(writer)
        try:
            while True:
                try:
                    line = await reader.readline()
                except (ValueError, asyncio.LimitOverrunError):
                    break  # a line longer than any command
                if not line:
                    break
                task = asyncio.create_task(self._answer(peer, line, writer))
                self._tasks.add(task)
                task.add_done_callback(self._tasks.discard)
        except ConnectionError:
            pass
        finally:
            self.connections -= 1
            self._writers.discard(writer)
            writer.close()
            peer.gone = True
            self._gone(peer)

    async def _answer(self, peer: Peer, line: bytes, writer: asyncio.StreamWriter) -> None:
        request_id: Any = None
        try:
            request = _read(line)
            if not isinstance(request, dict) or not isinstance(request.get("params", {}), dict):
                raise Usage("not a JSON-RPC 2.0 request")
            request_id = request.get("id")
            if not _is_text(request):
                raise Usage("a text in it is not Unicode", next="leave out what is no character")
            handler = self._methods.get(str(request.get("method")))
            if handler is None:
                raise Usage("no such method", next="the agent may be older than this program: stop it first")
            answer: dict[str, Any] = {"result": await handler(peer, request.get("params", {}))}
        except Fault as fault:
            answer = {"error": {"code": -32000, "message": fault.message, "data": fault.data()}}
        except _NotJSON:
            answer = {"error": {"code": -32700, "message": "not JSON"}}
        except Exception as error:
            log.exception("in a command")
            broken = Fault(
                f"an error inside the agent ({type(error).__name__})", next="see the agent's log: jumpbag info"
            )
            answer = {"error": {"code": -32603, "message": broken.message, "data": broken.data()}}
        try:
            writer.write(json.dumps({"jsonrpc": "2.0", "id": request_id, **answer}).encode() + b"\n")
            await writer.drain()
        except ConnectionError:
            pass


class _NotJSON(Exception):
    """What came is not a JSON document."""


def _read(line: bytes) -> Any:
    try:
        return json.loads(line)
    except (ValueError, RecursionError):
        raise _NotJSON from None


def _is_text(request: dict[str, Any]) -> bool:
    """Whether every string in it can be written as UTF-8: JSON can escape half of a surrogate pair alone, and the
    log, which is canonical JSON, could not hold that."""
    try:
        json.dumps(request, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        return False
    return True


def _peer(writer: asyncio.StreamWriter) -> Peer:
    raw = writer.get_extra_info("socket").getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, struct.calcsize("3i"))
    pid, uid, _ = struct.unpack("3i", raw)
    return Peer(uid, pid)
