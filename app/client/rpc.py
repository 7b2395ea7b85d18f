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
        self._closed = False
        self._listener = asyncio.create_task(self._listen())
        self._listener.add_done_callback(self._ended)

    @classmethod
    async def open(cls, socket: Path) -> AgentClient:
        """Connect to a running agent; AgentGone if none answers there."""
        try:
            reader, writer = await asyncio.open_unix_connection(str(socket), limit=_LINE_LIMIT)
        except OSError:
            raise AgentGone("no agent runs for this case", next="it is started when it is needed") from None
        return cls(reader, writer)

    async def call(self, method: str, params: dict[str, Any] | None = None) -> Any:
        """The result of a method; its Fault; AgentGone when the connection is closed, or breaks meanwhile."""
        if self._closed or self._listener.done():
            raise _gone()
        self._number += 1
        number = self._number
        answer: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        self._waiting[number] = answer
        request = {"jsonrpc": "2.0", "id": number, "method": method, "params": params or {}}
        try:
            self._writer.write(json.dumps(request).encode() + b"\n")
            return await answer
        finally:  # also when whoever called gave up
            self._waiting.pop(number, None)

    async def _listen(self) -> None:
        """Until the agent closes the connection, or says something that cannot be read: then it is gone."""
        try:
            while line := await self._reader.readline():
                self._heard(line)
        except (OSError, ValueError, RecursionError):
            pass
        finally:
            self._writer.close()

    def _heard(self, line: bytes) -> None:
        """One answer. ValueError or RecursionError if it is none."""
        message = json.loads(line)
        if not isinstance(message, dict):
            raise ValueError("not an object")
        number, error = message.get("id"), message.get("error")
        if not isinstance(number, int):
            raise ValueError("an answer to nothing that was asked")
        answer = self._waiting.get(number)
        if answer is None or answer.done():
            return  # nobody waits for it any more
        if error is None:
            answer.set_result(message.get("result"))
        elif not isinstance(error, dict):
            raise ValueError("not an error of JSON-RPC")
        else:
            data = error.get("data")
            if isinstance(data, dict) and data:
                answer.set_exception(from_data(data))
            else:
                answer.set_exception(Fault(str(error.get("message"))))

    def _ended(self, _: asyncio.Task[None]) -> None:
        """The listener is over, in whatever way: nobody waits for an answer that cannot come."""
        for answer in self._waiting.values():
            if not answer.done():
                answer.set_exception(_gone())

    async def ended(self) -> None:
        """Returns when the agent has closed the connection."""
        await asyncio.wait({self._listener})

    async def close(self) -> None:
        """Drop the connection, and every call that is under way; the agent goes on."""
        self._closed = True
        self._writer.close()
        self._listener.cancel()
        await asyncio.gather(self._listener, return_exceptions=True)


def _gone() -> AgentGone:
    return AgentGone("the agent went away", next="run the command again: it is started anew and goes on")
