"""Commands to the agent: JSON-RPC 2.0 over its unix socket."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

from app.faults import AgentGone, Fault, from_data

_LINE_LIMIT = 1 << 24


class AgentClient:
    """One connection. Calls may overlap; each raises the Fault that the agent answered."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer
        self._waiting: dict[int, asyncio.Future[Any]] = {}
        self._number = 0
        self._listener = asyncio.create_task(self._listen())

    @classmethod
    async def open(cls, socket: Path) -> AgentClient:
        """Connect to a running agent; AgentGone if none answers there."""
        try:
            reader, writer = await asyncio.open_unix_connection(str(socket), limit=_LINE_LIMIT)
        except OSError:
            raise AgentGone("no agent runs for this case", next="it is started when it is needed") from None
        return cls(reader, writer)

    async def call(self, method: str, params: dict[str, Any] | None = None) -> Any:
        """The result of a method; its Fault; AgentGone when the connection breaks meanwhile."""
        if self._listener.done():
            raise _gone()
        self._number += 1
        number = self._number
        answer: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        self._waiting[number] = answer
        request = {"jsonrpc": "2.0", "id": number, "method": method, "params": params or {}}
        try:
            self._writer.write(json.dumps(request).encode() + b"\n")
            await self._writer.drain()
        except (ConnectionError, RuntimeError):
            self._waiting.pop(number, None)
            raise _gone() from None
        return await answer

    async def _listen(self) -> None:
        try:
            while line := await self._reader.readline():
                message = json.loads(line)
                answer = self._waiting.pop(message.get("id"), None)
                if answer is None or answer.done():
                    continue
                error = message.get("error")
                if error is None:
                    answer.set_result(message.get("result"))
                else:
                    data = error.get("data")
                    answer.set_exception(from_data(data) if data else Fault(str(error.get("message"))))
        except (ConnectionError, ValueError):
            pass
        for answer in self._waiting.values():
            if not answer.done():
                answer.set_exception(_gone())
        self._waiting.clear()

    async def ended(self) -> None:
        """Returns when the agent has closed the connection."""
        await asyncio.wait({self._listener})

    async def close(self) -> None:
        """Drop the connection; the agent goes on."""
        self._writer.close()
        self._listener.cancel()
        await asyncio.gather(self._listener, return_exceptions=True)


def _gone() -> AgentGone:
    return AgentGone("the agent went away", next="run the command again: it is started anew and goes on")
