"""What the screens ask of the agent. The client that speaks to it is made elsewhere (``app/client``)."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any, Protocol


class Commands(Protocol):
    """A connection to the agent of one case."""

    async def call(self, method: str, params: dict[str, Any]) -> Any:
        """The answer of that method; raises :class:`app.faults.Fault`, AgentGone when nobody answers."""
        ...

    async def close(self) -> None:
        """Close the connection. The agent goes on."""
        ...


Connect = Callable[[], Awaitable[Commands]]
"""Opens a connection, starting the agent where none runs; raises :class:`app.faults.Fault`."""
